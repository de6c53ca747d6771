"""Fresh arrays from static facts: zeros, ones, uninitialised, ranges, identities; and the value of a dim as data.

In: static params (dims, dtypes). Out: new arrays; none of these has a derivative, except `full` with respect to its
value.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gradscribe.transpiler.ir.builder import emit
from gradscribe.transpiler.ir.dims import Dim
from gradscribe.transpiler.ir.nodes import Operand
from gradscribe.transpiler.ir.types import INT64, ArrayType, Type
from gradscribe.transpiler.primitives.primitive import PRIMITIVES, Linear
from gradscribe.transpiler.primitives.sample import draw, uniform
from gradscribe.transpiler.primitives.source_text import dtype_argument, dtype_text, shape_text

_FLOAT64 = np.dtype(np.float64)


def _allocation_text(function: str) -> Any:
    def source(params: Any, operands: Sequence[Type], result: Type, write: Any) -> str:
        shape = shape_text([write(d) for d in params["shape"]])
        return f"np.{function}({shape}{dtype_argument(params['dtype'])})"

    return source


def _allocation(name: str, run: Any) -> Linear:
    return Linear(
        name=name,
        allocates=True,
        linear_in=(),
        infer_type=lambda *, shape, dtype: ArrayType(np.dtype(dtype), shape),
        run=run,
        source=_allocation_text(name),
        transpose=lambda ct, *, shape, dtype: (),
        batching=None,
        samples=(draw(shape=(2, 3), dtype=_FLOAT64), draw(shape=(4,), dtype=np.dtype(np.int64))),
    )


zeros = _allocation("zeros", lambda *, shape, dtype: np.zeros(shape, dtype))
ones = _allocation("ones", lambda *, shape, dtype: np.ones(shape, dtype))
# Elements must be written before they are read; `once` writes to it need no zeroing in reverse. The reference semantics
# fills it with a number that stands out.
empty = _allocation(
    "empty", lambda *, shape, dtype: np.full(shape, 7.7e77 if np.dtype(dtype) == _FLOAT64 else 77).astype(dtype)
)


def _full_batch(xs: Sequence[Operand], batched: Sequence[bool], size: Dim, *, shape: Any, dtype: Any) -> Operand:
    (value,) = xs
    ones_ = (Dim.of(1),) * len(shape)
    column = PRIMITIVES["reshape"](value, shape=(size, *ones_))
    if column.dtype != dtype:
        column = PRIMITIVES["convert"](column, dtype=dtype)
    wide: Operand = PRIMITIVES["broadcast_to"](column, shape=(size, *shape))
    return wide


def _full_text(params: Any, operands: Sequence[Type], result: Type, write: Any) -> str:
    shape = shape_text([write(d) for d in params["shape"]])
    (x,) = operands
    same = isinstance(x, ArrayType) and x.dtype == params["dtype"]
    return f"np.full({shape}, x)" if same else f"np.full({shape}, x, dtype={dtype_text(params['dtype'])})"


# Every element is the operand, a scalar.
full: Linear = Linear(
    name="full",
    allocates=True,
    infer_type=lambda x, *, shape, dtype: ArrayType(np.dtype(dtype), shape),
    run=lambda x, *, shape, dtype: np.full(shape, x, dtype),
    source=_full_text,
    transpose=lambda ct, x, *, shape, dtype: PRIMITIVES["reduce_sum"](ct, axes=tuple(range(len(shape)))),
    batching=_full_batch,
    samples=(draw(uniform(-1, 1), shape=(2, 3), dtype=_FLOAT64), draw(uniform(-1, 1), shape=(4,), dtype=_FLOAT64)),
)

# The value of an integer polynomial as data: `dim_value(dim=n - 1)`.
dim_value: Linear = Linear(
    name="dim_value",
    linear_in=(),
    infer_type=lambda *, dim: ArrayType(INT64, (), True),
    run=lambda *, dim: dim,
    source=lambda params, operands, result, write: write(params["dim"]),
    scalar=lambda params, operands, result, write: write(params["dim"]),
    transpose=lambda ct, *, dim: (),
    samples=(draw(dim=7),),
)


def _arange_text(params: Any, operands: Sequence[Type], result: Type, write: Any) -> str:
    start, length, step = params["start"], params["length"], params["step"]
    if step == 1 and start == 0:
        return f"np.arange({write(length)})"
    stop = write(start + step * length)
    return f"np.arange({write(start)}, {stop})" if step == 1 else f"np.arange({write(start)}, {stop}, {step})"


# start, start + step, ...: `length` integers.
arange: Linear = Linear(
    name="arange",
    allocates=True,
    linear_in=(),
    infer_type=lambda *, start, length, step: ArrayType(INT64, (length,)),
    run=lambda *, start, length, step: start + step * np.arange(length),
    source=_arange_text,
    transpose=lambda ct, *, start, length, step: (),
    samples=(draw(start=0, length=5, step=1), draw(start=3, length=4, step=-2)),
)


def _eye_text(params: Any, operands: Sequence[Type], result: Type, write: Any) -> str:
    rows, columns, k = params["rows"], params["columns"], params["k"]
    sizes = write(rows) if rows == columns else f"{write(rows)}, {write(columns)}"
    diagonal = f", k={k}" if k else ""
    return f"np.eye({sizes}{diagonal}{dtype_argument(params['dtype'])})"


def _eye_expanded(*, rows: Dim, columns: Dim, k: int, dtype: Any) -> Operand:
    """Ones where column = row + k."""
    row = emit(arange, (), {"start": Dim.of(k), "length": rows, "step": 1})[0]
    column = emit(arange, (), {"start": Dim.of(0), "length": columns, "step": 1})[0]
    row = PRIMITIVES["reshape"](row, shape=(rows, Dim.of(1)))
    expanded: Operand = PRIMITIVES["convert"](PRIMITIVES["equal"](row, column), dtype=np.dtype(dtype))
    return expanded


eye: Linear = Linear(
    name="eye",
    allocates=True,
    linear_in=(),
    infer_type=lambda *, rows, columns, k, dtype: ArrayType(np.dtype(dtype), (rows, columns)),
    run=lambda *, rows, columns, k, dtype: np.eye(rows, columns, k, dtype),
    source=_eye_text,
    expand=_eye_expanded,
    transpose=lambda ct, *, rows, columns, k, dtype: (),
    samples=(draw(rows=3, columns=4, k=1, dtype=_FLOAT64), draw(rows=3, columns=3, k=0, dtype=np.dtype(np.int64))),
)
