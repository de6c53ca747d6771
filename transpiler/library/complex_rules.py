"""Complex numbers: their parts, conjugates and angles; `complex(re, im)`. Real numbers pass as they are."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from gradscribe.transpiler.errors import DTypeError
from gradscribe.transpiler.ir.builder import current_span
from gradscribe.transpiler.ir.types import FLOAT64
from gradscribe.transpiler.library.arguments import (
    array_type,
    data,
    floating,
    is_data,
    python_number,
    refuse_given,
    static_value,
    strong,
)
from gradscribe.transpiler.library.elementwise_rules import as_numpy
from gradscribe.transpiler.primitives import complex_numbers
from gradscribe.transpiler.primitives.allocation import zeros
from gradscribe.transpiler.primitives.elementary import arctan2

Rule = Callable[..., Any]
_COMPLEX128 = np.dtype(np.complex128)


def real(val: Any) -> Any:
    x = data(val)
    return complex_numbers.real(x) if x.dtype.kind == "c" else x


def imag(val: Any) -> Any:
    x = data(val)
    if x.dtype.kind == "c":
        return complex_numbers.imag(x)
    if x.rank:
        return zeros(shape=x.shape, dtype=x.dtype)
    zero = x.dtype.type(0)
    return data(zero.item() if array_type(x).weak else zero)


def conjugate(x: Any, /, out: Any = None) -> Any:
    refuse_given("np.conjugate", out=(out, None))
    y = data(x)
    return as_numpy(complex_numbers.conjugate, y) if y.dtype.kind == "c" else strong(y)


def angle(z: Any, deg: Any = False) -> Any:
    """The argument, in (-pi, pi]; like `np.arctan2` it has no slope at 0."""
    x = floating(strong(data(z)))
    radians = arctan2(imag(x), real(x))
    return radians * (180.0 / math.pi) if static_value(deg, "deg") else radians


def is_complex_object(x: Any) -> bool:
    return data(x).dtype.kind == "c"


def python_complex(re: Any = 0.0, im: Any = 0.0) -> Any:
    """`complex(re, im)` of real numbers, `complex(z)`: a Python number."""
    if not is_data((re, im)):
        return complex(re, im)
    if data(re).rank or data(im).rank:
        raise DTypeError(current_span(), "`complex` takes numbers, not arrays", "write `re + 1j * im`")
    if data(re).dtype.kind == "c" or data(im).dtype.kind == "c":
        if not is_data(im) and im == 0:
            return python_number(re, _COMPLEX128)
        raise DTypeError(current_span(), "`complex(re, im)` is supported for real parts only", "write `z + 1j * w`")
    parts = [python_number(x, FLOAT64) for x in (re, im)]
    assert all(array_type(x).weak for x in parts)
    return complex_numbers.complex_of(*parts)


COMPLEX_RULES: dict[Any, Rule] = {
    np.real: real,
    np.imag: imag,
    np.conjugate: conjugate,
    np.angle: angle,
    np.iscomplexobj: is_complex_object,
    np.isrealobj: lambda x: not is_complex_object(x),
    complex: python_complex,
}
