"""Solves, inverses, Cholesky factors and determinants against NumPy, in compiled code and in Python."""

import numpy as np
import pytest
from compiled_loops import compiled

from gradscribe import kernels

pytestmark = pytest.mark.native


def _solve(a, b, out):
    return kernels.solve(a, b, out)


def _inverse(a, out):
    return kernels.inverse(a, out)


def _cholesky_factor(a, out):
    return kernels.cholesky_factor(a, out)


def _determinant(a):
    return kernels.determinant(a)


def _determinant_sign(a):
    return kernels.determinant_sign(a)


def _log_determinant(a):
    return kernels.log_determinant(a)


FORMS = {
    name: {"compiled": compiled(function), "python": getattr(kernels, name)}
    for name, function in {
        "solve": _solve,
        "inverse": _inverse,
        "cholesky_factor": _cholesky_factor,
        "determinant": _determinant,
        "determinant_sign": _determinant_sign,
        "log_determinant": _log_determinant,
    }.items()
}
SHAPES = [(0, 2, 2), (1, 0, 0), (1, 1, 1), (2, 3, 3), (3, 17, 17)]
form = pytest.mark.parametrize("form", ["compiled", "python"])
dtype = pytest.mark.parametrize("dtype", [np.float64, np.float32])


def matrices(shape, dtype):
    return np.random.default_rng(0).normal(size=shape).astype(dtype)


def well_conditioned(shape, dtype):
    """Regular matrices whose rows must be exchanged. NumPy and SciPy carry two versions of OpenBLAS that sum in
    different orders; that costs units of the last place times the condition number."""
    return np.roll(matrices(shape, dtype) + 2 * shape[-1] * np.eye(shape[-1], dtype=dtype), 1, axis=1)


def assert_within_ulps(value, expected, count=4):
    """Equal up to a few units in the last place of the largest element."""
    assert value.dtype == expected.dtype and value.shape == expected.shape
    if expected.size:
        assert np.max(np.abs(value - expected)) <= count * np.spacing(np.max(np.abs(expected)))


@form
@dtype
@pytest.mark.parametrize("shape", SHAPES)
def test_solve(form, dtype, shape):
    a = well_conditioned(shape, dtype)
    for columns in (0, 1, 4):
        b = matrices((*shape[:2], columns), dtype)
        before, out = (a.copy(), b.copy()), np.full_like(b, np.nan)
        assert FORMS["solve"][form](a, b, out) == 0
        assert_within_ulps(out, np.linalg.solve(a, b))
        np.testing.assert_array_equal(before[0], a)
        np.testing.assert_array_equal(before[1], b)


@form
@dtype
@pytest.mark.parametrize("shape", SHAPES)
def test_inverse(form, dtype, shape):
    a = well_conditioned(shape, dtype)
    out = np.full_like(a, np.nan)
    assert FORMS["inverse"][form](a, out) == 0
    assert_within_ulps(out, np.linalg.inv(a))


@form
@dtype
@pytest.mark.parametrize("shape", SHAPES)
def test_cholesky_factor(form, dtype, shape):
    root = matrices(shape, dtype)
    a = root @ np.swapaxes(root, 1, 2) + np.eye(shape[-1], dtype=dtype)
    out = np.full_like(a, np.nan)
    assert FORMS["cholesky_factor"][form](np.where(np.tri(shape[-1], dtype=bool), a, np.nan).astype(dtype), out) == 0
    assert_within_ulps(out, np.linalg.cholesky(a))


@form
@dtype
@pytest.mark.parametrize("n", [0, 1, 2, 5, 30])
def test_determinants(form, dtype, n):
    for shift in (0, 1):
        a = np.roll(matrices((n, n), dtype), shift, axis=0)
        sign, log = np.linalg.slogdet(a)
        assert_within_ulps(np.asarray(FORMS["log_determinant"][form](a), dtype), log)
        assert FORMS["determinant_sign"][form](a) == sign
        # an error in the logarithm is relative in the determinant
        bound = 4 * max(1.0, abs(log)) * np.finfo(dtype).eps
        np.testing.assert_allclose(FORMS["determinant"][form](a), np.linalg.det(a), rtol=bound)


@form
def test_no_overflow_on_the_way(form):
    a = np.diag([1e200, 1e200, 1e-200, -1e-200])
    np.testing.assert_allclose(FORMS["determinant"][form](a), -1.0, rtol=1e-12)


@form
def test_singular(form):
    a, regular = np.array([[1.0, 2.0], [2.0, 4.0]]), np.eye(2)
    stack, out = np.stack([regular, a]), np.empty((2, 2, 2))
    assert FORMS["inverse"][form](stack, out) == 2
    assert FORMS["solve"][form](stack, stack, out) == 2
    assert FORMS["determinant"][form](a) == 0.0
    assert FORMS["determinant_sign"][form](a) == 0.0
    assert FORMS["log_determinant"][form](a) == -np.inf
    assert FORMS["cholesky_factor"][form](np.stack([regular, -a]), out) == 1


@form
def test_nan_is_kept(form):
    a = np.array([[1.0, np.nan], [2.0, 4.0]])
    assert np.isnan(FORMS["determinant"][form](a))
    out = np.empty((1, 2, 2))
    assert FORMS["inverse"][form](a[None], out) == 0
    np.testing.assert_array_equal(np.isnan(out[0]), np.isnan(np.linalg.inv(a)))
