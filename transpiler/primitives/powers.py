"""Powers: `x ** y` on data, and `x ** n` with a static integer n, which loops compute by multiplication.

Establishes: `**` on IR values; a literal integer exponent (or an integral float one of a float base) becomes
`integer_power`.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from gradscribe.transpiler.errors import DTypeError
from gradscribe.transpiler.ir.builder import as_operand, current_span, emit
from gradscribe.transpiler.ir.nodes import OPERATORS, Literal, Operand, Var
from gradscribe.transpiler.ir.types import ArrayType, Type
from gradscribe.transpiler.primitives.arithmetic import equal, select
from gradscribe.transpiler.primitives.conversion import in_dtype
from gradscribe.transpiler.primitives.elementary import log
from gradscribe.transpiler.primitives.primitive import Elementwise, Partial
from gradscribe.transpiler.primitives.sample import complexes, draw, uniform
from gradscribe.transpiler.primitives.source_text import dtype_text
from gradscribe.transpiler.primitives.structure import python_scalar

_POWERS = {"f": "pow", "c": "complex_power"}
_MULTIPLIED = {2: "x * x", 3: "x * x * x", 4: "(x * x) * (x * x)"}


def _integer_power_loop_text(params: Any, operands: Sequence[Type], result: Type, write: Any) -> str:
    """Small exponents as multiplications (an order of magnitude faster than a library call, and they vectorise)."""
    exponent = params["exponent"]
    assert isinstance(result, ArrayType)
    if exponent == 1:
        return "x"
    if exponent in _MULTIPLIED:
        return _MULTIPLIED[exponent]
    if result.dtype.kind == "c":
        return f"complex_power(x, {exponent})"
    if result.dtype.kind != "f":
        return f"integer_power(x, {exponent})"
    if -exponent in _MULTIPLIED or exponent == -1:
        return f"reciprocal({_MULTIPLIED.get(-exponent, 'x')})"
    return f"pow(x, {dtype_text(result.dtype)}({exponent}))"


def _integer_power_partials(y: Operand, x: Operand, *, exponent: int) -> Sequence[Partial]:
    if exponent == 0:
        return [None]
    if exponent == -1:
        return [lambda t: -(t * (y * y))]
    return [exponent * (_numpy_power(x, exponent - 1) if exponent < 0 else _integer_power(x, exponent - 1))]


integer_power: Elementwise = Elementwise(
    name="integer_power",
    function=lambda x, *, exponent: operator.pow(x, exponent),
    source=lambda params, operands, result, write: f"x ** {params['exponent']}",
    scalar=_integer_power_loop_text,
    partials=_integer_power_partials,
    samples=tuple(draw(uniform(0.5, 2.0, 3), exponent=n) for n in (-3, -2, -1, 0, 1, 2, 3, 4, 5))
    + (draw(uniform(-2.0, -0.5), exponent=3), draw(complexes(3), exponent=3), draw(complexes(3), exponent=-2)),
)


def _power_partials(z: Operand, x: Operand, y: Operand) -> Sequence[Partial]:
    """d x^y = y x^(y-1) dx + log(x) x^y dy; the second term is 0 at x = 0, as in JAX (there log would be -inf)."""
    by_base = y * _numpy_power(x, y - 1)
    if isinstance(y, Literal):
        return [by_base, None]
    base = select(equal(x, 0.0), 1.0, x if x.type.weak else in_dtype(x, z.dtype))  # a float32 log would be too coarse
    return [by_base, z * emit(log, (base,), {"weak": False} if base.type.weak else {})[0]]


power: Elementwise = Elementwise(
    name="power",
    function=operator.pow,
    arity=2,
    source="x ** y",
    scalar=lambda params, operands, result, write: f"{_POWERS.get(result.dtype.kind, 'integer_power')}(x, y)",
    partials=_power_partials,
    samples=(
        draw(uniform(0.5, 2.0), uniform(-2.0, 2.0)),
        draw(uniform(0.5, 2.0, 2, 3), uniform(-2.0, 2.0, 3)),
        draw(uniform(0.5, 2.0, 2, 1), uniform(-2.0, 2.0)),
        draw(complexes(2, 3), complexes(3)),
    ),
)

reciprocal: Elementwise = Elementwise(
    name="reciprocal",
    function=np.reciprocal,
    source="np.reciprocal(x)",
    scalar="reciprocal(x)",
    partials=lambda y, x: [lambda t: -(t * (y * y))],
    samples=(draw(uniform(0.5, 2.0)), draw(uniform(-2.0, -0.5, 2, 3)), draw(complexes(3))),
)


def _integer_power(x: Operand, exponent: int) -> Operand:
    return x if exponent == 1 else emit(integer_power, (x,), {"exponent": exponent})[0]


def _static_exponent(x: Operand, y: Operand) -> int | None:
    """The exponent, when it is a written integer, or a written integral float of a floating base."""
    if not (isinstance(y, Literal) and y.type.weak) or isinstance(y.value, (bool, complex)):
        return None
    if isinstance(y.value, int):
        return y.value
    return int(y.value) if x.dtype.kind == "f" and abs(y.value) < 2**31 and y.value == int(y.value) else None


def _power(x: Any, y: Any) -> Operand:
    x, y = as_operand(x), as_operand(y)
    exponent = _static_exponent(x, y)
    if exponent is None:
        return emit(power, (x, y))[0]
    if exponent < 0 and x.dtype.kind in "biu":
        if not (isinstance(x.type, ArrayType) and x.type.weak):
            raise DTypeError(
                current_span(),
                "NumPy raises integers to no negative integer power",
                f"write `** {exponent}.0` for a float result",
            )
        x = emit(python_scalar, (x,), {"dtype": np.dtype(np.float64)})[0]
    return _integer_power(x, exponent)


def _numpy_power(x: Operand, y: Any) -> Operand:
    """`x ** y` with NumPy's inf and NaN, where Python's numbers would raise: a derivative may have a pole."""
    power_ = _power(x, y)
    eqn = power_.definition if isinstance(power_, Var) else None
    if eqn is None or not power_.type.weak or power_ is x:
        return power_
    return emit(eqn.operation, eqn.operands, {**eqn.params, "weak": False})[0]


OPERATORS.update(power=_power)
