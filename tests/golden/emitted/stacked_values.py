import numpy as np


def stacked_values(x):
    if x.ndim != 1 or x.dtype != np.float64:
        raise TypeError("x: expected 1-d float64, got %d-d %s" % (x.ndim, x.dtype))
    h = x.copy()
    tape = []
    for i in range(4):
        t = np.sin(h * 1.5)
        tape.append(h)
        h = t
    h_bar = h * 0.5
    for i in reversed(range(4)):
        t = tape.pop()
        h_bar = h_bar * t
    return h, h_bar
