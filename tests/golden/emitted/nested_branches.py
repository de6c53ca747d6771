import numpy as np


def nested_branches(x, limit):
    n = x.shape[0]
    if x.ndim != 1 or x.dtype != np.float64:
        raise TypeError("x: expected 1-d float64, got %d-d %s" % (x.ndim, x.dtype))
    if np.ndim(limit) != 0:
        raise ValueError("limit: expected a number, got shape %s" % (np.shape(limit),))
    y = x.copy()
    for i in range(n):
        t = x[i]
        if t < limit:
            if t < 0.0:
                y[i] = 0.0
            else:
                y[i] = t * t
    return y
