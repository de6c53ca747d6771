"""Control flow on data."""

from __future__ import annotations

import numpy as np

from language.registry import program

X = np.array([0.3, -0.7, 1.2, 0.05, -1.1])


@program(X, 0.8)
def for_else_with_break(x, limit):
    total = 0.0
    for v in x:
        if v > limit:
            total += v**2
            break
        total += np.sin(v)
    else:
        total = -total
    return total


@program(X, 3)
def ranges(x, n):
    """Bounds that are data, steps of any size and sign, a step that is data; the variable after its loop."""
    total = 0.0
    for i in range(n):
        total += x[i] * i
    for i in range(len(x) - 1, n - 1, -1):
        total -= x[i] ** 2
    for i in range(len(x) - 1, -1, -2):
        total += 2.0 * x[i]
    for stride in range(1, n + 1):
        for j in range(4, 4 - 5 * stride, -stride):
            total += np.sin(x[j % 5]) * j
    for i in range(0, 5, n):
        total += x[i] ** 3
    return total * i + j


@program(X, np.arange(12.0).reshape(4, 3) / 7.0)
def what_loops_go_over(x, a):
    total = 0.0
    for k, row in enumerate(a, 1):
        for v in row:
            total += v * v * k
    for row, v in zip(a, x):
        total += row.sum() * v
    for (k, left), right in zip(enumerate(x[:-1]), x[1:]):
        total += k * left * right
    for k, v in enumerate(reversed(x)):
        total += v**k
    for column in a.T:
        total += np.max(column)
    for i, j in np.ndindex(2, 3):
        total += a[i, j] ** 2
    for (i, j), v in np.ndenumerate(a):
        total += v * i - j
    for letter, v in zip("xyx", x):
        total += v if letter == "x" else -v
    for name, v in {"first": x[0], "second": x[1]}.items():
        total += len(name) * v
    for a[0, 0] in x:
        total += a[0, 0] ** 2
    return total


@program(X, 0.6)
def exits_at_any_depth(x, limit):
    """break, continue, return and else in nested loops; a bound that changes inside its loop."""
    total = 0.0
    n = 2
    for i in range(n):
        n = n + 1
        for v in x:
            if v > 1.0:
                break
            if v < -1.0:
                continue
            total += v * (i + 1)
            if total < -2.0:
                return -total
        else:
            total += 100.0
            continue
        total += 0.5 * n
    else:
        total *= 2.0
    k = 0
    while True:
        for v in x:
            if v > limit:
                return v * total * k
            limit -= 0.3 * abs(v)
        k += 1
        if k > 4:
            break
    return total


@program(X, 0.9)
def while_conditions(x, limit):
    """Compound conditions, `:=` in the condition, `else` of a while, a bound that grows."""
    i, n, total = 0, 3, 0.0
    while i < n and not (x[i] > 2.0 or total > limit):
        total += abs(x[i])
        if x[i] < 0.0 and n < 5:
            n += 1
        i += 1
    k = -1
    while (k := k + 1) < len(x) and (v := x[k]) > -1.0:
        total += v * limit
    while i > 0:
        i -= 1
        if x[i] > 100.0:
            break
    else:
        total -= v**2
    return total, i, n


@program(X, 0)
def loops_that_never_run(x, n):
    """A number has one type after a loop: sums start as what they become."""
    total = 0.0
    last = -1
    for last in range(n):
        total += x[last]
    for v in x[:n]:
        total += v
    while n > 0:
        n -= 1
    return total, x[last] * 2.0


@program(X, 0.5)
def short_circuits(x, t):
    """and, or and chained comparisons of data evaluate their right side only where it decides; ternaries."""
    total = t or x[0]
    total += (t and x[1]) + (0.0 or x[2]) + (None or t)
    if -1.0 < x[0] < t <= 1.0 or x[1] > 0.0:
        total += 1.0 if not x[3] > 1.0 else 2.0
    if t > 0.0 and x[0] / t > 0.1:
        total *= np.sin(t)
    y = x if t > 0.2 else -x
    flag = t > 0.0
    if flag is True:
        total += y.sum()
    return total


@program(X, 4)
def one_loop_run_twice(x, n):
    """A flag and the name that goes with it, in a loop that is interpreted again."""

    def largest(y):
        first = True
        for k in range(n):
            if first:
                best = y[k]
                first = False
            else:
                best = max(best, y[k])
        return best

    return largest(x) * largest(x**2)


@program(X[:2], X[2:4], 6)
def an_array_is_rebound_after_an_exit(a, c, n):
    s, k = 0.0, 0
    while k < n:
        s = s + np.sum(a * a)
        if s > 1.0:
            a = a * 1.5
        if s > 3.0:
            break
        a = c * s
        k += 1
    for i in range(n):
        if s > 9.0:
            a = a - c
        if s > 40.0:
            return s
        a = c * (s + i)
        s = s + np.sum(a)
    return s


@program(np.array([0.3, -0.7, 1.2, 0.5, -1.1, 0.8]), 2)
def parts_of_ranges(x, k):
    n = len(x)
    inner = range(1, n)
    total = 0.0
    down = range(n - 1, -1, -1)
    for part in (inner[::-1], inner[k:], inner[:-k], inner[::2], inner[::-2], down[k:], inner[k:][::-1]):
        for i in part:
            total = 0.7 * total + x[i] * x[i - 1] * i
        total += len(part)
    return total
