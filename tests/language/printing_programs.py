"""Programs that print: what they say is compared in `test_printing.py`, what they compute in `test_language.py`."""

# ruff: noqa: UP031, UP032
from __future__ import annotations

import sys

import numpy as np

import gradscribe as gs
from language.registry import program

X = np.array([0.5, -1.5, 2.0])
GRID = np.array([[1.0, 0.25, -3.5], [np.pi, 1e-9, 12345.678]])


@program(X, 3, argnums=(0,))
def prints_values_and_strings(x, k):
    print("start", x.shape, k, len(x), sep=", ")
    print()
    print("static", 1.5, None, (1, "a"), np.float64(0.1), end="!\n")
    s = np.sum(x)
    print(s, x, x[1:], k * 2 + 1, x.dtype, flush=True)
    print(f"{s:.3f} {s!r:>25} {s=} {k=} {x[0]:+8.2e}|{k:04d}", file=sys.stderr)
    return s * x[0] * k


@program(X, argnums=(0,))
def prints_in_loops_and_branches(x):
    total = 0.0
    for i in range(len(x)):
        if x[i] < 0:
            print("negative:", i, x[i])
            continue
        total = total + np.sin(x[i])
        print(f"{i}: {total:.4f}")
    while total > 0.7:
        total = total * 0.5
        print("half", total > 0.3)
    print("done")
    return total


@program(X, argnums=(0,))
def prints_formatted_text(x):
    s = np.sum(x)
    print("%5.2f|%-8s|%d%%|%r" % (s, "ab", 7, x[0]))
    print("%(a).1f and %(b)s" % {"a": s, "b": x})
    print("{0:>8.3f} {0!r} {name:^9.2e}".format(s, name=x[1]), "{} {:.1f}".format(1, s))
    text = "sum " + str(s) + f" of {len(x)}" + "-" * 3
    print(text, "[" + ", ".join([f"{v:.1f}" for v in x]) + "]", 'quote " and {braces}\t%')
    print([s, 1, "a"], (s,), {"k": x[0], 2: [x[1]]})
    return s * s


@program(X, argnums=(0,))
def prints_versions_of_an_array(x):
    y = x.copy()
    before = f"{y}"
    y[0] = 7.0
    print(before)
    print(y, y * 2, -y[::-1])
    y[1:] += y[:1]
    print(y)
    return np.sum(y * x)


@program(GRID, np.array([1, -2, 3]), argnums=(0,))
def prints_arrays_of_every_kind(grid, counts):
    flags = counts > 0
    print(grid)
    print(grid.T, grid[:, 1], counts, flags, counts[0], flags[1], sep="\n")
    print(f"{grid}|{counts!r}|{grid.astype(np.float32)!r}")
    print(grid[0, 0] + 2j, counts * 1j, grid > 0)
    print(np.float32(0.1) * counts.astype(np.float32), grid[:0], grid[:, :0].shape)
    return np.sum(grid) * counts[2]


def _shown(value):
    print("helper", value)
    return value * 2


@program(X, 2.0)
def prints_from_helpers(x, scale):
    total = 0.0
    for v in x:
        total = total + _shown(v * scale)
    gs.debug.print("{} of {s:.2f}", total, s=scale)
    return total


@program(X, argnums=(0,))
def prints_what_is_recomputed_once(x):
    total = 0.0
    for i in range(len(x)):
        y = x[i] * 2
        for _ in range(2):
            y = y * np.sin(y)
            print("y", y)
        total = total + y
    return total


def _goes_on(x):
    print("cond", x)
    return x < 10.0


@program(1.5)
def prints_in_conditions(x):
    n = 0
    while _goes_on(x):
        x = x * 2.0
        n += 1
        if n > 2 and _goes_on(x):
            print("both", n)
    return x * n


def _deeper(x, n):
    if n <= 0:
        print("end", x)
        return x
    print("n", n, f"{x:.3f}")
    return _deeper(x * np.sin(x), n - 1) * x


@program(1.5, 3, argnums=(0,))
def prints_where_a_function_calls_itself(x, n):
    return _deeper(x, n)
