"""Correlation with windows and its adjoints, against sums written out, in compiled code and in Python."""

import numpy as np
import pytest
from compiled_loops import compiled

from gradscribe import kernels

pytestmark = pytest.mark.native


def _forward(x, weights, down, across, g):
    kernels.window_products(x, weights, down, across, g)


def _to_images(g, weights, down, across, x):
    kernels.window_products_to_images(g, weights, down, across, x)


def _to_weights(x, g, down, across, weights):
    kernels.window_products_to_weights(x, g, down, across, weights)


FORMS = {
    "compiled": tuple(compiled(f) for f in (_forward, _to_images, _to_weights)),
    "python": (_forward, _to_images, _to_weights),
}

# images N, H, W, C; window K, L; channels M; steps
CASES = [
    (2, 6, 7, 3, 3, 2, 5, 1, 1),
    (1, 5, 5, 1, 1, 1, 1, 1, 1),
    (2, 20, 31, 2, 5, 5, 17, 2, 1),
    (1, 9, 10, 4, 3, 3, 8, 2, 3),
    (1, 5, 16, 70, 3, 2, 9, 1, 1),  # more vectors than are used at once
    (0, 4, 4, 2, 2, 2, 2, 1, 1),
]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("dtype, tolerance", [(np.float64, 1e-12), (np.float32, 3e-5)])
@pytest.mark.parametrize("case", CASES)
def test_sums_over_windows(form, dtype, tolerance, case):
    n, h, w, c, k, l, m, down, across = case
    rng = np.random.default_rng(1)
    rows, columns = (h - k) // down + 1, (w - l) // across + 1
    x, weights = rng.standard_normal((n, h, w, c)).astype(dtype), rng.standard_normal((k, l, c, m)).astype(dtype)
    g = rng.standard_normal((n, rows, columns, m)).astype(dtype)
    sums, images, gradient = np.zeros_like(g), np.zeros_like(x), np.zeros_like(weights)
    for i, j in np.ndindex(k, l):
        part = np.s_[:, i : i + down * (rows - 1) + 1 : down, j : j + across * (columns - 1) + 1 : across]
        sums += x[part] @ weights[i, j]
        images[part] += g @ weights[i, j].T
        gradient[i, j] = np.tensordot(x[part], g, axes=((0, 1, 2), (0, 1, 2)))
    got = [np.full_like(a, np.nan) for a in (sums, images, gradient)]
    forward, to_images, to_weights = FORMS[form]
    forward(x, weights, down, across, got[0])
    to_images(g, weights, down, across, got[1])
    to_weights(x, g, down, across, got[2])
    for value, expected in zip(got, (sums, images, gradient), strict=True):
        np.testing.assert_allclose(value, expected, rtol=tolerance, atol=tolerance * 30)


def test_images_that_are_not_contiguous():
    rng = np.random.default_rng(2)
    x, weights = rng.standard_normal((4, 3, 5, 6)).T, rng.standard_normal((2, 2, 4, 2))[::-1]
    copies = np.ascontiguousarray(x), np.ascontiguousarray(weights)
    out, expected = np.empty((6, 4, 2, 2)), np.empty((6, 4, 2, 2))
    FORMS["compiled"][0](x, weights, 1, 1, out)
    FORMS["python"][0](*copies, 1, 1, expected)
    np.testing.assert_allclose(out, expected, rtol=1e-12)
