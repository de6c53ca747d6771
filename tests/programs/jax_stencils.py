"""Idiomatic JAX forms of the stencil programs: scans over time and rows, shifts of whole arrays."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

jax.config.update("jax_enable_x64", True)


def _repeat(body, carry, trips):
    """``body`` applied ``trips`` times, as a scan so that it can be reversed."""
    return lax.scan(lambda c, _: (body(c), None), carry, None, length=max(trips, 0))[0]


def _sweep_1d(source, target):
    return target.at[1:-1].set(0.33333 * (source[:-2] + source[1:-1] + source[2:]))


def jacobi_1d(steps, A, B):
    def step(buffers):
        a, b = buffers
        b = _sweep_1d(a, b)
        return _sweep_1d(b, a), b

    return _repeat(step, (A, B), steps - 1)[0]


def jacobi_1d_scalar(steps, u0):
    return jacobi_1d(steps, u0, u0)


def _mean_of_five(a):
    return 0.2 * (a[1:-1, 1:-1] + a[1:-1, :-2] + a[1:-1, 2:] + a[2:, 1:-1] + a[:-2, 1:-1])


def jacobi_2d(steps, A, B):
    """Edges never change, so only the inside is carried (a little faster than carrying both buffers)."""

    def inside_of(edges, inside):
        return lax.dynamic_update_slice(edges, inside, (1, 1))

    def step(inside):
        inside = _mean_of_five(inside_of(A, inside))
        return _mean_of_five(inside_of(B, inside))

    return inside_of(A, _repeat(step, A[1:-1, 1:-1], steps - 1))


def seidel_2d(steps, A):
    """Rows by a scan; within a row the recurrence x[j] = (x[j-1] + known[j]) / 9 is solved as a triangular product.

    Faster at order 50 than a scan over the row at any unrolling, an associative scan or unrolled scalars.
    """
    place = np.arange(A.shape[1] - 2)
    from_left = jnp.asarray(9.0 ** -(place + 1.0), A.dtype)
    distance = place[:, None] - place[None, :]
    weights = jnp.asarray(np.where(distance >= 0, 9.0 ** -(np.maximum(distance, 0) + 1.0), 0.0), A.dtype)

    def row(above, current_and_below):
        current, below = current_and_below
        known = above[:-2] + above[1:-1] + above[2:] + current[1:-1] + current[2:]
        known = known + below[:-2] + below[1:-1] + below[2:]
        inside = weights @ known + from_left * current[0]
        new = jnp.concatenate([current[:1], inside, current[-1:]])
        return new, new

    def sweep(a):
        return a.at[1:-1].set(lax.scan(row, a[0], (a[1:-1], a[2:]))[1])

    return _repeat(sweep, A, steps - 1)


def nonlinear_stencil(u0, h, sweeps):
    def sweep(u):
        def element(left, here_and_right):
            here, right = here_and_right
            residual = left - 2.0 * here + right - h * h * jnp.sinh(here)
            value = here + residual / (2.0 + h * h * jnp.cosh(here))
            return value, value

        return u.at[1:-1].set(lax.scan(element, u[0], (u[1:-1], u[2:]))[1])

    return _repeat(sweep, u0, sweeps)


def vadv(u, wcon, tendency, dtr):
    """The Thomas sweeps as two scans over levels, levels leading."""
    u, wcon, tendency = (jnp.moveaxis(x, 2, 0) for x in (u, wcon, tendency))
    speed = 0.125 * (wcon[1:-1, 1:] + wcon[1:-1, :-1])
    still = jnp.zeros_like(u[:1])
    below = jnp.concatenate([still, -speed])
    above = jnp.concatenate([speed, still])
    rise = jnp.concatenate([still, u[1:] - u[:-1], still])
    rhs = dtr * u + tendency + below * rise[:-1] - above * rise[1:]
    diagonal = dtr - below - above

    def eliminate(carry, level):
        upper, right = carry
        lower, d, c, r = level
        pivot = d - lower * upper
        new = (c / pivot, (r - lower * right) / pivot)
        return new, new

    def substitute(x, level):
        upper, right = level
        x = right - upper * x
        return x, x

    zero = jnp.zeros_like(u[0])
    _, factors = lax.scan(eliminate, (zero, zero), (below, diagonal, above, rhs))
    _, x = lax.scan(substitute, zero, factors, reverse=True)
    return jnp.moveaxis(dtr * (x - u), 0, 2)
