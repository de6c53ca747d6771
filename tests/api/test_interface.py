"""The transformations against JAX's: the same calls give the same trees of the same numbers, and refuse the same."""

from __future__ import annotations

import types
from collections import namedtuple

import numpy as np
import pytest

import gradscribe as gs

jax = pytest.importorskip("jax")
jnp = pytest.importorskip("jax.numpy")
jax.config.update("jax_enable_x64", True)

RNG = np.random.default_rng(11)
X, W, V = RNG.normal(size=3), RNG.normal(size=(3, 2)), RNG.normal(size=(3, 2))
Z = np.array([0.7 - 0.4j, -1.1 + 0.3j])
Pair = namedtuple("Pair", "first second")
PARAMS = {"layers": [(W, X[:2]), (W.T @ W, X[1:])], "scale": 0.7, "none": None, "pair": Pair(X, {"k": W})}


def scalar(x, w):
    return np.sum(np.sin(x @ w) ** 2) + np.sum(x**3)


def vector(x, w):
    return np.tanh(x @ w) * np.sum(x)


def with_aux(x, w):
    y = np.exp(x @ w)
    return np.sum(y), {"y": y, "pair": Pair(x, (w, 1.0))}


def tree_loss(params, x):
    for w, b in params["layers"]:
        x = np.tanh(x @ w + b)
    return params["scale"] * np.sum(x) + np.sum(params["pair"].first ** 2) * np.sum(params["pair"].second["k"])


def tree_valued(params, x):
    w, b = params["layers"][0]
    return {"out": x @ w + b, "more": [params["scale"] * x, None], "pair": Pair(np.sum(w), np.sum(x))}


def vector_aux(x, w):
    return x @ w, (np.sum(x), {"w": w})


def holomorphic(z, c):
    return np.sum(z**3 * np.exp(c))


def mixed(x, k):
    return np.sum(x**2) * k


CALLS = {
    "grad": lambda t, f: t.grad(f(scalar))(X, W),
    "grad_argnums": lambda t, f: t.grad(f(scalar), argnums=1)(X, W),
    "grad_negative": lambda t, f: t.grad(f(scalar), argnums=-1)(X, W),
    "grad_several": lambda t, f: t.grad(f(scalar), argnums=(1, 0))(X, W),
    "grad_one_of_several": lambda t, f: t.grad(f(scalar), argnums=(0,))(X, W),
    "grad_aux": lambda t, f: t.grad(f(with_aux), has_aux=True)(X, W),
    "grad_tree": lambda t, f: t.grad(f(tree_loss))(PARAMS, X),
    "grad_keywords": lambda t, f: t.grad(f(scalar))(X, w=W),
    "grad_holomorphic": lambda t, f: t.grad(f(holomorphic), argnums=(0, 1), holomorphic=True)(Z, Z[0]),
    "grad_grad": lambda t, f: t.grad(t.grad(lambda x: x**3 * 2.0))(0.3),
    "value_and_grad": lambda t, f: t.value_and_grad(f(scalar), argnums=(0, -1))(X, W),
    "value_and_grad_aux": lambda t, f: t.value_and_grad(f(with_aux), argnums=1, has_aux=True)(X, W),
    "jvp": lambda t, f: t.jvp(f(vector), (X, W), (X, V)),
    "jvp_tree": lambda t, f: t.jvp(f(tree_valued), (PARAMS, X), (PARAMS, X)),
    "jvp_aux": lambda t, f: t.jvp(f(vector_aux), (X, W), (X, V), has_aux=True),
    "vjp": lambda t, f: (lambda y, pull: (y, pull(X[:2])))(*t.vjp(f(vector), X, W)),
    "vjp_tree": lambda t, f: (lambda y, pull: (y, pull(y)))(*t.vjp(f(tree_valued), PARAMS, X)),
    "vjp_aux": lambda t, f: (lambda y, pull, aux: (y, pull(X[:2]), aux))(*t.vjp(f(vector_aux), X, W, has_aux=True)),
    "linearize": lambda t, f: (lambda y, push: (y, push(X, V)))(*t.linearize(f(vector), X, W)),
    "linearize_aux": lambda t, f: (lambda y, push, aux: (y, push(X, V), aux))(
        *t.linearize(f(vector_aux), X, W, has_aux=True)
    ),
    "linear_transpose": lambda t, f: t.linear_transpose(f(lambda x: {"a": 2.0 * x @ W, "b": x[1:]}), X)(
        {"a": X[:2], "b": X[1:]}
    ),
    "linear_transpose_several": lambda t, f: t.linear_transpose(f(lambda x, y: x[:2] + y * 3.0), X, X[:2])(X[1:]),
    "linear_transpose_loop": lambda t, f: t.linear_transpose(f(lambda p: np.cumsum(p["k"] - p["l"])), {"k": X, "l": X})(
        X
    ),
    "vmap_linear_transpose": lambda t, f: t.vmap(t.linear_transpose(f(lambda x: x @ W), X))(V),
    "jacfwd": lambda t, f: t.jacfwd(f(vector), argnums=(0, 1))(X, W),
    "jacrev": lambda t, f: t.jacrev(f(vector), argnums=-1)(X, W),
    "jacfwd_tree": lambda t, f: t.jacfwd(f(tree_valued), argnums=1)(PARAMS, X),
    "jacrev_tree": lambda t, f: t.jacrev(f(tree_valued))(PARAMS, X),
    "jacfwd_aux": lambda t, f: t.jacfwd(f(vector_aux), has_aux=True)(X, W),
    "jacrev_aux": lambda t, f: t.jacrev(f(vector_aux), has_aux=True)(X, W),
    "jacfwd_holomorphic": lambda t, f: t.jacfwd(f(lambda z: z**2 * 1j), holomorphic=True)(Z),
    "jacrev_holomorphic": lambda t, f: t.jacrev(f(lambda z: z**2 * 1j), holomorphic=True)(Z),
    "hessian": lambda t, f: t.hessian(f(scalar))(X, W),
    "hessian_several": lambda t, f: t.hessian(f(scalar), argnums=(0, 1))(X, W),
    "hessian_aux": lambda t, f: t.hessian(f(with_aux), argnums=1, has_aux=True)(X, W),
    "hessian_tree": lambda t, f: t.hessian(f(lambda p: np.sum(p["a"] ** 3) * p["b"]))({"a": X, "b": 2.0}),
    "stop_gradient": lambda t, f: t.grad(lambda x: x * getattr(t, "lax", t).stop_gradient(x * x))(3.0),
    "decorated": lambda t, f: t.jit(t.vmap(t.grad(f(lambda x: np.sum(x**2)))))(W),
    "checkpoint": lambda t, f: t.grad(t.checkpoint(f(scalar)))(X, W),
}


class InJax(types.SimpleNamespace):
    """A function of this module with JAX's NumPy."""

    def __call__(self, function):
        globals_ = {**function.__globals__, "np": jnp}
        return types.FunctionType(function.__code__, globals_, function.__name__, None, function.__closure__)


@pytest.mark.parametrize("name", CALLS)
def test_calls_agree(name):
    found, expected = CALLS[name](gs, lambda f: f), CALLS[name](jax, InJax())
    structure = jax.tree.structure(jax.tree.map(lambda leaf: 0, expected))
    assert jax.tree.structure(jax.tree.map(lambda leaf: 0, found)) == structure
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        assert np.shape(a) == np.shape(b)
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)


REFUSED = {
    "vector": lambda t, f: t.grad(f(vector))(X, W),
    "tree": lambda t, f: t.grad(f(lambda x: (x, x)))(1.0),
    "integer": lambda t, f: t.grad(f(mixed), argnums=1)(X, 3),
    "integer_result": lambda t, f: t.grad(f(lambda x: np.argmax(x)))(X),
    "argnums": lambda t, f: t.grad(f(scalar), argnums=2)(X, W),
    "negative_argnums": lambda t, f: t.grad(f(scalar), argnums=-3)(X, W),
    "no_pair": lambda t, f: t.grad(f(scalar), has_aux=True)(X, W),
    "complex_result": lambda t, f: t.grad(f(lambda z: np.sum(z)))(Z),
    "real_holomorphic": lambda t, f: t.grad(f(scalar), holomorphic=True)(X, W),
    "jvp_structure": lambda t, f: t.jvp(f(vector), (X, W), (X,)),
    "jvp_shape": lambda t, f: t.jvp(f(vector), (X, W), (X, V.T)),
    "jvp_tree": lambda t, f: t.jvp(f(lambda p: p["a"]), ({"a": X},), ({"b": X},)),
    "jvp_no_tuple": lambda t, f: t.jvp(f(lambda x: x), X, X),
    "vjp_structure": lambda t, f: t.vjp(f(vector), X, W)[1]((X[:2], X)),
    "vjp_shape": lambda t, f: t.vjp(f(vector), X, W)[1](X),
    "jacfwd_integer": lambda t, f: t.jacfwd(f(mixed), argnums=1)(X, 3),
    "jacrev_integer": lambda t, f: t.jacrev(f(mixed), argnums=1)(X, 3),
    "not_linear": lambda t, f: t.linear_transpose(f(lambda x: np.sin(x)), X)(X),
    "transposed_shape": lambda t, f: t.linear_transpose(f(lambda x: x @ W), X)(X),
    "static_unhashable": lambda t, f: t.jit(f(lambda x, k: x), static_argnums=1)(X, [1, 2]),
    "static_and_donated": lambda t, f: t.jit(f(scalar), static_argnums=1, donate_argnums=1)(X, 1.0),
}


@pytest.mark.parametrize("name", REFUSED)
def test_both_refuse(name):
    with pytest.raises((ValueError, TypeError, IndexError, AssertionError, NotImplementedError)):
        REFUSED[name](jax, InJax())
    with pytest.raises((gs.GradscribeError, TypeError, ValueError)) as found:
        REFUSED[name](gs, lambda f: f)
    assert not isinstance(found.value, gs.InternalError)


def test_allow_int():
    found = gs.grad(mixed, argnums=(0, 1), allow_int=True)(X, 3)
    expected = jax.grad(mixed, argnums=(0, 1), allow_int=True)(X, 3)
    np.testing.assert_allclose(found[0], expected[0])
    assert found[1] is None and expected[1].dtype == jax.dtypes.float0  # both: no derivative


def test_products_with_second_derivatives():
    hessian = jax.hessian(InJax()(scalar))(X, W)
    np.testing.assert_allclose(gs.hvp(scalar, (X, W), (X, None)), hessian @ X, rtol=1e-12)
    over_both = jax.jvp(jax.grad(InJax()(scalar), (0, 1)), (X, W), (X, V))[1]
    for a, b in zip(gs.hvp(scalar, (X, W), (X, V), argnums=(0, 1)), over_both, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)
    rows = gs.vmap(lambda v: gs.hvp(lambda x: scalar(x, W), (X,), (v,)))(np.eye(3))
    np.testing.assert_allclose(rows, hessian, rtol=1e-12)
    tree = {"a": X, "b": 2.0}
    product = gs.hvp(lambda p: np.sum(p["a"] ** 3) * p["b"], (tree,), (tree,))
    np.testing.assert_allclose(product["a"], 9 * X**2 * 2.0)
    with pytest.raises(ValueError, match="1 primals and 2 tangents"):
        gs.hvp(scalar, (X,), (X, W))
    with pytest.raises(TypeError, match="tuples or lists"):
        gs.hvp(scalar, X, X)


def test_an_array_given_twice_has_two_gradients():
    def f(p, x):
        return np.sum(p["a"][0] * x + p["b"] * p["b"] * np.sin(x))

    same, x = np.ones(3), np.arange(3.0)
    expected = gs.grad(f)({"a": (np.ones(3),), "b": np.ones(3)}, x)
    for transformed in (gs.grad(f), gs.jit(gs.grad(f)), gs.jit(lambda p, x: gs.grad(f)(p, x))):
        found = transformed({"a": (same,), "b": same}, x)
        np.testing.assert_array_equal(found["a"][0], expected["a"][0])
        np.testing.assert_array_equal(found["b"], expected["b"])


def test_eval_shape():
    for value in (X, W.T, np.float32(1.0), 3):
        for function in (lambda x: {"a": np.sin(x) * 2, "b": (x, None)}, lambda x: np.ones((2, 3)) * x):
            found, expected = gs.eval_shape(function, value), jax.eval_shape(InJax()(function), value)
            ours = [(s.shape, s.dtype) for s in gs.tree.leaves(found, is_leaf=lambda s: isinstance(s, gs.ShapeDtype))]
            theirs = [(s.shape, s.dtype) for s in jax.tree.leaves(expected)]
            if not (isinstance(value, (int, np.float32))):
                assert ours == theirs
            assert [shape for shape, _ in ours] == [shape for shape, _ in theirs]
    spec = gs.ShapeDtype((4, 3), np.dtype(np.float64))
    assert gs.eval_shape(lambda x: x @ W, spec) == gs.ShapeDtype((4, 2), np.dtype(np.float64))


@pytest.mark.native
def test_jit_options():
    def power(x, n, *, kind="sum", scale=1.0):
        return (np.sum(x**n) if kind == "sum" else np.prod(x**n)) * scale

    for transform in (
        lambda t, f: t.jit(f, static_argnums=(1,), static_argnames=("kind",)),
        lambda t, f: t.jit(static_argnums=-1, static_argnames="kind", donate_argnums=())(f)
        if t is gs
        else t.jit(f, static_argnums=(1,), static_argnames="kind"),
        lambda t, f: t.jit(f, static_argnames=("n", "kind"), donate_argnums=(0,)),
    ):
        for kind in ("sum", "product"):
            found = transform(gs, power)(X.copy(), 2, kind=kind, scale=0.5)
            expected = transform(jax, InJaxWithDefaults(power))(jnp.array(X), 2, kind=kind, scale=0.5)
            np.testing.assert_allclose(found, expected, rtol=1e-12)


def InJaxWithDefaults(function):
    made = InJax()(function)
    made.__kwdefaults__ = function.__kwdefaults__
    return made
