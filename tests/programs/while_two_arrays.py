"""Gauss's arithmetic-geometric mean of two arrays, iterated until they meet."""

import numpy as np


def while_two_arrays(a, b):
    """Arithmetic-geometric mean of a and b, positive, float[n]; both are carried by the loop."""
    while np.max(np.abs(a - b)) > 1e-10:
        a, b = 0.5 * (a + b), np.sqrt(a * b)
    return a
