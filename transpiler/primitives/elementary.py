"""Elementary functions: exponentials, logarithms, trigonometric and hyperbolic functions, roots, the error function.

Partials are stated with the output y where that is cheaper (tanh' = 1 - y y). A Python scalar stays one (`math.sin`);
NumPy's function of it is the same primitive with `weak=False`. Formulas: Abramowitz & Stegun, ch. 4 and 7.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import scipy.special

from gradscribe.transpiler.ir.nodes import Operand
from gradscribe.transpiler.ir.types import ArrayType, Type
from gradscribe.transpiler.primitives.primitive import Elementwise, Partial, Quotient
from gradscribe.transpiler.primitives.sample import complexes, draw, uniform
from gradscribe.transpiler.primitives.source_text import numpy_or_python

Partials = Callable[..., Sequence[Partial]]

_LN2 = math.log(2.0)
_LN10 = math.log(10.0)
_TWO_OVER_ROOT_PI = 2.0 / math.sqrt(math.pi)


def _function(
    name: str,
    partials: Partials,
    low: float,
    high: float,
    *,
    python: str | None = None,
    function: Callable[..., Any] | None = None,
    text: str | None = None,
    scalar: str | Callable[..., str] | None = None,
    takes_complex: bool = True,
) -> Elementwise:
    """An elementary function of one operand, sampled on [low, high), and at complex numbers."""
    samples = (draw(uniform(low, high)), draw(uniform(low, high, 2, 3)))
    return Elementwise(
        name=name,
        function=function or getattr(np, name),
        source=numpy_or_python(text or f"np.{name}(x)", f"math.{python or name}(x)"),
        scalar=scalar or f"{name}(x)",
        partials=partials,
        samples=(*samples, draw(complexes(2, 3))) if takes_complex else samples,
    )


# ---- exponentials and logarithms ----

exp: Elementwise = _function("exp", lambda y, x: [y], -2, 2)
exp2: Elementwise = _function("exp2", lambda y, x: [_LN2 * y], -2, 2)
expm1: Elementwise = _function("expm1", lambda y, x: [y + 1.0], -2, 2)
log: Elementwise = _function("log", lambda y, x: [Quotient(1.0, x)], 0.2, 4)
log1p: Elementwise = _function("log1p", lambda y, x: [Quotient(1.0, x + 1.0)], -0.8, 4)
log2: Elementwise = _function("log2", lambda y, x: [Quotient(1.0, _LN2 * x)], 0.2, 4)
log10: Elementwise = _function("log10", lambda y, x: [Quotient(1.0, _LN10 * x)], 0.2, 4)

# ---- trigonometric ----

sin: Elementwise = _function("sin", lambda y, x: [cos(x)], -3, 3)
cos: Elementwise = _function("cos", lambda y, x: [-sin(x)], -3, 3)
tan: Elementwise = _function("tan", lambda y, x: [1.0 + y * y], -1.2, 1.2)
arcsin: Elementwise = _function("arcsin", lambda y, x: [Quotient(1.0, sqrt(1.0 - x * x))], -0.9, 0.9, python="asin")
arccos: Elementwise = _function("arccos", lambda y, x: [Quotient(-1.0, sqrt(1.0 - x * x))], -0.9, 0.9, python="acos")
arctan: Elementwise = _function("arctan", lambda y, x: [Quotient(1.0, 1.0 + x * x)], -3, 3, python="atan")

# ---- hyperbolic ----

sinh: Elementwise = _function("sinh", lambda y, x: [cosh(x)], -2, 2)
cosh: Elementwise = _function("cosh", lambda y, x: [sinh(x)], -2, 2)
tanh: Elementwise = _function("tanh", lambda y, x: [1.0 - y * y], -2, 2)
arcsinh: Elementwise = _function("arcsinh", lambda y, x: [Quotient(1.0, sqrt(x * x + 1.0))], -3, 3, python="asinh")
arccosh: Elementwise = _function("arccosh", lambda y, x: [Quotient(1.0, sqrt(x * x - 1.0))], 1.2, 4, python="acosh")
arctanh: Elementwise = _function("arctanh", lambda y, x: [Quotient(1.0, 1.0 - x * x)], -0.9, 0.9, python="atanh")

# ---- roots ----


def _sqrt_text(params: Any, operands: Sequence[Type], result: Type, write: Any) -> str:
    """Real roots are one machine instruction."""
    return "complex_sqrt(x)" if isinstance(result, ArrayType) and result.dtype.kind == "c" else "math.sqrt(x)"


sqrt: Elementwise = _function("sqrt", lambda y, x: [Quotient(0.5, y)], 0.2, 4, scalar=_sqrt_text)
cbrt: Elementwise = _function("cbrt", lambda y, x: [Quotient(1.0, 3.0 * (y * y))], 0.2, 4, takes_complex=False)

# ---- logistic function ----


def _expit(x: Any) -> Any:
    return 1.0 / (1.0 + np.exp(-x))


# 1 / (1 + exp(-x)), a function of its own because the derivative of the quotient is NaN where exp(-x) overflows.
expit: Elementwise = Elementwise(
    name="expit",
    function=_expit,
    source=numpy_or_python("1.0 / (1.0 + np.exp(-x))", "1.0 / (1.0 + math.exp(-x))"),
    scalar="reciprocal(1 + exp(-x))",
    partials=lambda y, x: [y * (1.0 - y)],
    samples=(draw(uniform(-3, 3)), draw(uniform(-3, 3, 2, 3))),
)

# ---- error function: NumPy has none, so array text calls SciPy's ----

erf: Elementwise = _function(
    "erf",
    lambda y, x: [_TWO_OVER_ROOT_PI * exp(-(x * x))],
    -2,
    2,
    function=scipy.special.erf,
    text="scipy.special.erf(x)",
    takes_complex=False,
)
erfc: Elementwise = _function(
    "erfc",
    lambda y, x: [-(_TWO_OVER_ROOT_PI * exp(-(x * x)))],
    -2,
    2,
    function=scipy.special.erfc,
    text="scipy.special.erfc(x)",
    takes_complex=False,
)

# ---- of two operands ----


def _quadrant_partials(z: Operand, y: Operand, x: Operand) -> Sequence[Partial]:
    """d arctan2(y, x) = (x dy - y dx) / (x^2 + y^2)."""
    square: Any = x * x + y * y
    return [Quotient(x, square), Quotient(lambda t: -(t * y), square)]


_pairs = (
    draw(uniform(0.5, 2.0), uniform(-2.0, -0.5)),
    draw(uniform(0.5, 2.0, 2, 3), uniform(-2.0, 2.0, 3)),
    draw(uniform(-2.0, -0.5, 2, 1), uniform(-2.0, 2.0, 1, 3)),
)

arctan2: Elementwise = Elementwise(
    name="arctan2",
    function=np.arctan2,
    arity=2,
    source=numpy_or_python("np.arctan2(x, y)", "math.atan2(x, y)"),
    scalar="atan2(x, y)",
    partials=_quadrant_partials,
    samples=_pairs,
)
hypot: Elementwise = Elementwise(
    name="hypot",
    function=np.hypot,
    arity=2,
    source=numpy_or_python("np.hypot(x, y)", "math.hypot(x, y)"),
    scalar="hypot(x, y)",
    partials=lambda z, x, y: [Quotient(x, z), Quotient(y, z)],
    samples=_pairs,
)
logaddexp: Elementwise = Elementwise(
    name="logaddexp",
    function=np.logaddexp,
    arity=2,
    source=numpy_or_python("np.logaddexp(x, y)"),
    scalar="logaddexp(x, y)",
    partials=lambda z, x, y: [exp(x - z), exp(y - z)],
    samples=_pairs,
)
