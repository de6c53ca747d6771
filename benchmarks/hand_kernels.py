"""Values and gradients of linear algebra, elementwise programs and simulations written by hand in Numba.

Each function returns (sum(weights * f(args)), gradients). Statement-by-statement reverse rules, loops interchanged so
that the inner one is contiguous, BLAS where the program has a matrix product, the vector math that `njit` code of
gradscribe may import. Sums may be reassociated (`fastmath={"reassoc", "contract"}`), nothing else is loosened.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit

from gradscribe.kernels import vector_math

SUMS = {"reassoc", "contract"}
exp, sin, cos, atan2 = vector_math.exp, vector_math.sin, vector_math.cos, vector_math.atan2


@njit(fastmath=SUMS)
def cholesky(matrix: Any, W: Any) -> Any:
    """No tape: the factor holds every value that the reverse reads."""
    n = matrix.shape[0]
    L, bar = np.zeros_like(matrix), np.zeros_like(matrix)
    value = 0.0
    for i in range(n):
        for j in range(i):
            s = matrix[i, j]
            for k in range(j):
                s -= L[i, k] * L[j, k]
            L[i, j] = s / L[j, j]
        s = matrix[i, i]
        for k in range(i):
            s -= L[i, k] * L[i, k]
        L[i, i] = math.sqrt(s)
        for j in range(i + 1):
            value += W[i, j] * L[i, j]
            bar[i, j] = W[i, j]
    for i in range(n - 1, -1, -1):
        s = bar[i, i] / (2.0 * L[i, i])
        bar[i, i] = s
        for k in range(i):
            bar[i, k] -= 2.0 * s * L[i, k]
        for j in range(i - 1, -1, -1):
            t = bar[i, j] / L[j, j]
            bar[j, j] -= t * L[i, j]
            bar[i, j] = t
            for k in range(j):
                bar[i, k] -= t * L[j, k]
                bar[j, k] -= t * L[i, k]
    return value, (bar,)


@njit(fastmath=SUMS)
def trisolv(L: Any, b: Any, W: Any) -> Any:
    n = b.shape[0]
    x, L_bar, x_bar = np.empty_like(b), np.zeros_like(L), W.copy()
    value = 0.0
    for i in range(n):
        s = b[i]
        for j in range(i):
            s -= L[i, j] * x[j]
        x[i] = s / L[i, i]
        value += W[i] * x[i]
    for i in range(n - 1, -1, -1):
        t = x_bar[i] / L[i, i]
        x_bar[i] = t
        L_bar[i, i] = -t * x[i]
        for j in range(i):
            L_bar[i, j] = -t * x[j]
            x_bar[j] -= t * L[i, j]
    return value, (L_bar, x_bar)


@njit
def three_mm(A: Any, B: Any, C: Any, D: Any, W: Any) -> Any:
    E, F = np.dot(A, B), np.dot(C, D)
    value = np.dot(W.ravel(), np.dot(E, F).ravel())
    E_bar, F_bar = np.dot(W, F.T), np.dot(E.T, W)
    return value, (np.dot(E_bar, B.T), np.dot(A.T, E_bar), np.dot(F_bar, D.T), np.dot(C.T, F_bar))


@njit(fastmath=SUMS)
def gemm(alpha: Any, beta: Any, C: Any, A: Any, B: Any, W: Any) -> Any:
    product = np.dot(A, B)
    beta_bar = np.dot(W.ravel(), C.ravel())
    alpha_bar = np.dot(W.ravel(), product.ravel())
    A_bar, B_bar = np.dot(W, B.T), np.dot(A.T, W)
    C_bar = np.empty_like(C)
    for i in range(C.shape[0]):
        for j in range(C.shape[1]):
            C_bar[i, j] = beta * W[i, j]
    for bar in (A_bar, B_bar):
        for i in range(bar.shape[0]):
            for j in range(bar.shape[1]):
                bar[i, j] *= alpha
    return alpha * alpha_bar + beta * beta_bar, (alpha_bar, beta_bar, C_bar, A_bar, B_bar)


@njit(fastmath=SUMS)
def atax(A: Any, x: Any, W: Any) -> Any:
    """One pass for both products with A, one that writes the gradient and takes the row of A while it is there."""
    m, n = A.shape
    A_bar, x_bar = np.empty_like(A), np.zeros_like(x)
    value = 0.0
    for i in range(m):
        y, y_bar = A[i, 0] * 0, A[i, 0] * 0
        for j in range(n):
            y += A[i, j] * x[j]
            y_bar += A[i, j] * W[j]
        value += y * y_bar
        for j in range(n):
            A_bar[i, j] = y * W[j] + y_bar * x[j]
            x_bar[j] += y_bar * A[i, j]
    return value, (A_bar, x_bar)


@njit(fastmath=SUMS)
def gemver(
    alpha: Any, beta: Any, A: Any, u1: Any, v1: Any, u2: Any, v2: Any, w: Any, x: Any, y: Any, z: Any, W: Any
) -> Any:
    """Three passes over the matrix, each element read once a pass."""
    W_A, W_x, W_w = W
    n = A.shape[0]
    new, yA = np.empty_like(A), np.zeros_like(x)
    value = 0.0
    for i in range(n):
        for j in range(n):
            new[i, j] = A[i, j] + u1[i] * v1[j] + u2[i] * v2[j]
            value += W_A[i, j] * new[i, j]
            yA[j] += y[i] * new[i, j]
    new_x = x + beta * yA + z
    wA, alpha_bar = np.zeros_like(x), 0.0
    for i in range(n):
        s = 0.0
        for j in range(n):
            s += new[i, j] * new_x[j]
            wA[j] += W_w[i] * new[i, j]
        alpha_bar += W_w[i] * s
    x_bar = W_x + alpha * wA
    beta_bar = np.dot(x_bar, yA)
    value += np.dot(W_x, new_x) + np.dot(W_w, w) + alpha * alpha_bar
    y_bar, u1_bar, u2_bar = np.empty_like(x), np.empty_like(x), np.empty_like(x)
    v1_bar, v2_bar, A_bar = np.zeros_like(x), np.zeros_like(x), np.empty_like(A)
    for i in range(n):
        s, s1, s2 = 0.0, 0.0, 0.0
        for j in range(n):
            s += new[i, j] * x_bar[j]
            bar = W_A[i, j] + alpha * W_w[i] * new_x[j] + beta * y[i] * x_bar[j]
            A_bar[i, j] = bar
            s1 += bar * v1[j]
            s2 += bar * v2[j]
            v1_bar[j] += bar * u1[i]
            v2_bar[j] += bar * u2[i]
        y_bar[i], u1_bar[i], u2_bar[i] = beta * s, s1, s2
    return value, (
        alpha_bar, beta_bar, A_bar, u1_bar, v1_bar, u2_bar, v2_bar, W_w.copy(), x_bar, y_bar, x_bar.copy(),
    )  # fmt: skip


@njit(fastmath=SUMS)
def syrk(alpha: Any, beta: Any, C: Any, A: Any, W: Any) -> Any:
    """Rows of A are contiguous, so the loop over them is innermost."""
    n, m = A.shape
    A_bar, C_bar = np.zeros_like(A), W.copy()
    alpha_bar, beta_bar, value = 0.0, 0.0, 0.0
    for i in range(n):
        for j in range(i + 1, n):
            value += W[i, j] * C[i, j]
        for j in range(i + 1):
            t = W[i, j]
            scaled = alpha * t
            C_bar[i, j] = beta * t
            beta_bar += t * C[i, j]
            s = 0.0
            for k in range(m):
                s += A[i, k] * A[j, k]
                A_bar[i, k] += scaled * A[j, k]
            for k in range(m):
                A_bar[j, k] += scaled * A[i, k]
            alpha_bar += t * s
    return value + alpha * alpha_bar + beta * beta_bar, (alpha_bar, beta_bar, C_bar, A_bar)


@njit(fastmath=SUMS)
def softmax(x: Any, W: Any) -> Any:
    rows, width = x.size // x.shape[3], x.shape[3]
    flat, weights = x.reshape((rows, width)), W.reshape((rows, width))
    bar = np.empty_like(flat)
    value = 0.0
    for i in range(rows):
        top = flat[i, 0]
        for j in range(width):
            top = max(top, flat[i, j])
        total, dot = top * 0, top * 0
        for j in range(width):
            e = exp(flat[i, j] - top)
            bar[i, j] = e
            total += e
            dot += e * weights[i, j]
        scale = 1 / total
        mean = dot * scale
        value += mean
        for j in range(width):
            bar[i, j] = bar[i, j] * scale * (weights[i, j] - mean)
    return value, (bar.reshape(x.shape),)


@njit(fastmath=SUMS)
def arc_distance(t1: Any, p1: Any, t2: Any, p2: Any, W: Any) -> Any:
    n = t1.shape[0]
    t1_bar, p1_bar, t2_bar, p2_bar = np.empty_like(t1), np.empty_like(t1), np.empty_like(t1), np.empty_like(t1)
    value = 0.0
    for i in range(n):
        s_t, c_t = sin((t2[i] - t1[i]) / 2), cos((t2[i] - t1[i]) / 2)
        s_p, c_p = sin((p2[i] - p1[i]) / 2), cos((p2[i] - p1[i]) / 2)
        c1, c2 = cos(t1[i]), cos(t2[i])
        h = s_t * s_t + c1 * c2 * (s_p * s_p)
        root, rest = math.sqrt(h), math.sqrt(1 - h)
        value += W[i] * (2 * atan2(root, rest))
        h_bar = W[i] / (root * rest)  # d(2 atan2(sqrt(h), sqrt(1 - h))) / dh
        across = h_bar * s_t * c_t
        square = h_bar * (s_p * s_p)
        along = h_bar * c1 * c2 * s_p * c_p
        t1_bar[i] = -across - square * c2 * sin(t1[i])
        t2_bar[i] = across - square * c1 * sin(t2[i])
        p1_bar[i] = -along
        p2_bar[i] = along
    return value, (t1_bar, p1_bar, t2_bar, p2_bar)


@njit(fastmath=SUMS)
def csr_spmv(data: Any, indices: Any, indptr: Any, x: Any, W: Any) -> Any:
    data_bar, x_bar = np.empty_like(data), np.zeros_like(x)
    value = 0.0
    for i in range(indptr.shape[0] - 1):
        s = W[i] * 0
        for k in range(indptr[i], indptr[i + 1]):
            at = indices[k]
            s += data[k] * x[at]
            data_bar[k] = W[i] * x[at]
            x_bar[at] += W[i] * data[k]
        value += W[i] * s
    return value, (data_bar, x_bar)


@njit
def _field(x: Any, y: Any, z: Any, sigma: Any, rho: Any, beta: Any) -> Any:
    return sigma * (y - x), x * (rho - z) - y, x * y - beta * z


@njit
def _field_bar(x: Any, y: Any, z: Any, sigma: Any, rho: Any, beta: Any, a: Any, b: Any, c: Any) -> Any:
    """Adjoints of (x, y, z, sigma, rho, beta) for the slopes' adjoints (a, b, c)."""
    state = (-sigma * a + (rho - z) * b + y * c, sigma * a - b + x * c, -x * b - beta * c)
    return state, ((y - x) * a, x * b, -z * c)


@njit
def lorenz(sigma: float, rho: float, beta: float, steps: int, _weight: float) -> Any:
    """The tape is the state; the stages are computed again."""
    h = 0.01
    tape = np.empty((steps + 1, 3))
    x, y, z = 1.0, 1.0, 1.0
    for step in range(steps):
        tape[step, 0], tape[step, 1], tape[step, 2] = x, y, z
        a, b, c = _field(x, y, z, sigma, rho, beta)
        d, e, f = _field(x + h / 2 * a, y + h / 2 * b, z + h / 2 * c, sigma, rho, beta)
        p, q, r = _field(x + h / 2 * d, y + h / 2 * e, z + h / 2 * f, sigma, rho, beta)
        s, t, u = _field(x + h * p, y + h * q, z + h * r, sigma, rho, beta)
        x += h / 6 * (a + 2 * d + 2 * p + s)
        y += h / 6 * (b + 2 * e + 2 * q + t)
        z += h / 6 * (c + 2 * f + 2 * r + u)
    value = 0.5 * x - y + 0.25 * z
    gx, gy, gz = 0.5, -1.0, 0.25
    g_sigma, g_rho, g_beta = 0.0, 0.0, 0.0
    for step in range(steps - 1, -1, -1):
        x, y, z = tape[step, 0], tape[step, 1], tape[step, 2]
        a, b, c = _field(x, y, z, sigma, rho, beta)
        x2, y2, z2 = x + h / 2 * a, y + h / 2 * b, z + h / 2 * c
        d, e, f = _field(x2, y2, z2, sigma, rho, beta)
        x3, y3, z3 = x + h / 2 * d, y + h / 2 * e, z + h / 2 * f
        p, q, r = _field(x3, y3, z3, sigma, rho, beta)
        x4, y4, z4 = x + h * p, y + h * q, z + h * r
        w, w2 = h / 6, h / 3
        m4, v4 = _field_bar(x4, y4, z4, sigma, rho, beta, w * gx, w * gy, w * gz)
        m3, v3 = _field_bar(
            x3, y3, z3, sigma, rho, beta, w2 * gx + h * m4[0], w2 * gy + h * m4[1], w2 * gz + h * m4[2]
        )
        g = h / 2
        m2, v2 = _field_bar(
            x2, y2, z2, sigma, rho, beta, w2 * gx + g * m3[0], w2 * gy + g * m3[1], w2 * gz + g * m3[2]
        )
        m1, v1 = _field_bar(x, y, z, sigma, rho, beta, w * gx + g * m2[0], w * gy + g * m2[1], w * gz + g * m2[2])
        gx += m1[0] + m2[0] + m3[0] + m4[0]
        gy += m1[1] + m2[1] + m3[1] + m4[1]
        gz += m1[2] + m2[2] + m3[2] + m4[2]
        g_sigma += v1[0] + v2[0] + v3[0] + v4[0]
        g_rho += v1[1] + v2[1] + v3[1] + v4[1]
        g_beta += v1[2] + v2[2] + v3[2] + v4[2]
    return value, (g_sigma, g_rho, g_beta)


@njit
def rosenbrock(x: Any, _weight: float) -> Any:
    n = x.shape[0]
    bar = np.zeros_like(x)
    value = 0.0
    for i in range(n - 1):
        t, s = x[i + 1] - x[i] * x[i], 1.0 - x[i]
        value += 100.0 * t * t + s * s
        bar[i + 1] += 200.0 * t
        bar[i] -= 400.0 * t * x[i] + 2.0 * s
    return value, (bar,)
