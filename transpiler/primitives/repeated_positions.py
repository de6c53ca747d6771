"""Index arrays that may name one place several times: which of several writes to a place is the last.

In: index operands as `update` takes them (integer arrays that broadcast against each other, each inside its axis).
Out: whether they surely name every place at most once; or, computed by the program, which elements of theirs are the
last ones of their places. NumPy writes in C order of the index arrays, so the last write to a place wins.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gradscribe.transpiler.ir.bounds import is_nonnegative
from gradscribe.transpiler.ir.builder import emit
from gradscribe.transpiler.ir.dims import Dim
from gradscribe.transpiler.ir.index import At, Slice, Take
from gradscribe.transpiler.ir.nodes import Eqn, Literal, Operand, Var
from gradscribe.transpiler.ir.types import INT64
from gradscribe.transpiler.primitives.allocation import arange, empty
from gradscribe.transpiler.primitives.masks import mask_of
from gradscribe.transpiler.primitives.primitive import PRIMITIVES, broadcast_shapes

Axes = frozenset[int]


def are_distinct(takes: Sequence[Operand]) -> bool:
    """Whether no two elements of the broadcast index arrays name the same place, as far as their definitions tell."""
    shape = broadcast_shapes([t.shape for t in takes], "indexing")
    wide = frozenset(k for k, d in enumerate(shape) if d != 1)
    determined: set[int] = set()  # axes whose coordinate follows from the place
    pending = []
    for take in takes:
        missing = len(shape) - take.rank
        varies = frozenset(k + missing for k, d in enumerate(take.shape) if d != 1)
        pending.append((varies, frozenset(k + missing for k in _injective_axes(take)) & varies))
        if take.rank == 1 and _all_axes_of_its_mask(take, takes):
            determined.add(len(shape) - 1)
    for _ in pending:
        for varies, injective in pending:
            if varies - injective <= determined:
                determined |= injective
    return wide <= determined or _are_distinct_constants(takes)


def _all_axes_of_its_mask(x: Operand, takes: Sequence[Operand]) -> bool:
    """The positions of a mask's true elements are different places, all axes together."""
    mask = mask_of(x)
    return mask is not None and len({t for t in takes if mask_of(t) is mask}) == mask.rank


def _injective_axes(x: Operand) -> Axes:
    """Axes along which elements of a nonnegative array are pairwise different, wherever the other axes stand."""
    eqn = x.definition if isinstance(x, Var) else None
    if eqn is None:
        return frozenset()
    name, params = eqn.operation.name, eqn.params
    if name == "arange":
        first, last = params["start"], params["start"] + (params["length"] - 1) * params["step"]
        return frozenset((0,)) if is_nonnegative(first if params["step"] > 0 else last) else frozenset()
    if name == "argsort":
        return frozenset((params["axis"],))
    if name == "true_positions":
        return frozenset((0,)) if eqn.operands[0].rank == 1 else frozenset()
    if name == "array_of":
        values = _constant(x)
        distinct = values is not None and values.min(initial=0) >= 0 and len(set(values.ravel())) == values.size
        return frozenset(range(x.rank)) if distinct else frozenset()
    if name in ("wrap_index", "convert", "copy"):
        return _injective_axes(eqn.operands[0]) if eqn.result.dtype == INT64 else frozenset()
    if name == "permute":
        inner = _injective_axes(eqn.operands[0])
        return frozenset(k for k, a in enumerate(params["axes"]) if a in inner)
    if name == "reshape":
        return _through_reshape(eqn)
    if name == "index" and len(eqn.operands) == 1:
        inner = _injective_axes(eqn.operands[0])
        kept = [k for k, c in enumerate(params["at"]) if isinstance(c, Slice)]
        return frozenset(kept.index(k) for k in inner if not isinstance(params["at"][k], At))
    return frozenset()


def _through_reshape(eqn: Eqn) -> Axes:
    """Axes of length 1 come and go; the others keep their order."""
    (x,) = eqn.operands
    before = [k for k, d in enumerate(x.shape) if d != 1]
    after = [k for k, d in enumerate(eqn.result.shape) if d != 1]
    if [x.shape[k] for k in before] != [eqn.result.shape[k] for k in after]:
        return frozenset()
    inner = _injective_axes(x)
    return frozenset(b for a, b in zip(before, after, strict=True) if a in inner)


def _constant(x: Operand) -> np.ndarray[Any, Any] | None:
    """An array of written numbers."""
    eqn = x.definition if isinstance(x, Var) else None
    if eqn is not None and eqn.operation.name == "wrap_index":
        return _constant(eqn.operands[0])
    if eqn is None or eqn.operation.name != "array_of":
        return None
    values = [v.value for v in eqn.operands if isinstance(v, Literal)]
    sizes = [d.constant for d in x.shape]
    if len(values) < len(eqn.operands) or None in sizes:
        return None
    return np.array(values, dtype=np.int64).reshape([d for d in sizes if d is not None])


def _are_distinct_constants(takes: Sequence[Operand]) -> bool:
    arrays = [_constant(t) for t in takes]
    known = [a for a in arrays if a is not None]
    if len(known) < len(arrays) or any(a.min(initial=0) < 0 for a in known):
        return False
    places = np.stack([a.ravel() for a in np.broadcast_arrays(*known)])
    return bool(np.unique(places, axis=1).shape[1] == places.shape[1])


def last_writes(shape: tuple[Dim, ...], takes: Sequence[Operand]) -> Operand:
    """A boolean array over the broadcast index arrays: is this the last element that names its place? `shape` are the
    sizes of the axes that the index arrays index."""
    over = broadcast_shapes([t.shape for t in takes], "indexing")
    count = Dim.of(1)
    for d in over:
        count = count * d
    turn: Operand = arange(start=Dim.of(0), length=count, step=1)
    if len(over) != 1:
        turn = PRIMITIVES["reshape"](turn, shape=over)
    at = tuple(Take(k) for k in range(len(takes)))
    last = empty(shape=shape, dtype=INT64)  # read only where it is written
    last = emit(PRIMITIVES["update"], (last, turn, *takes), {"at": at}, hint="last")[0]
    found = emit(PRIMITIVES["index"], (last, *takes), {"at": at})[0]
    won: Operand = PRIMITIVES["equal"](found, turn)
    return won
