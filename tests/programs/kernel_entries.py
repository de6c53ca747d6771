"""Catalogue entries of the numerical kernels: stencils, linear algebra, sparse products."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from programs.arc_distance import arc_distance
from programs.atax import atax
from programs.cholesky import cholesky
from programs.cholesky_in_place import cholesky_in_place
from programs.csr_spmv import csr_spmv
from programs.gemver import gemver
from programs.jacobi_1d import jacobi_1d
from programs.jacobi_1d_scalar import jacobi_1d_scalar
from programs.jacobi_2d import jacobi_2d
from programs.nonlinear_stencil import nonlinear_stencil
from programs.program import Program, Size
from programs.seidel_2d import seidel_2d
from programs.syrk import syrk
from programs.syrk_rows import syrk_rows
from programs.three_mm import three_mm
from programs.trisolv import trisolv
from programs.trisolv_dot import trisolv_dot
from programs.vadv import vadv

Rng = np.random.Generator


def _two_lines(rng: Rng, size: Size, dtype: type) -> tuple[Any, ...]:
    steps, n = {"small": (5, 12), "bench": (800, 3200)}[size]
    return steps, rng.standard_normal(n).astype(dtype), rng.standard_normal(n).astype(dtype)


def _one_line(rng: Rng, size: Size, dtype: type) -> tuple[Any, ...]:
    return _two_lines(rng, size, dtype)[:2]


def _two_squares(rng: Rng, size: Size, dtype: type) -> tuple[Any, ...]:
    steps, n = {"small": (4, 8), "bench": (50, 150)}[size]
    return steps, rng.standard_normal((n, n)).astype(dtype), rng.standard_normal((n, n)).astype(dtype)


def _one_square(rng: Rng, size: Size, dtype: type) -> tuple[Any, ...]:
    steps, n = {"small": (4, 7), "bench": (8, 50)}[size]
    return steps, rng.standard_normal((n, n)).astype(dtype)


def _positive_definite(rng: Rng, size: Size, dtype: type) -> tuple[Any, ...]:
    n = {"small": 6, "bench": 200}[size]
    factor = rng.standard_normal((n, n)) / np.sqrt(n)
    return ((factor @ factor.T + np.eye(n)).astype(dtype),)


def _triangular_system(rng: Rng, size: Size, dtype: type) -> tuple[Any, ...]:
    n = {"small": 7, "bench": 2000}[size]
    matrix = rng.standard_normal((n, n)) / n + np.diag(1.0 + rng.random(n))
    return matrix.astype(dtype), rng.standard_normal(n).astype(dtype)


def _columns(rng: Rng, size: Size, dtype: type) -> tuple[Any, ...]:
    i, j, k = {"small": (3, 4, 5), "bench": (60, 60, 40)}[size]
    u = rng.standard_normal((i, j, k)).astype(dtype)
    wcon = (0.3 * rng.standard_normal((i + 1, j, k + 1))).astype(dtype)
    return u, wcon, rng.standard_normal((i, j, k)).astype(dtype), 1.5


def _matrix_chain(rng: Rng, size: Size, dtype: type) -> tuple[Any, ...]:
    n = {"small": (3, 4, 5, 6, 7), "bench": (400, 425, 450, 475, 500)}[size]
    return tuple((rng.standard_normal((p, q)) / np.sqrt(q)).astype(dtype) for p, q in pairwise(n))


def _matrix_and_vector(rng: Rng, size: Size, dtype: type) -> tuple[Any, ...]:
    m, n = {"small": (5, 7), "bench": (1500, 2000)}[size]
    return (rng.standard_normal((m, n)) / np.sqrt(n)).astype(dtype), rng.standard_normal(n).astype(dtype)


def _gemver(rng: Rng, size: Size, dtype: type) -> tuple[Any, ...]:
    n = {"small": 6, "bench": 1000}[size]
    matrix = (rng.standard_normal((n, n)) / np.sqrt(n)).astype(dtype)
    vectors = tuple((rng.standard_normal(n) / n**0.25).astype(dtype) for _ in range(8))
    return (1.5, 1.2, matrix, *vectors)


def _syrk(rng: Rng, size: Size, dtype: type) -> tuple[Any, ...]:
    n, m = {"small": (6, 4), "bench": (200, 150)}[size]
    return 1.5, 1.2, rng.standard_normal((n, n)).astype(dtype), (rng.standard_normal((n, m)) / m**0.5).astype(dtype)


def _sphere_points(rng: Rng, size: Size, dtype: type) -> tuple[Any, ...]:
    n = {"small": 9, "bench": 100_000}[size]
    near, far = rng.uniform(-1.2, -0.1, n), rng.uniform(0.1, 1.2, n)
    west, east = rng.uniform(-1.2, -0.1, n), rng.uniform(0.1, 1.2, n)
    return near.astype(dtype), west.astype(dtype), far.astype(dtype), east.astype(dtype)


def _sparse_matrix(rng: Rng, size: Size, dtype: type) -> tuple[Any, ...]:
    n, entries = {"small": (8, 20), "bench": (32_768, 262_144)}[size]
    rows = np.sort(rng.integers(0, n, entries))
    rows[rows == 2] = 3  # at least one empty row
    indptr = np.searchsorted(rows, np.arange(n + 1)).astype(np.int64)
    indices = rng.integers(0, n, entries).astype(np.int64)
    return rng.standard_normal(entries).astype(dtype), indices, indptr, rng.standard_normal(n).astype(dtype)


def _relaxation(rng: Rng, size: Size, dtype: type) -> tuple[Any, ...]:
    n, sweeps = {"small": (9, 4), "bench": (2000, 50)}[size]
    return rng.standard_normal(n).astype(dtype), 0.7, sweeps


KERNELS: tuple[Program, ...] = (
    Program("jacobi_1d", jacobi_1d, _two_lines, (1, 2), "jax_stencils", mutated=(1, 2), float32=True),
    Program("jacobi_1d_scalar", jacobi_1d_scalar, _one_line, (1,), "jax_stencils", float32=True),
    Program("jacobi_2d", jacobi_2d, _two_squares, (1, 2), "jax_stencils", mutated=(1, 2), float32=True),
    Program("seidel_2d", seidel_2d, _one_square, (1,), "jax_stencils", mutated=(1,), float32=True),
    Program("nonlinear_stencil", nonlinear_stencil, _relaxation, (0, 1), "jax_stencils", notes="needs a tape"),
    Program("vadv", vadv, _columns, (0, 1, 2), "jax_stencils", float32=True),
    Program("cholesky", cholesky, _positive_definite, (0,), "jax_linear_algebra", float32=True),
    Program("cholesky_in_place", cholesky_in_place, _positive_definite, (0,), "jax_linear_algebra", mutated=(0,)),
    Program("trisolv", trisolv, _triangular_system, (0, 1), "jax_linear_algebra", float32=True),
    Program("trisolv_dot", trisolv_dot, _triangular_system, (0, 1), "jax_linear_algebra", float32=True),
    Program("three_mm", three_mm, _matrix_chain, (0, 1, 2, 3), "jax_linear_algebra", float32=True),
    Program("atax", atax, _matrix_and_vector, (0, 1), "jax_linear_algebra", float32=True),
    Program("gemver", gemver, _gemver, tuple(range(11)), "jax_linear_algebra", mutated=(2, 7, 8), float32=True),
    Program("syrk", syrk, _syrk, (0, 1, 2, 3), "jax_linear_algebra", mutated=(2,), float32=True),
    Program("syrk_rows", syrk_rows, _syrk, (0, 1, 2, 3), "jax_linear_algebra", mutated=(2,), float32=True),
    Program("csr_spmv", csr_spmv, _sparse_matrix, (0, 3), "jax_linear_algebra", float32=True),
    Program("arc_distance", arc_distance, _sphere_points, (0, 1, 2, 3), "jax_linear_algebra", float32=True),
)
