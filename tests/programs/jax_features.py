"""Idiomatic JAX forms of the feature programs: vectorised where possible, scans where values depend on order."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from programs.closure_over_arrays import NODES, WEIGHTS
from programs.dataclass_parameters import Mixture
from programs.namedtuple_parameters import State

jax.config.update("jax_enable_x64", True)
jax.tree_util.register_dataclass(Mixture, data_fields=["logits", "means", "log_scales"], meta_fields=[])


def branch_in_loop(x, y, delta):
    r = jnp.abs(x - y)
    return jnp.sum(jnp.where(r > delta, delta * (r - 0.5 * delta), 0.5 * r * r))


def zero_trip_loops(x, steps):
    def step(carry, _):
        out, last = carry
        out = out * x
        return (out, last + out[0]), None

    (out, last), _ = lax.scan(step, (x, x[0]), None, length=steps)
    out = out * jnp.concatenate([jnp.ones(1), jnp.cumprod(x)[:-1]])
    return out, out[-1] if x.shape[0] > 1 else last


def triangular_loops(position, epsilon, sigma):
    i, j = np.triu_indices(position.shape[0], k=1)
    r2 = jnp.sum((position[i] - position[j]) ** 2, axis=1)
    s6 = (sigma * sigma / r2) ** 3
    return jnp.sum(4.0 * epsilon * (s6 * s6 - s6))


def buffer_swap(u0, velocity, courant, steps):
    def step(carry, _):
        previous, current = carry
        curvature = current[2:] - 2 * current[1:-1] + current[:-2]
        following = current.at[1:-1].set(2 * current[1:-1] - previous[1:-1] + courant**2 * curvature)
        return (current, following), None

    return lax.scan(step, (u0, u0 + velocity), None, length=steps)[0][1]


def overlapping_shift(line, samples, loss):
    def step(a, sample):
        return jnp.concatenate([sample[None], a[:-1] * loss]), a[-1] * sample

    a, products = lax.scan(step, line, samples)
    return a, jnp.sum(products)


def row_writes(A, c):
    def row(above, current):
        added = current.at[1:-1].add(c * above[1:-1] * current[:-2])
        new = added.at[0].multiply(0.5)
        return new, new

    rows = lax.scan(row, A[0], A[1:])[1]
    return jnp.concatenate([A[:1], rows])


def row_views(A, decay):
    def column(left, current):
        new = current + decay * left * jnp.sin(current)
        return new, new

    columns = lax.scan(column, A[:, 0], A[:, 1:].T)[1]
    out = jnp.concatenate([A[:, :1], columns.T], axis=1)
    return out, out.sum(axis=1)


def closure_over_arrays(coefficients, lower, upper):
    half, middle = 0.5 * (upper - lower), 0.5 * (upper + lower)
    return half * jnp.sum(WEIGHTS * jnp.exp(jnp.polyval(coefficients, middle + half * NODES)))


def mutating_helper(u0, left, conductivity, steps):
    def step(u, _):
        u = u.at[1:-1].add(conductivity * (u[2:] - 2 * u[1:-1] + u[:-2]))
        return u.at[0].set(left).at[-1].set(u[-2]), None

    return lax.scan(step, u0, None, length=steps)[0]


def namedtuple_parameters(p, state, steps):
    h = 0.05

    def step(s, _):
        speed = s.speed - h * (p.gravity / p.length * jnp.sin(s.angle) + p.damping * s.speed)
        return State(s.angle + h * speed, speed), None

    return lax.scan(step, state, None, length=steps)[0]


def dataclass_parameters(mixture, x):
    z = (x[:, None] - mixture.means) / jnp.exp(mixture.log_scales)
    log_weights = jax.nn.log_softmax(mixture.logits)
    terms = log_weights - mixture.log_scales - 0.5 * z**2 - 0.5 * np.log(2 * np.pi)
    return -jnp.mean(jax.scipy.special.logsumexp(terms, axis=1))


def augmented_assignments(x, c):
    a = (x + c) * x
    a = a.at[1].add(-a[0])
    a = a.at[2:].divide(x[:-2])
    a = a.at[:2].power(2)
    s = ((1.0 + a[0]) * c - a[-1]) / (1.0 + x[0])
    return a * s**3, s**3


def skip_with_continue(x, floor):
    here, before = x[1:], x[:-1]
    kept = here > floor
    total = jnp.sum(jnp.where(kept, jnp.log(jnp.where(kept, here, 1.0)) * before, 0.0))
    factors = jnp.where(kept & (np.arange(1, x.shape[0]) % 3 != 0), here, 1.0)
    return total, jnp.prod(factors)


def old_version(A, b, x0, sweeps):
    diagonal = jnp.diagonal(A)
    rest = A - jnp.diag(diagonal)

    def sweep(carry, _):
        x, _ = carry
        new = (b - rest @ x) / diagonal
        return (new, jnp.sum((new - x) ** 2)), None

    return lax.scan(sweep, (x0, jnp.zeros(())), None, length=sweeps)[0]


def axis_reductions(x, gain, bias):
    mean = jnp.mean(x, axis=-1, keepdims=True)
    y = (x - mean) * lax.rsqrt(jnp.var(x, axis=-1, keepdims=True) + 1e-5) * gain + bias
    return y.max(axis=1), y.mean(axis=0), jnp.prod(y.sum(axis=(1, 2)))


def broadcasting(x, y, scale, amplitude):
    kernel = amplitude**2 * jnp.exp(-0.5 * jnp.sum(((x[:, None, :] - y[None, :, :]) / scale) ** 2, axis=2))
    return kernel * (1.0 + x[:, :1])


def where_select(x, slope):
    positive = x > 0
    logarithm = jnp.where(positive, jnp.log(jnp.where(positive, x, 1.0)), 0.0)
    return jax.nn.leaky_relu(x, slope) + logarithm * jnp.sqrt(jnp.where(x < -0.5, -x, 0.5))
