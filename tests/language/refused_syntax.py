"""Syntax that is refused: a small program for each construct. `test_refused.py` holds the messages."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress
from functools import cache, singledispatch
from itertools import groupby
from typing import Any

import numba
import numpy as np

X = np.array([0.3, -0.2, 0.5])
REFUSED: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {}

namespace_of_text: dict[str, Any] = {"np": np}
exec("def made(v):\n    return np.sin(v)", namespace_of_text)
made = namespace_of_text["made"]
vectorised = np.vectorize(lambda a, b: a * b if a > 0 else b)


def refused(*args: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register the decorated function with arguments."""

    def add(function: Callable[..., Any]) -> Callable[..., Any]:
        REFUSED[function.__name__] = (function, args)
        return function

    return add


@refused(X)
def generator_advanced_twice(x):
    def items():
        yield x[0]
        yield x[1]

    made = items()
    return next(made) + next(made)


@refused(X)
def generator_that_gets_values(x):
    def total():
        v = yield x[0]
        yield v

    made = total()
    return made.send(2.0)


@refused(X)
def yield_left_inside_an_expression(x):
    def items():
        for v in x:
            w = yield v
            x[0] = w

    for v in items():
        if v > 0.0:
            break
    return v


@refused(X)
def value_of_yield_from(x):
    def inner():
        yield x[0]
        return 2.0

    def outer():
        factor = yield from inner()
        yield factor

    return sum(outer())


@refused(X)
def zip_of_two_generators(x):
    return sum(a * b for a, b in zip((v for v in x), (v for v in x)))


@refused(X, 0.2)
def list_that_data_filters(x, limit):
    return list(v for v in x if v > limit)


@refused(X)
def returned_iterator(x):
    return (v for v in x)


@refused(X)
def returned_range(x):
    return range(3)


@refused(X)
def iterator_of_a_list(x):
    return sum((next(items := iter([x[0], x[1]])), *items))


@refused(X)
def groups(x):
    return sum(v for _, group in groupby(x) for v in group)


@refused(X)
def with_a_context_manager(x):
    with suppress(KeyError):
        return x


@refused(X)
def with_a_file(x):
    with open("log") as file:
        file.write("x")
    return x


@refused(X)
def class_statement(x):
    class Model:
        pass

    return x


@refused(X)
def written_global(x):
    global X
    X = x
    return x


@refused(X)
def asynchronous(x):
    async def later():
        return x

    return x


@refused(X, 0.5)
def try_around_a_raise_on_data(x, t):
    try:
        if t > 0.0:
            raise ValueError("positive")
        total = x[0]
    except ValueError:
        total = x[1]
    return total


@refused(X, 0.5)
def try_around_a_division(x, t):
    try:
        total = 1.0 / t
    except ZeroDivisionError:
        total = 0.0
    return total * x[0]


@refused(X, np.array([1, 2]))
def try_around_an_index(x, k):
    try:
        return x[k[0]]
    except IndexError:
        return 0.0


@refused(np.eye(2))
def try_around_a_factorisation(a):
    try:
        return np.linalg.cholesky(a)
    except np.linalg.LinAlgError:
        return a


@refused(X, np.ones(4))
def try_around_shapes(x, y):
    try:
        return x + y
    except ValueError:
        return x


@refused(X, 0.5)
def try_around_a_missing_key_on_data(x, t):
    settings = {"a": 1.0}
    try:
        if t > 0.0:
            x = x * settings["b"]
    except KeyError:
        x = x * 2.0
    return x


@refused(X)
def yield_in_try(x):
    def items():
        try:
            yield x[0]
        finally:
            x[0] = 0.0

    return sum(items())


@refused(X)
def evaluated_text(x):
    return eval("x.sum()")


@refused(X)
def executed_text(x):
    exec("y = 1")
    return x


@refused(X)
def namespace(x):
    return x * len(locals())


@refused(X)
def console_input(x):
    return x * float(input())


@refused(X)
def function_without_text(x):
    return made(x)


@refused(X)
def vectorised_function(x):
    return vectorised(x, 2.0)


@refused(X)
def numba_inside(x):
    @numba.njit
    def f(v):
        return v * 2.0

    return f(x)


@refused(X)
def exact_sum(x):
    return math.fsum(x)


@refused(X)
def cached_function_with_effects(x):
    calls = []

    @cache
    def f(v):
        calls.append(v)
        return v * 2.0

    return f(x[0]) + f(x[0])


@refused(X)
def dispatch_inside(x):
    @singledispatch
    def f(v):
        return v

    return f(x)


@refused(X)
def identity_of_numbers(x):
    three = 3
    return 1.0 if x[0] is three else 2.0


@refused(X, 0.5)
def names_in_alternatives(x, t):
    match (t, x[0]):
        case (0.5, v) | (v, 0.5):
            return v
    return t


@refused(X, 4)
def function_returned(x, n):
    return lambda v: v * x


@refused(X)
def starred_exceptions(x):
    try:
        y = x
    except* ValueError:
        y = x * 2.0
    return y


@refused(X)
def opened_file(x):
    lines = open("data.txt").readlines()
    return x * len(lines)


@refused(X)
def vectorised_inside(x):
    return np.vectorize(lambda v: v**2 if v > 0 else 0)(x)


@refused(X)
def applied_along_an_axis(x):
    return np.apply_along_axis(lambda row: row / row.sum(), 0, x)


@refused(X)
def function_of_objects(x):
    return np.frompyfunc(lambda v: v + 1, 1, 1)(x)
