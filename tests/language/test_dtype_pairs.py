"""Binary operations on every pair of dtypes, of arrays, NumPy scalars and Python numbers: values and dtypes are
NumPy's, in emitted text, and natively with all of a dtype's pairs compiled as one function."""

import itertools
import operator
import warnings

import numpy as np
import pytest

import gradscribe as gs

VALUES: dict[str, list[complex]] = {
    "b": [True, False, True], "i": [3, -2, 7], "u": [3, 100, 7], "f": [1.5, -2.25, 3.0], "c": [1.5 + 1j, -2 + 0.5j, 3j],
}  # fmt: skip
DTYPES = (
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float32", "float64", "complex64",
    "complex128",
)  # fmt: skip
OPERATORS = {
    "add": operator.add, "subtract": operator.sub, "multiply": operator.mul, "divide": operator.truediv,
    "floor_divide": operator.floordiv, "remainder": operator.mod, "power": operator.pow, "less": operator.lt,
    "equal": operator.eq, "bitwise_and": operator.and_, "left_shift": operator.lshift, "right_shift": operator.rshift,
}  # fmt: skip
UFUNCS = {name: getattr(np, name) for name in ("maximum", "arctan2", "fmod", "hypot", "logical_and", "copysign")}
OPERATIONS = OPERATORS | UFUNCS
NATIVE = ("bool", "int8", "uint64")
NATIVE_PARTNERS = ("bool", "int16", "int64", "uint8", "float32")


def array(dtype, reverse=False):
    values = VALUES[np.dtype(dtype).kind]
    return np.array(values[::-1] if reverse else values, dtype)


def operands(dtype, reverse=False):
    """An array, a NumPy scalar and, of the dtypes that Python has, a Python number."""
    x = array(dtype, reverse)
    yield x
    yield x[0]
    if dtype in ("bool", "int64", "float64", "complex128"):
        yield x[0].item()


def quietly(function, *args):
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        return function(*args)


def expected_of(operation, x, y):
    """NumPy's answer; None where it raises, or where there is none to give: complex numbers have no order."""
    if operation in (operator.lt, np.maximum) and (np.iscomplexobj(x) or np.iscomplexobj(y)):
        return None
    try:
        return quietly(operation, x, y)
    except (TypeError, ValueError, OverflowError):
        return None


def same(found, expected, message):
    assert np.asarray(found).dtype == np.asarray(expected).dtype, message
    assert isinstance(found, np.ndarray) == isinstance(expected, np.ndarray), message
    np.testing.assert_allclose(found, expected, rtol=1e-5, err_msg=message)


@pytest.mark.parametrize("name", OPERATIONS)
def test_text(name):
    operation = OPERATIONS[name]
    compute = gs.jit(lambda x, y: operation(x, y), backend="python")
    for left, right in itertools.product(DTYPES, DTYPES):
        for x, y in itertools.product(operands(left), operands(right, reverse=True)):
            if not isinstance(x, np.ndarray) and not isinstance(y, np.ndarray) and type(x) is not type(y):
                continue  # Python's numbers meet NumPy's scalars by rules of their own, but with the same dtype
            expected = expected_of(operation, x, y)
            if expected is not None and not all(type(v) is int for v in (x, y)):
                same(quietly(compute, x, y), expected, f"{name} of {x!r} and {y!r}")
            elif expected is None:
                with pytest.raises((gs.GradscribeError, TypeError, ValueError, OverflowError)):
                    quietly(compute, x, y)


@pytest.mark.native
@pytest.mark.slow
@pytest.mark.parametrize("left", NATIVE)
def test_native(left):
    x = array(left)
    rights = [array(d, reverse=True) for d in NATIVE_PARTNERS] + [np.uint8(200), np.int64(-70), 0.5]
    cases = [(f, k) for f in OPERATIONS.values() for k in range(len(rights))]
    expected = [expected_of(f, x, rights[k]) for f, k in cases]
    kept = [case for case, e in zip(cases, expected, strict=True) if e is not None and e.dtype != np.float16]
    wanted = [e for e in expected if e is not None and e.dtype != np.float16]
    found = quietly(gs.jit(lambda x, rights: [f(x, rights[k]) for f, k in kept]), x, rights)
    for (f, k), value, e in zip(kept, found, wanted, strict=True):
        same(value, e, f"{f.__name__} of {x!r} and {rights[k]!r}")
