# value_and_grad of branch_in_loop, written by gradscribe.
# From tests/programs/branch_in_loop.py:4.
#   x: f64[x_size]
#   y: f64[y_size]
#   delta: float
# Valid only where:
#   staged for y_size (y_size is axis 0 of y) >= x_size (x_size is axis 0 of x)
import numpy as np


def branch_in_loop_value_and_grad(x, y, delta):
    x_size = x.shape[0]
    y_size = y.shape[0]
    if x.ndim != 1 or x.dtype != np.float64:
        raise TypeError("x: expected 1-d float64, got %d-d %s" % (x.ndim, x.dtype))
    if y.ndim != 1 or y.dtype != np.float64:
        raise TypeError("y: expected 1-d float64, got %d-d %s" % (y.ndim, y.dtype))
    if np.ndim(delta) != 0:
        raise ValueError("delta: expected a number, got shape %s" % (np.shape(delta),))
    if y_size < x_size:
        raise ValueError(
            "staged for y_size (y_size is axis 0 of y) >= x_size (x_size is axis 0 of x)",
        )
    r_saved = np.empty(x_size)                 # branch_in_loop.py:7
    total = 0.0
    for i in range(x_size):
        r = x[i] - y[i]                        # branch_in_loop.py:8
        r_saved[i] = r
        if r > delta:                          # branch_in_loop.py:9
            loss = delta * (r - 0.5 * delta)   # branch_in_loop.py:10
        elif r < -delta:                       # branch_in_loop.py:11
            loss = delta * (-r - 0.5 * delta)  # branch_in_loop.py:12
        else:
            loss = 0.5 * r * r                 # branch_in_loop.py:14
        total += loss                          # branch_in_loop.py:15
    # backward
    delta_bar = 0.0                            # line 7
    x_bar = np.zeros(x_size)
    y_bar = np.zeros(y_size)
    for i in reversed(range(x_size)):
        r = r_saved[i]                         # line 9
        if r > delta:
            r_bar = 1.0 * delta                # line 10
            delta_bar = delta_bar + (r - 0.5 * delta) - r_bar * 0.5  # of 0.5 * delta, line 10
        elif r < -delta:                       # line 11
            t = 1.0 * delta                    # line 12
            r_bar = -t                         # of -r - 0.5 * delta, line 12
            delta_bar = delta_bar + (-r - 0.5 * delta) - t * 0.5  # of 0.5 * delta, line 12
        else:
            r_bar = 0.5 * r + r * 0.5          # of 0.5 * r, line 14
        y_bar[i] -= r_bar                      # of y[i], line 8
        x_bar[i] += r_bar                      # of x[i], line 8
    return total, (x_bar, y_bar, delta_bar)
