import numpy as np


def rotated_carries(x, y):
    n = x.shape[0]
    if x.ndim != 1 or x.dtype != np.float64:
        raise TypeError("x: expected 1-d float64, got %d-d %s" % (x.ndim, x.dtype))
    if y.shape != (n,):
        raise ValueError("y: expected shape (%d,), got %s" % (n, y.shape))
    if y.dtype != np.float64:
        raise TypeError("y: expected float64, got %s" % y.dtype)
    a = x.copy()
    b = x.copy()
    c = y.copy()
    for i in range(n):
        a[i] = b[i] + c[0]
        a, b, c = b, c, a
    return a, b, c
