import numpy as np


def single_precision(x, s):
    n = x.shape[0]
    if x.ndim != 1 or x.dtype != np.float32:
        raise TypeError("x: expected 1-d float32, got %d-d %s" % (x.ndim, x.dtype))
    if np.ndim(s) != 0:
        raise ValueError("s: expected a number, got shape %s" % (np.shape(s),))
    t = np.float32(0.0)
    for i in range(n):
        t += x[i]
    return x * 0.5, s * np.float32(0.5), x + np.float64(2.0), t
