"""Control flow that differs from lane to lane, by masks: equal to a loop over the lanes, in values and derivatives, and
no lane sees anything of a branch or an iteration that it is not in."""

import warnings

import numpy as np
import pytest

import gradscribe as gs
from oracles import relative_error

X = np.array([0.33, 1.7, 0.9, -0.41, 2.21])
POSITIVE = np.abs(X)
N = np.array([0, 3, 1, 5, 2])
ROWS = np.array([[0.1, 0.2, 0.3], [0.6, 0.1, 0.1], [0.1, 0.3, 0.9], [0.2, 0.2, 0.1], [0.24, 0.3, 0.1]])


def newton(a):
    x = a
    while abs(x * x - a) > 1e-10:
        x = 0.5 * (x + a / x)
    return x


def signed_root(a):
    if a > 0:
        r = np.sqrt(a)
    else:
        r = -np.sqrt(-a)
    return r * a


def break_and_continue(a):
    s = 0.0
    for k in range(10):
        if s > a:
            break
        if k % 2 == 1:
            continue
        s = s + a * a * 0.3 + 0.1
    else:
        s = s * 2
    return s


def early_return(x):
    for k in range(x.shape[0]):
        if x[k] > 0.5:
            return x[k] * k
        x[k] = x[k] * 2
    return np.sum(x)


def own_trip_count(x, n):
    s = x
    for k in range(n):
        s = np.sin(s) + k * x
    return s


def own_first_index(x, n):
    s = x
    for k in range(n, 6):
        if k == n:
            s = s * x
        s = s + np.log(s * s + k)
    return s


def own_range(x, n):
    s = x
    for k in reversed(range(n, 2 * n - 1)):
        if s > 3.0:
            break
        s = s + np.cos(s + k)
    return s


def loops_in_branches_in_loops(x, n):
    t = 0.0
    for k in range(4):
        y = x + k
        while y > 0.3:
            y = y * 0.5
            t = t + y * y
        if y > 0.2:
            for j in range(n):
                t = t + np.log(y) * j
    return t


def masked_writes(w, x):
    y = np.zeros(3)
    for i in range(3):
        if x > i:
            y[i] = np.sqrt(x - i) * w[i]
    return np.sum(y * y)


def own_positions(x, n):
    y = np.zeros(8)
    y[n] = x
    y[n + 1] += x * x
    return y[n] * y[2] + np.sum(y[np.arange(2) + n]) * y[(n + 5) // 2]


def own_depth(x, n):
    return np.sin(x) if n == 0 else x * own_depth(x * 0.9, n - 1) + n


CASES = {
    f.__name__: (f, args, axes)
    for f, args, axes in [
        (newton, (POSITIVE,), 0),
        (signed_root, (X,), 0),
        (break_and_continue, (X,), 0),
        (early_return, (ROWS,), 0),
        (own_trip_count, (X, N), 0),
        (own_first_index, (POSITIVE, N), 0),
        (own_range, (X, N), 0),
        (loops_in_branches_in_loops, (POSITIVE, N), 0),
        (masked_writes, (np.array([1.0, 2.0, 3.0]), X), (None, 0)),
        (own_positions, (X, N), 0),
        (own_depth, (X, N), 0),
    ]
}
every_case = pytest.mark.parametrize("name", CASES)
TAPE_OF_ITS_OWN_SIZE = {"own_trip_count", "own_first_index", "own_range"}


def lanes_of(args, axes):
    mapped = [axes != 0 and axes[k] is None for k in range(len(args))]
    return [[a.copy() if m else np.array(a[k])[()] for a, m in zip(args, mapped, strict=True)] for k in range(5)]


@every_case
def test_values(name):
    f, args, axes = CASES[name]
    expected = np.stack([f(*lane) for lane in lanes_of(args, axes)])
    for lanes in ("array", "loop", "auto"):
        np.testing.assert_allclose(gs.vmap(f, in_axes=axes, lanes=lanes)(*args), expected, rtol=1e-13)


@every_case
def test_derivatives_in_both_orders(name):
    f, args, axes = CASES[name]
    expected = np.stack([gs.grad(f)(*lane) for lane in lanes_of(args, axes)])
    step = 1e-6
    for row, lane in zip(expected, lanes_of(args, axes), strict=True):
        x = np.array(lane[0])
        numeric = [f(x + d, *lane[1:]) - f(x - d, *lane[1:]) for d in step * np.eye(x.size).reshape(-1, *x.shape)]
        np.testing.assert_allclose(row, np.reshape(numeric, x.shape) / (2 * step), rtol=1e-6, atol=1e-8)
    agree = lambda found, wanted: np.testing.assert_allclose(found, wanted, rtol=1e-11)
    for lanes in ("array", "loop"):
        agree(gs.grad(summed(f, axes, lanes))(*args), expected if axes == 0 else expected.sum(0))
        seeds = (np.ones_like(args[0]), *[None] * (len(args) - 1))
        _, pushed = gs.jvp(gs.vmap(f, in_axes=axes, lanes=lanes), args, seeds)
        agree(pushed, expected if expected.ndim == 1 else expected.sum(1))
        inside = gs.vmap(gs.grad(f), in_axes=axes, lanes=lanes)
        if lanes == "array" and name in TAPE_OF_ITS_OWN_SIZE:
            with pytest.raises(gs.NoRule, match="differs from lane to lane"):
                inside(*args)
        else:
            agree(inside(*args), expected)


def summed(f, axes, lanes):
    batched = gs.vmap(f, in_axes=axes, lanes=lanes)
    return lambda *xs: np.sum(batched(*xs))


@every_case
def test_second_order(name):
    f, args, axes = CASES[name]
    curvature = gs.grad(lambda *xs: np.sum(gs.grad(f)(*xs)))
    expected = np.stack([curvature(*lane) for lane in lanes_of(args, axes)])
    _, found = gs.jvp(gs.grad(summed(f, axes, "array")), args, (np.ones_like(args[0]), *[None] * (len(args) - 1)))
    np.testing.assert_allclose(found, expected if axes == 0 else expected.sum(0), rtol=1e-9, atol=1e-11)


@pytest.mark.native
@pytest.mark.parametrize("name", ["newton", "early_return", "loops_in_branches_in_loops", "masked_writes"])
def test_compiled(name):
    f, args, axes = CASES[name]
    for function in (f, gs.grad(f)):
        batched = gs.vmap(function, in_axes=axes, lanes="array")
        assert relative_error(gs.jit(batched)(*args), batched(*args)) < 1e-13


# ---- lanes that are not there ----


def log_or_line(w, x):
    return w * np.log(x) if x > 0 else w * x


def root_of_a_parameter(w, x):
    """The derivative with respect to w is infinite where x > 0."""
    return np.sqrt(w) if x > 0 else w * x


def element_or_zero(x, k):
    return x[k] * x[k] if k < 3 else 0.0 * x[0]


def quotient(n, m):
    return n // m if m > 0 else 0


def endless_elsewhere(x):
    y = x
    if x > 0:
        while y < 10.0:
            y = y * 2.0
    return y


def test_dead_lanes_raise_nothing_and_warn_of_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        x = np.array([0.0, -1.0, 2.0, np.e])
        w = np.full(4, 3.0)
        value = gs.vmap(log_or_line, lanes="array")
        np.testing.assert_allclose(value(w, x), [0.0, -3.0, 3 * np.log(2.0), 3.0])
        gradient = gs.vmap(gs.grad(log_or_line, argnums=(0, 1)), lanes="array")(w, x)
        np.testing.assert_allclose(gradient, [[0.0, -1.0, np.log(2.0), 1.0], [3.0, 3.0, 1.5, 3 / np.e]])
        total = gs.grad(lambda w: np.sum(gs.vmap(log_or_line, in_axes=(None, 0), lanes="array")(w, x)))
        np.testing.assert_allclose(total(3.0), -1.0 + np.log(2.0) + 1.0)
        rows = np.arange(12.0).reshape(4, 3)
        found = gs.vmap(element_or_zero, lanes="array")(rows, np.array([2, 7, 0, 3]))
        np.testing.assert_array_equal(found, [4.0, 0.0, 36.0, 0.0])
        np.testing.assert_array_equal(
            gs.vmap(quotient, lanes="array")(np.arange(4), np.array([0, 2, 0, 1])), [0, 0, 0, 3]
        )
        np.testing.assert_array_equal(
            gs.vmap(endless_elsewhere, lanes="array")(np.array([-1.0, 3.0, 0.0])), [-1, 12, 0]
        )


def test_an_infinite_derivative_stays_in_its_lane():
    x = np.array([1.0, -2.0, -3.0])
    with np.errstate(divide="ignore"):
        for lanes in ("array", "loop"):
            batched = gs.vmap(root_of_a_parameter, in_axes=(None, 0), lanes=lanes)
            assert gs.grad(lambda w, batched=batched: np.sum(batched(w, x)))(0.0) == np.inf
            found = gs.vmap(gs.grad(root_of_a_parameter), in_axes=(None, 0), lanes=lanes)(0.0, x)
            np.testing.assert_array_equal(found, [np.inf, -2.0, -3.0])


def test_a_lane_that_is_there_raises():
    with pytest.raises(IndexError):
        gs.vmap(element_or_zero, lanes="array")(np.ones((2, 2)), np.array([1, 2]))


def test_a_branch_that_no_lane_takes_is_not_run():
    text = gs.source(gs.vmap(signed_root, lanes="array"), X)
    assert "if np.any(" in text
    np.testing.assert_array_equal(gs.vmap(signed_root, lanes="array")(np.array([-1.0, -4.0])), [1.0, 8.0])


@pytest.mark.parametrize("size", [0, 1])
def test_few_lanes(size):
    for name in ("newton", "early_return", "own_trip_count", "loops_in_branches_in_loops"):
        f, args, axes = CASES[name]
        few = tuple(a[:size] for a in args)
        found = gs.vmap(f, in_axes=axes, lanes="array")(*few)
        np.testing.assert_allclose(found, [f(*lane) for lane in lanes_of(args, axes)[:size]])


def checked(x, n):
    if n > 5:
        raise ValueError(f"too many: {n}")
    return x * n


def test_checks_name_the_first_lane_that_fails():
    for lanes in ("auto", "loop", "array"):
        f = gs.vmap(checked, lanes=lanes)
        np.testing.assert_array_equal(f(X, N), X * N)
        with pytest.raises(ValueError, match="too many: 7"):
            f(X, np.array([0, 7, 8, 1, 2]))


def steps_in_one_branch(rows, n):
    return np.sum(gs.vmap(newton)(rows)) if n > 1 else np.sum(rows)


@pytest.mark.parametrize("outer", ["array", "loop"])
@pytest.mark.parametrize("inner", ["array", "loop"])
def test_nested(outer, inner):
    grid, counts = np.array([[0.33, 1.7, 0.9], [2.21, 0.41, 5.0]]), np.array([[0, 3, 1], [2, 1, 4]])
    f = loops_in_branches_in_loops
    for g in (f, gs.grad(f)):
        expected = [
            [g(np.array(a)[()], int(n)) for a, n in zip(*row, strict=True)] for row in zip(grid, counts, strict=True)
        ]
        found = gs.vmap(gs.vmap(g, lanes=inner), lanes=outer)(grid, counts)
        np.testing.assert_allclose(found, expected, rtol=1e-11)


def test_a_tape_in_one_branch():
    grid, n = np.array([[0.33, 1.7, 0.9], [2.21, 0.41, 5.0]]), np.array([0, 3])
    found = gs.vmap(gs.grad(steps_in_one_branch), lanes="array")(grid, n)
    np.testing.assert_allclose(found, [np.ones(3), 0.5 / np.sqrt(grid[1])], rtol=1e-8)
