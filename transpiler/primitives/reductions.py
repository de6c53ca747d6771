"""Reductions along axes. `axes` is a sorted tuple of ints; reduced axes disappear (the frontend writes `keepdims` as a
reshape)."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradscribe.transpiler.ir.bounds import is_positive
from gradscribe.transpiler.ir.dims import Dim
from gradscribe.transpiler.ir.nodes import Operand
from gradscribe.transpiler.ir.types import BOOL, INT64
from gradscribe.transpiler.primitives.allocation import ones
from gradscribe.transpiler.primitives.arithmetic import equal, select
from gradscribe.transpiler.primitives.joining import concatenate
from gradscribe.transpiler.primitives.primitive import DType, Reduction, require_order
from gradscribe.transpiler.primitives.sample import booleans, complexes, draw, uniform
from gradscribe.transpiler.primitives.scans import cumprod, flip, slice_axis
from gradscribe.transpiler.primitives.source_text import axes_text
from gradscribe.transpiler.primitives.structure import broadcast_to, convert, permute, reshape


def _source(function: str) -> Any:
    return lambda params, operands, result, write: f"np.{function}(x{axes_text(params['axes'], operands[0].rank)})"


def keep_axes(y: Operand, x: Operand, axes: tuple[int, ...]) -> Operand:
    """`y` (x reduced along axes) with the reduced axes back as 1, so that it broadcasts against x."""
    shape = tuple(Dim.of(1) if k in axes else d for k, d in enumerate(x.shape))
    return y if y.shape == shape or not y.shape else reshape(y, shape=shape)


_samples = (
    draw(uniform(-1, 1, 2, 3), axes=(0,)),
    draw(uniform(-1, 1, 2, 3), axes=(0, 1)),
    draw(uniform(-1, 1, 2, 3, 2), axes=(1,)),
)

# ---- sum ----


def _sum_pull(ct: Operand, y: Operand, x: Operand, *, axes: tuple[int, ...]) -> Operand:
    wide: Operand = broadcast_to(keep_axes(ct, x, axes), shape=x.shape)  # adjoint of a sum is a broadcast
    return wide


def _sum_dtype(d: DType) -> DType:
    """NumPy sums booleans and narrow integers in the platform's integer."""
    return INT64 if d.kind in "bi" else np.dtype(np.uint64) if d.kind == "u" else d


reduce_sum: Reduction = Reduction(
    name="reduce_sum",
    run=lambda x, *, axes: np.sum(x, axis=axes),
    source=_source("sum"),
    combine="acc + x",
    init="0",
    linear=True,
    pull=_sum_pull,
    result_dtype=_sum_dtype,
    samples=(*_samples, draw(complexes(2, 3), axes=(1,))),
)

# ---- maximum and minimum: tied elements share the cotangent equally, all get NaN from a NaN, as in JAX ----


def _winners(y: Operand, x: Operand, axes: tuple[int, ...]) -> tuple[Operand, Operand]:
    """Which elements attain the extremum, and how many of them there are."""
    attained = equal(x, keep_axes(y, x, axes))
    return attained, reduce_sum(convert(attained, dtype=x.dtype), axes=axes)


def _extremum_pull(ct: Operand, y: Operand, x: Operand, *, axes: tuple[int, ...]) -> Operand:
    attained, count = _winners(y, x, axes)
    share: Operand = convert(attained, dtype=x.dtype) * keep_axes(ct / count, x, axes)
    return share  # of a NaN extremum: 0 (ct / 0) is NaN


def _extremum_push(t: Operand, y: Operand, x: Operand, *, axes: tuple[int, ...]) -> Operand:
    attained, count = _winners(y, x, axes)
    mean: Operand = reduce_sum(select(attained, t, 0.0), axes=axes) / count
    return mean


def _ordered(name: str, dtype: DType) -> DType:
    require_order(name, dtype)
    return dtype


def _smallest(dtype: DType) -> str:
    """Loop text of the identity of the maximum."""
    return "-np.inf" if dtype.kind == "f" else "False" if dtype.kind == "b" else str(np.iinfo(dtype).min)


def _largest(dtype: DType) -> str:
    return "np.inf" if dtype.kind == "f" else "True" if dtype.kind == "b" else str(np.iinfo(dtype).max)


reduce_max: Reduction = Reduction(
    name="reduce_max",
    result_dtype=lambda d: _ordered("np.max", d),
    run=lambda x, *, axes: np.max(x, axis=axes),
    source=_source("max"),
    combine="fmax_nan(acc, x)",
    init=_smallest,
    pull=_extremum_pull,
    push=_extremum_push,
    samples=_samples,
)
reduce_min: Reduction = Reduction(
    name="reduce_min",
    result_dtype=lambda d: _ordered("np.min", d),
    run=lambda x, *, axes: np.min(x, axis=axes),
    source=_source("min"),
    combine="fmin_nan(acc, x)",
    init=_largest,
    pull=_extremum_pull,
    push=_extremum_push,
    samples=_samples,
)

# ---- product ----


def _products_of_others(x: Operand, axes: tuple[int, ...]) -> Operand:
    """At every element the product of all others of its group: (product of those before) (product of those after).

    A quotient y / x would be NaN at a zero."""
    rest = tuple(k for k in range(x.rank) if k not in axes)
    order = (*rest, *axes)
    rows = x if order == tuple(range(x.rank)) else permute(x, axes=order)
    length = Dim.of(1)
    for a in axes:
        length = length * x.shape[a]
    outer = tuple(x.shape[k] for k in rest)
    rows = rows if len(axes) == 1 else reshape(rows, shape=(*outer, length))
    axis = len(rest)
    one = ones(shape=(*outer, Dim.of(1)), dtype=x.dtype)
    if is_positive(length):
        before = concatenate(one, cumprod(slice_axis(rows, axis, 0, length - 1), axis=axis), axis=axis)
        backwards = cumprod(flip(slice_axis(rows, axis, 1, length - 1), axis), axis=axis)
        after = concatenate(flip(backwards, axis), one, axis=axis)
    else:  # a group may be empty, so that there is no slice of one element less: one element more is cut off again
        before = slice_axis(concatenate(one, cumprod(rows, axis=axis), axis=axis), axis, 0, length)
        backwards = slice_axis(concatenate(one, cumprod(flip(rows, axis), axis=axis), axis=axis), axis, 0, length)
        after = flip(backwards, axis)
    others: Operand = before * after
    if len(axes) > 1:
        others = reshape(others, shape=tuple(x.shape[k] for k in order))
    back = tuple(order.index(k) for k in range(x.rank))
    return others if order == tuple(range(x.rank)) else permute(others, axes=back)


def _product_pull(ct: Operand, y: Operand, x: Operand, *, axes: tuple[int, ...]) -> Operand:
    pulled: Operand = keep_axes(ct, x, axes) * _products_of_others(x, axes)
    return pulled


def _product_push(t: Operand, y: Operand, x: Operand, *, axes: tuple[int, ...]) -> Operand:
    pushed: Operand = reduce_sum(t * _products_of_others(x, axes), axes=axes)
    return pushed


reduce_prod: Reduction = Reduction(
    name="reduce_prod",
    run=lambda x, *, axes: np.prod(x, axis=axes),
    source=_source("prod"),
    combine="acc * x",
    init="1",
    pull=_product_pull,
    push=_product_push,
    result_dtype=_sum_dtype,
    samples=(
        *_samples,
        draw(uniform(-1, 1, 2, 3, 2), axes=(0, 2)),
        draw(lambda rng, dtype: np.array([2, 0, 3], dtype), axes=(0,)),
        draw(complexes(2, 3), axes=(1,)),
    ),
)

# ---- truth: operands are booleans ----

reduce_and: Reduction = Reduction(
    name="reduce_and",
    run=lambda x, *, axes: np.all(x, axis=axes),
    source=_source("all"),
    combine="acc and x",
    init="True",
    result_dtype=lambda d: BOOL,
    samples=(draw(booleans(2, 3), axes=(0,)), draw(booleans(2, 3), axes=(0, 1))),
)
reduce_or: Reduction = Reduction(
    name="reduce_or",
    run=lambda x, *, axes: np.any(x, axis=axes),
    source=_source("any"),
    combine="acc or x",
    init="False",
    result_dtype=lambda d: BOOL,
    samples=(draw(booleans(2, 3), axes=(0,)), draw(booleans(2, 3), axes=(0, 1))),
)
