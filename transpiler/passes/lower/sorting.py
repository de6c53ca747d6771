"""Positions of extrema, sorting and searching.

In: a library operation along one axis and the element reader of its operand. Out: lowered equations: a loop that
carries value and position for extrema; whole-row operations for sorting, on a workspace whose last axis is the one
sorted along; a scalar operation on a whole table for searching.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from gradscribe.transpiler.ir.bounds import is_positive
from gradscribe.transpiler.ir.builder import emit
from gradscribe.transpiler.ir.dims import Dim
from gradscribe.transpiler.ir.nodes import Eqn, Literal, Operand, Var
from gradscribe.transpiler.ir.types import INT64, ArrayType
from gradscribe.transpiler.passes.lower.elements import Pulled, Stored, Subscripts, Value, at_positions
from gradscribe.transpiler.passes.lower.nests import nest, store
from gradscribe.transpiler.passes.lower.operations import LoopOperation
from gradscribe.transpiler.passes.lower.scalars import with_dtype
from gradscribe.transpiler.primitives.allocation import dim_value, empty
from gradscribe.transpiler.primitives.arithmetic import equal, greater, greater_equal, less_equal, select
from gradscribe.transpiler.primitives.checks import check
from gradscribe.transpiler.primitives.logic import logical_and, logical_not
from gradscribe.transpiler.primitives.sorting import argmax, sort
from gradscribe.transpiler.primitives.structure import update

Through = Callable[[Subscripts], Subscripts]

# Every row (last axis) sorted ascending, NaN last, into a fresh array.
sort_rows = LoopOperation(name="sort_rows", infer_types=lambda x: (x,), run=lambda x: (np.sort(x, axis=-1),))

# The stable order that sorts every row, into a fresh array.
argsort_rows = LoopOperation(
    name="argsort_rows",
    infer_types=lambda x: (ArrayType(INT64, x.shape),),
    run=lambda x: (np.argsort(x, axis=-1, kind="stable"),),
)

# Where a scalar belongs in a sorted vector.
search = LoopOperation(
    name="search",
    infer_types=lambda table, x, *, side: (ArrayType(INT64),),
    run=lambda table, x, *, side: (np.int64(np.searchsorted(table, x, side=side)),),
)


def require_elements(extent: Dim, message: str) -> None:
    """NumPy refuses extrema of nothing."""
    if not is_positive(extent):
        size = emit(dim_value, (), {"dim": extent})[0]
        emit(check, (emit(greater, (size, Literal(0)))[0],), {"message": message, "error": ValueError})


def lower_extremum_position(eqn: Eqn, source: Value, type: ArrayType) -> Operand:
    """argmax or argmin along an axis: the first extremum, or the first NaN."""
    axis, shape = eqn.params["axis"], source.type.shape
    hint = eqn.results[0].hint
    require_elements(shape[axis], f"attempt to get {eqn.operation.name} of an empty sequence")
    not_better = less_equal if eqn.operation is argmax else greater_equal

    def position(outer: Subscripts) -> Operand:

        def at(k: Dim) -> Subscripts:
            return (*outer[:axis], k, *outer[axis:])

        def iteration(inner: Subscripts, carried: tuple[Operand, ...]) -> Sequence[Operand]:
            best, place = carried
            x = source.element(at(inner[0]))
            is_number = emit(equal, (best, best))[0]
            beaten = emit(logical_not, (emit(not_better, (x, best))[0],))[0]
            better = emit(logical_and, (is_number, beaten))[0]
            here = with_dtype(emit(dim_value, (), {"dim": inner[0]})[0], INT64)
            return emit(select, (better, x, best))[0], emit(select, (better, here, place))[0]

        first = source.element(at(Dim.of(0)))
        _, place = nest([shape[axis]], (first, Literal(np.int64(0))), iteration, depth=len(outer), independent=False)
        return place

    if not type.shape:
        return position(())
    (target,) = emit(empty, (), {"shape": type.shape, "dtype": INT64}, hint=hint)
    write = lambda s, carried: emit(update, (carried[0], position(s)), {"at": at_positions(s)}, hint=hint)
    (out,) = nest(type.shape, (target,), write)
    return out


def lower_sort(eqn: Eqn, source: Value) -> Value:
    """sort or argsort along an axis, on rows."""
    axis, shape = eqn.params["axis"], source.type.shape
    operation = sort_rows if eqn.operation is sort else argsort_rows
    last = len(shape) - 1
    rows = (*shape[:axis], *shape[axis + 1 :], shape[axis])
    back: Through = lambda s: (*s[:axis], s[last], *s[axis:last])
    moved = Pulled(ArrayType(source.type.dtype, rows), lambda s: source.element(back(s)), source.bases, source.cost)
    ready = source.var if axis == last and isinstance(source, Stored) else store(moved, "rows")
    (out,) = emit(operation, (ready,), hint=eqn.results[0].hint)
    result = Stored(out)
    if axis == last:
        return result
    forth: Through = lambda s: (*s[:axis], *s[axis + 1 :], s[axis])
    return Pulled(ArrayType(result.type.dtype, shape), lambda s: result.element(forth(s)), (out,), 0)


def search_value(eqn: Eqn, table: Var, values: Value, type: ArrayType) -> Value:
    """searchsorted, one value at a time."""

    def load(subscripts: Subscripts) -> Operand:
        x = with_dtype(values.element(subscripts), table.dtype)
        return emit(search, (table, x), {"side": eqn.params["side"]})[0]

    return Pulled(type, load, tuple(dict.fromkeys((table, *values.bases))), values.cost + 50)
