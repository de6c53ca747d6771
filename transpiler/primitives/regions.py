"""Control flow: `if_` and the one `loop`, with their builders.

loop: operands are the initial carries. Params `lo`, `hi` (Dims, or None for a while), `direction` (+1: lo..hi-1, -1:
hi-1..lo), `exits` (the body's first result is an exit code; the loop stops after the iteration that returns nonzero).
Regions: [body] for a counted loop, with parameters (index, *carries); [cond, body] for a while, with parameters
(*carries). Results: (code if exits, *carries). A body may capture; a carry that comes back unchanged is a capture
(`simplify` sees to it). if: one boolean operand, regions [then, else] without parameters.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from gradscribe.transpiler.ir.builder import as_operand, build_region, emit
from gradscribe.transpiler.ir.dims import Dim, DimLike
from gradscribe.transpiler.ir.nodes import Eqn, Literal, Operand, Region, Var
from gradscribe.transpiler.ir.types import INT64, ArrayType, Type
from gradscribe.transpiler.primitives.primitive import Params, RegionPrimitive


@dataclass(frozen=True, eq=False, kw_only=True)
class Loop(RegionPrimitive):
    def infer(self, operands: tuple[Type, ...], params: Params, regions: tuple[Region, ...]) -> tuple[Type, ...]:
        return tuple(x.type for x in regions[-1].results)

    def evaluate(self, operands: tuple[Any, ...], params: Params, regions: tuple[Any, ...]) -> tuple[Any, ...]:
        carries, code = tuple(operands), 0
        lo, hi = params["lo"], params["hi"]
        counted = lo is not None
        indices: Any = itertools.repeat(None)
        if counted:
            indices = range(lo, hi) if params["direction"] > 0 else range(hi - 1, lo - 1, -1)
        for i in indices:
            if not counted and not regions[0](*carries)[0]:
                break
            results = regions[-1](i, *carries) if counted else regions[-1](*carries)
            if params["exits"]:
                code, *results = results
            carries = tuple(results)
            if code:
                break
        return (code, *carries) if params["exits"] else carries


@dataclass(frozen=True, eq=False, kw_only=True)
class If(RegionPrimitive):
    def infer(self, operands: tuple[Type, ...], params: Params, regions: tuple[Region, ...]) -> tuple[Type, ...]:
        return tuple(join_weak(a.type, b.type) for a, b in zip(regions[0].results, regions[1].results, strict=True))

    def evaluate(self, operands: tuple[Any, ...], params: Params, regions: tuple[Any, ...]) -> tuple[Any, ...]:
        taken: tuple[Any, ...] = regions[0 if operands[0] else 1]()
        return taken


def join_weak(a: Type, b: Type) -> Type:
    """The type of a value that is an `a` or a `b` (equal but perhaps for weakness)."""
    return b if a.weak else a


loop = Loop(name="loop")
if_ = If(name="if")


def is_counted(eqn: Eqn) -> bool:
    return eqn.params["lo"] is not None


def loop_carries(eqn: Eqn) -> tuple[Var, ...]:
    """The body's parameters for carries (without the index)."""
    params = eqn.regions[-1].params
    return params[1:] if is_counted(eqn) else params


def body_carries(eqn: Eqn) -> tuple[Operand, ...]:
    """What the body returns for the carries (without the exit code)."""
    results = eqn.regions[-1].results
    return results[1:] if eqn.params["exits"] else results


def result_carries(eqn: Eqn) -> tuple[Var, ...]:
    return eqn.results[1:] if eqn.params["exits"] else eqn.results


def index_var(lo: Dim, hi: Dim, hint: str = "i") -> Var:
    """A fresh loop index, bounded by its range."""
    return Var(ArrayType(INT64, (), True), hint, lo, hi - 1)


def for_loop(
    lo: DimLike,
    hi: DimLike,
    inits: Sequence[Any],
    body: Callable[..., Sequence[Any]],
    *,
    direction: int = 1,
    exits: bool = False,
    index_hint: str = "i",
    hints: Sequence[str] = (),
    types: Sequence[Type] | None = None,
) -> tuple[Var, ...]:
    """Emit a counted loop; `body(index, *carries)` returns the new carries (the exit code first, with `exits`)."""
    lo, hi = Dim.of(lo), Dim.of(hi)
    operands = [as_operand(x) for x in inits]
    names = list(hints) or [x.hint if isinstance(x, Var) else "" for x in operands]
    carry_types = list(types) if types is not None else [x.type for x in operands]
    params = [index_var(lo, hi, index_hint), *(Var(t, n) for t, n in zip(carry_types, names, strict=True))]
    region = build_region(params, body)
    out_types = ([region.results[0].type] if exits else []) + carry_types
    out_names = (["code"] if exits else []) + names
    loop_params = {"lo": lo, "hi": hi, "direction": direction, "exits": exits}
    return emit(loop, operands, loop_params, (region,), types=out_types, hints=out_names)


def while_loop(
    inits: Sequence[Any],
    condition: Callable[..., Any],
    body: Callable[..., Sequence[Any]],
    *,
    exits: bool = False,
    hints: Sequence[str] = (),
    types: Sequence[Type] | None = None,
) -> tuple[Var, ...]:
    """Emit a while loop; `condition(*carries)` returns a boolean, `body(*carries)` the new carries."""
    operands = [as_operand(x) for x in inits]
    names = list(hints) or [x.hint if isinstance(x, Var) else "" for x in operands]
    carry_types = list(types) if types is not None else [x.type for x in operands]
    cond = build_region([Var(t, n) for t, n in zip(carry_types, names, strict=True)], lambda *c: (condition(*c),))
    region = build_region([Var(t, n) for t, n in zip(carry_types, names, strict=True)], body)
    out_types = ([region.results[0].type] if exits else []) + carry_types
    out_names = (["code"] if exits else []) + names
    loop_params = {"lo": None, "hi": None, "direction": 1, "exits": exits}
    return emit(loop, operands, loop_params, (cond, region), types=out_types, hints=out_names)


def cond(
    predicate: Any,
    then: Callable[[], Sequence[Any]],
    otherwise: Callable[[], Sequence[Any]],
    *,
    hints: Sequence[str] = (),
) -> tuple[Var, ...]:
    """Emit a branch on data; only the taken region runs."""
    regions = (build_region((), then), build_region((), otherwise))
    names = list(hints)
    if not names:
        names = [
            next((x.hint for x in pair if isinstance(x, Var) and x.hint), "")
            for pair in zip(regions[0].results, regions[1].results, strict=True)
        ]
    return emit(if_, (predicate,), {}, regions, hints=names)


__all__ = [
    "Literal",
    "body_carries",
    "cond",
    "for_loop",
    "if_",
    "index_var",
    "is_counted",
    "loop",
    "loop_carries",
    "result_carries",
    "while_loop",
]
