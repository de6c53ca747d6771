"""Reductions as accumulator loops.

In: a reduction and the element reader of its operand. Out: the lowered result. When the last axis is reduced, a
scalar accumulates in the inner loops; otherwise the loops follow the memory order of the operand and accumulate into
the result array row by row.
"""

from __future__ import annotations

from collections.abc import Sequence

from gradscribe.transpiler.ir.builder import emit
from gradscribe.transpiler.ir.nodes import Eqn, Operand, Var
from gradscribe.transpiler.ir.types import ArrayType
from gradscribe.transpiler.passes.lower.elements import Subscripts, Value, at_positions
from gradscribe.transpiler.passes.lower.nests import fill, nest
from gradscribe.transpiler.passes.lower.operations import accumulate, initial_value
from gradscribe.transpiler.passes.lower.scalars import with_dtype
from gradscribe.transpiler.passes.lower.sorting import require_elements
from gradscribe.transpiler.primitives.allocation import empty
from gradscribe.transpiler.primitives.primitive import Reduction
from gradscribe.transpiler.primitives.reductions import reduce_max, reduce_min
from gradscribe.transpiler.primitives.structure import index, update


def lower_reduction(eqn: Eqn, source: Value, type: ArrayType) -> Operand:
    """Emit the loops of one reduction."""
    reduction: Reduction = eqn.operation
    shape, reduced = source.type.shape, eqn.params["axes"]
    kept = [a for a in range(len(shape)) if a not in reduced]
    hint = eqn.results[0].hint
    init = initial_value(reduction, type.dtype)

    if reduction in (reduce_max, reduce_min):
        what = "maximum" if reduction is reduce_max else "minimum"
        for axis in reduced:
            require_elements(shape[axis], f"zero-size array to reduction operation {what} which has no identity")

    def combine(acc: Operand, element: Operand) -> Operand:
        return emit(
            accumulate, (acc, with_dtype(element, type.dtype)), {"reduction": reduction.name}, hint=hint or "acc"
        )[0]

    def total(outer: Subscripts) -> Operand:
        """The accumulated scalar for one position of the kept axes."""

        def iteration(inner: Subscripts, carried: tuple[Operand, ...]) -> Sequence[Operand]:
            return (combine(carried[0], source.element(_interleave(kept, outer, reduced, inner))),)

        (acc,) = nest([shape[a] for a in reduced], (init,), iteration, depth=len(outer))
        return acc

    if not kept:
        return total(())
    wide = [a for a in range(len(shape)) if shape[a] != 1]
    if not wide or wide[-1] in reduced:
        (target,) = emit(empty, (), {"shape": type.shape, "dtype": type.dtype}, hint=hint)
        (out,) = nest(
            type.shape,
            (target,),
            lambda s, carried: emit(update, (carried[0], total(s)), {"at": at_positions(s)}, hint=hint),
        )
        return out

    def by_rows(subscripts: Subscripts, carried: tuple[Operand, ...]) -> Sequence[Operand]:
        at = at_positions([subscripts[a] for a in kept])
        (old,) = emit(index, (carried[0],), {"at": at})
        return emit(update, (carried[0], combine(old, source.element(subscripts))), {"at": at}, hint=hint)

    (out,) = nest(shape, (fill(type.shape, init, hint),), by_rows)
    return out


def _interleave(kept: Sequence[int], outer: Subscripts, reduced: Sequence[int], inner: Subscripts) -> Subscripts:
    places = {**dict(zip(kept, outer, strict=True)), **dict(zip(reduced, inner, strict=True))}
    return tuple(places[a] for a in range(len(places)))


__all__ = ["Var", "lower_reduction"]
