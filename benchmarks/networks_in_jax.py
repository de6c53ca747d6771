"""The networks and `gemm` in idiomatic JAX: library convolution, pooling, softmax and activations."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax import lax


def gemm(alpha: Any, beta: Any, C: Any, A: Any, B: Any) -> Any:
    return alpha * (A @ B) + beta * C


def _convolve(images: Any, weights: Any, bias: Any) -> Any:
    layout = ("NHWC", "HWIO", "NHWC")
    return lax.conv_general_dilated(images, weights, (1, 1), "VALID", dimension_numbers=layout) + bias


def _pool(x: Any) -> Any:
    return lax.reduce_window(x, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")


def lenet(params: Any, images: Any, labels: Any) -> Any:
    (k1, c1), (k2, c2), *dense = params
    h = _pool(jax.nn.relu(_convolve(images, k1, c1)))
    h = _pool(jax.nn.relu(_convolve(h, k2, c2))).reshape(images.shape[0], -1)
    for weights, bias in dense[:-1]:
        h = jax.nn.relu(h @ weights + bias)
    weights, bias = dense[-1]
    return -jnp.sum(labels * jax.nn.log_softmax(h @ weights + bias, axis=1)) / images.shape[0]


def _layer_norm(x: Any, scale: Any, shift: Any) -> Any:
    return jax.nn.standardize(x, axis=-1, epsilon=1e-5) * scale + shift


def transformer(blocks: Any, x: Any, target: Any, heads: int) -> Any:
    batch, length, width = x.shape
    depth = width // heads
    for scale_1, shift_1, w_qkv, w_out, scale_2, shift_2, w_up, b_up, w_down, b_down in blocks:
        q, k, v = jnp.moveaxis((_layer_norm(x, scale_1, shift_1) @ w_qkv).reshape(batch, length, 3, heads, depth), 2, 0)
        weights = jax.nn.softmax(jnp.einsum("blhd,bmhd->bhlm", q, k) / depth**0.5, axis=-1)
        x = x + jnp.einsum("bhlm,bmhd->blhd", weights, v).reshape(batch, length, width) @ w_out
        x = x + jax.nn.gelu(_layer_norm(x, scale_2, shift_2) @ w_up + b_up) @ w_down + b_down
    return jnp.mean((x - target) ** 2)


def network(params: Any, x: Any, label: Any) -> Any:
    """One example of `batches.network`'s perceptron."""
    w1, b1, w2, b2, w3, b3 = params
    h = jnp.tanh(x @ w1 + b1)
    h = jnp.tanh(h @ w2 + b2)
    return -jax.nn.log_softmax(h @ w3 + b3)[label]
