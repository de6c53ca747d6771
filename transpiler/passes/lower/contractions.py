"""Contractions as BLAS sees them: matrices, possibly stacked, each used as it is or transposed.

In: operands and letters of a `dot_general`. Out: a `matmul` between reshapes, or the sum of products (which becomes a
loop nest) where a nest is as good: products with a vector, outer products, elementwise products, small constant
sizes, dtypes BLAS has not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from gradscribe.transpiler.ir.builder import emit
from gradscribe.transpiler.ir.dims import Dim
from gradscribe.transpiler.ir.nodes import Operand
from gradscribe.transpiler.ir.types import FLOAT32, FLOAT64, ArrayType, Type
from gradscribe.transpiler.passes.lower.operations import LoopOperation
from gradscribe.transpiler.primitives.contraction import dot_general
from gradscribe.transpiler.primitives.structure import convert, permute, reshape

_SMALL = 8  # up to this size, loops beat a call of BLAS


def _product_type(x: Type, y: Type, *, trans_x: bool, trans_y: bool) -> tuple[Type, ...]:
    assert isinstance(x, ArrayType) and isinstance(y, ArrayType)
    rows = x.shape[-1] if trans_x else x.shape[-2]
    columns = y.shape[-2] if trans_y else y.shape[-1]
    stacked = x.shape[:-2] or y.shape[:-2]
    return (ArrayType(x.dtype, (*stacked, rows, columns)),)


def _multiply(x: Any, y: Any, *, trans_x: bool, trans_y: bool) -> tuple[Any]:
    x = np.swapaxes(x, -1, -2) if trans_x else x
    y = np.swapaxes(y, -1, -2) if trans_y else y
    return (np.ascontiguousarray(x @ y),)


# Product of two matrices, or of stacks of them (one axis in front; an operand without it is shared).
matmul = LoopOperation(name="matmul", infer_types=_product_type, run=_multiply)

# The same, added to a third array in its memory: BLAS does both at once.
matmul_add = LoopOperation(
    name="matmul_add",
    infer_types=lambda total, x, y, **params: (total,),
    run=lambda total, x, y, **params: (total + _multiply(x, y, **params)[0],),
)


def matrix_product(x: Operand, y: Operand, *, a: str, b: str, out: str) -> Operand:
    """Emit the contraction x[a] y[b] -> out."""
    sizes = {**dict(zip(a, x.shape, strict=True)), **dict(zip(b, y.shape, strict=True))}
    dtype = np.result_type(x.dtype, y.dtype)
    batch = "".join(c for c in out if c in a and c in b)
    rows = "".join(c for c in out if c in a and c not in b)
    columns = "".join(c for c in out if c in b and c not in a)
    summed = "".join(c for c in a if c in b and c not in out)
    if dtype not in (FLOAT32, FLOAT64) or not (rows and columns and summed) or _small(sizes, rows, columns, summed):
        assert dot_general.expand is not None
        product: Operand = dot_general.expand(x, y, a=a, b=b, out=out)
        return product
    x, y = (v if v.dtype == dtype else convert(v, dtype=dtype) for v in (x, y))
    if out.index(columns[0]) < out.index(rows[0]):  # out.T = y.T x.T
        x, y, a, b, rows, columns = y, x, b, a, columns, rows
    left, trans_x = _matrix(x, a, batch, rows, summed, sizes)
    right, trans_y = _matrix(y, b, batch, summed, columns, sizes)
    result = emit(matmul, (left, right), {"trans_x": trans_x, "trans_y": trans_y})[0]
    letters = batch + rows + columns
    shape = tuple(sizes[c] for c in letters)
    result = result if result.shape == shape else reshape(result, shape=shape)
    return result if letters == out else permute(result, axes=tuple(letters.index(c) for c in out))


def _small(sizes: Mapping[str, Dim], *groups: str) -> bool:
    """All sides of the product are small constants."""
    for letters in groups:
        size = _size(sizes, letters).constant
        if size is None or size > _SMALL:
            return False
    return True


def _size(sizes: Mapping[str, Dim], letters: str) -> Dim:
    total = Dim.of(1)
    for c in letters:
        total = total * sizes[c]
    return total


def _matrix(
    x: Operand, own: str, batch: str, first: str, second: str, sizes: Mapping[str, Dim]
) -> tuple[Operand, bool]:
    """`x` as a (stacked) matrix with axes (first, second), and whether it is to be used transposed."""
    own_batch = "".join(c for c in batch if c in own)
    plain, transposed = own_batch + first + second, own_batch + second + first
    flipped = own == transposed
    if own not in (plain, transposed):
        x = permute(x, axes=tuple(own.index(c) for c in plain))
    sides = [_size(sizes, second), _size(sizes, first)] if flipped else [_size(sizes, first), _size(sizes, second)]
    shape = (*([_size(sizes, own_batch)] if own_batch else []), *sides)
    return x if x.shape == shape else reshape(x, shape=shape), flipped
