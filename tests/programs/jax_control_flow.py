"""JAX forms of the programs whose control flow depends on data.

JAX refuses reverse mode through ``while``, so a loop to a tolerance becomes a scan of fixed length whose steps are
masked once the tolerance is met; exits become a search for the first index.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import lax

jax.config.update("jax_enable_x64", True)


def _bounded_while(condition, body, carry, bound):
    """``while condition(carry): carry = body(carry)`` for at most ``bound`` trips, reversible."""

    def trip(c, _):
        return lax.cond(condition(c), body, lambda same: same, c), None

    return lax.scan(trip, carry, None, length=bound)[0]


def newton(mean_anomaly, eccentricity):
    def body(carry):
        E, _ = carry
        change = (E - eccentricity * jnp.sin(E) - mean_anomaly) / (1.0 - eccentricity * jnp.cos(E))
        return E - change, change

    start = (jnp.asarray(mean_anomaly), jnp.ones_like(mean_anomaly))
    return _bounded_while(lambda carry: jnp.abs(carry[1]) > 1e-12, body, start, 20)[0]


def first_crossing(signal, level):
    crosses = (signal[:-1] < level) & (signal[1:] >= level)
    i = jnp.argmax(crosses)
    before, after = signal[i], signal[i + 1]
    span = jnp.where(crosses[i], after - before, 1.0)
    return jnp.where(crosses[i], i + (level - before) / span, signal.shape[0] - 1.0)


def early_return(A, budget):
    flat = A.ravel()
    energy = jnp.cumsum(flat**2)
    over = energy > budget
    i = jnp.argmax(over)
    return jnp.where(over[i], jnp.sqrt(energy[i]) * flat[i], energy[-1])


def while_two_arrays(a, b):
    def apart(carry):
        return jnp.max(jnp.abs(carry[0] - carry[1])) > 1e-10

    return _bounded_while(apart, lambda c: (0.5 * (c[0] + c[1]), jnp.sqrt(c[0] * c[1])), (a, b), 12)[0]


def _quartic(x, scales):
    return jnp.sum(scales * x**2) + 0.1 * jnp.sum(x) ** 4


def while_search(x0, scales, iterations):
    """The search for the step is piecewise constant: a ``while_loop`` on values without derivatives."""

    def descend(x, _):
        gradient = 2 * scales * x + 0.4 * jnp.sum(x) ** 3
        fixed_x, fixed_scales, fixed_gradient = lax.stop_gradient((x, scales, gradient))

        def too_long(step):
            decrease = 0.5 * step * jnp.sum(fixed_gradient**2)
            return _quartic(fixed_x - step * fixed_gradient, fixed_scales) > _quartic(fixed_x, fixed_scales) - decrease

        step = lax.while_loop(too_long, lambda s: 0.5 * s, jnp.ones((), x.dtype))
        return x - step * gradient, None

    return lax.scan(descend, x0, None, length=iterations)[0]
