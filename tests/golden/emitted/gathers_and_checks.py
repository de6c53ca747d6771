import numpy as np


def gathers(x, keys):
    m = keys.shape[0]
    if x.ndim != 1 or x.dtype != np.float64:
        raise TypeError("x: expected 1-d float64, got %d-d %s" % (x.ndim, x.dtype))
    if keys.ndim != 1 or keys.dtype != np.int64:
        raise TypeError(
            "keys: expected 1-d int64, got %d-d %s" % (keys.ndim, keys.dtype)
        )
    if not x[0] < 10.0:
        raise ValueError("x[0] must be below 10")
    total = 0.0
    for i in range(m):
        t = keys[i]
        place = range(m)[t]
        total += x[t] * (place + 1)
    return total
