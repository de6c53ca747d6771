"""Moving elements: indexing and writing, broadcasting, reshaping, permuting, dtype conversion, allocation.

`index(x, *takes, at=Index)` reads, `update(x, v, *takes, at=)` is x with v written, `update_add` is x with v added (repeated
positions accumulate). All are values: bufferize decides what happens in place.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gradscribe.transpiler.errors import ShapeError
from gradscribe.transpiler.ir.builder import current_span, emit
from gradscribe.transpiler.ir.dims import Dim
from gradscribe.transpiler.ir.index import At, Index, Slice, Take, result_shape
from gradscribe.transpiler.ir.nodes import Operand
from gradscribe.transpiler.ir.types import INT64, ArrayType, Type
from gradscribe.transpiler.primitives.primitive import Linear, Reindex, broadcast_shapes, zeros_of
from gradscribe.transpiler.primitives.sample import draw, integers, uniform

# ---- allocation ----


def _allocation_text(function: str) -> Any:
    def source(params: Any, operands: Sequence[Type], result: Type, write: Any) -> str:
        dims = [write(d) for d in params["shape"]]
        shape = dims[0] if len(dims) == 1 else f"({', '.join(dims)})"
        dtype = np.dtype(params["dtype"])
        return f"np.{function}({shape})" if dtype == np.float64 else f"np.{function}({shape}, dtype=np.{dtype.name.replace('bool', 'bool_')})"

    return source


zeros = Linear(
    name="zeros",
    allocates=True,
    linear_in=(),
    infer_type=lambda *, shape, dtype: ArrayType(dtype, shape),
    run=lambda *, shape, dtype: np.zeros(shape, dtype),
    source=_allocation_text("zeros"),
    transpose=lambda ct, *, shape, dtype: (),
    samples=(draw(shape=(2, 3), dtype=np.dtype(np.float64)),),
)
# Elements must be written before they are read; `once` writes to it need no zeroing in reverse.
empty = Linear(
    name="empty",
    allocates=True,
    linear_in=(),
    infer_type=lambda *, shape, dtype: ArrayType(dtype, shape),
    run=lambda *, shape, dtype: np.full(shape, 7.7e77 if np.dtype(dtype).kind == "f" else 77).astype(dtype),
    source=_allocation_text("empty"),
    transpose=lambda ct, *, shape, dtype: (),
)

# ---- integers and dtypes ----

# The value of an integer polynomial as data: `dim_value(dim=n - 1)`.
dim_value = Linear(
    name="dim_value",
    linear_in=(),
    infer_type=lambda *, dim: ArrayType(INT64, (), True),
    run=lambda *, dim: dim,
    source=lambda params, operands, result, write: write(params["dim"]),
    transpose=lambda ct, *, dim: (),
)


def _convert(x: Any, *, dtype: np.dtype) -> Any:
    return np.asarray(x).astype(dtype) if np.ndim(x) else dtype.type(x)


def _convert_text(params: Any, operands: Sequence[Type], result: Type, write: Any) -> str:
    name = np.dtype(params["dtype"]).name.replace("bool", "bool_")
    return f"x.astype(np.{name})" if isinstance(result, ArrayType) and result.shape else f"np.{name}(x)"


def _convert_transpose(ct: Operand, x: Operand, *, dtype: np.dtype) -> Operand:
    return convert(ct, dtype=x.dtype) if x.dtype.kind in "fc" else None  # type: ignore[return-value]


convert = Linear(
    name="convert",
    infer_type=lambda x, *, dtype: ArrayType(np.dtype(dtype), x.shape),
    run=_convert,
    source=_convert_text,
    scalar=lambda params, operands, result, write: f"np.{np.dtype(params['dtype']).name.replace('bool', 'bool_')}(x)",
    transpose=_convert_transpose,
    batching=lambda xs, batched, size, *, dtype: convert(xs[0], dtype=dtype),
    samples=(draw(uniform(-1, 1, 3), dtype=np.dtype(np.float32)), draw(uniform(-1, 1), dtype=np.dtype(np.float64))),
)

copy = Linear(
    name="copy",
    allocates=True,
    infer_type=lambda x: x,
    run=lambda x: np.array(x, copy=True) if isinstance(x, np.ndarray) else (list(x) if isinstance(x, list) else x),
    source="x.copy()",
    transpose=lambda ct, x: ct,
    batching=lambda xs, batched, size: copy(xs[0]),
    samples=(draw(uniform(-1, 1, 2, 3)),),
)

# ---- reindexing ----


def _broadcast_type(x: Type, *, shape: tuple[Dim, ...]) -> Type:
    assert isinstance(x, ArrayType)
    if broadcast_shapes([x.shape, shape], "broadcast_to") != shape:
        raise ShapeError(current_span(), f"cannot broadcast {x.shape} to {shape}")
    return ArrayType(x.dtype, shape)


def _written_shape(dims: Sequence[str]) -> str:
    return f"({dims[0]},)" if len(dims) == 1 else f"({', '.join(dims)})"


broadcast_to = Reindex(
    name="broadcast_to",
    infer_type=_broadcast_type,
    run=lambda x, *, shape: np.broadcast_to(x, shape).copy() if shape else x,
    source=lambda params, operands, result, write: f"np.broadcast_to(x, {_written_shape([write(d) for d in params['shape']])})",
    transpose=lambda ct, x, *, shape: sum_to_shape(ct, x.shape),
    batching=lambda xs, batched, size, *, shape: _broadcast_batched(xs[0], size, shape),
    source_index=lambda out, x, *, shape: tuple(
        Dim.of(0) if d == 1 else i for i, d in zip(out[len(out) - len(x.shape) :], x.shape, strict=True)
    ),
    samples=(draw(uniform(-1, 1, 3), shape=(2, 3)), draw(uniform(-1, 1, 2, 1), shape=(2, 3)), draw(uniform(-1, 1), shape=(2,))),
)


def _broadcast_batched(x: Operand, size: Dim, shape: tuple[Dim, ...]) -> Operand:
    ones = (Dim.of(1),) * (len(shape) - (x.rank - 1))
    aligned = x if not ones else reshape(x, shape=(x.shape[0], *ones, *x.shape[1:]))
    result: Operand = broadcast_to(aligned, shape=(size, *shape))
    return result


def _reshape_type(x: Type, *, shape: tuple[Dim, ...]) -> Type:
    assert isinstance(x, ArrayType)
    return ArrayType(x.dtype, shape)


reshape = Reindex(
    name="reshape",
    infer_type=_reshape_type,
    run=lambda x, *, shape: np.array(np.reshape(x, shape)),
    source=lambda params, operands, result, write: f"x.reshape({', '.join(write(d) for d in params['shape'])})"
    if getattr(operands[0], "shape", ())
    else f"np.reshape(x, {_written_shape([write(d) for d in params['shape']])})",
    transpose=lambda ct, x, *, shape: reshape(ct, shape=x.shape),
    batching=lambda xs, batched, size, *, shape: reshape(xs[0], shape=(size, *shape)),
    samples=(draw(uniform(-1, 1, 2, 3), shape=(6,)), draw(uniform(-1, 1, 6), shape=(3, 1, 2))),
)


def _inverse(axes: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(axes.index(k) for k in range(len(axes)))


permute = Reindex(
    name="permute",
    infer_type=lambda x, *, axes: ArrayType(x.dtype, tuple(x.shape[a] for a in axes)),
    run=lambda x, *, axes: np.ascontiguousarray(np.transpose(x, axes)),
    source=lambda params, operands, result, write: "x.T" if params["axes"] == tuple(reversed(range(len(params["axes"])))) else f"x.transpose({', '.join(map(str, params['axes']))})",
    transpose=lambda ct, x, *, axes: permute(ct, axes=_inverse(axes)),
    batching=lambda xs, batched, size, *, axes: permute(xs[0], axes=(0, *(a + 1 for a in axes))),
    source_index=lambda out, x, *, axes: tuple(out[axes.index(k)] for k in range(len(axes))),
    samples=(draw(uniform(-1, 1, 2, 3), axes=(1, 0)), draw(uniform(-1, 1, 2, 3, 4), axes=(2, 0, 1))),
)


def sum_to_shape(ct: Operand, shape: tuple[Dim, ...]) -> Operand:
    """The transpose of broadcasting: sum over the axes that were stretched, so that the result has `shape`."""
    extra = ct.rank - len(shape)
    axes = tuple(range(extra)) + tuple(
        k + extra for k, d in enumerate(shape) if d == 1 and ct.shape[k + extra] != 1
    )
    if not axes:
        return ct
    summed = sum_over(ct, axes)
    return summed if summed.shape == shape else reshape(summed, shape=shape)


def sum_over(x: Operand, axes: tuple[int, ...]) -> Operand:
    from_table: Operand = _REDUCE_SUM[0](x, axes=axes)
    return from_table


_REDUCE_SUM: list[Any] = []  # filled by `reductions`, which needs this file for its own rules

# ---- indexing ----


def _take_shape(takes: Sequence[Type]) -> tuple[Dim, ...]:
    return broadcast_shapes([t.shape for t in takes if isinstance(t, ArrayType)], "indexing") if takes else ()


def _index_type(x: Type, *takes: Type, at: Index) -> Type:
    assert isinstance(x, ArrayType) and len(at) == x.rank
    return ArrayType(x.dtype, result_shape(at, _take_shape(takes)))


def _index_transpose(ct: Operand, x: Operand, *takes: Operand, at: Index) -> Operand:
    return emit(update_add, (zeros_of(x.type), ct, *takes), {"at": at})[0]


def _shifted(at: Index) -> Index:
    return tuple(Take(c.operand) if isinstance(c, Take) else c for c in at)


def _index_batch(xs: Sequence[Operand], batched: Sequence[bool], size: Dim, *, at: Index) -> Operand:
    if any(batched[1:]):
        raise index.gap("batch (batched index arrays)")
    return emit(index, xs, {"at": (Slice(Dim.of(0), size), *_shifted(at))})[0]


def _read(x: Any, *takes: Any, at: Any) -> Any:
    y = x[at]
    return np.array(y) if isinstance(y, np.ndarray) else y


index = Reindex(
    name="index",
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
    if broadcast_shapes([target, v.shape], "assignment") != target:
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


def _update_vjp(ct: Operand, x: Operand, v: Operand, *takes: Operand, at: Index, once: bool = False) -> tuple[Operand, Operand]:
    v_bar = sum_to_shape(emit(index, (ct, *takes), {"at": at})[0], v.shape)
    if once:  # the old element was never read: its cotangent needs no zeroing
        return ct, v_bar
    zero = ct.dtype.type(0)
    return emit(update, (ct, zero, *takes), {"at": at})[0], v_bar


def _update_batch(operation: Any) -> Any:
    def batching(xs: Sequence[Operand], batched: Sequence[bool], size: Dim, *, at: Index, **params: Any) -> Operand:
        if any(batched[2:]):
            raise operation().gap("batch (batched index arrays)")
        x, v, *takes = xs
        rank = len(result_shape(at, _take_shape([t.type for t in takes])))
        if not batched[0]:
            x = broadcast_to(x, shape=(size, *x.shape))
        if batched[1] and v.rank - 1 < rank:
            v = reshape(v, shape=(size, *(Dim.of(1),) * (rank - v.rank + 1), *v.shape[1:]))
        return emit(operation(), (x, v, *takes), {"at": (Slice(Dim.of(0), size), *at), **params})[0]

    return batching


_writes = (
    draw(uniform(-1, 1, 5), uniform(-1, 1, 3), at=(Slice(Dim.of(1), Dim.of(3)),)),
    draw(uniform(-1, 1, 4, 5), uniform(-1, 1), at=(At(Dim.of(2)), Slice(Dim.of(0), Dim.of(2), 2))),
)
update = Linear(
    name="update",
    linear_in=(0, 1),
    infer_type=_update_type,
    run=_written,
    transpose=_update_vjp,
    batching=_update_batch(lambda: update),
    samples=_writes,
)
update_add = Linear(
    name="update_add",
    linear_in=(0, 1),
    infer_type=_update_type,
    run=_added,
    transpose=lambda ct, x, v, *takes, at: (ct, sum_to_shape(emit(index, (ct, *takes), {"at": at})[0], v.shape)),
    batching=_update_batch(lambda: update_add),
    samples=(*_writes, draw(uniform(-1, 1, 4), uniform(-1, 1, 6), integers(0, 4, 6), at=(Take(0),))),
)


