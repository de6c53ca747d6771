"""`gs.checkpointed`: derivatives equal those that keep all; evaluations are those of theory; memory is k states."""

from __future__ import annotations

import functools
import math
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import gradscribe as gs

X = np.linspace(0.2, 1.1, 3)


def stepped(x, w, n, k):
    for t in gs.checkpointed(range(n), snapshots=k):
        x = np.sin(w * x) + 0.01 * t
    return np.sum(x**2)


def kept(x, w, n):
    for t in range(n):
        x = np.sin(w * x) + 0.01 * t
    return np.sum(x**2)


def until(x, w, n, k):
    t = 0
    while gs.checkpointed(t < n, snapshots=k):
        x = np.sin(w * x) + 0.01 * t
        t += 1
    return np.sum(x**2)


def counted_calls(monkeypatch, name: str, run: Callable[[], Any]) -> int:
    """How often a NumPy function is called."""
    calls = [0]
    original = getattr(np, name)

    def counting(*args: Any) -> Any:
        calls[0] += 1
        return original(*args)

    with monkeypatch.context() as patched:
        patched.setattr(np, name, counting)
        run()
    return calls[0]


@functools.cache
def fewest_advances(steps: int, slots: int) -> int:
    """Dynamic programming: what no schedule with so many snapshots (the first state is one) can do better."""
    if steps <= 1:
        return 0
    if slots == 1:
        return steps * (steps - 1) // 2
    return min(
        far + fewest_advances(steps - far, slots - 1) + fewest_advances(far, slots) for far in range(1, steps)
    )


@pytest.mark.parametrize("slots", range(1, 7))
def test_the_oracle_is_the_published_formula(slots):
    for steps in range(1, 40):
        repeats = next(r for r in range(100) if math.comb(slots + r, slots) >= steps)
        assert fewest_advances(steps, slots) == repeats * steps - math.comb(slots + repeats, slots + 1)


@pytest.mark.parametrize("k", [1, 2, 3, 4, 7, 30])
def test_evaluations_are_the_fewest_possible(monkeypatch, k):
    derivative = gs.grad(stepped, argnums=(0, 1))
    derivative(X, 1.3, 5, k)
    for n in [*range(2, 26), 64, 83]:
        found = derivative(X, 1.3, n, k)
        expected = gs.grad(kept, argnums=(0, 1))(X, 1.3, n)
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-300)
        # The forward sweep goes on to the end, one step further than the first descent of a schedule.
        count = counted_calls(monkeypatch, "sin", lambda n=n: derivative(X, 1.3, n, k))
        assert count == fewest_advances(n, k) + 1


@pytest.mark.parametrize("k", [1, 2, 3, 4, 5, 8])
def test_while_takes_two_levels(monkeypatch, k):
    derivative = gs.grad(until, argnums=(0, 1))
    for n in [*range(20), 50, 97]:
        found = derivative(X, 1.3, n, k)
        expected = gs.grad(kept, argnums=(0, 1))(X, 1.3, n)
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-300)
        count = counted_calls(monkeypatch, "sin", lambda n=n: derivative(X, 1.3, n, k))
        assert count == n + two_level_advances(n, k)


def two_level_advances(n: int, k: int) -> int:
    """What the schedule described in the documentation computes again."""
    most, spacing, places = (k + 1) // 2, 1, [0] if n else []
    for t in range(1, n):
        if t == places[-1] + spacing:
            if len(places) == most:
                places, spacing = places[::2], 2 * spacing
            if t % spacing == 0:
                places.append(t)
    total, end = 0, n
    for place in reversed(places):
        total += fewest_advances(end - place, k + 1 - len(places))
        places, end = places[:-1], place
    return total


def peak_in_states(run: Callable[[np.ndarray], Any], x: np.ndarray) -> float:
    run(x)
    tracemalloc.start()
    run(x)
    peak = tracemalloc.get_traced_memory()[1] / x.nbytes
    tracemalloc.stop()
    return peak


@pytest.mark.parametrize("program", [stepped, until])
def test_memory_is_the_snapshots_and_a_constant(program):
    x = np.linspace(0, 1, 20_000)
    peaks = {k: peak_in_states(lambda x, k=k: gs.grad(program)(x, 1.3, 200, k), x) for k in (4, 8, 32)}
    assert peaks[8] - peaks[4] == pytest.approx(4, abs=0.1)
    assert peaks[32] - peaks[8] == pytest.approx(24, abs=0.1)
    assert peaks[4] < 4 + 10
    assert peak_in_states(lambda x: gs.grad(kept)(x, 1.3, 200), x) > 200


TRANSFORMS = {
    "hessian": lambda f: gs.hessian(f)(X, 1.3, 9),
    "reverse_over_reverse": lambda f: gs.jacrev(gs.grad(f))(X, 1.3, 9),
    "jvp": lambda f: gs.jvp(lambda x: f(x, 1.3, 9), (X,), (X,)),
    "vmap_grad": lambda f: gs.vmap(gs.grad(f), in_axes=(0, None, None))(np.stack([X, 2 * X]), 1.3, 9),
    "vmap_loop": lambda f: gs.vmap(gs.grad(f), in_axes=(0, None, None), lanes="loop")(np.stack([X, 2 * X]), 1.3, 9),
    "vmap_trips": lambda f: gs.vmap(gs.grad(f), in_axes=(0, None, 0))(np.stack([X, 2 * X]), 1.3, np.array([4, 7])),
    "grad_vmap": lambda f: gs.grad(lambda x: np.sum(gs.vmap(lambda y: f(y, 1.3, 9))(np.stack([x, 2 * x]))))(X),
    "linearize": lambda f: gs.linearize(lambda x: f(x, 1.3, 9), X)[1](X),
    "pullback_twice": lambda f: (lambda pull: (pull(1.0), pull(2.0)))(gs.vjp(lambda x: f(x, 1.3, 9), X)[1]),
    "checkpoint": lambda f: gs.grad(gs.checkpoint(f))(X, 1.3, 9),
}


@pytest.mark.parametrize("program", [stepped, until])
@pytest.mark.parametrize("transform", TRANSFORMS)
def test_transformations(transform, program):
    found = TRANSFORMS[transform](lambda x, w, n: program(x, w, n, 3))
    expected = TRANSFORMS[transform](kept)
    for a, b in zip(gs.tree.leaves(found), gs.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14)


def test_what_the_body_prints_is_seen_once(capsys):
    def f(x, n):
        for t in gs.checkpointed(range(n), snapshots=2):
            print(t)
            x = np.sin(x)
        return x

    gs.grad(f)(0.5, 6)
    assert capsys.readouterr().out.split() == list("012345")


def test_under_python_it_is_what_it_is_given():
    r = range(5)
    assert gs.checkpointed(r, snapshots=2) is r
    assert gs.checkpointed(True, snapshots=2) is True
    with pytest.raises(ValueError, match="at least one snapshot"):
        gs.checkpointed(r, snapshots=0)


def test_refusals():
    def misplaced(x):
        for k, _t in enumerate(gs.checkpointed(range(5), snapshots=2)):
            x = x * k
        return x

    def in_a_condition(x):
        t = 0
        while t < 5 and gs.checkpointed(x < 9.0, snapshots=2):
            x = x * 1.1
            t += 1
        return x

    def unrolled(x):
        for part in gs.checkpointed([1.0, "a", 3.0], snapshots=2):
            x = x * (part if part != "a" else 2.0)
        return x

    def growing(x):
        for _ in gs.checkpointed(range(3), snapshots=2):
            x = np.concatenate((x, np.sin(x[-1:])))
        return np.sum(x)

    with pytest.raises(gs.UnsupportedSyntax, match="does not stand at the loop itself"):
        gs.grad(misplaced)(1.0)
    with pytest.raises(gs.UnsupportedSyntax, match="does not stand around the whole test"):
        gs.grad(in_a_condition)(1.0)
    with pytest.raises(gs.UnsupportedSyntax, match="has to stay a loop"):
        gs.grad(unrolled)(1.0)
    with pytest.raises(gs.NoRule, match="whose size changes"):
        gs.grad(growing)(np.ones(2))
    with pytest.raises(gs.GradscribeError, match="at least one snapshot"):
        gs.grad(lambda x: stepped(x, 1.0, 4, 0))(X)
