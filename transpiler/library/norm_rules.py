"""Norms of vectors and matrices. At 0 the gradient of a root is NaN, as in JAX: guard it with `np.where`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gradscribe.transpiler.errors import UnsupportedSyntax
from gradscribe.transpiler.ir.builder import current_span
from gradscribe.transpiler.ir.nodes import Operand
from gradscribe.transpiler.library.arguments import cast, data, floating, many_axes, one_axis, static_value, strong
from gradscribe.transpiler.library.linear_algebra_rules import svdvals
from gradscribe.transpiler.library.reduction_rules import kept
from gradscribe.transpiler.library.shape_rules import permuted, ravel
from gradscribe.transpiler.primitives.arithmetic import not_equal
from gradscribe.transpiler.primitives.complex_numbers import squared_size
from gradscribe.transpiler.primitives.elementary import sqrt
from gradscribe.transpiler.primitives.piecewise import absolute
from gradscribe.transpiler.primitives.reductions import reduce_max, reduce_min, reduce_sum


def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: Any = False) -> Any:
    a = floating(strong(data(x)))
    kind = static_value(ord, "ord")
    if axis is None and (kind is None or a.rank == 1 or (a.rank == 2 and kind == "fro")):
        axes = tuple(range(a.rank))
        kind = None if kind in ("fro", 2) else kind
    else:
        axes = many_axes(axis, a.rank, "np.linalg.norm")
        if len(axes) == 2 and kind not in (None, "fro"):
            rows, columns = axes if axis is None else (one_axis(k, a.rank, "np.linalg.norm") for k in axis)
            return kept(_of_matrices(a, kind, rows, columns), a, axes, keepdims)
        if len(axes) > 2:
            raise UnsupportedSyntax(current_span(), f"the norm of {len(axes)} axes with ord={kind!r} is not supported")
        kind = None if kind in ("fro", 2) else kind
    if kind is None:
        return kept(sqrt(reduce_sum(squared_size(a), axes=axes)), a, axes, keepdims)
    return kept(_of_vectors(a, kind, axes), a, axes, keepdims)


def _of_vectors(a: Operand, kind: Any, axes: tuple[int, ...]) -> Operand:
    size = absolute(a)
    result: Operand
    if kind == np.inf:
        result = reduce_max(size, axes=axes)
    elif kind == -np.inf:
        result = reduce_min(size, axes=axes)
    elif kind == 0:
        result = reduce_sum(cast(not_equal(a, 0), size.dtype), axes=axes)
    elif kind == 1:
        result = reduce_sum(size, axes=axes)
    else:
        result = reduce_sum(size**kind, axes=axes) ** (1.0 / kind)
    return result


def _of_matrices(a: Operand, kind: Any, rows: int, columns: int) -> Operand:
    """Largest and smallest sums of columns or rows, singular values, or the sum of these."""
    last = a.rank - 2
    result: Operand
    if kind in (2, -2, "nuc"):
        rest = tuple(k for k in range(a.rank) if k not in (rows, columns))
        s = svdvals(permuted(a, (*rest, rows, columns)))
        result = (reduce_sum if kind == "nuc" else reduce_max if kind == 2 else reduce_min)(s, axes=(last,))
    elif kind in (1, -1, np.inf, -np.inf):
        summed, left = (rows, columns) if kind in (1, -1) else (columns, rows)
        sums = reduce_sum(absolute(a), axes=(summed,))
        result = (reduce_max if kind > 0 else reduce_min)(sums, axes=(left - (left > summed),))
    else:
        raise ValueError("Invalid norm order for matrices.")
    return result


def matrix_norm(x: Any, /, *, keepdims: Any = False, ord: Any = "fro") -> Any:
    return norm(x, ord, (-2, -1), keepdims)


def vector_norm(x: Any, /, *, axis: Any = None, keepdims: Any = False, ord: Any = 2) -> Any:
    return norm(ravel(x) if axis is None else x, ord, axis, keepdims)


NORM_RULES: dict[Any, Callable[..., Any]] = {
    np.linalg.norm: norm,
    np.linalg.matrix_norm: matrix_norm,
    np.linalg.vector_norm: vector_norm,
}
