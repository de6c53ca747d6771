"""Other representations of the same numbers: dtype conversion, Python scalars, copies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gradscribe.transpiler.ir.nodes import Operand
from gradscribe.transpiler.ir.types import ArrayType, Type
from gradscribe.transpiler.primitives.primitive import PRIMITIVES, DType, Linear
from gradscribe.transpiler.primitives.sample import draw, uniform
from gradscribe.transpiler.primitives.source_text import dtype_text, python_type_text


def in_dtype(x: Operand, dtype: DType) -> Operand:
    """x in `dtype`, no equation where it is that already; of a complex value for a real dtype the real part."""
    if x.dtype.kind == "c" and dtype.kind != "c":
        x = PRIMITIVES["real"](x)
    converted: Operand = x if x.dtype == dtype else convert(x, dtype=dtype)
    return converted


def _convert(x: Any, *, dtype: DType) -> Any:
    return np.asarray(x).astype(dtype) if np.ndim(x) else dtype.type(x)


def _convert_text(params: Any, operands: Sequence[Type], result: Type, write: Any) -> str:
    name = dtype_text(params["dtype"])
    return f"x.astype({name})" if isinstance(result, ArrayType) and result.shape else f"{name}(x)"


def _convert_back(ct: Operand, x: Operand, *, dtype: DType) -> Operand | None:
    """The cotangent in the operand's dtype; nothing for an integer operand."""
    if x.dtype.kind not in "fc":
        return None
    return in_dtype(ct, x.dtype)


convert: Linear = Linear(
    name="convert",
    infer_type=lambda x, *, dtype: ArrayType(np.dtype(dtype), x.shape),
    run=_convert,
    source=_convert_text,
    scalar=lambda params, operands, result, write: f"{dtype_text(params['dtype'])}(x)",
    transpose=_convert_back,
    batching=lambda xs, batched, size, *, dtype: convert(xs[0], dtype=dtype),
    samples=(draw(uniform(-1, 1, 3), dtype=np.dtype(np.float32)), draw(uniform(-1, 1), dtype=np.dtype(np.float64))),
)

# `float(x)`, `int(x)` (towards zero), `bool(x)`: a scalar as a Python scalar, whose dtype yields to its partner's.
# `dtype` is float64, int64 or bool. A batch of Python scalars is an ordinary array.
python_scalar: Linear = Linear(
    name="python_scalar",
    infer_type=lambda x, *, dtype: ArrayType(np.dtype(dtype), (), True),
    run=lambda x, *, dtype: dtype.type(x).item(),
    source=lambda params, operands, result, write: f"{python_type_text(params['dtype'])}(x)",
    scalar=lambda params, operands, result, write: f"{dtype_text(params['dtype'])}(x)",
    transpose=_convert_back,
    batching=lambda xs, batched, size, *, dtype: xs[0] if xs[0].dtype == dtype else convert(xs[0], dtype=dtype),
    samples=(draw(uniform(-1, 1), dtype=np.dtype(np.float64)),),
)

copy: Linear = Linear(
    name="copy",
    allocates=True,
    infer_type=lambda x: x,
    run=lambda x: np.array(x, copy=True) if isinstance(x, np.ndarray) else (list(x) if isinstance(x, list) else x),
    source="x.copy()",
    transpose=lambda ct, x: ct,
    batching=lambda xs, batched, size: copy(xs[0]),
    samples=(draw(uniform(-1, 1, 2, 3)),),
)
