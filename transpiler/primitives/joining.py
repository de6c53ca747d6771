"""Joining arrays: concatenate, stack, and arrays written element by element (`np.array([[a, b], [c, d]])`).

Linear in all operands; the adjoint of joining is slicing. Assumes operands of one dtype (callers convert).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gradscribe.transpiler.ir.builder import emit
from gradscribe.transpiler.ir.dims import Dim
from gradscribe.transpiler.ir.equalities import equalities
from gradscribe.transpiler.ir.index import At, Index, Slice, whole
from gradscribe.transpiler.ir.nodes import Operand
from gradscribe.transpiler.ir.types import ArrayType, Type
from gradscribe.transpiler.primitives.primitive import Linear
from gradscribe.transpiler.primitives.sample import draw, uniform
from gradscribe.transpiler.primitives.source_text import dtype_text, tuple_text
from gradscribe.transpiler.primitives.structure import broadcast_to, empty, index, reshape, update


def _joined_text(function: str) -> Any:
    def source(params: Any, operands: Sequence[Type], result: Type, write: Any) -> str:
        names = tuple_text([f"x{k}" for k in range(len(operands))])
        return f"{function}({names}, axis={params['axis']})" if params["axis"] else f"{function}({names})"

    return source


def _arrays(operands: Sequence[Type]) -> list[ArrayType]:
    return [t for t in operands if isinstance(t, ArrayType)]


def _element(count: int, axis: int, shape: tuple[Dim, ...]) -> Index:
    """The index of element number `count` along `axis` of an array of this shape."""
    return (*whole(shape[:axis]), At(Dim.of(count)), *whole(shape[axis + 1 :]))


def _with_batch(xs: Sequence[Operand], batched: Sequence[bool], size: Dim) -> list[Operand]:
    return [x if b else broadcast_to(x, shape=(size, *x.shape)) for x, b in zip(xs, batched, strict=True)]


def _joined_batch(operation: Any) -> Any:
    def batching(xs: Sequence[Operand], batched: Sequence[bool], size: Dim, *, axis: int) -> Operand:
        return emit(operation(), _with_batch(xs, batched, size), {"axis": axis + 1})[0]

    return batching


# ---- concatenate ----


def _concatenated_type(*operands: Type, axis: int) -> Type:
    first, *others = _arrays(operands)
    shape = list(first.shape)
    for other in others:
        for k, (a, b) in enumerate(zip(first.shape, other.shape, strict=True)):
            if k != axis:
                equalities().require(a, b, "np.concatenate")
        shape[axis] = shape[axis] + other.shape[axis]
    return ArrayType(first.dtype, tuple(equalities().normalize(d) for d in shape))


def _pieces(axis: int, operands: Sequence[Operand], shape: tuple[Dim, ...]) -> list[Index]:
    """Where each operand lies in the joined array."""
    out: list[Index] = []
    start = Dim.of(0)
    for x in operands:
        length = x.shape[axis]
        out.append((*whole(shape[:axis]), Slice(start, length), *whole(shape[axis + 1 :])))
        start = start + length
    return out


def _concatenate_transpose(ct: Operand, *operands: Operand, axis: int) -> list[Operand]:
    return [index(ct, at=at) for at in _pieces(axis, operands, ct.shape)]


def _concatenate_expanded(*operands: Operand, axis: int) -> Operand:
    (type,) = concatenate.infer(tuple(x.type for x in operands), {"axis": axis}, ())
    assert isinstance(type, ArrayType)
    joined: Operand = empty(shape=type.shape, dtype=type.dtype)
    for x, at in zip(operands, _pieces(axis, operands, type.shape), strict=True):
        joined = update(joined, x, at=at, once=True)
    return joined


concatenate: Linear = Linear(
    name="concatenate",
    variadic=True,
    linear_in=None,
    infer_type=_concatenated_type,
    run=lambda *xs, axis: np.concatenate(xs, axis=axis),
    source=_joined_text("np.concatenate"),
    expand=_concatenate_expanded,
    transpose=_concatenate_transpose,
    batching=_joined_batch(lambda: concatenate),
    samples=(
        draw(uniform(-1, 1, 2), uniform(-1, 1, 3), axis=0),
        draw(uniform(-1, 1, 2, 3), uniform(-1, 1, 2, 1), uniform(-1, 1, 2, 2), axis=1),
    ),
)

# ---- stack ----


def _stacked_type(*operands: Type, axis: int) -> Type:
    first, *others = _arrays(operands)
    for other in others:
        for a, b in zip(first.shape, other.shape, strict=True):
            equalities().require(a, b, "np.stack")
    return ArrayType(first.dtype, (*first.shape[:axis], Dim.of(len(operands)), *first.shape[axis:]))


def _stack_expanded(*operands: Operand, axis: int) -> Operand:
    (type,) = stack.infer(tuple(x.type for x in operands), {"axis": axis}, ())
    assert isinstance(type, ArrayType)
    stacked: Operand = empty(shape=type.shape, dtype=type.dtype)
    for k, x in enumerate(operands):
        stacked = update(stacked, x, at=_element(k, axis, type.shape), once=True)
    return stacked


stack: Linear = Linear(
    name="stack",
    variadic=True,
    linear_in=None,
    infer_type=_stacked_type,
    run=lambda *xs, axis: np.stack(xs, axis=axis),
    source=_joined_text("np.stack"),
    expand=_stack_expanded,
    transpose=lambda ct, *operands, axis: [index(ct, at=_element(k, axis, ct.shape)) for k in range(len(operands))],
    batching=_joined_batch(lambda: stack),
    samples=(
        draw(uniform(-1, 1, 3), uniform(-1, 1, 3), axis=0),
        draw(uniform(-1, 1, 2, 3), uniform(-1, 1, 2, 3), axis=1),
    ),
)

# ---- arrays of scalars ----


def _nested(names: list[str], shape: tuple[int, ...]) -> str:
    if not shape:
        return names[0]
    step = len(names) // shape[0] if shape[0] else 0
    return f"[{', '.join(_nested(names[k * step : (k + 1) * step], shape[1:]) for k in range(shape[0]))}]"


def _sizes(shape: tuple[Any, ...]) -> tuple[int, ...]:
    sizes = [Dim.of(d).constant for d in shape]
    return tuple(n for n in sizes if n is not None)


def _array_text(params: Any, operands: Sequence[Type], result: Type, write: Any) -> str:
    arrays = _arrays(operands)
    text = _nested([f"x{k}" for k in range(len(operands))], _sizes(params["shape"]))
    found = np.result_type(*(t.dtype for t in arrays)) if arrays else np.dtype(np.float64)
    return f"np.array({text})" if found == params["dtype"] else f"np.array({text}, dtype={dtype_text(params['dtype'])})"


def _positions(shape: tuple[Any, ...]) -> list[Index]:
    return [tuple(At(Dim.of(k)) for k in position) for position in np.ndindex(*_sizes(shape))]


def _array_expanded(*operands: Operand, shape: tuple[Dim, ...], dtype: Any) -> Operand:
    filled: Operand = empty(shape=shape, dtype=dtype)
    for x, at in zip(operands, _positions(shape), strict=True):
        filled = update(filled, x, at=at, once=True)
    return filled


def _array_batch(xs: Sequence[Operand], batched: Sequence[bool], size: Dim, *, shape: Any, dtype: Any) -> Operand:
    columns = emit(stack, _with_batch(xs, batched, size), {"axis": 1})[0]
    return columns if len(shape) == 1 else reshape(columns, shape=(size, *shape))


# `np.array` of nested lists of scalars, given flat in C order; `shape` is constant.
array_of: Linear = Linear(
    name="array_of",
    variadic=True,
    allocates=True,
    linear_in=None,
    infer_type=lambda *operands, shape, dtype: ArrayType(np.dtype(dtype), shape),
    run=lambda *xs, shape, dtype: np.array(xs, dtype).reshape(shape),
    source=_array_text,
    expand=_array_expanded,
    transpose=lambda ct, *operands, shape, dtype: [index(ct, at=at) for at in _positions(shape)],
    batching=_array_batch,
    samples=(
        draw(uniform(-1, 1), uniform(-1, 1), uniform(-1, 1), shape=(3,), dtype=np.dtype(np.float64)),
        draw(*(uniform(-1, 1),) * 4, shape=(2, 2), dtype=np.dtype(np.float64)),
    ),
)
