"""Gather boxes: run element by element, they add what the scattered additions add, each element in the same order."""

import itertools
import random

import numpy as np
import pytest

from gradscribe.transpiler.ir.builder import build_body
from gradscribe.transpiler.ir.dims import Dim, Symbol
from gradscribe.transpiler.ir.evaluate import evaluate
from gradscribe.transpiler.ir.index import At, Slice
from gradscribe.transpiler.ir.nodes import Function, Var
from gradscribe.transpiler.ir.types import array
from gradscribe.transpiler.passes.affine.shifts import groups_of_loops, groups_of_slices
from gradscribe.transpiler.primitives import arithmetic, logic, reductions  # noqa: F401  (operators)
from gradscribe.transpiler.primitives.regions import for_loop, loop
from gradscribe.transpiler.primitives.structure import index, update_add


def cells(box, sizes):
    """Grid elements of a box."""
    evaluate_dim = lambda d: d.evaluate(lambda a: sizes[a])
    ranges = [range(evaluate_dim(a), evaluate_dim(b)) for a, b in zip(box.start, box.stop)]
    return list(itertools.product(*ranges))


def gathered(groups, x, values, sizes, fixed=()):
    """Run the groups: every grid element once, terms in order; `values` are what each addition adds."""
    out = x.copy()
    for group in groups:
        if any(n.evaluate(lambda a: sizes[a]) == 0 for n in group.lengths):
            continue
        interior = cells(group.interior(), sizes)
        strips = [cell for strip in group.strips() for cell in cells(strip, sizes)]
        assert len(set(interior + strips)) == len(interior) + len(strips)  # disjoint
        inside = [set(cells(group.contains(t), sizes)) for t in group.terms]
        assert set().union(*inside) <= set(interior + strips)
        assert all(cell in box for cell in interior for box in inside)
        for cell in interior + strips:
            where = [None] * x.ndim
            for axis, base, step, g in zip(group.axes, group.base, group.step, cell):
                where[axis] = base.evaluate(lambda a: sizes[a]) + step * g
            for axis, position in fixed:
                where[axis] = position
            for term, box in zip(group.terms, inside):
                if cell in box:
                    own = tuple(g - s for g, s in zip(cell, term.shift))
                    out[tuple(where)] += values[term.eqn][own]
    return out


def shifted_slices(rank, step, offsets):
    """x[s_k : s_k + n] += v_k for every offset, on every axis of length n (the array is large enough)."""
    n = Symbol("n", lower=0)
    extent = Dim.of(n) * abs(step) + 20
    x = Var(array(np.float64, *[extent] * rank), "x")
    vs = [Var(array(np.float64, *[Dim.of(n)] * rank), f"v{k}") for k in range(len(offsets))]

    def body(x, *vs):
        start = Dim.of(8) if step > 0 else Dim.of(8) + (Dim.of(n) - 1) * -step
        for v, offset in zip(vs, offsets):
            x = update_add(x, v, at=tuple(Slice(start + o, Dim.of(n), step) for o in offset))
        return (x,)

    program = Function("f", build_body([x, *vs], body))
    return n, program, [e for e in program.region.eqns if e.operation is update_add]


STENCILS = {
    "three points": (1, 1, [(-1,), (0,), (1,)]),
    "asymmetric": (1, 1, [(-3,), (0,), (2,)]),
    "equal offsets": (1, 1, [(0,), (0,)]),
    "stride two": (1, 2, [(0,), (1,), (2,)]),
    "stride three": (1, 3, [(0,), (4,), (5,), (-3,)]),
    "backwards": (1, -2, [(0,), (1,), (-2,)]),
    "five points": (2, 1, [(0, 0), (-1, 0), (1, 0), (0, -1), (0, 1)]),
    "nine points": (2, 1, list(itertools.product((-1, 0, 1), repeat=2))),
    "one axis only": (2, 1, [(0, -1), (0, 0), (0, 1)]),
    "strided plane": (2, 2, [(0, 0), (1, 0), (0, 1), (1, 1), (2, 2)]),
    "seven points": (3, 1, [(0, 0, 0), (1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0), (0, 0, 1), (0, 0, -1)]),
}


@pytest.mark.parametrize("name", list(STENCILS))
def test_slices(name):
    rank, step, offsets = STENCILS[name]
    n, program, eqns = shifted_slices(rank, step, offsets)
    groups = groups_of_slices(eqns)
    assert sum(len(g.terms) for g in groups) == len(offsets)
    for size in (0, 1, 2, 3, 5):
        rng = np.random.default_rng(size)
        extent = size * abs(step) + 20
        args = [rng.normal(size=(extent,) * rank), *(rng.normal(size=(size,) * rank) for _ in offsets)]
        expected = args[0].copy()
        for eqn, v in zip(eqns, args[1:]):
            at = tuple(slice_of(c, size, n) for c in eqn.params["at"])
            expected[np.ix_(*at)] += v
        found = gathered(groups, args[0], dict(zip(eqns, args[1:])), {n: size})
        np.testing.assert_array_equal(found, expected)
        if size >= 2:
            np.testing.assert_array_equal(evaluate(program, *args)[0], expected)


def slice_of(component, size, n):
    start = component.start.evaluate(lambda a: size)
    return [start + component.step * k for k in range(size)]


def test_residues_of_a_stride_are_groups():
    _, _, eqns = shifted_slices(1, 2, [(0,), (1,), (2,), (3,)])
    groups = groups_of_slices(eqns)
    assert [[t.shift for t in g.terms] for g in groups] == [[(0,), (1,)], [(0,), (1,)]]
    assert not any(g.strips() == [] for g in groups)


def test_what_does_not_fit():
    n, m = Symbol("n"), Symbol("m")
    x, v = Var(array(np.float64, n), "x"), Var(array(np.float64, 2), "v")

    def at(*starts):
        def body(x, v):
            for s in starts:
                x = update_add(x, v, at=(Slice(Dim.of(s), Dim.of(2)),))
            return (x,)

        return [e for e in build_body([x, v], body).eqns if e.operation is update_add]

    assert groups_of_slices(at(0, 1)) is not None
    assert groups_of_slices(at(0, m)) is None


def nest_of(positions, upper=lambda i, n: Dim.of(n)):
    """for i: for j: x[positions_k(i, j)] += v[i, j] for every k."""
    n = Symbol("n")
    extent = Dim.of(n) * 3 + 20
    x = Var(array(np.float64, extent, extent), "x")
    v = Var(array(np.float64, n, n), "v")

    def body(x, v):
        def row(i, x):
            def column(j, x):
                value = index(v, at=(At(Dim.of(i)), At(Dim.of(j))))
                for position in positions:
                    x = update_add(x, value, at=tuple(At(Dim.of(p)) for p in position(Dim.of(i), Dim.of(j))))
                return (x,)

            return for_loop(1, upper(i, n), [x], column, index_hint="j")

        return for_loop(0, Dim.of(n), [x], row)

    program = Function("f", build_body([x, v], body))
    outer = next(e for e in program.region.eqns if e.operation is loop)
    inner = next(e for e in outer.regions[0].eqns if e.operation is loop)
    adds = [e for e in inner.regions[0].eqns if e.operation is update_add]
    return n, program, [outer, inner], adds


def stencil_point(a, b, step, transposed):
    def at(i, j):
        p, q = i * step + 6 + a, j + 6 + b
        return (q, p) if transposed else (p, q)

    return at


def test_loops():
    five = [(0, 0), (-1, 0), (1, 0), (0, -1), (0, 1)]
    for transposed, step in itertools.product((False, True), (1, 2)):
        n, program, loops, adds = nest_of([stencil_point(a, b, step, transposed) for a, b in five])
        groups = groups_of_loops(loops, adds)
        assert groups is not None and groups[0].axes == ((1, 0) if transposed else (0, 1))
        for size in (2, 3, 6):
            rng = np.random.default_rng(size)
            x, v = rng.normal(size=(3 * size + 20,) * 2), rng.normal(size=(size, size))
            found = gathered(groups, x, dict.fromkeys(adds, v[:, 1:]), {n: size})
            np.testing.assert_allclose(found, evaluate(program, x, v)[0], rtol=1e-13)


def test_loops_that_do_not_fit():
    fits = lambda *args, **kw: groups_of_loops(*nest_of(*args, **kw)[2:]) is not None
    assert fits([lambda i, j: (i, j)])
    assert not fits([lambda i, j: (i, j), lambda i, j: (j, i)])  # axes exchanged
    assert not fits([lambda i, j: (i + j, j)])  # a counter moves two axes
    assert not fits([lambda i, j: (i, 3)])  # a counter moves none: a sum, not a shift
    assert not fits([lambda i, j: (i, j), lambda i, j: (2 * i, j)])  # different steps
    assert not fits([lambda i, j: (i, j)], upper=lambda i, n: Dim.of(i) + 1)  # triangular


def test_random_shifts():
    rng = random.Random(0)
    for _ in range(40):
        rank, step = rng.choice([1, 2]), rng.choice([1, 1, 2, 3, -1])
        offsets = [tuple(rng.randint(-4, 4) for _ in range(rank)) for _ in range(rng.randint(2, 5))]
        n, _, eqns = shifted_slices(rank, step, offsets)
        groups = groups_of_slices(eqns)
        size = rng.randint(0, 6)
        data = np.random.default_rng(0)
        x = data.normal(size=(size * abs(step) + 20,) * rank)
        values = {e: data.normal(size=(size,) * rank) for e in eqns}
        expected = x.copy()
        for eqn in eqns:
            expected[np.ix_(*(slice_of(c, size, n) for c in eqn.params["at"]))] += values[eqn]
        np.testing.assert_array_equal(gathered(groups, x, values, {n: size}), expected)
