"""Catalogue entries of models and simulations, and of programs whose control flow depends on data."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from programs.conv2d import conv2d
from programs.early_return import early_return
from programs.first_crossing import first_crossing
from programs.lenet import lenet
from programs.lorenz import lorenz
from programs.lorenz_array import lorenz_array
from programs.mlp_relu import mlp_relu
from programs.mlp_tanh import mlp_tanh
from programs.newton import newton
from programs.program import Program, Size
from programs.rosenbrock import rosenbrock
from programs.softmax import softmax
from programs.transformer import transformer
from programs.while_search import while_search
from programs.while_two_arrays import while_two_arrays

Rng = np.random.Generator


def _attention_scores(rng: Rng, size: Size, dtype: type) -> tuple[Any, ...]:
    shape = {"small": (2, 3, 4, 5), "bench": (16, 16, 128, 128)}[size]
    return (rng.standard_normal(shape).astype(dtype),)


def _layers(rng: Rng, widths: tuple[int, ...], dtype: type) -> tuple[tuple[np.ndarray, np.ndarray], ...]:
    return tuple(
        ((rng.standard_normal((d, m)) / np.sqrt(d)).astype(dtype), (0.1 * rng.standard_normal(m)).astype(dtype))
        for d, m in pairwise(widths)
    )


def _batch(rng: Rng, size: Size, dtype: type) -> tuple[np.ndarray, np.ndarray, tuple[int, ...]]:
    n, widths = {"small": (5, (4, 6, 5, 3)), "bench": (256, (784, 512, 512, 10))}[size]
    return rng.standard_normal((n, widths[0])).astype(dtype), rng.integers(0, widths[-1], n), widths


def _named_layers(rng: Rng, size: Size, dtype: type) -> tuple[Any, ...]:
    x, labels, widths = _batch(rng, size, dtype)
    params = {}
    for number, (weights, bias) in enumerate(_layers(rng, widths, dtype), start=1):
        params[f"W{number}"] = weights
        params[f"b{number}"] = bias
    return params, x, labels


def _paired_layers(rng: Rng, size: Size, dtype: type) -> tuple[Any, ...]:
    x, labels, widths = _batch(rng, size, dtype)
    return _layers(rng, widths, dtype), x, np.eye(widths[-1], dtype=dtype)[labels]


def _images(rng: Rng, size: Size, dtype: type) -> tuple[Any, ...]:
    n, h, c, m, k = {"small": (2, 5, 2, 3, 3), "bench": (8, 32, 3, 16, 5)}[size]
    images = rng.standard_normal((n, h, h, c)).astype(dtype)
    weights = (rng.standard_normal((k, k, c, m)) / k).astype(dtype)
    return images, weights, rng.standard_normal(m).astype(dtype)


def _network(rng: Rng, size: Size, dtype: type) -> tuple[Any, ...]:
    n, side, k, channels, widths = {
        "small": (2, 10, 3, (1, 2, 3), (6, 5, 4)),
        "bench": (64, 28, 5, (1, 6, 16), (120, 84, 10)),
    }[size]
    params = {}
    for number, (c, m) in enumerate(pairwise(channels), start=1):
        params[f"K{number}"] = (rng.standard_normal((k, k, c, m)) / (k * np.sqrt(c))).astype(dtype)
        params[f"c{number}"] = (0.1 * rng.standard_normal(m)).astype(dtype)
    pixels = ((side - k + 1) // 2 - k + 1) // 2
    for number, (weights, bias) in enumerate(_layers(rng, (pixels**2 * channels[-1], *widths), dtype), start=1):
        params[f"W{number}"] = weights
        params[f"b{number}"] = bias
    return params, rng.standard_normal((n, side, side, channels[0])).astype(dtype), rng.integers(0, widths[-1], n)


def _transformer_layers(rng: Rng, size: Size, dtype: type) -> tuple[Any, ...]:
    batch, length, width, heads, count = {"small": (2, 3, 4, 2, 1), "bench": (8, 128, 128, 4, 2)}[size]
    shapes = dict.fromkeys("QKVO", (width, width)) | {"W1": (width, 4 * width), "W2": (4 * width, width)}
    layers = []
    for _ in range(count):
        layer = {name: (rng.standard_normal(s) / np.sqrt(s[0])).astype(dtype) for name, s in shapes.items()}
        for name, m in {"shift1": width, "shift2": width, "b1": 4 * width, "b2": width}.items():
            layer[name] = (0.1 * rng.standard_normal(m)).astype(dtype)
        for name in ("gain1", "gain2"):
            layer[name] = (1.0 + 0.1 * rng.standard_normal(width)).astype(dtype)
        layers.append(layer)
    return tuple(layers), rng.standard_normal((batch, length, width)).astype(dtype), heads


def _lorenz(rng: Rng, size: Size, dtype: type) -> tuple[Any, ...]:
    sigma, rho, beta = (np.array([10.0, 28.0, 8.0 / 3.0]) * (1 + 0.01 * rng.standard_normal(3))).tolist()
    return sigma, rho, beta, {"small": 60, "bench": 1000}[size]


def _lorenz_array(rng: Rng, size: Size, dtype: type) -> tuple[Any, ...]:
    sigma, rho, beta, steps = _lorenz(rng, size, dtype)
    return np.array([sigma, rho, beta]), 1.0 + 0.1 * rng.standard_normal(3), rng.standard_normal(3), steps


def _valley_point(rng: Rng, size: Size, dtype: type) -> tuple[Any, ...]:
    n = {"small": 6, "bench": 10}[size]
    return (rng.uniform(-1.5, 1.5, n).astype(dtype),)


def _orbit(rng: Rng, size: Size, dtype: type) -> tuple[Any, ...]:
    return float(rng.uniform(0.5, 2.5)), float(rng.uniform(0.2, 0.7))


def _sampled_signal(rng: Rng, size: Size, dtype: type) -> tuple[Any, ...]:
    n = {"small": 40, "bench": 4000}[size]
    signal = np.sin(np.linspace(-2.0, 9.0, n)) + 0.02 * rng.standard_normal(n)
    return signal.astype(dtype), float(rng.uniform(0.3, 0.7))


def _field_and_budget(rng: Rng, size: Size, dtype: type) -> tuple[Any, ...]:
    n, m = {"small": (5, 6), "bench": (300, 400)}[size]
    field = rng.standard_normal((n, m))
    return field.astype(dtype), float(rng.uniform(0.3, 0.7) * np.sum(field**2))


def _positive_pair(rng: Rng, size: Size, dtype: type) -> tuple[Any, ...]:
    n = {"small": 6, "bench": 10_000}[size]
    return rng.uniform(1.0, 2.0, n), rng.uniform(2.5, 4.0, n)


def _bowl(rng: Rng, size: Size, dtype: type) -> tuple[Any, ...]:
    n, iterations = {"small": (4, 3), "bench": (1000, 40)}[size]
    return rng.standard_normal(n) / np.sqrt(n), rng.uniform(0.3, 2.0, n), iterations


MODELS: tuple[Program, ...] = (
    Program("softmax", softmax, _attention_scores, (0,), "jax_models", float32=True, notes="bench is float32"),
    Program("mlp_tanh", mlp_tanh, _named_layers, (0, 1), "jax_models", float32=True, notes="dict; integer labels"),
    Program("mlp_relu", mlp_relu, _paired_layers, (0, 1), "jax_models", float32=True, notes="tuple of pairs"),
    Program("conv2d", conv2d, _images, (0, 1, 2), "jax_models", float32=True),
    Program("lenet", lenet, _network, (0,), "jax_models", float32=True, notes="two conv2d; max by reshape; labels"),
    Program("transformer", transformer, _transformer_layers, (0,), "jax_models", float32=True, notes="tuple of dicts"),
    Program("rosenbrock", rosenbrock, _valley_point, (0,), "jax_models", float32=True),
    Program("lorenz", lorenz, _lorenz, (0, 1, 2), "jax_models", notes="chaotic: errors grow about 10^4-fold in bench"),
    Program("lorenz_array", lorenz_array, _lorenz_array, (0, 1, 2), "jax_models"),
    Program("newton", newton, _orbit, (0, 1), "jax_control_flow", notes="while to a tolerance"),
    Program("first_crossing", first_crossing, _sampled_signal, (0, 1), "jax_control_flow", notes="break"),
    Program("early_return", early_return, _field_and_budget, (0,), "jax_control_flow", notes="return inside two loops"),
    Program("while_two_arrays", while_two_arrays, _positive_pair, (0, 1), "jax_control_flow"),
    Program("while_search", while_search, _bowl, (0, 1), "jax_control_flow", notes="a while inside a for"),
)
