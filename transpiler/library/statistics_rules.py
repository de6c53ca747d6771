"""Statistics of samples: medians, quantiles, covariances, correlations.

In: operands and static arguments. Out: operands. Order statistics are read off the sorted sample, so their derivative
goes to the elements they are made of: where elements tie it is that of one of the orders (a kink). A NaN in a sample is
its median and each of its quantiles.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gradscribe.transpiler.errors import DTypeError, ShapeError
from gradscribe.transpiler.ir.bounds import is_nonnegative
from gradscribe.transpiler.ir.builder import current_span, emit
from gradscribe.transpiler.ir.dims import Dim
from gradscribe.transpiler.ir.equalities import equalities
from gradscribe.transpiler.ir.index import At, Take, whole
from gradscribe.transpiler.ir.nodes import Operand
from gradscribe.transpiler.ir.types import FLOAT64, INT64
from gradscribe.transpiler.library.arguments import (
    array_type,
    cast,
    common,
    data,
    floating,
    many_axes,
    refuse_given,
    reshaped,
    static_dtype,
    static_value,
    strong,
)
from gradscribe.transpiler.library.contraction_rules import matmul
from gradscribe.transpiler.library.diagonal_rules import diagonal
from gradscribe.transpiler.library.shape_rules import join, permuted, squeeze, swapaxes
from gradscribe.transpiler.primitives.arithmetic import equal, greater_equal, less_equal, select
from gradscribe.transpiler.primitives.checks import check
from gradscribe.transpiler.primitives.complex_numbers import conjugated
from gradscribe.transpiler.primitives.elementary import sqrt
from gradscribe.transpiler.primitives.logic import isnan, logical_and
from gradscribe.transpiler.primitives.piecewise import floor, maximum, minimum, remainder
from gradscribe.transpiler.primitives.reductions import keep_axes, reduce_and, reduce_sum
from gradscribe.transpiler.primitives.sorting import sort
from gradscribe.transpiler.primitives.structure import index

Rule = Callable[..., Any]


# ---- order statistics ----


def _sample(a: Any, axis: Any, name: str) -> tuple[Operand, tuple[int, ...], Operand]:
    """The array, its axes that hold a sample, and it sorted with these axes made one and put first."""
    x = strong(data(a))
    if x.dtype.kind == "c":
        raise DTypeError(current_span(), f"`{name}` takes real numbers")
    axes = many_axes(axis, x.rank, name)
    rest = tuple(k for k in range(x.rank) if k not in axes)
    count = Dim.of(1)
    for k in axes:
        count = count * x.shape[k]
    count = equalities().normalize(count)
    if not is_nonnegative(count - 1):
        raise ShapeError(current_span(), f"`{name}` of a sample that may be empty")
    rows = reshaped(permuted(x, (*axes, *rest)), (count, *(x.shape[k] for k in rest)))
    return x, axes, sort(rows, axis=0)


def _row(ordered: Operand, position: Any) -> Operand:
    return emit(index, (ordered,), {"at": (At(Dim.of(position)), *whole(ordered.shape[1:]))})[0]


def _or_nan(result: Operand, ordered: Operand) -> Operand:
    """The result, or the sample's NaN: it is sorted to the end."""
    if ordered.dtype.kind != "f":
        return result
    last = _row(ordered, ordered.shape[0] - 1)
    found: Operand = select(isnan(last), cast(last, result.dtype), result)
    return found


def median(a: Any, axis: Any = None, out: Any = None, overwrite_input: Any = False, keepdims: Any = False) -> Any:
    """The middle element of the sample, or the mean of the two in the middle."""
    refuse_given("np.median", out=(out, None), overwrite_input=(overwrite_input, False))
    x, axes, ordered = _sample(a, axis, "np.median")
    ordered = floating(ordered)
    count = ordered.shape[0]
    upper = _row(ordered, count // 2)
    if count.constant is not None and count.constant % 2:
        middle = upper
    else:
        middle = (_row(ordered, (count - 1) // 2) + upper) / 2.0
        if count.constant is None:
            middle = select(equal(remainder(data(count), 2), 1), upper, middle)
    result = _or_nan(middle, ordered)
    return keep_axes(result, x, axes) if static_value(keepdims, "keepdims") else result


def _quantile(name: str, whole_is: int) -> Rule:
    """`np.quantile` and `np.percentile`, by linear interpolation between neighbours."""

    def rule(
        a: Any,
        q: Any,
        axis: Any = None,
        out: Any = None,
        overwrite_input: Any = False,
        method: Any = "linear",
        keepdims: Any = False,
        *,
        weights: Any = None,
    ) -> Any:
        refuse_given(
            name,
            out=(out, None),
            overwrite_input=(overwrite_input, False),
            method=(static_value(method, "method"), "linear"),
            weights=(weights, None),
        )
        x, axes, ordered = _sample(a, axis, name)
        if x.dtype.kind == "b":
            raise DTypeError(current_span(), f"`{name}` of booleans", "NumPy refuses it too; convert them first")
        fraction = data(q)
        if fraction.rank > 1:
            raise ShapeError(current_span(), f"`{name}` takes one number or a vector of them")
        weak = array_type(fraction).weak
        fraction = strong(fraction) if whole_is == 1 else strong(data(fraction)) / float(whole_is)
        _check_inside(fraction, f"{name.removeprefix('np.').capitalize()}s must be in the range [0, {whole_is}]")
        result = _interpolated(ordered, fraction, weak)
        if not static_value(keepdims, "keepdims"):
            return result
        kept = tuple(Dim.of(1) if k in axes else d for k, d in enumerate(x.shape))
        return reshaped(result, (*fraction.shape, *kept))

    return rule


def _check_inside(fraction: Operand, message: str) -> None:
    inside = logical_and(less_equal(0, fraction), less_equal(fraction, 1))
    if inside.rank:
        inside = reduce_and(inside, axes=(0,))
    emit(check, (inside,), {"message": message, "error": ValueError})


def _interpolated(ordered: Operand, fraction: Operand, weak: bool) -> Operand:
    """The value at this fraction of the way through the sorted sample."""
    last = data(ordered.shape[0] - 1)
    if fraction.dtype.kind != "f":  # the least or the greatest element
        return _or_nan(_rows(ordered, cast(fraction, INT64) * last), ordered)
    place = cast(fraction, FLOAT64) * last
    below = floor(place)
    share = place - below
    if weak and ordered.dtype.kind == "f":
        share = cast(share, ordered.dtype)
    start = cast(below, INT64)
    a, b = _rows(ordered, start), _rows(ordered, minimum(start + 1, last))
    share = reshaped(share, (*share.shape, *(Dim.of(1),) * (ordered.rank - 1))) if share.rank else share
    step = b - a
    between = select(greater_equal(share, 0.5), b - step * (1.0 - share), a + step * share)
    return _or_nan(between, ordered)


def _rows(ordered: Operand, places: Operand) -> Operand:
    """The rows at positions that lie inside the sample."""
    flat = places if places.rank else reshaped(places, (Dim.of(1),))
    taken = emit(index, (ordered, flat), {"at": (Take(0), *whole(ordered.shape[1:]))})[0]
    return taken if places.rank else reshaped(taken, ordered.shape[1:])


# ---- covariances ----


def cov(
    m: Any,
    y: Any = None,
    rowvar: Any = True,
    bias: Any = False,
    ddof: Any = None,
    fweights: Any = None,
    aweights: Any = None,
    *,
    dtype: Any = None,
) -> Any:
    """Products of deviations from the mean, summed and divided by count - ddof."""
    refuse_given("np.cov", fweights=(fweights, None), aweights=(aweights, None))
    in_rows = bool(static_value(rowvar, "rowvar"))
    samples = [strong(data(w)) for w in ((m,) if y is None else (m, y))]
    if any(w.rank > 2 for w in samples):
        raise ShapeError(current_span(), "`np.cov` takes vectors and matrices")
    wanted = static_dtype(dtype) or np.result_type(FLOAT64, *(w.dtype for w in samples))
    parts: list[Operand] = []
    for w in samples:
        flat = cast(w, wanted) if w.rank else reshaped(cast(w, wanted), (Dim.of(1),))
        x = flat if flat.rank == 2 else reshaped(flat, (Dim.of(1), flat.shape[0]))
        # NumPy lays a matrix of columns on its side; of the second argument, unless it is one row
        turned = not in_rows and w.rank == 2 and (not parts or equalities().normalize(x.shape[0]) != 1)
        parts.append(swapaxes(x, 0, 1) if turned else x)
    x = join(common(parts), 0)
    correction = static_value(ddof, "ddof")
    if correction is None:
        correction = 0 if static_value(bias, "bias") else 1
    count = equalities().normalize(x.shape[1])
    divisor = count - int(correction)
    divisor = divisor if is_nonnegative(divisor) else divisor.positive()
    deviation = x - keep_axes(reduce_sum(x, axes=(1,)) / data(count), x, (1,))
    products = matmul(deviation, swapaxes(conjugated(deviation), 0, 1))
    return squeeze(products * (1.0 / data(divisor)))


def corrcoef(x: Any, y: Any = None, rowvar: Any = True, *, dtype: Any = None) -> Any:
    """Covariances divided by both standard deviations, kept between -1 and 1."""
    c = cov(x, y, rowvar, dtype=dtype)
    if c.dtype.kind == "c":
        raise DTypeError(current_span(), "`np.corrcoef` takes real numbers")
    if not c.rank:
        return c / c
    deviation = sqrt(diagonal(c))
    size = deviation.shape[0]
    c = c / reshaped(deviation, (size, Dim.of(1))) / deviation
    return minimum(maximum(c, c.dtype.type(-1)), c.dtype.type(1))


STATISTICS_RULES: dict[Any, Rule] = {
    np.median: median,
    np.quantile: _quantile("np.quantile", 1),
    np.percentile: _quantile("np.percentile", 100),
    np.cov: cov,
    np.corrcoef: corrcoef,
}
