"""NumPy's functions that are text of ours: spacing, angles, sets, norms and the exponential of a matrix."""

from __future__ import annotations

import numpy as np
import scipy.linalg

from language.registry import program

A = np.array([[0.3, -1.2, 0.4], [0.9, 0.1, -0.6], [-0.2, 0.7, 1.1]])


@program(np.array([0.1, 2.9, -2.8, -0.4, 3.0, -3.1]), 0.3, 4.0)
def spacing_and_angles(angles, low, high):
    total = np.sum(np.unwrap(angles) ** 2) + np.sum(np.sin(np.unwrap(angles, period=1.5)))
    total += np.sum(np.geomspace(low, high, 5) ** 2) + np.sum(np.geomspace(-low, -high, 4, endpoint=False))
    total += np.sum(np.diff(angles, prepend=low) ** 2) + np.sum(np.diff(angles, n=2, append=angles[:2]) ** 3)
    grid = angles.reshape(2, 3)
    total += np.sum(np.diff(grid, axis=0, prepend=high, append=0.0) ** 2 * np.arange(9.0).reshape(3, 3))
    total += np.sum(np.unwrap(grid, axis=0) * grid)
    kept = np.where(np.isin(np.round(angles), [3.0, -3.0]), angles, 0.0)
    several = np.unique(np.concatenate([angles, angles[:3], kept]))
    return total + np.sum(kept**2) + np.sum(several**2 * np.arange(several.size))


@program(A, np.array([0.7, 6.0]))
def functions_of_matrices(a, scales):
    total = np.linalg.matrix_norm(a) + np.linalg.matrix_norm(a, ord=1) * np.linalg.matrix_norm(a, ord=-np.inf)
    stack = np.stack([a, a @ a])
    total += np.sum(np.linalg.trace(stack) ** 2) + np.sum(np.linalg.diagonal(stack, offset=1) ** 2)
    total += np.sum(np.linalg.matrix_norm(stack, ord=np.inf, keepdims=True) * stack)
    for s in scales:
        total += np.sum(scipy.linalg.expm(a * s) ** 2) / np.exp(2.0 * s)
    return total
