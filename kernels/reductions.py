"""Accumulation steps of reductions, and maximum and minimum, in the form that loops vectorise.

In: an accumulator and a term. Out: the new accumulator. Each works in CPython and inside `njit`.
`radd` and `rmul` alone may be reordered by the compiler (flags `reassoc` and `nsz`): a vectorised sum keeps several
partial sums. NaN and infinities are kept.
`fmax_nan` and `fmin_nan` are LLVM's `maximum` and `minimum`: they propagate NaN as `np.maximum` does, and order -0.0
before 0.0. Python's `max` in a loop would drop NaN and stay scalar.
"""

import operator
from typing import Any

import numpy as np
from numba.core import types
from numba.core.typing import signature

from gradscribe.kernels.lowering import Signature, is_number, is_real, llvm_intrinsic, lower, same_real


def radd(acc: Any, x: Any) -> Any:
    """`acc + x` in the accumulator's type, a sum whose order is free. Integers wrap, and take no float."""
    return acc + x


def rmul(acc: Any, x: Any) -> Any:
    """`acc * x` in the accumulator's type, a product whose order is free."""
    return acc * x


def fmax_nan(a: Any, b: Any) -> Any:
    """The larger of two; NaN if either is NaN (`np.maximum`)."""
    return np.maximum(a, b)


def fmin_nan(a: Any, b: Any) -> Any:
    """The smaller of two; NaN if either is NaN (`np.minimum`)."""
    return np.minimum(a, b)


_REORDERED = ("reassoc", "nsz")


def _accumulator(acc: types.Type, x: types.Type) -> Signature | None:
    """The accumulator's type decides; a float is never accumulated into an integer."""
    if (isinstance(acc, types.Float) and is_real(x)) or (isinstance(acc, types.Complex) and is_number(x)):
        return signature(acc, acc, acc)
    if isinstance(acc, types.Integer) and isinstance(x, (types.Integer, types.Boolean)):
        kind = types.Integer.from_bitwidth(acc.bitwidth, acc.signed)  # not the type of a literal
        return signature(kind, kind, kind)
    return None


def _add(context: Any, builder: Any, sig: Signature, values: tuple[Any, ...]) -> Any:
    kind = sig.return_type
    if isinstance(kind, types.Complex):
        acc, x = (context.make_complex(builder, kind, value) for value in values)
        total = context.make_complex(builder, kind)
        total.real = builder.fadd(acc.real, x.real, flags=_REORDERED)
        total.imag = builder.fadd(acc.imag, x.imag, flags=_REORDERED)
        return total._getvalue()
    if isinstance(sig.return_type, types.Float):
        return builder.fadd(*values, flags=_REORDERED)
    return builder.add(*values)


def _multiply(context: Any, builder: Any, sig: Signature, values: tuple[Any, ...]) -> Any:
    if isinstance(sig.return_type, types.Complex):
        return context.get_function(operator.mul, sig)(builder, values)
    if isinstance(sig.return_type, types.Float):
        return builder.fmul(*values, flags=_REORDERED)
    return builder.mul(*values)


def _extremum(name: str, comparison: str) -> Any:
    floating = llvm_intrinsic(f"llvm.{name}imum")

    def generate(context: Any, builder: Any, sig: Signature, values: tuple[Any, ...]) -> Any:
        kind = sig.return_type
        if isinstance(kind, types.Float):
            return floating(context, builder, sig, values)
        signed = isinstance(kind, types.Integer) and kind.signed
        compare = builder.icmp_signed if signed else builder.icmp_unsigned
        return builder.select(compare(comparison, *values), *values)

    return generate


lower(radd, _accumulator, _add)
lower(rmul, _accumulator, _multiply)
lower(fmax_nan, same_real, _extremum("max", ">"))
lower(fmin_nan, same_real, _extremum("min", "<"))
