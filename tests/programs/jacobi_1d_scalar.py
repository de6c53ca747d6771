"""Jacobi iteration of a three-point stencil on a line, one element at a time (PolyBench ``jacobi-1d``)."""

import numpy as np


def jacobi_1d_scalar(steps, u0):
    """Return the state after ``steps`` pairs of sweeps; the argument is left alone."""
    n = u0.shape[0]
    a = u0.copy()
    b = np.copy(u0)
    for t in range(1, steps):
        for i in range(1, n - 1):
            b[i] = 0.33333 * (a[i - 1] + a[i] + a[i + 1])
        for i in range(1, n - 1):
            a[i] = 0.33333 * (b[i - 1] + b[i] + b[i + 1])
    return a
