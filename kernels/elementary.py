"""Scalar functions whose NumPy meaning differs from what Numba makes of Python's: sign, rounding, power, logaddexp.

In: real scalars. Out: a scalar, of NumPy's type and value. Each works in CPython and inside `njit`, where loops
vectorise. (Numba's `math.floor` of a float gives an int64, and its `max` drops NaN; its `math.sqrt`, `math.copysign`
and `abs` are right.) Maximum and minimum are `fmax_nan` and `fmin_nan` in `reductions`.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.core.typing import signature
from numba.extending import overload

from gradscribe.kernels.lowering import (
    CodeGenerator,
    Signature,
    common_float,
    common_real,
    llvm_intrinsic,
    lower,
    same_float,
    same_real,
)
from gradscribe.kernels.options import INLINED
from gradscribe.kernels.reductions import fmax_nan
from gradscribe.kernels.vector_math import exp, log1p


def floor(x: Any) -> Any:
    """Largest integer not above x, as a float; an integer stays as it is."""
    return np.floor(x)


def ceil(x: Any) -> Any:
    """Smallest integer not below x, as a float; an integer stays as it is."""
    return np.ceil(x)


def trunc(x: Any) -> Any:
    """x rounded towards zero, as a float; an integer stays as it is."""
    return np.trunc(x)


def rint(x: Any) -> Any:
    """Nearest integer as a float, halves to even; an integer becomes a float64."""
    return np.rint(x)


def sign(x: Any) -> Any:
    """-1, 0 or 1 in the type of x; NaN for NaN, 0.0 for either zero."""
    return np.sign(x)


def reciprocal(x: Any) -> Any:
    """1 / x of a float."""
    return np.reciprocal(x if isinstance(x, np.inexact) else np.float64(x))


def fmax(a: Any, b: Any) -> Any:
    """The larger of two floats; the other one if one is NaN (`np.fmax`)."""
    return np.fmax(a, b)


def fmin(a: Any, b: Any) -> Any:
    """The smaller of two floats; the other one if one is NaN (`np.fmin`)."""
    return np.fmin(a, b)


def logaddexp(a: Any, b: Any) -> Any:
    """log(exp(a) + exp(b)) without overflow."""
    return np.logaddexp(a, b)


def _integer_as_is(rule: CodeGenerator) -> CodeGenerator:
    def generate(context: Any, builder: Any, sig: Signature, values: tuple[Any, ...]) -> Any:
        return rule(context, builder, sig, values) if isinstance(sig.return_type, types.Float) else values[0]

    return generate


def _sign(context: Any, builder: Any, sig: Signature, values: tuple[Any, ...]) -> Any:
    (x,) = values
    kind = context.get_value_type(sig.return_type)
    zero, one = ir.Constant(kind, 0), ir.Constant(kind, 1)
    if isinstance(sig.return_type, types.Float):
        # unordered: NaN takes neither select and is kept; both zeros become 0.0
        y = builder.select(builder.fcmp_ordered("==", x, zero), zero, x)
        y = builder.select(builder.fcmp_ordered(">", x, zero), one, y)
        return builder.select(builder.fcmp_ordered("<", x, zero), ir.Constant(kind, -1), y)
    positive = builder.select(builder.icmp_unsigned("!=", x, zero), one, zero)
    if isinstance(sig.return_type, types.Integer) and sig.return_type.signed:
        return builder.select(builder.icmp_signed("<", x, zero), ir.Constant(kind, -1), positive)
    return positive


def _reciprocal(context: Any, builder: Any, sig: Signature, values: tuple[Any, ...]) -> Any:
    return builder.fdiv(ir.Constant(context.get_value_type(sig.return_type), 1.0), values[0])


def _number(x: types.Type) -> Signature | None:
    """Signature rule: a number in, the same type out. NumPy has no sign of a boolean."""
    kind = common_real(x)
    return None if kind is None or kind == types.boolean else signature(kind, kind)


lower(floor, same_real, _integer_as_is(llvm_intrinsic("llvm.floor")))
lower(ceil, same_real, _integer_as_is(llvm_intrinsic("llvm.ceil")))
lower(trunc, same_real, _integer_as_is(llvm_intrinsic("llvm.trunc")))
lower(rint, same_float, llvm_intrinsic("llvm.rint"))
lower(sign, _number, _sign)
lower(reciprocal, same_float, _reciprocal)
lower(fmax, same_float, llvm_intrinsic("llvm.maxnum"))
lower(fmin, same_float, llvm_intrinsic("llvm.minnum"))


_LN2, _LN2_32 = np.float64(0.6931471805599453), np.float32(0.6931471805599453)


def _logaddexp_for(kind, ln2):
    def compute(a, b):
        x, y = kind(a), kind(b)
        high = fmax_nan(x, y)
        spread = high + log1p(exp(-abs(x - y)))
        return high + ln2 if x == y else spread  # equal infinities have no difference

    return compute


@overload(logaddexp, jit_options=INLINED)
def _choose_logaddexp(a, b):  # no annotations: Numba wants the parameter list of the implementation
    kind = common_float(a, b)
    if kind is None:
        return None
    return _logaddexp_for(np.float32, _LN2_32) if kind == types.float32 else _logaddexp_for(np.float64, _LN2)
