"""Scalar equations of loop bodies: one elementwise operation on elements, with the dtypes made explicit.

In: an elementwise operation and lowered scalar operands. Out: its scalar result. Establishes: operands have the dtype the operation
computes in (no Python scalar is left to promotion rules, which differ between NumPy and the native compiler), and small
constant integer powers are products.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gradscribe.transpiler.ir.builder import emit
from gradscribe.transpiler.ir.nodes import Literal, Operand, Var
from gradscribe.transpiler.ir.types import BOOL, ArrayType
from gradscribe.transpiler.primitives.arithmetic import multiply, select
from gradscribe.transpiler.primitives.primitive import Elementwise
from gradscribe.transpiler.primitives.structure import convert

_PYTHON = {"b": True, "i": 1, "u": 1, "f": 1.0, "c": 1j}
_LARGEST_UNROLLED_POWER = 8


def with_dtype(x: Operand, dtype: np.dtype) -> Operand:
    """The scalar `x` in `dtype`; literals are converted here and now."""
    if x.dtype == dtype:
        return x
    if isinstance(x, Literal):
        return Literal(dtype.type(x.value))
    return emit(convert, (x,), {"dtype": dtype}, hint=x.hint if isinstance(x, Var) else "")[0]


def computing_dtype(operands: list[Operand], result: np.dtype) -> np.dtype:
    """The dtype in which an operation on `operands` giving `result` is computed (NumPy 2 promotion)."""
    types = [x.type for x in operands]
    assert all(isinstance(t, ArrayType) for t in types)
    common = np.result_type(*(_PYTHON[t.dtype.kind] if t.weak else t.dtype for t in types))  # type: ignore[union-attr]
    if result != BOOL and common.kind in "biu" and result.kind not in "biu":
        return result
    return common


def compute(operation: Elementwise, operands: list[Operand], result: ArrayType, hint: str = "") -> Operand:
    """Emit one scalar equation; its result has the dtype of `result`."""
    data = operands[1:] if operation is select else operands
    dtype = computing_dtype(data, result.dtype)
    if operation is select:
        dtype = result.dtype
        operands = [with_dtype(operands[0], BOOL), *(with_dtype(x, dtype) for x in data)]
    elif operation.name == "power":
        product = _small_power(operands[0], operands[1], dtype)
        if product is not None:
            return with_dtype(product, result.dtype)
        operands = [with_dtype(x, dtype) for x in operands]
    else:
        operands = [with_dtype(x, dtype) for x in operands]
    return with_dtype(emit(operation, operands, hint=hint)[0], result.dtype)


def _small_power(base: Operand, exponent: Operand, dtype: np.dtype) -> Operand | None:
    """x ** k for a small integer constant k >= 1, as products (square and multiply). NumPy squares by multiplying too."""
    if not isinstance(exponent, Literal) or isinstance(exponent.value, complex):
        return None
    k: Any = exponent.value
    if k != int(k) or not 1 <= k <= _LARGEST_UNROLLED_POWER:
        return None
    square, result, k = with_dtype(base, dtype), None, int(k)
    while k:
        if k & 1:
            result = square if result is None else emit(multiply, (result, square))[0]
        k >>= 1
        if k:
            square = emit(multiply, (square, square))[0]
    return result
