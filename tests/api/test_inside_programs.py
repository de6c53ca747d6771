"""Transformations called inside a program that is itself compiled or differentiated."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import gradscribe as gs


def wave(x: Any) -> Any:
    return np.sum(np.sin(x) * x**2)


def rosenbrock(x: Any) -> Any:
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def forward_over_reverse(x: Any, v: Any) -> Any:
    return gs.jvp(gs.grad(wave), (x,), (v,))[1]


def reverse_over_reverse(x: Any, v: Any) -> Any:
    return gs.grad(lambda y: np.sum(gs.grad(wave)(y) * v))(x)


def newton_steps(x: Any) -> Any:
    for _ in range(3):
        x = x - np.linalg.solve(gs.hessian(rosenbrock)(x), gs.grad(rosenbrock)(x))
    return x


def pull(x: Any) -> Any:
    y, pullback = gs.vjp(lambda z: np.tanh(z) * z, x)
    return pullback(np.ones_like(y))[0]


def second_derivative_of_wave(x: np.ndarray) -> np.ndarray:
    return 2 * np.sin(x) + 4 * x * np.cos(x) - x**2 * np.sin(x)


@pytest.mark.parametrize("backend", ["python", pytest.param("native", marks=pytest.mark.native)])
@pytest.mark.parametrize("product", [forward_over_reverse, reverse_over_reverse])
def test_hessian_vector_product(product: Any, backend: str) -> None:
    x, v = np.linspace(0.1, 1.0, 4), np.array([1.0, -2.0, 0.5, 3.0])
    np.testing.assert_allclose(gs.jit(product, backend=backend)(x, v), second_derivative_of_wave(x) * v, rtol=1e-12)


@pytest.mark.parametrize("backend", ["python", pytest.param("native", marks=pytest.mark.native)])
def test_newton_with_hessian_in_a_loop(backend: str) -> None:
    x = np.linspace(0.1, 1.0, 4)
    expected = x
    for _ in range(3):
        expected = expected - np.linalg.solve(gs.hessian(rosenbrock)(expected), gs.grad(rosenbrock)(expected))
    np.testing.assert_allclose(gs.jit(newton_steps, backend=backend)(x), expected, rtol=1e-9)


def test_pullback_inside() -> None:
    x = np.linspace(0.1, 1.0, 4)
    np.testing.assert_allclose(gs.jit(pull, backend="python")(x), np.tanh(x) + x * (1 - np.tanh(x) ** 2), rtol=1e-13)


def test_a_direction_of_another_size_is_refused() -> None:
    with pytest.raises(gs.ShapeError):
        gs.jit(forward_over_reverse, backend="python")(np.ones(4), np.ones(3))
