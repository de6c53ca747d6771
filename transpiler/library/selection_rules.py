"""Choosing elements: where, take, sort, search, interpolation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gradscribe.transpiler.errors import ShapeError, UnsupportedSyntax
from gradscribe.transpiler.ir.builder import current_span, emit
from gradscribe.transpiler.ir.dims import Dim
from gradscribe.transpiler.ir.index import At, Take, whole
from gradscribe.transpiler.ir.nodes import Operand
from gradscribe.transpiler.library.arguments import (
    array_type,
    common,
    data,
    floating,
    is_data,
    one_axis,
    refuse_given,
    reshaped,
    static_value,
    strong,
    truth,
)
from gradscribe.transpiler.library.elementwise_rules import as_numpy
from gradscribe.transpiler.library.mask_rules import nonzero
from gradscribe.transpiler.library.position_rules import valid_positions
from gradscribe.transpiler.library.shape_rules import ravel
from gradscribe.transpiler.primitives.arithmetic import greater, less, select
from gradscribe.transpiler.primitives.piecewise import maximum, minimum
from gradscribe.transpiler.primitives.sorting import argsort, gather_along, searchsorted, sort
from gradscribe.transpiler.primitives.structure import index

Rule = Callable[..., Any]


def where(condition: Any, *branches: Any) -> Any:
    if not branches:
        return nonzero(condition)
    if len(branches) != 2:
        raise UnsupportedSyntax(current_span(), "`np.where` takes both branches or none")
    if not is_data((condition, branches)):
        return np.where(condition, *branches)
    test = truth(data(condition))
    x, y = map(data, branches)
    if array_type(x).weak and array_type(y).weak and not test.rank:
        test = strong(test)
    return as_numpy(select, test, x, y)


def select_rule(condlist: Any, choicelist: Any, default: Any = 0) -> Any:
    """The first choice whose condition holds."""
    arrays = common([strong(data(x)) for x in (*choicelist, default)])
    result = arrays[-1]
    for condition, choice in reversed(list(zip(condlist, arrays[:-1], strict=True))):
        result = select(truth(data(condition)), choice, result)
    return result


# ---- taking by position ----


def take(a: Any, indices: Any, axis: Any = None, out: Any = None, mode: Any = "raise") -> Any:
    refuse_given("np.take", out=(out, None))
    x = strong(data(a))
    if axis is None:
        x, axis = ravel(x), 0
    k = one_axis(axis, x.rank, "np.take")
    positions = valid_positions(indices, x.shape[k], mode)
    flat = reshaped(positions, (Dim.of(1),)) if not positions.rank else positions
    at = (*whole(x.shape[:k]), Take(0), *whole(x.shape[k + 1 :]))
    taken = emit(index, (x, flat), {"at": at})[0]
    return taken if positions.rank else reshaped(taken, (*x.shape[:k], *x.shape[k + 1 :]))


def take_along_axis(arr: Any, indices: Any, axis: Any = -1) -> Any:
    x = strong(data(arr))
    if axis is None:
        x, axis = ravel(x), 0
    k = one_axis(axis, x.rank, "np.take_along_axis")
    positions = valid_positions(indices, x.shape[k])
    if positions.rank != x.rank:
        raise ShapeError(current_span(), "`np.take_along_axis` takes positions of the array's rank")
    return gather_along(x, positions, k)  # an axis of length 1 of the positions stands for all of the array's


# ---- order ----


def sort_rule(a: Any, axis: Any = -1, kind: Any = None, order: Any = None, *, stable: Any = None) -> Any:
    refuse_given("np.sort", order=(order, None))
    x = strong(data(a))
    if axis is None:
        x, axis = ravel(x), 0
    return sort(x, axis=one_axis(axis, x.rank, "np.sort"))


def argsort_rule(a: Any, axis: Any = -1, kind: Any = None, order: Any = None, *, stable: Any = None) -> Any:
    refuse_given("np.argsort", order=(order, None))
    x = strong(data(a))
    if axis is None:
        x, axis = ravel(x), 0
    how = static_value(kind, "kind") or ("stable" if static_value(stable, "stable") else "")
    return argsort(x, axis=one_axis(axis, x.rank, "np.argsort"), kind=how)


def searchsorted_rule(a: Any, v: Any, side: Any = "left", sorter: Any = None) -> Any:
    refuse_given("np.searchsorted", sorter=(sorter, None))
    table, values = strong(data(a)), strong(data(v))
    if table.rank != 1:
        raise ShapeError(current_span(), "`np.searchsorted` searches a vector")
    return searchsorted(table, values, side=static_value(side, "side"))


def interp(x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None) -> Any:
    """Piecewise linear interpolation; outside the table its end values, or `left` and `right`."""
    refuse_given("np.interp", period=(period, None))
    at, points, values = (floating(strong(data(w))) for w in (x, xp, fp))
    last = points.shape[0] - 1
    upper = minimum(maximum(searchsorted(points, at, side="right"), 1), data(last))
    flat = reshaped(upper, (Dim.of(1),)) if not upper.rank else upper
    below = flat - 1

    def entry(table: Operand, positions: Operand) -> Operand:
        found = emit(index, (table, positions), {"at": (Take(0),)})[0]
        return found if upper.rank else reshaped(found, ())

    x0, x1 = entry(points, below), entry(points, flat)
    y0, y1 = entry(values, below), entry(values, flat)
    inside = y0 + (y1 - y0) / (x1 - x0) * (at - x0)
    first, final = (_end(w, position) for w, position in ((points, 0), (points, last)))
    low = _end(values, 0) if left is None else data(left)
    high = _end(values, last) if right is None else data(right)
    return select(less(at, first), low, select(greater(at, final), high, inside))


def _end(x: Operand, position: Any) -> Operand:
    return emit(index, (x,), {"at": (At(Dim.of(position)),)})[0]


SELECTION_RULES: dict[Any, Rule] = {
    np.where: where,
    np.select: select_rule,
    np.take: take,
    np.take_along_axis: take_along_axis,
    np.sort: sort_rule,
    np.argsort: argsort_rule,
    np.searchsorted: searchsorted_rule,
    np.interp: interp,
}
