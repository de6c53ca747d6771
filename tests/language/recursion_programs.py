"""Functions that call themselves as often as data says."""

from __future__ import annotations

import numpy as np

from language.registry import program

X = np.array([0.9, -0.7, 1.2, 0.15, -1.1])


def _simpson(f, a, b, tol):
    m = (a + b) / 2
    one = (b - a) / 6 * (f(a) + 4 * f(m) + f(b))
    left, right = (a + m) / 2, (m + b) / 2
    two = (b - a) / 12 * (f(a) + 4 * f(left) + 2 * f(m) + 4 * f(right) + f(b))
    if abs(two - one) < tol:
        return two + (two - one) / 15
    return _simpson(f, a, m, tol / 2) + _simpson(f, m, b, tol / 2)


@program(0.0, 3.0, 2.5, argnums=(0, 1, 2))
def adaptive_quadrature(a, b, w):
    return _simpson(lambda t: np.sin(w * t) * t, a, b, 1e-3)


def _power(x, n):
    if n == 0:
        return 1.0
    if n % 2 == 0:
        return _power(x * x, n // 2)
    return x * _power(x, n - 1)


@program(1.1, 13, argnums=(0,))
def power_by_squaring(x, n):
    return _power(x, n) + np.sin(_power(x, n - 1))


@program(np.float64(0.7), 11, argnums=(0,))
def tree_of_calls(x, n):
    def fib(k, y):
        return y if k < 2 else fib(k - 1, y) + np.cos(fib(k - 2, 0.5 * y))

    return fib(n, x)


def _alternating(a):
    if len(a) == 0:
        return 0.0
    return a[0] ** 2 - 0.5 * _alternating(a[1:])


@program(X)
def over_the_tail(x):
    return _alternating(x)


def _running(a, start):
    if len(a) == 0:
        return np.zeros(0)
    head = start + a[:1] ** 2
    return np.concatenate([np.sin(head), _running(a[1:], head[0])])


@program(X, 0.3)
def result_grows_with_the_argument(x, s):
    y = _running(x, s)
    return np.sum(y[1:] * y[:-1])


def _even(x):
    return x * x if x < 1 else np.sin(x) + _odd(x - 1)


def _odd(x):
    return x**3 if x < 1 else np.cos(x) * _even(x - 1)


@program(np.float64(5.3))
def mutual_recursion(x):
    return _even(x) * _odd(x)


@program(np.array([0.5, 0.7]), 0.3)
def nested_with_captures_inside_a_loop(w, x):
    def go(v, depth):
        if depth > 4 or np.sum(v) > 10:
            return v
        return go(w * v + x, depth + 1)

    out = 0.0
    for k in range(3):
        out += np.sum(go(w * k, 0))
    return out


def _tree(a, lo, hi):
    total = 0.0
    for k in range(lo, hi):
        total += a[k] * k
    if hi - lo > 1:
        mid = (lo + hi) // 2
        left = _tree(a, lo, mid)
        right = _tree(a, mid, hi)
        total += np.tanh(left) * right
    return total


@program(X)
def loop_inside_recursion(x):
    return _tree(x, 0, len(x))


def _merge_sort(a):
    n = len(a)
    if n > 1:
        half = n // 2
        _merge_sort(a[:half])
        _merge_sort(a[half:])
        b = a.copy()
        i, j = 0, half
        for k in range(n):
            if j >= n or (i < half and b[i] <= b[j]):
                a[k] = b[i]
                i += 1
            else:
                a[k] = b[j]
                j += 1


@program(X)
def merge_sort_in_place(x):
    y = np.sin(x)
    _merge_sort(y)
    return np.sum(y * np.arange(len(y)) ** 2)


def _halves(x, pair, scale=2.0):
    a, b = pair
    if b - a < scale:
        return {"low": a * x, "high": b}
    inner = _halves(x, (a + 0.3 * x, 0.5 * b), scale)
    return {"low": inner["low"] + a, "high": inner["high"] * x}


@program(np.array([0.4, 1.3]), 9.0)
def containers_in_and_out(x, b):
    out = _halves(x[0], (x[1], b))
    return out["low"] * out["high"]


@program(np.float32(1.5), np.array([0.25, 2.0], np.float32), argnums=())
def single_precision(x, a):
    def newton(y, steps):
        better = (y + x / y) / np.float32(2)
        if abs(better - y) < np.float32(1e-5) or steps >= 20:
            return better
        return newton(better, steps + 1)

    return newton(np.float32(1), 0) * np.sum(a)


def _filled(b, k):
    if k > 2:
        return None
    if b[0, k] > 1:
        b[1, k] *= b[0, k]
        _filled(b, k + 1)
        return
    b[0, k] += 0.7
    _filled(b, k)
    b[2, k] *= b[0, 0]


@program(np.arange(1.0, 13.0).reshape(3, 4) / 3.2)
def none_on_every_path(x):
    b = x * 1.0
    _filled(b, 0)
    return b
