import numpy as np


def zero_trips(x):
    if x.ndim != 1 or x.dtype != np.float64:
        raise TypeError("x: expected 1-d float64, got %d-d %s" % (x.ndim, x.dtype))
    total = 0.5
    y = x.copy()
    for i in range(3, 3):
        total += 1.0
        y = y * 2.0
    return total, y
