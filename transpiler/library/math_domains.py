"""Where functions of Python's `math` raise: checks in front of them, because compiled code would give NaN or infinity.

In: the name of a function and its operands (data). Out: check equations at the user's line. NaN passes, as in Python;
NumPy's functions have no such checks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gradscribe.transpiler.ir.builder import emit
from gradscribe.transpiler.ir.nodes import Operand
from gradscribe.transpiler.primitives.arithmetic import equal, greater, greater_equal, less, less_equal, not_equal
from gradscribe.transpiler.primitives.checks import check
from gradscribe.transpiler.primitives.logic import isinf, logical_and, logical_not, logical_or
from gradscribe.transpiler.primitives.piecewise import absolute, floor

_DOMAIN = (ValueError, "math domain error")
_RANGE = (OverflowError, "math range error")
_LARGEST_EXPONENT = 709.782712893384  # exp of the next number is no float
_LARGEST_HYPERBOLIC = 710.4758600739439  # cosh and sinh likewise

Outside = Callable[..., Any]
Raising = tuple[Outside, type[Exception], str]


def _finite_above(x: Operand, bound: float) -> Any:
    return logical_and(greater(x, bound), less(x, np.inf))


def _no_remainder(x: Operand, y: Operand) -> Any:
    """inf mod y, or x mod 0, neither of them NaN."""
    return logical_or(logical_and(isinf(x), equal(y, y)), logical_and(equal(y, 0.0), equal(x, x)))


def _no_power(x: Operand, y: Operand) -> Any:
    """0 to a negative power, or a negative number to a fractional one."""
    pole = logical_and(equal(x, 0.0), logical_and(less(y, 0.0), not_equal(y, -np.inf)))
    fractional = logical_and(logical_and(less(x, 0.0), not_equal(x, -np.inf)), not_equal(y, floor(y)))
    return logical_or(pole, logical_and(fractional, equal(y, y)))


_positive: Raising = (lambda x: less_equal(x, 0.0), *_DOMAIN)
_finite: Raising = (isinf, *_DOMAIN)
_in_unit_interval: Raising = (lambda x: greater(absolute(x), 1.0), *_DOMAIN)
_exponential: Raising = (lambda x: _finite_above(x, _LARGEST_EXPONENT), *_RANGE)
_hyperbolic: Raising = (lambda x: _finite_above(absolute(x), _LARGEST_HYPERBOLIC), *_RANGE)

RAISING: dict[str, Raising] = {
    "sqrt": (lambda x: less(x, 0.0), *_DOMAIN),
    **dict.fromkeys(("log", "log2", "log10"), _positive),
    "log1p": (lambda x: less_equal(x, -1.0), *_DOMAIN),
    **dict.fromkeys(("sin", "cos", "tan"), _finite),
    **dict.fromkeys(("asin", "acos"), _in_unit_interval),
    "acosh": (lambda x: less(x, 1.0), *_DOMAIN),
    "atanh": (lambda x: greater_equal(absolute(x), 1.0), *_DOMAIN),
    **dict.fromkeys(("exp", "expm1"), _exponential),
    "exp2": (lambda x: logical_and(greater_equal(x, 1024.0), less(x, np.inf)), *_RANGE),
    **dict.fromkeys(("sinh", "cosh"), _hyperbolic),
    "fmod": (_no_remainder, *_DOMAIN),
    "pow": (_no_power, *_DOMAIN),
}


def check_domain(name: str, *operands: Operand) -> None:
    """Emit what makes `math.<name>` of these operands raise."""
    if name in RAISING:
        outside, error, message = RAISING[name]
        emit(check, (logical_not(outside(*operands)),), {"message": message, "error": error})
