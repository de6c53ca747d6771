"""Pieces of NumPy text that several families of primitives print.

In: static params, operand and result types, and a writer of dims. Out: text over the operand names x, y, z, w (x0, x1,
... for variadic primitives). Establishes: text whose value has the type that inference gave, Python scalars included.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gradscribe.transpiler.ir.types import ArrayType, Type

Source = Callable[[Any, Sequence[Type], Type, Any], str]

_PYTHON = {"b": "bool", "i": "int", "u": "int", "f": "float", "c": "complex"}


def dtype_text(dtype: Any) -> str:
    """`np.float32`; NumPy's name of a dtype as an expression."""
    return f"np.{np.dtype(dtype).name.replace('bool', 'bool_')}"


def python_type_text(dtype: Any) -> str:
    """The Python scalar class of a weak value."""
    return _PYTHON[np.dtype(dtype).kind]


def dtype_argument(dtype: Any) -> str:
    """`, dtype=...`, or nothing for float64, which is what NumPy takes by itself."""
    return "" if np.dtype(dtype) == np.float64 else f", dtype={dtype_text(dtype)}"


def tuple_text(items: Sequence[str]) -> str:
    return f"({items[0]},)" if len(items) == 1 else f"({', '.join(items)})"


def shape_text(items: Sequence[str]) -> str:
    """A shape argument: the bare size for one axis."""
    return items[0] if len(items) == 1 else f"({', '.join(items)})"


def axes_text(axes: tuple[int, ...], rank: int) -> str:
    """`axis=` argument of NumPy's reductions; empty for all axes."""
    if len(axes) == rank:
        return ""
    return f", axis={axes[0] if len(axes) == 1 else axes}"


def numpy_or_python(numpy: str, python: str = "") -> Source:
    """`numpy`, except where the result is a Python scalar: then `python`, or the NumPy text converted."""

    def source(params: Any, operands: Sequence[Type], result: Type, write: Any) -> str:
        if not (isinstance(result, ArrayType) and result.weak):
            return numpy
        return python or f"{python_type_text(result.dtype)}({numpy})"

    return source
