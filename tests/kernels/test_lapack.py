"""Cholesky and triangular solves against NumPy and SciPy, in compiled code and in Python, with failures reported."""

import itertools

import numpy as np
import pytest
from compiled_loops import compiled

from gradscribe import kernels

pytestmark = pytest.mark.native


def _potrf(a):
    return kernels.potrf(a)


def _trtrs(lower, trans, unit, a, b):
    return kernels.trtrs(lower, trans, unit, a, b)


POTRF, TRTRS = compiled(_potrf), compiled(_trtrs)


@pytest.mark.parametrize("function", [POTRF, kernels.potrf], ids=["compiled", "python"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_cholesky(function, dtype):
    rng = np.random.default_rng(0)
    for n in (0, 1, 2, 7, 40):
        root = rng.normal(size=(n, n)).astype(dtype)
        a = root @ root.T + n * np.eye(n, dtype=dtype)
        factor = np.where(np.tri(n, dtype=bool), a, np.nan).astype(dtype)  # what lies above the diagonal is not read
        assert function(factor) == 0
        np.testing.assert_allclose(factor, np.linalg.cholesky(a), rtol=100 * np.finfo(dtype).eps, atol=1e-6)
        assert not np.triu(factor, 1).any()


@pytest.mark.parametrize("function", [POTRF, kernels.potrf], ids=["compiled", "python"])
def test_not_positive_definite(function):
    assert function(np.diag([1.0, 2.0, -3.0, 4.0])) == 3


@pytest.mark.parametrize("function", [TRTRS, kernels.trtrs], ids=["compiled", "python"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_triangular_solve(function, dtype):
    rng = np.random.default_rng(0)
    for n, shape, lower, trans, unit in itertools.product((0, 1, 5), ((), (1,), (4,), (0,)), (0, 1), (0, 1), (0, 1)):
        full = (rng.uniform(-0.5, 0.5, size=(n, n)) + 2 * np.eye(n)).astype(dtype)
        triangle = np.tril(full) if lower else np.triu(full)
        if unit:
            np.fill_diagonal(triangle, 1)
        b = rng.normal(size=(n, *shape)).astype(dtype)
        x = b.copy()
        assert function(lower, trans, unit, full, x) == 0
        np.testing.assert_allclose((triangle.T if trans else triangle) @ x, b, rtol=1e-3, atol=50 * np.finfo(dtype).eps)


@pytest.mark.parametrize("function", [TRTRS, kernels.trtrs], ids=["compiled", "python"])
def test_singular(function):
    a, b = np.diag([1.0, 0.0, 0.0]), np.ones(3)
    assert function(1, 0, 0, a, b) == 2
    np.testing.assert_array_equal(b, 1)
    assert function(1, 0, 1, a, b) == 0  # a unit diagonal is not read
