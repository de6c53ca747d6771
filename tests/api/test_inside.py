"""Transformations applied inside functions that are transformed themselves."""

import numpy as np
import pytest

import gradscribe as gs
import oracles
from api import functions

X = np.array([0.3, 0.7, 1.1])


def test_gradient_of_a_gradient_step():
    def energy(x, a):
        return np.sum(a * x**4)

    def after_steps(a, x):
        for _ in range(3):
            x = x - 0.1 * gs.grad(energy)(x, a)
        return energy(x, a)

    a = np.array([1.0, 2.0, 0.5])
    gradient = gs.grad(after_steps)(a, X)
    assert oracles.directional_error(after_steps_by_hand, (a, X), (0,), [gradient], 1.0) < 1e-8


def after_steps_by_hand(a, x):
    for _ in range(3):
        x = x - 0.1 * 4 * a * x**3
    return np.sum(a * x**4)


def test_value_and_gradient_vmap_and_jvp_inside():
    def f(x):
        value, gradient = gs.value_and_grad(functions.cube)(x)
        rows = gs.vmap(lambda a, b: a * b, in_axes=(None, 0))(gradient, x)
        _, tangent = gs.jvp(functions.smooth, (x,), (x,))
        return value + np.sum(rows) + np.sum(tangent)

    def by_hand(x):
        tangent = x * np.exp(-x) * (np.cos(x) - np.sin(x))
        return np.sum(x**3) + np.sum(3 * x**2) * np.sum(x) + np.sum(tangent)

    assert gs.jit(f, backend="python")(X) == pytest.approx(by_hand(X), rel=1e-13)
    gradient = gs.grad(f)(X)
    assert oracles.directional_error(by_hand, (X,), (0,), [gradient], 1.0) < 1e-8


def test_closures_are_differentiated_through():
    def f(a):
        def inner(x):
            return np.sum(a * x**2)

        return np.sum(gs.grad(inner)(X) * a)

    np.testing.assert_allclose(gs.grad(f)(np.ones(3) * 2.0), 2 * 2 * 2.0 * X, rtol=1e-14)


def test_pullback_inside():
    def f(x):
        y, pull = gs.vjp(functions.smooth, x)
        (g,) = pull(y)
        return np.sum(g)

    def by_hand(x):
        return np.sum(np.sin(x) * np.exp(-2 * x) * (np.cos(x) - np.sin(x)))

    assert gs.jit(f, backend="python")(X) == pytest.approx(by_hand(X), rel=1e-13)
    assert oracles.directional_error(by_hand, (X,), (0,), [gs.grad(f)(X)], 1.0) < 1e-8


def test_pullback_returned_from_jit():
    y, pull = gs.jit(lambda x: gs.vjp(functions.smooth, x), backend="python")(X)
    expected, reference = gs.vjp(functions.smooth, X)
    np.testing.assert_array_equal(y, expected)
    np.testing.assert_allclose(pull(X)[0], reference(X)[0], rtol=1e-15)
    with pytest.raises(ValueError, match="must have shape"):
        pull(np.ones(2))


def damped(x, limit):
    """A loop whose trip count is data: its tapes grow."""
    steps = 0
    while np.sum(x * x) > limit:
        x = 0.7 * np.sin(x) + 0.1 * x[::-1]
        limit = limit * 1.01
        steps += 1
    return x * limit, np.sum(x) * steps


@pytest.mark.native
def test_pullback_with_growing_tapes_returned_from_compiled_code():
    (y, _), pull = gs.jit(lambda x, limit: gs.vjp(damped, x, limit))(X, 0.05)
    expected, reference = gs.vjp(damped, X, 0.05)
    np.testing.assert_allclose(y, expected[0], rtol=1e-13)
    for cotangent in ((X, 0.3), (X, 0.3), (np.ones_like(X), -1.0)):
        found, wanted = pull(cotangent), reference(cotangent)
        np.testing.assert_allclose(found[0], wanted[0], rtol=1e-12)
        np.testing.assert_allclose(found[1], wanted[1], rtol=1e-12)
    error = oracles.directional_error(damped, (X, 0.05), (0, 1), pull((X, 0.3)), (X, 0.3))
    assert error < 1e-8


def test_pullback_from_outside_is_refused_inside():
    _, pull = gs.vjp(functions.smooth, X)
    with pytest.raises(gs.UnsupportedSyntax, match="made outside"):
        gs.jit(lambda x: pull(x)[0], backend="python")(X)


def test_jit_inside_writes_its_argument():
    scale = gs.jit(scale_first, backend="python")

    def f(x):
        y = x * 1.0
        scale(y)
        return np.sum(y * y)

    expected = 2 * X
    expected[0] = 2 * 9 * X[0]
    np.testing.assert_allclose(gs.grad(f)(X), expected, rtol=1e-14)


def scale_first(y):
    y[0] = 3.0 * y[0]


def test_static_arguments_inside():
    power = gs.jit(functions.power_by_loop, static_argnums=1, backend="python")

    def f(x):
        return power(x, 3) + power(x, 2)

    assert gs.grad(f)(2.0) == pytest.approx(12.0 + 4.0)


def test_hessian_inside_a_loop():
    def newton(x):
        for _ in range(4):
            g = gs.grad(quartic)(x)
            h = gs.hessian(quartic)(x)
            x = x - np.linalg.solve(h, g)
        return x

    found = gs.jit(newton, backend="python")(np.array([1.0, 2.0]))
    x = np.array([1.0, 2.0])
    for _ in range(4):
        x = x - (4 * x**3 + 2 * x) / (12 * x**2 + 2)
    np.testing.assert_allclose(found, x, rtol=1e-12)


def quartic(x):
    return np.sum(x**4 + x**2)


def test_per_lane_gradient_steps():
    def step(x):
        return x - 0.1 * gs.grad(quartic)(x)

    xs = np.arange(6.0).reshape(3, 2)
    np.testing.assert_allclose(gs.vmap(step)(xs), xs - 0.1 * (4 * xs**3 + 2 * xs), rtol=1e-14)


def test_a_number_that_becomes_static_inside_of_tree_map():
    def moved(x, k):
        return gs.tree.map(lambda leaf: np.swapaxes(leaf, 0, k), {"x": x})["x"]

    np.testing.assert_array_equal(gs.jit(moved, backend="python")(np.ones((2, 3, 4)), 2), np.ones((4, 3, 2)))
