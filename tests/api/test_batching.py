"""vmap: axes in and out, trees, sizes that do not fit, lanes with their own control flow."""

import numpy as np
import pytest

import gradscribe as gs
import oracles
from api import functions

rng = np.random.default_rng(3)
X = rng.normal(size=(4, 3))


def test_agrees_with_a_loop_over_lanes():
    np.testing.assert_allclose(gs.vmap(functions.smooth)(X), np.stack([functions.smooth(x) for x in X]), rtol=1e-15)


@pytest.mark.parametrize("axis", [0, 1, -1, -2])
@pytest.mark.parametrize("out", [0, 1, -1])
def test_axes(axis, out):
    def f(x, w):
        return x * w

    w = rng.normal(size=X.shape[1 - axis % 2])
    found = gs.vmap(f, in_axes=(axis, None), out_axes=out)(X, w)
    lanes = np.moveaxis(X, axis, 0)
    np.testing.assert_allclose(found, np.stack([f(x, w) for x in lanes], axis=out), rtol=1e-15)


def test_in_axes_as_trees():
    def f(params, x):
        return np.sum(params["w"] * x) + params["b"]

    params = {"w": rng.normal(size=(3, 4)), "b": 2.0}
    found = gs.vmap(f, in_axes=({"w": 1, "b": None}, 0))(params, X)
    expected = [f({"w": params["w"][:, k], "b": 2.0}, X[k]) for k in range(4)]
    np.testing.assert_allclose(found, expected, rtol=1e-14)


def test_results_that_do_not_depend_on_the_lane():
    _, same = gs.vmap(lambda x, w: (x * 2.0, w), in_axes=(0, None))(X, X[0])
    assert same.shape == (4, 3)
    _, same = gs.vmap(lambda x, w: (x * 2.0, w), in_axes=(0, None), out_axes=(0, None))(X, X[0])
    np.testing.assert_array_equal(same, X[0])
    with pytest.raises(ValueError, match="out_axes is None"):
        gs.vmap(lambda x: x * 2.0, out_axes=None)(X)


def test_per_example_gradients():
    w, b = rng.normal(size=3), 0.1
    found = gs.vmap(gs.grad(lambda w, x: np.sum((x @ w + b) ** 2)), in_axes=(None, 0))(w, X)
    expected = np.stack([2 * (x @ w + b) * x for x in X])
    np.testing.assert_allclose(found, expected, rtol=1e-13)


def test_each_lane_takes_its_own_branches():
    xs = np.array([[0.1, 0.2, 0.3], [3.0, 1.0, 1.0], [1.0, 2.0, 5.0]])
    found = gs.vmap(functions.norm_or_zero)(xs)
    np.testing.assert_allclose(found, [functions.norm_or_zero(x) for x in xs], rtol=1e-15)
    gradients = gs.vmap(gs.grad(functions.norm_or_zero))(xs)
    expected = np.stack([gs.grad(functions.norm_or_zero)(x) for x in xs])
    assert oracles.relative_error(gradients, expected) < 1e-14


@pytest.mark.parametrize("lanes", ["loop", "array"])
def test_lanes_can_be_forced(lanes):
    np.testing.assert_allclose(gs.vmap(functions.smooth, lanes=lanes)(X), functions.smooth(X), rtol=1e-15)


def test_one_version_for_all_batch_sizes():
    f = gs.vmap(functions.smooth, in_axes=0)
    before = f.trace_count
    for size in (2, 3, 7):
        f(np.ones((size, 3)))
    assert f.trace_count - before <= 1
    assert f(np.ones((1, 3))).shape == (1, 3)


def test_nested():
    xs = rng.normal(size=(2, 4, 3))
    np.testing.assert_allclose(gs.vmap(gs.vmap(functions.smooth))(xs), functions.smooth(xs), rtol=1e-15)
    outer = gs.vmap(gs.vmap(lambda a, b: a * b, in_axes=(None, 0)), in_axes=(0, None))(X[0], X[1])
    np.testing.assert_allclose(outer, np.outer(X[0], X[1]))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: gs.vmap(lambda a, b: a * b)(X, X[:3]), "inconsistent sizes"),
        (lambda: gs.vmap(functions.smooth)(1.0), "axis 0"),
        (lambda: gs.vmap(functions.smooth, in_axes=2)(X), "axis 2"),
        (lambda: gs.vmap(functions.smooth, in_axes=None)(X), "at least one"),
        (lambda: gs.vmap(functions.smooth, in_axes=(0, 0))(X), "2 entries"),
        (lambda: gs.vmap(functions.smooth, out_axes=3)(X), "out_axes=3"),
        (lambda: gs.vmap(functions.smooth, lanes="rows"), "lanes"),
    ],
)
def test_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def iterated(a):
    x = a
    while abs(x * x - a) > 1e-10:
        x = 0.5 * (x + a / x)
    return x


ALONE = {"value": iterated, "gradient": gs.grad(iterated), "branch": functions.norm_or_zero}


@pytest.mark.parametrize("f", ALONE.values(), ids=ALONE)
def test_a_loop_over_lanes_allocates_nothing_in_a_lane(f):
    """Scalars stay scalars; results, and the tape of a gradient, are there before the loop."""
    arg = X if f is functions.norm_or_zero else np.array([2.0, 9.0, 0.5])
    text = gs.source(gs.jit(gs.vmap(f, lanes="loop")), arg, level="loops")
    _, _, lane = text.partition("for lane in range(batch):")
    assert lane
    assert not any(word in lane for word in ("np.empty", "np.zeros", "np.full", ".copy()"))


@pytest.mark.parametrize("lanes", ["auto", "loop", "array"])
@pytest.mark.parametrize("backend", ["python", pytest.param("native", marks=pytest.mark.native)])
def test_every_lane_reads_the_tape_of_a_program_that_all_share(lanes, backend):
    """The forward sweep runs once, outside; every lane's reverse sweep pops what it has pushed."""

    def pull(a, seed):
        return gs.vjp(iterated, a)[1](seed)[0]

    seeds = np.array([1.0, 2.0, -3.0])
    found = gs.jit(gs.vmap(pull, in_axes=(None, 0), lanes=lanes), backend=backend)(2.0, seeds)
    np.testing.assert_allclose(found, seeds * gs.grad(iterated)(2.0), rtol=1e-12)
