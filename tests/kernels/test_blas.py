"""Matrix products against NumPy: every flag, layout, size 0, NaN in the result, and refusals."""

import itertools

import numpy as np
import pytest
from compiled_loops import compiled

from gradscribe import kernels

pytestmark = pytest.mark.native


def _gemm(trans_a, trans_b, alpha, a, b, beta, c):
    kernels.gemm(trans_a, trans_b, alpha, a, b, beta, c)


def _gemv(trans, alpha, a, x, beta, y):
    kernels.gemv(trans, alpha, a, x, beta, y)


def _gemm_batched(trans_a, trans_b, alpha, a, b, beta, c):
    kernels.gemm_batched(trans_a, trans_b, alpha, a, b, beta, c)


GEMM, GEMV, BATCHED = compiled(_gemm), compiled(_gemv), compiled(_gemm_batched)
SCALES = ((1.0, 0.0), (1.0, 1.0), (-0.5, 0.25))


def laid_out(a, layout):
    """A copy of a matrix in memory order C or F, or as a block of a larger array full of NaN."""
    if layout == "block":
        rows, columns = a.shape
        around = np.full((rows + 2, columns + 3), np.nan, a.dtype)
        around[1 : rows + 1, 2 : columns + 2] = a
        return around[1 : rows + 1, 2 : columns + 2]
    if layout == "block of F":
        return laid_out(a.T, "block").T
    return np.array(a, order=layout)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(
    "layouts",
    [("C", "C", "C"), ("F", "C", "C"), ("C", "F", "F"), ("block", "block of F", "block"), ("F", "F", "block of F")],
)
def test_gemm(layouts, dtype):
    rng = np.random.default_rng(0)
    tolerance = 50 * np.finfo(dtype).eps
    for m, n, k, trans_a, trans_b in itertools.product((0, 1, 2, 9), (0, 1, 17), (0, 1, 4), (0, 1), (0, 1)):
        a = rng.normal(size=(k, m) if trans_a else (m, k)).astype(dtype)
        b = rng.normal(size=(n, k) if trans_b else (k, n)).astype(dtype)
        old = rng.normal(size=(m, n)).astype(dtype)
        for alpha, beta in SCALES:
            expected = alpha * ((a.T if trans_a else a) @ (b.T if trans_b else b)) + (beta * old if beta else 0)
            for function in (GEMM, kernels.gemm):
                c = laid_out(old if beta else np.full_like(old, np.nan), layouts[2])
                function(trans_a, trans_b, alpha, laid_out(a, layouts[0]), laid_out(b, layouts[1]), beta, c)
                np.testing.assert_allclose(c, expected, rtol=tolerance, atol=tolerance, err_msg=f"{m, n, k}")
                if layouts[2] == "block" and c.size:  # nothing is written around the block
                    assert np.isnan(c.base[0]).all() and np.isnan(c.base[:, :2]).all() and np.isnan(c.base[:, -1]).all()


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("layout", ["C", "F", "block"])
@pytest.mark.parametrize("step", [1, 3])
def test_gemv(layout, step, dtype):
    rng = np.random.default_rng(0)
    tolerance = 50 * np.finfo(dtype).eps
    for m, k, trans in itertools.product((0, 1, 2, 9), (0, 1, 5), (0, 1)):
        a = rng.normal(size=(k, m) if trans else (m, k)).astype(dtype)
        x, old = rng.normal(size=k).astype(dtype), rng.normal(size=m).astype(dtype)
        for alpha, beta in SCALES:
            expected = alpha * ((a.T if trans else a) @ x) + (beta * old if beta else 0)
            for function in (GEMV, kernels.gemv):
                x_apart, y = np.full(k * step, np.nan, dtype)[::step], np.full(m * step, np.nan, dtype)[::step]
                x_apart[:] = x
                if beta:
                    y[:] = old
                function(trans, alpha, laid_out(a, layout), x_apart, beta, y)
                np.testing.assert_allclose(y, expected, rtol=tolerance, atol=tolerance, err_msg=f"{m, k}")


@pytest.mark.parametrize("permuted", [False, True])
def test_gemm_batched(permuted):
    rng = np.random.default_rng(0)
    for trans_a, trans_b, rank_a, rank_b in itertools.product((0, 1), (0, 1), (2, 3), (2, 3)):
        a = rng.normal(size=(4, 5, 3) if trans_a else (4, 3, 5))
        b = rng.normal(size=(4, 6, 5) if trans_b else (4, 5, 6))
        a, b = (a if rank_a == 3 else a[0]), (b if rank_b == 3 else b[0])
        if permuted and rank_a == 3:  # the batch axis in the middle of memory
            a = np.ascontiguousarray(a.transpose(1, 0, 2)).transpose(1, 0, 2)
        product = (a.swapaxes(-1, -2) if trans_a else a) @ (b.swapaxes(-1, -2) if trans_b else b)
        for function in (BATCHED, kernels.gemm_batched):
            c = np.full((4, 3, 6), np.nan)
            function(trans_a, trans_b, 1.0, a, b, 0.0, c)
            np.testing.assert_allclose(c, np.broadcast_to(product, c.shape), rtol=1e-12)


def test_empty_batch():
    c = np.empty((0, 3, 6))
    BATCHED(0, 0, 1.0, np.empty((0, 3, 5)), np.empty((0, 5, 6)), 0.0, c)


def test_layouts_blas_cannot_address_are_refused():
    square, c, x = np.ones((4, 4)), np.zeros((4, 4)), np.ones(4)
    strided, broadcast = np.ones((8, 8))[::2, ::2], np.broadcast_to(np.ones((1, 4)), (4, 4))
    for a in (strided, broadcast, square[::-1]):
        with pytest.raises(ValueError, match="no contiguous axis"):
            GEMM(0, 0, 1.0, a, square, 0.0, c)
        with pytest.raises(ValueError, match="no contiguous axis"):
            GEMV(0, 1.0, a, x, 0.0, np.zeros(4))
    with pytest.raises(ValueError, match="reversed or broadcast"):
        GEMV(0, 1.0, square, x[::-1], 0.0, np.zeros(4))
    assert not c.any()
