"""Arithmetic, comparison and selection: the elementwise primitives that rules are written in, and exact
simplifications.

Establishes: `+ - * / **` and comparisons on IR values emit equations; what operators emit is simplified only by rules
that are exact in floating point up to the sign of zero (x * 1, a + (-b), -(-a), ...), never x * 0.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gradscribe.transpiler.ir.builder import as_operand, emit
from gradscribe.transpiler.ir.nodes import OPERATORS, Eqn, Literal, Operand, Var
from gradscribe.transpiler.ir.types import ArrayType, Type
from gradscribe.transpiler.primitives.primitive import Elementwise, Quotient, is_literal
from gradscribe.transpiler.primitives.sample import booleans, complexes, draw, uniform
from gradscribe.transpiler.primitives.source_text import dtype_text, python_type_text

_pair = (
    draw(uniform(0.5, 2.0), uniform(0.5, 2.0)),
    draw(uniform(0.5, 2.0, 3), uniform(0.5, 2.0)),
    draw(uniform(0.5, 2.0, 2, 3), uniform(0.5, 2.0, 3)),
    draw(uniform(0.5, 2.0, 2, 1), uniform(0.5, 2.0, 1, 3)),
    draw(complexes(2, 3), complexes(3)),
    draw(complexes(2, 3), uniform(0.5, 2.0, 3)),
)
_one = (
    draw(uniform(0.5, 2.0)),
    draw(uniform(0.5, 2.0, 3)),
    draw(uniform(-2.0, -0.5, 2, 3)),
    draw(complexes(3)),
)

add: Elementwise = Elementwise(
    name="add",
    function=operator.add,
    arity=2,
    source="x + y",
    scalar="x + y",
    partials=lambda z, x, y: [1.0, 1.0],
    samples=_pair,
)
subtract: Elementwise = Elementwise(
    name="subtract",
    function=operator.sub,
    arity=2,
    source="x - y",
    scalar="x - y",
    partials=lambda z, x, y: [1.0, -1.0],
    samples=_pair,
)
multiply: Elementwise = Elementwise(
    name="multiply",
    function=operator.mul,
    arity=2,
    source="x * y",
    scalar="x * y",
    partials=lambda z, x, y: [y, x],
    samples=_pair,
)


def _divide(x: Any, y: Any) -> Any:
    """True division with NumPy's answer for zero divisors, on Python scalars too."""
    return np.divide(x, y)


divide: Elementwise = Elementwise(
    name="divide",
    function=_divide,
    arity=2,
    source="x / y",
    scalar=lambda params, operands, result, write: "complex_divide(x, y)" if result.dtype.kind == "c" else "x / y",
    # d(x/y)/dy = -x/y^2 = -z/y, stated with the output
    partials=lambda z, x, y: [Quotient(1.0, y), lambda t: -(t / y * z)],
    samples=_pair,
)
negative: Elementwise = Elementwise(
    name="negative", function=operator.neg, source="-x", scalar="-x", partials=lambda y, x: [-1.0], samples=_one
)

# ---- comparisons ----


def _comparison(name: str, function: Callable[..., Any], sign: str) -> Elementwise:
    text = f"x {sign} y"
    samples = (draw(uniform(-1, 1), uniform(-1, 1)), draw(uniform(-1, 1, 2, 3), uniform(-1, 1, 3)))
    ordering = name not in ("equal", "not_equal")
    return Elementwise(
        name=name, function=function, arity=2, source=text, scalar=text, samples=samples, ordering=ordering
    )


less = _comparison("less", operator.lt, "<")
less_equal = _comparison("less_equal", operator.le, "<=")
greater = _comparison("greater", operator.gt, ">")
greater_equal = _comparison("greater_equal", operator.ge, ">=")
equal = _comparison("equal", operator.eq, "==")
not_equal = _comparison("not_equal", operator.ne, "!=")

# ---- selection ----


def _select_text(params: Any, operands: Sequence[Type], result: Type, write: Any) -> str:
    """`np.where` on arrays; on scalars a conditional expression, both of whose branches have the result's kind of
    scalar."""
    assert isinstance(result, ArrayType)
    if result.shape or (not result.weak and all(t.weak for t in operands)):
        return "np.where(x, y, z)"
    kind = python_type_text(result.dtype) if result.weak else dtype_text(result.dtype)
    same = [isinstance(t, ArrayType) and (t.dtype, t.weak) == (result.dtype, result.weak) for t in operands[1:]]
    y, z = (name if ok else f"{kind}({name})" for name, ok in zip("yz", same, strict=True))
    return f"{y} if x else {z}"


select: Elementwise = Elementwise(
    name="select",
    function=np.where,
    arity=3,
    source=_select_text,
    scalar="y if x else z",
    # a selection, not a product with 0/1: 0 * nan would leak from the branch not taken
    partials=lambda out, x, y, z: [None, lambda t: select(x, t, 0.0), lambda t: select(x, 0.0, t)],
    samples=(
        draw(booleans(3), uniform(-1, 1, 3), uniform(-1, 1, 3)),
        draw(booleans(2, 1), uniform(-1, 1, 3), uniform(-1, 1)),
        draw(booleans(), uniform(-1, 1), uniform(-1, 1)),
        draw(booleans(3), complexes(3), uniform(-1, 1, 3)),
    ),
)

# ---- operators on IR values, with exact simplifications ----


def _negated(x: Operand) -> Operand | None:
    """a when x is -a."""
    eqn: Eqn | None = x.definition if isinstance(x, Var) else None
    return eqn.operands[0] if eqn is not None and eqn.operation is negative else None


def _fold(operation: Elementwise, *operands: Operand) -> Literal | None:
    """The number that an operation on written numbers gives: a Python scalar if all are, else a NumPy scalar."""
    values = [x.value for x in operands if isinstance(x, Literal) and not isinstance(x.value, (bool, np.bool_))]
    if len(values) < len(operands):
        return None
    with np.errstate(all="ignore"):
        value = operation.function(*values)
    weak = not any(isinstance(v, np.generic) for v in values)
    return Literal(value.item() if weak and isinstance(value, np.generic) else value)


def _keeps_type(result: Operand, *operands: Operand) -> bool:
    """`result` alone has the type that the operation on `operands` would have."""
    return bool(emit_type(multiply, *operands) == result.type)


def emit_type(operation: Elementwise, *operands: Operand) -> Any:
    return operation.infer(tuple(x.type for x in operands), {}, ())[0]


def _spread_literal(x: Operand) -> Operand:
    """The number that x repeats, where x is one: the cotangent of a sum of a sum starts as ones."""
    eqn: Eqn | None = x.definition if isinstance(x, Var) else None
    return eqn.operands[0] if eqn is not None and eqn.operation.name in ("broadcast_to", "full") else x


def _add(x: Any, y: Any) -> Operand:
    x, y = as_operand(x), as_operand(y)
    folded = _fold(add, x, y)
    if folded is not None:
        return folded
    a, b = _negated(x), _negated(y)
    if a is not None and b is not None:
        return _negative(_add(a, b))
    if b is not None:
        return _subtract(x, b)
    if a is not None:
        return _subtract(y, a)
    return emit(add, (x, y))[0]


def _subtract(x: Any, y: Any) -> Operand:
    x, y = as_operand(x), as_operand(y)
    folded = _fold(subtract, x, y)
    if folded is not None:
        return folded
    if (b := _negated(y)) is not None:
        return _add(x, b)
    return emit(subtract, (x, y))[0]


def _multiply(x: Any, y: Any) -> Operand:
    x, y = as_operand(x), as_operand(y)
    folded = _fold(multiply, x, y)
    if folded is not None:
        return folded
    orders: tuple[tuple[Operand, Operand], ...] = ((x, y), (y, x))
    for factor, rest in orders:
        number = _spread_literal(factor)
        if is_literal(number, 1.0) and _keeps_type(rest, x, y):
            return rest
        if is_literal(number, -1.0) and _keeps_type(rest, x, y):
            return _negative(rest)
    if (a := _negated(x)) is not None:
        return _negative(_multiply(a, y))
    if (b := _negated(y)) is not None:
        return _negative(_multiply(x, b))
    return emit(multiply, (x, y))[0]


def _divide_exact(x: Any, y: Any) -> Operand:
    x, y = as_operand(x), as_operand(y)
    if isinstance(y, Literal) and y.value != 0:
        folded = _fold(divide, x, y)
        if folded is not None:
            return folded
    if is_literal(y, 1.0) and emit_type(divide, x, y) == x.type:
        same: Operand = x
        return same
    if (a := _negated(x)) is not None:
        return _negative(_divide_exact(a, y))
    return emit(divide, (x, y))[0]


def _negative(x: Any) -> Operand:
    x = as_operand(x)
    folded = _fold(negative, x)
    if folded is not None:
        return folded
    if (a := _negated(x)) is not None:
        return a
    return emit(negative, (x,))[0]


def _emitting(operation: Elementwise) -> Callable[..., Operand]:
    return lambda *operands: emit(operation, operands)[0]


OPERATORS.update(
    add=_add,
    subtract=_subtract,
    multiply=_multiply,
    divide=_divide_exact,
    negative=_negative,
    less=_emitting(less),
    less_equal=_emitting(less_equal),
    greater=_emitting(greater),
    greater_equal=_emitting(greater_equal),
)
