"""Syntax that is refused: a small program for each construct. `test_refused.py` holds the messages."""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby
from typing import Any

import numpy as np

X = np.array([0.3, -0.2, 0.5])
REFUSED: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {}


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
    return next(iter([x[0], x[1]]))


@refused(X)
def groups(x):
    return sum(v for _, group in groupby(x) for v in group)
