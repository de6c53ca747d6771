"""grad, value_and_grad, jvp, vjp, Jacobians: against differences and JAX, on trees, nested, inputs untouched."""

from collections import namedtuple

import numpy as np
import pytest

import gradscribe as gs
import oracles
from api import functions

rng = np.random.default_rng(7)
X, Y = rng.normal(size=(5, 3)), rng.normal(size=(5, 2))
PARAMS = {"w": rng.normal(size=(3, 2)), "b": rng.normal(size=2)}
Pair = namedtuple("Pair", "first second")


def test_gradient_of_a_tree_has_its_structure_and_agrees_with_differences():
    gradient = gs.grad(functions.affine_loss)(PARAMS, X, Y)
    assert list(gradient) == ["b", "w"] and gradient["w"].shape == (3, 2) and gradient["b"].shape == (2,)
    error = oracles.directional_error(functions.affine_loss, (PARAMS, X, Y), (0,), [gradient], 1.0)
    assert error < 1e-9


def test_value_and_gradient_of_several_arguments():
    value, (by_x, by_params) = gs.value_and_grad(functions.affine_loss, argnums=(1, 0))(PARAMS, X, Y)
    assert value == pytest.approx(functions.affine_loss(PARAMS, X, Y), rel=1e-15)
    assert isinstance(value, np.float64)
    error = oracles.directional_error(functions.affine_loss, (PARAMS, X, Y), (1, 0), [by_x, by_params], 1.0)
    assert error < 1e-9


def test_negative_argnums_count_from_the_end():
    a = gs.grad(functions.affine_loss, argnums=-1)(PARAMS, X, Y)
    b = gs.grad(functions.affine_loss, argnums=2)(PARAMS, X, Y)
    np.testing.assert_array_equal(a, b)
    with pytest.raises(ValueError, match="argnums=3"):
        gs.grad(functions.affine_loss, argnums=3)(PARAMS, X, Y)


def test_dataclasses_namedtuples_lists():
    layers = [functions.Layer(rng.normal(size=(3, 3)), rng.normal(size=3)) for _ in range(2)]
    gradient = gs.grad(functions.layered)(layers, X)
    assert isinstance(gradient, list) and isinstance(gradient[1], functions.Layer)
    assert oracles.directional_error(functions.layered, (layers, X), (0,), [gradient], 1.0) < 1e-8
    result = gs.grad(lambda p: p.first * np.sum(p.second**2))(Pair(2.0, X))
    assert isinstance(result, Pair)
    np.testing.assert_allclose(result.second, 4.0 * X)


def test_has_aux_returns_the_rest_untouched():
    def f(x):
        return np.sum(x**2), {"doubled": 2.0 * x, "name": "f", "count": 3}

    gradient, aux = gs.grad(f, has_aux=True)(X)
    np.testing.assert_allclose(gradient, 2 * X)
    np.testing.assert_array_equal(aux["doubled"], 2 * X)
    assert aux["name"] == "f" and aux["count"] == 3
    (value, _), gradient = gs.value_and_grad(f, has_aux=True)(X)
    assert value == np.sum(X**2)


def test_third_order_by_nesting():
    x = 1.3
    assert gs.grad(gs.grad(gs.grad(functions.quintic)))(x) == pytest.approx(60 * x**2, rel=1e-14)
    third = gs.jacfwd(gs.jacrev(gs.grad(functions.cube)))(np.arange(1.0, 4.0))
    assert third.shape == (3, 3, 3)
    for i in range(3):
        assert third[i, i, i] == pytest.approx(6.0)
    assert np.count_nonzero(third) == 3


def test_gradient_through_vmap_and_jit():
    f = gs.vmap(functions.smooth)
    total = gs.grad(lambda x: np.sum(f(x)))(X[0])
    np.testing.assert_allclose(total, np.exp(-X[0]) * (np.cos(X[0]) - np.sin(X[0])), rtol=1e-13)
    compiled = gs.jit(functions.smooth, backend="python")
    total = gs.grad(lambda x: np.sum(compiled(x)))(X[0])
    np.testing.assert_allclose(total, np.exp(-X[0]) * (np.cos(X[0]) - np.sin(X[0])), rtol=1e-13)


def test_jvp_is_the_directional_derivative():
    dx = rng.normal(size=X.shape)
    y, dy = gs.jvp(functions.smooth, (X,), (dx,))
    np.testing.assert_allclose(y, functions.smooth(X), rtol=1e-15)
    np.testing.assert_allclose(dy, oracles.finite_difference_jvp(functions.smooth, (X,), (dx,)), rtol=1e-8, atol=1e-9)


def test_jvp_with_held_arguments_and_trees():
    direction = {"w": np.ones((3, 2)), "b": None}
    _, tangent = gs.jvp(functions.affine_loss, (PARAMS, X, Y), (direction, None, None))
    full = {"w": np.ones((3, 2)), "b": np.zeros(2)}
    _, expected = gs.jvp(functions.affine_loss, (PARAMS, X, Y), (full, np.zeros_like(X), np.zeros_like(Y)))
    assert tangent == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize(
    ("tangents", "error"),
    [
        ((np.ones((2, 3)),), ValueError),
        ((np.ones((5, 3), np.float32),), TypeError),
        (({"x": X},), ValueError),
        ((X, X), ValueError),
    ],
)
def test_jvp_refuses_tangents_that_do_not_fit(tangents, error):
    with pytest.raises(error):
        gs.jvp(functions.smooth, (X,), tangents)


def test_pullback_can_be_called_twice_and_is_the_transpose():
    _, pull = gs.vjp(functions.affine_loss, PARAMS, X, Y)
    first, second = pull(1.0), pull(1.0)
    for a, b in zip(gs.tree.leaves(first), gs.tree.leaves(second), strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_allclose(first[0]["w"], gs.grad(functions.affine_loss)(PARAMS, X, Y)["w"], rtol=1e-14)
    dx = rng.normal(size=X.shape)
    _, pull = gs.vjp(functions.smooth, X)
    ct = rng.normal(size=X.shape)
    _, dy = gs.jvp(functions.smooth, (X,), (dx,))
    assert oracles.duality_error([dx], [dy], [ct], pull(ct)) < 1e-14


def test_pullback_does_not_feel_later_writes():
    x = X.copy()
    out, pull = gs.vjp(functions.smooth, x)
    (expected,) = pull(np.ones_like(x))
    x[:] = 100.0
    out[:] = 100.0
    (again,) = pull(np.ones_like(x))
    again[:] = 100.0
    (once_more,) = pull(np.ones_like(x))
    np.testing.assert_array_equal(expected, once_more)


def test_pullback_is_a_tree_of_residuals():
    _, pull = gs.vjp(functions.smooth, X)
    leaves, structure = gs.tree.flatten(pull)
    assert all(isinstance(leaf, (np.ndarray, np.generic, int, float)) for leaf in leaves)
    rebuilt = gs.tree.unflatten(structure, leaves)
    np.testing.assert_array_equal(rebuilt(np.ones_like(X))[0], pull(np.ones_like(X))[0])


@pytest.mark.parametrize("cotangent", [np.ones(3), 1.0, np.ones((5, 3), np.float32), None])
def test_pullback_refuses_cotangents_that_do_not_fit(cotangent):
    _, pull = gs.vjp(functions.smooth, X)
    with pytest.raises((ValueError, TypeError)):
        pull(cotangent)


def test_results_returned_twice_take_two_cotangents():
    (y, again), pull = gs.vjp(lambda x: (x * x, x * x), 3.0)
    assert y == again == 9.0
    assert pull((1.0, 10.0)) == (66.0,)


def test_integer_arguments_of_vjp_have_no_cotangent():
    _, pull = gs.vjp(lambda x, k: x[k], np.arange(3.0), np.int64(1))
    by_x, by_k = pull(1.0)
    np.testing.assert_array_equal(by_x, [0.0, 1.0, 0.0])
    assert by_k is None


def test_jacobians_of_trees():
    def f(p):
        return {"sum": p["a"] + p["b"], "product": p["a"] * p["b"]}

    p = {"a": np.arange(1.0, 4.0), "b": np.full(3, 2.0)}
    for jacobian in (gs.jacfwd, gs.jacrev):
        blocks = jacobian(f)(p)
        np.testing.assert_array_equal(blocks["sum"]["a"], np.eye(3))
        np.testing.assert_array_equal(blocks["product"]["a"], np.diag(p["b"]))
        np.testing.assert_array_equal(blocks["product"]["b"], np.diag(p["a"]))


def test_hessian():
    x = np.arange(1.0, 4.0)
    np.testing.assert_allclose(gs.hessian(functions.cube)(x), np.diag(6 * x), rtol=1e-14)
    blocks = gs.hessian(lambda a, b: np.sum(a * b**2), argnums=(0, 1))(x, x)
    np.testing.assert_allclose(blocks[0][1], np.diag(2 * x))
    np.testing.assert_allclose(blocks[1][1], np.diag(2 * x))


def test_linearize():
    y, push = gs.linearize(functions.smooth, X)
    np.testing.assert_array_equal(push(X), gs.jvp(functions.smooth, (X,), (X,))[1])
    np.testing.assert_allclose(y, functions.smooth(X))


@pytest.mark.parametrize("transform", [gs.grad, gs.value_and_grad, gs.hessian])
def test_the_callers_arrays_are_untouched(transform):
    x = np.arange(1.0, 5.0)
    kept = x.copy()
    transform(functions.writes_its_argument)(x)
    np.testing.assert_array_equal(x, kept)


def test_gradient_of_a_function_that_writes_its_argument():
    x = np.arange(1.0, 5.0)
    expected = 2 * x
    expected[0] = 8 * x[0]
    np.testing.assert_allclose(gs.grad(functions.writes_its_argument)(x), expected)


def test_results_share_no_memory():
    x = np.arange(1.0, 5.0)
    (_, aux), gradient = gs.value_and_grad(lambda x: (np.sum(x), x), has_aux=True)(x)
    assert not np.shares_memory(aux, x) and gradient.flags.writeable
    a, b = gs.grad(lambda a, b: np.sum(a + b), argnums=(0, 1))(x, x + 1)
    a[0] = 5.0
    assert b[0] == 1.0


def test_float32_stays_float32():
    x = np.arange(1.0, 5.0, dtype=np.float32)
    value, gradient = gs.value_and_grad(functions.cube)(x)
    assert value.dtype == gradient.dtype == np.float32


def test_complex_holomorphic():
    z = np.complex128(1 + 2j)
    assert gs.grad(lambda z: z**3, holomorphic=True)(z) == pytest.approx(3 * z**2)


def test_allow_int_gives_none():
    gradient = gs.grad(lambda p: np.sum(p["x"]) * p["n"], allow_int=True)({"x": np.ones(3), "n": 2})
    assert gradient["n"] is None
    np.testing.assert_array_equal(gradient["x"], np.full(3, 2.0))


def test_control_flow():
    x = np.array([1.0, 1.5, 2.0, 3.0])
    value, gradient = gs.value_and_grad(functions.norm_or_zero)(x)
    assert value == pytest.approx(functions.norm_or_zero(x))
    np.testing.assert_allclose(gradient, np.where(np.arange(4) < 3, x, 0.0) / value)
    assert gs.grad(functions.power_by_loop)(1.5, 7) == pytest.approx(7 * 1.5**6)


def test_constant_and_unused():
    assert gs.grad(lambda x: 3.0)(1.0) == 0.0
    _, b = gs.grad(lambda a, b: np.sum(a), argnums=(0, 1))(X, Y)
    np.testing.assert_array_equal(b, np.zeros_like(Y))


def test_stop_gradient():
    assert gs.grad(lambda x: x * gs.stop_gradient(x))(3.0) == 3.0
    assert gs.jvp(lambda x: gs.stop_gradient(x) + x, (3.0,), (1.0,)) == (6.0, 1.0)
    np.testing.assert_array_equal(gs.grad(lambda x: np.sum(gs.stop_gradient(x)))(X), np.zeros_like(X))
    assert gs.stop_gradient(3.0) == 3.0

    def writes_the_copy(x):
        y = gs.stop_gradient(x)
        y[0] = 0.0
        return np.sum(x * y)

    x = np.arange(1.0, 4.0)
    np.testing.assert_array_equal(gs.grad(writes_the_copy)(x), [0.0, 2.0, 3.0])
    gradient = gs.grad(lambda p: p["a"] * gs.tree.map(gs.stop_gradient, p)["b"])({"a": 2.0, "b": 3.0})
    assert gradient == {"a": 3.0, "b": 0.0}


def test_keyword_arguments():
    def f(x, *, scale):
        return scale * np.sum(x)

    np.testing.assert_array_equal(gs.grad(f)(X, scale=3.0), np.full_like(X, 3.0))


def test_against_jax():
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    import jax.numpy as jnp

    def theirs(params, x, y):
        return jnp.mean((jnp.tanh(x @ params["w"] + params["b"]) - y) ** 2)

    ours = gs.value_and_grad(functions.affine_loss, argnums=(0, 1))(PARAMS, X, Y)
    reference = jax.value_and_grad(theirs, argnums=(0, 1))(PARAMS, X, Y)
    assert oracles.relative_error(ours, jax.tree.map(np.asarray, reference)) < 1e-14
    ours = gs.hessian(functions.affine_loss)(PARAMS, X, Y)
    reference = jax.hessian(theirs)(PARAMS, X, Y)
    assert oracles.relative_error(ours, jax.tree.map(np.asarray, reference)) < 1e-13
    ours = gs.vmap(gs.grad(functions.affine_loss), in_axes=(None, 0, 0))(PARAMS, X[:, None], Y[:, None])
    reference = jax.vmap(jax.grad(theirs), in_axes=(None, 0, 0))(PARAMS, X[:, None], Y[:, None])
    assert oracles.relative_error(ours, jax.tree.map(np.asarray, reference)) < 1e-14


def test_equal_arguments_are_separate_values():
    gradient = gs.grad(lambda a, b: np.sum(a * a * b), argnums=(0, 1))(X, X)
    np.testing.assert_allclose(gradient[0], 2 * X**2)
    np.testing.assert_allclose(gradient[1], X**2)
