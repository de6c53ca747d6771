"""Small programs built by hand as IR: one per thing that batching and Jacobians must get right."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gradscribe.transpiler.ir.builder import build_body, emit
from gradscribe.transpiler.ir.dims import Dim, Symbol
from gradscribe.transpiler.ir.index import At, Slice, Take
from gradscribe.transpiler.ir.nodes import Function, Guard, Operand, Var
from gradscribe.transpiler.ir.types import ArrayType, Type, array
from gradscribe.transpiler.primitives.allocation import dim_value, zeros
from gradscribe.transpiler.primitives.arithmetic import add, equal, less, select
from gradscribe.transpiler.primitives.checks import check, wrap_index
from gradscribe.transpiler.primitives.elementary import exp, sin, sqrt, tanh
from gradscribe.transpiler.primitives.reductions import reduce_max, reduce_sum
from gradscribe.transpiler.primitives.regions import cond, for_loop, while_loop
from gradscribe.transpiler.primitives.structure import broadcast_to, index, permute, reshape, update, update_add

FLOAT, INT = np.float64, np.int64
N, M = Symbol("n"), Symbol("m")
PYTHON_FLOAT = ArrayType(np.dtype(FLOAT), (), True)
PYTHON_INT = ArrayType(np.dtype(INT), (), True)


def at(*positions: Any) -> tuple[Any, ...]:
    return tuple(p if isinstance(p, (At, Slice, Take)) else At(Dim.of(p)) for p in positions)


def part(start: Any, length: Any, step: int = 1) -> Slice:
    return Slice(Dim.of(start), Dim.of(length), step)


def build(
    name: str,
    types: dict[str, Type],
    body: Callable[..., Sequence[Any]],
    guards: Callable[..., Sequence[Guard]] = lambda *_: (),
) -> Function:
    params = [Var(t, hint) for hint, t in types.items()]
    region = build_body(params, body)
    return Function(name, region, tuple(guards(*params)))


def elementwise() -> Function:
    types = {"x": array(FLOAT, N), "w": array(FLOAT, M, N), "s": array(FLOAT), "t": PYTHON_FLOAT}
    return build("elementwise", types, lambda x, w, s, t: (sin(x) * w + s, tanh(w * t), s * t, x))


def reductions() -> Function:
    def body(x: Operand, w: Operand) -> list[Operand]:
        total = reduce_sum(w * x, axes=(0, 1))
        rows = reduce_max(w, axes=(1,))
        wide = broadcast_to(reshape(rows, shape=(Dim.of(M), Dim.of(1))), shape=(Dim.of(M), Dim.of(N)))
        return [total, rows, permute(wide * w, axes=(1, 0)), reshape(w, shape=(Dim.of(N) * Dim.of(M),))]

    return build("reductions", {"x": array(FLOAT, N), "w": array(FLOAT, M, N)}, body)


def gathers() -> Function:
    """Index arrays side by side, apart from each other, beside a position; reads, writes and accumulations."""

    def body(x: Operand, v: Operand, k: Operand, j: Operand) -> list[Operand]:
        beside = emit(index, (x, k), {"at": (part(0, N), Take(0), At(Dim.of(1)))})[0]
        apart = emit(index, (x, k, j), {"at": (Take(0), part(0, 3), Take(1))})[0]
        position = emit(index, (x, k), {"at": (At(Dim.of(0)), part(0, 3), Take(0))})[0]
        both = emit(index, (x, k, j), {"at": (part(0, N), Take(0), Take(1))})[0]
        written = emit(update, (x, v, k), {"at": (part(0, N), Take(0), At(Dim.of(0)))})[0]
        added = emit(update_add, (x, v, k), {"at": (part(0, N), Take(0), At(Dim.of(0)))})[0]
        return [beside, apart, position, both, written, added]

    types = {"x": array(FLOAT, N, 3, 3), "v": array(FLOAT, N, 2), "k": array(INT, 2), "j": array(INT, 2)}
    return build("gathers", types, body)


def sweep() -> Function:
    """A counted loop whose carries are batched only after the first iteration, around a triangular one."""

    def body(x: Operand, w: Operand) -> Sequence[Operand]:
        def outer(i: Var, a: Var, b: Var) -> Sequence[Operand]:
            def inner(j: Var, a: Var) -> Sequence[Operand]:
                value = index(a, at=at(i)) * index(w, at=at(Dim.of(1), j)) + index(b, at=at(j))
                return (update(a, tanh(value), at=at(j)),)

            (a,) = for_loop(0, i, [a], inner)
            return a, update(b, index(a, at=at(i)), at=at(i))

        return for_loop(0, N, [x, zeros(shape=(Dim.of(N),), dtype=np.dtype(FLOAT))], outer)

    return build("sweep", {"x": array(FLOAT, N), "w": array(FLOAT, M, N)}, body)


def early_exit() -> Function:
    def body(x: Operand, limit: Operand) -> Sequence[Operand]:
        def step(i: Var, total: Var) -> Sequence[Operand]:
            total = total + index(x, at=at(i)) * index(x, at=at(i))
            return select(total > limit, 1, 0), total

        code, total = for_loop(0, N, [np.float64(0.0)], step, exits=True)
        (out,) = cond(equal(code, 1), lambda: (total * limit,), lambda: (sin(total),))
        return out, code

    return build("early_exit", {"x": array(FLOAT, N), "limit": array(FLOAT)}, body)


def newton() -> Function:
    """A while loop, then array code, then a branch on data, and a result that does not depend on the first
    parameter."""

    def body(a: Operand, w: Operand) -> Sequence[Operand]:
        def error(x: Operand) -> Operand:
            return x * x - a

        def test(count: Var, x: Var) -> Operand:
            return less(1e-18, error(x) * error(x))

        _, root = while_loop(
            [0, a], test, lambda count, x: (add(count, 1), x - error(x) / (2.0 * x)), hints=["count", "x"]
        )
        scaled = w * root
        (picked,) = cond(root > 1.2, lambda: (exp(-scaled),), lambda: (sqrt(scaled),))
        return root, picked, reduce_sum(w, axes=(0,))

    return build("newton", {"a": array(FLOAT), "w": array(FLOAT, N)}, body)


def positions() -> Function:
    """Integers as positions, sizes and bounds: checked, loaded, and used as a float."""

    def body(x: Operand, k: Operand) -> Sequence[Operand]:
        place = wrap_index(k, size=Dim.of(N))
        there = index(x, at=at(Dim.of(place)))
        (total,) = for_loop(0, Dim.of(place), [np.float64(0.0)], lambda i, s: (s + index(x, at=at(i)),))
        check(there < 1e6, message="too large", error=ValueError)
        return there * dim_value(dim=Dim.of(place)), total, update(x, 2.0 * there, at=at(Dim.of(place)))

    return build("positions", {"x": array(FLOAT, N), "k": PYTHON_INT}, body)


def guarded() -> Function:
    """A condition at entry on an integer parameter, which is a bound."""

    def body(x: Operand, steps: Var) -> Sequence[Operand]:
        return for_loop(0, Dim.of(steps), [x], lambda i, x: (sin(x) * 1.5,))

    return build(
        "guarded", {"x": array(FLOAT, N), "steps": PYTHON_INT}, body,
        lambda x, steps: (Guard("ge", Dim.of(steps) - 1, "steps must be positive", True),),
    )  # fmt: skip


def ragged() -> Function:
    """A result whose size is a parameter."""

    def body(x: Operand, k: Var) -> Sequence[Operand]:
        return (broadcast_to(x, shape=(Dim.of(k),)),)

    return build("ragged", {"x": array(FLOAT), "k": PYTHON_INT}, body)


def arguments(function: Function, seed: int = 0, **sizes: int) -> tuple[Any, ...]:
    """Random arguments: floats in (0.5, 2), integers 0 or 1 (a size or count: 2)."""
    rng = np.random.default_rng(seed)
    known = {"n": 4, "m": 3, **sizes}
    out: list[Any] = []
    for param in function.params:
        type = param.type
        assert isinstance(type, ArrayType)
        shape = tuple(d.evaluate(lambda s: known[s.name]) for d in type.shape)  # type: ignore[attr-defined]
        if type.dtype.kind == "f":
            value = rng.uniform(0.5, 2.0, shape)
            out.append(float(value) if type.weak else type.dtype.type(value) if not shape else value.astype(type.dtype))
        else:
            out.append(rng.integers(0, 2, shape) if shape else 2)
    return tuple(out)


STRAIGHT = {f.__name__: f for f in (elementwise, reductions, gathers)}
LOOPS = {f.__name__: f for f in (sweep,)}
CONTROL = {f.__name__: f for f in (early_exit, newton, positions, guarded)}
