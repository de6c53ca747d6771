"""Loops that add at shifted places, as slices: the same sums, and the loops that may not be rewritten are left."""

import random

import numpy as np
import pytest
from nest_programs import at, function, load, matrix, nest, store, vector

from gradscribe.transpiler.ir.dims import Dim, Symbol
from gradscribe.transpiler.ir.evaluate import evaluate
from gradscribe.transpiler.ir.nodes import Function, Region
from gradscribe.transpiler.ir.verify import verify
from gradscribe.transpiler.ir.walk import inner_eqns
from gradscribe.transpiler.passes.lower.lowering import lower
from gradscribe.transpiler.passes.scatter_loops import slice_scatter_loops
from gradscribe.transpiler.primitives.elementary import sin
from gradscribe.transpiler.primitives.regions import loop
from gradscribe.transpiler.primitives.structure import update_add

N = Dim.of(Symbol("n"))


def loops(program):
    return sum(e.operation is loop for e in inner_eqns(program.region))


def rewritten(program, args):
    """The program on slices, after it and its lowered form were found equal to the original."""
    verify(program)
    before = evaluate(program, *args)
    out = slice_scatter_loops(program)
    verify(out)
    low = lower(program)
    verify(low)
    for a, b, c in zip(before, evaluate(out, *args), evaluate(low, *args), strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-13, atol=1e-13)
        np.testing.assert_allclose(c, a, rtol=1e-13, atol=1e-13)
    return out


def gone(body, size=7):
    program = function("f", [vector("x", N), vector("y", N), matrix("m", N)], body)
    rng = np.random.default_rng(0)
    args = [rng.normal(size=size), rng.normal(size=size), rng.normal(size=(size, size))]
    return loops(program) - loops(rewritten(program, args))


def add(array, value, *positions):
    return update_add(array, value, at=at(*positions))


@pytest.mark.parametrize("lo, hi", [(1, N - 1), (3, 2), (2, N - 4)])
def test_the_adjoint_of_a_three_point_stencil(lo, hi):
    """v = x[i]; x[i] = 0; y[i + 1] += v; y[i] += v / 2; y[i - 1] += v."""

    def body(x, y, m):
        def step(i, x, y):
            v = load(x, i)
            x = store(x, 0.0, i)
            y = add(y, v * 0.3, Dim.of(i) + 1)
            y = add(y, v * 0.5, i)
            return x, add(y, v, Dim.of(i) - 1)

        return nest(lo, hi, [x, y], step, direction=-1)

    assert gone(body) == 1


def test_in_two_dimensions():
    def body(x, y, m):
        def row(i, m):
            def column(j, m):
                v = load(x, i) * load(y, j)
                for a, b in ((0, 1), (1, 0), (0, 0), (-1, 0), (0, -1)):
                    m = add(m, v, Dim.of(i) + a, Dim.of(j) + b)
                return (m,)

            return nest(1, N - 1, [m], column)

        return nest(1, N - 1, [m], row)

    assert gone(body) == 2


@pytest.mark.parametrize("hint", ["reads", "one place", "triangle outside"])
def test_what_stays(hint):
    def body(x, y, m):
        def sweep(i, y):
            """In place: what is added is read by later iterations."""
            v = load(y, i)
            y = add(y, v, Dim.of(i) + 1)
            return (add(y, v, Dim.of(i) - 1),)

        def place(i, y):
            y = add(y, load(x, i), 0)
            return (add(y, load(x, i), 1),)

        def triangle(i, m):
            def column(j, m):
                v = load(x, j)
                m = add(m, v, i, Dim.of(j) + 1)
                return (add(m, v, i, j),)

            return nest(0, Dim.of(i), [m], column)

        if hint == "triangle outside":  # the inner loop goes, the outer one has rows of its own lengths
            return nest(0, N, [m], triangle)
        return nest(1, N - 1, [y], sweep if hint == "reads" else place)

    assert gone(body) == (1 if hint == "triangle outside" else 0)


class RandomScatter:
    """x, y: float64[4 n + 8]; m: float64[4 n + 8, 4 n + 8]; one nest of one or two loops with additions and writes."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.extent = 4 * N + 8
        params = [vector("x", self.extent), vector("y", self.extent), matrix("m", self.extent)]
        self.function = function(f"scatter{seed}", params, self.program)

    def program(self, x, y, m):
        self.deep = self.random.random() < 0.5
        self.steps = [self.random.choice([1, 1, 1, -1, 2]) for _ in range(2)]
        lo, hi = self.random.choice([(0, N), (1, N - 1), (2, 1), (1, N)]), self.random.choice([(0, N), (1, N), (0, 0)])
        turn = lambda: self.random.choice([1, -1])
        if self.deep:
            row = lambda i, *arrays: nest(*hi, arrays, lambda j, *inner: self.body([i, j], *inner), direction=turn())
        else:
            row = lambda i, *arrays: self.body([i], *arrays)
        return nest(*lo, [x, y, m], row, direction=turn())

    def position(self, counter, step):
        """step * counter + a small offset, inside the array."""
        start = Dim.of(self.random.randint(0, 3)) + (N if step < 0 else 0)
        return start + step * Dim.of(counter)

    def body(self, counters, x, y, m):
        arrays = {"x": x, "y": y, "m": m}
        value = load(arrays[self.random.choice("xy")], self.position(counters[-1], self.steps[-1])) * 0.5
        if self.random.random() < 0.3:
            value = sin(value) + load(arrays["x"], self.position(counters[0], 1))
        target = self.random.choice("xym" if self.deep else "xy")
        for _ in range(self.random.randint(2, 5)):
            places = [self.position(c, s) for c, s in zip(counters, self.steps, strict=False)]
            name = target if self.random.random() < 0.8 else self.random.choice("xy")
            if name != "m":
                places = [self.random.choice(places)] if self.random.random() < 0.2 else places[-1:]
            write = store if self.random.random() < 0.15 else add
            arrays[name] = write(arrays[name], value if self.random.random() < 0.9 else 0.0, *places)
        return tuple(arrays.values())


def rewritten_with_symbol(program, size, args):
    """The sizes of the parameters are polynomials of n here: a parameter of its own brings n in."""
    extra = vector("n", N)
    region = Region((extra, *program.params), program.region.eqns, program.results)
    return rewritten(Function(program.name, region), [np.zeros(size), *args])


@pytest.mark.parametrize("block", range(4))
def test_random_scatters(block):
    found = 0
    for seed in range(50 * block, 50 * block + 50):
        program = RandomScatter(seed).function
        for size in (2, 4):
            extent = 4 * size + 8
            rng = np.random.default_rng(seed)
            args = [rng.normal(size=extent), rng.normal(size=extent), rng.normal(size=(extent, extent))]
            found += loops(program) > loops(rewritten_with_symbol(program, size, args))
    assert found > 10
