import numpy as np


def shapes(x, w):
    n, d = x.shape
    if x.ndim != 2 or x.dtype != np.float64:
        raise TypeError("x: expected 2-d float64, got %d-d %s" % (x.ndim, x.dtype))
    if n < 2:
        raise ValueError("x: axis 0 needs at least 2 entries, got %d" % n)
    if d < 2:
        raise ValueError("x: axis 1 needs at least 2 entries, got %d" % d)
    if w.shape != (d,):
        raise ValueError("w: expected shape (%d,), got %s" % (d, w.shape))
    if w.dtype != np.float64:
        raise TypeError("w: expected float64, got %s" % w.dtype)
    return w[:, None] * x.T, x[::-1, ::2] * 2.0, np.full((n, d), w[-1]), np.zeros(n + 1)
