import numpy as np


def first_above(x, limit):
    n = x.shape[0]
    if x.ndim != 1 or x.dtype != np.float64:
        raise TypeError("x: expected 1-d float64, got %d-d %s" % (x.ndim, x.dtype))
    if np.ndim(limit) != 0:
        raise ValueError("limit: expected a number, got shape %s" % (np.shape(limit),))
    total = 0.0
    where = -1
    code = 0
    for i in range(n):
        t = x[i]
        if t > limit:
            where = i
            code = 1
            break
        total += t
    return total, where, 0.0 if code < 1 else total
