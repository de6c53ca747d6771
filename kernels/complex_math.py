"""Elementary functions of complex128 and complex64 scalars.

In: a complex scalar; out: one of the same type. The functions of `vector_math` (and `reciprocal`) get a complex form
here, so that generated text has one name for both; `complex_sqrt` and `complex_power` are names of their own. Each
works in CPython and inside `njit`.
Branch cuts are those of C99, which Python's `cmath` and NumPy share. Formulas of log1p and expm1: NumPy's umath.
"""

import cmath
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit
from numba.core import types
from numba.extending import overload

from gradscribe.kernels import vector_math
from gradscribe.kernels.elementary import reciprocal
from gradscribe.kernels.options import OPTIONS


def complex_sqrt(x: Any) -> Any:
    """The square root with a nonnegative real part."""
    return np.sqrt(x)


def complex_power(x: Any, y: Any) -> Any:
    """x to the power y, in x's type; integral exponents up to 100 by multiplication, as in NumPy."""
    return np.power(x, x.dtype.type(y) if isinstance(x, np.generic) else complex(y))


def complex_divide(x: Any, y: Any) -> Any:
    """x / y in their common type; infinities and NaN where y is 0."""
    return np.divide(x, y)


_LOG2, _LOG2_E, _LOG10_E = math.log(2.0), 1.0 / math.log(2.0), 1.0 / math.log(10.0)
_LARGEST_MULTIPLIED = 100


def _compiled(form):
    return njit(**OPTIONS)(form)


@_compiled
def _divide(x, y):
    """Smith's quotient, as NumPy divides (numpy/_core/src/umath); a zero divisor gives infinities and NaN."""
    if abs(y.real) >= abs(y.imag):
        if y.real == 0.0 and y.imag == 0.0:
            return complex(x.real / abs(y.real), x.imag / abs(y.real))
        ratio = y.imag / y.real
        scale = 1.0 / (y.real + y.imag * ratio)
        return complex((x.real + x.imag * ratio) * scale, (x.imag - x.real * ratio) * scale)
    ratio = y.real / y.imag
    scale = 1.0 / (y.imag + y.real * ratio)
    return complex((x.real * ratio + x.imag) * scale, (x.imag * ratio - x.real) * scale)


@_compiled
def _scaled(x, factor):
    """x times a real number, part by part: as complex numbers infinity times it has a NaN."""
    return complex(x.real * factor, x.imag * factor)


@_compiled
def _exp(x):
    size = math.exp(x.real)
    # a real argument stays real where the size is infinite: inf * sin(0) would be NaN
    return complex(size, x.imag) if x.imag == 0.0 else complex(size * math.cos(x.imag), size * math.sin(x.imag))


def _cosh(x):
    if x.imag == 0.0:
        return complex(math.cosh(x.real), math.copysign(1.0, x.real) * x.imag)
    return complex(math.cosh(x.real) * math.cos(x.imag), math.sinh(x.real) * math.sin(x.imag))


def _sinh(x):
    if x.imag == 0.0:
        return complex(math.sinh(x.real), x.imag)
    return complex(math.sinh(x.real) * math.cos(x.imag), math.cosh(x.real) * math.sin(x.imag))


def _expm1(x):
    half = math.sin(x.imag / 2.0)
    return complex(math.expm1(x.real) * math.cos(x.imag) - 2.0 * half * half, math.exp(x.real) * math.sin(x.imag))


def _log1p(x):
    return complex(math.log(math.hypot(x.real + 1.0, x.imag)), math.atan2(x.imag, x.real + 1.0))


@_compiled
def _multiplied(x, exponent):
    """x ** exponent by squaring, for a nonnegative int."""
    result, square = complex(1.0, 0.0), x
    while exponent > 0:
        if exponent & 1:
            result = result * square
        exponent >>= 1
        if exponent > 0:
            square = square * square
    return result


def _power(x, y):
    if y == 0.0:
        return complex(1.0, 0.0)
    if x == 0.0:
        return complex(0.0, 0.0) if y.real > 0.0 and y.imag == 0.0 else complex(math.nan, math.nan)
    if y.imag == 0.0 and abs(y.real) < _LARGEST_MULTIPLIED and y.real == math.floor(y.real):
        power = _multiplied(x, abs(int(y.real)))
        return power if y.real > 0.0 else _divide(complex(1.0, 0.0), power)
    return cmath.exp(y * cmath.log(x))


_FORMS: dict[Callable[..., Any], Callable[..., Any]] = {
    vector_math.exp: _exp,
    vector_math.exp2: lambda x: _exp(_scaled(x, _LOG2)),
    vector_math.expm1: _expm1,
    vector_math.log: lambda x: cmath.log(x),
    vector_math.log1p: _log1p,
    vector_math.log2: lambda x: _scaled(cmath.log(x), _LOG2_E),
    vector_math.log10: lambda x: _scaled(cmath.log(x), _LOG10_E),
    vector_math.sin: lambda x: cmath.sin(x),
    vector_math.cos: lambda x: cmath.cos(x),
    vector_math.tan: lambda x: cmath.tan(x),
    vector_math.arcsin: lambda x: cmath.asin(x),
    vector_math.arccos: lambda x: cmath.acos(x),
    vector_math.arctan: lambda x: cmath.atan(x),
    vector_math.sinh: _sinh,
    vector_math.cosh: _cosh,
    vector_math.tanh: lambda x: cmath.tanh(x),
    vector_math.arcsinh: lambda x: cmath.asinh(x),
    vector_math.arccosh: lambda x: cmath.acosh(x),
    vector_math.arctanh: lambda x: cmath.atanh(x),
    reciprocal: lambda x: _divide(complex(1.0, 0.0), x),
    complex_sqrt: lambda x: cmath.sqrt(x),
}


def _register(function: Callable[..., Any], form: Callable[..., Any]) -> None:
    """Compile `function` of a complex scalar to `form`, computed in double precision."""
    compute = form if hasattr(form, "py_func") else _compiled(form)

    def choose(x):  # no annotations: Numba wants the parameter list of the implementation
        if x == types.complex128:
            return lambda x: compute(x)
        if x == types.complex64:
            return lambda x: np.complex64(compute(np.complex128(x)))
        return None

    overload(function, jit_options=OPTIONS)(choose)


for _function, _form in _FORMS.items():
    _register(_function, _form)


def _register_pair(function: Callable[..., Any], compute: Callable[..., Any]) -> None:
    def choose(x, y):
        if types.complex128 in (x, y):
            return lambda x, y: compute(np.complex128(x), np.complex128(y))
        if types.complex64 in (x, y):
            return lambda x, y: np.complex64(compute(np.complex128(x), np.complex128(y)))
        return None

    overload(function, jit_options=OPTIONS)(choose)


_register_pair(complex_power, _compiled(_power))
_register_pair(complex_divide, _divide)
