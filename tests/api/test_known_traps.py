"""Traps that other tools fell into, with their numbers: kinks and dead branches as JAX has them (value, gradient,
Hessian), names rebound after decoration, assignments that run over what they read, versions of one array."""

from __future__ import annotations

import types

import numpy as np
import pytest

import gradscribe as gs

BACKENDS = ["python", pytest.param("native", marks=pytest.mark.native)]
POINTS = [np.zeros(3), np.array([0.0, 1.0, -1.0]), np.array([2.0, 2.0, 1.0]), np.array([-1.0, -1.0, 0.0])]

KINKS = {
    "dead side of where": lambda x: np.sum(np.where(x > 0, np.sqrt(x), 0.0)),
    "dead logarithm": lambda x: np.sum(np.where(x > 0, np.log(x), x)),
    "argument chosen first": lambda x: np.sum(np.where(x > 0, np.sqrt(np.where(x > 0, x, 1.0)), 0.0)),
    "norm": lambda x: np.linalg.norm(x),
    "norm by hand": lambda x: np.sqrt(np.sum(x**2)),
    "sum of absolute values": lambda x: np.linalg.norm(x, 1),
    "square root": lambda x: np.sum(np.sqrt(x)),
    "absolute value": lambda x: np.sum(np.abs(x) * x),
    "largest": lambda x: np.max(x),
    "smallest": lambda x: np.min(x),
    "relu": lambda x: np.sum(np.maximum(x, 0.0) ** 2),
    "clipped": lambda x: np.sum(np.clip(x, 0.0, 1.0)),
    "to the zero": lambda x: np.sum(x**0),
    "to the one": lambda x: np.sum(x**1),
    "cube": lambda x: np.sum(x**3),
    "to a fraction": lambda x: np.sum(x**2.5),
    "inverse": lambda x: np.sum(x**-1),
    "zero to the x": lambda x: np.sum(0.0**x),
    "x to the x": lambda x: np.sum(x**x),
    "product with zeros": lambda x: np.prod(x),
    "running product": lambda x: np.sum(np.cumprod(x)),
    "deviation": lambda x: np.std(x),
    "sign": lambda x: np.sum(np.sign(x) * x),
    "remainder": lambda x: np.sum(x % 1.0) + np.sum(x // 1.0),
    "sinc": lambda x: np.sum(np.sinc(x)),
    "sorted": lambda x: np.sum(np.sort(x) * np.array([1.0, 2.0, 3.0])),
}


def in_jax(function):
    jnp = pytest.importorskip("jax.numpy")
    return types.FunctionType(function.__code__, {**function.__globals__, "np": jnp})


@pytest.mark.parametrize("backend", ["python", pytest.param("native", marks=[pytest.mark.native, pytest.mark.slow])])
@pytest.mark.parametrize("name", KINKS)
def test_kinks_are_those_of_jax(name, backend):
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    function = KINKS[name]
    theirs = in_jax(function)

    def ours(x):
        return function(x), gs.grad(function)(x), gs.hessian(function)(x)

    compiled = gs.jit(ours, backend=backend)
    for x in POINTS:
        with np.errstate(all="ignore"):
            found = compiled(x)
        expected = theirs(x), jax.grad(theirs)(x), jax.hessian(theirs)(x)
        for mine, yours in zip(found, expected, strict=True):
            np.testing.assert_allclose(mine, np.asarray(yours), rtol=1e-12, atol=1e-15)


# ---- NumPy itself overwrites what it still has to read: vectors of one memory with different strides ----


def spread(x):
    x[::2] = x[:8]
    return x


def row_of_its_column(x):
    a = x.reshape(4, 4)
    a[1] = a[:, 2]
    return x


def shifted(x):
    x[1:] = x[:-1]
    x[::2] = x[1::2]
    return x


def spread_by_hand(x):
    x[::2] = x[:8].copy()
    return x


def row_by_hand(x):
    a = x.reshape(4, 4)
    a[1] = a[:, 2].copy()
    return x


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    "function, meant", [(spread, spread_by_hand), (row_of_its_column, row_by_hand), (shifted, shifted)]
)
def test_assignments_read_before_they_write(function, meant, backend):
    x = np.arange(16.0) ** 1.5
    np.testing.assert_array_equal(gs.jit(function, backend=backend)(x.copy()), meant(x.copy()))


def test_assignments_that_numpy_does_well_are_not_copied():
    assert "copy" not in gs.source(gs.jit(shifted), np.arange(16.0))


# ---- names that change after decoration ----


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_name_rebound_after_decoration_is_read_anew(backend):
    scale, power, table = 2.0, 2, np.array([1.0, 2.0])

    @gs.grad
    def loss(x):
        return np.sum(scale * table * x**power)

    compiled = gs.jit(loss, backend=backend)
    x = np.array([0.5, 1.5])
    for function in (loss, compiled):
        scale, power, table = 2.0, 2, np.array([1.0, 2.0])
        np.testing.assert_allclose(function(x), scale * table * 2 * x)
        scale, power = 5.0, 3
        np.testing.assert_allclose(function(x), scale * table * 3 * x**2)
        table = np.array([3.0, -1.0])
        np.testing.assert_allclose(function(x), scale * table * 3 * x**2)
        table[0] = 7.0
        np.testing.assert_allclose(function(x), scale * table * 3 * x**2)


# ---- versions of an array ----


@pytest.mark.parametrize("backend", BACKENDS)
def test_an_old_version_updated_twice(backend):
    def forked(x):
        left, right = x.copy(), x.copy()
        left[0] = x[1] ** 2
        right[0] = x[2] ** 3
        return np.sum(left * right)

    x = np.array([0.5, 1.5, -2.0])
    expected = np.array([0.0, 2 * x[1] * x[2] ** 3 + 2 * x[1], 3 * x[1] ** 2 * x[2] ** 2 + 2 * x[2]])
    np.testing.assert_allclose(gs.jit(gs.grad(forked), backend=backend)(x), expected)


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_was_overwritten_is_read_in_reverse(backend):
    def powers(x, n):
        y = x * 1.0
        for _ in range(n):
            y *= y
            y[0] = y[1] * y[0]
        return np.sum(y)

    x = np.array([1.1, 0.9])
    step = 1e-6
    slopes = [(powers(x + step * e, 3) - powers(x - step * e, 3)) / (2 * step) for e in np.eye(2)]
    np.testing.assert_allclose(gs.jit(gs.grad(powers), backend=backend)(x, 3), slopes, rtol=1e-8)
    np.testing.assert_array_equal(gs.jit(gs.grad(powers), backend=backend)(x, 0), np.ones(2))


# ---- control flow whose way through decides what the backward pass reads ----


def return_out_of_two_loops(x, limit):
    """Leaves both loops where the running sum exceeds the limit: what comes later has no part in the result."""
    total = 0.0
    for i in range(3):
        for j in range(len(x)):
            total = total + (i + 1) * x[j] ** 2
            if total > limit:
                return total * x[j]
    return -total


def loop_in_a_branch_in_a_loop(x, n):
    """A value carried by a `while` that runs a number of times that differs, only where an element is positive."""
    total = 0.0
    for v in x:
        if v > 0.0:
            y = v
            k = 0
            while k < n and y < 3.0:
                y = y * y + v
                k += 1
            total = total + y
        else:
            total = total - v * total
    return total


def overwritten_where_positive(x, scale):
    """An element that a branch overwrites gives its cotangent to the new value alone; the others keep theirs."""
    y = x.copy()
    for i in range(len(x)):
        if x[i] > 0.0:
            y[i] = scale * x[i - 1]
        if y[i] < -1.0:
            y[i] *= x[i]
    return np.sum(y**2)


TRAPS = [  # (function, x, the other argument, gradient by hand or None)
    # 0.25 + 1 > 1.2: (0.25 + x1^2) x1, before anything of the second row
    (return_out_of_two_loops, np.array([0.5, 1.0, 2.0]), 1.2, [2 * 0.5 * 1.0, 0.25 + 3 * 1.0, 0.0]),
    # in the second row, after its first element: (sum of squares + 2 x0^2) x0
    (return_out_of_two_loops, np.array([1.0, 0.5, 0.25]), 2.0, [9 + 0.3125, 2 * 0.5, 2 * 0.25]),
    (return_out_of_two_loops, np.array([1.0, 0.5, 0.25]), 100.0, [-12.0, -6.0, -3.0]),
    (return_out_of_two_loops, np.zeros(0), 1.0, []),
    # 0.5 -> 0.75 -> 1.0625, then (1 - x1) of it: x1 = -2
    (loop_in_a_branch_in_a_loop, np.array([0.5, -2.0]), 2, [3 * (2 * 0.75 * (2 * 0.5 + 1) + 1), -1.0625]),
    (loop_in_a_branch_in_a_loop, np.array([0.5, -2.0, 1.5]), 0, [3.0, -0.5, 1.0]),
    (loop_in_a_branch_in_a_loop, np.array([0.9, 1.6, -0.3, 2.0, 0.2]), 4, None),
    (loop_in_a_branch_in_a_loop, np.array([-1.0, -2.0]), 4, [0.0, 0.0]),
    # y = (3 x2, x1^2, 3 x1 x2): the last is overwritten twice
    (overwritten_where_positive, np.array([1.0, -2.0, 0.5]), 3.0, [0.0, -32.0 - 9.0, 9.0 + 36.0]),
    (overwritten_where_positive, np.array([-0.5, 2.0, -0.25]), -3.0, [-1.0 + 18 * -0.5, 0.0, -0.5]),
    (overwritten_where_positive, np.array([1.0, 0.5, -0.7, 2.0]), 1.5, None),
]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("case", range(len(TRAPS)), ids=lambda k: f"{TRAPS[k][0].__name__}{k}")
def test_ways_through_loops_and_branches(case, backend):
    function, x, other, by_hand = TRAPS[case]

    def ours(x, other):
        forward = gs.jacfwd(function)(x, other)
        return *gs.value_and_grad(function)(x, other), forward, gs.hessian(function)(x, other)

    value, reverse, forward, curvature = gs.jit(ours, backend=backend)(x, other)
    np.testing.assert_allclose(value, function(x, other), rtol=1e-14)
    step = 1e-6
    slopes = [(function(x + step * e, other) - function(x - step * e, other)) / (2 * step) for e in np.eye(x.size)]
    np.testing.assert_allclose(reverse, np.reshape(slopes, x.shape), rtol=1e-7, atol=1e-8)
    np.testing.assert_allclose(forward, reverse, rtol=1e-13)
    if by_hand is not None:
        np.testing.assert_allclose(reverse, by_hand, rtol=1e-13, atol=1e-15)
    gradient = gs.grad(function)
    bends = [(gradient(x + step * e, other) - gradient(x - step * e, other)) / (2 * step) for e in np.eye(x.size)]
    np.testing.assert_allclose(curvature, np.reshape(bends, (x.size, x.size)), rtol=1e-7, atol=1e-7)
