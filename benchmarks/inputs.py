"""Arguments of the timed programs by shape: in go a random generator, sizes and a dtype, out comes a tuple."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

Rng = np.random.Generator
Arguments = tuple[Any, ...]


def normal(rng: Rng, shape: Any, dtype: type, scale: float = 1.0) -> np.ndarray:
    return (scale * rng.standard_normal(shape)).astype(dtype)


def two_lines(rng: Rng, dtype: type, steps: int, n: int) -> Arguments:
    return steps, normal(rng, n, dtype), normal(rng, n, dtype)


def two_squares(rng: Rng, dtype: type, steps: int, n: int) -> Arguments:
    return steps, normal(rng, (n, n), dtype), normal(rng, (n, n), dtype)


def one_square(rng: Rng, dtype: type, steps: int, n: int) -> Arguments:
    return steps, normal(rng, (n, n), dtype)


def positive_definite(rng: Rng, dtype: type, n: int) -> Arguments:
    factor = rng.standard_normal((n, n)) / np.sqrt(n)
    return ((factor @ factor.T + np.eye(n)).astype(dtype),)


def triangular_system(rng: Rng, dtype: type, n: int) -> Arguments:
    return (rng.standard_normal((n, n)) / n + np.diag(1.0 + rng.random(n))).astype(dtype), normal(rng, n, dtype)


def columns(rng: Rng, dtype: type, i: int, j: int, k: int) -> Arguments:
    shape = (i, j, k)
    return normal(rng, shape, dtype), normal(rng, (i + 1, j, k + 1), dtype, 0.3), normal(rng, shape, dtype), 1.5


def matrix_chain(rng: Rng, dtype: type, *sizes: int) -> Arguments:
    return tuple(normal(rng, (p, q), dtype, q**-0.5) for p, q in pairwise(sizes))


def product_and_sum(rng: Rng, dtype: type, n: int, m: int, k: int) -> Arguments:
    return 1.5, 1.2, normal(rng, (n, m), dtype), normal(rng, (n, k), dtype, k**-0.5), normal(rng, (k, m), dtype)


def matrix_and_vector(rng: Rng, dtype: type, m: int, n: int) -> Arguments:
    return normal(rng, (m, n), dtype, n**-0.5), normal(rng, n, dtype)


def rank_two_update(rng: Rng, dtype: type, n: int) -> Arguments:
    return 1.5, 1.2, normal(rng, (n, n), dtype, n**-0.5), *(normal(rng, n, dtype, n**-0.25) for _ in range(8))


def rank_k_update(rng: Rng, dtype: type, m: int, n: int) -> Arguments:
    return 1.5, 1.2, normal(rng, (n, n), dtype), normal(rng, (n, m), dtype, m**-0.5)


def four_dimensions(rng: Rng, dtype: type, *shape: int) -> Arguments:
    return (normal(rng, shape, dtype),)


def sphere_points(rng: Rng, dtype: type, n: int) -> Arguments:
    bounds = ((-1.2, -0.1), (-1.2, -0.1), (0.1, 1.2), (0.1, 1.2))
    return tuple(rng.uniform(low, high, n).astype(dtype) for low, high in bounds)


def sparse_matrix(rng: Rng, dtype: type, n: int, entries: int) -> Arguments:
    rows = np.sort(rng.integers(0, n, entries))
    indptr = np.searchsorted(rows, np.arange(n + 1)).astype(np.int64)
    return normal(rng, entries, dtype), rng.integers(0, n, entries).astype(np.int64), indptr, normal(rng, n, dtype)


def lorenz_parameters(rng: Rng, dtype: type, steps: int) -> Arguments:
    return *(np.array([10.0, 28.0, 8.0 / 3.0]) * (1 + 0.01 * rng.standard_normal(3))).tolist(), steps


def valley_point(rng: Rng, dtype: type, n: int) -> Arguments:
    return (rng.uniform(-1.5, 1.5, n).astype(dtype),)


def dense_layers(rng: Rng, dtype: type, *widths: int) -> tuple[tuple[np.ndarray, np.ndarray], ...]:
    return tuple((normal(rng, (d, m), dtype, d**-0.5), normal(rng, m, dtype, 0.1)) for d, m in pairwise(widths))


def one_hot(rng: Rng, dtype: type, n: int, classes: int = 10) -> np.ndarray:
    return np.eye(classes, dtype=dtype)[rng.integers(0, classes, n)]


def perceptron(rng: Rng, dtype: type, batch: int, *widths: int) -> Arguments:
    layers = dense_layers(rng, dtype, *widths)
    return layers, normal(rng, (batch, widths[0]), dtype), one_hot(rng, dtype, batch, widths[-1])


def perceptron_examples(rng: Rng, dtype: type, batch: int, *widths: int) -> Arguments:
    params = tuple(leaf for layer in dense_layers(rng, dtype, *widths) for leaf in layer)
    return params, normal(rng, (batch, widths[0]), dtype), rng.integers(0, widths[-1], batch)


def images(rng: Rng, dtype: type, n: int, c: int, m: int, k: int, h: int) -> Arguments:
    return normal(rng, (n, h, h, c), dtype), normal(rng, (k, k, c, m), dtype, 1 / k), normal(rng, m, dtype)


def digits(rng: Rng, dtype: type, batch: int) -> Arguments:
    """LeNet-5's parameters for images of 28 by 28 without padding."""
    kernels = tuple(
        (normal(rng, (5, 5, c, m), dtype, (25 * c) ** -0.5), normal(rng, m, dtype, 0.1)) for c, m in ((1, 6), (6, 16))
    )
    params = (*kernels, *dense_layers(rng, dtype, 256, 120, 84, 10))
    return params, normal(rng, (batch, 28, 28, 1), dtype), one_hot(rng, dtype, batch)


def sequences(rng: Rng, dtype: type, batch: int, length: int, width: int, heads: int, blocks: int) -> Arguments:
    def block() -> tuple[np.ndarray, ...]:
        def matrix(d: int, m: int) -> np.ndarray:
            return normal(rng, (d, m), dtype, d**-0.5)

        def norm() -> tuple[np.ndarray, ...]:
            return np.ones(width, dtype), np.zeros(width, dtype)

        inner = 4 * width
        up = (matrix(width, inner), np.zeros(inner, dtype))
        down = (matrix(inner, width), np.zeros(width, dtype))
        return *norm(), matrix(width, 3 * width), matrix(width, width), *norm(), *up, *down

    shape = (batch, length, width)
    return tuple(block() for _ in range(blocks)), normal(rng, shape, dtype), normal(rng, shape, dtype), heads
