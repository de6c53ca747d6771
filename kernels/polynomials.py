"""exp, log and tanh as polynomials in plain arithmetic, which any loop vectorises.

In: a float64 or float32 scalar. Out: the same type. Correct over the whole range: NaN, infinities, both zeros,
subnormal arguments and results. Inlined by force: a call left in a loop keeps the loop scalar.
The flags are `contract`, `nsz`, `arcp`, never `reassoc`, which would undo the exact steps of the range reductions;
no result depends on the sign of a zero except where copied by hand.

Sources: Cephes (S. Moshier) for the float32 exp and log, the tanh rational function and the two-part ln 2; FreeBSD
msun e_log.c (Sun Microsystems) for log. The float64 exp is the Taylor polynomial of degree 13 on |r| <= ln(2)/2, whose
truncation error (ln(2)/2)^14/14! is 4e-18.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit
from numba.core import types
from numba.extending import intrinsic, overload

from gradscribe.kernels.lowering import is_real

_JIT: dict[str, Any] = {"error_model": "numpy", "fastmath": {"contract", "nsz", "arcp"}, "forceinline": True}


def _reinterpret(source: types.Type, target: types.Type, llvm_target: ir.Type) -> Callable[[Any], Any]:
    """An intrinsic that reads the bits of one type as another."""

    @intrinsic
    def reinterpret(_typing: Any, x: types.Type) -> Any:
        return target(source), lambda _context, builder, _sig, args: builder.bitcast(args[0], llvm_target)

    return reinterpret


_bits64 = _reinterpret(types.float64, types.int64, ir.IntType(64))
_float64 = _reinterpret(types.int64, types.float64, ir.DoubleType())
_bits32 = _reinterpret(types.float32, types.int32, ir.IntType(32))
_float32 = _reinterpret(types.int32, types.float32, ir.FloatType())


@intrinsic
def _nearest(_typing: Any, x: types.Type) -> Any:
    """Nearest integer as a float (Numba's own `floor` and `round` of a float give an int64)."""

    def generate(context: Any, builder: Any, sig: Any, args: tuple[Any, ...]) -> Any:
        kind = context.get_value_type(sig.return_type)
        return builder.call(builder.module.declare_intrinsic("llvm.rint", [kind], ir.FunctionType(kind, [kind])), args)

    return x(x), generate


_LOG2_E = 1.4426950408889634
_LN2_HIGH = 6.93147180369123816490e-01  # the low 32 bits are zero, so k * _LN2_HIGH is exact for |k| < 2**20
_LN2_LOW = 1.90821492927058770002e-10
_SMALLEST_NORMAL = 2.2250738585072014e-308
_TWO_54 = 18014398509481984.0
_SQRT_HALF_BITS = np.int64(0x3FE6A09E667F3BCD)


@njit(**_JIT)
def _exp64(x: float) -> float:
    bounded = min(max(x, -746.0), 710.0)  # beyond, the result is 0 or inf; NaN is put back at the end
    k = _nearest(bounded * _LOG2_E)
    r = bounded - k * _LN2_HIGH - k * _LN2_LOW
    r2 = r * r
    r4 = r2 * r2
    r8 = r4 * r4
    tail = (
        r2 * (0.5 + r * (1 / 6))
        + r4 * ((1 / 24 + r * (1 / 120)) + r2 * (1 / 720 + r * (1 / 5040)))
        + r8 * ((1 / 40320 + r * (1 / 362880)) + r2 * (1 / 3628800 + r * (1 / 39916800)))
        + r8 * r4 * (1 / 479001600 + r * (1 / 6227020800))
    )
    n = np.int64(np.int32(k))  # through int32: the 64-bit conversion does not vectorise before AVX-512
    half = n >> 1  # 2**n in two factors: n may lie beyond the exponents of normal numbers, and the result be subnormal
    y = (1.0 + (r + tail)) * _float64((half + 1023) << 52) * _float64((n - half + 1023) << 52)
    return y if x == x else x


@njit(**_JIT)
def _log64(x: float) -> float:
    subnormal = x < _SMALLEST_NORMAL
    bits = _bits64(x * _TWO_54 if subnormal else x)
    t = (bits - _SQRT_HALF_BITS) >> 52
    mantissa = _float64(bits - (t << 52))  # in [sqrt(1/2), sqrt(2))
    exponent = np.float64(np.int32(t)) - (54.0 if subnormal else 0.0)
    f = mantissa - 1.0
    s = f / (2.0 + f)
    z = s * s
    w = z * z
    even = w * (3.999999999940941908e-01 + w * (2.222219843214978396e-01 + w * 1.531383769920937332e-01))
    odd = z * (
        6.666666666666735130e-01
        + w * (2.857142874366239149e-01 + w * (1.818357216161805012e-01 + w * 1.479819860511658591e-01))
    )
    half_square = 0.5 * f * f
    y = exponent * _LN2_HIGH + (f - (half_square - (s * (half_square + (even + odd)) + exponent * _LN2_LOW)))
    y = y if x != math.inf else x
    y = y if x != 0.0 else -math.inf
    return y if x >= 0.0 else math.nan


@njit(**_JIT)
def _tanh64(x: float) -> float:
    magnitude = abs(x)
    z = x * x
    p = (-9.64399179425052238628e-1 * z - 9.92877231001918586564e1) * z - 1.61468768441708447952e3
    q = ((z + 1.12811678491632931402e2) * z + 2.23548839060100448583e3) * z + 4.84406305325125486048e3
    near = x + x * z * (p / q)
    far = math.copysign(1.0 - 2.0 / (_exp64(2.0 * min(magnitude, 20.0)) + 1.0), x)
    y = near if magnitude < 0.625 else far
    return y if x == x and x != 0.0 else x  # 0.0 by hand: it keeps its sign


_F = np.float32
_LOG2_E_32, _LN2_HIGH_32, _LN2_LOW_32 = _F(_LOG2_E), _F(0.693359375), _F(-2.12194440e-4)
_ZERO, _HALF, _ONE, _TWO, _INF_32, _NAN_32 = _F(0), _F(0.5), _F(1), _F(2), _F(math.inf), _F(math.nan)
_EXP_LOW, _EXP_HIGH = _F(-104.0), _F(89.0)
_E5, _E4, _E3, _E2, _E1, _E0 = (
    _F(1.9875691500e-4), _F(1.3981999507e-3), _F(8.3334519073e-3), _F(4.1665795894e-2), _F(1.6666665459e-1),
    _F(5.0000001201e-1),
)  # fmt: skip
_SMALLEST_NORMAL_32, _TWO_23, _TWENTY_THREE = _F(1.17549435e-38), _F(8388608.0), _F(23.0)
_SQRT_HALF_BITS_32, _I1, _I23, _I127 = np.int32(0x3F3504F3), np.int32(1), np.int32(23), np.int32(127)
_L8, _L7, _L6, _L5, _L4, _L3, _L2, _L1, _L0 = (
    _F(7.0376836292e-2), _F(1.1514610310e-1), _F(1.1676998740e-1), _F(1.2420140846e-1), _F(1.4249322787e-1),
    _F(1.6668057665e-1), _F(2.0000714765e-1), _F(2.4999993993e-1), _F(3.3333331174e-1),
)  # fmt: skip
_T4, _T3, _T2, _T1, _T0 = (
    _F(-5.70498872745e-3), _F(2.06390887954e-2), _F(-5.37397155531e-2), _F(1.33314422036e-1), _F(-3.33332819422e-1),
)  # fmt: skip
_TANH_NEAR, _TANH_ONE = _F(0.625), _F(10.0)


@njit(**_JIT)
def _exp32(x: np.float32) -> np.float32:
    bounded = min(max(x, _EXP_LOW), _EXP_HIGH)
    k = _nearest(bounded * _LOG2_E_32)
    r = bounded - k * _LN2_HIGH_32 - k * _LN2_LOW_32
    p = ((((_E5 * r + _E4) * r + _E3) * r + _E2) * r + _E1) * r + _E0
    p = p * (r * r) + r + _ONE
    n = np.int32(k)
    half = np.int32(n >> _I1)
    rest = np.int32(n - half)
    y = p * _float32(np.int32((half + _I127) << _I23)) * _float32(np.int32((rest + _I127) << _I23))
    return y if x == x else x


@njit(**_JIT)
def _log32(x: np.float32) -> np.float32:
    subnormal = x < _SMALLEST_NORMAL_32
    bits = _bits32(x * _TWO_23 if subnormal else x)
    t = np.int32(np.int32(bits - _SQRT_HALF_BITS_32) >> _I23)
    mantissa = _float32(np.int32(bits - np.int32(t << _I23)))
    exponent = _F(t) - (_TWENTY_THREE if subnormal else _ZERO)
    r = mantissa - _ONE
    z = r * r
    p = (((((((_L8 * r - _L7) * r + _L6) * r - _L5) * r + _L4) * r - _L3) * r + _L2) * r - _L1) * r + _L0
    y = p * r * z + exponent * _LN2_LOW_32 - _HALF * z
    y = r + y + exponent * _LN2_HIGH_32
    y = y if x != _INF_32 else x
    y = y if x != _ZERO else -_INF_32
    return y if x >= _ZERO else _NAN_32


@njit(**_JIT)
def _tanh32(x: np.float32) -> np.float32:
    magnitude = abs(x)
    z = x * x
    near = x + x * z * ((((_T4 * z + _T3) * z + _T2) * z + _T1) * z + _T0)
    far = _F(math.copysign(_ONE - _TWO / (_exp32(_TWO * min(magnitude, _TANH_ONE)) + _ONE), x))
    y = near if magnitude < _TANH_NEAR else far
    return y if x == x and x != _ZERO else x


_BY_WIDTH = {"exp": (_exp32, _exp64), "log": (_log32, _log64), "tanh": (_tanh32, _tanh64)}
POLYNOMIALS = tuple(_BY_WIDTH)
"""The C names of the functions that have a polynomial here."""


def compile_as_polynomial(function: Callable[..., Any], name: str) -> None:
    """Make Numba compile the Python function `function` of one scalar to the polynomial called `name`.

    Accuracy, in units in the last place: float64 exp 1, log 1, tanh 2; float32 exp 1, log 1, tanh 2.
    """
    narrow, wide = _BY_WIDTH[name]

    def choose(x):  # Numba wants the very parameter list of the implementations: no annotations
        if x == types.float32:
            return lambda x: narrow(x)
        return (lambda x: wide(np.float64(x))) if is_real(x) else None

    overload(function, jit_options=_JIT)(choose)
