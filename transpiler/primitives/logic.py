"""Truth values and bits: logical and bitwise operations, shifts, classification of floats. None has a derivative.

`logical_*` take booleans (callers compare with zero first); bitwise operations on booleans are logical, as in NumPy.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gradscribe.transpiler.ir.types import ArrayType, Type
from gradscribe.transpiler.primitives.primitive import Elementwise
from gradscribe.transpiler.primitives.sample import booleans, complexes, draw, integers, uniform
from gradscribe.transpiler.primitives.source_text import numpy_or_python

_two_booleans = (draw(booleans(), booleans()), draw(booleans(2, 3), booleans(3)))


def _logical(name: str, python: str) -> Elementwise:
    return Elementwise(
        name=name,
        function=getattr(np, name),
        arity=2,
        source=numpy_or_python(f"np.{name}(x, y)", python),
        scalar=python,
        samples=_two_booleans,
    )


logical_and = _logical("logical_and", "x and y")
logical_or = _logical("logical_or", "x or y")
logical_xor = _logical("logical_xor", "x != y")
logical_not: Elementwise = Elementwise(
    name="logical_not",
    function=np.logical_not,
    source=numpy_or_python("np.logical_not(x)", "not x"),
    scalar="not x",
    samples=(draw(booleans()), draw(booleans(2, 3))),
)


def _bitwise(name: str, function: Callable[..., Any], sign: str) -> Elementwise:
    text = f"x {sign} y"
    scalar = text if sign in "&|^" else f"{name}(x, y)"  # a shift by the width or more is undefined in machine code
    samples: Any = (draw(integers(0, 100, 4), integers(0, 8)), draw(integers(-9, 9, 4), integers(60, 70, 4)))
    if sign in "&|^":
        samples += _two_booleans
    return Elementwise(
        name=name, function=function, arity=2, source=text, scalar=scalar, samples=samples
    )


bitwise_and = _bitwise("bitwise_and", operator.and_, "&")
bitwise_or = _bitwise("bitwise_or", operator.or_, "|")
bitwise_xor = _bitwise("bitwise_xor", operator.xor, "^")
left_shift = _bitwise("left_shift", operator.lshift, "<<")
right_shift = _bitwise("right_shift", operator.rshift, ">>")


def _invert_loop_text(params: Any, operands: Sequence[Type], result: Type, write: Any) -> str:
    return "not x" if isinstance(result, ArrayType) and result.dtype.kind == "b" else "~x"


bitwise_invert: Elementwise = Elementwise(
    name="bitwise_invert",
    function=operator.invert,
    source="~x",
    scalar=_invert_loop_text,
    samples=(draw(integers(-9, 9, 4)), draw(booleans(3))),
)


def _classification(name: str) -> Elementwise:
    def scalar(params: Any, operands: Sequence[Type], result: Type, write: Any) -> str:
        (x,) = operands
        if isinstance(x, ArrayType) and x.dtype.kind == "c":
            return f"math.{name}(x.real) {'and' if name == 'isfinite' else 'or'} math.{name}(x.imag)"
        floating = isinstance(x, ArrayType) and x.is_float
        return f"math.{name}(x)" if floating else str(name == "isfinite")

    return Elementwise(
        name=name,
        function=getattr(np, name),
        source=numpy_or_python(f"np.{name}(x)", f"math.{name}(x)"),
        scalar=scalar,
        samples=(draw(uniform(-1, 1)), draw(uniform(-1, 1, 2, 3)), draw(complexes(3))),
    )


isnan = _classification("isnan")
isinf = _classification("isinf")
isfinite = _classification("isfinite")
