"""Moving elements: broadcasting, reshaping, permuting, indexing and writing.

`index(x, *takes, at=Index)` reads, `update(x, v, *takes, at=)` is x with v written, `update_add` is x with v added
(repeated positions accumulate). All are values: bufferize decides what happens in place.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gradscribe.transpiler.errors import ShapeError
from gradscribe.transpiler.ir.builder import current_span, emit
from gradscribe.transpiler.ir.dims import Dim
from gradscribe.transpiler.ir.equalities import equalities
from gradscribe.transpiler.ir.index import At, Index, Slice, Take, result_shape
from gradscribe.transpiler.ir.nodes import Operand
from gradscribe.transpiler.ir.types import ArrayType, Type
from gradscribe.transpiler.primitives.allocation import arange, dim_value, empty, zeros
from gradscribe.transpiler.primitives.conversion import convert, copy, python_scalar
from gradscribe.transpiler.primitives.primitive import (
    PRIMITIVES,
    Linear,
    Reindex,
    align_batch,
    broadcast_shapes,
    zeros_of,
)
from gradscribe.transpiler.primitives.repeated_positions import are_distinct, last_writes
from gradscribe.transpiler.primitives.sample import draw, integers, uniform
from gradscribe.transpiler.primitives.source_text import tuple_text

# ---- reindexing ----


def _broadcast_type(x: Type, *, shape: tuple[Dim, ...]) -> Type:
    assert isinstance(x, ArrayType)
    if broadcast_shapes([x.shape, shape], "broadcast_to") != tuple(map(equalities().normalize, shape)):
        raise ShapeError(current_span(), f"cannot broadcast {x.shape} to {shape}")
    return ArrayType(x.dtype, shape)


broadcast_to: Reindex = Reindex(
    name="broadcast_to",
    infer_type=_broadcast_type,
    run=lambda x, *, shape: np.broadcast_to(x, shape).copy() if shape else x,
    source=lambda params, operands, result, write: (
        f"np.broadcast_to(x, {tuple_text([write(d) for d in params['shape']])})"
    ),
    transpose=lambda ct, x, *, shape: sum_to_shape(ct, x.shape),
    batching=lambda xs, batched, size, *, shape: _broadcast_batched(xs[0], size, shape),
    source_index=lambda out, x, *, shape: tuple(
        Dim.of(0) if d == 1 else i for i, d in zip(out[len(out) - len(x.shape) :], x.shape, strict=True)
    ),
    samples=(
        draw(uniform(-1, 1, 3), shape=(2, 3)),
        draw(uniform(-1, 1, 2, 1), shape=(2, 3)),
        draw(uniform(-1, 1), shape=(2,)),
    ),
)


def _broadcast_batched(x: Operand, size: Dim, shape: tuple[Dim, ...]) -> Operand:
    ones = (Dim.of(1),) * (len(shape) - (x.rank - 1))
    aligned = x if not ones else reshape(x, shape=(x.shape[0], *ones, *x.shape[1:]))
    result: Operand = broadcast_to(aligned, shape=(size, *shape))
    return result


def _reshape_type(x: Type, *, shape: tuple[Dim, ...]) -> Type:
    assert isinstance(x, ArrayType)
    return ArrayType(x.dtype, shape)


def _reshape_text(params: Any, operands: Sequence[Type], result: Type, write: Any) -> str:
    shape = [write(d) for d in params["shape"]]
    if isinstance(operands[0], ArrayType) and operands[0].shape and shape:
        return f"x.reshape({', '.join(shape)})"
    return f"np.reshape(x, {tuple_text(shape)})" if shape else "np.reshape(x, ())[()]"


def _reshaped(x: Any, *, shape: tuple[int, ...]) -> Any:
    y = np.reshape(x, shape)
    return np.array(y) if shape else y[()]  # a shape () is a NumPy scalar


reshape: Reindex = Reindex(
    name="reshape",
    infer_type=_reshape_type,
    run=_reshaped,
    source=_reshape_text,
    transpose=lambda ct, x, *, shape: reshape(ct, shape=x.shape),
    batching=lambda xs, batched, size, *, shape: reshape(xs[0], shape=(size, *shape)),
    samples=(
        draw(uniform(-1, 1, 2, 3), shape=(6,)),
        draw(uniform(-1, 1, 6), shape=(3, 1, 2)),
        draw(uniform(-1, 1), shape=(1,)),
        draw(uniform(-1, 1, 1, 1), shape=()),
    ),
)


def _inverse(axes: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(axes.index(k) for k in range(len(axes)))


def _permute_text(params: Any, operands: Sequence[Type], result: Type, write: Any) -> str:
    axes = params["axes"]
    return "x.T" if axes == tuple(reversed(range(len(axes)))) else f"x.transpose({', '.join(map(str, axes))})"


permute: Reindex = Reindex(
    name="permute",
    infer_type=lambda x, *, axes: ArrayType(x.dtype, tuple(x.shape[a] for a in axes)),
    run=lambda x, *, axes: np.ascontiguousarray(np.transpose(x, axes)),
    source=_permute_text,
    transpose=lambda ct, x, *, axes: permute(ct, axes=_inverse(axes)),
    batching=lambda xs, batched, size, *, axes: permute(xs[0], axes=(0, *(a + 1 for a in axes))),
    source_index=lambda out, x, *, axes: tuple(out[axes.index(k)] for k in range(len(axes))),
    samples=(draw(uniform(-1, 1, 2, 3), axes=(1, 0)), draw(uniform(-1, 1, 2, 3, 4), axes=(2, 0, 1))),
)


def sum_to_shape(ct: Operand, shape: tuple[Dim, ...]) -> Operand:
    """The transpose of broadcasting: sum over the axes that were stretched, so that the result has `shape`."""
    extra = ct.rank - len(shape)
    stretched = (k + extra for k, d in enumerate(shape) if d == 1 and ct.shape[k + extra] != 1)
    axes = (*range(extra), *stretched)
    if not axes:
        return ct
    summed: Operand = PRIMITIVES["reduce_sum"](ct, axes=axes)
    return summed if summed.shape == shape else reshape(summed, shape=shape)


# ---- indexing ----


def _take_shape(takes: Sequence[Type]) -> tuple[Dim, ...]:
    return broadcast_shapes([t.shape for t in takes if isinstance(t, ArrayType)], "indexing") if takes else ()


def _index_type(x: Type, *takes: Type, at: Index) -> Type:
    assert isinstance(x, ArrayType) and len(at) == x.rank
    return ArrayType(x.dtype, result_shape(at, _take_shape(takes)))


def _index_transpose(ct: Operand, x: Operand, *takes: Operand, at: Index) -> Operand:
    return emit(update_add, (zeros_of(x.type), ct, *takes), {"at": at})[0]


def index_layout(at: Index, take_rank: int) -> list[tuple[str, int]]:
    """Which axis of `x[at]` comes from what: ("take", k) for axes of the index arrays, ("axis", k) for sliced axes of
    x."""
    slices = [k for k, c in enumerate(at) if isinstance(c, Slice)]
    if not any(isinstance(c, Take) for c in at):
        return [("axis", k) for k in slices]
    advanced = [k for k in range(len(at)) if k not in slices]
    adjacent = advanced == list(range(advanced[0], advanced[-1] + 1))
    before = [("axis", k) for k in slices if adjacent and k < advanced[0]]
    after = [("axis", k) for k in slices if not (adjacent and k < advanced[0])]
    return [*before, *(("take", k) for k in range(take_rank)), *after]


def _batch_index(
    takes: Sequence[Operand], batched: Sequence[bool], size: Dim, at: Index, x_batched: bool
) -> tuple[list[Operand], Index, tuple[int, ...]]:
    """Index operands and index that read (or write) all examples at once, and the axes order that brings what they read
    into the order (batch, then the axes of one example)."""
    rank = max((t.rank - b for t, b in zip(takes, batched, strict=True)), default=0)
    single = index_layout(at, rank)
    if not any(batched):  # one more sliced axis in front
        wide = (Slice(Dim.of(0), size), *at)
        operands, natural = list(takes), index_layout(wide, rank)
        wanted = [("axis", 0), *((kind, k + (kind == "axis")) for kind, k in single)]
        return operands, wide, tuple(natural.index(label) for label in wanted)
    operands = [align_batch(t, rank) if b else t for t, b in zip(takes, batched, strict=True)]
    if not x_batched:  # the batch axis is the first axis of the index arrays
        wanted = [("take", 0), *((kind, k + (kind == "take")) for kind, k in single)]
        return operands, at, tuple(index_layout(at, rank + 1).index(label) for label in wanted)
    lane = emit(arange, (), {"start": Dim.of(0), "length": size, "step": 1})[0]
    operands.append(reshape(lane, shape=(size, *(Dim.of(1),) * rank)) if rank else lane)
    wide = (Take(len(takes)), *at)
    wanted = [("take", 0), *((kind, k + 1) for kind, k in single)]
    return operands, wide, tuple(index_layout(wide, rank + 1).index(label) for label in wanted)


def _permuted(x: Operand, axes: tuple[int, ...]) -> Operand:
    return x if axes == tuple(range(x.rank)) else permute(x, axes=axes)


def _index_batch(xs: Sequence[Operand], batched: Sequence[bool], size: Dim, *, at: Index) -> Operand:
    takes, wide, order = _batch_index(xs[1:], batched[1:], size, at, batched[0])
    return _permuted(emit(index, (xs[0], *takes), {"at": wide})[0], order)


def _read(x: Any, *takes: Any, at: Any) -> Any:
    y = x[at]
    return np.array(y) if isinstance(y, np.ndarray) else y


def _all(length: int) -> Slice:
    return Slice(Dim.of(0), Dim.of(length))


index: Reindex = Reindex(
    name="index",
    syntax="x[at]",
    infer_type=_index_type,
    run=_read,
    transpose=_index_transpose,
    batching=_index_batch,
    source_index=lambda out, x, *, at: index_through(out, at),
    samples=(
        draw(uniform(-1, 1, 5), at=(Slice(Dim.of(1), Dim.of(3)),)),
        draw(uniform(-1, 1, 4, 5), at=(At(Dim.of(2)), Slice(Dim.of(4), Dim.of(3), -2))),
        draw(uniform(-1, 1, 4, 5), integers(0, 4, 6), at=(Take(0), Slice(Dim.of(0), Dim.of(5)))),
        draw(uniform(-1, 1, 4, 5), integers(0, 4, 6), integers(0, 5, 6), at=(Take(0), Take(1))),
        draw(uniform(-1, 1, 3, 4, 2), integers(0, 4, 2, 3), at=(_all(3), Take(0), _all(2))),
        draw(uniform(-1, 1, 3, 4, 5), integers(0, 3, 6), integers(0, 5, 6), at=(Take(0), _all(4), Take(1))),
    ),
)


def index_through(out: tuple[Dim, ...], at: Index) -> tuple[Dim, ...]:
    """Base subscripts of element `out` of `x[at]` (positions and slices only)."""
    subscripts, source = iter(out), []
    for c in at:
        if isinstance(c, At):
            source.append(c.position)
        elif isinstance(c, Slice):
            source.append(c.start + c.step * next(subscripts))
        else:
            raise NotImplementedError("an index array has no symbolic subscript")
    return tuple(source)


def _update_type(x: Type, v: Type, *takes: Type, at: Index, once: bool = False) -> Type:
    assert isinstance(x, ArrayType) and isinstance(v, ArrayType)
    target = result_shape(at, _take_shape(takes))
    for wanted, given in zip(reversed(target), reversed(v.shape), strict=False):
        if equalities().normalize(wanted) == 1:
            equalities().require(given, Dim.of(1), "assignment")
    if broadcast_shapes([target, v.shape], "assignment") != tuple(map(equalities().normalize, target)):
        raise ShapeError(current_span(), f"cannot write {v.shape} into {target}")
    return x


def _written(x: Any, v: Any, *takes: Any, at: Any, once: bool = False) -> Any:
    y = np.array(x)
    y[at] = v
    return y


def _added(x: Any, v: Any, *takes: Any, at: Any) -> Any:
    y = np.array(x)
    np.add.at(y, at, v)
    return y


def _update_vjp(
    ct: Operand, x: Operand, v: Operand, *takes: Operand, at: Index, once: bool = False
) -> tuple[Operand, Operand]:
    v_bar = sum_to_shape(_of_last_writes(emit(index, (ct, *takes), {"at": at})[0], x, takes, at, once), v.shape)
    if once:  # the old element was never read: its cotangent needs no zeroing
        return ct, v_bar
    zero = ct.dtype.type(0)
    return emit(update, (ct, zero, *takes), {"at": at})[0], v_bar


def _of_last_writes(ct: Operand, x: Operand, takes: Sequence[Operand], at: Index, once: bool) -> Operand:
    """`ct` where the write was the last one to its place: an earlier one has left nothing."""
    if once or not takes or are_distinct(takes):
        return ct
    order = [c.operand for c in at if isinstance(c, Take)]
    sizes = tuple(x.shape[k] for k, c in enumerate(at) if isinstance(c, Take))
    won = last_writes(sizes, [takes[k] for k in order])
    layout = index_layout(at, won.rank)
    after = len(layout) - 1 - max(k for k, (kind, _) in enumerate(layout) if kind == "take")
    if after:
        won = reshape(won, shape=(*won.shape, *(Dim.of(1),) * after))
    return PRIMITIVES["select"](won, ct, ct.dtype.type(0))  # type: ignore[no-any-return]


def _update_batch(operation: Any) -> Any:
    def batching(xs: Sequence[Operand], batched: Sequence[bool], size: Dim, *, at: Index, **params: Any) -> Operand:
        x, v, *takes = xs
        take_rank = max((t.rank - b for t, b in zip(takes, batched[2:], strict=True)), default=0)
        rank = len(index_layout(at, take_rank))
        if not batched[0]:
            x = broadcast_to(x, shape=(size, *x.shape))
        takes, wide, order = _batch_index(takes, batched[2:], size, at, True)
        if batched[1]:
            v = align_batch(v, rank)
        if order != tuple(range(len(order))):
            missing = len(order) - v.rank
            v = reshape(v, shape=(*(Dim.of(1),) * missing, *v.shape)) if missing else v
            v = permute(v, axes=_inverse(order))
        return emit(operation(), (x, v, *takes), {"at": wide, **params})[0]

    return batching


_writes = (
    draw(uniform(-1, 1, 5), uniform(-1, 1, 3), at=(Slice(Dim.of(1), Dim.of(3)),)),
    draw(uniform(-1, 1, 4, 5), uniform(-1, 1), at=(At(Dim.of(2)), Slice(Dim.of(0), Dim.of(2), 2))),
)
update: Linear = Linear(
    name="update",
    syntax="x[at] = y",
    linear_in=(0, 1),
    infer_type=_update_type,
    run=_written,
    transpose=_update_vjp,
    batching=_update_batch(lambda: update),
    samples=(
        *_writes,
        draw(uniform(-1, 1, 4), uniform(-1, 1, 6), integers(0, 4, 6), at=(Take(0),)),
        draw(uniform(-1, 1, 3, 4, 2), uniform(-1, 1, 3, 6, 2), integers(0, 4, 6), at=(_all(3), Take(0), _all(2))),
        draw(uniform(-1, 1, 3, 4), uniform(-1, 1), integers(0, 3, 6), integers(0, 4, 6), at=(Take(0), Take(1))),
    ),
)
update_add: Linear = Linear(
    name="update_add",
    syntax="x[at] += y",
    linear_in=(0, 1),
    infer_type=_update_type,
    run=_added,
    transpose=lambda ct, x, v, *takes, at: (ct, sum_to_shape(emit(index, (ct, *takes), {"at": at})[0], v.shape)),
    batching=_update_batch(lambda: update_add),
    samples=(
        *_writes,
        draw(uniform(-1, 1, 4), uniform(-1, 1, 6), integers(0, 4, 6), at=(Take(0),)),
        draw(uniform(-1, 1, 3, 4), uniform(-1, 1, 3, 6), integers(0, 4, 6), at=(_all(3), Take(0))),
    ),
)

__all__ = [
    "broadcast_to",
    "convert",
    "copy",
    "dim_value",
    "empty",
    "index",
    "index_layout",
    "index_through",
    "permute",
    "python_scalar",
    "reshape",
    "sum_to_shape",
    "update",
    "update_add",
    "zeros",
    "zeros_of",
]
