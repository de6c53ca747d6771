"""Small programs built by hand at array level, shared by the native tests and by measurements."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradscribe.transpiler.ir.builder import build_body
from gradscribe.transpiler.ir.dims import Dim, Symbol
from gradscribe.transpiler.ir.index import At, Slice
from gradscribe.transpiler.ir.nodes import Function, Literal, Operand, Var
from gradscribe.transpiler.ir.types import INT64, ArrayType, array
from gradscribe.transpiler.primitives.elementary import exp, sqrt
from gradscribe.transpiler.primitives.reductions import reduce_max, reduce_sum
from gradscribe.transpiler.primitives.regions import for_loop
from gradscribe.transpiler.primitives.structure import index, reshape, update, update_add

_NEIGHBOURS = [(1, 1), (1, 0), (1, 2), (2, 1), (0, 1)]


def python_int(name: str) -> Var:
    return Var(ArrayType(INT64, (), True), name)


def at(*positions: Any) -> tuple[At, ...]:
    return tuple(At(Dim.of(p)) for p in positions)


def box(n: Symbol, i: int, j: int) -> tuple[Slice, Slice]:
    inner = Dim.of(n) - 2
    return Slice(Dim.of(i), inner), Slice(Dim.of(j), inner)


def _two_grids() -> tuple[Symbol, list[Var]]:
    n = Symbol("n")
    return n, [python_int("tsteps"), Var(array(np.float64, n, n), "A"), Var(array(np.float64, n, n), "B")]


def jacobi_forward() -> Function:
    """NPBench's jacobi_2d with slices."""
    n, params = _two_grids()

    def mean(x: Operand) -> Operand:
        parts = [index(x, at=box(n, i, j)) for i, j in _NEIGHBOURS]
        return (parts[0] + parts[1] + parts[2] + parts[3] + parts[4]) * 0.2

    def step(t: Var, a: Operand, b: Operand) -> Any:
        b = update(b, mean(a), at=box(n, 1, 1))
        return update(a, mean(b), at=box(n, 1, 1)), b

    def body(steps: Var, a: Var, b: Var) -> Any:
        return for_loop(0, Dim.of(steps), [a, b], step, index_hint="t")

    return Function("jacobi_2d", build_body(params, body))


def jacobi_adjoint() -> Function:
    """Its reverse sweep as reverse mode writes it: additions to shifted boxes, then the zeroing of what was
    overwritten."""
    n, params = _two_grids()

    def pull(x: Operand, y: Operand) -> tuple[Operand, Operand]:
        part = index(x, at=box(n, 1, 1)) * 0.2
        for i, j in _NEIGHBOURS:
            y = update_add(y, part, at=box(n, i, j))
        return update(x, 0.0, at=box(n, 1, 1)), y

    def step(t: Var, a: Operand, b: Operand) -> Any:
        a, b = pull(a, b)
        b, a = pull(b, a)
        return a, b

    def body(steps: Var, a: Var, b: Var) -> Any:
        return for_loop(0, Dim.of(steps), [a, b], step, index_hint="t", direction=-1)

    return Function("jacobi_2d_vjp", build_body(params, body))


def softmax(dtype: Any = np.float64) -> Function:
    n, m = Symbol("n"), Symbol("m")
    x = Var(array(dtype, n, m), "x")
    column = (Dim.of(n), Dim.of(1))

    def body(x: Var) -> Any:
        e = exp(x - reshape(reduce_max(x, axes=(1,)), shape=column))
        return (e / reshape(reduce_sum(e, axes=(1,)), shape=column),)

    return Function("softmax", build_body([x], body))


def cholesky() -> Function:
    """Cholesky-Banachiewicz, scalar loops in place."""
    n = Symbol("n")

    def row(i: Var, a: Operand) -> Any:
        def column(j: Var, a: Operand) -> Any:
            def term(k: Var, a: Operand) -> Any:
                new = index(a, at=at(i, j)) - index(a, at=at(i, k)) * index(a, at=at(j, k))
                return (update(a, new, at=at(i, j)),)

            (a,) = for_loop(0, j, [a], term, index_hint="k")
            return (update(a, index(a, at=at(i, j)) / index(a, at=at(j, j)), at=at(i, j)),)

        def diagonal(k: Var, a: Operand) -> Any:
            t = index(a, at=at(i, k))
            return (update(a, index(a, at=at(i, i)) - t * t, at=at(i, i)),)

        (a,) = for_loop(0, i, [a], column, index_hint="j")
        (a,) = for_loop(0, i, [a], diagonal, index_hint="k")
        return (update(a, sqrt(index(a, at=at(i, i))), at=at(i, i)),)

    return Function("cholesky", build_body([Var(array(np.float64, n, n), "A")], lambda a: for_loop(0, n, [a], row)))


def lorenz() -> Function:
    """Runge-Kutta steps of the Lorenz system in scalars."""
    s, r, b = (Var(array(np.float64), name) for name in ("sigma", "rho", "beta"))
    h = 0.01

    def body(s: Var, r: Var, b: Var, steps: Var) -> Any:
        def field(x: Operand, y: Operand, z: Operand) -> list[Operand]:
            return [s * (y - x), x * (r - z) - y, x * y - b * z]

        def step(i: Var, *p: Operand) -> list[Operand]:
            k1 = field(*p)
            k2 = field(*(x + 0.5 * h * k for x, k in zip(p, k1, strict=True)))
            k3 = field(*(x + 0.5 * h * k for x, k in zip(p, k2, strict=True)))
            k4 = field(*(x + h * k for x, k in zip(p, k3, strict=True)))
            return [x + h / 6 * (a + 2.0 * b_ + 2.0 * c + d) for x, a, b_, c, d in zip(p, k1, k2, k3, k4, strict=True)]

        one = Literal(np.float64(1.0))
        return for_loop(0, Dim.of(steps), [one, one, one], step, hints=["x", "y", "z"])

    return Function("lorenz", build_body([s, r, b, python_int("steps")], body))
