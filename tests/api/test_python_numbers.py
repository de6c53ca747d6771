"""Python's floats: `math` and `**` raise in every backend where Python raises, derivatives follow NumPy (inf, NaN)."""

import math
import operator
import traceback

import numpy as np
import pytest

import gradscribe as gs

BACKENDS = ["python", pytest.param("native", marks=pytest.mark.native)]

UNARY = "sqrt log log2 log10 log1p sin cos tan asin acos atan acosh atanh exp expm1 exp2 sinh cosh tanh asinh cbrt erf"
NUMBERS = (
    0.0, -0.0, -0.5, -1.0, 1.0, -2.0, 2.0, 1023.99, 1024.0, 709.782712893384, 709.7827128933841, 710.4758600739439,
    710.475860073944, -800.0, math.inf, -math.inf, math.nan,
)  # fmt: skip
BASES = (0.0, -0.0, -8.0, 2.0, math.inf, -math.inf, math.nan)
EXPONENTS = (0.0, -1.0, 1 / 3, -0.5, 2.0, 3.0, math.inf, -math.inf, math.nan)


def outcome(function, *args):
    """The value, or the class of what is raised; Python's complex powers are refused with a ValueError."""
    try:
        value = function(*args)
    except (ValueError, OverflowError, ZeroDivisionError) as error:
        return type(error)
    return ValueError if isinstance(value, complex) else value


def assert_same(function, compiled, arguments):
    for args in arguments:
        expected, found = outcome(function, *args), outcome(compiled, *args)
        if isinstance(expected, type):
            assert found is expected, args
        else:
            np.testing.assert_allclose(found, expected, rtol=1e-14, err_msg=str(args))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", [n for n in UNARY.split() if hasattr(math, n)])
def test_functions_of_math_raise_as_python_does(name, backend):
    function = getattr(math, name)
    assert_same(function, gs.jit(lambda x: function(x), backend=backend), [(x,) for x in NUMBERS])


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("function", [math.pow, math.fmod, math.atan2, operator.pow])
def test_functions_of_two_numbers_raise_as_python_does(function, backend):
    compiled = gs.jit(lambda x, y: function(x, y), backend=backend)
    assert_same(function, compiled, [(x, y) for x in BASES for y in EXPONENTS])


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_line_is_named(backend):
    def entropy(p):
        return -p * math.log(p)

    for function in (entropy, gs.grad(entropy)):
        with pytest.raises(ValueError) as caught:
            gs.jit(function, backend=backend)(-1.0)
        assert "-p * math.log(p)" in "".join(traceback.format_exception(caught.value))


def test_a_value_that_is_not_needed_raises_all_the_same():
    with pytest.raises(ValueError, match="math domain error"):
        gs.grad(lambda x: math.log(x))(-1.0)
    with pytest.raises(ValueError, match="math domain error"):
        gs.jit(lambda x: [math.sqrt(x), x][1], backend="python")(-1.0)


def test_lanes_raise_where_they_come_by():
    def guarded(x):
        return math.log(x) if x > 0.0 else x

    np.testing.assert_array_equal(gs.vmap(guarded)(np.array([-1.0, 1.0])), [-1.0, 0.0])
    with pytest.raises(ValueError, match="math domain error"):
        gs.vmap(lambda x: math.log(x))(np.array([-1.0, 1.0]))


def test_text_that_calls_the_function_has_no_check_of_its_own():
    text = gs.source(gs.jit(lambda x: math.sqrt(x) + math.sin(x)), 1.0)
    assert 'raise ValueError("math' not in text
    assert "math.sqrt(x) + math.sin(x)" in text


# ---- derivatives: inf and NaN where JAX has them, never an exception of the derivative's own arithmetic ----

POLES = [
    (math.sqrt, (0.0,), [math.inf]),
    (math.acos, (1.0,), [-math.inf]),
    (math.asin, (-1.0,), [math.inf]),
    (math.acosh, (1.0,), [math.inf]),
    (math.atan2, (0.0, 0.0), [math.nan, math.nan]),
    (operator.pow, (0.0, 0.0), [math.nan, 0.0]),
    (operator.pow, (-2.0, 2.0), [-4.0, math.nan]),
    (operator.pow, (0.0, 0.5), [math.inf, 0.0]),
    (operator.pow, (0.0, 2.0), [0.0, 0.0]),
    (math.pow, (0.0, 0.0), [math.nan, 0.0]),
    (lambda x: x**0.5, (0.0,), [math.inf]),
    (lambda x: x**-2, (1e-110,), [-math.inf]),
    (lambda x: 1 / x, (1e-200,), [-math.inf]),
    (lambda x: math.log(x), (1e-320,), [math.inf]),
    (lambda x: math.sqrt(x) if x >= 0.0 else x, (0.0,), [math.inf]),
]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("function", "point", "expected"), POLES)
def test_derivatives_at_poles_are_those_of_jax(function, point, expected, backend):
    def program(*args):
        return function(*args)

    every = tuple(range(len(point)))
    with np.errstate(all="ignore"):
        gradient = gs.jit(gs.grad(program, every), backend=backend)(*point)
        np.testing.assert_array_equal(gradient, expected)
        np.testing.assert_array_equal(gs.grad(program, every)(*point), expected)
        for k in every:
            direction = tuple(1.0 if j == k else None for j in every)
            np.testing.assert_array_equal(gs.jvp(program, point, direction)[1], expected[k])


def test_poles_in_a_loop():
    def roots(x, n):
        total = 0.0
        for _ in range(n):
            total += math.sqrt(x)
        return total

    with np.errstate(divide="ignore"):
        assert gs.grad(roots)(0.0, 3) == math.inf


def test_text_of_derivatives_stays_plain_where_nothing_can_be_zero():
    text = gs.source(gs.grad(lambda x, y: math.log(x) / y + x / y**2), 2.0, 3.0)
    assert "np.divide" not in text and "np.float64" not in text


def beside(i):
    return i + -4


def before(i):
    return 300 + i[0]


def written(i):
    i[0] = 300
    return i


def added(i):
    i[1:] += -1
    return i


def larger(i):
    return np.maximum(i, -1)


def in_an_array(i):
    return np.array([1, 300], np.uint8) + i


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("function", [beside, before, written, added, larger, in_an_array])
def test_a_written_int_that_the_dtype_does_not_hold(function, backend):
    given = np.array([3, 2], np.uint8)
    with pytest.raises(OverflowError, match="out of bounds for uint8"):
        function(given.copy())
    with pytest.raises(OverflowError, match="out of bounds for uint8") as caught:
        gs.jit(function, backend=backend)(given.copy())
    assert not isinstance(caught.value, gs.InternalError)


@pytest.mark.native
def test_it_raises_where_it_is_reached():
    def shifted(i, t):
        return i + 300 if t > 0 else i + 1

    compiled = gs.jit(shifted)
    assert compiled(np.array([3, 2], np.uint8), -1.0).tolist() == [4, 3]
    with pytest.raises(OverflowError, match="out of bounds"):
        compiled(np.array([3, 2], np.uint8), 1.0)
