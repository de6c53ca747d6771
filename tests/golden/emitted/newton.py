import numpy as np


def newton(x, c):
    if np.ndim(x) != 0:
        raise ValueError("x: expected a number, got shape %s" % (np.shape(x),))
    if np.ndim(c) != 0:
        raise ValueError("c: expected a number, got shape %s" % (np.shape(c),))
    r = x * x - c
    while r * r > 1e-12:
        x = x - r / (2.0 * x)
        r = x * x - c
    return x
