"""Reductions: values, NaN, signed zeros, integer wrap-around, and that the loops vectorise."""

import numpy as np
import pytest
from compiled_loops import compiled, compiled_call, vector_instructions

from gradscribe import kernels

pytestmark = [pytest.mark.native, pytest.mark.filterwarnings("ignore::RuntimeWarning")]


def reduction(step):
    """A compiled loop that accumulates with `step` from the given start."""

    def reduce(x, start):
        acc = start
        for i in range(x.size):
            acc = step(acc, x[i])
        return acc

    return compiled(reduce)


CASES = (("radd", np.add, "v?add"), ("rmul", np.multiply, "v?mul"), ("fmax_nan", np.maximum, "v?max"),
         ("fmin_nan", np.minimum, "v?min"))  # fmt: skip


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("name", "reference", "mnemonic"), CASES, ids=[case[0] for case in CASES])
def test_float_reduction(name, reference, mnemonic, dtype):
    loop = reduction(getattr(kernels, name))
    rng = np.random.default_rng(0)
    x = rng.uniform(0.9, 1.1, 1003).astype(dtype)
    result = loop(x, x[0])
    exact = reference.reduce(x.astype(np.longdouble)) if name[0] == "f" else reference(reference.reduce(x), x[0])
    np.testing.assert_allclose(result, exact, rtol=100 * np.finfo(dtype).eps)
    np.testing.assert_allclose(loop.py_func(x, x[0]), exact, rtol=100 * np.finfo(dtype).eps)
    x[777] = np.nan
    assert np.isnan(loop(x, x[0]))
    x[777] = np.inf
    assert loop(x, x[0]) == reference.reduce(x)
    assert vector_instructions(loop, mnemonic), "the loop is scalar"


@pytest.mark.parametrize("name", ["radd", "rmul", "fmax_nan", "fmin_nan"])
@pytest.mark.parametrize("dtype", [np.int64, np.int32, np.uint8])
def test_integer_reduction(name, dtype):
    kernel, call = getattr(kernels, name), compiled_call(getattr(kernels, name), 2)
    limits = np.iinfo(dtype)
    for a in (limits.min, 0, 3, limits.max):
        for b in (limits.min, 1, 5, limits.max):
            a, b = dtype(a), dtype(b)
            assert dtype(call(a, b)) == kernel(a, b)


def test_accumulator_decides_the_type():
    half_precision_sum = reduction(kernels.radd)
    x = np.full(100, 1e-4)
    assert half_precision_sum(x, np.float32(1)) == pytest.approx(1.01, rel=1e-6)
    assert half_precision_sum(np.ones(5, np.float32), 0.0) == 5.0


def test_maximum_orders_zeros():
    assert not np.signbit(compiled_call(kernels.fmax_nan, 2)(-0.0, 0.0))
    assert np.signbit(compiled_call(kernels.fmin_nan, 2)(0.0, -0.0))


def test_only_the_sum_is_reordered():
    """Compensated arithmetic around a reordered sum keeps its exact steps."""
    radd = kernels.radd

    def errors_of_additions(x, big):
        acc = 0.0
        for i in range(x.size):
            high = big + x[i]
            acc = radd(acc, x[i] - (high - big))  # two-sum: what rounding lost
        return acc

    x, big = np.full(1000, 1e-17), 1.0
    assert compiled(errors_of_additions)(x, big) == pytest.approx(1e-14, rel=1e-12)
