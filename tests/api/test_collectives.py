"""Collectives over the axes of vmap: values against NumPy on the whole batch, derivatives against differences, in every
order with grad, jit and one another."""

import numpy as np
import pytest

import gradscribe as gs
from oracles import relative_error

rng = np.random.default_rng(8)
X = rng.normal(size=(4, 4))
WIDE = rng.normal(size=(4, 8, 3))
GRID = rng.normal(size=(2, 3, 6))


def turned(x):
    n = gs.axis_size("i")
    return gs.ppermute(x, "i", [(k, (k + 1) % n) for k in range(n)])


def one_message(x):
    return gs.ppermute(x, "i", [(0, 2), (3, 1)])


def heard(stack):
    out = np.zeros_like(stack)
    out[2], out[1] = stack[0], stack[3]
    return out


def every_lane(total):
    return np.stack([total] * 4)


# name: program of one lane, the same on the stack of lanes, arguments
CASES = {
    "psum": (lambda x: gs.psum(x * x, "i"), lambda s: every_lane((s * s).sum(0)), X),
    "psum of a list": (lambda x: sum(gs.psum([x, x * x], "i")), lambda s: every_lane((s + s * s).sum(0)), X),
    "psum of a number": (lambda x: x * gs.psum(2, "i"), lambda s: s * 8, X),
    "pmean": (lambda x: x / gs.pmean(np.exp(x), "i"), lambda s: s / np.exp(s).mean(0), X),
    "pmax": (lambda x: x * gs.pmax(x, "i"), lambda s: s * s.max(0), X),
    "pmin": (lambda x: np.exp(gs.pmin(x, axis_name="i") - x), lambda s: np.exp(s.min(0) - s), X),
    "all_gather": (lambda x: gs.all_gather(x, "i") @ x, lambda s: s @ s.T, X),
    "all_gather to the end": (lambda x: x @ gs.all_gather(x, "i", axis=-1), lambda s: s @ s.T, X),
    "all_gather tiled": (
        lambda x: gs.all_gather(x, "i", axis=1, tiled=True),
        lambda s: every_lane(np.concatenate(s, axis=1)),
        WIDE,
    ),
    "psum_scatter": (lambda x: x[0] * gs.psum_scatter(x, "i"), lambda s: s[:, 0] * s.sum(0), X),
    "psum_scatter tiled": (
        lambda x: gs.psum_scatter(x, "i", scatter_dimension=0, tiled=True),
        lambda s: s.sum(0).reshape(4, 2, 3),
        WIDE,
    ),
    "all_to_all": (lambda x: x * gs.all_to_all(x, "i", 0, 0), lambda s: s * s.T, X),
    "all_to_all moving an axis": (
        lambda x: gs.all_to_all(x.reshape(3, 4, 2), "i", 1, 2),
        lambda s: s.reshape(4, 3, 4, 2).transpose(2, 1, 3, 0),
        WIDE,
    ),
    "all_to_all tiled": (
        lambda x: gs.all_to_all(x, "i", 0, 1, tiled=True),
        lambda s: s.reshape(4, 4, 2, 3).transpose(1, 2, 0, 3).reshape(4, 2, 12),
        WIDE,
    ),
    "ppermute": (lambda x: x * turned(x * x), lambda s: s * np.roll(s * s, 1, axis=0), X),
    "ppermute in part": (one_message, heard, X),
    "axis_index": (lambda x: x[gs.axis_index("i")] * x, lambda s: np.diagonal(s)[:, None] * s, X),
    "axis_index in a slice": (
        lambda x: x[2 * gs.axis_index("i") : 2 * gs.axis_index("i") + 2] * x[0],
        lambda s: np.stack([s[k, 2 * k : 2 * k + 2] * s[k, 0] for k in range(4)]),
        WIDE,
    ),
    "two axes": (
        lambda x: gs.psum(x, ("j", "i")) * gs.pmean(x, "j") + gs.axis_index(("j", "i")),
        lambda g: g.sum((0, 1)) * g.mean(0) + np.arange(6.0).reshape(2, 3, 1),
        GRID,
    ),
    "all_gather over two axes": (
        lambda x: x @ gs.all_gather(x, ("j", "i"), axis=1),
        lambda g: g @ g.reshape(6, 6).T,
        GRID,
    ),
    "all_to_all over two axes": (
        lambda x: gs.all_to_all(x, ("j", "i"), 0, 0),
        lambda g: g.reshape(6, 6).T.reshape(2, 3, 6),
        GRID,
    ),
    "ppermute over two axes": (
        lambda x: gs.ppermute(x, ("j", "i"), [(k, k + 1) for k in range(5)]),
        lambda g: np.concatenate([np.zeros((1, 6)), g.reshape(6, 6)[:-1]]).reshape(2, 3, 6),
        GRID,
    ),
}
every_case = pytest.mark.parametrize("name", CASES)


def batched(f, args, **options):
    f = gs.vmap(f, axis_name="i", **options)
    return gs.vmap(f, axis_name="j", **options) if args is GRID else f


@every_case
@pytest.mark.parametrize("lanes", ["array", "loop"])
def test_values(name, lanes):
    f, whole, args = CASES[name]
    found = batched(f, args, lanes=lanes)(args)
    assert found.shape == whole(args).shape
    np.testing.assert_allclose(found, whole(args), rtol=1e-13)


def differences(f, x, step=1e-6):
    out = np.empty_like(x)
    for k in np.ndindex(x.shape):
        moved = np.zeros_like(x)
        moved[k] = step
        out[k] = (f(x + moved) - f(x - moved)) / (2 * step)
    return out


@every_case
def test_gradients_in_both_orders(name):
    """A lane's gradient inside vmap is that of the sum of what all lanes return, as in JAX."""
    f, whole, args = CASES[name]
    expected = differences(lambda s: np.sum(np.sin(whole(s))), args)
    inside = batched(gs.grad(lambda x: np.sum(np.sin(f(x)))), args)(args)
    np.testing.assert_allclose(inside, expected, rtol=1e-7, atol=1e-8)
    outside = gs.grad(lambda s: np.sum(np.sin(batched(f, args)(s))))(args)
    np.testing.assert_allclose(outside, inside, rtol=1e-12, atol=1e-14)


@every_case
def test_second_order(name):
    """Hessian-vector products: forward over reverse outside against reverse inside, moved forward."""
    f, _, args = CASES[name]
    direction = rng.normal(size=args.shape)
    energy = gs.grad(lambda s: np.sum(np.sin(batched(f, args)(s))))
    _, expected = gs.jvp(energy, (args,), (direction,))
    step = 1e-6
    numeric = (energy(args + step * direction) - energy(args - step * direction)) / (2 * step)
    np.testing.assert_allclose(expected, numeric, rtol=1e-6, atol=1e-7)

    def product(x, dx):
        return gs.jvp(gs.grad(lambda y: np.sum(np.sin(f(y)))), (x,), (dx,))[1]

    np.testing.assert_allclose(batched(product, args)(args, direction), expected, rtol=1e-11, atol=1e-12)


@pytest.mark.native
def test_compiled():
    def step(x):
        return x - 0.1 * gs.pmean(np.tanh(x), "i") + 0.01 * turned(x) * gs.pmax(x, "i")

    f = gs.vmap(gs.grad(lambda x: np.sum(step(x) ** 2)), axis_name="i")
    assert relative_error(gs.jit(f)(X), f(X)) < 1e-13


def contrast(x):
    for _ in range(3):
        mean = gs.pmean(x, "i")
        if x > mean:
            x = x - 0.5 * mean
        else:
            x = x + 0.25 * mean
    return x


@pytest.mark.parametrize("lanes", ["auto", "loop"])
def test_branches_of_lanes_between_collectives(lanes):
    expected = X[0].copy()
    for _ in range(3):
        mean = expected.mean()
        expected = np.where(expected > mean, expected - 0.5 * mean, expected + 0.25 * mean)
    np.testing.assert_allclose(gs.vmap(contrast, axis_name="i", lanes=lanes)(X[0]), expected, rtol=1e-14)


def test_the_inner_axis_hides_one_of_its_name():
    found = gs.vmap(
        lambda row: gs.vmap(lambda x: gs.psum(x, "i"), axis_name="i")(row) + gs.psum(row, "i"), axis_name="i"
    )(X)
    np.testing.assert_allclose(found, X.sum(1, keepdims=True) + X.sum(0))


def test_inside_a_program_the_sizes_stay_open():
    @gs.jit(backend="python")
    def normalised(a):
        return gs.vmap(lambda x: gs.axis_size("i") * x / gs.psum(x, "i"), axis_name="i")(a)

    for rows in (3, 5):
        a = rng.uniform(1, 2, size=(rows, 2))
        np.testing.assert_allclose(normalised(a), rows * a / a.sum(0), rtol=1e-14)
    assert normalised.trace_count == 1


def test_sums_are_equal_in_all_lanes():
    total = gs.vmap(lambda x: (gs.psum(x, "i"), x), out_axes=(None, 0), axis_name="i")(X)[0]
    np.testing.assert_allclose(total, X.sum(0), rtol=1e-14)
    assert gs.vmap(lambda n: gs.psum(n, "i"), axis_name="i")(np.arange(3, dtype=np.int32)).dtype == np.int64


def test_trees():
    def fitted(params, x):
        g = gs.grad(lambda p: np.sum((p["w"] @ x + p["b"][0]) ** 2))(params)
        return gs.pmean(g, "i"), gs.psum({"x": x, "none": None, "one": (1, 2.0)}, axis_name="i")

    params = {"w": rng.normal(size=(2, 4)), "b": (np.ones(2),)}
    mean, total = gs.vmap(fitted, in_axes=(None, 0), out_axes=None, axis_name="i")(params, X)
    r = X @ params["w"].T + 1.0
    np.testing.assert_allclose(mean["w"], 2 * r.T @ X / 4)
    np.testing.assert_allclose(mean["b"][0], 2 * r.mean(0))
    np.testing.assert_allclose(total["x"], X.sum(0))
    assert total["one"] == (4, 8.0)
    assert total["none"] is None


def test_axis_size_without_mapped_arguments():
    np.testing.assert_array_equal(gs.vmap(lambda: gs.axis_index("i"), axis_name="i", axis_size=4)(), np.arange(4))
    np.testing.assert_array_equal(gs.vmap(lambda x: x, in_axes=None, axis_size=2)(X[0]), np.stack([X[0]] * 2))
    with pytest.raises(ValueError, match="inconsistent sizes"):
        gs.vmap(lambda x: x, axis_size=3)(X)
    with pytest.raises(ValueError, match="negative"):
        gs.vmap(lambda x: x, axis_size=-1)


def summed_by_some(x):
    return gs.psum(x, "i") if x > 0 else x


def summed_until(x):
    while x < 10.0:
        x = x + gs.psum(abs(x) + 1.0, "i")
    return x


def unbound(x):
    return gs.psum(x, "k")


@pytest.mark.parametrize(
    ("f", "message"),
    [
        (unbound, "no axis 'k' here"),
        (summed_by_some, "not all lanes run it alike"),
        (summed_until, "not all lanes run it alike"),
        (lambda x: gs.ppermute(x, "i", [(0, 4)]), "lane 4 is a target, of 4 lanes"),
        (lambda x: gs.ppermute(x, "i", [(0, 1), (0, 2)]), "source twice"),
        (lambda x: gs.psum(x, ("i", "i")), "named twice"),
        (lambda x: gs.all_to_all(np.stack([x, x]), "i", 0, 0), "axis 0 has 2 elements, but there are 4 lanes"),
        (lambda x: gs.psum_scatter(np.stack([x] * 6), "i", tiled=True), "cannot be cut into 4 equal pieces"),
    ],
)
@pytest.mark.parametrize("lanes", ["auto", "loop", "array"])
def test_refused_with_the_line(f, message, lanes):
    with pytest.raises(gs.CollectiveError, match=message) as caught:
        gs.vmap(f, axis_name="i", lanes=lanes)(X[0])
    assert "test_collectives.py" in caught.value.span.file


def test_outside_of_transformed_functions():
    with pytest.raises(gs.CollectiveError, match="ordinary Python"):
        gs.psum(1.0, "i")
    with pytest.raises(gs.CollectiveError, match="no axis 'i' here"):
        gs.grad(lambda x: gs.psum(x, "i"))(1.0)
