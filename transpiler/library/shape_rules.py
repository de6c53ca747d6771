"""Rearranging arrays: reshape, transpose, join, split, flip, roll, pad, diagonals, repeat, tile.

Results are values; where NumPy gives a view, the interpreter of the user's program keeps track of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gradscribe.transpiler.errors import ShapeError, UnsupportedSyntax
from gradscribe.transpiler.ir.builder import current_span, emit
from gradscribe.transpiler.ir.dims import Dim
from gradscribe.transpiler.ir.equalities import equalities
from gradscribe.transpiler.ir.index import Slice
from gradscribe.transpiler.ir.nodes import Operand
from gradscribe.transpiler.library.arguments import (
    NeedsStatic,
    array_from,
    as_dim,
    cast,
    common,
    data,
    dims_from,
    is_scalar,
    many_axes,
    one_axis,
    refuse_given,
    reshaped,
    spread,
    static_int,
    static_value,
    strong,
)
from gradscribe.transpiler.primitives import joining
from gradscribe.transpiler.primitives.allocation import arange, full, zeros
from gradscribe.transpiler.primitives.primitive import broadcast_shapes
from gradscribe.transpiler.primitives.scans import flip as flip_axis
from gradscribe.transpiler.primitives.scans import slice_axis
from gradscribe.transpiler.primitives.structure import permute, update

Rule = Callable[..., Any]


def positions(length: Dim, start: Any = 0) -> Operand:
    """start, start + 1, ... as an index array."""
    return emit(arange, (), {"start": Dim.of(start), "length": length, "step": 1})[0]


def _array(x: Any) -> Operand:
    return strong(data(x))


# ---- reshape and its kin ----


def resolve_shape(shape: Any, old: Sequence[Dim], what: str = "reshape") -> tuple[Dim, ...]:
    """The new shape, a -1 in it worked out and the sizes required to agree."""
    dims = list(dims_from(shape, what))
    total = Dim.of(1)
    for d in old:
        total = total * d
    total = equalities().normalize(total)
    unknown = [k for k, d in enumerate(dims) if d == -1]
    if len(unknown) > 1:
        raise ShapeError(current_span(), f"`{what}` takes one -1 at most")
    rest = Dim.of(1)
    for k, d in enumerate(dims):
        if k not in unknown:
            rest = rest * d
    rest = equalities().normalize(rest)
    if unknown:
        dims[unknown[0]] = _quotient(total, rest, what)
    else:
        equalities().require(rest, total, what)
    return tuple(equalities().normalize(d) for d in dims)


def _quotient(total: Dim, rest: Dim, what: str) -> Dim:
    """total / rest, which must be exact."""
    if rest == 0:
        raise ShapeError(current_span(), f"`{what}` cannot work out -1 beside a size 0")
    quotient = _divide_polynomial(total, rest)
    if quotient is not None:
        return quotient
    if rest.constant is not None:
        floor = total // rest.constant
        equalities().require(floor * rest, total, what)
        return floor
    raise ShapeError(current_span(), f"`{what}` cannot divide {total} by {rest}", "write the sizes out instead of -1")


def _divide_polynomial(total: Dim, rest: Dim) -> Dim | None:
    """total / rest where every term of `total` is a multiple of the single term `rest`."""
    if len(rest.terms) != 1:
        return Dim.of(1) if total == rest else None
    ((atoms, coefficient),) = rest.terms.items()
    terms = {}
    for monomial, c in total.terms.items():
        left = list(monomial)
        for atom in atoms:
            if atom not in left:
                return None
            left.remove(atom)
        if c % coefficient:
            return None
        terms[tuple(left)] = c // coefficient
    return Dim(terms)


def reshape(a: Any, *shape: Any, order: Any = "C", **options: Any) -> Any:
    refuse_given("np.reshape", order=(order, "C"))
    given = options.pop("shape", shape[0] if len(shape) == 1 else shape)
    options.pop("copy", None)
    x = _array(a)
    return reshaped(x, resolve_shape(given, x.shape))


def ravel(a: Any, order: Any = "C") -> Any:
    refuse_given("np.ravel", order=(order, "C"))
    x = _array(a)
    return x if x.rank == 1 else reshaped(x, (equalities().normalize(x.type.size()),))  # type: ignore[union-attr]


def transpose(a: Any, *axes: Any) -> Any:
    x = _array(a)
    given = axes[0] if len(axes) == 1 and (axes[0] is None or isinstance(axes[0], (tuple, list))) else axes
    order = tuple(reversed(range(x.rank))) if not given else tuple(one_axis(k, x.rank, "np.transpose") for k in given)
    if sorted(order) != list(range(x.rank)):
        raise ShapeError(current_span(), f"the axes {order} are not an order of {x.rank} axes")
    return permuted(x, order)


def permuted(x: Operand, order: tuple[int, ...]) -> Operand:
    if order == tuple(range(x.rank)):
        return x
    moved: Operand = permute(x, axes=order)
    return moved


def swapaxes(a: Any, axis1: Any, axis2: Any) -> Any:
    x = _array(a)
    order = list(range(x.rank))
    p, q = one_axis(axis1, x.rank, "np.swapaxes"), one_axis(axis2, x.rank, "np.swapaxes")
    order[p], order[q] = q, p
    return permuted(x, tuple(order))


def moveaxis(a: Any, source: Any, destination: Any) -> Any:
    x = _array(a)
    sources, targets = (
        [one_axis(k, x.rank, "np.moveaxis") for k in (w if isinstance(w, (tuple, list)) else (w,))]
        for w in (source, destination)
    )
    order = [k for k in range(x.rank) if k not in sources]
    for target, origin in sorted(zip(targets, sources, strict=True)):
        order.insert(target, origin)
    return permuted(x, tuple(order))


def rollaxis(a: Any, axis: Any, start: Any = 0) -> Any:
    x = _array(a)
    k, place = one_axis(axis, x.rank, "np.rollaxis"), static_int(start, "start")
    place += x.rank if place < 0 else 0
    order = [j for j in range(x.rank) if j != k]
    order.insert(place - 1 if k < place else place, k)
    return permuted(x, tuple(order))


def expand_dims(a: Any, axis: Any) -> Any:
    x = _array(a)
    new = axis if isinstance(axis, (tuple, list)) else (axis,)
    rank = x.rank + len(new)
    places = [one_axis(k, rank, "np.expand_dims") for k in new]
    old = iter(x.shape)
    return reshaped(x, [Dim.of(1) if k in places else next(old) for k in range(rank)])


def squeeze(a: Any, axis: Any = None) -> Any:
    x = _array(a)
    if axis is None:
        drop = [k for k, d in enumerate(x.shape) if equalities().normalize(d) == 1]
    else:
        drop = list(many_axes(axis, x.rank, "np.squeeze"))
        for k in drop:
            equalities().require(x.shape[k], Dim.of(1), "np.squeeze")
    return reshaped(x, [d for k, d in enumerate(x.shape) if k not in drop])


def broadcast_to(array: Any, shape: Any, subok: Any = False) -> Any:
    return spread(_array(array), tuple(equalities().normalize(d) for d in dims_from(shape, "np.broadcast_to")))


def _at_least(rank: int) -> Rule:
    def rule(*arrays: Any) -> Any:
        out = []
        for a in arrays:
            x = _array(a)
            ones = (Dim.of(1),) * (rank - x.rank)
            out.append(reshaped(x, (*ones, *x.shape)) if ones else x)
        return out[0] if len(out) == 1 else tuple(out)

    return rule


def atleast_3d(*arrays: Any) -> Any:
    out = []
    for a in arrays:
        x = _array(a)
        one = (Dim.of(1),)
        out.append(reshaped(x, {0: one * 3, 1: (*one, *x.shape, *one), 2: (*x.shape, *one)}.get(x.rank, x.shape)))
    return out[0] if len(out) == 1 else tuple(out)


# ---- joining ----


def join(parts: Sequence[Operand], axis: int) -> Operand:
    if len(parts) == 1:
        return parts[0]
    joined: Operand = joining.concatenate(*parts, axis=axis)
    return joined


def _parts(arrays: Any, dtype: Any = None) -> list[Operand]:
    parts = [_array(a) for a in arrays]
    if not parts:
        raise ShapeError(current_span(), "nothing to join")
    return common(parts) if dtype is None else [cast(x, static_value(dtype, "dtype")) for x in parts]


def _joined_rows(x: Operand, axis: int) -> Operand:
    """The items along the first axis of x, one after the other along an axis of theirs."""
    moved = moveaxis(x, 0, axis)
    shape = moved.shape
    return reshaped(moved, (*shape[:axis], shape[axis] * shape[axis + 1], *shape[axis + 2 :]))


def concatenate(arrays: Any, axis: Any = 0, out: Any = None, dtype: Any = None, casting: Any = "same_kind") -> Any:
    refuse_given("np.concatenate", out=(out, None), casting=(casting, "same_kind"))
    if isinstance(arrays, Operand) and arrays.rank > 1:
        x = arrays if dtype is None else cast(arrays, static_value(dtype, "dtype"))
        return ravel(x) if axis is None else _joined_rows(x, one_axis(axis, x.rank - 1, "np.concatenate"))
    parts = _parts(arrays, dtype)
    if axis is None:
        parts, axis = [ravel(x) for x in parts], 0
    if any(x.rank != parts[0].rank or not x.rank for x in parts):
        raise ShapeError(current_span(), "`np.concatenate` joins arrays of one rank, at least 1")
    return join(parts, one_axis(axis, parts[0].rank, "np.concatenate"))


def stack(arrays: Any, axis: Any = 0, out: Any = None, dtype: Any = None, casting: Any = "same_kind") -> Any:
    refuse_given("np.stack", out=(out, None), casting=(casting, "same_kind"))
    if isinstance(arrays, Operand) and arrays.rank:
        x = arrays if dtype is None else cast(arrays, static_value(dtype, "dtype"))
        return moveaxis(x, 0, one_axis(axis, x.rank, "np.stack"))
    parts = _parts(arrays, dtype)
    if any(x.rank != parts[0].rank for x in parts):
        raise ShapeError(current_span(), "`np.stack` joins arrays of one shape")
    if not parts[0].rank:
        return array_from(list(parts))
    return joining.stack(*parts, axis=one_axis(axis, parts[0].rank + 1, "np.stack"))


def vstack(tup: Any, *, dtype: Any = None, casting: Any = "same_kind") -> Any:
    if isinstance(tup, Operand):
        return (
            reshaped(tup, (*tup.shape, Dim.of(1))) if tup.rank == 1 else tup if tup.rank == 2 else concatenate(tup, 0)
        )
    return concatenate([_at_least(2)(x) for x in _parts(tup)], 0, dtype=dtype, casting=casting)


def hstack(tup: Any, *, dtype: Any = None, casting: Any = "same_kind") -> Any:
    if isinstance(tup, Operand):
        return tup if tup.rank == 1 else concatenate(tup, min(tup.rank - 2, 1))
    parts = [_at_least(1)(x) for x in _parts(tup)]
    return concatenate(parts, 0 if parts[0].rank == 1 else 1, dtype=dtype, casting=casting)


def column_stack(tup: Any) -> Any:
    if isinstance(tup, Operand) and tup.rank > 1:
        return transpose(tup) if tup.rank == 2 else concatenate(tup, 1)
    columns = [x if x.rank > 1 else reshaped(x, (*_at_least(1)(x).shape, Dim.of(1))) for x in _parts(tup)]
    return concatenate(columns, 1)


def append(arr: Any, values: Any, axis: Any = None) -> Any:
    return concatenate([arr, values], axis)


# ---- flip, roll, pad ----


def flip(m: Any, axis: Any = None) -> Any:
    x = _array(m)
    for k in many_axes(axis, x.rank, "np.flip"):
        x = flip_axis(x, k)
    return x


def rot90(m: Any, k: Any = 1, axes: Any = (0, 1)) -> Any:
    turns = static_int(k, "the number of turns") % 4
    x = _array(m)
    p, q = (one_axis(a, x.rank, "np.rot90") for a in axes)
    if turns == 1:
        return swapaxes(flip(x, q), p, q)
    if turns == 3:
        return flip(swapaxes(x, p, q), q)
    return flip(x, (p, q)) if turns == 2 else x


def roll(a: Any, shift: Any, axis: Any = None) -> Any:
    """Elements shifted round, by shifts known to lie between minus the length and the length of the axis."""
    x = _array(a)
    if axis is None:
        return reshaped(_rolled(ravel(x), shift, 0), x.shape)
    shifts, axes = (w if isinstance(w, (tuple, list)) else (w,) for w in (shift, axis))
    for s, k in zip(shifts, axes, strict=True):
        x = _rolled(x, s, one_axis(k, x.rank, "np.roll"))
    return x


def _rolled(x: Operand, shift: Any, axis: int) -> Operand:
    amount, length = as_dim(shift, "the shift of `np.roll`"), x.shape[axis]
    if amount.constant is not None and length.constant is not None:
        amount = Dim.of(amount.constant % length.constant if length.constant else 0)
    elif equalities().nonnegative(amount) is False:
        amount = equalities().normalize(amount + length)
    if not (equalities().nonnegative(amount) and equalities().nonnegative(length - amount)):
        raise NeedsStatic(length, "`np.roll`: the shift has to be known to be shorter than the axis")
    if amount == 0:
        return x
    tail = slice_axis(x, axis, equalities().normalize(length - amount), amount)
    return join([tail, slice_axis(x, axis, 0, equalities().normalize(length - amount))], axis)


def pad(array: Any, pad_width: Any, mode: Any = "constant", **options: Any) -> Any:
    """Padding with a constant, with the edge, or by wrapping and reflection along one axis after the other."""
    x = _array(array)
    mode = static_value(mode, "the mode of `np.pad`")
    widths = _pad_widths(pad_width, x.rank)
    if mode == "constant":
        value = options.pop("constant_values", 0)
        if options or not (is_scalar(value) or isinstance(value, Operand)):
            raise UnsupportedSyntax(current_span(), "`np.pad` takes one number as `constant_values`")
        shape = tuple(equalities().normalize(d + a + b) for d, (a, b) in zip(x.shape, widths, strict=True))
        fill = cast(data(value), x.dtype)
        frame = zeros(shape=shape, dtype=x.dtype) if is_scalar(value) and value == 0 else _filled(fill, shape)
        at = tuple(Slice(a, d) for d, (a, _) in zip(x.shape, widths, strict=True))
        return emit(update, (frame, x), {"at": at, "once": True})[0]
    if options or mode not in ("edge", "wrap", "reflect", "symmetric"):
        raise UnsupportedSyntax(current_span(), f'`np.pad` with mode "{mode}" or its options is not supported')
    for k, (before, after) in enumerate(widths):
        x = _padded(x, k, before, after, mode)
    return x


def _filled(value: Operand, shape: tuple[Dim, ...]) -> Operand:
    filled: Operand = full(value, shape=shape, dtype=value.dtype)
    return filled


def _pad_widths(widths: Any, rank: int) -> list[tuple[Dim, Dim]]:
    if not isinstance(widths, (tuple, list)):
        widths = ((widths, widths),) * rank
    elif not isinstance(widths[0], (tuple, list)):
        widths = (tuple(widths) if len(widths) == 2 else (widths[0], widths[0]),) * rank
    elif len(widths) == 1:
        widths = tuple(widths) * rank
    return [(as_dim(a, "a pad width"), as_dim(b, "a pad width")) for a, b in widths]


def _padded(x: Operand, axis: int, before: Dim, after: Dim, mode: str) -> Operand:
    if before == 0 and after == 0:
        return x
    n = x.shape[axis]
    ends = {
        "edge": (Dim.of(0), n - 1),
        "wrap": (n - before, Dim.of(0)),
        "reflect": (Dim.of(1), n - 1 - after),
        "symmetric": (Dim.of(0), n - after),
    }[mode]
    parts = []
    for start, width in zip(ends, (before, after), strict=True):
        if width == 0:
            continue
        if mode == "edge":
            piece = slice_axis(x, axis, start, 1)
            parts.append(spread(piece, (*x.shape[:axis], width, *x.shape[axis + 1 :])))
            continue
        if not equalities().nonnegative(n - width - (mode == "reflect")):
            raise NeedsStatic(
                n, f'`np.pad` with mode "{mode}": the padding has to be known to be shorter than the axis'
            )
        piece = slice_axis(x, axis, start, width)
        parts.append(piece if mode == "wrap" else flip_axis(piece, axis))
    parts.insert(1 if before != 0 else 0, x)
    return join(parts, axis)


# ---- repeat and tile ----


def repeat(a: Any, repeats: Any, axis: Any = None) -> Any:
    """Each element `repeats` times, one number for all."""
    x = _array(a)
    if axis is None:
        x, axis = ravel(x), 0
    k = one_axis(axis, x.rank, "np.repeat")
    count = as_dim(repeats, "the number of repeats")
    wide = reshaped(x, (*x.shape[: k + 1], Dim.of(1), *x.shape[k + 1 :]))
    wide = spread(wide, (*x.shape[: k + 1], count, *x.shape[k + 1 :]))
    return reshaped(wide, (*x.shape[:k], x.shape[k] * count, *x.shape[k + 1 :]))


def tile(A: Any, reps: Any) -> Any:
    x = _array(A)
    counts = list(dims_from(reps, "np.tile"))
    rank = max(x.rank, len(counts))
    counts = [Dim.of(1)] * (rank - len(counts)) + counts
    shape = (Dim.of(1),) * (rank - x.rank) + x.shape
    narrow = [d for size in shape for d in (Dim.of(1), size)]
    wide = tuple(d for size, count in zip(shape, counts, strict=True) for d in (count, size))
    out = [count * size for size, count in zip(shape, counts, strict=True)]
    return reshaped(spread(reshaped(x, narrow), wide), out)


def _broadcast_shapes(*shapes: Any) -> Any:
    common = broadcast_shapes([dims_from(shape, "np.broadcast_shapes") for shape in shapes], "np.broadcast_shapes")
    return tuple(d if d.constant is None else d.constant for d in common)


SHAPE_RULES: dict[Any, Rule] = {
    np.broadcast_shapes: _broadcast_shapes,
    np.reshape: reshape,
    np.ravel: ravel,
    np.transpose: transpose,
    np.permute_dims: transpose,
    np.matrix_transpose: lambda x, /: swapaxes(x, -1, -2),
    np.swapaxes: swapaxes,
    np.moveaxis: moveaxis,
    np.rollaxis: rollaxis,
    np.expand_dims: expand_dims,
    np.squeeze: squeeze,
    np.broadcast_to: broadcast_to,
    np.atleast_1d: _at_least(1),
    np.atleast_2d: _at_least(2),
    np.atleast_3d: atleast_3d,
    np.concatenate: concatenate,
    np.stack: stack,
    np.vstack: vstack,
    np.hstack: hstack,
    np.column_stack: column_stack,
    np.append: append,
    np.flip: flip,
    np.flipud: lambda m: flip(m, 0),
    np.fliplr: lambda m: flip(m, 1),
    np.rot90: rot90,
    np.roll: roll,
    np.pad: pad,
    np.repeat: repeat,
    np.tile: tile,
}
