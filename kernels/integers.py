"""Division, remainder, powers and overflow of integers (and the float division that goes with them).

In: scalars; out: scalars. Each works in CPython and inside `njit`.
`floor_divide`, `remainder` and `integer_power` are NumPy's: integers wrap, integer division by zero gives 0, floats
give NaN or infinities. For Python's ints, which raise instead, generated code adds `status.check_divisor` and
`status.check_exponent`, asks `sum_overflows` and its like first, and uses the `checked_` functions, which report
what Python would not do in 64 bits.
"""

import math
from typing import Any

import numpy as np
from numba import njit
from numba.core import types
from numba.core.typing import signature
from numba.extending import overload, register_jitable

from gradscribe.kernels.elementary import floor
from gradscribe.kernels.lowering import CodeGenerator, Signature, common_real, lower, same_float
from gradscribe.kernels.options import INLINED
from gradscribe.kernels.status import (
    INFINITY_TO_INTEGER,
    NAN_TO_INTEGER,
    NEGATIVE_SHIFT,
    OVERFLOW,
    TOO_LARGE_FOR_INTEGER,
    record,
)


def floor_divide(a: Any, b: Any) -> Any:
    """`np.floor_divide(a, b)`: rounds towards minus infinity."""
    return np.floor_divide(a, b)


def remainder(a: Any, b: Any) -> Any:
    """`np.remainder(a, b)`: has the sign of b."""
    return np.remainder(a, b)


def fmod(a: Any, b: Any) -> Any:
    """`np.fmod(a, b)`: has the sign of a, as in C."""
    return np.fmod(a, b)


def integer_power(base: Any, exponent: Any) -> Any:
    """`base ** exponent` of integers, wrapping, in their common type. The exponent must not be negative."""
    return np.power(base, exponent)


def left_shift(a: Any, b: Any) -> Any:
    """`np.left_shift(a, b)`: bits that leave are lost; 0 where b is negative or no smaller than the width."""
    return np.left_shift(a, b)


def right_shift(a: Any, b: Any) -> Any:
    """`np.right_shift(a, b)`: the sign fills; 0 or -1 where b is negative or no smaller than the width."""
    return np.right_shift(a, b)


_jitable = register_jitable(**INLINED)


_CASTS = {
    getattr(types, name): getattr(np, name)
    for name in (
        "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
    )
}  # fmt: skip


def _c_fmod(a: Any, b: Any) -> Any:
    """The C function fmod; Numba has no `math.fmod`."""
    return math.fmod(a, b)


lower(_c_fmod, same_float, lambda _context, builder, _sig, values: builder.frem(*values))


def _float_floor_divide(kind):
    zero, half, one = kind(0), kind(0.5), kind(1)

    def divide(a, b):
        # npy_divmod: the remainder is exact, so (a - rest) / b is within rounding of an integer
        rest = _c_fmod(a, b)
        if b == zero:
            return kind(a / b)
        quotient = (a - rest) / b
        if rest != zero and (b < zero) != (rest < zero):
            quotient -= one
        if quotient == zero:
            return kind(math.copysign(zero, a / b))
        down = floor(quotient)
        return kind(down + one if quotient - down > half else down)

    return divide


def _float_remainder(kind):
    zero = kind(0)

    def modulo(a, b):
        rest = _c_fmod(a, b)
        if b == zero:
            return kind(rest)
        if rest == zero:
            return kind(math.copysign(zero, b))
        return kind(rest + b if (b < zero) != (rest < zero) else rest)

    return modulo


def _float_fmod(kind):
    return lambda a, b: kind(_c_fmod(a, b))


def _signed_floor_divide(kind):
    def divide(a, b):
        # -1 apart: the smallest integer divided by -1 traps in hardware; negation wraps, as in NumPy
        quotient = a // kind(1 if b == 0 or b == -1 else b)
        return kind(0) if b == 0 else kind(-a if b == -1 else quotient)

    return divide


def _signed_remainder(kind):
    return lambda a, b: kind(a % kind(1 if b == 0 or b == -1 else b))


def _signed_fmod(kind):
    def modulo(a, b):
        divisor = kind(1 if b == 0 or b == -1 else b)
        rest = a % divisor
        return kind(rest - divisor if rest != 0 and (a < 0) != (divisor < 0) else rest)

    return modulo


def _unsigned_floor_divide(kind):
    return lambda a, b: kind(a // b) if b != 0 else kind(0)


def _unsigned_remainder(kind):
    return lambda a, b: kind(a % b) if b != 0 else kind(0)


def _left_shift(kind):
    width = np.uint64(np.iinfo(kind).bits)
    return lambda a, b: kind(a << b) if np.uint64(b) < width else kind(0)


def _unsigned_right_shift(kind):
    width = np.uint64(np.iinfo(kind).bits)
    return lambda a, b: kind(a >> b) if np.uint64(b) < width else kind(0)


def _signed_right_shift(kind):
    width = np.uint64(np.iinfo(kind).bits)
    return lambda a, b: kind(a >> b) if np.uint64(b) < width else kind(-1 if a < 0 else 0)


def _register(function, of_float, of_signed, of_unsigned):
    """Compile `function` of two scalars, converted to their common type, to the implementation for that type."""

    def choose(a, b):  # no annotations: Numba wants the parameter list of the implementation
        kind = common_real(a, b)
        if kind not in _CASTS:
            return None
        cast = _CASTS[kind]
        rule = of_float if isinstance(kind, types.Float) else of_signed if kind.signed else of_unsigned
        if rule is None:
            return None
        compute = njit(**INLINED)(rule(cast))
        return lambda a, b: compute(cast(a), cast(b))

    overload(function, jit_options=INLINED)(choose)


_register(floor_divide, _float_floor_divide, _signed_floor_divide, _unsigned_floor_divide)
_register(remainder, _float_remainder, _signed_remainder, _unsigned_remainder)
_register(fmod, _float_fmod, _signed_fmod, _unsigned_remainder)
_register(left_shift, None, _left_shift, _left_shift)
_register(right_shift, None, _signed_right_shift, _unsigned_right_shift)


@overload(integer_power, jit_options=INLINED)
def _choose_integer_power(base, exponent):
    kind = common_real(base, exponent)
    if not isinstance(kind, types.Integer):
        return None
    cast = _CASTS[kind]

    def compute(base, exponent):
        result, square, rest = cast(1), cast(base), np.uint64(exponent)
        while rest != np.uint64(0):
            if rest & np.uint64(1):
                result = cast(result * square)
            square = cast(square * square)
            rest >>= np.uint64(1)
        return result

    return compute


def sum_overflows(a: Any, b: Any) -> bool:
    """Whether the sum of two int64 is not an int64."""
    return not -(2**63) <= int(a) + int(b) < 2**63


def difference_overflows(a: Any, b: Any) -> bool:
    """Whether the difference of two int64 is not an int64."""
    return not -(2**63) <= int(a) - int(b) < 2**63


def product_overflows(a: Any, b: Any) -> bool:
    """Whether the product of two int64 is not an int64."""
    return not -(2**63) <= int(a) * int(b) < 2**63


def _two_int64(*kinds: types.Type) -> Signature | None:
    integers = len(kinds) == 2 and all(isinstance(kind, types.Integer) for kind in kinds)
    return signature(types.boolean, types.int64, types.int64) if integers else None


def _overflow_bit(instruction: str) -> CodeGenerator:
    def generate(_context: Any, builder: Any, _sig: Signature, values: tuple[Any, ...]) -> Any:
        return builder.extract_value(getattr(builder, instruction)(*values), 1)

    return generate


lower(sum_overflows, _two_int64, _overflow_bit("sadd_with_overflow"))
lower(difference_overflows, _two_int64, _overflow_bit("ssub_with_overflow"))
lower(product_overflows, _two_int64, _overflow_bit("smul_with_overflow"))


@_jitable
def checked_add(a: Any, b: Any, status: Any, span_id: int) -> Any:
    """int64 a + b; an overflow is reported as OVERFLOW (a, b), and wraps."""
    x, y = np.int64(a), np.int64(b)
    total = x + y
    if sum_overflows(x, y):
        record(status, OVERFLOW, span_id, x, y)
    return total


@_jitable
def checked_subtract(a: Any, b: Any, status: Any, span_id: int) -> Any:
    """int64 a - b; an overflow is reported as OVERFLOW (a, b), and wraps."""
    x, y = np.int64(a), np.int64(b)
    difference = x - y
    if difference_overflows(x, y):
        record(status, OVERFLOW, span_id, x, y)
    return difference


@_jitable
def checked_multiply(a: Any, b: Any, status: Any, span_id: int) -> Any:
    """int64 a * b; an overflow is reported as OVERFLOW (a, b), and wraps."""
    x, y = np.int64(a), np.int64(b)
    if product_overflows(x, y):
        record(status, OVERFLOW, span_id, x, y)
    return x * y


@_jitable
def checked_power(base: Any, exponent: Any, status: Any, span_id: int) -> Any:
    """int64 base ** exponent, exponent >= 0; an overflow is reported as OVERFLOW (base, exponent), and wraps."""
    result, square, rest = np.int64(1), np.int64(base), np.int64(exponent)
    overflowed = False
    while rest > 0:
        if rest & 1:
            overflowed = overflowed or product_overflows(result, square)
            result = result * square
        rest >>= 1
        if rest > 0:  # the last square is not used, and may overflow unharmed
            overflowed = overflowed or product_overflows(square, square)
            square = square * square
    if overflowed:
        record(status, OVERFLOW, span_id, base, exponent)
    return result


@_jitable
def checked_absolute(a: Any, status: Any, span_id: int) -> Any:
    """int64 abs(a); an overflow (of the smallest integer) is reported as OVERFLOW (a, 0), and wraps."""
    x = np.int64(a)
    if x < 0 and difference_overflows(0, x):
        record(status, OVERFLOW, span_id, x, 0)
        return x
    return -x if x < 0 else x


@_jitable
def checked_floor_divide(a: Any, b: Any, status: Any, span_id: int) -> Any:
    """int64 a // b, b not zero; an overflow (the smallest integer by -1) is reported as OVERFLOW (a, b), and wraps."""
    x, y = np.int64(a), np.int64(b)
    if y == -1 and difference_overflows(0, x):
        record(status, OVERFLOW, span_id, x, y)
    return floor_divide(x, y)


@_jitable
def checked_left_shift(a: Any, b: Any, status: Any, span_id: int) -> Any:
    """int64 a << b; reports OVERFLOW (a, b), and gives 0, where a * 2**b is not an int64; a negative b is reported as
    NEGATIVE_SHIFT (a, b)."""
    x, y = np.int64(a), np.int64(b)
    if y < 0:
        record(status, NEGATIVE_SHIFT, span_id, x, y)
        return np.int64(0)
    if x == 0:
        return np.int64(0)
    places = min(y, np.int64(63))
    shifted = x << places
    if y > 63 or (shifted >> places) != x:
        record(status, OVERFLOW, span_id, x, y)
        return np.int64(0)
    return shifted


@_jitable
def checked_right_shift(a: Any, b: Any, status: Any, span_id: int) -> Any:
    """int64 a >> b = floor(a / 2**b); a negative b is reported as NEGATIVE_SHIFT (a, b), and gives 0."""
    x, y = np.int64(a), np.int64(b)
    if y < 0:
        record(status, NEGATIVE_SHIFT, span_id, x, y)
        return np.int64(0)
    return x >> min(y, np.int64(63))


@_jitable
def checked_integer(x: Any, status: Any, span_id: int) -> Any:
    """`int(x)` of a float, towards zero, as int64; NaN, infinities and what int64 does not hold are reported, and give
    0."""
    if x != x:
        record(status, NAN_TO_INTEGER, span_id, 0, 0)
        return np.int64(0)
    if not (-(2.0**63) <= x and x < 2.0**63):
        code = INFINITY_TO_INTEGER if x - x != 0 else TOO_LARGE_FOR_INTEGER
        record(status, code, span_id, 0, 0)
        return np.int64(0)
    return np.int64(x)
