"""Scalar equations of loop bodies: one elementwise operation on elements, with the dtypes made explicit.

In: an elementwise operation and lowered scalar operands. Out: its scalar result. Establishes: operands have the dtype
the operation computes in (no Python scalar is left to promotion rules, which differ between NumPy and the native
compiler), and small constant integer powers are products.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from gradscribe.transpiler.ir.builder import emit
from gradscribe.transpiler.ir.nodes import Literal, Operand, Var
from gradscribe.transpiler.ir.types import BOOL, INT64, ArrayType
from gradscribe.transpiler.primitives.arithmetic import multiply, select
from gradscribe.transpiler.primitives.conversion import convert
from gradscribe.transpiler.primitives.powers import integer_power, power
from gradscribe.transpiler.primitives.primitive import Elementwise

_PYTHON = {"b": True, "i": 1, "u": 1, "f": 1.0, "c": 1j}
_LARGEST_UNROLLED_POWER = 8
_COMPARISONS = frozenset("less less_equal greater greater_equal equal not_equal".split())


def with_dtype(x: Operand, dtype: np.dtype) -> Operand:
    """The scalar `x` in `dtype`; literals are converted here and now, if they fit."""
    if x.dtype == dtype:
        return x
    if isinstance(x, Literal) and not (dtype.kind in "iu" and isinstance(x.value, int) and not _holds(dtype, x.value)):
        return Literal(dtype.type(x.value))
    return emit(convert, (x,), {"dtype": dtype}, hint=x.hint if isinstance(x, Var) else "")[0]


def _holds(dtype: np.dtype, value: int) -> bool:
    limits = np.iinfo(dtype)
    return bool(limits.min <= value <= limits.max)


def computing_dtype(operands: list[Operand], result: np.dtype) -> np.dtype:
    """The dtype in which an operation on `operands` giving `result` is computed (NumPy 2 promotion)."""
    types = [x.type for x in operands]
    assert all(isinstance(t, ArrayType) for t in types)
    common = np.result_type(*(_PYTHON[t.dtype.kind] if t.weak else t.dtype for t in types))
    if result != BOOL and common.kind in "biu" and (common == BOOL or result.kind not in "biu"):
        return result
    return common


def compute(
    operation: Elementwise, operands: list[Operand], result: ArrayType, params: Mapping[str, Any], hint: str = ""
) -> Operand:
    """Emit one scalar equation; its result has the dtype of `result`."""
    if operation is select:
        condition, *data = operands
        operands = [with_dtype(condition, BOOL), *(with_dtype(x, result.dtype) for x in data)]
    elif operation.promotes:
        dtype = _wide_enough(operation, operands, computing_dtype(operands, result.dtype))
        product = _small_power(operation, operands, dtype, params)
        if product is not None:
            return with_dtype(product, result.dtype)
        operands = [with_dtype(x, dtype) for x in operands]
    computed = _scalar_type(_inferred(operation, operands, params), result)
    return with_dtype(emit(operation, operands, dict(params), hint=hint, types=(computed,))[0], result.dtype)


def _scalar_type(type: ArrayType, result: ArrayType) -> ArrayType:
    """A Python scalar where the operation gives one, whatever its operands have been converted to."""
    return ArrayType(type.dtype, (), result.weak and not result.shape)


def _inferred(operation: Elementwise, operands: list[Operand], params: Mapping[str, Any]) -> ArrayType:
    (type,) = operation.infer(tuple(x.type for x in operands), params, ())
    assert isinstance(type, ArrayType)
    return type


def _wide_enough(operation: Elementwise, operands: list[Operand], common: np.dtype) -> np.dtype:
    """The dtype of a comparison: NumPy compares an integer with a Python int that its dtype does not hold, too."""
    if operation.name not in _COMPARISONS or common.kind not in "iu" or common.itemsize == 8:
        return common
    for x in operands:
        if isinstance(x.type, ArrayType) and x.type.weak and x.type.dtype.kind == "i":
            if not (isinstance(x, Literal) and _holds(common, x.value)):
                return INT64
    return common


def _small_power(
    operation: Elementwise, operands: list[Operand], dtype: np.dtype, params: Mapping[str, Any]
) -> Operand | None:
    """x ** k for a small integer constant k >= 1, as products (square and multiply). NumPy squares by multiplying
    too."""
    if operation is integer_power:
        exponent: Any = params["exponent"]
    elif operation is power and isinstance(operands[1], Literal) and not isinstance(operands[1].value, complex):
        exponent = operands[1].value
    else:
        return None
    if exponent != int(exponent) or not 1 <= exponent <= _LARGEST_UNROLLED_POWER:
        return None
    square, result, k = with_dtype(operands[0], dtype), None, int(exponent)
    while k:
        if k & 1:
            result = square if result is None else emit(multiply, (result, square))[0]
        k >>= 1
        if k:
            square = emit(multiply, (square, square))[0]
    return result
