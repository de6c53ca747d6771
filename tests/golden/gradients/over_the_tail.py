# value_and_grad of over_the_tail, written by gradscribe.
# From tests/language/recursion_programs.py:55.
#   x: f64[x_size]
import numpy as np


def _alternating(a):
    a_size = a.shape[0]
    if a_size == 0:  # recursion_programs.py:49
        return_ = 0.0
    else:
        return_ = a[0] ** 2 - 0.5 * _alternating(a[1:])  # recursion_programs.py:51
    return return_


def _alternating_vjp(a, return_bar):
    a_size = a.shape[0]
    # backward
    if a_size == 0:                          # line 49
        a_bar = np.zeros(a_size)
    else:
        t = _alternating_vjp(a[1:], -(return_bar * 0.5))  # of _alternating, line 51
        a_bar = np.zeros(a_size)
        a_bar[1:] = t
        a_bar[0] += return_bar * (2 * a[0])  # of a[0], line 51
    return a_bar


def over_the_tail_value_and_grad(x):
    if x.ndim != 1 or x.dtype != np.float64:
        raise TypeError("x: expected 1-d float64, got %d-d %s" % (x.ndim, x.dtype))
    value = _alternating(x)  # recursion_programs.py:56
    # backward
    return value, _alternating_vjp(x, 1.0)
