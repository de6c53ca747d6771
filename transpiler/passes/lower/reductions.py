"""Reductions as accumulator loops.

In: a reduction and the element reader of its operand. Out: the lowered result. When what is read lies in memory along
a reduced axis, a scalar accumulates in the inner loops; otherwise the loops follow the memory and accumulate into the
result array row by row.
"""

from __future__ import annotations

from collections.abc import Sequence

from gradscribe.transpiler.ir.builder import emit, open_block
from gradscribe.transpiler.ir.dims import Dim
from gradscribe.transpiler.ir.nodes import Eqn, Operand, Var
from gradscribe.transpiler.ir.types import INT64, ArrayType
from gradscribe.transpiler.passes.access_cost import access_cost
from gradscribe.transpiler.passes.lower.elements import Subscripts, Value, at_positions
from gradscribe.transpiler.passes.lower.nests import fill, nest
from gradscribe.transpiler.passes.lower.operations import accumulate, initial_value
from gradscribe.transpiler.passes.lower.scalars import with_dtype
from gradscribe.transpiler.passes.lower.sorting import require_elements
from gradscribe.transpiler.primitives.allocation import empty
from gradscribe.transpiler.primitives.primitive import Reduction
from gradscribe.transpiler.primitives.reductions import reduce_max, reduce_min
from gradscribe.transpiler.primitives.structure import index, update

_FEW = 8  # elements of a kept axis that are not worth a loop of their own


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
    order = _order_of_loops(source, kept, reduced)
    if not wide or order[-1] in reduced:
        (target,) = emit(empty, (), {"shape": type.shape, "dtype": type.dtype}, hint=hint)
        (out,) = nest(
            type.shape,
            (target,),
            lambda s, carried: emit(update, (carried[0], total(s)), {"at": at_positions(s)}, hint=hint),
        )
        return out

    def by_rows(counters: Subscripts, carried: tuple[Operand, ...]) -> Sequence[Operand]:
        subscripts = tuple(counters[order.index(a)] for a in range(len(shape)))
        at = at_positions([subscripts[a] for a in kept])
        (old,) = emit(index, (carried[0],), {"at": at})
        return emit(update, (carried[0], combine(old, source.element(subscripts))), {"at": at}, hint=hint)

    (out,) = nest([shape[a] for a in order], (fill(type.shape, init, hint),), by_rows)
    return out


def _order_of_loops(source: Value, kept: Sequence[int], reduced: Sequence[int]) -> list[int]:
    """The axes from the outermost loop to the innermost: as they come, but where the elements that are read lie along
    the last kept axis, although the last axis is reduced, as the columns in `v @ A` do: then the reduced ones outside.
    (What lies along few kept elements is as well read with a stride.)"""
    shape = source.type.shape
    narrow = [a for a in range(len(shape)) if shape[a] == 1]
    wide = [a for a in range(len(shape)) if shape[a] != 1]
    order = [*narrow, *wide]
    kept_wide = [a for a in kept if a in wide]
    if not wide or wide[-1] not in reduced or not kept_wide:
        return order
    size = shape[kept_wide[-1]].constant
    if size is not None and size < _FEW:
        return order
    counters = [Var(ArrayType(INT64), "i") for _ in shape]
    with open_block() as block:
        source.element(tuple(Dim.of(0) if d == 1 else Dim.of(c) for d, c in zip(shape, counters, strict=True)))
    places = [e.params["at"] for e in block.eqns if e.operation is index]
    cost = {a: sum(access_cost(at, counters[a]) for at in places) for a in (kept_wide[-1], wide[-1])}
    by_rows = [*narrow, *(a for a in wide if a in reduced), *kept_wide]
    return by_rows if cost[kept_wide[-1]] < cost[wide[-1]] else order


def _interleave(kept: Sequence[int], outer: Subscripts, reduced: Sequence[int], inner: Subscripts) -> Subscripts:
    places = {**dict(zip(kept, outer, strict=True)), **dict(zip(reduced, inner, strict=True))}
    return tuple(places[a] for a in range(len(places)))


__all__ = ["Var", "lower_reduction"]
