"""Integer arithmetic: NumPy's division, remainder and power; overflow of Python's ints against unbounded ones."""

import itertools
import operator

import numpy as np
import pytest
from compiled_loops import compiled, compiled_call

from gradscribe import kernels
from gradscribe.kernels import status as status_codes

pytestmark = [pytest.mark.native, pytest.mark.filterwarnings("ignore::RuntimeWarning")]

FLOATS = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.1,
    0.3,
    -0.7,
    1e300,
    -1e300,
    5e-324,
    np.inf,
    -np.inf,
    np.nan,
    7.5,
    -2.5,
    1e16,
    3.0,
    6.0,
]
EDGES = [0, 1, -1, 2, 3, 2**31, 2**62, -(2**62), 2**63 - 1, -(2**63), 3037000499, 3037000500, -3037000500]


@pytest.mark.parametrize("name", ["floor_divide", "remainder", "fmod"])
@pytest.mark.parametrize("dtype", [np.int8, np.int32, np.int64, np.uint8, np.uint64])
def test_integer_division(name, dtype):
    kernel, call = getattr(kernels, name), compiled_call(getattr(kernels, name), 2)
    limits = np.iinfo(dtype)
    values = [dtype(v) for v in (0, 1, 2, 5, 7, limits.max, limits.min)]
    values += [dtype(v) for v in (-1, -2, -7)] if limits.min < 0 else []
    for a, b in itertools.product(values, values):
        wanted = getattr(np, name)(a, b)
        assert dtype(call(a, b)) == wanted, (a, b)
        assert kernel(a, b) == wanted


@pytest.mark.parametrize("name", ["floor_divide", "remainder", "fmod"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_float_division(name, dtype):
    call = compiled_call(getattr(kernels, name), 2)
    for a, b in itertools.product(FLOATS, FLOATS):
        a, b = dtype(a), dtype(b)
        wanted, value = getattr(np, name)(a, b), call(a, b)
        np.testing.assert_array_equal(value, wanted, err_msg=f"{a} {b}")
        assert np.isnan(wanted) or np.signbit(value) == np.signbit(wanted), (a, b)
        np.testing.assert_array_equal(getattr(kernels, name)(a, b), wanted)


@pytest.mark.parametrize("dtype", [np.int8, np.int64, np.uint16])
def test_integer_power_wraps(dtype):
    call = compiled_call(kernels.integer_power, 2)
    for base, exponent in itertools.product((0, 1, 2, 3, 7, 100), range(12)):
        base, exponent = dtype(base), dtype(exponent)
        assert dtype(call(base, exponent)) == np.power(base, exponent) == kernels.integer_power(base, exponent)


@pytest.mark.parametrize("name", ["checked_add", "checked_subtract", "checked_multiply"])
def test_overflow_is_reported(name):
    kernel = getattr(kernels, name)
    exact = {"checked_add": operator.add, "checked_subtract": operator.sub, "checked_multiply": operator.mul}[name]
    call = compiled(lambda a, b, status: kernel(a, b, status, 17))
    for a, b in itertools.product(EDGES, EDGES):
        wanted = exact(a, b)
        for function in (call, call.py_func):
            status = kernels.new_status()
            value = function(a, b, status)
            if -(2**63) <= wanted < 2**63:
                assert value == wanted and not status.any()
            else:
                assert (int(value) - wanted) % 2**64 == 0  # wraps
                assert status.tolist() == [status_codes.OVERFLOW, 17, a, b]


def test_checked_power():
    kernel = kernels.checked_power
    call = compiled(lambda a, b, status: kernel(a, b, status, 17))
    for base, exponent in itertools.product((-3, -2, -1, 0, 1, 2, 3, 10, 2**31, 2**32), range(70)):
        wanted, status = base**exponent, kernels.new_status()
        value = call(base, exponent, status)
        fits = -(2**63) <= wanted < 2**63
        assert status.tolist() == ([0, 0, 0, 0] if fits else [status_codes.OVERFLOW, 17, base, exponent])
        assert not fits or value == wanted


CHECKED = {
    "checked_left_shift": operator.lshift,
    "checked_right_shift": operator.rshift,
    "checked_floor_divide": operator.floordiv,
}


@pytest.mark.parametrize("name", CHECKED)
def test_checked_operations_are_exact_or_report(name):
    kernel = getattr(kernels, name)
    call = compiled(lambda a, b, status: kernel(a, b, status, 17))
    for a, b in itertools.product(EDGES, [-1, 1, 2, 5, 31, 62, 63, 64, 2**40]):
        negative = b < 0 and "shift" in name
        wanted = 0 if negative else CHECKED[name](a, min(b, 200) if "shift" in name else b)
        for function in (call, call.py_func):
            status = kernels.new_status()
            value = function(a, b, status)
            if negative:
                assert status.tolist() == [status_codes.NEGATIVE_SHIFT, 17, a, b]
            elif -(2**63) <= wanted < 2**63:
                assert value == wanted and not status.any(), (a, b)
            else:
                assert status.tolist() == [status_codes.OVERFLOW, 17, a, b]


def test_checked_integer():
    kernel = kernels.checked_integer
    call = compiled(lambda x, status: kernel(x, status, 17))
    bad = {
        np.nan: status_codes.NAN_TO_INTEGER,
        np.inf: status_codes.INFINITY_TO_INTEGER,
        -np.inf: status_codes.INFINITY_TO_INTEGER,
        2.0**63: status_codes.TOO_LARGE_FOR_INTEGER,
        -1e300: status_codes.TOO_LARGE_FOR_INTEGER,
    }
    for x in (*bad, 0.0, -2.5, 2.5, -(2.0**63), 2.0**62):
        for function in (call, call.py_func):
            status = kernels.new_status()
            value = function(x, status)
            assert status[0] == bad.get(x, 0)
            assert x in bad or value == int(x)
