"""`scipy.special`, and the kernels that emitted text calls where SciPy has no such function."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.special

import gradscribe.kernels as kernels
from gradscribe.transpiler.ir.nodes import Operand
from gradscribe.transpiler.ir.types import FLOAT64
from gradscribe.transpiler.library.arguments import (
    array_type,
    cast,
    data,
    floating,
    is_data,
    some_strong,
    static_value,
    strong,
)
from gradscribe.transpiler.library.elementwise_rules import as_numpy, ufunc
from gradscribe.transpiler.primitives import elementary, sampling, special
from gradscribe.transpiler.primitives.arithmetic import equal, greater, greater_equal, select
from gradscribe.transpiler.primitives.elementary import exp, log, log1p
from gradscribe.transpiler.primitives.logic import isnan, logical_and, logical_not, logical_or
from gradscribe.transpiler.primitives.piecewise import absolute, minimum
from gradscribe.transpiler.primitives.primitive import Elementwise

Rule = Callable[..., Any]


def _own(operation: Elementwise, function: Callable[..., Any]) -> Rule:
    """The rule of a function that is a primitive; integers become floats."""
    return ufunc(lambda *xs: as_numpy(operation, *_doubles(*xs)), function)


def _doubles(*operands: Operand) -> list[Operand]:
    """Operands of the functions that SciPy lists in double precision first: a Python number beside a float32 makes
    them doubles."""
    floats = [floating(x) for x in operands]
    if len(floats) > 1 and any(array_type(x).weak for x in floats):
        return [cast(x, np.result_type(x.dtype, FLOAT64)) for x in floats]
    return floats


def _floats(x: Operand, y: Operand) -> list[Operand]:
    return some_strong(floating(x), floating(y))


# ---- logistic ----


def _expit(x: Operand) -> Operand:
    return as_numpy(elementary.expit, floating(x))


def _logit(x: Operand) -> Operand:
    x = floating(strong(x))
    return log(x / (1.0 - x))


def _log_expit(x: Operand) -> Operand:
    """log(1 / (1 + exp(-x))) = min(x, 0) - log1p(exp(-|x|)), which does not overflow."""
    x = floating(strong(x))
    return minimum(x, 0.0) - log1p(exp(-absolute(x)))


# ---- products with logarithms: where a factor is zero, so is the product ----


def _xlogy(x: Operand, y: Operand) -> Operand:
    """x log(y), 0 where x is 0."""
    x, y = _doubles(x, y)
    zero = logical_and(equal(x, 0.0), logical_not(isnan(y)))
    return select(zero, 0.0, x * log(select(zero, 1.0, y)))


def _xlog1py(x: Operand, y: Operand) -> Operand:
    """x log(1 + y), 0 where x is 0."""
    x, y = _doubles(x, y)
    zero = logical_and(equal(x, 0.0), logical_not(isnan(y)))
    return select(zero, 0.0, x * log1p(select(zero, 0.0, y)))


def _entr(x: Operand) -> Operand:
    """-x log(x); 0 at 0, -inf below."""
    x = floating(strong(x))
    inside = logical_or(greater(x, 0.0), isnan(x))
    safe = select(inside, x, 1.0)
    return select(inside, -(safe * log(safe)), select(equal(x, 0.0), 0.0, -math.inf))


def _relative(finish: Callable[[Operand, Operand, Any], Any]) -> Callable[[Operand, Operand], Operand]:
    """x log(x / y), finished; for x = 0 and y >= 0 finished from 0, infinite elsewhere outside of positive numbers."""

    def apply(x: Operand, y: Operand) -> Operand:
        x, y = _floats(x, y)
        unknown = logical_or(isnan(x), isnan(y))
        inside = logical_or(logical_and(greater(x, 0.0), greater(y, 0.0)), unknown)
        p, q = select(inside, x, 1.0), select(inside, y, 1.0)
        edge = logical_and(equal(x, 0.0), greater_equal(y, 0.0))
        return select(inside, finish(p, q, p * log(p / q)), select(edge, finish(x, y, 0.0), math.inf))

    return apply


# ---- gamma, zeta, Bessel ----


def _betaln(a: Operand, b: Operand) -> Operand:
    a, b = _doubles(a, b)
    total: Operand = special.gammaln(a) + special.gammaln(b) - special.gammaln(a + b)
    return total


def _with_sign_of(name: str) -> Callable[[Operand], Operand]:
    """A Bessel function from its scaled version."""
    scaled = getattr(special, f"{name}e")

    def apply(x: Operand) -> Operand:
        x = floating(strong(x))
        unscaled: Operand = exp(absolute(x)) * scaled(x)
        return unscaled

    return apply


def _zeta(x: Any, q: Any = None, out: Any = None) -> Any:
    """The order has to be static."""
    order = static_value(x, "the order of `scipy.special.zeta`")
    if not is_data(q):
        return scipy.special.zeta(order, 1.0 if q is None else q)
    y = floating(strong(data(q)))
    return special.zeta(y, order=order)


def _polygamma(n: Any, x: Any) -> Any:
    """(-1)^(n + 1) n! zeta(n + 1, x)."""
    order = static_value(n, "the order of `scipy.special.polygamma`")
    if not is_data(x):
        return scipy.special.polygamma(order, x)
    y = cast(data(x), FLOAT64)
    if order == 0:
        return special.digamma(y)
    return (-1.0) ** (order + 1) * math.factorial(order) * special.zeta(y, order=order + 1)


_PRIMITIVES = (
    "gammaln", "digamma", "erfinv", "erfcinv", "ndtr", "ndtri", "log_ndtr", "i0e", "i1e", "gammainc", "gammaincc",
)  # fmt: skip
_SAMPLERS = ("threefry2x32", "normal_quantile", "standard_gamma", "standard_log_gamma")
_SLOPES = ("gamma_slope", "gamma_slope_in_a", "log_gamma_slope", "log_gamma_slope_in_a")


def _kernel(operation: Elementwise) -> Rule:
    return lambda *args: as_numpy(operation, *(strong(data(x)) for x in args))


SPECIAL_RULES: dict[Any, Rule] = {
    scipy.special.erf: _own(elementary.erf, scipy.special.erf),
    scipy.special.erfc: _own(elementary.erfc, scipy.special.erfc),
    **{
        getattr(scipy.special, name): _own(getattr(special, name), getattr(scipy.special, name)) for name in _PRIMITIVES
    },
    scipy.special.expit: ufunc(_expit, scipy.special.expit),
    scipy.special.logit: ufunc(_logit, scipy.special.logit),
    scipy.special.log_expit: ufunc(_log_expit, scipy.special.log_expit),
    scipy.special.xlogy: ufunc(_xlogy, scipy.special.xlogy),
    scipy.special.xlog1py: ufunc(_xlog1py, scipy.special.xlog1py),
    scipy.special.entr: ufunc(_entr, scipy.special.entr),
    scipy.special.rel_entr: ufunc(_relative(lambda x, y, product: product), scipy.special.rel_entr),
    scipy.special.kl_div: ufunc(_relative(lambda x, y, product: product - x + y), scipy.special.kl_div),
    scipy.special.betaln: ufunc(_betaln, scipy.special.betaln),
    scipy.special.i0: ufunc(_with_sign_of("i0"), scipy.special.i0),
    scipy.special.i1: ufunc(_with_sign_of("i1"), scipy.special.i1),
    scipy.special.zeta: _zeta,
    scipy.special.polygamma: _polygamma,
    **{getattr(kernels, name): _kernel(getattr(sampling, name)) for name in _SAMPLERS},
    **{getattr(kernels, name): _kernel(getattr(special, name)) for name in _SLOPES},
}
