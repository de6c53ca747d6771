"""NumPy and SciPy functions written as compositions of primitives, in ordinary Python."""
