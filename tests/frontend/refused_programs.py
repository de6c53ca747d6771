"""Programs that are refused, with arguments."""

from __future__ import annotations

import numpy as np

X = np.array([0.3, -0.2, 0.5])
CASES: list[tuple[object, tuple[object, ...]]] = []


def case(*args):
    def add(function):
        CASES.append((function, args))
        return function

    return add


@case(X)
def several_constructs(x):
    try:
        y = x[0]
    except IndexError:
        y = 0.0
    class Log: ...
    with open("log") as file:
        file.write("x")
    return y


@case(X, np.ones(7))
def shapes_that_differ(x, y):
    return x + y


@case(X, X.copy(), 1.0)
def written_alias(a, b, s):
    c, d = a * 2, b * 3
    x = c if s > 0 else d
    x[0] = 1.0
    return c.sum()


@case(X)
def unknown_function(x):
    return np.nanmedian(x)


@case(X)
def hidden_random_state(x):
    return x * np.random.rand(3)


@case(X)
def mask_of_another_size(x):
    return x[x[1:] > 0]


@case(X)
def index_out_of_range(x):
    return x[7]


def _product(u):
    return u @ np.ones((2, 2))


@case(X)
def error_in_a_called_function(x):
    return _product(x)


@case(X)
def endless_recursion(x):
    return endless_recursion(x)


@case(X)
def generator(x):
    yield x


@case(X)
def truth_of_an_array(x):
    if x > 0:
        return 1
    return 2


@case(X.astype(np.int64))
def in_place_cast(x):
    x += 0.5
    return x


@case(X)
def returned_function(x):
    def g():
        return x

    return g


@case(X.astype(np.float32), 0.1, 2)
def weak_start_of_a_float32_sum(x, start, n):
    s = start
    while s < 10.0:
        s = s + x[n]
    return s


@case(5.0)
def recursion_on_every_path(x):
    if x > 0:
        return recursion_on_every_path(x / 2)
    return recursion_on_every_path(x + 1)


@case(5.0)
def recursion_that_counts_outside(x):
    count = 0

    def halve(v):
        nonlocal count
        count = count + 1
        return v if v < 1 else halve(v / 2)

    return halve(x) + count


@case(X)
def recursion_that_writes_two_views(x):
    def swap(a, b, limit):
        if a[0] < limit:
            a[0] = 2.0 * b[0] + 1.0
            swap(b, a, limit)

    y = x.copy()
    swap(y[:2], y[1:], 9.0)
    return y


@case(X)
def recursion_that_returns_its_argument(x):
    def skip(a):
        return a if a[0] > 0 else skip(a[1:])

    y = x - 1.5
    tail = skip(y)
    tail[0] = 0.0
    return y
