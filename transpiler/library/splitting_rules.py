"""Splitting arrays: into equal parts, into nearly equal ones, at positions.

Results are values; where NumPy gives views, the interpreter of the user's program keeps track of it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from gradscribe.transpiler.errors import ShapeError
from gradscribe.transpiler.ir.builder import current_span
from gradscribe.transpiler.ir.dims import Dim
from gradscribe.transpiler.ir.equalities import equalities
from gradscribe.transpiler.library.arguments import NeedsStatic, as_dim, data, one_axis, static_int, strong
from gradscribe.transpiler.primitives.scans import slice_axis

Rule = Callable[..., Any]


def split(ary: Any, indices_or_sections: Any, axis: Any = 0) -> Any:
    """Equal parts, or parts between given positions (which have to lie inside the axis, in order)."""
    x = strong(data(ary))
    k = one_axis(axis, x.rank, "np.split")
    length = x.shape[k]
    if isinstance(indices_or_sections, (tuple, list)):
        cuts = [Dim.of(0), *(as_dim(c, "a position in `np.split`") for c in indices_or_sections), length]
        for a, b in itertools.pairwise(cuts):
            if not equalities().nonnegative(b - a):
                raise NeedsStatic(b - a, "`np.split`: the positions have to be known to lie in order inside the axis")
    else:
        sections = static_int(indices_or_sections, "the number of sections")
        part = length // sections
        equalities().require(part * sections, length, "np.split")
        cuts = [part * j for j in range(sections + 1)]
    return [slice_axis(x, k, a, equalities().normalize(b - a)) for a, b in itertools.pairwise(cuts)]


def array_split(ary: Any, indices_or_sections: Any, axis: Any = 0) -> Any:
    """Parts that differ by one element at most, the longer ones first."""
    if isinstance(indices_or_sections, (tuple, list)):
        return split(ary, indices_or_sections, axis)
    x = strong(data(ary))
    k = one_axis(axis, x.rank, "np.array_split")
    sections = static_int(indices_or_sections, "the number of sections")
    length = x.shape[k]
    longer = static_int(equalities().normalize(length - length // sections * sections), "the rest of the division")
    cuts = [length // sections * j + min(j, longer) for j in range(1, sections)]
    return split(x, cuts, k)


def _split_along(axis: int, name: str) -> Rule:
    def rule(ary: Any, indices_or_sections: Any) -> Any:
        x = strong(data(ary))
        if x.rank <= axis and name != "hsplit":
            raise ShapeError(current_span(), f"`np.{name}` splits arrays of at least {axis + 1} axes")
        return split(x, indices_or_sections, min(axis, x.rank - 1))

    return rule


SPLITTING_RULES: dict[Any, Rule] = {
    np.split: split,
    np.array_split: array_split,
    np.hsplit: _split_along(1, "hsplit"),
    np.vsplit: _split_along(0, "vsplit"),
    np.dsplit: _split_along(2, "dsplit"),
}
