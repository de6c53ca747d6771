"""Programs of the composition matrix: from a vector of three to a number or an array, in the ways scientific code is
written. Plain enough that NumPy runs them on arrays of objects (`duals.py`)."""

from __future__ import annotations

import numpy as np

X = np.array([0.7, 1.3, 0.4])


def elementwise(x):
    return np.sin(x) * np.exp(-0.5 * x) + x**3


def scalar_loop(x):
    s = 0.1 * x[0]
    for i in range(4):
        s = np.tanh(s + x[i % 3]) * x[2]
    return s


def writes(x):
    y = 1.0 * x
    for i in range(1, len(x)):
        y[i] = y[i] + y[i - 1] * x[i]
    y[0] *= y[2]
    return y


def until_large(x):
    """As many trips as the numbers say."""
    s, n = x[0] * x[1], 0
    while s < 3.0:
        s = s * (1.2 + 0.2 * x[2] * x[2]) + 0.1 * x[1]
        n += 1
    return s * s + n * x[0]


def branches(x):
    if x[0] * x[1] > 0.9:
        y = x[0] * np.sin(x[2])
    else:
        y = x[1] * x[1] * x[2]
    for v in x:
        if v > 1.25:
            break
        y = y + v * v
    return y * x


def matrix(x):
    a = np.array([[1.0, 0.2, 0.1], [0.0, 0.8, 0.3], [0.4, 0.0, 1.1]])
    y = a @ (x * x)
    return np.cos(y) * (a.T @ y)


def gathers(x):
    y = x[np.array([2, 0, 0, 1])]
    return np.sqrt(y[1:] * y[1:] + 1.0) * y[:-1]


def power(b, n):
    if n == 0:
        return 1.0 + 0.0 * b
    half = power(b, n // 2)
    return half * half * b if n % 2 else half * half


def recursion(x):
    return power(x[0] * x[1], 5) + x[2] * power(x[2], 2)


PROGRAMS = (elementwise, scalar_loop, writes, until_large, branches, matrix, gathers, recursion)
