"""Ten more numerical methods as people write them, chosen before any of them was run; the same form as `published`."""

from __future__ import annotations

import math

import numpy as np
from tests.programs.published import Published


def american_put(spot, strike, rate, volatility, maturity, steps=24):
    """Binomial tree with early exercise. Cox, Ross & Rubinstein, Option pricing: a simplified approach (1979)."""
    dt = maturity / steps
    up = np.exp(volatility * np.sqrt(dt))
    down = 1 / up
    discount = np.exp(-rate * dt)
    q = (np.exp(rate * dt) - down) / (up - down)
    prices = spot * up ** np.arange(steps, -1, -1) * down ** np.arange(0, steps + 1)
    values = np.maximum(strike - prices, 0)
    for level in range(steps - 1, -1, -1):
        prices = prices[: level + 1] * down
        hold = discount * (q * values[: level + 1] + (1 - q) * values[1 : level + 2])
        values = np.maximum(hold, strike - prices)
    return values[0]


def levinson_durbin(r, order):
    """Yule-Walker equations of an autoregressive process. Hayes, Statistical Digital Signal Processing, 5.2."""
    a = np.zeros(order + 1)
    a[0] = 1.0
    error = r[0]
    reflections = []
    for k in range(1, order + 1):
        gamma = -np.dot(a[:k], r[k:0:-1]) / error
        a[1:k] += gamma * a[k - 1 : 0 : -1]
        a[k] = gamma
        error *= 1 - gamma**2
        reflections.append(gamma)
    return a, np.array(reflections), error


def jacobi_eigenvalues(A, tol=1e-9):
    """Cyclic Jacobi rotations. Golub & Van Loan, Matrix Computations, 8.5."""
    A = (A + A.T) / 2
    n = len(A)
    sweeps = 0
    while np.sqrt(np.sum(np.tril(A, -1) ** 2)) > tol and sweeps < 30:
        for p in range(n - 1):
            for q in range(p + 1, n):
                if A[p, q] == 0:
                    continue
                theta = (A[q, q] - A[p, p]) / (2 * A[p, q])
                t = np.sign(theta) / (abs(theta) + np.sqrt(theta**2 + 1))
                c = 1 / np.sqrt(t**2 + 1)
                s = t * c
                row_p, row_q = A[p].copy(), A[q].copy()
                A[p], A[q] = c * row_p - s * row_q, s * row_p + c * row_q
                col_p, col_q = A[:, p].copy(), A[:, q].copy()
                A[:, p] = c * col_p - s * col_q
                A[:, q] = s * col_p + c * col_q
        sweeps += 1
    return np.sort(np.diag(A))


FEHLBERG_NODES = np.array([0, 1 / 4, 3 / 8, 12 / 13, 1, 1 / 2])
FEHLBERG_STAGES = [
    [],
    [1 / 4],
    [3 / 32, 9 / 32],
    [1932 / 2197, -7200 / 2197, 7296 / 2197],
    [439 / 216, -8, 3680 / 513, -845 / 4104],
    [-8 / 27, 2, -3544 / 2565, 1859 / 4104, -11 / 40],
]
FEHLBERG_FIFTH = np.array([16 / 135, 0, 6656 / 12825, 28561 / 56430, -9 / 50, 2 / 55])
FEHLBERG_FOURTH = np.array([25 / 216, 0, 1408 / 2565, 2197 / 4104, -1 / 5, 0])


def van_der_pol_fehlberg(y, mu, t_end, tol=1e-6):
    """Runge-Kutta-Fehlberg 4(5), leaving at the end time. Hairer, Norsett & Wanner, II.4."""

    def rhs(t, y):
        return np.array([y[1], mu * (1 - y[0] ** 2) * y[1] - y[0]])

    t, h = 0.0, 0.05
    for _ in range(500):
        k = np.zeros((6, 2))
        for stage in range(6):
            increment = np.zeros(2)
            for j, weight in enumerate(FEHLBERG_STAGES[stage]):
                increment += weight * k[j]
            k[stage] = rhs(t + FEHLBERG_NODES[stage] * h, y + h * increment)
        error = h * np.linalg.norm((FEHLBERG_FIFTH - FEHLBERG_FOURTH) @ k)
        if error <= tol:
            t += h
            y = y + h * (FEHLBERG_FIFTH @ k)
            if t >= t_end - 1e-12:
                return y
        h = min(h * min(4, max(0.1, 0.84 * (tol / (error + 1e-15)) ** 0.25)), t_end - t)
    return y


def nelder_mead(start, a, b, iterations=25):
    """Downhill simplex on Rosenbrock's function. Nelder & Mead, A simplex method for function minimization (1965)."""

    def f(x):
        return (a - x[0]) ** 2 + b * (x[1] - x[0] ** 2) ** 2

    n = len(start)
    simplex = np.tile(start, (n + 1, 1))
    for i in range(n):
        simplex[i + 1, i] += 0.5
    values = np.array([f(x) for x in simplex])
    for _ in range(iterations):
        order = np.argsort(values)
        simplex, values = simplex[order], values[order]
        centroid = simplex[:-1].mean(axis=0)
        reflected = centroid + (centroid - simplex[-1])
        f_reflected = f(reflected)
        if f_reflected < values[0]:
            expanded = centroid + 2 * (centroid - simplex[-1])
            f_expanded = f(expanded)
            if f_expanded < f_reflected:
                simplex[-1], values[-1] = expanded, f_expanded
            else:
                simplex[-1], values[-1] = reflected, f_reflected
        elif f_reflected < values[-2]:
            simplex[-1], values[-1] = reflected, f_reflected
        else:
            contracted = centroid + 0.5 * (simplex[-1] - centroid)
            f_contracted = f(contracted)
            if f_contracted < values[-1]:
                simplex[-1], values[-1] = contracted, f_contracted
            else:
                for i in range(1, n + 1):
                    simplex[i] = simplex[0] + 0.5 * (simplex[i] - simplex[0])
                    values[i] = f(simplex[i])
    best = np.argmin(values)
    return simplex[best], values[best]


def dynamic_time_warping(a, b, window=None):
    """Alignment cost of two series. Sakoe & Chiba, Dynamic programming algorithm optimization (1978)."""
    n, m = len(a), len(b)
    w = max(window, abs(n - m)) if window is not None else max(n, m)
    cost = np.full((n + 1, m + 1), np.inf)
    cost[0, 0] = 0
    for i in range(1, n + 1):
        for j in range(max(1, i - w), min(m, i + w) + 1):
            d = (a[i - 1] - b[j - 1]) ** 2
            cost[i, j] = d + min(cost[i - 1, j], cost[i, j - 1], cost[i - 1, j - 1])
    return np.sqrt(cost[n, m])


def burgers_muscl(u, dx, t_end, cfl=0.4):
    """Finite volumes with minmod slopes, Rusanov flux and Heun steps. LeVeque, Finite Volume Methods, 6 and 12."""

    def minmod(x, y):
        return np.where(x * y > 0, np.where(np.abs(x) < np.abs(y), x, y), 0.0)

    def rate(u):
        slope = minmod(u - np.roll(u, 1), np.roll(u, -1) - u)
        left = u + slope / 2
        right = np.roll(u - slope / 2, -1)
        speed = np.maximum(np.abs(left), np.abs(right))
        flux = 0.5 * (left**2 / 2 + right**2 / 2) - 0.5 * speed * (right - left)
        return -(flux - np.roll(flux, 1)) / dx

    t = 0.0
    while t < t_end:
        dt = min(cfl * dx / np.max(np.abs(u)), t_end - t)
        predicted = u + dt * rate(u)
        u = 0.5 * (u + predicted + dt * rate(predicted))
        t += dt
    return u


def pagerank(weights, damping=0.85, tol=1e-8, max_iterations=200):
    """Power iteration. Brin & Page, The anatomy of a large-scale hypertextual web search engine (1998)."""
    n = weights.shape[0]
    out = weights.sum(axis=1)
    transition = np.zeros((n, n))
    for i in range(n):
        if out[i] > 0:
            transition[:, i] = weights[i] / out[i]
        else:
            transition[:, i] = 1 / n
    rank = np.ones(n) / n
    for iteration in range(max_iterations):
        previous = rank
        rank = (1 - damping) / n + damping * transition @ previous
        if np.abs(rank - previous).sum() < tol:
            break
    return rank


def bilinear_warp(image, angle, scale, shift):
    """Rotated, scaled and shifted image. Szeliski, Computer Vision, 3.6."""
    height, width = image.shape
    ys, xs = np.meshgrid(np.arange(height), np.arange(width), indexing="ij")
    cy, cx = (height - 1) / 2, (width - 1) / 2
    cos, sin = math.cos(angle) * scale, math.sin(angle) * scale
    y = cos * (ys - cy) - sin * (xs - cx) + cy + shift[0]
    x = sin * (ys - cy) + cos * (xs - cx) + cx + shift[1]
    y0, x0 = np.floor(y).astype(int), np.floor(x).astype(int)
    fy, fx = y - y0, x - x0
    y0c, y1c = np.clip(y0, 0, height - 1), np.clip(y0 + 1, 0, height - 1)
    x0c, x1c = np.clip(x0, 0, width - 1), np.clip(x0 + 1, 0, width - 1)
    top = image[y0c, x0c] * (1 - fx) + image[y0c, x1c] * fx
    bottom = image[y1c, x0c] * (1 - fx) + image[y1c, x1c] * fx
    warped = top * (1 - fy) + bottom * fy
    inside = (y >= 0) & (y <= height - 1) & (x >= 0) & (x <= width - 1)
    warped[~inside] = 0.0
    return warped


def cubic_spline(x, y, at):
    """Natural spline: second derivatives from a tridiagonal system, then evaluation. de Boor, A Practical Guide, IV."""
    n = x.size
    h = np.diff(x)
    slope = np.diff(y) / h
    diagonal = 2 * (h[:-1] + h[1:])
    rhs = 6 * np.diff(slope)
    off = h[1:-1].copy()
    for i in range(1, n - 2):
        factor = off[i - 1] / diagonal[i - 1]
        diagonal[i] -= factor * off[i - 1]
        rhs[i] -= factor * rhs[i - 1]
    m = np.zeros(n)
    m[n - 2] = rhs[-1] / diagonal[-1]
    for i in range(n - 3, 0, -1):
        m[i] = (rhs[i - 1] - off[i - 1] * m[i + 1]) / diagonal[i - 1]
    result = np.empty_like(at)
    for k, point in enumerate(at):
        i = min(max(np.searchsorted(x, point) - 1, 0), n - 2)
        a, b = (x[i + 1] - point) / h[i], (point - x[i]) / h[i]
        result[k] = a * y[i] + b * y[i + 1] + ((a**3 - a) * m[i] + (b**3 - b) * m[i + 1]) * h[i] ** 2 / 6
    return result


def _cases() -> tuple[Published, ...]:
    rng = np.random.default_rng(23)
    signal = rng.normal(size=40)
    correlations = np.array([signal[: 40 - k] @ signal[k:] for k in range(6)])
    symmetric = rng.normal(size=(5, 5))
    cells = np.linspace(0, 1, 16, endpoint=False)
    knots = np.cumsum(rng.uniform(0.5, 1.5, 8))
    return (
        Published(american_put, (36.0, 40.0, 0.06, 0.3, 1.0), (0, 1, 2, 3, 4)),
        Published(levinson_durbin, (correlations, 4), (0,)),
        Published(jacobi_eigenvalues, (symmetric + symmetric.T,), (0,)),
        Published(van_der_pol_fehlberg, (np.array([2.0, 0.1]), 1.5, 1.2), (0, 1, 2)),
        Published(nelder_mead, (np.array([-1.0, 1.3]), 1.0, 5.0), (0, 1, 2)),
        Published(dynamic_time_warping, (rng.normal(size=7), rng.normal(size=9), 4), (0, 1)),
        Published(
            burgers_muscl, (np.sin(2 * np.pi * cells) + 0.2 * rng.normal(size=16) + 0.3, 1 / 16, 0.15), (0, 1, 2)
        ),
        Published(pagerank, (rng.uniform(0.1, 1, (6, 6)), 0.85), (0, 1)),
        Published(bilinear_warp, (rng.normal(size=(6, 7)), 0.3, 1.1, np.array([0.35, -0.6])), (0, 1, 2, 3)),
        Published(cubic_spline, (knots, rng.normal(size=8), rng.uniform(knots[0], knots[-1], 5)), (0, 1, 2)),
    )


PUBLISHED_MORE = {case.function.__name__: case for case in _cases()}
