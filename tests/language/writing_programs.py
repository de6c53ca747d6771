"""Writing into arrays: elements, index arrays with repeated positions, in-place operators, `out=`."""

from __future__ import annotations

import numpy as np

from language.registry import program

X = np.array([0.3, -0.7, 1.2, 0.05, -1.1])
Y = np.array([0.9, 0.2, -0.4, 1.5, 0.6])
A = np.array([[0.3, -0.7, 1.2, 0.4], [0.05, -1.1, 0.8, -0.2], [0.6, 0.9, -0.5, 1.4]])
I = np.array([0, 2, 2, 1])


@program(A, X, 1, 2)
def written_elements_rows_and_columns(a, x, i, j):
    a[i, j] = x[0] ** 2
    a[i, 1:-1] += x[:2] * x[1]
    a[-1] *= x[2]
    a[:, None, 0] -= 1.0
    return np.sum(np.sin(a))


@program(X, Y, I, notes="a repeated position keeps what was written last; the reads come before all writes")
def written_at_repeated_positions(x, v, idx):
    x[idx] = v[:4] ** 2
    x[idx] *= v[1:]
    x[idx] += v[:4] ** 2
    return np.sum(x**3)


@program(A, Y, I)
def written_rows_at_repeated_positions(a, v, idx):
    b = a.T.copy()
    b[idx % 4] = np.outer(v[:4], v[1:4])
    b[:, [0, 0, 2]] = np.outer(v[:4], v[2:])
    b[[1, 3, 1], [2, 0, 2]] = v[:3]
    return b**2


@program(A, X)
def written_at_distinct_positions(a, x):
    i = np.argsort(x)
    x[i] = x * 2.0
    a[[0, 2]] = a[[2, 0]] ** 2
    a[np.arange(3), a.argmax(axis=1)] = x[:3]
    np.fill_diagonal(a, x[3])
    return a, x**2
