"""Idiomatic JAX forms of the linear-algebra programs: library calls wherever the library has one."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

jax.config.update("jax_enable_x64", True)


def cholesky(matrix):
    """LAPACK on the symmetric matrix that the lower triangle stands for."""
    symmetric = jnp.tril(matrix) + jnp.tril(matrix, -1).T
    return jax.lax.linalg.cholesky(symmetric, symmetrize_input=False)


def cholesky_in_place(A):
    return cholesky(A) + jnp.triu(A, 1)


def trisolv(L, b):
    return jax.scipy.linalg.solve_triangular(L, b, lower=True)


trisolv_dot = trisolv


def three_mm(A, B, C, D):
    return (A @ B) @ (C @ D)


def atax(A, x):
    return (A @ x) @ A


def gemver(alpha, beta, A, u1, v1, u2, v2, w, x, y, z):
    A = A + jnp.outer(u1, v1) + jnp.outer(u2, v2)
    x = x + beta * (y @ A) + z
    return A, x, w + alpha * (A @ x)


def syrk(alpha, beta, C, A):
    lower = np.tri(C.shape[0], dtype=bool)
    return jnp.where(lower, beta * C + alpha * (A @ A.T), C)


syrk_rows = syrk


def csr_spmv(data, indices, indptr, x):
    """A gather, a product and a segment sum over row numbers."""
    entries = data.shape[0]
    rows = jnp.repeat(jnp.arange(indptr.shape[0] - 1), jnp.diff(indptr), total_repeat_length=entries)
    products = data * x[indices]
    return jax.ops.segment_sum(products, rows, num_segments=indptr.shape[0] - 1, indices_are_sorted=True)


def arc_distance(theta_1, phi_1, theta_2, phi_2):
    h = jnp.sin((theta_2 - theta_1) / 2) ** 2
    h = h + jnp.cos(theta_1) * jnp.cos(theta_2) * jnp.sin((phi_2 - phi_1) / 2) ** 2
    return 2 * jnp.arctan2(jnp.sqrt(h), jnp.sqrt(1 - h))
