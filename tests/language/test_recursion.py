"""Functions that call themselves as often as data says: how their text reads, how deep they go, what they may do."""

from __future__ import annotations

import numpy as np
import pytest

import gradscribe as gs
from emitted_texts import gradient_text
from language import recursion_programs
from language.registry import LANGUAGE

BACKENDS = ["python", pytest.param("native", marks=pytest.mark.native)]


def descend(x, n):
    if n == 0:
        return x
    return np.sin(descend(x, n - 1))


def halved(x):
    print("at", x)
    return x if x < 1 else halved(x / 2) * 1.5


def checked(x, k):
    return x[k] if k > 3 else checked(x, k + 1) * 2.0


@pytest.mark.parametrize("name", ["adaptive_quadrature", "over_the_tail"])
def test_text_of_a_gradient(golden, name):
    golden.check(f"gradients/{name}.py", gradient_text(LANGUAGE[name]))


@pytest.mark.parametrize("backend", BACKENDS)
def test_too_deep_is_a_recursion_error_at_the_users_line(backend):
    f = gs.jit(descend, backend=backend)
    assert np.isclose(f(0.5, 200), descend(0.5, 200))
    with pytest.raises(RecursionError) as caught:
        f(0.5, 100_000)
    assert any("np.sin(descend(x, n - 1))" in note for note in caught.value.__notes__)
    assert np.isclose(f(0.5, 3), descend(0.5, 3))


@pytest.mark.parametrize("backend", BACKENDS)
def test_checks_inside_survive_where_nobody_reads_the_value(backend):
    x = np.array([0.5, 1.5, 2.5])

    def ignores(x, k):
        checked(x, k)
        return np.sum(x)

    with pytest.raises(gs.IndexRangeError, match=r"test_recursion.py:\d+:"):
        gs.jit(ignores, backend=backend)(x, 0)
    with pytest.raises(gs.IndexRangeError, match=r"test_recursion.py:\d+:"):
        gs.jit(gs.grad(ignores), backend=backend)(x, 0)


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_is_printed_is_printed_once(backend, capsys):
    value, slope = gs.jit(gs.value_and_grad(halved), backend=backend)(5.0)
    assert capsys.readouterr().out.split() == ["at", "5.0", "at", "2.5", "at", "1.25", "at", "0.625"]
    assert np.isclose(value, 0.625 * 1.5**3) and np.isclose(slope, (1.5 / 2) ** 3)


def test_one_text_serves_every_depth():
    text = gs.source(descend, 0.5, 7)
    assert text == gs.source(descend, 0.5, 2)
    assert text.count("def ") == 2


@pytest.mark.parametrize("of", [lambda f: f, gs.grad], ids=["value", "gradient"])
def test_lanes_recur_each_as_deep_as_it_has_to(of):
    f = of(lambda b: recursion_programs.adaptive_quadrature(0.0, b, 2.5))
    ends = np.array([0.1, 3.0, 1.5])
    assert np.allclose(gs.vmap(f)(ends), [f(float(b)) for b in ends])


def test_hessian_of_random_trees():
    """Coefficients, depths and stopping conditions drawn at random, against finite differences of the gradient."""
    rng = np.random.default_rng(7)

    def tree(x, lo, hi, limit):
        middle = (lo + hi) // 2
        if hi - lo < 2 or x[lo] * x[middle] > limit:
            return np.sin(x[lo]) * x[middle]
        left = tree(x, lo, middle, limit * 0.5)
        return left * tree(x * 0.9, middle, hi, limit) + x[lo]

    for _ in range(6):
        n = int(rng.integers(2, 9))
        x, limit = rng.normal(size=n), float(rng.normal())
        gradient = gs.grad(tree)
        hessian = gs.hessian(tree)(x, 0, n, limit)
        for k in range(n):
            step = np.zeros(n)
            step[k] = 1e-6
            slope = (gradient(x + step, 0, n, limit) - gradient(x - step, 0, n, limit)) / 2e-6
            assert np.allclose(hessian[k], slope, rtol=1e-4, atol=1e-6)
            value = (tree(x + step, 0, n, limit) - tree(x - step, 0, n, limit)) / 2e-6
            assert np.isclose(gradient(x, 0, n, limit)[k], value, rtol=1e-4, atol=1e-6)
