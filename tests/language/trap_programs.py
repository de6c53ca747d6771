"""Traps of arithmetic: integers that wrap, divisions with signs, powers of zero, dead branches of `np.where`, sign
bits, dtypes of reductions. Results with NaN are left to tests of their own: no difference quotient knows them."""

from __future__ import annotations

import numpy as np

from language.registry import program

X = np.array([0.3, -0.7, 1.2, 0.5])
SMALL = np.array([100, -3, 7], np.int8)
UNSIGNED = np.array([200, 3, 70], np.uint8)
INTS = np.array([7, -7, 4])


@program(SMALL, UNSIGNED)
def small_integers_wrap(a, b):
    a[0] += 100
    return a * a, b - b[::-1], -a, b << 1, ~b, a**2, a + np.int16(300), np.sum(a), np.prod(b), np.cumsum(b)


@program(SMALL)
def dtypes_of_reductions(a):
    b = a > 0
    return np.sum(a, dtype=np.int8), np.mean(a), np.sum(b), np.mean(b), np.cumsum(a, dtype=np.int16), np.std(a)


@program(INTS, np.array([2.5, -7.5, 0.3]))
def division_and_remainder_with_signs(n, x):
    return n // 3, n % -3, np.fmod(n, -3), divmod(x, -0.7), np.fmod(x, 0.7), n / 2, n >> 1, n << 62, -7 // 2 * x


@program(X)
def powers_of_zero_and_of_negative_numbers(x):
    zero = x - x
    return x**0, zero**2, zero**0 + x**3, 0.0 ** (x * x), (-2.0) ** np.round(0.9 * x), x**12


@program(X)
def dead_branches(x):
    inside = np.where(x > 0, x, 1.0)
    roots = np.where(x > 0, np.sqrt(inside), 0.0)
    return np.sum(roots) + np.sum(np.where(x > 0, np.log(inside), x)), np.abs(x) * np.copysign(2.0, x)


@program(X)
def power_of_a_counter(x):
    halvings, largest = 0, 40.0 * x[2]
    while largest > 0.7:
        largest = largest / 2
        halvings += 1
    return x / 2**halvings, largest * 3 ** (halvings - 1)
