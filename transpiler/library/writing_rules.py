"""What NumPy's writing functions write, as values: `np.put`, `np.putmask`, `np.put_along_axis`, `ufunc.at`, `where=`.

In: the array's value, positions that lie inside their axes, values of the array's dtype. Out: the array's next value,
or the values in the shape of what they are written to. The interpreter writes them through its views.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gradscribe.transpiler.ir.builder import emit
from gradscribe.transpiler.ir.dims import Dim
from gradscribe.transpiler.ir.equalities import equalities
from gradscribe.transpiler.ir.index import At, Index, Slice, Take, result_shape, whole
from gradscribe.transpiler.ir.nodes import Operand, Var
from gradscribe.transpiler.library.arguments import array_type, data, reshaped, spread
from gradscribe.transpiler.library.shape_rules import permuted, positions, ravel
from gradscribe.transpiler.primitives.arithmetic import select
from gradscribe.transpiler.primitives.piecewise import remainder
from gradscribe.transpiler.primitives.primitive import broadcast_shapes
from gradscribe.transpiler.primitives.reductions import reduce_or
from gradscribe.transpiler.primitives.regions import for_loop
from gradscribe.transpiler.primitives.structure import index, update

Rule = Callable[..., Any]


def repeated_to(values: Operand, length: Dim) -> Operand:
    """A vector of `length` from values in C order, begun again as often as needed, as `np.put` takes them."""
    if not values.rank:
        return values
    flat = ravel(values)
    if equalities().normalize(flat.shape[0] - length) == 0:
        return flat
    if flat.shape[0] == 1:
        return reshaped(flat, ())
    place = remainder(positions(length), data(flat.shape[0]))
    return emit(index, (flat, place), {"at": (Take(0),)})[0]


def harmless(function: Any, operand: Any, mask: Operand) -> Any:
    """The operand with a number that the function and its derivative take, where `where=` leaves an element alone."""
    if not isinstance(operand, Var) or operand.dtype.kind == "b":
        return operand
    number = 1 if operand.dtype.kind in "iu" else 2.0 if function is np.arccosh else 0.5
    if not operand.rank:
        needed = reduce_or(mask, axes=tuple(range(mask.rank))) if mask.rank else mask
        return select(needed, operand, number if array_type(operand).weak else operand.dtype.type(number))
    return select(mask, operand, operand.dtype.type(number))


def updated_in_turn(compute: Callable[..., Any], x: Operand, v: Operand | None, at: Index, *takes: Operand) -> Operand:
    """x[at] = compute(x[at], v) element by element of the index arrays, so that a place named twice is updated
    twice."""
    shape = broadcast_shapes([t.shape for t in takes], "indexing")
    count = equalities().normalize(_product(shape))
    flat = [ravel(spread(t, shape)) if shape else reshaped(t, (Dim.of(1),)) for t in takes]
    values = None if v is None or not v.rank else _in_turn(v, at, shape, count)

    def body(k: Var, current: Operand) -> Sequence[Any]:
        turn = At(Dim.of(k))
        places = [emit(index, (t,), {"at": (turn,)})[0] for t in flat]
        here = tuple(At(Dim.of(places[c.operand])) if isinstance(c, Take) else c for c in at)
        old = emit(index, (current,), {"at": here})[0]
        operands: list[Operand] = [old]
        if v is not None:
            operands.append(v if values is None else _row(values, turn))
        return (emit(update, (current, compute(*operands)), {"at": here})[0],)

    return for_loop(0, count, [x], body)[0]


def _row(values: Operand, turn: At) -> Operand:
    return emit(index, (values,), {"at": (turn, *whole(values.shape[1:]))})[0]


def _in_turn(v: Operand, at: Index, shape: tuple[Dim, ...], count: Dim) -> Operand:
    """Values in the shape of x[at], the axes of the index arrays made one and put in front."""
    v = spread(v, result_shape(at, shape))
    advanced = [k for k, c in enumerate(at) if not isinstance(c, Slice)]
    adjacent = advanced == list(range(advanced[0], advanced[-1] + 1))
    before = sum(isinstance(c, Slice) for c in at[: advanced[0]]) if adjacent else 0
    front = tuple(range(before, before + len(shape)))
    order = (*front, *(k for k in range(v.rank) if k not in front))
    moved = permuted(v, order)
    return reshaped(moved, (count, *moved.shape[len(shape) :]))


def _product(shape: tuple[Dim, ...]) -> Dim:
    total = Dim.of(1)
    for d in shape:
        total = total * d
    return total
