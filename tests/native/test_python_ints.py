"""Python ints in native code: exact, or refused with an OverflowError, never wrapped. Division by zero, shifts and
`int(x)` fail as in Python. NumPy's integers wrap as in NumPy."""

import importlib.util
import math

import numpy as np
import pytest
from tests.native.integer_programs import Magnitude, keep, random_integer_program

import gradscribe as gs

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")

EDGES = [0, 1, -1, 2, -7, 5, 2**31, -(2**31), 2**40, 3037000499, 3037000500, 2**62, 2**63 - 1, -(2**63)]


def outcome(function, *args):
    """A value, or the class of what was raised."""
    try:
        return function(*args)
    except (ArithmeticError, ValueError) as error:
        kinds = (ZeroDivisionError, OverflowError, ValueError)
        return next(k for k in kinds if isinstance(error, k))


def square(n):
    return n * n


def cubic(n):
    return n * n * n - 3 * n + 1


def successor(n):
    return n + 1


def opposite(n):
    return -n


def magnitude(n):
    return abs(n)


def complement(n):
    return ~n


def doubled(n):
    return n << 1


def halved(n):
    return (n + 1) // 2


def last_digit(n):
    return n % 10


def as_float(n):
    return float(n * n)


def is_large(n):
    return n * n > 1000


@pytest.mark.parametrize(
    "function",
    [square, cubic, successor, opposite, magnitude, complement, doubled, halved, last_digit, as_float, is_large],
)
def test_one_argument(function):
    """Exact, or OverflowError where Python's int, or one on the way, leaves int64."""
    jitted = gs.jit(function)
    for n in EDGES:
        Magnitude.most = 0
        exact, found = function(n), outcome(jitted, n)
        if function in (is_large, as_float):
            square(Magnitude(n))
        else:
            function(Magnitude(n))
        fits = Magnitude.most < 2**63
        assert (found == exact and type(found) is type(exact)) or (found is OverflowError and not fits), (n, found)
        if type(exact) is int and not -(2**63) <= exact < 2**63:
            assert found is OverflowError


def quotient(a, b):
    return a // b


def rest(a, b):
    return a % b


def true_quotient(a, b):
    return a / b


def both(a, b):
    return divmod(a, b)


def up(a, b):
    return a << b


def down(a, b):
    return a >> b


@pytest.mark.parametrize("function", [quotient, rest, true_quotient, both, up, down])
def test_two_arguments(function):
    jitted = gs.jit(function)
    for a in EDGES:
        for b in [0, 1, -1, 3, -3, 62, 63, 64, 100, -(2**63)]:
            exact, found = outcome(function, a, b), outcome(jitted, a, b)
            numbers = exact if isinstance(exact, tuple) else (exact,)
            if any(isinstance(x, int) and not -(2**63) <= x < 2**63 for x in numbers):
                assert found is OverflowError, (a, b)
            elif function is true_quotient and isinstance(exact, float):
                np.testing.assert_allclose(found, exact, rtol=1e-15)  # Python rounds once
            else:
                assert found == exact, (a, b)


@pytest.mark.parametrize("function", [quotient, rest, true_quotient])
@pytest.mark.parametrize("backend", ["native", "python"])
def test_python_floats_divided_by_zero(function, backend):
    jitted = gs.jit(function, backend=backend)
    for a in (1.0, 0.0, -2.5, math.inf):
        assert outcome(jitted, a, 0.0) is outcome(function, a, 0.0) is ZeroDivisionError
        assert repr(jitted(np.float64(a), np.float64(0.0))) == repr(function(np.float64(a), np.float64(0.0)))
        assert jitted(7.5, 2.0) == function(7.5, 2.0)


def raised(a, b):
    return a**b


@pytest.mark.parametrize("backend", ["native", "python"])
def test_powers_of_python_floats(backend):
    jitted = gs.jit(raised, backend=backend)
    assert outcome(jitted, 0.0, -1.0) is outcome(raised, 0.0, -1.0) is ZeroDivisionError
    assert outcome(jitted, -8.0, 1 / 3) is ValueError  # Python's result is complex
    assert jitted(-2.0, 3.0) == -8.0 and jitted(0.0, 0.0) == 1.0


def truncated(x):
    return int(x)


def rounded(x):
    return round(x)


def below(x):
    return math.floor(x)


def above(x):
    return math.ceil(x)


@pytest.mark.parametrize("function", [truncated, rounded, below, above])
@pytest.mark.parametrize("kind", [float, np.float64])
def test_float_to_int(function, kind):
    jitted = gs.jit(function)
    for x in (0.0, 2.5, -2.5, 1e15 + 0.5, -(2.0**63), 2.0**62, math.nan, math.inf, -math.inf, 2.0**63, 1e30):
        exact, found = outcome(function, kind(x)), outcome(jitted, kind(x))
        if isinstance(exact, int) and not -(2**63) <= exact < 2**63:
            assert found is OverflowError
        else:
            assert found == exact, x


@pytest.mark.parametrize("n", [2**63, -(2**63) - 1, 10**30])
def test_arguments_beyond_64_bits(n):
    jitted = gs.jit(successor)
    with pytest.raises(OverflowError, match="does not fit"):
        jitted(n)  # refused when it is traced
    assert jitted(3) == 4
    with pytest.raises(OverflowError, match="does not fit"):
        jitted(n)  # refused when it is called


def accumulated(n, factor):
    total = 1
    for _ in range(n):
        total = total * factor
    return total


def test_the_line_is_named():
    with pytest.raises(OverflowError) as caught:
        gs.jit(square)(2**40)
    assert "return n * n" in "".join(caught.value.__notes__)
    with pytest.raises(OverflowError):
        gs.jit(accumulated)(41, 3)
    assert gs.jit(accumulated)(39, 3) == 3**39


def searched(n):
    for d in range(2, n):
        if d * d > n:
            return n
        if n % d == 0:
            return d
    return n


def skipped(n, m):
    total = 0
    for i in range(m):
        total = total + n * n + i
    return total


def test_what_does_not_run_is_not_refused():
    assert gs.jit(searched)(10**12 + 39) == searched(10**12 + 39)
    assert gs.jit(skipped)(2**60, 0) == 0
    with pytest.raises(OverflowError):
        gs.jit(skipped)(2**60, 1)


def widened(x, n):
    return x + n


def compared(x, n):
    return x < n


def squared_elements(x):
    return x[0] * x[0]


def stored(x, n):
    x[0] = n
    return x


def test_numpy_integers():
    small, large = np.arange(3, dtype=np.int8), np.array([2**40, 3])
    jitted = gs.jit(widened)
    np.testing.assert_array_equal(jitted(small, 100), widened(small, 100))
    np.testing.assert_array_equal(jitted(small + 100, 100), widened(small + 100, 100))  # wraps
    assert outcome(jitted, small, 200) is outcome(widened, small, 200) is OverflowError
    assert outcome(gs.jit(stored), small.copy(), 200) is outcome(stored, small.copy(), 200) is OverflowError
    for n in (1, 200, -1000):
        np.testing.assert_array_equal(gs.jit(compared)(small, n), compared(small, n))
    assert gs.jit(squared_elements)(large) == squared_elements(large) == 0


def positions(x):
    """Counters and positions are proved to fit: there is no check at all."""
    n = len(x)
    out = np.zeros(n)
    count = 0
    for i in range(n):
        out[i] = x[i] * (2 * i - n) + x[n - 1 - i]
        if x[i] > 0.5:
            count += 1
    return out, count


def counted(x):
    """Polynomials of positions are checked once, in front of the loop."""
    n = len(x)
    out = np.zeros(n)
    count = 0
    for i in range(n):
        out[i] = x[i] * (i * i - 3 * i + 2) + x[n - 1 - i]
        if x[i] > 0.5:
            count += 1
    return out, count


def spread(n):
    """An unbounded trip count: checked once in front of the loop."""
    out = np.zeros(n)
    for i in range(n):
        out[i] = 0.5 * (i * i + 1)
    return out


def test_checks_stay_out_of_loops():
    x = np.linspace(0.0, 1.0, 50)
    for function, argument, checks in ((counted, x, True), (spread, 50, True), (positions, x, False)):
        jitted = gs.jit(function)
        for found, wanted in zip(jitted(argument), function(argument), strict=True):
            np.testing.assert_allclose(found, wanted, rtol=1e-14, atol=1e-14)
        before, _, loops = gs.source(jitted, argument, level="loops").partition("for ")
        assert ("_overflows(" in before) == checks and "_overflows" not in loops


def load(path, text):
    path.write_text(text)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    module.keep, module.number = keep, Magnitude
    spec.loader.exec_module(module)
    return module.f


@pytest.mark.parametrize("seed", range(12))
def test_random_programs(seed, tmp_path):
    """Equal to Python, or OverflowError where a number or a term of a polynomial leaves int64."""
    plain, tracked = random_integer_program(seed)
    function = load(tmp_path / f"integers_{seed}.py", plain)
    magnitudes = load(tmp_path / f"magnitudes_{seed}.py", tracked)
    executions = [gs.jit(function, backend="python"), gs.jit(function)]
    rng = np.random.default_rng(seed)
    compared = 0
    for trial in range(60):
        bits = (3, 8, 20, 40)[trial % 4]
        a, b, c = (
            int(rng.choice(EDGES)) if rng.random() < 0.1 else int(rng.integers(-(2**bits), 2**bits)) for _ in "abc"
        )
        Magnitude.most = 0
        outcome(magnitudes, Magnitude(a), Magnitude(b), Magnitude(c))
        exact = outcome(function, a, b, c)
        found = [outcome(f, a, b, c) for f in executions]
        assert found[0] == exact, (plain, a, b, c)
        assert found[1] == exact or (found[1] is OverflowError and Magnitude.most >= 2**63), (
            plain,
            a,
            b,
            c,
            found,
            exact,
        )
        compared += found[1] == exact
    assert compared > 2


@pytest.mark.native
@pytest.mark.parametrize("backend", ["python", "native"])
def test_numpy_integers_have_no_negative_powers(backend):
    power = gs.jit(lambda a, b: a**b, backend=backend)
    np.testing.assert_array_equal(power(np.array([3, -2]), np.array([4, 3])), [81, -8])
    with pytest.raises(ValueError, match="negative integer powers"):
        power(np.array([3, -2]), np.array([4, -3]))
