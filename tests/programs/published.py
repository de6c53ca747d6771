"""Ten numerical methods as textbooks and documentation publish them, in our own words; chosen before any was run.

Each entry of PUBLISHED is (function, arguments, positions to differentiate, source).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


def thomas(lower, diagonal, upper, rhs):
    """Tridiagonal solve. Press et al., Numerical Recipes, 2.4."""
    n = len(rhs)
    c = np.zeros(n)
    d = np.zeros(n)
    c[0] = upper[0] / diagonal[0]
    d[0] = rhs[0] / diagonal[0]
    for i in range(1, n):
        m = diagonal[i] - lower[i] * c[i - 1]
        if i < n - 1:
            c[i] = upper[i] / m
        d[i] = (rhs[i] - lower[i] * d[i - 1]) / m
    x = np.zeros(n)
    x[-1] = d[-1]
    for i in range(n - 2, -1, -1):
        x[i] = d[i] - c[i] * x[i + 1]
    return x


def conjugate_gradient(A, b, tol=1e-10, max_iterations=50):
    """Hestenes-Stiefel. Golub & Van Loan, Matrix Computations, 11.3."""
    x = np.zeros_like(b)
    r = b - A @ x
    p = r.copy()
    rs_old = r @ r
    for _ in range(max_iterations):
        Ap = A @ p
        alpha = rs_old / (p @ Ap)
        x += alpha * p
        r -= alpha * Ap
        rs_new = r @ r
        if np.sqrt(rs_new) < tol:
            break
        p = r + (rs_new / rs_old) * p
        rs_old = rs_new
    return x


def modified_gram_schmidt(A):
    """QR by modified Gram-Schmidt. Trefethen & Bau, Numerical Linear Algebra, lecture 8."""
    V = A.copy()
    m, n = V.shape
    Q = np.zeros((m, n))
    R = np.zeros((n, n))
    for i in range(n):
        R[i, i] = np.linalg.norm(V[:, i])
        Q[:, i] = V[:, i] / R[i, i]
        for j in range(i + 1, n):
            R[i, j] = Q[:, i] @ V[:, j]
            V[:, j] -= R[i, j] * Q[:, i]
    return Q, R


def lu_solve(A, b):
    """Gaussian elimination with partial pivoting. Burden & Faires, Numerical Analysis, 6.2."""
    U = A.copy()
    y = b.copy()
    n = U.shape[0]
    for k in range(n - 1):
        pivot = k
        for i in range(k + 1, n):
            if abs(U[i, k]) > abs(U[pivot, k]):
                pivot = i
        if pivot != k:
            for j in range(n):
                U[k, j], U[pivot, j] = U[pivot, j], U[k, j]
            y[k], y[pivot] = y[pivot], y[k]
        for i in range(k + 1, n):
            factor = U[i, k] / U[k, k]
            U[i, k:] = U[i, k:] - factor * U[k, k:]
            y[i] = y[i] - factor * y[k]
    x = np.empty(n)
    for i in reversed(range(n)):
        x[i] = (y[i] - U[i, i + 1 :] @ x[i + 1 :]) / U[i, i]
    return x


def sor_poisson(f, omega, h=0.2, tol=1e-4, max_sweeps=60):
    """Successive over-relaxation for the Poisson equation. Young, Iterative Solution of Large Linear Systems."""
    n, m = f.shape
    u = np.zeros((n, m))
    for sweep in range(max_sweeps):
        change = 0.0
        for i in range(1, n - 1):
            for j in range(1, m - 1):
                residual = (u[i - 1, j] + u[i + 1, j] + u[i, j - 1] + u[i, j + 1] - 4 * u[i, j]) - h**2 * f[i, j]
                u[i, j] += omega * residual / 4
                change = max(change, abs(residual))
        if change < tol:
            break
    return u


def adaptive_heun(y0, rate, t_end=1.5, tol=1e-3):
    """Heun-Euler embedded pair with step control. Hairer, Norsett & Wanner, II.4."""

    def f(t, y):
        return np.array([y[1], -rate * np.sin(y[0]) + 0.1 * math.cos(t)])

    t, h, y = 0.0, 0.1, y0
    while t < t_end:
        if t + h > t_end:
            h = t_end - t
        k1 = f(t, y)
        k2 = f(t + h, y + h * k1)
        error = np.max(np.abs(0.5 * h * (k2 - k1)))
        if error <= tol:
            t = t + h
            y = y + 0.5 * h * (k1 + k2)
        h = h * min(2.0, max(0.2, 0.9 * math.sqrt(tol / max(error, 1e-12))))
    return y


def kalman_filter(measurements, F, H, Q, R, x, P):
    """Linear Kalman filter. Welch & Bishop, An Introduction to the Kalman Filter."""
    estimates = []
    log_likelihood = 0.0
    for k in range(len(measurements)):
        x = F @ x
        P = F @ P @ F.T + Q
        innovation = measurements[k] - H @ x
        S = H @ P @ H.T + R
        K = P @ H.T @ np.linalg.inv(S)
        x = x + K @ innovation
        P = (np.eye(len(x)) - K @ H) @ P
        log_likelihood -= 0.5 * (innovation @ np.linalg.solve(S, innovation) + np.log(np.linalg.det(S)))
        estimates.append(x)
    return np.array(estimates), log_likelihood


def hmm_forward(log_start, log_transition, log_emission):
    """Forward algorithm in log space. Rabiner, A tutorial on hidden Markov models."""
    steps, states = log_emission.shape
    alpha = log_start + log_emission[0]
    for t in range(1, steps):
        new = np.empty(states)
        for j in range(states):
            scores = alpha + log_transition[:, j]
            biggest = scores.max()
            new[j] = biggest + np.log(np.sum(np.exp(scores - biggest))) + log_emission[t, j]
        alpha = new
    top = np.max(alpha)
    return top + np.log(np.exp(alpha - top).sum())


def romberg(a, b, k, levels=5):
    """Romberg integration of exp(-k x) sin(x). Stoer & Bulirsch, 3.4."""
    g = lambda x: math.exp(-k * x) * math.sin(x)
    R = np.zeros((levels, levels))
    h = b - a
    R[0, 0] = 0.5 * h * (g(a) + g(b))
    for i in range(1, levels):
        h /= 2
        total = 0.0
        for j in range(1, 2**i, 2):
            total += g(a + j * h)
        R[i, 0] = 0.5 * R[i - 1, 0] + h * total
        for m in range(1, i + 1):
            R[i, m] = R[i, m - 1] + (R[i, m - 1] - R[i - 1, m - 1]) / (4**m - 1)
    return R[levels - 1, levels - 1]


@dataclass
class Bodies:
    position: Any
    velocity: Any
    mass: Any


def nbody_leapfrog(bodies, dt=0.01, steps=10, softening=0.1):
    """Gravitational N-body problem, kick-drift-kick. Hockney & Eastwood, Computer Simulation Using Particles."""

    def acceleration(position, mass):
        n = position.shape[0]
        acc = np.zeros_like(position)
        for i in range(n):
            for j in range(n):
                if i != j:
                    r = position[j] - position[i]
                    d2 = np.sum(r**2) + softening**2
                    acc[i] += mass[j] * r / d2**1.5
        return acc

    pos, vel = bodies.position.copy(), bodies.velocity.copy()
    acc = acceleration(pos, bodies.mass)
    for _ in range(steps):
        vel += 0.5 * dt * acc
        pos += dt * vel
        acc = acceleration(pos, bodies.mass)
        vel += 0.5 * dt * acc
    kinetic = 0.5 * np.sum(bodies.mass[:, None] * vel**2)
    return kinetic, pos


@dataclass(frozen=True)
class Published:
    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    argnums: tuple[int, ...]


def _cases() -> tuple[Published, ...]:
    rng = np.random.default_rng(11)
    spd = rng.normal(size=(6, 6))
    spd = spd @ spd.T + 6 * np.eye(6)
    mass = rng.uniform(0.5, 1.5, 4)
    bodies = Bodies(rng.normal(size=(4, 3)), rng.normal(size=(4, 3)), mass)
    log_rows = lambda *shape: np.log(rng.dirichlet(np.ones(shape[-1]), shape[:-1]))
    return (
        Published(
            thomas, (rng.uniform(0, 1, 7), rng.uniform(3, 4, 7), rng.uniform(0, 1, 7), rng.normal(size=7)), (0, 1, 2, 3)
        ),
        Published(conjugate_gradient, (spd, rng.normal(size=6)), (0, 1)),
        Published(modified_gram_schmidt, (rng.normal(size=(6, 4)),), (0,)),
        Published(lu_solve, (rng.normal(size=(5, 5)), rng.normal(size=5)), (0, 1)),
        # at 1.3 the number of sweeps changes 2e-6 away: a difference would see the jump
        Published(sor_poisson, (rng.normal(size=(6, 7)), 1.25), (0, 1)),
        Published(adaptive_heun, (np.array([0.6, 0.1]), 2.0), (0, 1)),
        Published(
            kalman_filter,
            (
                rng.normal(size=(5, 2)), np.eye(3) + 0.1 * rng.normal(size=(3, 3)), rng.normal(size=(2, 3)),
                0.1 * np.eye(3), 0.2 * np.eye(2), rng.normal(size=3), np.eye(3),
            ),
            (0, 1, 2, 3, 4, 5, 6),
        ),
        Published(hmm_forward, (log_rows(3), log_rows(3, 3), log_rows(6, 3)), (0, 1, 2)),
        Published(romberg, (0.1, 1.7, 0.8), (0, 1, 2)),
        Published(nbody_leapfrog, (bodies,), (0,)),
    )


PUBLISHED = {case.function.__name__: case for case in _cases()}
