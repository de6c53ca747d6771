"""Idiomatic JAX forms of the models and simulations: `jax.nn`, library convolution, scans over time."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import lax

jax.config.update("jax_enable_x64", True)


def softmax(x):
    return jax.nn.softmax(x, axis=-1)


def mlp_tanh(params, x, labels):
    h = jnp.tanh(x @ params["W1"] + params["b1"])
    h = jnp.tanh(h @ params["W2"] + params["b2"])
    log_p = jax.nn.log_softmax(h @ params["W3"] + params["b3"], axis=1)
    return -jnp.mean(jnp.take_along_axis(log_p, labels[:, None], axis=1))


def mlp_relu(layers, x, targets):
    h = x
    for weights, bias in layers[:-1]:
        h = jax.nn.relu(h @ weights + bias)
    weights, bias = layers[-1]
    return -jnp.sum(targets * jax.nn.log_softmax(h @ weights + bias, axis=1)) / x.shape[0]


def conv2d(images, weights, bias):
    layout = ("NHWC", "HWIO", "NHWC")
    return lax.conv_general_dilated(images, weights, (1, 1), "VALID", dimension_numbers=layout) + bias


def _max_pool(x):
    return lax.reduce_window(x, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")


def lenet(params, images, labels):
    h = _max_pool(jax.nn.relu(conv2d(images, params["K1"], params["c1"])))
    h = _max_pool(jax.nn.relu(conv2d(h, params["K2"], params["c2"])))
    h = jax.nn.relu(h.reshape(h.shape[0], -1) @ params["W1"] + params["b1"])
    h = jax.nn.relu(h @ params["W2"] + params["b2"])
    log_p = jax.nn.log_softmax(h @ params["W3"] + params["b3"], axis=1)
    return -jnp.mean(jnp.take_along_axis(log_p, labels[:, None], axis=1))


def _attention(x, layer, heads):
    batch, length, width = x.shape
    queries, keys, values = (
        (x @ layer[name]).reshape(batch, length, heads, width // heads) for name in ("Q", "K", "V")
    )
    weights = jax.nn.softmax(jnp.einsum("bqhd,bkhd->bhqk", queries, keys) / (width // heads) ** 0.5, axis=-1)
    return jnp.einsum("bhqk,bkhd->bqhd", weights, values).reshape(batch, length, width) @ layer["O"]


def transformer(layers, x, heads):
    for layer in layers:
        h = jax.nn.standardize(x, axis=-1) * layer["gain1"] + layer["shift1"]
        x = x + _attention(h, layer, heads)
        h = jax.nn.standardize(x, axis=-1) * layer["gain2"] + layer["shift2"]
        x = x + jax.nn.gelu(h @ layer["W1"] + layer["b1"], approximate=True) @ layer["W2"] + layer["b2"]
    return jnp.mean(x * x)


def rosenbrock(x):
    return jnp.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def _lorenz_field(state, sigma, rho, beta):
    x, y, z = state
    return sigma * (y - x), x * (rho - z) - y, x * y - beta * z


def _runge_kutta(state, parameters, h):
    def moved(slope, step):
        return tuple(s + step * k for s, k in zip(state, slope, strict=True))

    k1 = _lorenz_field(state, *parameters)
    k2 = _lorenz_field(moved(k1, h / 2), *parameters)
    k3 = _lorenz_field(moved(k2, h / 2), *parameters)
    k4 = _lorenz_field(moved(k3, h), *parameters)
    slopes = zip(k1, k2, k3, k4, strict=True)
    mean = tuple(a + 2 * b + 2 * c + d for a, b, c, d in slopes)
    return moved(mean, h / 6)


def lorenz(sigma, rho, beta, steps):
    """A scan over time that carries three scalars; two steps a trip is the fastest unrolling from 1 to 10."""
    one = jnp.ones_like(jnp.asarray(sigma, dtype=float))
    parameters = (sigma, rho, beta)
    body = lambda state, _: (_runge_kutta(state, parameters, 0.01), None)
    x, y, z = lax.scan(body, (one, one, one), None, length=steps, unroll=2)[0]
    return 0.5 * x - y + 0.25 * z


def lorenz_array(parameters, start, weights, steps):
    sigma_rho_beta = tuple(parameters)
    body = lambda state, _: (_runge_kutta(state, sigma_rho_beta, 0.01), None)
    end = lax.scan(body, tuple(start), None, length=steps)[0]
    return jnp.dot(weights, jnp.stack(end))
