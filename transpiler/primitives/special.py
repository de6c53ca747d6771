"""Special functions: gamma, zeta, the normal distribution, incomplete gamma, Bessel. NumPy has none of them: array text
calls SciPy's, and so does native code.

Formulas: Abramowitz & Stegun, ch. 6, 7, 9 and 26. `zeta` has its first argument as a static param, `order`: the
derivative with respect to it is no function that SciPy has. How a quantile of the gamma distribution moves with its
shape parameter a, `gamma_slope`, gives the derivatives of incomplete gamma functions and of gamma samples; it has all
derivatives but a second one with respect to a.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import scipy.special

import gradscribe.kernels as kernels
from gradscribe.transpiler.ir.nodes import Operand
from gradscribe.transpiler.primitives.arithmetic import equal, select
from gradscribe.transpiler.primitives.elementary import exp, log
from gradscribe.transpiler.primitives.piecewise import sign
from gradscribe.transpiler.primitives.primitive import Elementwise, Partial
from gradscribe.transpiler.primitives.sample import draw, uniform
from gradscribe.transpiler.primitives.source_text import numpy_or_python

_ROOT_TWO_PI = math.sqrt(2.0 * math.pi)
_HALF_ROOT_PI = 0.5 * math.sqrt(math.pi)


def _function(name: str, partials: Callable[..., Sequence[Partial]], low: float, high: float) -> Elementwise:
    """A function of `scipy.special` of one operand, sampled on [low, high)."""
    return Elementwise(
        name=name,
        function=getattr(scipy.special, name),
        source=numpy_or_python(f"scipy.special.{name}(x)"),
        scalar=f"{name}(x)",
        partials=partials,
        samples=(draw(uniform(low, high)), draw(uniform(low, high, 2, 3))),
    )


# ---- gamma and zeta ----

gammaln: Elementwise = _function("gammaln", lambda y, x: [digamma(x)], 0.3, 5)
digamma: Elementwise = _function("digamma", lambda y, x: [zeta(x, order=2)], 0.5, 5)


def _zeta_text(params: Any, operands: Any, result: Any, write: Any) -> str:
    return f"scipy.special.zeta({float(params['order'])!r}, x)"


zeta: Elementwise = Elementwise(
    name="zeta",
    function=lambda x, *, order: scipy.special.zeta(float(order), x),
    source=_zeta_text,
    scalar=lambda params, operands, result, write: f"zeta(np.{result.dtype.name}({float(params['order'])!r}), x)",
    partials=lambda y, x, *, order: [-order * zeta(x, order=order + 1)],
    samples=(draw(uniform(0.6, 5), order=2), draw(uniform(0.6, 5, 2, 3), order=3)),
)

# ---- the normal distribution and its inverses ----

erfinv: Elementwise = _function("erfinv", lambda y, x: [_HALF_ROOT_PI * exp(y * y)], -0.7, 0.7)
erfcinv: Elementwise = _function("erfcinv", lambda y, x: [-(_HALF_ROOT_PI * exp(y * y))], 0.4, 1.6)
ndtr: Elementwise = _function("ndtr", lambda y, x: [exp(-0.5 * (x * x)) / _ROOT_TWO_PI], -2, 2)
ndtri: Elementwise = _function("ndtri", lambda y, x: [_ROOT_TWO_PI * exp(0.5 * (y * y))], 0.2, 0.8)
log_ndtr: Elementwise = _function("log_ndtr", lambda y, x: [exp(-0.5 * (x * x) - y) / _ROOT_TWO_PI], -3, 3)

# ---- modified Bessel functions, scaled ----

i0e: Elementwise = _function("i0e", lambda y, x: [i1e(x) - sign(x) * y], 0.2, 4)


def _i1e_partials(y: Operand, x: Operand) -> Sequence[Partial]:
    """I0 - I1 / x, scaled; 1/2 at zero."""
    zero = equal(x, 0.0)
    return [select(zero, 0.5, i0e(x) - y * (sign(x) + 1.0 / select(zero, 1.0, x)))]


i1e: Elementwise = _function("i1e", _i1e_partials, 0.2, 4)

# ---- the gamma distribution: quantiles, incomplete gamma ----


_slope_samples = (draw(uniform(0.5, 3), uniform(0.2, 4)), draw(uniform(0.5, 3, 2, 3), uniform(0.2, 4, 3)))


def _slope(name: str, partials: Callable[..., Sequence[Partial]] | None) -> Elementwise:
    return Elementwise(
        name=name,
        function=getattr(kernels, name),
        arity=2,
        source=numpy_or_python(f"{name}(x, y)"),
        scalar=f"{name}(x, y)",
        partials=partials,
        samples=() if partials is None else _slope_samples,
    )


# With the density f: ds/dx = -f_a / f - s f_x / f.
gamma_slope: Elementwise = _slope(
    "gamma_slope",
    lambda s, a, x: [gamma_slope_in_a(a, x), digamma(a) - log(x) - s * ((a - 1.0) / x - 1.0)],
)
log_gamma_slope: Elementwise = _slope(
    "log_gamma_slope",
    lambda s, a, y: [log_gamma_slope_in_a(a, y), digamma(a) - y - s * (a - exp(y))],
)
gamma_slope_in_a: Elementwise = _slope("gamma_slope_in_a", None)
log_gamma_slope_in_a: Elementwise = _slope("log_gamma_slope_in_a", None)


def _density(a: Operand, x: Operand) -> Operand:
    """Of the gamma distribution."""
    density: Operand = exp((a - 1.0) * log(x) - x - gammaln(a))
    return density


def _incomplete(name: str, sign_: float) -> Elementwise:
    def partials(y: Operand, a: Operand, x: Operand) -> Sequence[Partial]:
        density = _density(a, x)
        return [(-sign_) * (gamma_slope(a, x) * density), sign_ * density]

    return Elementwise(
        name=name,
        function=getattr(scipy.special, name),
        arity=2,
        source=numpy_or_python(f"scipy.special.{name}(x, y)"),
        scalar=f"{name}(x, y)",
        partials=partials,
        samples=(
            draw(uniform(0.5, 3), uniform(0.5, 4)),
            draw(uniform(0.5, 3, 2, 3), uniform(0.5, 4, 3)),
        ),
    )


gammainc: Elementwise = _incomplete("gammainc", 1.0)
gammaincc: Elementwise = _incomplete("gammaincc", -1.0)
