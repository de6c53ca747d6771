"""Generators, generator expressions, and Python's functions on iterables."""

from __future__ import annotations

import itertools
import operator
from functools import reduce

import numpy as np

from language.registry import program

X = np.array([0.3, -0.7, 1.2, 0.05, -1.1])


@program(X, 4, 0.9)
def generator_loops(x, n, limit):
    """A generator whose loop is rolled, left by `break`, `continue` and by its end; another one from a `while`."""

    def partial_sums(y, count):
        total = 0.0
        for k in range(count):
            total += y[k] ** 2
            yield k, total

    def newton(a):
        y = a
        while True:
            y = 0.5 * (y + 2.0 / y)
            yield y
            if abs(y * y - 2.0) < 1e-6:
                return

    result = 0.0
    for k, total in partial_sums(x, n):
        if total > limit:
            result += 10.0 * total
            break
        if k == 1:
            continue
        result += np.sin(total)
    else:
        result = -result
    for root in newton(x[2]):
        result *= root
    return result


@program(X, 0.5)
def generator_left_by_return(x, limit):
    def pairs(y):
        for k in range(len(y) - 1):
            if y[k] > -1.0:
                yield y[k], y[k + 1]

    for a, b in pairs(x):
        if a > limit:
            return a * b
        limit = limit - 0.1 * b
    return limit


@program(X)
def generators_of_generators(x):
    """`yield from` of generators, recursion, static items; a class whose `__iter__` yields."""

    def halves(low, high):
        if high - low == 1:
            yield x[low]
        else:
            middle = (low + high) // 2
            yield from halves(low, middle)
            yield from halves(middle, high)

    def everything():
        yield from halves(0, 4)
        yield from (x[4], 2.0)
        yield from x * 2.0

    total = 1.0
    for k, v in enumerate(everything()):
        total += v**2 * k
    for v, w in zip(everything(), x):
        total += v * w
    first, *rest = halves(0, 3)
    return total + first * rest[1] + sum(Evens(x)) + np.array(list(halves(1, 3))).prod()


class Evens:
    def __init__(self, items):
        self.items = items

    def __iter__(self):
        for k in range(0, len(self.items), 2):
            yield self.items[k]


@program(X, 4, 0.1)
def generator_expressions(x, n, limit):
    """Over data, with filters on data: sum, max, min, any, all, next."""
    total = sum(x[k] ** 2 for k in range(n))
    chosen = sum(v * w for v, w in zip(x, x[1:]) if v > limit)
    largest = max(v * v for v in x if v > limit)
    smallest = min((v for v in x if v > 100.0), default=limit)
    some = 1.0 if any(v > 1.0 for v in x) else 2.0
    every = 3.0 if all(v > -1.0 for v in x) else 4.0
    first = next(v for v in x if v < 0.0)
    none = next((v for v in x if v > 100.0), -limit)
    return total + chosen * largest + smallest + some * every * first + none


@program(X)
def comprehensions(x):
    squares = [v * v for v in x if len(x) > 2]
    table = {k: x[k] for k in range(3)}
    matrix = np.array([[a * b for b in x[:2]] for a in x[:3]])
    evens = {k % 2 for k in range(4)}
    scaled = tuple(v * 2.0 for v in squares)
    total = [last := v for v in x][0] + next(iter(squares))
    total += max(x, key=lambda v: v**2) * min(range(1, 5), key=lambda k: -k) + np.fromiter(scaled, dtype=float)[1]
    return sum(squares) + table[2] * matrix.sum() + len(evens) * scaled[1] + total * last


@program(X, 3)
def itertools_one_by_one(x, n):
    total = 0.0
    for v in itertools.accumulate(x):
        total += v**2
    for v in itertools.accumulate(x[1:], operator.mul, initial=2.0):
        total += v
    for v in itertools.chain(x[:2], [1.5], x):
        total = total * 0.9 + v
    for v in itertools.takewhile(lambda v: v < 1.0, x):
        total += np.sin(v)
    for v in itertools.dropwhile(lambda v: v < 1.0, x):
        total += np.cos(v)
    for k in itertools.count(1):
        if k >= n:
            break
        total += x[k] ** 3
    for v in itertools.islice(x, n):
        total += v
    return total + sum(map(lambda v: v**2, filter(lambda v: v > 0.0, x)))


@program(X, 3)
def itertools_combined(x, n):
    total = 0.0
    for a, b in itertools.product(range(n), repeat=2):
        total += x[a] * x[b] ** 2
    for a, b in itertools.combinations(x, 2):
        total += np.sin(a * b)
    for a, b in itertools.permutations(x[:3], 2):
        total += a / (2.0 + b)
    for a, b in itertools.pairwise(x):
        total += a * b
    for v, w in itertools.zip_longest(x, x[:2], fillvalue=1.0):
        total += v * w
    for a in itertools.starmap(operator.mul, zip(x, x[1:])):
        total += a
    for scale, v in zip(itertools.cycle([1.0, -2.0]), x):
        total += scale * v
    for v, two in zip(x, itertools.repeat(2.0)):
        total += v**two
    for v in itertools.compress(x, [1, 0, 1, 0, 1]):
        total += v
    for k in itertools.filterfalse(lambda k: k % 2, range(5)):
        total += x[k] ** 2
    for v in itertools.chain.from_iterable([[x[0], x[1]], (x[2],)]):
        total += v
    return total + reduce(lambda a, b: a * b, x) + reduce(operator.add, [x[0], x[1]], 1.0)


EDGES = np.array([[0, 1], [1, 2], [2, 4], [4, 3]])


@program(X)
def rows_of_a_captured_array_unpacked(x):
    """The sizes of a captured array are asked for, as those of an argument would be."""
    energy = 0.0
    force = np.zeros_like(x)
    for i, j in EDGES:
        stretch = x[j] - x[i]
        energy += 0.5 * stretch**2
        force[i] += stretch
        force[j] -= stretch
    return energy, force


@program(X)
def generators_that_read_what_their_consumers_write(x):
    """Items come one by one: what is done with one may change the next."""

    def scaled(y, share):
        for k in range(3):
            yield y[k] * share

    def add(y, v):
        y += 0.5 * v
        return v

    u = np.sin(x)
    listed = [add(u, v) for v in scaled(u, 0.5)]
    named = {k: add(u, v) for k, v in enumerate(scaled(u, 0.25))}
    pairs = {(j, k): x[j] * x[k] for j, k in itertools.product(range(2), range(3))}
    grown = [u[4]]
    grown.extend(v * grown[-1] for v in scaled(u, 0.5))
    total = listed[2] * named[1] + pairs[1, 2] + grown[3] + max(add(u, v) for v in scaled(u, 0.5))
    total += reduce(lambda a, v: a * add(u, v) + v, scaled(u, 0.5)) + reduce(lambda a, v: a + v, scaled(u, 0.5), x[1])
    for a, b in itertools.pairwise(scaled(u, 0.25)):
        total += a * b
        u *= 1.25
    for k, v in zip(range(7), itertools.cycle(scaled(u, 0.25))):
        total += k * v
        u[1] += 0.5 * v
    return total, u, [add(u, v) for v in scaled(u, 0.25) if v > 0 or len(listed) > 1]
