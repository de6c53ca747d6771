"""custom_jvp, custom_vjp, custom_vmap, on_cotangent: against derivatives by hand, and against the same function without
rules. A rule that differs from the true derivative on purpose shows that it is the rule that was used."""

import functools

import numpy as np
import pytest

import gradscribe as gs

X = np.linspace(0.1, 2.0, 4)
ROWS = np.stack([X, X + 1.0, 2.0 * X])


@gs.custom_vjp
def doubled(x):
    y = x * 2.0
    y += 0.0
    return y


def doubled_fwd(x):
    return x * 2.0, (np.sin(x), None, 3)


def doubled_bwd(residuals, g):
    s, nothing, k = residuals
    assert nothing is None
    return (np.clip(g, -1.0, 1.0) * s * k,)


doubled.defvjp(doubled_fwd, doubled_bwd)


def doubled_loss(x):
    return np.sum(doubled(x) ** 2)


def doubled_gradient(x):
    return np.clip(4.0 * x, -1.0, 1.0) * np.sin(x) * 3.0


@gs.custom_jvp
def log1pexp(x):
    return np.log1p(np.exp(x))


@log1pexp.defjvp
def log1pexp_jvp(primals, tangents):
    (x,), (dx,) = primals, tangents
    return log1pexp(x), dx * (1.0 - 1.0 / (1.0 + np.exp(x)))


@gs.custom_jvp
def tripled(x, y):
    return x * y


tripled.defjvps(lambda dx, out, x, y: 3.0 * dx * y, lambda dy, out, x, y: 3.0 * dy * x + 0.0 * out)


def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


@gs.custom_vjp
def layer(params, x, flag):
    h = params["w"] @ x + params["b"][0]
    for i in range(len(h)):
        h[i] = h[i] * h[i] if h[i] > 0 else 0.0
    return {"h": h, "n": len(h)}


def layer_fwd(params, x, flag):
    out = layer(params, x, flag)
    return out, {"p": params, "x": x, "on": out["h"] > 0, "z": params["w"] @ x + params["b"][0]}


def layer_bwd(flag, kept, ct):
    g = ct["h"].copy()
    i = 0
    while i < len(g):
        g[i] = 2 * g[i] * kept["z"][i] if kept["on"][i] else 0.0
        i += 1
    assert flag == "relu"
    return {"w": np.outer(g, kept["x"]), "b": (g, None)}, kept["p"]["w"].T @ g


layer.defvjp(layer_fwd, layer_bwd)
layer.nondiff_argnums = (2,)


def layer_loss(params, x):
    return np.sum(layer(params, x, "relu")["h"] ** 2)


def plain_layer_loss(params, x):
    h = params["w"] @ x + params["b"][0]
    return np.sum(np.where(h > 0, h * h, 0.0) ** 2)


def parameters():
    rng = np.random.default_rng(0)
    return {"w": rng.normal(size=(3, 2)), "b": (rng.normal(size=3), 1.5)}, rng.normal(size=2), rng.normal(size=(4, 2))


def same(a, b):
    for left, right in zip(gs.tree.leaves(a), gs.tree.leaves(b), strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-12, atol=1e-12)


def test_the_rule_is_what_reverse_mode_uses():
    np.testing.assert_allclose(gs.grad(doubled_loss)(X), doubled_gradient(X), rtol=1e-14)
    value, pull = gs.vjp(doubled, X)
    np.testing.assert_allclose(pull(np.full(4, 0.5))[0], 0.5 * np.sin(X) * 3.0, rtol=1e-14)
    np.testing.assert_array_equal(value, 2.0 * X)
    np.testing.assert_allclose(gs.jacrev(doubled)(X), np.diag(np.sin(X) * 3.0), rtol=1e-14)


@pytest.mark.native
def test_natively():
    np.testing.assert_allclose(gs.jit(gs.grad(doubled_loss))(X), doubled_gradient(X), rtol=1e-14)
    np.testing.assert_allclose(gs.jit(gs.vmap(gs.grad(log1pexp)))(X), sigmoid(X), rtol=1e-14)
    params, x, _ = parameters()
    same(gs.jit(gs.grad(layer_loss, (0, 1)))(params, x), gs.grad(plain_layer_loss, (0, 1))(params, x))


def test_without_a_derivative_the_body_runs():
    np.testing.assert_array_equal(doubled(X), 2.0 * X)
    np.testing.assert_array_equal(gs.jit(doubled, backend="python")(X), 2.0 * X)
    assert "y = x * 2.0" in gs.source(gs.jit(doubled_loss, backend="python"), X)
    np.testing.assert_array_equal(gs.vmap(doubled)(ROWS), 2.0 * ROWS)


def test_second_derivatives_differentiate_the_rule():
    step = 1e-6
    numeric = (doubled_gradient(X + step) - doubled_gradient(X - step)) / (2.0 * step)
    np.testing.assert_allclose(np.diag(gs.hessian(doubled_loss)(X)), numeric, rtol=1e-6)
    np.testing.assert_allclose(np.diag(gs.jacrev(gs.grad(doubled_loss))(X)), numeric, rtol=1e-6)


def test_batches():
    expected = np.stack([doubled_gradient(row) for row in ROWS])
    np.testing.assert_allclose(gs.vmap(gs.grad(doubled_loss))(ROWS), expected, rtol=1e-14)
    outer = gs.grad(lambda rows: np.sum(gs.vmap(doubled)(rows)))(ROWS)
    np.testing.assert_allclose(outer, np.sin(ROWS) * 3.0, rtol=1e-14)
    for lanes in ("loop", "array"):
        inner = gs.vmap(lambda r: np.sum(doubled(r)), lanes=lanes)
        outer = gs.grad(lambda rows, inner=inner: np.sum(inner(rows)))(ROWS)
        np.testing.assert_allclose(outer, np.sin(ROWS) * 3.0, rtol=1e-14)


def test_trees_loops_and_writes_in_rules():
    params, x, xs = parameters()
    same(gs.grad(layer_loss, (0, 1))(params, x), gs.grad(plain_layer_loss, (0, 1))(params, x))
    same(gs.jacrev(gs.grad(layer_loss, 1), 1)(params, x), gs.hessian(plain_layer_loss, 1)(params, x))
    per_example = gs.vmap(gs.grad(layer_loss, 1), in_axes=(None, 0))(params, xs)
    same(per_example, np.stack([gs.grad(plain_layer_loss, 1)(params, row) for row in xs]))
    total = lambda loss: lambda p, rows: np.sum(gs.vmap(loss, in_axes=(None, 0))(p, rows))
    same(gs.grad(total(layer_loss))(params, xs), gs.grad(total(plain_layer_loss))(params, xs))


def test_forward_rules_in_every_mode():
    assert gs.grad(log1pexp)(100.0) == 1.0  # the derivative of the body is nan there
    for x in (-1.0, 0.3, 2.0):
        s = sigmoid(x)
        np.testing.assert_allclose(gs.grad(log1pexp)(x), s, rtol=1e-14)
        np.testing.assert_allclose(gs.jvp(log1pexp, (x,), (2.0,))[1], 2.0 * s, rtol=1e-14)
        np.testing.assert_allclose(gs.grad(gs.grad(log1pexp))(x), s * (1 - s), rtol=1e-12)
        third = s * (1 - s) * (1 - 2 * s)
        np.testing.assert_allclose(gs.grad(gs.grad(gs.grad(log1pexp)))(x), third, rtol=1e-11)
        np.testing.assert_allclose(gs.jacfwd(gs.jacfwd(log1pexp))(x), s * (1 - s), rtol=1e-12)
    np.testing.assert_allclose(gs.vmap(gs.grad(log1pexp))(X), sigmoid(X), rtol=1e-14)
    np.testing.assert_allclose(gs.grad(lambda v: np.sum(gs.vmap(log1pexp)(v)))(X), sigmoid(X), rtol=1e-14)


def test_one_rule_for_each_argument():
    assert gs.grad(tripled, (0, 1))(2.0, 5.0) == (15.0, 6.0)
    assert gs.jvp(tripled, (2.0, 5.0), (1.0, 10.0))[1] == 75.0


def test_rules_in_loops_and_closures():
    w = 0.5

    def f(x, n):
        s = 0.0
        for i in range(n):

            @gs.custom_vjp
            def square(z):
                return z * z

            square.defvjp(lambda z: (z * z, z), lambda z, g: (g * 2 * z * w,))
            s = s + square(x * i)
        return s

    assert gs.grad(f)(2.0, 4) == 28.0  # half of the true derivative


class Scaled:
    def __init__(self, w):
        self.w = w

    @gs.custom_vjp
    def energy(self, x):
        return np.sum(self.w * x**2)

    def energy_fwd(self, x):
        return np.sum(self.w * x**2), (x, self.w)

    def energy_bwd(self, kept, g):
        x, w = kept
        return (100.0 * g * w * x,)

    energy.defvjp(energy_fwd, energy_bwd)
    energy.nondiff_argnums = (0,)


def test_methods():
    scaled, x = Scaled(np.array([1.0, 2.0])), np.array([3.0, 4.0])
    assert scaled.energy(x) == 41.0
    np.testing.assert_array_equal(gs.grad(lambda x: scaled.energy(x))(x), [300.0, 800.0])


def test_an_integer_and_a_static_argument():
    @gs.custom_jvp
    def power(x, n, name):
        return x**n

    @power.defjvp
    def power_jvp(primals, tangents):
        (x, n, name), (dx, dn, dname) = primals, tangents
        assert dname is None and name == "p"
        return x**n, 10.0 * dx * n * x ** (n - 1) + dn

    assert gs.grad(lambda x, n: power(x, n, "p"))(2.0, 3) == 120.0


@gs.custom_vmap
def dot(x, y):
    return np.dot(x, y)


@dot.def_vmap
def dot_rule(axis_size, in_batched, x, y):
    mark = 10.0 * in_batched[0] + 20.0 * in_batched[1]
    return np.sum(x * y, axis=-1) + 1000.0 * axis_size + mark, True


def test_a_rule_for_batches():
    a, b = np.arange(6.0).reshape(2, 3), np.ones(3)
    np.testing.assert_array_equal(gs.vmap(dot)(a, a), [2035.0, 2080.0])
    np.testing.assert_array_equal(gs.vmap(dot, in_axes=(0, None))(a, b), [2013.0, 2022.0])
    np.testing.assert_array_equal(gs.grad(dot)(b, 2.0 * b), [2.0, 2.0, 2.0])
    np.testing.assert_array_equal(gs.vmap(gs.grad(dot))(a, a), a)


def test_user_code_on_the_cotangent(capsys):
    def clipped(x):
        h = gs.on_cotangent(np.tanh(x), lambda g: np.clip(g, -0.1, 0.1))
        return np.sum(h**2)

    t = np.tanh(X)
    np.testing.assert_allclose(gs.grad(clipped)(X), np.clip(2 * t, -0.1, 0.1) * (1 - t * t), rtol=1e-14)
    assert clipped(X) == np.sum(t**2)

    def shown(g):
        print("cotangent", g)
        return g

    _, pull = gs.vjp(lambda x: np.sum(gs.on_cotangent(3.0 * x, shown)), 1.0)
    assert capsys.readouterr().out == ""
    pull(1.0)
    pull(2.0)
    assert capsys.readouterr().out == "cotangent 1.0\ncotangent 2.0\n"


# ---- symbolic zeros ----


@gs.custom_vjp
def product(x, y):
    return x * y


def product_fwd(x, y):
    return x.value * y.value, (y.value if x.perturbed else None, x.value if y.perturbed else None)


def product_bwd(kept, g):
    y, x = kept
    return (None if y is None else 10.0 * g * y), (None if x is None else 100.0 * g * x)


product.defvjp(product_fwd, product_bwd, symbolic_zeros=True)


@gs.custom_jvp
def pushed_product(x, y):
    return x * y


def pushed_product_jvp(primals, tangents):
    (x, y), (dx, dy) = primals, tangents
    if isinstance(dx, gs.SymbolicZero):
        return x * y, 1000.0 * x * dy
    if isinstance(dy, gs.SymbolicZero):
        return x * y, 10.0 * dx * y
    return x * y, dx * y + x * dy


pushed_product.defjvp(pushed_product_jvp, symbolic_zeros=True)


def test_symbolic_zeros():
    assert gs.grad(product)(2.0, 3.0) == 30.0
    assert gs.grad(product, 1)(2.0, 3.0) == 200.0
    assert gs.grad(product, (0, 1))(2.0, 3.0) == (30.0, 200.0)
    np.testing.assert_array_equal(gs.vmap(gs.grad(product), in_axes=(0, None))(np.ones(2), 3.0), [30.0, 30.0])
    total = lambda v: np.sum(gs.vmap(product, in_axes=(0, None))(v, 3.0))
    np.testing.assert_array_equal(gs.grad(total)(np.ones(2)), [30.0, 30.0])
    assert gs.grad(pushed_product)(2.0, 3.0) == 30.0
    assert gs.grad(pushed_product, 1)(2.0, 3.0) == 2000.0
    assert gs.grad(pushed_product, (0, 1))(2.0, 3.0) == (3.0, 2.0)
    assert gs.jvp(pushed_product, (2.0, 3.0), (1.0, None))[1] == 30.0
    assert gs.jvp(pushed_product, (2.0, 3.0), (1.0, 1.0))[1] == 5.0


def test_other_transformations():
    """The tangents of these rules are not the true ones."""

    @functools.partial(gs.custom_vjp, nondiff_argnums=(1,))
    def tenfold(x, n):
        return x * n

    tenfold.defvjp(lambda x, n: (x * n, None), lambda n, _, g: (g * n * 10.0,))
    expected = sigmoid(X) * 3.0 * X + np.log1p(np.exp(X)) * 30.0
    f = lambda x: np.sum(log1pexp(x) * tenfold(x, 3))
    np.testing.assert_allclose(gs.grad(gs.checkpoint(f))(X), expected, rtol=1e-13)
    np.testing.assert_allclose(gs.grad(f)(X), expected, rtol=1e-13)
    np.testing.assert_allclose(gs.linearize(log1pexp, X)[1](X), sigmoid(X) * X, rtol=1e-13)
    np.testing.assert_allclose(gs.sparse_jacobian(log1pexp)(X).todense(), np.diag(sigmoid(X)), rtol=1e-13)
    by_rule = lambda x: gs.jvp(log1pexp, (x,), (X,))[1]
    first, second = gs.jet(log1pexp, (X,), ((X, 0.0 * X),))[1]
    np.testing.assert_allclose(first, by_rule(X), rtol=1e-13)
    np.testing.assert_allclose(second, gs.jvp(by_rule, (X,), (X,))[1], rtol=1e-12)


def test_results_of_sizes_that_data_decide():
    @gs.custom_vjp
    def chosen(x):
        return x[x > 0.5]

    chosen.defvjp(lambda x: (x[x > 0.5], x > 0.5), lambda mask, g: (np.where(mask, np.sum(g), 0.0),))
    large = X > 0.5
    found = gs.grad(lambda x: np.sum(chosen(x) ** 2))(X)
    np.testing.assert_allclose(found, np.where(large, 2.0 * np.sum(X[large]), 0.0), rtol=1e-14)


# ---- what is refused ----


def captured(w):
    @gs.custom_vjp
    def f(x):
        return w * x

    f.defvjp(lambda x: (w * x, w), lambda w, g: (g * w,))
    return f(2.0)


@gs.custom_jvp
def bent(x):
    return x


bent.defjvp(lambda primals, tangents: (primals[0], tangents[0] * tangents[0]))


@gs.custom_jvp
def ruleless(x):
    return x


@gs.custom_vjp
def short(x):
    return x * 2.0


short.defvjp(lambda x: (x * 2.0, None), lambda _, g: (g[1:],))


@gs.custom_vjp
def bare(x):
    return x * 2.0


bare.defvjp(lambda x: (x * 2.0, None), lambda _, g: g)


@gs.custom_jvp
def other(x):
    return x * 2.0


other.defjvp(lambda primals, tangents: ((primals[0], primals[0]), tangents[0]))


@pytest.mark.parametrize(
    ("run", "error", "message"),
    [
        (lambda: gs.grad(captured)(3.0), gs.NoRule, "says nothing of `w`"),
        (lambda: gs.grad(bent)(3.0), gs.NoRule, "not linear in its tangents"),
        (lambda: gs.grad(ruleless)(3.0), gs.UnsupportedSyntax, "has no rule yet"),
        (lambda: gs.jvp(doubled, (X,), (X,)), gs.NoRule, "reverse mode only"),
        (lambda: gs.grad(lambda x: np.sum(short(x)))(X), gs.GradscribeError, "the backward rule of `short`"),
        (lambda: gs.grad(lambda x: np.sum(bare(x)))(X), gs.UnsupportedSyntax, "must return a tuple"),
        (lambda: gs.grad(lambda x: np.sum(other(x)))(X), gs.UnsupportedSyntax, "structure|number or an array"),
    ],
)
def test_refusals(run, error, message):
    with pytest.raises(error, match=message) as raised:
        run()
    assert raised.value.span is not None and raised.value.span.file == __file__


def test_a_bad_rule_does_not_spoil_the_value():
    np.testing.assert_array_equal(gs.vmap(short)(ROWS), 2.0 * ROWS)
    assert gs.jvp(bent, (3.0,), (2.0,)) == (3.0, 4.0)
