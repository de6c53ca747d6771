"""Positions where something is true, and what they select: results whose size data decide."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gradscribe.transpiler.errors import ShapeError
from gradscribe.transpiler.ir.builder import current_span, emit
from gradscribe.transpiler.ir.index import Take, whole
from gradscribe.transpiler.ir.nodes import Operand
from gradscribe.transpiler.library.arguments import data, one_axis, refuse_given, strong, truth
from gradscribe.transpiler.library.shape_rules import ravel
from gradscribe.transpiler.primitives.checks import wrap_index
from gradscribe.transpiler.primitives.joining import stack
from gradscribe.transpiler.primitives.masks import positions_of
from gradscribe.transpiler.primitives.structure import index

Rule = Callable[..., Any]


def nonzero(a: Any) -> tuple[Operand, ...]:
    x = data(a)
    if not x.rank:
        raise ShapeError(current_span(), "`np.nonzero` takes an array with at least one axis", "write np.atleast_1d")
    return positions_of(truth(x))


def flatnonzero(a: Any) -> Operand:
    return positions_of(truth(ravel(strong(data(a)))))[0]


def argwhere(a: Any) -> Operand:
    positions: Operand = stack(*nonzero(a), axis=1)
    return positions


def compress(condition: Any, a: Any, axis: Any = None, out: Any = None) -> Operand:
    """The elements along an axis where a vector, perhaps shorter than the axis, is true."""
    refuse_given("np.compress", out=(out, None))
    x, mask = strong(data(a)), truth(data(condition))
    if mask.rank != 1:
        raise ShapeError(current_span(), "the condition of `np.compress` is a vector")
    if axis is None:
        x, axis = ravel(x), 0
    k = one_axis(axis, x.rank, "np.compress")
    (positions,) = positions_of(mask)
    if mask.shape[0] != x.shape[k]:
        positions = wrap_index(positions, size=x.shape[k])
    return emit(index, (x, positions), {"at": (*whole(x.shape[:k]), Take(0), *whole(x.shape[k + 1 :]))})[0]


def extract(condition: Any, arr: Any) -> Operand:
    return compress(ravel(strong(data(condition))), ravel(strong(data(arr))), 0)


MASK_RULES: dict[Any, Rule] = {
    np.nonzero: nonzero,
    np.flatnonzero: flatnonzero,
    np.argwhere: argwhere,
    np.compress: compress,
    np.extract: extract,
}
