"""Functions that raise about data. (A module of its own: pytest rewrites the assertions of test modules.)"""

from __future__ import annotations

import numpy as np


class Diverged(ArithmeticError):
    """An exception of the user's."""


def asserts(x):
    total = 0.0
    for i in range(len(x)):
        assert x[i] > 0, f"x[{i}] = {x[i]:.2f} of {x}"
        total = total + np.log(x[i])
    return total


def asserts_plainly(x):
    assert np.all(x > 0)
    return np.sum(np.log(x))


def raises(x):
    s = np.sum(x)
    if s < 0:
        raise ValueError(f"negative sum {s!r}")
    return np.sqrt(s)


def raises_own(x):
    s = np.sum(x)
    if not s >= 0:
        raise Diverged("at %.3f after %d" % (s, len(x)))  # noqa: UP031
    return s


def raises_a_number(x):
    for v in x:
        if v < 0:
            raise KeyError(v)
    return np.sum(x)


def raises_after_work(x):
    if x[0] < 0:
        y = np.abs(x) * 2
        print("about to fail")
        raise RuntimeError("y is " + str(y))
    return np.sum(x)


def raises_in_both(x):
    if x[0] < 0:
        if x[1] < 0:
            raise ValueError(f"both: {x[0]} {x[1]}")
        raise TypeError(f"one: {x[0]}")
    return np.sum(x)


def checks_a_size(x, n):
    if n > len(x):
        raise IndexError(f"n={n} of {len(x)} ({x.shape})")
    return x[0] * n
