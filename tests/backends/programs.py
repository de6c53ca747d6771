"""Named IR programs for the emission tests, built by hand: each stresses one thing that printing must get right.

Every entry is (function, arguments). Spans point into an imaginary `model.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gradscribe.transpiler.errors import Span
from gradscribe.transpiler.ir.builder import at_span, build_body, naming
from gradscribe.transpiler.ir.dims import Dim, DimLike, Symbol
from gradscribe.transpiler.ir.index import At, Slice
from gradscribe.transpiler.ir.nodes import Function, Literal, Operand, Var
from gradscribe.transpiler.ir.types import FLOAT64, INT64, ArrayType, array
from gradscribe.transpiler.primitives.allocation import dim_value, zeros
from gradscribe.transpiler.primitives.arithmetic import add, less, select
from gradscribe.transpiler.primitives.checks import check, wrap_index
from gradscribe.transpiler.primitives.conversion import copy
from gradscribe.transpiler.primitives.elementary import sin, sqrt
from gradscribe.transpiler.primitives.reductions import reduce_sum
from gradscribe.transpiler.primitives.regions import cond, for_loop, while_loop
from gradscribe.transpiler.primitives.stacks import stack_new, stack_pop, stack_push
from gradscribe.transpiler.primitives.structure import broadcast_to, index, permute, reshape, update

Case = tuple[Function, list[Any]]
PYTHON_INT = ArrayType(INT64, (), True)
RNG = np.random.default_rng(7)


def at(*positions: DimLike) -> tuple[At, ...]:
    return tuple(At(Dim.of(p)) for p in positions)


def cut(start: DimLike, length: DimLike, step: int = 1) -> tuple[Slice, ...]:
    return (Slice(Dim.of(start), Dim.of(length), step),)


def line(number: int, start: int = 5, end: int = 6) -> Span:
    return Span(file="model.py", line=number, column=start, end_line=number, end_column=end)


def function(name: str, params: list[Var], body: Any) -> Function:
    return Function(name, build_body(params, body), span=line(1))


def cholesky() -> Case:
    n = Symbol("n")

    def body(A: Operand) -> Any:
        def rows(i: Var, A: Operand) -> Any:
            def columns(j: Var, A: Operand) -> Any:
                def inner(k: Var, A: Operand) -> Any:
                    product = index(A, at=at(i, k)) * index(A, at=at(j, k))
                    return (update(A, index(A, at=at(i, j)) - product, at=at(i, j)),)

                (A,) = for_loop(0, Dim.of(j), [A], inner, index_hint="k")
                return (update(A, index(A, at=at(i, j)) / index(A, at=at(j, j)), at=at(i, j)),)

            def diagonal(k: Var, A: Operand) -> Any:
                with naming("t"):
                    t = index(A, at=at(i, k))
                return (update(A, index(A, at=at(i, i)) - t * t, at=at(i, i)),)

            (A,) = for_loop(0, Dim.of(i), [A], columns, index_hint="j")
            (A,) = for_loop(0, Dim.of(i), [A], diagonal, index_hint="k")
            return (update(A, sqrt(index(A, at=at(i, i))), at=at(i, i)),)

        return for_loop(0, n, [A], rows)

    return function("cholesky", [Var(array(FLOAT64, n, n), "A")], body), [np.eye(5) * 5 + 1]


def jacobi() -> Case:
    """Slices and a swap."""
    n = Symbol("n")

    def body(tsteps: Var, A: Operand, B: Operand) -> Any:
        def step(t: Var, A: Operand, B: Operand) -> Any:
            total = index(A, at=cut(0, n - 2)) + index(A, at=cut(1, n - 2)) + index(A, at=cut(2, n - 2))
            return update(B, 0.33333 * total, at=cut(1, n - 2)), A

        return for_loop(0, Dim.of(tsteps), [A, B], step, index_hint="t")

    n = Dim.of(n)  # type: ignore[assignment]
    params = [Var(PYTHON_INT, "tsteps"), Var(ArrayType(FLOAT64, (n,)), "A"), Var(ArrayType(FLOAT64, (n,)), "B")]  # type: ignore[arg-type]
    return function("jacobi", params, body), [3, RNG.random(7), RNG.random(7)]


def newton() -> Case:
    def body(x: Operand, c: Operand) -> Any:
        def step(x: Operand, r: Operand) -> Any:
            x_new = x - r / (2.0 * x)
            return x_new, x_new * x_new - c

        return for_results(while_loop([x, x * x - c], lambda x, r: r * r > 1e-12, step, hints=["x", "r"]))

    return function("newton", [Var(array(FLOAT64), "x"), Var(array(FLOAT64), "c")], body), [
        np.float64(3),
        np.float64(2),
    ]


def for_results(results: tuple[Var, ...]) -> tuple[Var, ...]:
    return results[:1]


def nested_branches() -> Case:
    n = Symbol("n")

    def body(x: Operand, limit: Operand) -> Any:
        def element(i: Var, y: Operand) -> Any:
            v = index(x, at=at(i))

            def small() -> Any:
                return cond(v < 0.0, lambda: [update(y, 0.0, at=at(i))], lambda: [update(y, v * v, at=at(i))])

            return cond(v < limit, small, lambda: [y])

        return for_loop(0, n, [copy(x)], element, hints=["y"])

    params = [Var(array(FLOAT64, n), "x"), Var(array(FLOAT64), "limit")]
    return function("nested_branches", params, body), [RNG.uniform(-1, 1, 8), np.float64(0.5)]


def old_versions_updated_twice() -> Case:
    """Two new versions are made of one old one, which is read afterwards too."""
    n = Symbol("n")

    def body(A: Operand) -> Any:
        old = update(A, 1.0, at=at(0))
        left = update(old, 2.0, at=at(1))
        right = update(old, 3.0, at=at(1))
        return left, right, reduce_sum(old, axes=(0,))

    return function("old_versions", [Var(array(FLOAT64, n), "A")], body), [RNG.random(4)]


def views_outlive_writes() -> Case:
    n = Symbol("n")

    def body(A: Operand) -> Any:
        B = A * 2.0
        row = index(B, at=(At(Dim.of(0)), Slice(Dim.of(0), Dim.of(n))))
        column = index(permute(B, axes=(1, 0)), at=(At(Dim.of(1)), Slice(Dim.of(0), Dim.of(n))))
        B = update(B, 5.0, at=at(0, 0))
        B = update(B, 6.0, at=at(0, 1))
        return row * 1.0, column * 1.0, B

    return function("views_outlive_writes", [Var(array(FLOAT64, n, n), "A")], body), [RNG.random((3, 3))]


def rotated_carries() -> Case:
    """One array carried twice, and three names rotated."""
    n = Symbol("n")

    def body(x: Operand, y: Operand) -> Any:
        def step(i: Var, a: Operand, b: Operand, c: Operand) -> Any:
            return b, c, update(a, index(b, at=at(i)) + index(c, at=at(0)), at=at(i))

        return for_loop(0, n, [x, x, y], step, hints=["a", "b", "c"])

    params = [Var(array(FLOAT64, n), "x"), Var(array(FLOAT64, n), "y")]
    return function("rotated_carries", params, body), [RNG.random(5), RNG.random(5)]


def zero_trips() -> Case:
    n = Symbol("n")

    def body(x: Operand) -> Any:
        return for_loop(3, 3, [Literal(np.float64(0.5)), x], lambda i, s, y: (s + 1.0, y * 2.0), hints=["total", "y"])

    return function("zero_trips", [Var(array(FLOAT64, n), "x")], body), [RNG.random(3)]


def stacked_values() -> Case:
    n = Symbol("n")

    def body(x: Operand) -> Any:
        def forward(i: Var, h: Operand, tape: Operand) -> Any:
            return sin(h * 1.5), stack_push(tape, h)

        def backward(i: Var, h_bar: Operand, tape: Operand) -> Any:
            tape, h = stack_pop(tape, shape=(Dim.of(n),))
            return h_bar * h, tape

        stack = stack_new(dtype=FLOAT64, element_rank=1)
        h, stack = for_loop(0, 4, [x, stack], forward, hints=["h", "tape"])
        h_bar, _ = for_loop(0, 4, [h * 0.5, stack], backward, direction=-1, hints=["h_bar", "tape"])
        return h, h_bar

    return function("stacked_values", [Var(array(FLOAT64, n), "x")], body), [RNG.random(3)]


def first_above() -> Case:
    """A loop left by `break`, with the code read afterwards."""
    n = Symbol("n")

    def body(x: Operand, limit: Operand) -> Any:
        def element(i: Var, total: Operand, where: Operand) -> Any:
            v = index(x, at=at(i))
            found = dim_value(dim=Dim.of(i))
            return cond(v > limit, lambda: [Literal(1), total, found], lambda: [Literal(0), total + v, where])

        code, total, where = for_loop(
            0, n, [Literal(np.float64(0.0)), Literal(-1)], element, exits=True, hints=["total", "where"]
        )
        return total, where, select(less(code, 1), 0.0, total)

    params = [Var(array(FLOAT64, n), "x"), Var(array(FLOAT64), "limit")]
    return function("first_above", params, body), [np.array([0.1, 0.2, 0.9, 0.3]), np.float64(0.5)]


def gathers_and_checks() -> Case:
    n, m = Symbol("n"), Symbol("m")

    def body(x: Operand, keys: Operand) -> Any:
        check(less(index(x, at=at(0)), 10.0), message="x[0] must be below 10", error=ValueError)

        def step(i: Var, total: Operand) -> Any:
            k = wrap_index(index(keys, at=at(i)), size=Dim.of(n))
            with naming("place"):
                place = wrap_index(index(keys, at=at(i)), size=Dim.of(m))
            return (total + index(x, at=at(k)) * dim_value(dim=Dim.of(place) + 1),)

        return for_loop(0, m, [Literal(np.float64(0.0))], step, hints=["total"])

    params = [Var(array(FLOAT64, n), "x"), Var(array(INT64, m), "keys")]
    return function("gathers", params, body), [RNG.random(4), np.array([0, -1, 2])]


def shapes() -> Case:
    n, d = Symbol("n"), Symbol("d")

    def body(x: Operand, w: Operand) -> Any:
        y = reshape(w, shape=(Dim.of(d), Dim.of(1))) * permute(x, axes=(1, 0))
        flipped = index(x, at=(Slice(Dim.of(n) - 1, Dim.of(n), -1), Slice(Dim.of(0), (Dim.of(d) + 1) // 2, 2)))
        wide = broadcast_to(index(w, at=at(d - 1)), shape=(Dim.of(n), Dim.of(d)))
        return y, flipped * 2.0, wide, zeros(shape=(Dim.of(n) + 1,), dtype=FLOAT64)

    d = Dim.of(d)  # type: ignore[assignment]
    n = Dim.of(n)  # type: ignore[assignment]
    params = [Var(ArrayType(FLOAT64, (n, d)), "x"), Var(ArrayType(FLOAT64, (d,)), "w")]  # type: ignore[arg-type]
    return function("shapes", params, body), [RNG.random((3, 5)), RNG.random(5)]


def single_precision() -> Case:
    """Where it matters, literals and converted scalars are NumPy's."""
    n = Symbol("n")

    def body(x: Operand, s: Operand) -> Any:
        half = Literal(np.float32(0.5))
        total = for_loop(0, n, [Literal(np.float32(0.0))], lambda i, t: (t + index(x, at=at(i)),), hints=["t"])[0]
        return x * half, s * half, add(x, Literal(np.float64(2.0))), total

    params = [Var(array(np.float32, n), "x"), Var(ArrayType(FLOAT64, (), True), "s")]
    return function("single_precision", params, body), [RNG.random(3).astype(np.float32), 0.25]


def loss_vjp() -> Case:
    """The page of the design: a forward part, a backward part, comments."""
    n = Symbol("n")

    def body(x: Operand, w: Operand, loss_bar: Operand) -> Any:
        with at_span(line(10)), naming("s"):
            s = sin(x)
        with at_span(line(11)), naming("loss"):
            loss = reduce_sum(s * w, axes=(0,))
        with at_span(line(11)), naming("m_bar"):
            m_bar = broadcast_to(loss_bar, shape=(Dim.of(n),))
        with at_span(line(10)), naming("x_bar"):
            x_bar = w * m_bar * sin(x + 1.0)
        return loss, x_bar, s * m_bar

    params = [Var(array(FLOAT64, n), "x"), Var(array(FLOAT64, n), "w"), Var(array(FLOAT64), "loss_bar")]
    made = function("loss_vjp", params, body)
    marked = Function(made.name, made.region, span=made.span, backward_from=3)
    return marked, [RNG.random(4), RNG.random(4), np.float64(2.0)]


def scaled_in_place() -> Case:
    """Meant to be printed with `x` donated."""
    n = Symbol("n")

    def body(x: Operand, y: Operand) -> Any:
        x = update(x, index(x, at=cut(0, n)) * 2.0, at=cut(0, n))
        return x, update(y, index(x, at=at(0)), at=at(1))

    n = Dim.of(n)  # type: ignore[assignment]
    params = [Var(ArrayType(FLOAT64, (n,)), "x"), Var(ArrayType(FLOAT64, (n,)), "y")]  # type: ignore[arg-type]
    return function("scaled_in_place", params, body), [RNG.random(3), RNG.random(3)]


PROGRAMS = {
    make.__name__: make
    for make in (
        cholesky, jacobi, newton, nested_branches, old_versions_updated_twice, views_outlive_writes, rotated_carries,
        zero_trips, stacked_values, first_above, gathers_and_checks, shapes, single_precision, loss_vjp,
        scaled_in_place,
    )
}  # fmt: skip
