"""Complex numbers and their parts: real and imaginary part, a number of two parts, conjugate.

Derivatives with respect to a complex z are bilinear, without conjugation: a cotangent of z is d/dx - i d/dy of what is
differentiated, as in JAX. These operations and `absolute` are linear over the reals only, so their partials say both
directions. Assumes complex operands: of real ones callers make no equation.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gradscribe.transpiler.ir.nodes import Operand
from gradscribe.transpiler.ir.types import ArrayType, Type
from gradscribe.transpiler.primitives.conversion import convert
from gradscribe.transpiler.primitives.primitive import Elementwise, RealLinear
from gradscribe.transpiler.primitives.sample import complexes, draw, uniform
from gradscribe.transpiler.primitives.source_text import dtype_text, numpy_or_python

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


def _of_parts(x: Any, y: Any) -> Any:
    if isinstance(x, float) and isinstance(y, float) and not isinstance(x + y, np.generic):
        return complex(x, y)
    z = np.empty(np.broadcast_shapes(np.shape(x), np.shape(y)), np.result_type(x, y, np.complex64))
    z.real, z.imag = x, y
    return z[()]


def _of_parts_text(params: Any, operands: Sequence[Type], result: Type, write: Any) -> str:
    """Not x + 1j * y, which is NaN where y is infinite."""
    assert isinstance(result, ArrayType)
    if not result.shape:
        return "complex(x, y)" if result.weak else f"{dtype_text(result.dtype)}(complex(x, y))"
    same = len({t.shape for t in operands if isinstance(t, ArrayType)}) == 1
    parts = "(x, y)" if same else "np.broadcast_arrays(x, y)"
    return f"np.stack({parts}, -1).view({dtype_text(result.dtype)})[..., 0]"


complex_of: Elementwise = Elementwise(
    name="complex_of",
    function=_of_parts,
    arity=2,
    source=_of_parts_text,
    scalar=lambda params, operands, result, write: f"{dtype_text(result.dtype)}(complex(x, y))",
    partials=lambda z, x, y: [
        RealLinear(lambda t: widened(t, z), lambda ct: real(ct)),
        RealLinear(lambda t: 1j * widened(t, z), lambda ct: -imag(ct)),
    ],
    samples=(
        draw(uniform(-1, 1), uniform(-1, 1)),
        draw(uniform(-1, 1, 2, 3), uniform(-1, 1, 2, 3)),
        draw(uniform(-1, 1, 2, 3), uniform(-1, 1, 3)),
    ),
)

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
