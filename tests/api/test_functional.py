"""Functional derivatives: against Euler and Lagrange's, with the order of the discretisation; the brachistochrone."""

import runpy
from pathlib import Path

import numpy as np
import pytest

import gradscribe as gs

SAMPLES = Path(__file__).resolve().parent.parent.parent / "samples"


def grid(n):
    return np.linspace(0.0, 1.0, n + 1) ** 1.2


def energy(f, g, x):
    widths = x[1:] - x[:-1]
    slope = (f[1:] - f[:-1]) / widths
    return np.sum(0.5 * slope**2 * widths) + np.trapezoid(np.exp(f) * g, x)


def test_euler_and_lagrange():
    errors = []
    for n in (50, 100, 200):
        x = np.linspace(0.0, 1.0, n + 1)
        f, g = np.sin(3.0 * x), x**2
        found = gs.functional_grad(energy, x)(f, g, x)
        errors.append(np.max(np.abs(found - (9.0 * np.sin(3.0 * x) + np.exp(f) * g))[1:-1]))
    rates = np.log2(np.array(errors[:-1]) / np.array(errors[1:]))
    assert np.all(rates > 1.9) and errors[-1] < 1e-3


def test_the_change_along_a_function_is_an_integral():
    x = grid(40)
    w = gs.quadrature_weights(x)
    rng = np.random.default_rng(0)
    f, g, v = rng.normal(size=(3, x.size))
    whole = lambda f: energy(f, g, x)
    assert np.sum(w * gs.functional_grad(whole, x)(f) * v) == pytest.approx(gs.jvp(whole, (f,), (v,))[1], rel=1e-12)


def test_argnums_weights_and_transformations():
    x = grid(20)
    f, g = np.cos(x), 1.0 + x
    both = gs.functional_grad(lambda f, g: energy(f, g, x), weights=gs.quadrature_weights(x), argnums=(0, 1))
    first = gs.functional_grad(lambda f, g: energy(f, g, x), x)
    np.testing.assert_allclose(both(f, g)[0], first(f, g))
    np.testing.assert_allclose(both(f, g)[1], np.exp(f), rtol=1e-12)
    np.testing.assert_allclose(gs.jit(first, backend="python")(f, g), first(f, g))
    np.testing.assert_allclose(gs.vmap(first)(np.stack([f, g]), np.stack([g, f]))[1], first(g, f))
    square = lambda f: np.sum(first(f, g) ** 2)  # called inside a transformed function
    h = 1e-5
    slope = (square(f + h * g) - square(f - h * g)) / (2 * h)
    assert np.sum(gs.grad(square)(f) * g) == pytest.approx(slope, rel=1e-6)


def test_quadrature():
    x = np.linspace(0.0, 2.0, 21)
    assert np.sum(gs.quadrature_weights(grid(9)) * grid(9)) == pytest.approx(0.5)
    assert np.sum(gs.quadrature_weights(x, "simpson") * x**3) == pytest.approx(4.0, rel=1e-14)
    inside = lambda x: np.sum(gs.quadrature_weights(x, "simpson") * np.exp(x))
    assert gs.jit(inside, backend="python")(x) == pytest.approx(inside(x), rel=1e-14)


def test_refused():
    x = np.linspace(0.0, 1.0, 5)
    with pytest.raises(TypeError, match="either a grid or weights"):
        gs.functional_grad(np.sum)
    with pytest.raises(TypeError, match="either a grid or weights"):
        gs.functional_grad(np.sum, x, weights=x)
    with pytest.raises(ValueError, match="increasing"):
        gs.functional_grad(np.sum, x[::-1])
    with pytest.raises(ValueError, match="vector"):
        gs.functional_grad(np.sum, np.ones((2, 2)))
    with pytest.raises(ValueError, match="odd number"):
        gs.quadrature_weights(np.linspace(0.0, 1.0, 4), "simpson")
    with pytest.raises(gs.NotDifferentiable):
        gs.functional_grad(lambda f: f * 2.0, x)(x)


@pytest.mark.native
def test_the_brachistochrone_converges_to_the_cycloid():
    fastest = runpy.run_path(str(SAMPLES / "brachistochrone.py"))["fastest"]
    found = [fastest(n) for n in (10, 20, 40)]
    over = np.array([f["time"] - f["exact"] for f in found])
    away = np.array([f["distance"] for f in found])
    assert np.all(over > 0) and np.all(over[:-1] / over[1:] > 3.3), "a polygon is slower, by O(n^-2)"
    assert np.all(away[:-1] / away[1:] > 2.2) and away[-1] < 1.1e-3
    assert over[-1] / found[-1]["exact"] < 1.2e-4
    assert all(f["derivative_after"] < 1e-6 < 1.0 < f["derivative_before"] for f in found)
