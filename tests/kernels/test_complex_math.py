"""Compiled functions of complex numbers against NumPy's: ordinary numbers, zeros, infinities, NaN, branch cuts."""

import numba
import numpy as np
import pytest

from gradscribe.kernels import complex_math, vector_math
from gradscribe.kernels.elementary import reciprocal
from gradscribe.kernels.options import OPTIONS

UNARY = {name: getattr(vector_math, name) for name in (
    "exp", "exp2", "expm1", "log", "log1p", "log2", "log10", "sin", "cos", "tan", "arcsin", "arccos", "arctan", "sinh",
    "cosh", "tanh", "arcsinh", "arccosh", "arctanh",
)} | {"reciprocal": reciprocal, "sqrt": complex_math.complex_sqrt}  # fmt: skip
PAIRS = {"power": complex_math.complex_power, "divide": complex_math.complex_divide}
RNG = np.random.default_rng(3)
ORDINARY = RNG.uniform(-3, 3, 200) + 1j * RNG.uniform(-3, 3, 200)
EDGES = np.array([0, 1, -1, 1j, -1j, complex(-2, -0.0), complex(2, -0.0), np.inf, -np.inf, complex(np.nan, 1), 800, 5])


@pytest.mark.native
@pytest.mark.parametrize("name", UNARY)
def test_function_of_one_number(name):
    function = UNARY[name]

    @numba.njit(**OPTIONS)
    def fill(z, out):
        for k in range(z.size):
            out[k] = function(z[k])

    z = np.concatenate([ORDINARY, ORDINARY * 1e-9, EDGES])
    with np.errstate(all="ignore"):
        expected, interpreted = getattr(np, name)(z), np.array([function(x) for x in z])
    out = np.empty_like(z)
    fill(z, out)
    edges = slice(400, 409) if name in ("exp2", "expm1", "log1p") else slice(400, None)
    for values in (out, interpreted):
        np.testing.assert_allclose(values[:400], expected[:400], rtol=1e-13)
        np.testing.assert_allclose(values[edges], expected[edges], rtol=1e-13)


@pytest.mark.native
@pytest.mark.parametrize("name", PAIRS)
def test_function_of_two_numbers(name):
    function = PAIRS[name]

    @numba.njit(**OPTIONS)
    def fill(z, w, out):
        for k in range(z.size):
            out[k] = function(z[k], w[k])

    others = np.array([0, 1, 2, -3, 0.5, 1j, 40.0])
    z = np.concatenate([ORDINARY, ORDINARY, np.repeat([0, 1 + 1j, -1], others.size)])
    w = np.concatenate([ORDINARY[::-1], np.round(ORDINARY.real * 5), np.tile(others, 3)])
    for kind, tolerance in ((np.complex128, 1e-12), (np.complex64, 1e-4)):
        a, b, out = z.astype(kind), w.astype(kind), np.empty(z.size, kind)
        fill(a, b, out)
        with np.errstate(all="ignore"):
            np.testing.assert_allclose(out, getattr(np, name)(a, b), rtol=tolerance)
