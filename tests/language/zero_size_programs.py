"""Arrays without elements through reductions, linear algebra and loops."""

from __future__ import annotations

import numpy as np

from language.registry import program

X = np.array([0.3, -0.7, 1.2])
NONE = np.zeros(0)
FLAT = np.zeros((0, 3))
TALL = np.zeros((3, 0))


@program(NONE, FLAT, X)
def reductions_of_nothing(e, a, x):
    total = np.sum(e) + np.prod(e) + np.sum(e**2) + np.sum(np.cumsum(e)) + np.dot(e, e)
    if np.all(e > 0) and not np.any(e > 0):
        total += np.sum(a.sum(axis=0) * x) + np.max(a, axis=1).size
    return total * x, a.sum(axis=1), np.prod(a, axis=0) + x, np.sort(e), np.concatenate([e, x, e]), np.mean(a, axis=1)


@program(FLAT, TALL, X)
def linear_algebra_of_nothing(a, b, x):
    product = b @ a + np.outer(x, x)
    return product, a @ x, a @ b, np.einsum("ij,j->i", a, x), np.linalg.solve(a @ b, a @ x)


@program(FLAT, X)
def loops_over_nothing(a, x):
    for row in a:
        x = x * row
    for k in range(len(a) - 1, -1, -1):
        x[k] = a[k, 0]
    kept = [v * v for v in x[3:]]
    a[:] = x
    x[:0] = 5.0
    return x, a * 2.0, len(kept), np.where(a > 0, a, x)
