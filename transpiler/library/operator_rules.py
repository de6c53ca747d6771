"""What Python's operators and numeric builtins mean on data and symbolic ints.

In: operands, `Dim`s, static values. Out: the same. Integers stay polynomials as long as they can (`+ - *`, floor
division and remainder by constants, powers, maxima); a comparison of integers is decided where bounds prove it. What
cannot stay symbolic becomes data (`dim_value`) and comes back as an integer SSA value, itself an atom of dims.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from gradscribe.transpiler.errors import DTypeError, UnsupportedSyntax
from gradscribe.transpiler.ir.bounds import is_nonnegative, is_positive
from gradscribe.transpiler.ir.builder import current_span, emit
from gradscribe.transpiler.ir.dims import Dim
from gradscribe.transpiler.ir.equalities import equalities
from gradscribe.transpiler.ir.nodes import OPERATORS, Literal, Operand, Var
from gradscribe.transpiler.ir.types import BOOL, FLOAT64, INT64
from gradscribe.transpiler.library.arguments import (
    array_type,
    data,
    finish,
    is_data,
    python_number,
    truth,
)
from gradscribe.transpiler.library.contraction_rules import matmul
from gradscribe.transpiler.primitives.allocation import dim_value
from gradscribe.transpiler.primitives.arithmetic import (
    equal,
    greater,
    greater_equal,
    less,
    less_equal,
    not_equal,
    select,
)
from gradscribe.transpiler.primitives.checks import check
from gradscribe.transpiler.primitives.logic import (
    bitwise_and,
    bitwise_invert,
    bitwise_or,
    bitwise_xor,
    left_shift,
    logical_and,
    logical_not,
    right_shift,
)
from gradscribe.transpiler.primitives.piecewise import absolute, floor_divide, remainder, rint
from gradscribe.transpiler.primitives.primitive import Elementwise
from gradscribe.transpiler.primitives.reductions import reduce_and, reduce_sum
from gradscribe.transpiler.primitives.table import PRIMITIVES as PRIMITIVES

Rule = Callable[..., Any]


def _is_int(x: Any) -> bool:
    return isinstance(x, (int, Dim))


def _dim(x: Any) -> Dim:
    return equalities().normalize(Dim.of(int(x) if isinstance(x, bool) else x))


def _simple(x: Dim) -> Any:
    """A polynomial that is a number is a Python int."""
    return x if x.constant is None else x.constant


# ---- integers that stay polynomials; None where they do not ----


def _dim_floor_divide(a: Dim, b: Dim) -> Dim | None:
    k = b.constant
    if k is None:
        return None
    if k == 0:
        raise ZeroDivisionError("integer division or modulo by zero")
    return a // k if k > 0 else (-a) // -k


def _dim_remainder(a: Dim, b: Dim) -> Dim | None:
    quotient = _dim_floor_divide(a, b)
    return None if quotient is None else a - quotient * b


def _dim_power(a: Dim, b: Dim) -> Dim | None:
    return a**b.constant if b.constant is not None and 0 <= b.constant <= 8 else None


def _dim_left_shift(a: Dim, b: Dim) -> Dim | None:
    return a * 2**b.constant if b.constant is not None and 0 <= b.constant < 63 else None


def _dim_right_shift(a: Dim, b: Dim) -> Dim | None:
    return a // 2**b.constant if b.constant is not None and 0 <= b.constant < 63 else None


_ON_DIMS: dict[str, Callable[[Dim, Dim], Dim | None]] = {
    "Add": operator.add,
    "Sub": operator.sub,
    "Mult": operator.mul,
    "FloorDiv": _dim_floor_divide,
    "Mod": _dim_remainder,
    "Pow": _dim_power,
    "LShift": _dim_left_shift,
    "RShift": _dim_right_shift,
}


def compare_dims(name: str, a: Dim, b: Dim) -> bool | None:
    """A comparison of integers, where bounds decide it."""
    d = equalities().normalize(a - b)
    below, above = is_positive(-d), is_positive(d)
    decided = {
        "Lt": (below, is_nonnegative(d)),
        "LtE": (is_nonnegative(-d), above),
        "Gt": (above, is_nonnegative(-d)),
        "GtE": (is_nonnegative(d), below),
        "Eq": (d == 0, below or above),
        "NotEq": (below or above, d == 0),
    }[name]
    return True if decided[0] else False if decided[1] else None


# ---- binary operators ----


def _emitting(operation: Elementwise) -> Rule:
    return lambda x, y: emit(operation, (x, y))[0]


_ON_DATA: dict[str, Rule] = {
    "Add": OPERATORS["add"],
    "Sub": OPERATORS["subtract"],
    "Mult": OPERATORS["multiply"],
    "Div": OPERATORS["divide"],
    "Pow": OPERATORS["power"],
    "FloorDiv": _emitting(floor_divide),
    "Mod": _emitting(remainder),
    "BitAnd": _emitting(bitwise_and),
    "BitOr": _emitting(bitwise_or),
    "BitXor": _emitting(bitwise_xor),
    "LShift": _emitting(left_shift),
    "RShift": _emitting(right_shift),
    "Lt": _emitting(less),
    "LtE": _emitting(less_equal),
    "Gt": _emitting(greater),
    "GtE": _emitting(greater_equal),
    "Eq": _emitting(equal),
    "NotEq": _emitting(not_equal),
}
_PYTHON: dict[str, Rule] = {
    "Add": operator.add,
    "Sub": operator.sub,
    "Mult": operator.mul,
    "Div": operator.truediv,
    "Pow": operator.pow,
    "FloorDiv": operator.floordiv,
    "Mod": operator.mod,
    "BitAnd": operator.and_,
    "BitOr": operator.or_,
    "BitXor": operator.xor,
    "LShift": operator.lshift,
    "RShift": operator.rshift,
    "Lt": operator.lt,
    "LtE": operator.le,
    "Gt": operator.gt,
    "GtE": operator.ge,
    "Eq": operator.eq,
    "NotEq": operator.ne,
}
_COMPARISONS = ("Lt", "LtE", "Gt", "GtE", "Eq", "NotEq")


def _binary(name: str) -> Rule:
    def rule(x: Any, y: Any) -> Any:
        if not is_data((x, y)) and not isinstance(x, np.ndarray) and not isinstance(y, np.ndarray):
            return _PYTHON[name](x, y)
        if _is_int(x) and _is_int(y):
            if name in _COMPARISONS:
                decided = compare_dims(name, _dim(x), _dim(y))
                if decided is not None:
                    return decided
            elif name in _ON_DIMS:
                symbolic = _ON_DIMS[name](_dim(x), _dim(y))
                if symbolic is not None:
                    return _simple(equalities().normalize(symbolic))
        if name == "Pow":
            _check_integer_power(x, y)
            _check_float_power(data(x), data(y))
            _check_numpy_integer_power(x, y)
        return finish(_ON_DATA[name](data(x), data(y)))

    return rule


def _check_integer_power(x: Any, y: Any) -> None:
    """Python's int ** int is a float for a negative exponent: a type that depends on a value, so that raises."""
    base, exponent = data(x), data(y)
    if not all(array_type(t).weak and t.dtype.kind in "ib" for t in (base, exponent)) or isinstance(exponent, Literal):
        return
    if not is_nonnegative(_polynomial(y)):
        message = "int ** int is a float where the exponent is negative: write `float(x) ** n`"
        emit(check, (greater_equal(exponent, 0),), {"message": message, "error": ValueError})


def _check_numpy_integer_power(x: Any, y: Any) -> None:
    """NumPy raises integers to no negative integer power, and says so when it meets one."""
    base, exponent = data(x), data(y)
    if base.dtype.kind not in "biu" or exponent.dtype.kind != "i" or isinstance(exponent, Literal):
        return
    strong = [x.dtype for x in (base, exponent) if not array_type(x).weak]
    if strong and np.result_type(*strong).kind == "f":  # uint64 with int64
        return
    if (array_type(base).weak and array_type(exponent).weak) or (_is_int(y) and is_nonnegative(_dim(y))):
        return
    fine = greater_equal(exponent, 0)
    fine = reduce_and(fine, axes=tuple(range(exponent.rank))) if exponent.rank else fine
    message = "Integers to negative integer powers are not allowed."
    emit(check, (fine,), {"message": message, "error": ValueError})


def _python_floats(x: Operand, y: Operand) -> bool:
    """Python numbers, not both of them integers."""
    kinds = (x.dtype.kind, y.dtype.kind)
    return array_type(x).weak and array_type(y).weak and "f" in kinds and "c" not in kinds


def _check_float_power(x: Operand, y: Operand) -> None:
    """Python floats: 0.0 to a negative power raises, and a negative base with a fractional exponent is complex, which
    is refused because the type would depend on a value."""
    if not _python_floats(x, y) or (isinstance(x, Literal) and isinstance(y, Literal)):
        return
    exponent = y.value if isinstance(y, Literal) and np.isfinite(y.value) else None
    if exponent is None or exponent < 0:
        pole = equal(x, 0.0)
        if exponent is None:
            pole = logical_and(pole, logical_and(less(y, 0.0), not_equal(y, -np.inf)))
        message = "0.0 cannot be raised to a negative power"
        emit(check, (logical_not(pole),), {"message": message, "error": ZeroDivisionError})
    if exponent is None or exponent != int(exponent):
        roots = logical_and(less(x, 0.0), not_equal(x, -np.inf))
        if exponent is None:
            roots = logical_and(roots, logical_and(not_equal(y, rint(y)), equal(y, y)))
        message = "a negative number to a fractional power is complex in Python, a type that depends on a value"
        emit(check, (logical_not(roots),), {"message": message, "error": ValueError})


def check_divisor(x: Any, y: Any) -> None:
    """Python numbers raise on division by zero, NumPy's do not."""
    if not is_data((x, y)):
        return
    a, b = data(x), data(y)
    if not (array_type(a).weak and array_type(b).weak):
        return
    if isinstance(b, Literal) and b.value == 0:
        raise ZeroDivisionError("division by zero")
    if not isinstance(b, Literal):
        emit(check, (not_equal(b, 0),), {"message": "division by zero", "error": ZeroDivisionError})


def _checked(name: str) -> Rule:
    """A division as a function of `operator`."""

    def rule(x: Any, y: Any) -> Any:
        check_divisor(x, y)
        return BINARY[name](x, y)

    return rule


def _polynomial(x: Any) -> Dim:
    """The integer polynomial that an integer is, whichever way it comes."""
    if isinstance(x, Var) and x.definition is not None and x.definition.operation is dim_value:
        x = x.definition.params["dim"]
    return _dim(x)


BINARY: dict[str, Rule] = {name: _binary(name) for name in _ON_DATA}
BINARY["MatMult"] = matmul


# ---- unary operators ----


def _negate(x: Any) -> Any:
    if isinstance(x, Dim):
        return _simple(-x)
    return finish(OPERATORS["negative"](data(x))) if is_data(x) else -x


def _plus(x: Any) -> Any:
    if not isinstance(x, Operand):
        return +x if not isinstance(x, Dim) else x
    return finish(python_number(x, INT64)) if array_type(x).weak and x.dtype == BOOL else x


def _not(x: Any) -> Any:
    if isinstance(x, Dim):
        return BINARY["Eq"](x, 0)
    if not isinstance(x, Operand):
        return not x
    if x.rank:
        raise DTypeError(
            current_span(), "the truth of an array is ambiguous", "use `np.logical_not`, `np.any` or `np.all`"
        )
    if isinstance(x, Literal):
        return not x.value
    return emit(logical_not, (truth(x),), {"weak": True})[0]


def _invert(x: Any) -> Any:
    if isinstance(x, Dim):
        return _simple(-x - 1)
    return finish(emit(bitwise_invert, (data(x),))[0]) if is_data(x) else ~x


UNARY: dict[str, Rule] = {"USub": _negate, "UAdd": _plus, "Not": _not, "Invert": _invert}


# ---- builtins ----


def absolute_value(x: Any) -> Any:
    """`abs(x)`: |n| = max(n, 0) + max(-n, 0) for integers whose sign is not proved."""
    if not is_data(x):
        return abs(x)
    if not isinstance(x, Dim):
        return finish(emit(absolute, (data(x),))[0])
    if is_nonnegative(x):
        return x
    return _simple(-x if is_nonnegative(-x) else x.positive() + (-x).positive())


def _larger(a: Any, b: Any) -> Any:
    """Python's max of two: the first unless the second is greater."""
    if _is_int(a) and _is_int(b):
        d = _dim(b) - _dim(a)
        if _dim(b) == 0:
            a, b, d = b, a, -d  # max(a, 0): one atom, as lengths of slices are
        return b if is_positive(d) else a if is_nonnegative(-d) else _simple(_dim(a) + d.positive())
    if not is_data((a, b)):
        return max(a, b)
    x, y = _scalar(a, "max"), _scalar(b, "max")
    return finish(select(greater(y, x), y, x))


def _smaller(a: Any, b: Any) -> Any:
    if _is_int(a) and _is_int(b):
        d = _dim(a) - _dim(b)
        return b if is_positive(d) else a if is_nonnegative(-d) else _simple(_dim(a) - d.positive())
    if not is_data((a, b)):
        return min(a, b)
    x, y = _scalar(a, "min"), _scalar(b, "min")
    return finish(select(less(y, x), y, x))


def _scalar(x: Any, what: str) -> Operand:
    operand = data(x)
    if operand.rank:
        raise DTypeError(
            current_span(), f"the truth of an array is ambiguous in `{what}`", f"use `np.{what}imum` for elements"
        )
    return operand


def _extremum(name: str, pick: Rule) -> Rule:
    def rule(*values: Any, **options: Any) -> Any:
        if options:
            raise UnsupportedSyntax(current_span(), f"`{name}` with `key` or `default` is not supported on data")
        items = values[0] if len(values) == 1 else values
        if isinstance(items, Operand):
            raise UnsupportedSyntax(current_span(), f"`{name}` of an array", f"use `np.{name}`")
        result, *rest = items
        for item in rest:
            result = pick(result, item)
        return result

    return rule


maximum_of = _extremum("max", _larger)
minimum_of = _extremum("min", _smaller)


def sum_of(values: Any, start: Any = 0) -> Any:
    """`sum(values)`: along the first axis of an array; item by item otherwise."""
    if isinstance(values, Operand):
        if not values.rank:
            raise DTypeError(current_span(), "a number is not iterable")
        total = reduce_sum(values, axes=(0,))
        return total if isinstance(start, int) and start == 0 else BINARY["Add"](start, total)
    result = start
    for item in values:
        result = BINARY["Add"](result, item)
    return result


def round_number(x: Any) -> Any:
    """`round(x)` of a scalar: an integer, halves to even."""
    if _is_int(x):
        return x
    if not is_data(x):
        return round(x)
    return finish(python_number(rint(_scalar(x, "round")), INT64))


def power_of(x: Any, y: Any, modulus: Any = None) -> Any:
    if modulus is not None:
        raise UnsupportedSyntax(current_span(), "`pow` with a modulus is not supported on data")
    return BINARY["Pow"](x, y)


def divide_with_remainder(x: Any, y: Any) -> Any:
    check_divisor(x, y)
    return BINARY["FloorDiv"](x, y), BINARY["Mod"](x, y)


def to_float(x: Any = 0.0) -> Any:
    return python_number(x, FLOAT64) if is_data(x) else float(x)


def to_int(x: Any = 0) -> Any:
    if isinstance(x, Dim):
        return x
    return finish(python_number(x, INT64)) if is_data(x) else int(x)


def to_bool(x: Any = False) -> Any:
    if isinstance(x, Dim):
        return BINARY["NotEq"](x, 0)
    return python_number(truth(x), BOOL) if isinstance(x, Operand) else bool(x)


BUILTINS: dict[Any, Rule] = {
    abs: absolute_value,
    max: maximum_of,
    min: minimum_of,
    sum: sum_of,
    pow: power_of,
    divmod: divide_with_remainder,
    float: to_float,
    int: to_int,
    bool: to_bool,
    operator.truediv: _checked("Div"),
    operator.floordiv: _checked("FloorDiv"),
    operator.mod: _checked("Mod"),
    **{function: BINARY[name] for name, function in _PYTHON.items() if name not in ("Div", "FloorDiv", "Mod")},
    operator.matmul: BINARY["MatMult"],
    operator.neg: UNARY["USub"],
    operator.pos: UNARY["UAdd"],
    operator.invert: UNARY["Invert"],
}
