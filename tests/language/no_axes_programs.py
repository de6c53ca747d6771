"""Arrays without axes: made in the program, they can be written, and whoever holds them sees it."""

from __future__ import annotations

import numpy as np

from language.registry import program

X = np.array([0.3, -0.7, 1.2])


def add_square(total, v):
    total += v * v


@program(X)
def a_total_that_a_function_adds_to(x):
    total = np.array(0.0)
    for v in x:
        add_square(total, v)
    return total * x[0]


@program(X)
def running_moments_in_a_dict(x):
    state = {"count": np.zeros((), int), "mean": np.zeros(()), "sum": np.zeros(())}
    for v in x:
        state["count"] += 1
        away = v - state["mean"]
        state["mean"] += away / state["count"]
        state["sum"] += away * (v - state["mean"])
    return state["sum"] / state["count"], 1.0 * state["mean"]


@program(X)
def no_axes_under_two_names(x):
    a = np.full((), 2.0)
    b, c = a, a.copy()
    a *= x[0]
    b[...] = b + x[1]
    b[()] **= 2
    return a + b * c, np.zeros_like(x[2]) + a


@program(X)
def a_view_of_one_element(x):
    last = x[..., -1]
    last *= x[0]
    np.square(last, out=last)
    return x * 2.0, last * x[1]


@program(X)
def an_array_or_a_number(x):
    best = np.array(-1.0)
    for v in x:
        if v > best:
            best = v * v
    return best * x[0]


@program(X)
def sizes_without_axes(x):
    k = np.array(2)
    total = np.asarray(0.0)
    for j in range(k):
        total += x[j] * x[k]
    return total * 1.0, x[:k] * x[k - 1]


@program(X)
def found_by_bisection(x):
    low, high = np.zeros(()), np.array(2.0)
    for _ in range(20):
        middle = 0.5 * (low + high)
        if middle * middle > 1.7:
            high = middle
        else:
            low = middle
    return low * x
