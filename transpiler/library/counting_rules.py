"""Counting into bins: `np.bincount`, `np.digitize`, `np.histogram`.

In: samples, edges, weights. Out: counts (integers), or sums of weights, which have derivatives. A count of bins that
data decide is a size of the program.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gradscribe.transpiler.errors import DTypeError, ShapeError, UnsupportedSyntax
from gradscribe.transpiler.ir.bounds import is_nonnegative
from gradscribe.transpiler.ir.builder import current_span, emit
from gradscribe.transpiler.ir.dims import Dim
from gradscribe.transpiler.ir.equalities import equalities
from gradscribe.transpiler.ir.index import Take
from gradscribe.transpiler.ir.nodes import Operand
from gradscribe.transpiler.ir.types import FLOAT64, INT64
from gradscribe.transpiler.library.arguments import as_dim, cast, common, data, refuse_given, static_value, strong
from gradscribe.transpiler.library.creation_rules import shape_of
from gradscribe.transpiler.library.shape_rules import join, ravel
from gradscribe.transpiler.primitives.allocation import ones, zeros
from gradscribe.transpiler.primitives.arithmetic import greater_equal, less, less_equal, select
from gradscribe.transpiler.primitives.checks import check
from gradscribe.transpiler.primitives.logic import logical_and, logical_not
from gradscribe.transpiler.primitives.piecewise import maximum
from gradscribe.transpiler.primitives.reductions import reduce_and, reduce_max, reduce_min, reduce_or, reduce_sum
from gradscribe.transpiler.primitives.scans import cumsum, flip, slice_axis
from gradscribe.transpiler.primitives.sorting import argsort, searchsorted, sort
from gradscribe.transpiler.primitives.structure import index, update_add

Rule = Callable[..., Any]


def _demand(condition: Operand, message: str) -> None:
    emit(check, (condition,), {"message": message, "error": ValueError})


def _neighbours(x: Operand) -> tuple[Operand, Operand]:
    """All elements of a vector but the last, and all but the first."""
    length = equalities().normalize(x.shape[0] - 1)
    return slice_axis(x, 0, 0, length), slice_axis(x, 0, 1, length)


def bincount(x: Any, /, weights: Any = None, minlength: Any = 0) -> Any:
    """How often each number from 0 to the greatest occurs, or the sum of the weights where it does."""
    places = strong(data(x))
    if places.rank != 1:
        raise ShapeError(current_span(), "`np.bincount` takes a vector")
    if places.dtype.kind not in "iub" or places.dtype == np.uint64:
        raise DTypeError(current_span(), f"`np.bincount` counts integers, not {places.dtype.name}")
    if not is_nonnegative(places.shape[0] - 1):
        raise ShapeError(current_span(), "`np.bincount` of a vector that may be empty")
    places = cast(places, INT64)
    if places.dtype.kind == "i":
        lowest = greater_equal(reduce_min(places, axes=(0,)), 0)
        _demand(lowest, "'list' argument must have no negative elements")
    least = as_dim(minlength, "minlength")
    if not is_nonnegative(least):
        raise ShapeError(current_span(), "`minlength` of `np.bincount` has to be known not to be negative")
    length = Dim.of(maximum(reduce_max(places, axes=(0,)) + 1, data(least)))
    if weights is None:
        amounts: Operand = ones(shape=places.shape, dtype=INT64)
    else:
        amounts = strong(data(weights))
        if amounts.rank != 1 or amounts.dtype.kind == "c":
            raise DTypeError(current_span(), "the weights of `np.bincount` are a vector of real numbers")
        equalities().require(amounts.shape[0], places.shape[0], "np.bincount")
        amounts = cast(amounts, FLOAT64)
    empty = zeros(shape=(length,), dtype=amounts.dtype)
    return emit(update_add, (empty, amounts, places), {"at": (Take(0),)})[0]


def digitize(x: Any, bins: Any, right: Any = False) -> Any:
    """The number of the bin of each value; the edges ascend or descend."""
    table, values = common([strong(data(bins)), strong(data(x))])
    if table.rank != 1:
        raise ShapeError(current_span(), "the bins of `np.digitize` are a vector")
    if not is_nonnegative(table.shape[0] - 1):
        raise ShapeError(current_span(), "the bins of `np.digitize` may be empty")
    low, high = _neighbours(table)
    falls, rises = (reduce_or(w, axes=(0,)) for w in (less(high, low), less(low, high)))
    _demand(logical_not(logical_and(falls, rises)), "bins must be monotonically increasing or decreasing")
    side = "left" if static_value(right, "right") else "right"
    found = searchsorted(select(falls, flip(table, 0), table), values, side=side)
    return select(falls, data(table.shape[0]) - found, found)


def histogram(a: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None) -> Any:
    """Counts between edges, the last bin with its upper edge, and the edges."""
    if not shape_of(bins):
        raise UnsupportedSyntax(
            current_span(),
            "`np.histogram` with a number of bins is not supported",
            "give the edges of the bins: an element on an edge belongs to one bin or the next by the edge's last bit",
        )
    refuse_given("np.histogram", range=(range, None))
    x = ravel(strong(data(a)))
    if x.dtype.kind not in "iuf":
        raise DTypeError(current_span(), f"`np.histogram` takes integers or floats, not {x.dtype.name}")
    edges = strong(data(bins))
    if edges.rank != 1:
        raise ShapeError(current_span(), "the edges of `np.histogram` are a vector")
    low, high = _neighbours(edges)
    _demand(reduce_and(less_equal(low, high), axes=(0,)), "`bins` must increase monotonically, when an array")
    ordered, borders = common([x, edges])
    sums: Operand | None = None
    if weights is None:
        ordered = sort(ordered, axis=0)
    else:
        equalities().require(ravel(strong(data(weights))).shape[0], x.shape[0], "np.histogram")
        amounts = ravel(strong(data(weights)))
        if amounts.dtype.kind not in "iuf":
            raise DTypeError(current_span(), "the weights of `np.histogram` are real numbers")
        order = argsort(ordered, axis=0, kind="stable")
        ordered, amounts = (emit(index, (w, order), {"at": (Take(0),)})[0] for w in (ordered, amounts))
        running = cast(cumsum(amounts, axis=0), amounts.dtype)
        sums = join([zeros(shape=(Dim.of(1),), dtype=amounts.dtype), running], 0)
    last = equalities().normalize(borders.shape[0] - 1)
    below = searchsorted(ordered, slice_axis(borders, 0, 0, last), side="left")
    upto = searchsorted(ordered, slice_axis(borders, 0, last, 1), side="right")
    places = join([below, upto], 0)
    totals = places if sums is None else emit(index, (sums, places), {"at": (Take(0),)})[0]
    low, high = _neighbours(totals)
    counts = high - low
    if static_value(density, "density"):
        low, high = _neighbours(edges)
        counts = counts / cast(high - low, FLOAT64) / reduce_sum(counts, axes=(0,))
    return counts, edges


COUNTING_RULES: dict[Any, Rule] = {np.bincount: bincount, np.digitize: digitize, np.histogram: histogram}
