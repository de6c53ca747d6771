"""Sums over shifted copies of a vector: `np.convolve`, `np.correlate`.

In: two vectors. Out: a vector, made by a loop over the elements of the shorter one where it is known which that is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gradscribe.transpiler.errors import ShapeError, UnsupportedSyntax
from gradscribe.transpiler.ir.bounds import is_nonnegative
from gradscribe.transpiler.ir.builder import current_span, emit
from gradscribe.transpiler.ir.dims import Dim
from gradscribe.transpiler.ir.equalities import equalities
from gradscribe.transpiler.ir.index import At
from gradscribe.transpiler.ir.nodes import Operand, Var
from gradscribe.transpiler.library.arguments import NeedsStatic, common, data, reshaped, static_value, strong
from gradscribe.transpiler.library.shape_rules import pad
from gradscribe.transpiler.primitives.allocation import zeros
from gradscribe.transpiler.primitives.complex_numbers import conjugated
from gradscribe.transpiler.primitives.regions import for_loop
from gradscribe.transpiler.primitives.scans import flip, slice_axis
from gradscribe.transpiler.primitives.structure import index

Rule = Callable[..., Any]


def _vectors(a: Any, v: Any, name: str) -> list[Operand]:
    pair = common([strong(data(x)) for x in (a, v)])
    if any(x.rank > 1 for x in pair):
        raise ShapeError(current_span(), f"`{name}` takes vectors")
    if any(not is_nonnegative(x.shape[0] - 1) for x in pair if x.rank):
        raise ShapeError(current_span(), f"`{name}` of a vector that may be empty")
    return [x if x.rank else reshaped(x, (Dim.of(1),)) for x in pair]


def _mode(mode: Any, name: str) -> str:
    known = static_value(mode, "mode")
    if known not in ("full", "same", "valid"):
        raise UnsupportedSyntax(current_span(), f"the mode of `{name}` is 'full', 'same' or 'valid', not {known!r}")
    return str(known)


def _is_longer(x: Operand, y: Operand, mode: str, name: str) -> bool:
    """Whether x has at least as many elements as y; where only "full" asks, unknown counts as yes."""
    difference = equalities().normalize(x.shape[0] - y.shape[0])
    longer = equalities().nonnegative(difference)
    if longer is None and equalities().nonnegative(-difference):
        longer = False
    if longer is None and mode != "full":
        raise NeedsStatic(difference, f'`{name}` with mode "{mode}": it has to be known which vector is the longer one')
    return longer is not False


def convolve(a: Any, v: Any, mode: Any = "full") -> Any:
    kind = _mode(mode, "np.convolve")
    x, kernel = _vectors(a, v, "np.convolve")
    if not _is_longer(x, kernel, kind, "np.convolve"):
        x, kernel = kernel, x
    return _shifted_sum(x, flip(kernel, 0), kind)


def correlate(a: Any, v: Any, mode: Any = "valid") -> Any:
    kind = _mode(mode, "np.correlate")
    x, kernel = _vectors(a, v, "np.correlate")
    if _is_longer(x, kernel, kind, "np.correlate"):
        return _shifted_sum(x, conjugated(kernel), kind)
    return flip(_shifted_sum(conjugated(kernel), x, kind), 0)


def _shifted_sum(x: Operand, weights: Operand, mode: str) -> Operand:
    """The sum over i of weights[i] * x[k + i], for all k where they overlap at all ("full"), where they overlap wholly
    ("valid"), or for as many as x has elements ("same")."""
    width = weights.shape[0]
    before = {"full": width - 1, "same": width // 2, "valid": Dim.of(0)}[mode]
    after = {"full": width - 1, "same": (width - 1) // 2, "valid": Dim.of(0)}[mode]
    padded = pad(x, ((before, after),)) if mode != "valid" else x
    length = equalities().normalize(x.shape[0] + before + after - width + 1)

    def body(i: Var, total: Operand) -> Sequence[Operand]:
        weight = emit(index, (weights,), {"at": (At(Dim.of(i)),)})[0]
        return (total + weight * slice_axis(padded, 0, Dim.of(i), length),)

    return for_loop(0, width, [zeros(shape=(length,), dtype=x.dtype)], body)[0]


CONVOLUTION_RULES: dict[Any, Rule] = {np.convolve: convolve, np.correlate: correlate}
