"""Recurrences in scalars that move with the loop: the same bits, and only where the elements are proved to exist."""

import random

import numpy as np
import pytest
from nest_programs import at, function, load, matrix, nest, store, vector
from random_nests import RandomNest
from random_nests import arguments as random_arguments

from gradscribe.transpiler.ir.dims import Dim, Symbol
from gradscribe.transpiler.ir.evaluate import evaluate
from gradscribe.transpiler.ir.verify import verify
from gradscribe.transpiler.ir.walk import inner_eqns
from gradscribe.transpiler.passes.rotate import rotate_windows
from gradscribe.transpiler.primitives.regions import loop
from gradscribe.transpiler.primitives.structure import update_add

N = Dim.of(Symbol("n"))


def scalars(program):
    """How many scalars the innermost loops carry."""
    found = 0
    for eqn in inner_eqns(program.region):
        if eqn.operation is loop and not any(e.regions for e in eqn.regions[-1].eqns):
            found += sum(not x.type.shape for x in eqn.operands)
    return found


def rotated(program, args):
    """The rewritten program; the same bits come out, and the original is left as it was."""
    before = evaluate(program, *args)
    out = rotate_windows(program)
    verify(program)
    verify(out)
    for a, b, c in zip(before, evaluate(out, *args), evaluate(program, *args), strict=True):
        np.testing.assert_array_equal(b, a)
        np.testing.assert_array_equal(c, a)
    return out


def held(body, sizes=(2, 3, 6)):
    """Scalars that rotate in a program over x[n], m[n, n]."""
    program = function("f", [vector("x", N), matrix("m", N)], body)
    for size in sizes:
        rng = np.random.default_rng(0)
        out = rotated(program, [rng.normal(size=size), rng.normal(size=(size, size))])
    return scalars(out)


@pytest.mark.parametrize("direction", [1, -1])
def test_a_recurrence(direction):
    def body(x, m):
        step = lambda i, x: (store(x, load(x, i) * 0.5 + load(x, Dim.of(i) - direction), i),)
        return nest(1, N - 1, [x], step, direction=direction)

    assert held(body) == 1


def test_a_sweep_and_its_adjoint():
    def body(x, m):
        def sweep(i, m):
            def element(j, m):
                around = ((a, b) for a in (-1, 0, 1) for b in (-1, 0, 1))
                terms = [load(m, Dim.of(i) + a, Dim.of(j) + b) for a, b in around]
                total = terms[0]
                for term in terms[1:]:
                    total = total + term
                return (store(m, total / 9.0, i, j),)

            return nest(1, N - 1, [m], element)

        def adjoint(i, m):
            def element(j, m):
                v = load(m, i, j) / 9.0
                m = store(m, v, i, j)
                for a in (-1, 0, 1):
                    for b in (-1, 0, 1):
                        if (a, b) != (0, 0):
                            m = update_add(m, v, at=at(Dim.of(i) + a, Dim.of(j) + b))
                return (m,)

            return nest(1, N - 1, [m], element, direction=-1)

        (m,) = nest(1, N - 1, [m], sweep)
        return nest(1, N - 1, [m], adjoint, direction=-1)

    assert held(body) == 2 + 6


@pytest.mark.parametrize("end, count", [(N - 1, 0), (N, 1)])
def test_a_loop_that_may_run_less_than_zero_times(end, count):
    """range(i + 1, n - 1) at i = n - 1: what was loaded as x[i] would be stored as x[n - 2]."""

    def body(x, m):
        def row(i, x):
            step = lambda k, x: (store(x, load(x, Dim.of(k) - 1) * 0.5 + load(x, k), k),)
            return nest(Dim.of(i) + 1, end, [x], step)

        return nest(0, N, [x], row)

    assert held(body) == count


@pytest.mark.parametrize("row, count", [(1, 0), (0, 1)])
def test_elements_that_may_not_exist(row, count):
    """m[i + 1, k] for k in range(n - 1 - i): for the last i there is no such row, and no k."""

    def body(x, m):
        def outer(i, m):
            i = Dim.of(i)
            step = lambda k, m: (store(m, load(m, i + row, k) * 0.5, i + row, Dim.of(k) + 1),)
            return nest(0, N - 1 - i, [m], step)

        return nest(0, N, [m], outer)

    assert held(body) == count


@pytest.mark.parametrize("other", ["another row that may be this one", "an element that stays", "a stride"])
def test_what_stays_in_memory(other):
    def body(x, m):
        def row(i, x, m):
            def step(k, x, m):
                k = Dim.of(k)
                if other == "another row that may be this one":
                    m = store(m, load(m, i, k) + load(m, 0, k + 1), i, k + 1)
                elif other == "an element that stays":
                    x = store(x, load(x, k) + load(x, 0), k + 1)
                else:
                    m = store(m, load(m, k, k) + load(m, i, k), i, k + 1)
                return x, m

            return nest(0, N - 1, [x, m], step)

        return nest(0, N, [x, m], row)

    assert held(body) == 0


class RandomSweep:
    """x[3 n + 8] and m[3 n + 8, 3 n + 8], swept in place by a loop or a nest of two."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        extent = 3 * N + 8
        params = [vector("n", N), vector("x", extent), matrix("m", extent)]
        self.function = function(f"sweep{seed}", params, self.program)

    def program(self, n, x, m):
        self.slant = self.random.choice([0, 0, 1])
        directions = [self.random.choice([1, -1]) for _ in range(2)]
        lo, hi = self.random.choice([(0, N), (1, N - 1), (0, 2 * N), (1, 1), (2, 1), (N, 2 * N)])

        def row(i, x, m):
            return nest(lo, hi, [x, m], lambda j, *arrays: self.element(i, j, *arrays), direction=directions[1])

        return nest(0, N, [x, m], row, direction=directions[0])

    def place(self, i, j, name):
        column = Dim.of(j) + self.random.randint(0, 3) + self.slant * Dim.of(i)
        if name == "x":
            return (column,)
        return (self.random.choice([Dim.of(i), Dim.of(i) + 1, Dim.of(i), Dim.of(0)]), column)

    def element(self, i, j, x, m):
        arrays = {"x": x, "m": m}
        versions = [dict(arrays)]
        only = self.random.choice(["x", "m", "xm"])
        for _ in range(self.random.randint(1, 4)):
            name = self.random.choice(only)
            seen = self.random.choice([versions[-1], versions[-1], versions[0]])
            value = (
                load(seen[name], *self.place(i, j, name)) * 0.4 + load(versions[-1]["x"], *self.place(i, j, "x")) * 0.3
            )
            if self.random.random() < 0.5:
                arrays[name] = store(arrays[name], value, *self.place(i, j, name))
            else:
                arrays[name] = update_add(arrays[name], value, at=at(*self.place(i, j, name)))
            versions.append(dict(arrays))
        return tuple(arrays.values())


@pytest.mark.parametrize("block", range(4))
def test_random_sweeps(block):
    found = 0
    for seed in range(50 * block, 50 * block + 50):
        program = RandomSweep(seed).function
        for size in (2, 4):
            rng = np.random.default_rng(seed)
            extent = 3 * size + 8
            args = [np.zeros(size), rng.normal(size=extent), rng.normal(size=(extent, extent))]
            found += scalars(rotated(program, args)) > 0
    assert found > 20


def test_random_nests():
    for seed in range(100):
        case = RandomNest(seed)
        rotated(case.function, random_arguments(case, 3, seed))
