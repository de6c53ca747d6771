"""Positions: made valid by a mode, from meshes and diagonals, from flat positions and back; choosing by number.

In: integer positions, sizes. Out: index arrays, or what they pick. Positions out of range raise as in NumPy.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gradscribe.transpiler.errors import DTypeError, ShapeError, UnsupportedSyntax
from gradscribe.transpiler.ir.builder import current_span, emit
from gradscribe.transpiler.ir.dims import Dim
from gradscribe.transpiler.ir.equalities import equalities
from gradscribe.transpiler.ir.nodes import Operand, Var
from gradscribe.transpiler.library.arguments import (
    as_dim,
    common,
    data,
    dims_from,
    refuse_given,
    reshaped,
    static_int,
    static_value,
    strong,
)
from gradscribe.transpiler.library.creation_rules import shape_of, triangle_positions
from gradscribe.transpiler.library.shape_rules import positions, ravel
from gradscribe.transpiler.primitives.arithmetic import equal, greater_equal, less, select
from gradscribe.transpiler.primitives.checks import check, wrap_index
from gradscribe.transpiler.primitives.logic import logical_and
from gradscribe.transpiler.primitives.piecewise import floor_divide, maximum, minimum, remainder
from gradscribe.transpiler.primitives.reductions import reduce_and
from gradscribe.transpiler.primitives.scans import slice_axis

Rule = Callable[..., Any]


def valid_positions(places: Any, size: Dim, mode: Any = "raise") -> Operand:
    """Integer positions inside an axis: negative ones counted from the end and others refused at run time, or
    ("wrap") counted round, or ("clip") moved to the ends."""
    x = data(places)
    if x.dtype.kind not in "iu":
        raise DTypeError(current_span(), f"positions have to be integers, not {x.dtype.name}")
    how = static_value(mode, "mode")
    if how == "wrap":
        wrapped: Operand = remainder(x, data(size))
        return wrapped
    if how == "clip":
        clipped: Operand = minimum(maximum(x, 0), data(size - 1))
        return clipped
    if how != "raise":
        raise UnsupportedSyntax(current_span(), f"`mode` is 'raise', 'wrap' or 'clip', not {how!r}")
    if _known_inside(x, size):
        return x
    checked: Operand = wrap_index(x, size=size)
    return checked


def put_positions(places: Any, size: Dim, mode: Any = "raise") -> Operand:
    """The positions of `np.put`, as a vector."""
    x = data(places)
    flat = ravel(x) if x.rank else reshaped(strong(x), (Dim.of(1),))
    return flat if static_value(mode, "mode") == "raise" else valid_positions(flat, size, mode)


def _known_inside(x: Operand, size: Dim) -> bool:
    """Positions that a sort or an extremum along an axis of this size gave."""
    eqn = x.definition if isinstance(x, Var) else None
    if eqn is None or eqn.operation.name not in ("argsort", "argmax", "argmin"):
        return False
    return bool(eqn.operands[0].shape[eqn.params["axis"]] == size)


def _check_inside(x: Operand, size: Dim, message: str) -> None:
    """Positions in [0, size), or ValueError at run time."""
    if _known_inside(x, size):
        return
    inside = logical_and(greater_equal(x, 0), less(x, data(size)))
    if inside.rank:
        inside = reduce_and(inside, axes=tuple(range(inside.rank)))
    emit(check, (inside,), {"message": message, "error": ValueError})


# ---- index arrays ----


def mesh(*args: Any) -> Any:
    """`np.ix_`: vectors of positions along an axis each."""
    vectors = [data(x) for x in args]
    for x in vectors:
        if x.rank != 1:
            raise ShapeError(current_span(), "`np.ix_` takes vectors")
        if x.dtype.kind not in "iu":
            raise DTypeError(current_span(), f"`np.ix_` takes integers here, not {x.dtype.name}", "give positions")
    ones = (Dim.of(1),)
    return tuple(
        reshaped(x, (*ones * k, x.shape[0], *ones * (len(vectors) - k - 1))) for k, x in enumerate(vectors)
    )


def diag_indices(n: Any, ndim: Any = 2) -> Any:
    return (positions(as_dim(n, "the size")),) * static_int(ndim, "ndim")


def diag_indices_from(arr: Any) -> Any:
    shape = shape_of(arr)
    if len(shape) < 2:
        raise ShapeError(current_span(), "input array must be at least 2-d")
    for d in shape[1:]:
        equalities().require(shape[0], d, "np.diag_indices_from")
    return diag_indices(equalities().normalize(shape[0]), len(shape))


def _triangle_from(name: str) -> Rule:
    rule = triangle_positions(name)

    def from_array(arr: Any, k: Any = 0) -> Any:
        shape = shape_of(arr)
        if len(shape) != 2:
            raise ShapeError(current_span(), "input array must be 2-d")
        return rule(shape[0], k, shape[1])

    return from_array


def unravel_index(indices: Any, shape: Any, order: Any = "C") -> Any:
    """The positions along each axis of flat positions."""
    refuse_given("np.unravel_index", order=(order, "C"))
    sizes = dims_from(shape, "np.unravel_index")
    flat = strong(data(indices))
    if flat.dtype.kind not in "iu":
        raise DTypeError(current_span(), f"positions have to be integers, not {flat.dtype.name}")
    total = Dim.of(1)
    for d in sizes:
        total = total * d
    _check_inside(flat, equalities().normalize(total), "index is out of bounds for array")
    out: list[Operand] = []
    for d in reversed(sizes[1:]):
        out.insert(0, remainder(flat, data(d)))
        flat = floor_divide(flat, data(d))
    return (flat, *out)


def ravel_multi_index(multi_index: Any, dims: Any, mode: Any = "raise", order: Any = "C") -> Any:
    """Flat positions of positions along each axis."""
    refuse_given("np.ravel_multi_index", order=(order, "C"), mode=(mode, "raise"))
    sizes = dims_from(dims, "np.ravel_multi_index")
    if not isinstance(multi_index, (tuple, list)) or len(multi_index) != len(sizes):
        raise ShapeError(current_span(), "`np.ravel_multi_index` takes a tuple with positions for each axis")
    flat: Any = None
    for places, size in zip(multi_index, sizes, strict=True):
        x = strong(data(places))
        _check_inside(x, size, "invalid entry in coordinates array")
        flat = x if flat is None else flat * data(size) + x
    return flat


# ---- choosing by number ----


def choose(a: Any, choices: Any, out: Any = None, mode: Any = "raise") -> Any:
    """The element of the choice with this number."""
    refuse_given("np.choose", out=(out, None))
    if isinstance(choices, Operand):
        count = static_int(choices.shape[0], "the number of choices")
        rows = [slice_axis(choices, 0, k, 1) for k in range(count)]
        choices = [reshaped(row, choices.shape[1:]) for row in rows]
    number, options = data(a), common([strong(data(c)) for c in choices])
    if number.dtype.kind not in "iub":
        raise DTypeError(current_span(), f"choices are made by integers, not {number.dtype.name}")
    if static_value(mode, "mode") == "raise":
        _check_inside(number, Dim.of(len(options)), "invalid entry in choice array")
    else:
        number = valid_positions(number, Dim.of(len(options)), mode)
    result = options[-1]
    for k in reversed(range(len(options) - 1)):
        result = select(equal(number, k), options[k], result)
    if len(options) == 1 and number.rank:
        result = select(equal(number, 0), result, result)
    return result


POSITION_RULES: dict[Any, Rule] = {
    np.ix_: mesh,
    np.diag_indices: diag_indices,
    np.diag_indices_from: diag_indices_from,
    np.tril_indices: triangle_positions("tril_indices"),
    np.triu_indices: triangle_positions("triu_indices"),
    np.tril_indices_from: _triangle_from("tril_indices"),
    np.triu_indices_from: _triangle_from("triu_indices"),
    np.unravel_index: unravel_index,
    np.ravel_multi_index: ravel_multi_index,
    np.choose: choose,
}
