"""Functions of `math` whose steps are Python's own: staged by the frontend like the user's text (see
`python_iterators`).

In: Python numbers, or data in their place. Out: what `math` gives, within rounding; ints are exact.
"""

from __future__ import annotations

import math

# Nothing here is called by Python: types would say nothing.
# mypy: disable-error-code="no-untyped-def"


def isclose(a, b, *, rel_tol=1e-09, abs_tol=0.0):
    if rel_tol < 0.0 or abs_tol < 0.0:
        raise ValueError("tolerances must be non-negative")
    if a == b:
        return True
    if math.isinf(a) or math.isinf(b):
        return False
    difference = abs(b - a)
    return difference <= abs(rel_tol * b) or difference <= abs(rel_tol * a) or difference <= abs_tol


def hypot(*coordinates):
    """Of other than two numbers."""
    result = 0.0
    for c in coordinates:
        result = math.hypot(result, c)
    return result


def dist(p, q):
    if len(p) != len(q):
        raise ValueError("both points must have the same number of dimensions")
    result = 0.0
    for k in range(len(p)):
        result = math.hypot(result, p[k] - q[k])
    return result


def ldexp(x, i):
    half = i // 2
    return x * 2.0**half * 2.0 ** (i - half)


def modf(x):
    if math.isinf(x):
        return math.copysign(0.0, x), x
    whole = float(math.trunc(x))
    return math.copysign(x - whole, x), math.copysign(whole, x)


def factorial(n):
    if n < 0:
        raise ValueError("factorial() not defined for negative values")
    result = 1
    for k in range(2, n + 1):
        result *= k
    return result


def comb(n, k):
    if n < 0:
        raise ValueError("n must be a non-negative integer")
    if k < 0:
        raise ValueError("k must be a non-negative integer")
    if k > n:
        return 0
    result = 1
    for i in range(1, k + 1):
        result = result * (n - k + i) // i
    return result


def perm(n, k=None):
    if n < 0:
        raise ValueError("n must be a non-negative integer")
    chosen = n if k is None else k
    if chosen < 0:
        raise ValueError("k must be a non-negative integer")
    if chosen > n:
        return 0
    result = 1
    for i in range(n - chosen + 1, n + 1):
        result *= i
    return result


def gcd(*integers):
    result = 0
    for b in integers:
        a = abs(b)
        while a != 0:
            result, a = a, result % a
    return result


def lcm(*integers):
    result = 1
    for b in integers:
        common, a = result, abs(b)
        while a != 0:
            common, a = a, common % a
        result = abs(result * b) // common if common != 0 else 0
    return result


def isqrt(n):
    if n < 0:
        raise ValueError("isqrt() argument must be nonnegative")
    low, high = 0, 3037000500
    while high - low > 1:
        middle = (low + high) // 2
        if middle * middle <= n:
            low = middle
        else:
            high = middle
    return low


def prod(iterable, *, start=1):
    result = start
    for item in iterable:
        result = result * item
    return result


def remainder(x, y):
    if y == 0 or math.isinf(x):
        raise ValueError("math domain error")
    if math.isinf(y):
        return x
    positive, y = abs(x), abs(y)
    m = math.fmod(positive, y)
    c = y - m
    if m < c:
        r = m
    elif m > c:
        r = -c
    else:
        r = m - 2.0 * math.fmod(0.5 * (positive - m), y)
    return math.copysign(1.0, x) * r


MATH_TEXTS = {
    math.prod: prod, math.remainder: remainder,
    math.isclose: isclose, math.dist: dist, math.hypot: hypot, math.ldexp: ldexp, math.modf: modf,
    math.factorial: factorial, math.comb: comb, math.perm: perm, math.gcd: gcd, math.lcm: lcm, math.isqrt: isqrt,
}  # fmt: skip
