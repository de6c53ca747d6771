"""From a Python function to IR: source, positions, fence, staged interpretation."""
