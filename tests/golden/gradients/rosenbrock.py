# value_and_grad of rosenbrock, written by gradscribe.
# From tests/programs/rosenbrock.py:6.
#   x: f64[x_size]
import numpy as np


def rosenbrock_value_and_grad(x):
    x_size = x.shape[0]
    if x.ndim != 1 or x.dtype != np.float64:
        raise TypeError("x: expected 1-d float64, got %d-d %s" % (x.ndim, x.dtype))
    if x_size < 2:
        raise ValueError("x: axis 0 needs at least 2 entries, got %d" % x_size)
    t = x[:-1]                           # rosenbrock.py:8
    t2 = x[1:] - t ** 2
    t3 = 1.0 - t
    value = np.sum(100.0 * t2 ** 2 + t3 ** 2)
    # backward
    t2 = np.broadcast_to(1.0, (x_size - 1,)) * 100.0 * (2 * t2)  # line 8
    x_bar = np.zeros(x_size)             # of x[1:] - x[:-1] ** 2, line 8
    x_bar[1:] = t2
    x_bar[:-1] -= 2 * t3 + t2 * (2 * t)  # of x[:-1] ** 2, line 8
    return value, x_bar
