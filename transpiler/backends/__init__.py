"""From IR to source text (NumPy, CPU loops, CUDA) and from source text to a callable."""
