"""Functions with kinks and steps: absolute value, sign, rounding, floor division, maximum and minimum.

At a kink the derivative is JAX's: 1 for the absolute value, half to each operand of a tied maximum; steps
have derivative zero. Of complex operands the absolute value alone is differentiated (0 at 0).
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gradscribe.transpiler.errors import NotDifferentiable
from gradscribe.transpiler.ir.builder import current_span
from gradscribe.transpiler.ir.nodes import Operand
from gradscribe.transpiler.primitives.arithmetic import equal, greater, greater_equal, less, select
from gradscribe.transpiler.primitives.complex_numbers import conjugate, real
from gradscribe.transpiler.primitives.primitive import Elementwise, Partial, RealLinear
from gradscribe.transpiler.primitives.sample import complexes, draw, uniform
from gradscribe.transpiler.primitives.source_text import numpy_or_python

_one = (draw(uniform(0.6, 0.9)), draw(uniform(-1.9, -1.6, 2, 3)))
_pairs = (
    draw(uniform(0.5, 1.0), uniform(1.5, 2.0)),
    draw(uniform(1.5, 2.0, 2, 3), uniform(0.5, 1.0, 3)),
    draw(uniform(-2.0, -1.5, 2, 1), uniform(0.5, 1.0, 1, 3)),
)


def _real_only(name: str, *operands: Operand) -> None:
    if any(x.dtype.kind == "c" for x in operands):
        raise NotDifferentiable(current_span(), f"`{name}` of a complex number has no complex derivative")


def _absolute_partials(y: Operand, x: Operand) -> Sequence[Partial]:
    if x.dtype.kind == "c":
        # Re(conj(z) t) / |z|, and 0 at 0
        slope = conjugate(x) / select(equal(y, 0.0), 1.0, y)
        return [RealLinear(lambda t: real(t * slope), lambda ct: ct * slope)]
    return [lambda t: select(greater_equal(x, 0.0), t, -t)]


absolute: Elementwise = Elementwise(
    name="absolute",
    function=abs,
    source=numpy_or_python("np.abs(x)", "abs(x)"),
    scalar="abs(x)",
    partials=_absolute_partials,
    samples=(*_one, draw(complexes(2, 3))),
)


def _step(name: str, scalar: str = "") -> Elementwise:
    def partials(y: Operand, x: Operand) -> Sequence[Partial]:
        _real_only(f"np.{name}", x)
        return [None]

    return Elementwise(
        name=name,
        function=getattr(np, name),
        source=numpy_or_python(f"np.{name}(x)"),
        scalar=scalar or f"{name}(x)",
        partials=partials,
        samples=_one,
    )


sign = _step("sign")
floor = _step("floor")
ceil = _step("ceil")
trunc = _step("trunc")
rint = _step("rint")

copysign: Elementwise = Elementwise(
    name="copysign",
    function=np.copysign,
    arity=2,
    source=numpy_or_python("np.copysign(x, y)", "math.copysign(x, y)"),
    scalar="math.copysign(x, y)",
    partials=lambda z, x, y: [copysign(1.0, x) * copysign(1.0, y), None],  # of the sign bits: 1 or -1 at 0 too
    samples=_pairs,
)

# ---- division with rounding ----

floor_divide: Elementwise = Elementwise(
    name="floor_divide",
    function=operator.floordiv,
    arity=2,
    source="x // y",
    scalar="floor_divide(x, y)",
    partials=lambda z, x, y: [None, None],
    samples=_pairs,
)
remainder: Elementwise = Elementwise(
    name="remainder",
    function=operator.mod,
    arity=2,
    source="x % y",
    scalar="remainder(x, y)",
    partials=lambda z, x, y: [1.0, lambda t: -(t * floor_divide(x, y))],
    samples=_pairs,
)
fmod: Elementwise = Elementwise(
    name="fmod",
    function=np.fmod,
    arity=2,
    source=numpy_or_python("np.fmod(x, y)", "math.fmod(x, y)"),
    scalar="fmod(x, y)",
    partials=lambda z, x, y: [1.0, lambda t: -(t * trunc(x / y))],
    samples=_pairs,
)

# ---- maximum and minimum ----


def _extremum_partials(wins: Callable[..., Any]) -> Callable[..., Sequence[Partial]]:
    """The winner takes the cotangent; in a tie each operand takes half."""

    def partials(z: Operand, x: Operand, y: Operand) -> Sequence[Partial]:
        def share(own: Operand, other: Operand) -> Callable[[Operand], Any]:
            return lambda t: select(wins(own, other), t, select(equal(own, other), 0.5 * t, 0.0))

        return [share(x, y), share(y, x)]

    return partials


def _extremum(name: str, scalar: str, wins: Elementwise) -> Elementwise:
    return Elementwise(
        name=name,
        function=getattr(np, name),
        arity=2,
        source=numpy_or_python(f"np.{name}(x, y)"),
        scalar=scalar,
        ordering=True,
        partials=_extremum_partials(wins),
        samples=_pairs,
    )


maximum = _extremum("maximum", "fmax_nan(x, y)", greater)
minimum = _extremum("minimum", "fmin_nan(x, y)", less)
