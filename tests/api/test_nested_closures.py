"""Functions of one text with different captures are different functions; linear maps made inside programs."""

import numpy as np

import gradscribe as gs


def derivative(f):
    def slope(x):
        return gs.jvp(f, (x,), (1.0,))[1]

    return slope


def test_a_derivative_of_a_derivative_by_one_helper():
    """`slope` calls `slope`, but each another one: this is no recursion."""
    f = lambda x: x**4
    orders = [f]
    for _ in range(4):
        orders.append(derivative(orders[-1]))
    np.testing.assert_allclose([g(2.0) for g in orders], [16.0, 32.0, 48.0, 48.0, 24.0], rtol=1e-14)


def shifted(f, times):
    return f if times == 0 else shifted(lambda x: f(x + 1.0), times - 1)


def test_lambdas_of_one_place():
    assert gs.grad(shifted(lambda x: x * x, 5))(1.0) == 12.0


def linear_map_inside(x):
    y, push = gs.linearize(lambda v: np.sin(v) * v[0], x)
    held = x.copy()
    x[0] = 100.0  # what was linearized is what x was then
    return y, push(np.ones(3)), 2.0 * push(np.array([1.0, 0.0, 0.0])), held


def test_linearize_inside_programs():
    x = np.array([0.3, 1.0, 2.0])
    f = lambda v: np.sin(v) * v[0]
    single = gs.jit(linear_map_inside, backend="python")(x.copy())
    lane = [r[1] for r in gs.vmap(linear_map_inside)(np.stack([x, x]))]
    for y, pushed, twice, _ in (single, lane):
        np.testing.assert_allclose(y, f(x))
        np.testing.assert_allclose(pushed, gs.jvp(f, (x,), (np.ones(3),))[1])
        np.testing.assert_allclose(twice, 2 * gs.jvp(f, (x,), (np.eye(3)[0],))[1])
