import numpy as np


def scaled_in_place(x, y):
    n = x.shape[0]
    if x.ndim != 1 or x.dtype != np.float64:
        raise TypeError("x: expected 1-d float64, got %d-d %s" % (x.ndim, x.dtype))
    if y.shape != (n,):
        raise ValueError("y: expected shape (%d,), got %s" % (n, y.shape))
    if y.dtype != np.float64:
        raise TypeError("y: expected float64, got %s" % y.dtype)
    x2 = x.copy()
    x2[:] = x[:] * 2.0
    y = y.copy()
    y[1] = x2[0]
    return x2, y
