"""`gs.checkpoint`: derivatives equal those without it; what is saved is what the policy says; memory; what is seen."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

import gradscribe as gs

POLICIES = {
    "none": None,
    "nothing": gs.checkpoint_policies.nothing_saveable,
    "everything": gs.checkpoint_policies.everything_saveable,
    "dots": gs.checkpoint_policies.dots_saveable,
    "plain_dots": gs.checkpoint_policies.checkpoint_dots_with_no_batch_dims,
    "names": gs.checkpoint_policies.save_only_these_names("hidden"),
    "other_names": gs.checkpoint_policies.save_any_names_but_these("hidden"),
    "but_names": gs.checkpoint_policies.save_anything_except_these_names("hidden"),
    "either": gs.checkpoint_policies.save_from_both_policies(
        gs.checkpoint_policies.dots_saveable, gs.checkpoint_policies.save_only_these_names("hidden")
    ),
}
RNG = np.random.default_rng(3)
W, X = RNG.normal(size=(3, 3)), RNG.normal(size=(4, 3))


def block(w, x):
    hidden = gs.checkpoint_name(np.exp(np.sin(x @ w)), "hidden")
    return np.tanh(hidden * x) @ w


def plain(w, x):
    return np.sum(block(w, block(w, x)) ** 2)


def remade(policy):
    saved = gs.checkpoint(block, policy=policy)

    def loss(w, x):
        return np.sum(saved(w, saved(w, x)) ** 2)

    return loss


TRANSFORMS = {
    "grad": lambda f: gs.grad(f, argnums=(0, 1))(W, X),
    "jvp": lambda f: gs.jvp(f, (W, X), (X.T @ X, X)),
    "hessian": lambda f: gs.hessian(f)(W, X),
    "reverse_over_reverse": lambda f: gs.jacrev(gs.grad(f))(W, X),
    "vmap_grad": lambda f: gs.vmap(gs.grad(f, argnums=1), in_axes=(None, 0))(W, np.stack([X, 2 * X])),
    "vmap_loop": lambda f: gs.vmap(gs.grad(f), in_axes=(None, 0), lanes="loop")(W, np.stack([X, 2 * X])),
    "grad_vmap": lambda f: gs.grad(lambda w: np.sum(gs.vmap(f, in_axes=(None, 0))(w, np.stack([X, 2 * X]))))(W),
    "linearize": lambda f: gs.linearize(f, W, X)[1](W, X),
    "pullback_twice": lambda f: (lambda pull: (pull(1.0), pull(2.0)))(gs.vjp(f, W, X)[1]),
}


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("transform", TRANSFORMS)
def test_derivatives_are_those_without_a_checkpoint(transform, policy):
    found, expected = TRANSFORMS[transform](remade(POLICIES[policy])), TRANSFORMS[transform](plain)
    for a, b in zip(gs.tree.leaves(found), gs.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)


@pytest.mark.native
@pytest.mark.parametrize("policy", ["none", "everything", "dots", "names"])
def test_native(policy):
    np.testing.assert_allclose(gs.jit(gs.grad(remade(POLICIES[policy])))(W, X), gs.grad(plain)(W, X), rtol=1e-12)


# What one function of the backward part computes again, of `x @ w`, `sin`, `exp`.
@pytest.mark.parametrize(
    "policy, again",
    [("none", "@se"), ("dots", "se"), ("names", "@"), ("everything", ""), ("but_names", ""), ("either", "")],
)
def test_what_a_policy_saves(policy, again):
    def loss(w, x):
        return np.sum(gs.checkpoint(block, policy=POLICIES[policy])(w, x) ** 2)

    text = gs.source(gs.grad(loss), W, X)
    backward = next(part for part in text.split("\n\n\ndef ") if "_bwd(" in part or "block_vjp(" in part)
    found = "".join(mark for mark, part in (("@", "x @ w"), ("s", "np.sin("), ("e", "np.exp(")) if part in backward)
    assert found in (again, again.replace("@", ""))
    assert ("x @ w" in backward) == ("@" in again)


def test_memory_is_that_of_the_arguments():
    def step(x):
        for _ in range(4):
            x = np.sin(x) + np.cos(np.exp(-x)) * x
        return x

    def loss(f):
        def run(x):
            for _ in range(10):
                x = f(x)
            return np.sum(x)

        return gs.grad(run)

    x = np.linspace(0, 1, 50_000)
    peaks = []
    for f in (step, gs.checkpoint(step)):
        derivative = loss(f)
        derivative(x)
        tracemalloc.start()
        derivative(x)
        peaks.append(tracemalloc.get_traced_memory()[1] / x.nbytes)
        tracemalloc.stop()
    assert peaks[0] > 70  # 40 steps, a few values each
    assert peaks[1] < 10 + 25  # ten arguments, and one call's values


def test_effects_happen_once(capsys):
    @gs.checkpoint
    def f(x):
        print("in f", x)
        return np.sin(x) * x

    for transformed in (gs.grad(f), gs.value_and_grad(f), gs.grad(gs.checkpoint(f))):
        transformed(0.5)
        assert capsys.readouterr().out == "in f 0.5\n"
    gs.vmap(gs.grad(f))(np.array([1.0, 2.0]))
    assert capsys.readouterr().out == "in f 1.0\nin f 2.0\n"


def test_called_from_python_it_is_the_function():
    def f(x, *, scale=2.0):
        x[0] = 5.0
        return {"y": x * scale, "x": x}

    x = np.ones(3)
    out = gs.checkpoint(f)(x, scale=3.0)
    assert out["x"] is x and list(out["y"]) == [15.0, 3.0, 3.0]


def test_static_arguments():
    @gs.checkpoint(static_argnums=(1,))
    def power(x, kind):
        return np.sin(x) if kind == "sine" else x * x

    assert gs.grad(lambda x: power(x, "sine") + power(x, "square"))(0.3) == np.cos(0.3) + 0.6


def test_a_policy_is_a_function():
    with pytest.raises(TypeError, match="policy is one of"):
        gs.checkpoint(np.sin, policy="dots")


def test_errors_are_those_of_the_user():
    @gs.checkpoint
    def f(x, k):
        return x[k]

    with pytest.raises(IndexError):
        gs.grad(lambda x: f(x, 7))(np.ones(3))
