"""Polynomials as vectors of coefficients, the highest power first: sum, difference, derivative, integral."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gradscribe.transpiler.errors import ShapeError
from gradscribe.transpiler.ir.builder import current_span, emit
from gradscribe.transpiler.ir.dims import Dim
from gradscribe.transpiler.ir.equalities import equalities
from gradscribe.transpiler.ir.nodes import Operand
from gradscribe.transpiler.library.arguments import NeedsStatic, data, refuse_given, reshaped, static_int, strong
from gradscribe.transpiler.library.shape_rules import concatenate, pad
from gradscribe.transpiler.primitives.allocation import arange, zeros
from gradscribe.transpiler.primitives.scans import slice_axis

Rule = Callable[..., Any]


def _coefficients(p: Any) -> Operand:
    x = strong(data(p))
    if x.rank > 1:
        raise ShapeError(current_span(), "the coefficients of a polynomial are a vector")
    return x if x.rank else reshaped(x, (Dim.of(1),))


def _aligned(a: Any, b: Any, name: str) -> tuple[Operand, Operand]:
    """Both with as many coefficients, zeros put before the fewer ones."""
    x, y = _coefficients(a), _coefficients(b)
    missing = equalities().normalize(x.shape[0] - y.shape[0])
    if equalities().nonnegative(missing):
        return x, pad(y, ((missing, 0),))
    if equalities().nonnegative(-missing):
        return pad(x, ((-missing, 0),)), y
    raise NeedsStatic(missing, f"`{name}`: it has to be known which polynomial has more coefficients")


def polyadd(a1: Any, a2: Any) -> Any:
    x, y = _aligned(a1, a2, "np.polyadd")
    return x + y


def polysub(a1: Any, a2: Any) -> Any:
    x, y = _aligned(a1, a2, "np.polysub")
    return x - y


def _powers(highest: Dim) -> Operand:
    """highest, ..., 2, 1."""
    return emit(arange, (), {"start": highest, "length": highest, "step": -1})[0]


def polyder(p: Any, m: Any = 1) -> Any:
    x = _coefficients(p)
    for _ in range(static_int(m, "the order of a derivative")):
        degree = equalities().normalize(x.shape[0] - 1)
        if not equalities().nonnegative(degree):
            return x
        x = slice_axis(x, 0, 0, degree) * _powers(degree)
    return x


def polyint(p: Any, m: Any = 1, k: Any = None) -> Any:
    """The integral whose constants are 0."""
    refuse_given("np.polyint", k=(k, None))
    x = _coefficients(p)
    for _ in range(static_int(m, "the order of an integral")):
        x = concatenate([x / _powers(equalities().normalize(x.shape[0])), zeros(shape=(Dim.of(1),), dtype=np.float64)])
    return x


POLYNOMIAL_RULES: dict[Any, Rule] = {
    np.polyadd: polyadd,
    np.polysub: polysub,
    np.polyder: polyder,
    np.polyint: polyint,
}
