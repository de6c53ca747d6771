"""Vector math: accuracy against extended precision, special values, vectorisation, agreement with the Python calls."""

import os
import subprocess
import sys

import mpmath
import numpy as np
import pytest
from compiled_loops import compiled, compiled_loop, units_in_last_place, vector_calls

from gradscribe import kernels
from gradscribe.kernels import vector_library

pytestmark = [
    pytest.mark.native,
    pytest.mark.filterwarnings("ignore::RuntimeWarning"),
    pytest.mark.skipif(np.finfo(np.longdouble).nmant < 63, reason="needs a longdouble wider than float64"),
]

POLYNOMIAL = ("exp", "log", "tanh")

# name, reference on longdouble (None: mpmath), intervals for float64, and for float32 where they differ
UNARY = (
    ("exp", np.exp, ((-745, 709.7), (-2, 2)), ((-103, 88.7), (-2, 2))),
    ("exp2", np.exp2, ((-1070, 1023.9), (-2, 2)), ((-149, 127.9), (-2, 2))),
    ("expm1", np.expm1, ((-40, 700), (-1e-3, 1e-3)), ((-20, 88), (-1e-3, 1e-3))),
    ("log", np.log, ((1e-320, 1e-300), (0.5, 2), (1, 1e300)), ((1e-45, 1e-36), (0.5, 2), (1, 1e38))),
    ("log1p", np.log1p, ((-0.99, 2), (1, 1e300)), ((-0.99, 2), (1, 1e38))),
    ("log2", np.log2, ((0.5, 2), (1, 1e300)), ((0.5, 2), (1, 1e38))),
    ("log10", np.log10, ((0.5, 2), (1, 1e300)), ((0.5, 2), (1, 1e38))),
    ("sin", np.sin, ((-30, 30), (-1e9, 1e9)), ((-30, 30), (-1e5, 1e5))),
    ("cos", np.cos, ((-30, 30), (-1e9, 1e9)), ((-30, 30), (-1e5, 1e5))),
    ("tan", np.tan, ((-30, 30),), None),
    ("arcsin", np.arcsin, ((-1, 1),), None),
    ("arccos", np.arccos, ((-1, 1),), None),
    ("arctan", np.arctan, ((-5, 5), (-1e10, 1e10)), None),
    ("sinh", np.sinh, ((-5, 5), (-700, 700)), ((-5, 5), (-88, 88))),
    ("cosh", np.cosh, ((-5, 5), (-700, 700)), ((-5, 5), (-88, 88))),
    ("tanh", np.tanh, ((-0.7, 0.7), (-30, 30), (-1e-300, 1e-300)), ((-0.7, 0.7), (-30, 30), (-1e-40, 1e-40))),
    ("arcsinh", np.arcsinh, ((-5, 5), (-1e10, 1e10)), None),
    ("arccosh", np.arccosh, ((1, 5), (1, 1e10)), None),
    ("arctanh", np.arctanh, ((-0.999, 0.999),), None),
    ("erf", None, ((-4, 4),), None),
    ("erfc", None, ((-4, 10),), ((-4, 8),)),
    ("cbrt", np.cbrt, ((-10, 10), (-1e30, 1e30)), None),
)
BINARY = (
    ("pow", np.power, (0.01, 100), (-20, 20)),
    ("atan2", np.arctan2, (-10, 10), (-10, 10)),
    ("hypot", np.hypot, (-10, 10), (-10, 10)),
)
BOUND = 4.1  # what libmvec promises, plus the rounding of the measurement
POLYNOMIAL_BOUND = 1.5
SPECIAL = np.array(
    [np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, 1e-45, -1e-45, 1e-40, -1e-40, 5e-324, -5e-324]
    + [1e-310, 1e300, -1e300, 1000.0, -1000.0, 88.72283, 88.73, -103.9, -104.1, 709.78, 709.79, -745.1, -745.2, 1e22]
)


def exact_values(name, reference, x):
    if reference is not None:
        return reference(x.astype(np.longdouble))
    with mpmath.workdps(30):
        values = [mpmath.nstr(getattr(mpmath, name)(mpmath.mpf(float(v))), 25) for v in x]
    return np.array([np.longdouble(v) for v in values])


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("name", "reference", "wide", "narrow"), UNARY, ids=[case[0] for case in UNARY])
def test_unary(name, reference, wide, narrow, dtype):
    kernel = getattr(kernels, name)
    loop = compiled_loop(kernel, 1)
    rng = np.random.default_rng(0)
    for low, high in narrow if narrow and dtype == np.float32 else wide:
        x = rng.uniform(low, high, 1003 if reference is None else 20003).astype(dtype)  # odd: the scalar tail runs too
        out = np.empty_like(x)
        loop(x, out)
        error = units_in_last_place(out, exact_values(name, reference, x)).max()
        assert error <= (POLYNOMIAL_BOUND if name in POLYNOMIAL else BOUND), (low, high, error)
        in_python = kernel(x[0])
        assert isinstance(in_python, dtype)
        np.testing.assert_allclose(out[0], in_python, rtol=10 * np.finfo(dtype).eps)
    if name not in POLYNOMIAL:
        expect_vector_calls(loop)

    x = np.tile(SPECIAL.astype(dtype), 2)
    out = np.empty_like(x)
    loop(x, out)
    expected = np.array([kernel(v) for v in x])  # NumPy's or SciPy's value
    assert_same_class(out, expected, x)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("name", "reference", "first", "second"), BINARY, ids=[case[0] for case in BINARY])
def test_binary(name, reference, first, second, dtype):
    kernel = getattr(kernels, name)
    loop = compiled_loop(kernel, 2)
    rng = np.random.default_rng(0)
    x, y = rng.uniform(*first, 20003).astype(dtype), rng.uniform(*second, 20003).astype(dtype)
    if name == "pow" and dtype == np.float32:
        y /= 2
    out = np.empty_like(x)
    loop(x, y, out)
    assert units_in_last_place(out, reference(x.astype(np.longdouble), y.astype(np.longdouble))).max() <= BOUND
    assert isinstance(kernel(x[0], y[0]), dtype)
    expect_vector_calls(loop)

    special = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -1.0, 2.0, -2.0, 0.5, -8.0, 3.0, -3.0, 1 / 3], dtype)
    x, y = (np.ascontiguousarray(axis.ravel()) for axis in np.meshgrid(special, special))
    out = np.empty_like(x)
    loop(x, y, out)
    assert_same_class(out, reference(x, y), list(zip(x, y)))


def expect_vector_calls(loop):
    if not vector_library.LOADED:
        pytest.skip(f"this machine has no {vector_library.LIBRARY}")
    assert vector_calls(loop), "the loop does not call the vector library"


def assert_same_class(out, expected, arguments):
    """NaN for NaN, infinity for infinity, signed zero for signed zero, and otherwise close."""
    for value, wanted, argument in zip(out, expected, arguments):
        if np.isnan(wanted):
            assert np.isnan(value), argument
        else:
            assert np.signbit(value) == np.signbit(wanted), (argument, value, wanted)
            np.testing.assert_allclose(
                value, wanted, rtol=10 * np.finfo(out.dtype).eps, atol=np.finfo(out.dtype).smallest_subnormal,
                err_msg=str(argument),
            )  # fmt: skip


@pytest.mark.parametrize("name", POLYNOMIAL)
def test_polynomials_do_not_depend_on_position(name):
    loop = compiled_loop(getattr(kernels, name), 1)
    x = np.full(67, 0.7390851332151607)
    out = np.empty_like(x)
    loop(x, out)
    assert len(set(out.tolist())) == 1
    assert not vector_calls(loop)


def test_integers_become_float64():
    loop = compiled_loop(kernels.sin, 1)
    x, out = np.arange(20), np.empty(20)
    loop(x, out)
    np.testing.assert_allclose(out, np.sin(x), rtol=1e-15)


def test_several_functions_in_one_loop_stay_vectorised():
    sin, exp, erf = kernels.sin, kernels.exp, kernels.erf

    def mixed(x, out):
        for i in range(x.size):
            out[i] = sin(x[i]) * exp(x[i]) + erf(x[i]) * sin(2.0 * x[i])

    loop = compiled(mixed)
    x = np.linspace(-2, 2, 101)
    out, expected = np.empty_like(x), np.empty_like(x)
    loop(x, out)
    mixed(x, expected)  # the same source, not compiled
    np.testing.assert_allclose(out, expected, rtol=1e-13, atol=1e-15)
    expect_vector_calls(loop)
    names = {call.rsplit("_", 1)[1] for call in vector_calls(loop)}
    assert names == {"sin", "erf"}


def test_without_the_vector_library():
    program = """
import numpy as np
from compiled_loops import compiled_loop, vector_calls
from gradscribe import kernels
assert kernels.MATH_BACKEND == "scalar", kernels.MATH_BACKEND
loop = compiled_loop(kernels.erf, 1)
x = np.linspace(-2, 2, 101); out = np.empty_like(x)
loop(x, out)
np.testing.assert_allclose(out, kernels.erf(x), rtol=1e-14)
assert not vector_calls(loop)
"""
    environment = {**os.environ, "GRADSCRIBE_MATH": "scalar", "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", program], env=environment, check=True)
