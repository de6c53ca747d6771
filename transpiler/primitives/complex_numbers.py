"""Complex numbers and their parts: real and imaginary part, conjugate.

Derivatives with respect to a complex z are bilinear, without conjugation: a cotangent of z is d/dx - i d/dy of what is
differentiated, as in JAX. These operations and `absolute` are linear over the reals only, so their partials say both
directions. Assumes complex operands: of real ones callers make no equation.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gradscribe.transpiler.ir.nodes import Operand
from gradscribe.transpiler.primitives.conversion import convert
from gradscribe.transpiler.primitives.primitive import Elementwise, RealLinear
from gradscribe.transpiler.primitives.sample import complexes, draw
from gradscribe.transpiler.primitives.source_text import numpy_or_python

_samples = (draw(complexes()), draw(complexes(2, 3)))


def widened(x: Operand, like: Operand) -> Operand:
    """The real x as a complex number of the dtype of `like`."""
    wide: Operand = x if x.dtype == like.dtype else convert(x, dtype=like.dtype)
    return wide


def _part(name: str, pull: Callable[[Operand, Operand], Any]) -> Elementwise:
    part: Elementwise = Elementwise(
        name=name,
        view=True,
        function=getattr(np, name),
        source=f"x.{name}",
        scalar=f"x.{name}",
        partials=lambda y, x: [RealLinear(lambda t: part(t), lambda ct: pull(ct, x))],
        samples=_samples,
    )
    return part


real = _part("real", widened)
imag = _part("imag", lambda ct, x: -1j * widened(ct, x))

conjugate: Elementwise = Elementwise(
    name="conjugate",
    function=np.conjugate,
    source=numpy_or_python("np.conj(x)", "x.conjugate()"),
    scalar="x.conjugate()",
    partials=lambda y, x: [RealLinear(conjugate, conjugate)],
    samples=_samples,
)


def conjugated(x: Operand) -> Operand:
    """The conjugate; real operands as they are."""
    result: Operand = conjugate(x) if x.dtype.kind == "c" else x
    return result


def squared_size(x: Operand) -> Operand:
    """|x|^2, without a root and its kink."""
    square: Operand = real(x * conjugate(x)) if x.dtype.kind == "c" else x * x
    return square
