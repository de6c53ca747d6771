"""Values and gradients of stencils and sweeps written by hand in Numba: explicit loops, gather form, no tape.

Each function returns (sum(weights * f(args)), gradients). Interiors of adjoints are kept in arrays with a border of
zeros, so that one loop serves the whole interior; what flows into the border, which never changes, is summed apart.
Reductions may be reassociated (`fastmath={"reassoc"}`) where they are plain dot products; sweeps are in exact order.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit


@njit
def jacobi_1d(steps: int, A: Any, B: Any, W: Any) -> Any:
    n = A.shape[0]
    c = A.dtype.type(0.33333)
    a, b = A.copy(), B.copy()
    for _ in range(1, steps):
        for i in range(1, n - 1):
            b[i] = c * (a[i - 1] + a[i] + a[i + 1])
        for i in range(1, n - 1):
            a[i] = c * (b[i - 1] + b[i] + b[i + 1])
    value = np.dot(W, a)
    p, q = W.copy(), np.zeros_like(W)
    a_first, a_last = W[0], W[n - 1]
    b_first, b_last = c * 0, c * 0
    p[0] = p[n - 1] = 0
    for _ in range(1, steps):
        for i in range(1, n - 1):
            q[i] = c * (p[i - 1] + p[i] + p[i + 1])
        b_first += c * p[1]
        b_last += c * p[n - 2]
        for i in range(1, n - 1):
            p[i] = c * (q[i - 1] + q[i] + q[i + 1])
        a_first += c * q[1]
        a_last += c * q[n - 2]
    p[0], p[n - 1] = a_first, a_last
    if steps > 1:
        q[1 : n - 1] = 0
    q[0], q[n - 1] = b_first, b_last
    return value, (p, q)


@njit
def _five(source: Any, target: Any, c: Any) -> None:
    n, m = source.shape
    for i in range(1, n - 1):
        for j in range(1, m - 1):
            inside = source[i, j] + source[i, j - 1] + source[i, j + 1]
            target[i, j] = c * (inside + source[i + 1, j] + source[i - 1, j])


@njit
def _five_to_border(source: Any, border: Any, c: Any) -> None:
    n, m = source.shape
    for j in range(1, m - 1):
        border[0, j] += c * source[1, j]
        border[n - 1, j] += c * source[n - 2, j]
    for i in range(1, n - 1):
        border[i, 0] += c * source[i, 1]
        border[i, m - 1] += c * source[i, m - 2]


@njit
def jacobi_2d(steps: int, A: Any, B: Any, W: Any) -> Any:
    n, m = A.shape
    c = A.dtype.type(0.2)
    a, b = A.copy(), B.copy()
    for _ in range(1, steps):
        _five(a, b, c)
        _five(b, a, c)
    value = np.dot(W.ravel(), a.ravel())
    p, q = np.zeros_like(W), np.zeros_like(W)
    p[1 : n - 1, 1 : m - 1] = W[1 : n - 1, 1 : m - 1]
    a_border, b_border = W.copy(), np.zeros_like(W)
    for _ in range(1, steps):
        _five(p, q, c)
        _five_to_border(p, b_border, c)
        _five(q, p, c)
        _five_to_border(q, a_border, c)
    a_border[1 : n - 1, 1 : m - 1] = p[1 : n - 1, 1 : m - 1]
    return value, (a_border, b_border)


@njit
def seidel_2d(steps: int, A: Any, W: Any) -> Any:
    """The adjoint sweep is the mirrored sweep. Exact order: nine dependent operations an element."""
    n = A.shape[0]
    a = A.copy()
    for _ in range(steps - 1):
        for i in range(1, n - 1):
            left = a[i, 0]
            for j in range(1, n - 1):
                left = (
                    a[i - 1, j - 1] + a[i - 1, j] + a[i - 1, j + 1]
                    + left + a[i, j] + a[i, j + 1]
                    + a[i + 1, j - 1] + a[i + 1, j] + a[i + 1, j + 1]
                ) / 9.0  # fmt: skip
                a[i, j] = left
    value = np.dot(W.ravel(), a.ravel())
    border, g, row = W.copy(), np.zeros_like(W), np.zeros(n, W.dtype)
    for t in range(steps - 1):
        for i in range(n - 2, 0, -1):
            for j in range(1, n - 1):
                below = g[i + 1, j - 1] + g[i + 1, j] + g[i + 1, j + 1]
                above = g[i - 1, j - 1] + g[i - 1, j] + g[i - 1, j + 1]
                row[j] = below + (W[i, j] if t == 0 else above + g[i, j] + g[i, j - 1])
            right = row[0] * 0
            for j in range(n - 2, 0, -1):
                right = (row[j] + right) / 9.0
                g[i, j] = right
        for j in range(n):
            for k in range(max(1, j - 1), min(n - 1, j + 2)):
                border[0, j] += g[1, k]
                border[n - 1, j] += g[n - 2, k]
        for i in range(1, n - 1):
            for k in range(max(1, i - 1), min(n - 1, i + 2)):
                border[i, 0] += g[k, 1]
                border[i, n - 1] += g[k, n - 2]
    if steps > 1:
        for i in range(1, n - 1):
            for j in range(1, n - 1):
                above = g[i - 1, j - 1] + g[i - 1, j] + g[i - 1, j + 1]
                border[i, j] = g[i, j] + g[i, j - 1] + above
    return value, (border,)


@njit
def vadv(u: Any, wcon: Any, tendency: Any, dtr: Any, W: Any) -> Any:
    """Column by column; the tape is one column's."""
    n_i, n_j, K = u.shape
    u_bar, tendency_bar, wcon_bar = np.empty_like(u), np.empty_like(u), np.zeros_like(wcon)
    upper, right, level, pivot = np.empty(K), np.empty(K), np.empty(K), np.empty(K)
    speed, speed_bar, level_bar = np.zeros(K + 1), np.empty(K + 1), np.empty(K)
    value = 0.0
    for i in range(n_i):
        for j in range(n_j):
            w0, w1, x = wcon[i, j], wcon[i + 1, j], u[i, j]
            for k in range(1, K):
                speed[k] = 0.125 * (w0[k] + w1[k])
            for k in range(K):
                below, above = -speed[k], speed[k + 1]
                up, down = (upper[k - 1], right[k - 1]) if k > 0 else (0.0, 0.0)
                rhs = dtr * x[k] + tendency[i, j, k]
                if k > 0:
                    rhs += below * (x[k] - x[k - 1])
                if k < K - 1:
                    rhs -= above * (x[k + 1] - x[k])
                pivot[k] = 1.0 / (dtr - below - above - below * up)
                upper[k] = above * pivot[k]
                right[k] = (rhs - below * down) * pivot[k]
            level[K - 1] = right[K - 1]
            for k in range(K - 2, -1, -1):
                level[k] = right[k] - upper[k] * level[k + 1]
            for k in range(K):
                weight = dtr * W[i, j, k]
                value += weight * (level[k] - x[k])
                level_bar[k] = weight - upper[k - 1] * level_bar[k - 1] if k > 0 else weight
                u_bar[i, j, k] = -weight
                speed_bar[k] = 0.0
            right_in, upper_in = 0.0, 0.0
            for k in range(K - 1, -1, -1):
                below, above = -speed[k], speed[k + 1]
                rhs_bar = (level_bar[k] + right_in) * pivot[k]
                from_upper = (upper_in - level_bar[k] * level[k + 1]) * pivot[k] if k < K - 1 else 0.0
                pivot_bar = -rhs_bar * right[k] - from_upper * upper[k]
                tendency_bar[i, j, k] = rhs_bar
                u_bar[i, j, k] += rhs_bar * (dtr + below + above)
                if k < K - 1:
                    speed_bar[k + 1] += from_upper - pivot_bar - rhs_bar * (x[k + 1] - x[k])
                    u_bar[i, j, k + 1] -= rhs_bar * above
                if k > 0:
                    below_bar = rhs_bar * (x[k] - x[k - 1] - right[k - 1]) - pivot_bar * (1.0 + upper[k - 1])
                    speed_bar[k] -= below_bar
                    u_bar[i, j, k - 1] -= rhs_bar * below
                right_in, upper_in = -below * rhs_bar, -below * pivot_bar
            for k in range(1, K):
                wcon_bar[i, j, k] += 0.125 * speed_bar[k]
                wcon_bar[i + 1, j, k] += 0.125 * speed_bar[k]
    return value, (u_bar, wcon_bar, tendency_bar)
