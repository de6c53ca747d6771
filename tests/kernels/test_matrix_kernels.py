"""Kernels of matrix decompositions against NumPy, compiled and in Python, real and complex, empty matrices too."""

import numpy as np
import pytest
from compiled_loops import compiled

from gradscribe import kernels

pytestmark = pytest.mark.native


def _all(a, h, u, s, vh, q, r, w, v):
    return (
        kernels.singular_vectors(0, a, u, s, vh)
        + kernels.orthogonal_factors(a, q, r)
        + kernels.eigenvectors(1, h, w, v)
    )


@pytest.mark.parametrize("dtype", [np.float64, np.complex128])
def test_like_numpy(dtype):
    rng = np.random.default_rng(0)
    for function in (compiled(_all), _all):
        for m, n in ((3, 3), (4, 2), (2, 4), (0, 2), (2, 0)):
            a = rng.normal(size=(2, m, n)).astype(dtype) * dtype(1 if dtype is np.float64 else 1 + 1j) + rng.normal(
                size=n
            )
            h = a @ np.conj(np.swapaxes(a, -1, -2))
            expected = [*np.linalg.svd(a, full_matrices=False), *np.linalg.qr(a), *np.linalg.eigh(h)]
            got = [np.empty_like(x) for x in expected]
            assert function(a, np.tril(h), *got) == 0
            u, s, vh, q, r, w, v = got
            np.testing.assert_allclose((u * s[:, None]) @ vh, a, atol=1e-12)
            np.testing.assert_allclose(q @ r, a, atol=1e-12)
            np.testing.assert_allclose((v * w[:, None]) @ np.conj(np.swapaxes(v, -1, -2)), h, atol=1e-12)
            np.testing.assert_allclose(s, expected[1], atol=1e-12)
            np.testing.assert_allclose(w, expected[5], atol=1e-12)
            np.testing.assert_array_equal(np.tril(r, -1), np.zeros_like(r))


def test_numbers_that_are_not_finite():
    x = np.full((1, 2, 2), np.nan)
    assert kernels.singular_vectors(0, x, np.empty((1, 2, 2)), np.empty((1, 2)), np.empty((1, 2, 2))) == 1
