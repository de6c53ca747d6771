"""Programs built straight in the IR that exercise reverse mode through regions: each is (function, arguments)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gradscribe.transpiler.ir.builder import build_body
from gradscribe.transpiler.ir.dims import Dim, Symbol
from gradscribe.transpiler.ir.index import At, Slice
from gradscribe.transpiler.ir.nodes import Function, Literal, Operand, Var
from gradscribe.transpiler.ir.types import ArrayType, array
from gradscribe.transpiler.ir.verify import verify
from gradscribe.transpiler.primitives.reductions import reduce_sum
from gradscribe.transpiler.primitives.regions import cond, for_loop, while_loop
from gradscribe.transpiler.primitives.structure import index, update

n = Symbol("n")
VECTOR, MATRIX, SCALAR = array(np.float64, n), array(np.float64, n, n), array(np.float64)


def at(*dims: Any) -> tuple[At, ...]:
    return tuple(At(Dim.of(d)) for d in dims)


def program(
    name: str, params: Sequence[tuple[str, ArrayType]], body: Callable[..., Sequence[Any]], *args: Any
) -> tuple[Function, tuple[Any, ...]]:
    function = Function(name, build_body([Var(t, hint) for hint, t in params], body))
    verify(function)
    return function, args


def number(value: float) -> Literal:
    return Literal(np.float64(value))


def newton(a: Operand, x: Operand) -> Sequence[Operand]:
    """sqrt(a) by Newton's iteration: trip count from data."""
    return while_loop([x], lambda x: (x * x - a) * (x * x - a) > 1e-20, lambda x: ((x + a / x) * 0.5,), hints=["x"])


def while_in_for(x: Operand) -> Sequence[Operand]:
    def row(i: Var, x: Var, s: Var) -> Sequence[Operand]:
        (v,) = while_loop([index(x, at=at(i))], lambda v: v > 1.0, lambda v: (v * 0.5 + 0.01 * v * v,), hints=["v"])
        x = update(x, v * v, at=at(i))
        return x, s + v * index(x, at=at(i))

    return for_loop(0, n, [x, number(0.0)], row, hints=["x", "s"])


def exit_loop(x: Operand) -> Sequence[Operand]:
    """A break whose condition depends on what the loop accumulates."""

    def step(i: Var, s: Var, x: Var) -> Sequence[Operand]:
        xi = index(x, at=at(i))
        grown = s + xi * xi * s
        return cond(
            grown > 3.0,
            lambda: (Literal(1), grown, x),
            lambda: (Literal(0), grown * xi, update(x, grown * 2.0, at=at(i))),
        )

    _, s, x = for_loop(0, n, [number(0.7), x], step, exits=True, hints=["s", "x"])
    return s * s, x


def exit_in_loop(x: Operand) -> Sequence[Operand]:
    """A break in a loop that runs backwards inside another loop."""

    def sweep(t: Var, x: Var, q: Var) -> Sequence[Operand]:
        def step(i: Var, s: Var, x: Var) -> Sequence[Operand]:
            xi = index(x, at=at(i))
            grown = s + xi * xi * s
            return cond(
                grown > 3.0,
                lambda: (Literal(1), grown, x),
                lambda: (Literal(0), grown * xi, update(x, grown * 1.1, at=at(i))),
            )

        _, s, x = for_loop(0, n, [q, x], step, exits=True, hints=["s", "x"], direction=-1)
        return x, s * 0.3 + 0.2

    return for_loop(0, 3, [x, number(0.7)], sweep, hints=["x", "q"])


def buffer_swap(a: Operand, b: Operand) -> Sequence[Operand]:
    """A nonlinear stencil between two buffers that change places."""

    def step(t: Var, a: Var, b: Var) -> Sequence[Operand]:
        left, centre, right = (index(a, at=(Slice(Dim.of(k), Dim.of(n) - 2),)) for k in range(3))
        b = update(b, 0.3 * (left * centre + centre + right * right), at=(Slice(Dim.of(1), Dim.of(n) - 2),))
        return b, a

    return for_loop(0, 3, [a, b], step, hints=["a", "b"])


def forked_versions(x: Operand) -> Sequence[Operand]:
    """An old version updated twice; the branch keeps one of the two."""

    def step(i: Var, x: Var) -> Sequence[Operand]:
        xi = index(x, at=at(i))
        first = update(x, xi * index(x, at=at(0)), at=at(i))
        second = update(x, index(first, at=at(i)) * 2.0 + xi * xi, at=at(i))
        return cond(index(first, at=at(i)) > 0.5, lambda: (first,), lambda: (second,))

    return for_loop(0, n, [x], step, hints=["x"])


def triangular(x: Operand) -> Sequence[Operand]:
    """A scalar recurrence over a triangle: the tape is ragged."""

    def row(i: Var, s: Var) -> Sequence[Operand]:
        return for_loop(0, i, [s], lambda j, s: (s * index(x, at=at(j)) + s * s * 0.1,), hints=["s"])

    return for_loop(0, n, [number(0.7)], row, hints=["s"])


def recurrent(x: Operand, w: Operand) -> Sequence[Operand]:
    """Array state, a captured matrix, reductions along an axis."""

    def step(i: Var, h: Var) -> Sequence[Operand]:
        mixed = w * h
        return (reduce_sum(mixed * mixed, axes=(1,)) * 0.2 + index(x, at=at(i)),)

    (h,) = for_loop(0, n, [x], step, hints=["h"])
    return h, reduce_sum(h * x, axes=(0,))


def branch_at_root(x: Operand, y: Operand) -> Sequence[Operand]:
    s = reduce_sum(x, axes=(0,))
    return cond(s > 0.0, lambda: (update(x, s * index(x, at=at(0)), at=at(0)), s * y), lambda: (x, (y * y) * s))


def zero_trips(x: Operand) -> Sequence[Operand]:
    """A loop that never runs, and one that runs once."""
    (s,) = for_loop(3, 3, [number(0.5)], lambda i, s: (s * index(x, at=at(i)),), hints=["s"])
    (r,) = for_loop(0, 1, [s], lambda i, r: (r * index(x, at=at(i)) * index(x, at=at(i)),), hints=["r"])
    return (r,)


_BUMPY = np.array([0.5, 1.3, 0.9, 1.1, 2.0, 1.0])

REGION_PROGRAMS = {
    p[0].name: p
    for p in (
        program("newton", [("a", SCALAR), ("x", SCALAR)], newton, np.float64(2.0), np.float64(1.0)),
        program("while_in_for", [("x", VECTOR)], while_in_for, np.array([0.5, 3.0, 2.2, 7.0])),
        program("exit_loop", [("x", VECTOR)], exit_loop, _BUMPY),
        program("exit_in_loop", [("x", VECTOR)], exit_in_loop, _BUMPY),
        program(
            "buffer_swap", [("a", VECTOR), ("b", VECTOR)], buffer_swap, np.arange(6) / 6.0, np.arange(6)[::-1] / 7.0
        ),
        program("forked_versions", [("x", VECTOR)], forked_versions, np.array([0.5, 1.3, 0.9, -1.1, 2.0, 1.0])),
        program("triangular", [("x", VECTOR)], triangular, np.array([0.5, 1.3, 0.9, -1.1, 0.3, 1.0])),
        program(
            "recurrent",
            [("x", VECTOR), ("w", MATRIX)],
            recurrent,
            np.linspace(0.1, 0.5, 4),
            np.random.default_rng(0).normal(size=(4, 4)) * 0.5,
        ),
        program(
            "branch_at_root", [("x", VECTOR), ("y", SCALAR)], branch_at_root, np.array([0.5, 0.2]), np.float64(0.3)
        ),
        program("zero_trips", [("x", VECTOR)], zero_trips, _BUMPY),
    )
}
