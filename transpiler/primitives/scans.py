"""Running sums and products along one axis, and the slicing along an axis that their rules need.

cumsum is linear: its adjoint is the running sum from the other end. cumprod y_i = y_(i-1) x_i is differentiated as the
recurrence it is, dy_i = dy_(i-1) x_i + y_(i-1) dx_i, so that zeros are right (the quotient y / x would not be).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gradscribe.transpiler.ir.dims import Dim, DimLike
from gradscribe.transpiler.ir.index import At, Index, Slice, whole
from gradscribe.transpiler.ir.nodes import Operand, Var
from gradscribe.transpiler.ir.types import INT64, ArrayType, Type
from gradscribe.transpiler.primitives.primitive import DType, Library, Linear, Zeroable, zeros_of
from gradscribe.transpiler.primitives.regions import for_loop
from gradscribe.transpiler.primitives.sample import complexes, draw, uniform
from gradscribe.transpiler.primitives.structure import convert, index, update


def slice_axis(x: Operand, axis: int, start: DimLike, length: DimLike) -> Operand:
    """`length` elements along `axis`, from `start`."""
    piece = Slice(Dim.of(start), Dim.of(length))
    sliced: Operand = index(x, at=(*whole(x.shape[:axis]), piece, *whole(x.shape[axis + 1 :])))
    return sliced


def flip(x: Operand, axis: int) -> Operand:
    """The elements along `axis` in reverse order."""
    reverse = Slice(x.shape[axis] - 1, x.shape[axis], -1)
    flipped: Operand = index(x, at=(*whole(x.shape[:axis]), reverse, *whole(x.shape[axis + 1 :])))
    return flipped


def _row(x: Operand, axis: int, position: DimLike) -> Index:
    return (*whole(x.shape[:axis]), At(Dim.of(position)), *whole(x.shape[axis + 1 :]))


def _accumulated_dtype(d: DType) -> DType:
    return INT64 if d.kind in "bi" else np.dtype(np.uint64) if d.kind == "u" else d


def _accumulated(x: Type, *, axis: int) -> ArrayType:
    assert isinstance(x, ArrayType)
    return ArrayType(_accumulated_dtype(x.dtype), x.shape)


def _source(function: str) -> Any:
    def source(params: Any, operands: Sequence[Type], result: Type, write: Any) -> str:
        (x,) = operands
        return (
            f"np.{function}(x)"
            if isinstance(x, ArrayType) and x.rank == 1
            else f"np.{function}(x, axis={params['axis']})"
        )

    return source


def _scan_expanded(combine: Any) -> Any:
    """The scan as a loop along the axis; the array is filled in place."""

    def expand(x: Operand, *, axis: int) -> Operand:
        (type,) = (_accumulated(x.type, axis=axis),)
        start = x if x.dtype == type.dtype else convert(x, dtype=type.dtype)

        def body(i: Var, y: Operand) -> Sequence[Operand]:
            here = combine(index(y, at=_row(y, axis, Dim.of(i) - 1)), index(y, at=_row(y, axis, i)))
            return (update(y, here, at=_row(y, axis, i)),)

        (y,) = for_loop(1, x.shape[axis], [start], body)
        return y

    return expand


_samples = (draw(uniform(-1, 1, 5), axis=0), draw(uniform(-1, 1, 3, 4), axis=0), draw(uniform(-1, 1, 3, 4), axis=1))

cumsum: Linear = Linear(
    name="cumsum",
    infer_type=_accumulated,
    run=lambda x, *, axis: np.cumsum(x, axis=axis),
    source=_source("cumsum"),
    expand=_scan_expanded(lambda before, here: before + here),
    transpose=lambda ct, x, *, axis: flip(cumsum(flip(ct, axis), axis=axis), axis),
    batching=lambda xs, batched, size, *, axis: cumsum(xs[0], axis=axis + 1),
    samples=_samples,
)


def _cumprod_jvp(
    operands: Sequence[Operand], results: Sequence[Operand], tangents: Sequence[Zeroable], *, axis: int
) -> Sequence[Zeroable]:
    """dy_0 = dx_0; dy_i = dy_(i-1) x_i + y_(i-1) dx_i."""
    (x,), (y,), (dx,) = operands, results, tangents
    assert dx is not None

    def body(i: Var, dy: Operand) -> Sequence[Operand]:
        last, here = _row(x, axis, Dim.of(i) - 1), _row(x, axis, i)
        new = index(dy, at=last) * index(x, at=here) + index(y, at=last) * index(dx, at=here)
        return (update(dy, new, at=here),)

    (dy,) = for_loop(1, x.shape[axis], [dx], body)
    return (dy,)


def _cumprod_vjp(
    operands: Sequence[Operand], results: Sequence[Operand], cotangents: Sequence[Zeroable], *, axis: int
) -> Sequence[Zeroable]:
    """Backwards: s_i = y_bar_i + x_(i+1) s_(i+1); x_bar_i = y_(i-1) s_i, x_bar_0 = s_0."""
    (x,), (y,), (ct,) = operands, results, cotangents
    assert ct is not None
    length = x.shape[axis]

    def body(i: Var, s: Operand, x_bar: Operand) -> Sequence[Operand]:
        last, here = _row(x, axis, Dim.of(i) - 1), _row(x, axis, i)
        share = index(s, at=here)
        x_bar = update(x_bar, share * index(y, at=last), at=here)
        return update(s, index(s, at=last) + share * index(x, at=here), at=last), x_bar

    s, x_bar = for_loop(1, length, [ct, zeros_of(x.type)], body, direction=-1)
    first = _first(x, axis)
    return (update(x_bar, index(s, at=first), at=first),)


def _first(x: Operand, axis: int) -> Index:
    """The first element along the axis, as a slice that is empty where the axis is."""
    length = Dim.of(0) if x.shape[axis] == 0 else Dim.of(1)
    return (*whole(x.shape[:axis]), Slice(Dim.of(0), length), *whole(x.shape[axis + 1 :]))


cumprod: Library = Library(
    name="cumprod",
    infer_types=lambda x, *, axis: (_accumulated(x, axis=axis),),
    run=lambda x, *, axis: (np.cumprod(x, axis=axis),),
    source=_source("cumprod"),
    expand=_scan_expanded(lambda before, here: before * here),
    jvp_rule=_cumprod_jvp,
    vjp_rule=_cumprod_vjp,
    batch_rule=lambda operands, batched, size, *, axis: ((cumprod(operands[0], axis=axis + 1),), (True,)),
    samples=(
        *_samples,
        draw(lambda rng, dtype: np.array([2, 0, 3, 0, 1.5], dtype), axis=0),
        draw(complexes(4), axis=0),
    ),
)
