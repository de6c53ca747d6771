"""Sign, rounding, extrema, logaddexp: NumPy's values, bit for bit where NumPy's are defined, and vectorisation."""

import numpy as np
import pytest
from compiled_loops import compiled_call, compiled_loop, vector_instructions

from gradscribe import kernels

pytestmark = [pytest.mark.native, pytest.mark.filterwarnings("ignore::RuntimeWarning")]

VALUES = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.5,
    -0.5,
    1.5,
    2.5,
    -2.5,
    0.3,
    -0.7,
    1e300,
    -1e300,
    5e-324,
    1e16,
    np.inf,
    -np.inf,
    np.nan,
]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", ["floor", "ceil", "trunc", "rint", "sign", "reciprocal"])
def test_unary(name, dtype):
    kernel, loop = getattr(kernels, name), compiled_loop(getattr(kernels, name), 1)
    x = np.tile(np.array(VALUES, dtype), 3)
    out, expected = np.empty_like(x), getattr(np, name)(x)
    loop(x, out)
    np.testing.assert_array_equal(out, expected)
    numbers = ~np.isnan(expected)
    np.testing.assert_array_equal(np.signbit(out[numbers]), np.signbit(expected[numbers]))
    assert isinstance(kernel(x[0]), dtype)
    np.testing.assert_array_equal([kernel(v) for v in x], expected)
    assert vector_instructions(loop, "v(?:rnd|round|div|cmp|max|min)"), "the loop is scalar"


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", ["fmax", "fmin", "fmax_nan", "fmin_nan", "logaddexp"])
def test_binary(name, dtype):
    kernel, call = getattr(kernels, name), compiled_call(getattr(kernels, name), 2)
    reference = getattr(np, {"fmax_nan": "maximum", "fmin_nan": "minimum"}.get(name, name))
    for a in VALUES:
        for b in VALUES:
            a, b = dtype(a), dtype(b)
            wanted = reference(a, b)
            np.testing.assert_allclose(call(a, b), wanted, rtol=4 * np.finfo(dtype).eps, err_msg=f"{a} {b}")
            np.testing.assert_array_equal(kernel(a, b), wanted)


def test_integers():
    for name in ("floor", "ceil", "trunc"):
        assert compiled_call(getattr(kernels, name), 1)(-7) == -7
    assert isinstance(compiled_call(kernels.rint, 1)(7), float)
    sign = compiled_call(kernels.sign, 1)
    assert [sign(np.int64(v)) for v in (-9, 0, 4)] == [-1, 0, 1]
    assert [sign(np.uint64(v)) for v in (0, 2**63)] == [0, 1]
