"""What the lanes of a named axis tell one another: `psum`, `all_gather`, `ppermute`, ... in the program of one lane.

In: a value of this lane and the name of an axis that `gs.vmap(..., axis_name=)` binds (or a tuple of names: their
lanes together, the last name counting fastest). Out: values of this lane again. Names, arguments and meaning are those
of `jax.lax`; values are numbers, arrays, or trees of them (the interpreter calls the rules leaf by leaf).
CollectiveError at the line of the call where no axis of that name is around, or the arguments do not fit its size.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from gradscribe.transpiler.errors import CollectiveError
from gradscribe.transpiler.ir.builder import current_span, emit
from gradscribe.transpiler.ir.dims import Dim
from gradscribe.transpiler.ir.equalities import equalities
from gradscribe.transpiler.ir.index import At, Take, whole
from gradscribe.transpiler.ir.nodes import Literal, Operand
from gradscribe.transpiler.ir.types import INT64
from gradscribe.transpiler.library.arguments import NeedsStatic, data, is_data, is_scalar, one_axis, static_int
from gradscribe.transpiler.primitives import collectives
from gradscribe.transpiler.primitives.collectives import required_size
from gradscribe.transpiler.primitives.joining import array_of
from gradscribe.transpiler.primitives.primitive import PRIMITIVES
from gradscribe.transpiler.primitives.structure import index, permute, reshape

# ---- what users call ----


def _outside(name: str) -> Any:
    raise CollectiveError(
        None, f"`{name}` is called by ordinary Python", "Call it in a function given to `gs.vmap(..., axis_name=...)`."
    )


def psum(x: Any, axis_name: Any) -> Any:
    """The sum of `x` over the lanes of an axis (or of a tuple of axes); of a Python number, that times the lanes.

    Example: `gs.vmap(lambda x: x / gs.psum(x, "i"), axis_name="i")(xs)` divides by the sum of `xs`.
    """
    return _outside("gs.psum")


def pmean(x: Any, axis_name: Any) -> Any:
    """The mean of `x` over the lanes of an axis.

    Example: `gs.vmap(lambda x: x - gs.pmean(x, "i"), axis_name="i")(xs)` is `xs` without its mean.
    """
    return _outside("gs.pmean")


def pmax(x: Any, axis_name: Any) -> Any:
    """The largest `x` of the lanes, element by element; lanes that are tied share the derivative.

    Example: `gs.vmap(lambda x: np.exp(x - gs.pmax(x, "i")), axis_name="i")(xs)`.
    """
    return _outside("gs.pmax")


def pmin(x: Any, axis_name: Any) -> Any:
    """The smallest `x` of the lanes, element by element; lanes that are tied share the derivative.

    Example: `gs.vmap(lambda x: x - gs.pmin(x, "i"), axis_name="i")(xs)`.
    """
    return _outside("gs.pmin")


def all_gather(x: Any, axis_name: Any, *, axis: int = 0, tiled: bool = False) -> Any:
    """The `x` of all lanes, along a new axis `axis`, or (`tiled`) one after the other along the axis `axis` there is.

    Args:
        x: of shape (a, b): the result is (lanes, a, b) for axis=0, (lanes * a, b) if tiled too.

    Example: `gs.vmap(lambda x: np.sort(gs.all_gather(x, "i")), axis_name="i")(xs)` gives every lane all sorted.
    """
    return _outside("gs.all_gather")


def psum_scatter(x: Any, axis_name: Any, *, scatter_dimension: int = 0, tiled: bool = False) -> Any:
    """Lane k gets part k of the sum of `x` over the lanes: the transpose of `all_gather`.

    Args:
        x: its axis `scatter_dimension` has one element per lane, and disappears; if `tiled`, it has the same number
            of elements for each lane, and stays with that many.

    Example: `gs.vmap(lambda x: gs.psum_scatter(x, "i"), axis_name="i")(a)` is `a.sum(axis=0)` for a square `a`.
    """
    return _outside("gs.psum_scatter")


def all_to_all(x: Any, axis_name: Any, split_axis: int, concat_axis: int, *, tiled: bool = False) -> Any:
    """Lane k gets part k of every lane's `x`.

    Args:
        x: its axis `split_axis` has one element per lane; it disappears, and the new axis `concat_axis` of the result
            counts the lanes the parts came from. If `tiled`, both axes stay: `split_axis` is cut into as many pieces
            as there are lanes, and the pieces are joined along `concat_axis`.

    Example: `gs.vmap(lambda row: gs.all_to_all(row, "i", 0, 0), axis_name="i")(a)` is `a.T` for a square `a`.
    """
    return _outside("gs.all_to_all")


def ppermute(x: Any, axis_name: Any, perm: Any) -> Any:
    """Lane t gets the `x` of lane s for every pair (s, t) of `perm`; lanes that are no target get zeros.

    Args:
        perm: pairs of lane numbers; no lane is source or target twice. Lanes of a tuple of axes are numbered in order,
            the last axis counting fastest.

    Example: with `n = gs.axis_size("i")`, `gs.ppermute(x, "i", [(k, (k + 1) % n) for k in range(n)])` is the left
    neighbour's `x`.
    """
    return _outside("gs.ppermute")


def axis_index(axis_name: Any) -> Any:
    """The number of this lane along an axis, a Python int; of a tuple of axes, the last counts fastest.

    Example: `gs.vmap(lambda x: x[gs.axis_index("i")], axis_name="i")(a)` is the diagonal of `a`.
    """
    return _outside("gs.axis_index")


def axis_size(axis_name: Any) -> Any:
    """How many lanes an axis (or a tuple of axes together) has, a Python int.

    Example: `gs.vmap(lambda x: x * gs.axis_size("i"), axis_name="i")(xs)` is `len(xs) * xs`.
    """
    return _outside("gs.axis_size")


# ---- their rules ----


def _names(axis_name: Any) -> tuple[str, ...]:
    names = tuple(axis_name) if isinstance(axis_name, (tuple, list)) else (axis_name,)
    for name in names:
        required_size(name)
    if len(set(names)) != len(names):
        raise CollectiveError(current_span(), f"an axis is named twice in {names}")
    return names


def _size(names: Sequence[str]) -> Dim:
    return functools.reduce(lambda n, name: n * required_size(name), names, Dim.of(1))


def _psum(x: Any, axis_name: Any) -> Any:
    names = _names(axis_name)
    if is_scalar(x) and not is_data(x):
        return _simplest(x * _size(names)) if isinstance(x, int) else data(x) * data(_size(names))
    return emit(collectives.psum, (data(x),), {"axes": names})[0]


def _pmean(x: Any, axis_name: Any) -> Any:
    names = _names(axis_name)
    return emit(collectives.psum, (data(x),), {"axes": names})[0] / data(_size(names))


def _pmax(x: Any, axis_name: Any) -> Any:
    return emit(collectives.pmax, (data(x),), {"axes": _names(axis_name)})[0]


def _pmin(x: Any, axis_name: Any) -> Any:
    return emit(collectives.pmin, (data(x),), {"axes": _names(axis_name)})[0]


def _gather(x: Operand, names: Sequence[str], at: int) -> Operand:
    """All lanes of several axes along one new axis `at`."""
    for name in reversed(names):
        x = emit(collectives.all_gather, (x,), {"axis": name, "size": required_size(name), "at": at})[0]
    return _merge(x, at, len(names))


def _merge(x: Operand, at: int, count: int) -> Operand:
    """`count` axes from `at` on as one."""
    if count == 1:
        return x
    size = functools.reduce(lambda n, d: n * d, x.shape[at : at + count], Dim.of(1))
    merged: Operand = reshape(x, shape=(*x.shape[:at], size, *x.shape[at + count :]))
    return merged


def _cut(x: Operand, at: int, sizes: Sequence[Dim], what: str, tiled: bool) -> Operand:
    """Axis `at` as one axis for each of `sizes` (and one for what a lane gets, if tiled)."""
    lanes = functools.reduce(lambda n, d: n * d, sizes, Dim.of(1))
    length = x.shape[at]
    each: tuple[Dim, ...] = ()
    if tiled:
        each = (_exactly(length, lanes, what),)
    elif equalities().normalize(length - lanes) != 0:
        if (length - lanes).constant is not None:
            raise CollectiveError(
                current_span(), f"`{what}`: axis {at} has {length} elements, but there are {lanes} lanes"
            )
        equalities().require(length, lanes, what)
    shape = (*x.shape[:at], *sizes, *each, *x.shape[at + 1 :])
    cut: Operand = x if shape == x.shape else reshape(x, shape=shape)
    return cut


def _exactly(length: Dim, lanes: Dim, what: str) -> Dim:
    """length / lanes."""
    number = lanes.constant
    if number is None:
        raise NeedsStatic(lanes, f"`{what}`: the number of lanes has to be known to divide {length}")
    each = equalities().normalize(length)
    if each.constant is None and (each // number) * number != each:
        raise NeedsStatic(each, f"`{what}`: {length} has to be known to be a multiple of the {number} lanes")
    if each.constant is not None and (number == 0 or each.constant % number):
        raise CollectiveError(current_span(), f"`{what}`: {length} elements cannot be cut into {number} equal pieces")
    return each // number


def _new_axis(axis: Any, rank: int, what: str) -> int:
    return one_axis(axis, rank + 1, what)


def _all_gather(x: Any, axis_name: Any, *, axis: Any = 0, tiled: Any = False) -> Any:
    names, operand = _names(axis_name), data(x)
    if not tiled:
        return _gather(operand, names, _new_axis(axis, operand.rank, "gs.all_gather"))
    at = one_axis(axis, operand.rank, "gs.all_gather")
    return _merge(_gather(operand, names, at), at, 2)


def _psum_scatter(x: Any, axis_name: Any, *, scatter_dimension: Any = 0, tiled: Any = False) -> Any:
    names, operand = _names(axis_name), data(x)
    at = one_axis(scatter_dimension, operand.rank, "gs.psum_scatter")
    cut = _cut(operand, at, [required_size(n) for n in names], "gs.psum_scatter", bool(tiled))
    for name in names:
        cut = emit(collectives.psum_scatter, (cut,), {"axis": name, "size": required_size(name), "at": at})[0]
    return cut


def _all_to_all(x: Any, axis_name: Any, split_axis: Any, concat_axis: Any, *, tiled: Any = False) -> Any:
    names, operand, what = _names(axis_name), data(x), "gs.all_to_all"
    split = one_axis(split_axis, operand.rank, what)
    at = one_axis(concat_axis, operand.rank, what)
    operand = _cut(operand, split, [required_size(n) for n in names], what, bool(tiled))
    # in front, where the axes of the lanes take turns: (i, j, ...) has each of them exchanged in its place
    order = [*range(split, split + len(names)), *range(split), *range(split + len(names), operand.rank)]
    operand = operand if order == list(range(operand.rank)) else permute(operand, axes=tuple(order))
    for k, name in enumerate(names):
        params = {"axis": name, "size": required_size(name), "split": k, "at": k}
        operand = emit(collectives.all_to_all, (operand,), params)[0]
    operand = _merge(operand, 0, len(names))
    order = list(range(1, operand.rank))
    order.insert(at, 0)
    operand = operand if order == list(range(operand.rank)) else permute(operand, axes=tuple(order))
    return _merge(operand, at, 2) if tiled else operand


def _pairs(perm: Any, size: int) -> tuple[tuple[int, int], ...]:
    what = "a lane number of `gs.ppermute`"
    pairs = tuple((static_int(s, what), static_int(t, what)) for s, t in perm)
    for side, numbers in (("source", [s for s, _ in pairs]), ("target", [t for _, t in pairs])):
        outside = [k for k in numbers if not 0 <= k < size]
        if outside:
            raise CollectiveError(current_span(), f"`gs.ppermute`: lane {outside[0]} is a {side}, of {size} lanes")
        if len(set(numbers)) != len(numbers):
            raise CollectiveError(current_span(), f"`gs.ppermute`: a lane is a {side} twice in {list(pairs)}")
    return pairs


def _ppermute(x: Any, axis_name: Any, perm: Any) -> Any:
    names, operand = _names(axis_name), data(x)
    size = static_int(_simplest(_size(names)), "the number of lanes of `gs.ppermute`")
    pairs = _pairs(perm, size)
    if len(names) == 1:
        return emit(collectives.ppermute, (operand,), {"axis": names[0], "pairs": pairs})[0]
    source = {t: s for s, t in pairs}
    everybody = _gather(operand, names, 0)
    table = array_of(*(Literal(source.get(t, 0)) for t in range(size)), shape=(Dim.of(size),), dtype=INT64)
    here = Dim.of(_axis_index(names))
    (mine,) = emit(index, (table,), {"at": (At(here),)})
    (received,) = emit(index, (everybody, reshape(mine, shape=(Dim.of(1),))), {"at": (Take(0), *whole(operand.shape))})
    received = reshape(received, shape=operand.shape)
    if len(pairs) == size:
        return received
    heard = array_of(*(Literal(t in source) for t in range(size)), shape=(Dim.of(size),), dtype=bool)
    return PRIMITIVES["select"](emit(index, (heard,), {"at": (At(here),)})[0], received, 0.0)


def _axis_index(axis_name: Any) -> Any:
    number = Dim.of(0)
    for name in _names(axis_name):
        size = required_size(name)
        (here,) = emit(collectives.axis_index, (), {"axis": name}, hint=f"{name}_index")
        here.lower, here.upper = Dim.of(0), size - 1
        number = number * size + Dim.of(here)
    return _simplest(number)


def _simplest(x: Dim) -> Any:
    return x if x.constant is None else x.constant


COLLECTIVE_RULES: dict[Any, Callable[..., Any]] = {
    psum: _psum,
    pmean: _pmean,
    pmax: _pmax,
    pmin: _pmin,
    all_gather: _all_gather,
    psum_scatter: _psum_scatter,
    all_to_all: _all_to_all,
    ppermute: _ppermute,
    axis_index: _axis_index,
    axis_size: lambda axis_name: _simplest(_size(_names(axis_name))),
}

AXIS_QUERIES = (axis_index, axis_size)  # ask about an axis, not about values
