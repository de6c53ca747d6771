"""Reductions and what is built on them: sums, means, variances, norms, extrema, running sums, integrals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.special

from gradscribe.transpiler.errors import ShapeError, UnsupportedSyntax
from gradscribe.transpiler.ir.bounds import is_nonnegative
from gradscribe.transpiler.ir.builder import current_span
from gradscribe.transpiler.ir.dims import Dim
from gradscribe.transpiler.ir.equalities import equalities
from gradscribe.transpiler.ir.nodes import Operand
from gradscribe.transpiler.ir.types import BOOL
from gradscribe.transpiler.library.arguments import (
    cast,
    data,
    floating,
    many_axes,
    one_axis,
    refuse_given,
    reshaped,
    spread,
    static_dtype,
    static_int,
    static_value,
    strong,
    truth,
)
from gradscribe.transpiler.library.shape_rules import concatenate, join, ravel
from gradscribe.transpiler.primitives.arithmetic import not_equal, select
from gradscribe.transpiler.primitives.complex_numbers import squared_size
from gradscribe.transpiler.primitives.elementary import exp, log, sqrt
from gradscribe.transpiler.primitives.logic import isfinite, isnan, logical_not
from gradscribe.transpiler.primitives.primitive import Library, Reduction
from gradscribe.transpiler.primitives.reductions import (
    keep_axes,
    reduce_and,
    reduce_max,
    reduce_min,
    reduce_or,
    reduce_prod,
    reduce_sum,
)
from gradscribe.transpiler.primitives.scans import cumprod, cumsum, slice_axis
from gradscribe.transpiler.primitives.sorting import argmax, argmin

Rule = Callable[..., Any]


def kept(y: Operand, x: Operand, axes: tuple[int, ...], keepdims: Any) -> Operand:
    """y with the reduced axes as 1 where `keepdims` says so."""
    if not static_value(keepdims, "keepdims"):
        return y
    return reshaped(y, [Dim.of(1) if k in axes else d for k, d in enumerate(x.shape)])


def count_of(x: Operand, axes: tuple[int, ...]) -> Dim:
    """How many elements are combined into one."""
    total = Dim.of(1)
    for k in axes:
        total = total * x.shape[k]
    return equalities().normalize(total)


def _reduced(operation: Reduction, x: Operand, axes: tuple[int, ...], keepdims: Any) -> Operand:
    y: Operand = operation(x, axes=axes) if axes else x
    return kept(y, x, axes, keepdims)


def _plain(
    operation: Reduction,
    numpy: Callable[..., Any],
    prepare: Callable[[Operand], Operand] = lambda x: x,
    empty: bool = True,
) -> Rule:
    """A reduction that is a primitive; `empty` says that it has a value for no elements."""
    name = f"np.{numpy.__name__}"

    def rule(
        a: Any,
        axis: Any = None,
        dtype: Any = None,
        out: Any = None,
        keepdims: Any = False,
        initial: Any = None,
        where: Any = True,
    ) -> Any:
        refuse_given(name, out=(out, None), initial=(initial, None), where=(where, True))
        x = strong(prepare(data(a)))
        wanted = operation.result_dtype(x.dtype) if dtype is None else static_dtype(dtype)
        x = cast(x, wanted)
        axes = many_axes(axis, x.rank, name)
        if not empty and count_of(x, axes) == 0:
            raise ShapeError(current_span(), f"`{name}` of no elements")
        return cast(_reduced(operation, x, axes, keepdims), wanted)  # a sum of int8 is an int64, wrapped here

    return rule


_sum = _plain(reduce_sum, np.sum)
_prod = _plain(reduce_prod, np.prod)
_max = _plain(reduce_max, np.max, empty=False)
_min = _plain(reduce_min, np.min, empty=False)


def _without_dtype(rule: Rule) -> Rule:
    """NumPy's max, min, any and all take `out` third: no dtype."""

    def with_fewer(a: Any, axis: Any = None, out: Any = None, keepdims: Any = False, **options: Any) -> Any:
        return rule(a, axis, None, out, keepdims, **options)

    return with_fewer


# ---- means and variances ----


def mean(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False, *, where: Any = True
) -> Any:
    """The sum divided by the count; integers and booleans in float64."""
    refuse_given("np.mean", out=(out, None), where=(where, True))
    x = floating(strong(data(a, static_dtype(dtype))))
    axes = many_axes(axis, x.rank, "np.mean")
    return kept(_mean(x, axes), x, axes, keepdims)


def _mean(x: Operand, axes: tuple[int, ...]) -> Operand:
    total = reduce_sum(x, axes=axes) if axes else x
    quotient: Operand = total / data(count_of(x, axes))
    return quotient


def var(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    ddof: Any = 0,
    keepdims: Any = False,
    *,
    where: Any = True,
    correction: Any = None,
    mean: Any = None,
) -> Any:
    """Mean of squared deviations; divided by count - ddof."""
    refuse_given("np.var", out=(out, None), where=(where, True), mean=(mean, None))
    x = floating(strong(data(a, static_dtype(dtype))))
    axes = many_axes(axis, x.rank, "np.var")
    square = squared_size(x - keep_axes(_mean(x, axes), x, axes))
    total = reduce_sum(square, axes=axes) if axes else square
    correction = static_value(ddof if correction is None else correction, "ddof")
    count = count_of(x, axes)
    if isinstance(correction, int):
        divisor = count - correction
        divisor = divisor if is_nonnegative(divisor) else divisor.positive()
        return kept(total / data(divisor), x, axes, keepdims)
    return kept(total / (data(count) - data(correction)), x, axes, keepdims)


def std(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: Any = 0, keepdims: Any = False, **rest: Any
) -> Any:
    return sqrt(var(a, axis, dtype, out, ddof, keepdims, **rest))


def average(a: Any, axis: Any = None, weights: Any = None, returned: Any = False, *, keepdims: Any = False) -> Any:
    refuse_given("np.average", returned=(returned, False))
    if weights is None:
        return mean(a, axis, keepdims=keepdims)
    x, w = floating(strong(data(a))), floating(strong(data(weights)))
    axes = many_axes(axis, x.rank, "np.average")
    if w.rank == 1 and x.rank > 1 and len(axes) == 1:
        w = reshaped(w, [w.shape[0] if k in axes else Dim.of(1) for k in range(x.rank)])
    scale = reduce_sum(w, axes=tuple(k for k in axes if k < w.rank))
    return kept(reduce_sum(x * w, axes=axes) / scale, x, axes, keepdims)


def ptp(a: Any, axis: Any = None, out: Any = None, keepdims: Any = False) -> Any:
    refuse_given("np.ptp", out=(out, None))
    return _max(a, axis, keepdims=keepdims) - _min(a, axis, keepdims=keepdims)


def count_nonzero(a: Any, axis: Any = None, *, keepdims: Any = False) -> Any:
    return _sum(truth(data(a)), axis, keepdims=keepdims)


def _ignoring_nan(rule: Rule, filler: float) -> Rule:
    def with_filler(a: Any, axis: Any = None, **options: Any) -> Any:
        x = floating(strong(data(a)))
        return rule(select(isnan(x), x.dtype.type(filler), x), axis, **options)

    return with_filler


def _nanmean(a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False) -> Any:
    refuse_given("np.nanmean", dtype=(dtype, None), out=(out, None))
    x = floating(strong(data(a)))
    missing = isnan(x)
    total = _sum(select(missing, x.dtype.type(0), x), axis, keepdims=keepdims)
    present = _sum(cast(logical_not(missing), x.dtype), axis, keepdims=keepdims)
    return total / present


def _nan_extremum(rule: Rule, filler: float) -> Rule:
    """The extremum of what is no NaN; NaN where there is nothing else."""

    def skipping(a: Any, axis: Any = None, out: Any = None, keepdims: Any = False) -> Any:
        refuse_given("np.nanmax", out=(out, None))
        x = floating(strong(data(a)))
        missing = isnan(x)
        found = rule(select(missing, x.dtype.type(filler), x), axis, keepdims=keepdims)
        nothing = _reduced(reduce_and, missing, many_axes(axis, x.rank, "np.nanmax"), keepdims)
        return select(nothing, x.dtype.type(np.nan), found)

    return skipping


def _nanvar(a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: Any = 0, keepdims: Any = False) -> Any:
    refuse_given("np.nanvar", dtype=(dtype, None), out=(out, None))
    x = floating(strong(data(a)))
    missing, zero = isnan(x), x.dtype.type(0)
    axes = many_axes(axis, x.rank, "np.nanvar")
    present = reduce_sum(cast(logical_not(missing), x.dtype), axes=axes)
    mean = reduce_sum(select(missing, zero, x), axes=axes) / present
    deviation = select(missing, zero, x - keep_axes(mean, x, axes))
    return kept(reduce_sum(deviation * deviation, axes=axes) / (present - data(ddof)), x, axes, keepdims)


def _nanstd(a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: Any = 0, keepdims: Any = False) -> Any:
    return sqrt(_nanvar(a, axis, dtype, out, ddof, keepdims))


# ---- positions of extrema ----


def _position(operation: Library, name: str) -> Rule:
    def rule(a: Any, axis: Any = None, out: Any = None, *, keepdims: Any = False) -> Any:
        refuse_given(f"np.{name}", out=(out, None))
        x = strong(data(a))
        if axis is None:
            flat = ravel(x)
            found = operation(flat, axis=0)
            return kept(found, x, tuple(range(x.rank)), keepdims)
        k = one_axis(axis, x.rank, f"np.{name}")
        if x.shape[k] == 0:
            raise ShapeError(current_span(), f"`np.{name}` of no elements")
        return kept(operation(x, axis=k), x, (k,), keepdims)

    return rule


# ---- running sums, differences, integrals ----


def _running(operation: Any, name: str) -> Rule:
    def rule(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
        refuse_given(f"np.{name}", out=(out, None))
        x = strong(data(a, static_dtype(dtype)))
        if axis is None:
            x, axis = ravel(x), 0
        k = one_axis(axis, x.rank, f"np.{name}")
        (result,) = operation.infer((x.type,), {"axis": k}, ())
        return cast(operation(cast(x, result.dtype), axis=k), static_dtype(dtype) or result.dtype)

    return rule


def _ends(x: Operand, axis: int) -> tuple[Operand, Operand]:
    """All elements along the axis but the last, and all but the first."""
    length = x.shape[axis] - 1
    if not is_nonnegative(length):
        raise ShapeError(current_span(), f"axis {axis} may be empty here")
    return slice_axis(x, axis, 0, length), slice_axis(x, axis, 1, length)


def _border(end: Any, x: Operand, axis: int) -> Operand:
    """What is put before or behind x: an array, or one number that fills a slice of length 1."""
    border = strong(data(end))
    shape = tuple(Dim.of(1) if j == axis else d for j, d in enumerate(x.shape))
    return border if border.rank else spread(border, shape)


def diff(a: Any, n: Any = 1, axis: Any = -1, prepend: Any = None, append: Any = None) -> Any:
    x = strong(data(a))
    k = one_axis(axis, x.rank, "np.diff")
    if prepend is not None or append is not None:
        ends = [None if end is None else _border(end, x, k) for end in (prepend, append)]
        x = concatenate([part for part in (ends[0], x, ends[1]) if part is not None], k)
    for _ in range(static_int(n, "n")):
        left, right = _ends(x, k)
        x = not_equal(right, left) if x.dtype == BOOL else right - left
    return x


def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: Any = -1) -> Any:
    """Sum of widths times means of neighbouring values."""
    values = strong(data(y))
    k = one_axis(axis, values.rank, "np.trapezoid")
    left, right = _ends(values, k)
    width: Any = data(dx)
    if x is not None:
        points = strong(data(x))
        low, high = _ends(points, 0 if points.rank == 1 else k)
        width = high - low
        if points.rank == 1:
            width = reshaped(width, [width.shape[0] if j == k else Dim.of(1) for j in range(values.rank)])
    return reduce_sum(width * (right + left) / 2.0, axes=(k,))


def gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: Any = 1) -> Any:
    """Central differences inside, one-sided ones at the ends, for one even spacing; a list for more than one axis."""
    refuse_given("np.gradient", edge_order=(edge_order, 1))
    x = floating(strong(data(f)))
    axes = many_axes(axis, x.rank, "np.gradient")
    steps = [data(h) for h in varargs] or [data(1.0)]
    if len(steps) == 1:
        steps = steps * len(axes)
    if len(steps) != len(axes) or any(h.rank for h in steps):
        raise UnsupportedSyntax(current_span(), "`np.gradient` takes one even spacing, or one for each axis")
    parts = [_central_difference(x, k, h) for k, h in zip(axes, steps, strict=True)]
    return parts[0] if len(parts) == 1 else tuple(parts)


def _central_difference(x: Operand, axis: int, step: Operand) -> Operand:
    left, right = _ends(x, axis)
    inner = left.shape[axis] - 1
    if not is_nonnegative(inner):
        raise ShapeError(current_span(), f"axis {axis} is too short for a difference")
    middle = (slice_axis(right, axis, 1, inner) - slice_axis(left, axis, 0, inner)) / (2.0 * step)
    ends = [slice_axis(right, axis, k, 1) - slice_axis(left, axis, k, 1) for k in (0, inner)]
    parts = [ends[0] / step, middle, ends[1] / step]
    return join(parts, axis)


# ---- exponentials of sums ----


def logsumexp(a: Any, axis: Any = None, b: Any = None, keepdims: Any = False, return_sign: Any = False) -> Any:
    """log(sum(exp(a))), shifted by the largest element so that nothing overflows."""
    refuse_given("scipy.special.logsumexp", b=(b, None), return_sign=(return_sign, False))
    x = floating(strong(data(a)))
    axes = many_axes(axis, x.rank, "scipy.special.logsumexp")
    shift = _finite_maximum(x, axes)
    total = log(reduce_sum(exp(x - keep_axes(shift, x, axes)), axes=axes)) + shift
    return kept(total, x, axes, keepdims)


def _finite_maximum(x: Operand, axes: tuple[int, ...]) -> Operand:
    highest = reduce_max(x, axes=axes)
    shift: Operand = select(isfinite(highest), highest, x.dtype.type(0))
    return shift


def softmax(x: Any, axis: Any = None) -> Any:
    a = floating(strong(data(x)))
    axes = many_axes(axis, a.rank, "scipy.special.softmax")
    e = exp(a - keep_axes(reduce_max(a, axes=axes), a, axes))
    return e / keep_axes(reduce_sum(e, axes=axes), a, axes)


def log_softmax(x: Any, axis: Any = None) -> Any:
    a = floating(strong(data(x)))
    axes = many_axes(axis, a.rank, "scipy.special.log_softmax")
    shifted = a - keep_axes(_finite_maximum(a, axes), a, axes)
    return shifted - keep_axes(log(reduce_sum(exp(shifted), axes=axes)), a, axes)


REDUCTION_RULES: dict[Any, Rule] = {
    np.sum: _sum,
    np.prod: _prod,
    np.max: _without_dtype(_max),
    np.min: _without_dtype(_min),
    np.amax: _without_dtype(_max),
    np.amin: _without_dtype(_min),
    np.any: _without_dtype(_plain(reduce_or, np.any, truth)),
    np.all: _without_dtype(_plain(reduce_and, np.all, truth)),
    np.mean: mean,
    np.var: var,
    np.std: std,
    np.average: average,
    np.ptp: ptp,
    np.count_nonzero: count_nonzero,
    np.nansum: _ignoring_nan(_sum, 0.0),
    np.nanmean: _nanmean,
    np.nanprod: _ignoring_nan(_prod, 1.0),
    np.nanmax: _nan_extremum(_without_dtype(_max), -np.inf),
    np.nanmin: _nan_extremum(_without_dtype(_min), np.inf),
    np.nanvar: _nanvar,
    np.nanstd: _nanstd,
    np.nancumsum: _ignoring_nan(_running(cumsum, "cumsum"), 0.0),
    np.nancumprod: _ignoring_nan(_running(cumprod, "cumprod"), 1.0),
    np.argmax: _position(argmax, "argmax"),
    np.argmin: _position(argmin, "argmin"),
    np.cumsum: _running(cumsum, "cumsum"),
    np.cumprod: _running(cumprod, "cumprod"),
    np.diff: diff,
    np.gradient: gradient,
    np.trapezoid: trapezoid,
    scipy.special.logsumexp: logsumexp,
    scipy.special.softmax: softmax,
    scipy.special.log_softmax: log_softmax,
}
