"""Triangles and diagonals of matrices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gradscribe.transpiler.errors import ShapeError
from gradscribe.transpiler.ir.builder import current_span, emit
from gradscribe.transpiler.ir.dims import Dim
from gradscribe.transpiler.ir.equalities import equalities
from gradscribe.transpiler.ir.index import Take, whole
from gradscribe.transpiler.library.arguments import (
    NeedsStatic,
    as_dim,
    data,
    one_axis,
    reshaped,
    spread,
    static_int,
    strong,
)
from gradscribe.transpiler.library.shape_rules import permuted, positions, ravel
from gradscribe.transpiler.primitives.allocation import zeros
from gradscribe.transpiler.primitives.arithmetic import greater_equal, less_equal, select
from gradscribe.transpiler.primitives.structure import index, update

Rule = Callable[..., Any]


def _triangle(lower: bool) -> Rule:
    def rule(m: Any, k: Any = 0) -> Any:
        x = strong(data(m))
        if x.rank == 1:
            x = spread(x, (x.shape[0], x.shape[0]))
        offset = as_dim(k, "the diagonal")
        rows, columns = x.shape[-2:]
        row = reshaped(positions(rows, offset), (rows, Dim.of(1)))
        inside = (greater_equal if lower else less_equal)(row, positions(columns))
        return select(inside, x, x.dtype.type(0))

    return rule


tril = _triangle(True)
triu = _triangle(False)


def _diagonal_length(rows: Dim, columns: Dim, k: int) -> Dim:
    rows, columns = (rows, columns - k) if k >= 0 else (rows + k, columns)
    difference = equalities().normalize(columns - rows)
    if not equalities().nonnegative(rows) or not equalities().nonnegative(columns):
        raise NeedsStatic(rows, "the diagonal has to be known to lie inside the matrix")
    wide = equalities().nonnegative(difference)
    if wide is None:
        return equalities().normalize(columns - difference.positive())
    return equalities().normalize(rows if wide else columns)


def diagonal(a: Any, offset: Any = 0, axis1: Any = 0, axis2: Any = 1) -> Any:
    x = strong(data(a))
    k = static_int(offset, "the offset of a diagonal")
    p, q = one_axis(axis1, x.rank, "np.diagonal"), one_axis(axis2, x.rank, "np.diagonal")
    rest = tuple(j for j in range(x.rank) if j not in (p, q))
    x = permuted(x, (*rest, p, q))
    length = _diagonal_length(x.shape[-2], x.shape[-1], k)
    rows, columns = positions(length, max(-k, 0)), positions(length, max(k, 0))
    at = (*whole(x.shape[:-2]), Take(0), Take(1))
    return emit(index, (x, rows, columns), {"at": at})[0]


def diag(v: Any, k: Any = 0) -> Any:
    """The diagonal of a matrix, or the matrix with this diagonal."""
    x = strong(data(v))
    if x.rank == 2:
        return diagonal(x, k)
    if x.rank != 1:
        raise ShapeError(current_span(), "`np.diag` takes a vector or a matrix")
    offset = static_int(k, "the diagonal")
    size = x.shape[0] + abs(offset)
    rows, columns = positions(x.shape[0], max(-offset, 0)), positions(x.shape[0], max(offset, 0))
    matrix = zeros(shape=(size, size), dtype=x.dtype)
    return emit(update, (matrix, x, rows, columns), {"at": (Take(0), Take(1)), "once": True})[0]


def diagflat(v: Any, k: Any = 0) -> Any:
    return diag(ravel(v), k)


DIAGONAL_RULES: dict[Any, Rule] = {
    np.tril: tril,
    np.triu: triu,
    np.diagonal: diagonal,
    np.diag: diag,
    np.diagflat: diagflat,
}
