"""NumPy's ufuncs and Python's `math`, element by element.

A NumPy function of Python scalars gives a NumPy scalar; a `math` function gives a Python one, whatever it gets.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from gradscribe.transpiler.errors import DTypeError, UnsupportedSyntax
from gradscribe.transpiler.ir.builder import current_span, emit
from gradscribe.transpiler.ir.dims import Dim
from gradscribe.transpiler.ir.nodes import OPERATORS, Operand
from gradscribe.transpiler.ir.types import FLOAT64, INT64
from gradscribe.transpiler.library.arguments import (
    array_type,
    cast,
    data,
    finish,
    floating,
    is_data,
    python_number,
    refuse_given,
    some_strong,
    static_dtype,
    static_int,
    strong,
    truth,
)
from gradscribe.transpiler.library.math_domains import check_domain
from gradscribe.transpiler.library.operator_rules import BINARY, round_number
from gradscribe.transpiler.primitives import arithmetic, elementary, logic, piecewise, powers
from gradscribe.transpiler.primitives.arithmetic import equal, greater, less, select
from gradscribe.transpiler.primitives.elementary import log
from gradscribe.transpiler.primitives.logic import isfinite, isinf, isnan, logical_and, logical_or
from gradscribe.transpiler.primitives.piecewise import absolute, floor, minimum, rint
from gradscribe.transpiler.primitives.primitive import Elementwise

Rule = Callable[..., Any]


def as_numpy(operation: Elementwise, *operands: Operand) -> Operand:
    """Emit an operation as NumPy's function of that name: Python scalars alone give a NumPy scalar."""
    weak = all(array_type(x).weak for x in operands)
    return emit(operation, operands, {"weak": False} if weak else {})[0]


def ufunc(
    apply: Callable[..., Any], numpy: Callable[..., Any], check: Callable[[Operand], Operand] | None = None
) -> Rule:
    """The rule of a ufunc: options refused, `dtype=` converts the operands, static arguments are computed at once."""
    name = f"np.{numpy.__name__}"

    def rule(*args: Any, out: Any = None, where: Any = True, dtype: Any = None, **options: Any) -> Any:
        refuse_given(name, out=(out, None), where=(where, True))
        if options:
            raise UnsupportedSyntax(current_span(), f"`{name}` with `{next(iter(options))}` is not supported")
        if not is_data(args):
            return numpy(*args) if dtype is None else numpy(*args, dtype=dtype)
        wanted = static_dtype(dtype)
        operands = [data(x, wanted) for x in args]
        if check is not None:
            operands = [check(x) for x in operands]
        return apply(*operands)

    return rule


def _direct(operation: Elementwise, numpy: Callable[..., Any], check: Any = None) -> Rule:
    return ufunc(lambda *xs: as_numpy(operation, *xs), numpy, check)


def _operator(name: str, numpy: Callable[..., Any]) -> Rule:
    """A ufunc that has an operator: `np.add(x, y)` is `x + y`, one of two Python scalars made a NumPy scalar."""

    def apply(x: Operand, y: Operand) -> Any:
        return BINARY[name](*some_strong(x, y))

    return ufunc(apply, numpy)


# ---- compositions ----


def _as_ufunc_float(x: Operand) -> Operand:
    """x as a ufunc without integer loops takes it: small integers become small floats, as in `np.sqrt(np.int8(2))`."""
    if x.dtype.kind in "fc" or array_type(x).weak:
        return floating(x)
    return cast(x, np.result_type(np.float16, x.dtype))


def _square(x: Operand) -> Operand:
    x = strong(x)
    product: Operand = x * x
    return product


def _clip(x: Any, low: Any, high: Any) -> Any:
    """Bounds that are None do not bind."""
    result = x
    if low is not None:
        result = piecewise.maximum(result, low)
    if high is not None:
        result = minimum(result, high)
    return result


def clip(a: Any, a_min: Any = None, a_max: Any = None, out: Any = None, **options: Any) -> Any:
    low, high = options.pop("min", a_min), options.pop("max", a_max)
    refuse_given("np.clip", out=(out, None))
    if not is_data((a, low, high)):
        return np.clip(a, low, high, **options)
    bounds = [None if b is None else data(b) for b in (low, high)]
    return _clip(strong(data(a)), *bounds)


def _heaviside(x: Operand, at_zero: Operand) -> Operand:
    x, at_zero = some_strong(_as_ufunc_float(x), _as_ufunc_float(at_zero))
    zero, one = x.dtype.type(0), x.dtype.type(1)
    step = select(less(x, 0.0), zero, select(equal(x, 0.0), at_zero, one))
    return select(isnan(x), x, step)


def _skipping_nan(operation: Elementwise) -> Callable[[Operand, Operand], Operand]:
    """fmax and fmin: a NaN gives way to the other operand."""

    def apply(x: Operand, y: Operand) -> Operand:
        x, y = some_strong(x, y)
        if x.dtype.kind != "f" and y.dtype.kind != "f":
            return as_numpy(operation, x, y)
        result: Operand = select(isnan(x), y, select(isnan(y), x, operation(x, y)))
        return result

    return apply


def _sinc(x: Operand) -> Operand:
    """Near 0 a series: derivatives of the quotient would lose all their digits there."""
    y = math.pi * floating(strong(x))
    square = y * y
    near = less(square, 0.0025)
    series = 1.0 - square / 6.0 * (1.0 - square / 20.0 * (1.0 - square / 42.0 * (1.0 - square / 72.0)))
    safe = select(near, 1.0, y)
    result: Operand = select(near, series, elementary.sin(safe) / safe)
    return result


def _scaled(factor: float) -> Callable[[Operand], Operand]:
    def apply(x: Operand) -> Operand:
        scaled: Operand = _as_ufunc_float(strong(x)) * factor
        return scaled

    return apply


def round_to(a: Any, decimals: Any = 0, out: Any = None) -> Any:
    """NumPy's own arithmetic: rint(x * 10^d) / 10^d."""
    refuse_given("np.round", out=(out, None))
    digits = static_int(decimals, "decimals")
    if not is_data(a):
        return np.round(a, digits)
    x = strong(data(a))
    if x.dtype.kind in "iub":
        if digits < 0 or x.dtype.kind == "b":
            raise UnsupportedSyntax(current_span(), "`np.round` of integers to tens, or of booleans")
        return x
    if digits == 0:
        return rint(x)
    power = 10.0 ** abs(digits)
    return rint(x * power) / power if digits > 0 else rint(x / power) * power


def python_round(number: Any, ndigits: Any = None) -> Any:
    """`round` of a scalar. With digits, NumPy's numbers are rounded by NumPy's arithmetic."""
    if ndigits is None:
        return round_number(number)
    if not is_data(number):
        return round(number, static_int(ndigits, "ndigits"))
    x = data(number)
    if x.rank:
        raise DTypeError(current_span(), "`round` takes numbers, not arrays", "use `np.round(x, digits)`")
    if array_type(x).weak and x.dtype.kind == "f":
        raise UnsupportedSyntax(
            current_span(), "`round` of a Python float to digits: it rounds the decimals", "use `np.round(x, digits)`"
        )
    return round_to(x, ndigits)


def nan_to_num(x: Any, copy: Any = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None) -> Any:
    y = strong(data(x))
    if y.dtype.kind != "f":
        return y
    info = np.finfo(y.dtype)
    high = float(info.max) if posinf is None else data(posinf)
    low = float(info.min) if neginf is None else data(neginf)
    infinite = select(isinf(y), select(greater(y, 0.0), high, low), y)
    return cast(select(isnan(y), data(nan), infinite), y.dtype)


def isclose(a: Any, b: Any, rtol: Any = 1e-05, atol: Any = 1e-08, equal_nan: Any = False) -> Any:
    x, y = floating(strong(data(a))), floating(strong(data(b)))
    near = arithmetic.less_equal(absolute(x - y), data(atol) + data(rtol) * absolute(y))
    close = logical_or(logical_and(near, isfinite(y)), equal(x, y))
    return logical_or(close, logical_and(isnan(x), isnan(y))) if equal_nan else close


def _divmod(x: Any, y: Any) -> Any:
    return NUMPY_UFUNCS[np.floor_divide](x, y), NUMPY_UFUNCS[np.remainder](x, y)


def _modf(x: Any) -> Any:
    y = floating(strong(data(x)))
    whole = piecewise.trunc(y)
    return y - whole, whole


def _logaddexp2(x: Operand, y: Operand) -> Operand:
    x, y = some_strong(_as_ufunc_float(x), _as_ufunc_float(y))
    total: Operand = elementary.logaddexp(x * math.log(2.0), y * math.log(2.0)) / math.log(2.0)
    return total


def _float_power(x: Operand, y: Operand) -> Operand:
    return BINARY["Pow"](cast(x, FLOAT64), cast(y, FLOAT64))


_ELEMENTARY = (
    "exp", "exp2", "expm1", "log", "log1p", "log2", "log10", "sin", "cos", "tan", "arcsin", "arccos", "arctan", "sinh",
    "cosh", "tanh", "arcsinh", "arccosh", "arctanh", "sqrt", "cbrt", "arctan2", "hypot", "logaddexp",
)  # fmt: skip
_PIECEWISE = ("absolute", "sign", "floor", "ceil", "trunc", "rint", "fmod", "maximum", "minimum")
_LOGICAL = ("logical_and", "logical_or", "logical_xor", "logical_not")
_CLASSES = ("isnan", "isinf", "isfinite")
_OPERATORS = {
    "add": "Add", "subtract": "Sub", "multiply": "Mult", "divide": "Div", "floor_divide": "FloorDiv",
    "remainder": "Mod", "power": "Pow", "less": "Lt", "less_equal": "LtE", "greater": "Gt", "greater_equal": "GtE",
    "equal": "Eq", "not_equal": "NotEq", "bitwise_and": "BitAnd", "bitwise_or": "BitOr", "bitwise_xor": "BitXor",
    "left_shift": "LShift", "right_shift": "RShift",
}  # fmt: skip

NUMPY_UFUNCS: dict[Any, Rule] = {
    **{getattr(np, name): _direct(getattr(elementary, name), getattr(np, name)) for name in _ELEMENTARY},
    **{getattr(np, name): _direct(getattr(piecewise, name), getattr(np, name)) for name in _PIECEWISE},
    **{getattr(np, name): _direct(getattr(logic, name), getattr(np, name), truth) for name in _LOGICAL},
    **{getattr(np, name): _direct(getattr(logic, name), getattr(np, name)) for name in _CLASSES},
    **{getattr(np, name): _operator(sign_, getattr(np, name)) for name, sign_ in _OPERATORS.items()},
    np.negative: ufunc(lambda x: OPERATORS["negative"](strong(x)), np.negative),
    np.positive: ufunc(strong, np.positive),
    np.invert: _direct(logic.bitwise_invert, np.invert),
    np.reciprocal: _direct(powers.reciprocal, np.reciprocal),
    np.square: ufunc(_square, np.square),
    np.copysign: _direct(piecewise.copysign, np.copysign),
    np.fabs: ufunc(lambda x: as_numpy(absolute, _as_ufunc_float(x)), np.fabs),
    np.fmax: ufunc(_skipping_nan(piecewise.maximum), np.fmax),
    np.fmin: ufunc(_skipping_nan(piecewise.minimum), np.fmin),
    np.logaddexp2: ufunc(_logaddexp2, np.logaddexp2),
    np.float_power: ufunc(_float_power, np.float_power),
    np.heaviside: ufunc(_heaviside, np.heaviside),
    np.sinc: ufunc(_sinc, np.sinc),
    np.deg2rad: ufunc(_scaled(math.pi / 180.0), np.deg2rad),
    np.rad2deg: ufunc(_scaled(180.0 / math.pi), np.rad2deg),
    np.radians: ufunc(_scaled(math.pi / 180.0), np.radians),
    np.degrees: ufunc(_scaled(180.0 / math.pi), np.degrees),
    np.divmod: _divmod,
    np.modf: _modf,
    np.clip: clip,
    round: python_round,
    np.round: round_to,
    np.around: round_to,
    np.nan_to_num: nan_to_num,
    np.isclose: isclose,
}

# ---- math ----


def _python(operation: Elementwise, python: Callable[..., Any]) -> Rule:
    """A function of `math`: arguments become Python floats, so does the result."""

    def rule(*args: Any) -> Any:
        if not is_data(args):
            return python(*args)
        operands = [_as_float(x) for x in args]
        check_domain(python.__name__, *operands)
        return emit(operation, operands, {"weak": True})[0]

    return rule


def _as_float(x: Any) -> Operand:
    """A scalar in double precision; a NumPy float64 serves as it is, `math` makes Python floats of its results."""
    operand = data(x)
    if operand.rank:
        raise DTypeError(current_span(), "functions of `math` take scalars, not arrays", "use the NumPy function")
    return operand if operand.dtype == FLOAT64 else python_number(operand, FLOAT64)


def _python_int(operation: Elementwise, python: Callable[[Any], int]) -> Rule:
    """math.floor, ceil, trunc: a Python int."""

    def rule(x: Any) -> Any:
        if isinstance(x, Dim) or not is_data(x):
            return x if isinstance(x, Dim) else python(x)
        return finish(python_number(emit(operation, (_as_float(x),))[0], INT64))

    return rule


def _math_log(x: Any, base: Any = None) -> Any:
    if not is_data((x, base)):
        return math.log(x) if base is None else math.log(x, base)
    y = _python(log, math.log)(x)
    return y if base is None else BINARY["Div"](y, _python(log, math.log)(base))


def _math_pow(x: Any, y: Any) -> Any:
    if not is_data((x, y)):
        return math.pow(x, y)
    x, y = to_weak(x), to_weak(y)
    check_domain("pow", x, y)
    return OPERATORS["power"](x, y)


def to_weak(x: Any) -> Operand:
    return python_number(x, FLOAT64)


def _math_scaled(factor: float, python: Callable[[Any], float]) -> Rule:
    return lambda x: to_weak(x) * factor if is_data(x) else python(x)


def _math_hypot(*args: Any) -> Any:
    if len(args) != 2 and is_data(args):
        raise UnsupportedSyntax(current_span(), "`math.hypot` of other than two numbers")
    return _python(elementary.hypot, math.hypot)(*args)


_MATH_NAMES = {
    "exp": "exp", "exp2": "exp2", "expm1": "expm1", "log1p": "log1p", "log2": "log2", "log10": "log10", "sin": "sin",
    "cos": "cos", "tan": "tan", "asin": "arcsin", "acos": "arccos", "atan": "arctan", "sinh": "sinh", "cosh": "cosh",
    "tanh": "tanh", "asinh": "arcsinh", "acosh": "arccosh", "atanh": "arctanh", "sqrt": "sqrt", "cbrt": "cbrt",
    "atan2": "arctan2", "erf": "erf", "erfc": "erfc",
}  # fmt: skip

MATH_RULES: dict[Any, Rule] = {
    **{
        getattr(math, name): _python(getattr(elementary, ours), getattr(math, name))
        for name, ours in _MATH_NAMES.items()
    },
    **{getattr(math, name): _python(getattr(logic, name), getattr(math, name)) for name in _CLASSES},
    math.log: _math_log,
    math.pow: _math_pow,
    math.fabs: _python(absolute, math.fabs),
    math.copysign: _python(piecewise.copysign, math.copysign),
    math.fmod: _python(piecewise.fmod, math.fmod),
    math.hypot: _math_hypot,
    math.floor: _python_int(floor, math.floor),
    math.ceil: _python_int(piecewise.ceil, math.ceil),
    math.trunc: _python_int(piecewise.trunc, math.trunc),
    math.radians: _math_scaled(math.pi / 180.0, math.radians),
    math.degrees: _math_scaled(180.0 / math.pi, math.degrees),
}
