"""How one target spells scalars, operations and ranges; everything else of printing is shared.

A dialect is asked for the template text of an equation (over operand names x, y, z, w or x0, x1, ...), for literals
and for the iterable of a counted loop."""

from __future__ import annotations

import ast
import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradscribe.transpiler.ir.dims import Dim
from gradscribe.transpiler.ir.nodes import Eqn, Literal
from gradscribe.transpiler.ir.types import ArrayType

KERNELS = (
    "gamma_slope",
    "gamma_slope_in_a",
    "log_gamma_slope",
    "log_gamma_slope_in_a",
    "normal_quantile",
    "standard_gamma",
    "standard_log_gamma",
    "threefry2x32",
)
"""Functions of `gradscribe.kernels` that array text calls: neither NumPy nor SciPy has them."""

_PYTHON_SCALARS = ("float64", "int64", "bool", "complex128")


@functools.cache
def _parsed(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


def expression(text: str) -> ast.expr:
    """Parse a small piece of text; callers never change the result in place."""
    return _parsed(text)


@dataclass(frozen=True)
class NumPyDialect:
    """Array text: what a person would write with `import numpy as np`."""

    reserved: frozenset[str] = frozenset(
        "np math sys print breakpoint range reversed max min abs float int bool complex list tuple len ValueError "
        "TypeError IndexError "
        "ZeroDivisionError OverflowError ArithmeticError".split()
    ) | frozenset(KERNELS)
    inline_arrays: bool = True
    negative_ends: bool = True  # slices may end at `-1`

    def template(self, eqn: Eqn, write: Callable[[Dim], str]) -> str:
        """Text of the equation's value; `write` gives a stand-in name for a dim."""
        source = eqn.operation.source
        if callable(source):
            return str(source(eqn.params, tuple(x.type for x in eqn.operands), eqn.results[0].type, write))
        return str(source)

    def literal(self, literal: Literal, plain: bool) -> ast.expr:
        """A Python literal if `plain` (its dtype follows from where it stands), else a NumPy scalar."""
        assert isinstance(literal.type, ArrayType)
        dtype = literal.type.dtype
        value = python_constant(literal.value)
        if plain or literal.type.weak:
            return value
        return call(f"np.{dtype.name.replace('bool', 'bool_')}", value)

    def cast(self, value: ast.expr, type: ArrayType) -> ast.expr:
        """A scalar converted to the scalar class of `type`."""
        if type.weak:
            return call({"b": "bool", "i": "int", "u": "int", "f": "float", "c": "complex"}[type.dtype.kind], value)
        return call(f"np.{type.dtype.name.replace('bool', 'bool_')}", value)

    def counted(self, lo: ast.expr, hi: ast.expr, direction: int, eqn: Eqn) -> ast.expr:
        """What a counted loop iterates over."""
        zero = isinstance(lo, ast.Constant) and lo.value == 0
        ascending = call("range", hi) if zero else call("range", lo, hi)
        return ascending if direction > 0 else call("reversed", ascending)


def call(function: str, *arguments: ast.expr) -> ast.expr:
    return ast.Call(func=expression(function), args=list(arguments), keywords=[])


def python_constant(value: Any) -> ast.expr:
    """A Python number (of a Python or NumPy scalar) as an expression."""
    if isinstance(value, np.generic):
        if value.dtype.name in ("float32", "float16"):  # the shortest decimal that reads back as this value
            return _real(float(str(value)))
        value = value.item()
    if isinstance(value, bool):
        return ast.Constant(value=value)
    if isinstance(value, int):
        return _signed(value)
    if isinstance(value, complex):
        return ast.Constant(value=value) if value.real == 0 else call("complex", _real(value.real), _real(value.imag))
    return _real(float(value))


def _signed(value: float) -> ast.expr:
    return ast.Constant(value=value) if value >= 0 else ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=-value))


def _real(value: float) -> ast.expr:
    if value != value:
        return expression("np.nan")
    if value in (float("inf"), float("-inf")):
        return expression("np.inf" if value > 0 else "-np.inf")
    if value == 0 and str(value).startswith("-"):
        return ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=0.0))
    return _signed(value)


def has_default_dtype(type: ArrayType) -> bool:
    """A dtype that Python scalars have by themselves."""
    return type.dtype.name in _PYTHON_SCALARS
