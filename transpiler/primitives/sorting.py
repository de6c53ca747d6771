"""Order: positions of extrema, sorting, binary search. Positions are integers and have no derivative; sorted values are
gathered.

Choices are saved or taken from exact comparisons only, so forward and reverse sweeps agree on them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gradscribe.transpiler.ir.builder import emit
from gradscribe.transpiler.ir.dims import Dim
from gradscribe.transpiler.ir.index import Index, Take
from gradscribe.transpiler.ir.nodes import Operand
from gradscribe.transpiler.ir.types import INT64, ArrayType, Type
from gradscribe.transpiler.primitives.allocation import arange
from gradscribe.transpiler.primitives.arithmetic import less, less_equal
from gradscribe.transpiler.primitives.primitive import Library, Zeroable, align_batch, require_order, zeros_of
from gradscribe.transpiler.primitives.reductions import reduce_sum
from gradscribe.transpiler.primitives.sample import draw, uniform
from gradscribe.transpiler.primitives.structure import index, reshape, update

# ---- gathering along an axis ----


def along_axis(positions: Operand, axis: int, shape: Sequence[Dim]) -> tuple[list[Operand], Index]:
    """Index operands and index that pick `positions` along `axis` of an array of `shape`, as `np.take_along_axis` does:
    positions of length 1 along another axis stand for all of it."""
    takes = []
    for k, dim in enumerate(shape):
        if k == axis:
            takes.append(positions)
            continue
        lane = emit(arange, (), {"start": Dim.of(0), "length": dim, "step": 1})[0]
        shape = tuple(dim if j == k else Dim.of(1) for j in range(positions.rank))
        takes.append(lane if positions.rank == 1 else reshape(lane, shape=shape))
    return takes, tuple(Take(k) for k in range(positions.rank))


def gather_along(x: Operand, positions: Operand, axis: int) -> Operand:
    """`np.take_along_axis(x, positions, axis)` for positions inside the axis."""
    takes, at = along_axis(positions, axis, x.shape)
    return emit(index, (x, *takes), {"at": at})[0]


# ---- positions of extrema ----


def _without(x: Type, axis: int) -> tuple[Dim, ...]:
    assert isinstance(x, ArrayType)
    return (*x.shape[:axis], *x.shape[axis + 1 :])


def _axis_text(function: str) -> Any:
    def source(params: Any, operands: Sequence[Type], result: Type, write: Any) -> str:
        (x,) = operands
        flat = isinstance(x, ArrayType) and x.rank == 1
        kind = f', kind="{params["kind"]}"' if params.get("kind") else ""
        return f"np.{function}(x{kind})" if flat else f"np.{function}(x, axis={params['axis']}{kind})"

    return source


def _ordered(x: Type, name: str) -> ArrayType:
    assert isinstance(x, ArrayType)
    require_order(f"np.{name}", x.dtype)
    return x


def _position(name: str) -> Library:
    function = getattr(np, name)

    def batch(operands: Sequence[Operand], batched: Sequence[bool], size: Dim, *, axis: int) -> Any:
        return emit(position, operands, {"axis": axis + 1}), (True,)

    position = Library(
        name=name,
        infer_types=lambda x, *, axis: (ArrayType(INT64, _without(_ordered(x, name), axis)),),
        run=lambda x, *, axis: (function(x, axis=axis),),
        source=_axis_text(name),
        jvp_rule=lambda operands, results, tangents, *, axis: (None,),
        vjp_rule=lambda operands, results, cotangents, *, axis: (None,),
        batch_rule=batch,
        samples=(draw(uniform(-1, 1, 5), axis=0), draw(uniform(-1, 1, 3, 4), axis=1)),
    )
    return position


argmax = _position("argmax")
argmin = _position("argmin")

# ---- sorting ----

argsort: Library = Library(
    name="argsort",
    infer_types=lambda x, *, axis, kind: (ArrayType(INT64, _ordered(x, "argsort").shape),),
    run=lambda x, *, axis, kind: (np.argsort(x, axis=axis, kind=kind or None),),
    source=_axis_text("argsort"),
    jvp_rule=lambda operands, results, tangents, **params: (None,),
    vjp_rule=lambda operands, results, cotangents, **params: (None,),
    batch_rule=lambda operands, batched, size, *, axis, kind: (
        (argsort(operands[0], axis=axis + 1, kind=kind),),
        (True,),
    ),
    samples=(draw(uniform(-1, 1, 5), axis=0, kind="stable"), draw(uniform(-1, 1, 3, 4), axis=0, kind="")),
)


def _order(x: Operand, axis: int) -> Operand:
    order: Operand = argsort(x, axis=axis, kind="stable")
    return order


def _sort_jvp(
    operands: Sequence[Operand], results: Sequence[Operand], tangents: Sequence[Zeroable], *, axis: int
) -> Sequence[Zeroable]:
    (x,), (dx,) = operands, tangents
    assert dx is not None
    return (gather_along(dx, _order(x, axis), axis),)


def _sort_vjp(
    operands: Sequence[Operand], results: Sequence[Operand], cotangents: Sequence[Zeroable], *, axis: int
) -> Sequence[Zeroable]:
    (x,), (ct,) = operands, cotangents
    assert ct is not None
    takes, at = along_axis(_order(x, axis), axis, x.shape)  # a permutation: every element is written once
    return (emit(update, (zeros_of(x.type), ct, *takes), {"at": at, "once": True})[0],)


sort: Library = Library(
    name="sort",
    infer_types=lambda x, *, axis: (_ordered(x, "sort"),),
    run=lambda x, *, axis: (np.sort(x, axis=axis),),
    source=_axis_text("sort"),
    jvp_rule=_sort_jvp,
    vjp_rule=_sort_vjp,
    batch_rule=lambda operands, batched, size, *, axis: ((sort(operands[0], axis=axis + 1),), (True,)),
    samples=(draw(uniform(-1, 1, 5), axis=0), draw(uniform(-1, 1, 3, 4), axis=0), draw(uniform(-1, 1, 3, 4), axis=1)),
)

# ---- binary search ----


def _search_batch(
    operands: Sequence[Operand], batched: Sequence[bool], size: Dim, *, side: str
) -> tuple[Sequence[Operand], Sequence[bool]]:
    """The position is the number of elements before the value: counted, since NumPy searches one table at a time."""
    table, values = operands
    if not batched[0]:
        return (searchsorted(table, values, side=side),), (True,)
    column = reshape(values, shape=(*values.shape, Dim.of(1)))
    rank = column.rank - batched[1]
    table = align_batch(table, rank)
    before = (less if side == "left" else less_equal)(table, column)
    return (reduce_sum(before, axes=(before.rank - 1,)),), (True,)


def _sorted_table(rng: np.random.Generator, dtype: Any) -> Any:
    return np.sort(rng.uniform(-1, 1, 6)).astype(dtype)


searchsorted: Library = Library(
    name="searchsorted",
    infer_types=lambda table, values, *, side: (ArrayType(INT64, _ordered(values, "searchsorted").shape),),
    run=lambda table, values, *, side: (np.searchsorted(table, values, side=side),),
    source=lambda params, operands, result, write: (
        "np.searchsorted(x, y)" if params["side"] == "left" else 'np.searchsorted(x, y, side="right")'
    ),
    jvp_rule=lambda operands, results, tangents, *, side: (None,),
    vjp_rule=lambda operands, results, cotangents, *, side: (None, None),
    batch_rule=_search_batch,
    samples=(
        draw(_sorted_table, uniform(-1, 1), side="left"),
        draw(_sorted_table, uniform(-1, 1, 2, 3), side="right"),
    ),
)
