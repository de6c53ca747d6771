"""Special functions that SciPy computes, called by pointer from compiled code; and the Hurwitz zeta function.

In: float scalars. Out: a scalar of the same float type; float32 is computed in double precision and rounded. Each name
works in CPython, where it is the function of `scipy.special`, and inside `njit`, where it is a call of the very routine
behind that (`scipy.special.cython_special`): the values are SciPy's, bit for bit in float64. Calls do not vectorise.
Establishes, at import: the routines are registered with LLVM under names of their own, so that cached machine code
finds them in the next process.

Source of zeta: Cephes (S. Moshier), the Euler-Maclaurin sum. Error below 4 units in the last place for x >= 1.1 and
q > 0, compared with mpmath.
"""

import ctypes
import re
from typing import Any

import llvmlite.binding as llvm
import numpy as np
import scipy.special
import scipy.special.cython_special as cython_special
from llvmlite import ir
from numba import njit
from numba.core import types
from numba.extending import get_cython_function_address, overload

from gradscribe.kernels.lowering import CodeGenerator, Signature, common_float, lower, same_float
from gradscribe.kernels.options import OPTIONS


def gammaln(x: Any) -> Any:
    """Logarithm of the absolute value of the gamma function."""
    return scipy.special.gammaln(x)


def digamma(x: Any) -> Any:
    """Derivative of `gammaln`."""
    return scipy.special.digamma(x)


def erfinv(x: Any) -> Any:
    """Inverse of erf; NaN outside [-1, 1]."""
    return scipy.special.erfinv(x)


def erfcinv(x: Any) -> Any:
    """Inverse of erfc; NaN outside [0, 2]."""
    return scipy.special.erfcinv(x)


def ndtr(x: Any) -> Any:
    """Probability that a standard normal number is below x."""
    return scipy.special.ndtr(x)


def ndtri(p: Any) -> Any:
    """Inverse of `ndtr`; NaN outside [0, 1]."""
    return scipy.special.ndtri(p)


def log_ndtr(x: Any) -> Any:
    """Logarithm of `ndtr`, accurate far below zero."""
    return scipy.special.log_ndtr(x)


def i0e(x: Any) -> Any:
    """exp(-|x|) times the modified Bessel function of order 0."""
    return scipy.special.i0e(x)


def i1e(x: Any) -> Any:
    """exp(-|x|) times the modified Bessel function of order 1."""
    return scipy.special.i1e(x)


def gammainc(a: Any, x: Any) -> Any:
    """Regularised lower incomplete gamma function."""
    return scipy.special.gammainc(a, x)


def gammaincc(a: Any, x: Any) -> Any:
    """Regularised upper incomplete gamma function."""
    return scipy.special.gammaincc(a, x)


def zeta(x: Any, q: Any) -> Any:
    """Hurwitz zeta function, the sum of (k + q)**-x over k = 0, 1, ..., for x > 1; q = 1 gives Riemann's."""
    return scipy.special.zeta(x, q)


_ROUTINES = (
    (gammaln, "gammaln", 1), (digamma, "psi", 1), (erfinv, "erfinv", 1), (erfcinv, "erfcinv", 1), (ndtr, "ndtr", 1),
    (ndtri, "ndtri", 1), (log_ndtr, "log_ndtr", 1), (i0e, "i0e", 1), (i1e, "i1e", 1), (gammainc, "gammainc", 2),
    (gammaincc, "gammaincc", 2),
)  # fmt: skip
_MODULE = "scipy.special.cython_special"
_DOUBLE, _FLAG = ir.DoubleType(), ir.IntType(32)


def _exported(name: str, arity: int) -> str:
    """The name of the variant of a routine that takes and gives doubles (Cython numbers the variants)."""
    wanted = f"double ({', '.join(['double'] * arity)}, int __pyx_skip_dispatch)"
    name_of = ctypes.pythonapi.PyCapsule_GetName
    name_of.restype, name_of.argtypes = ctypes.c_char_p, [ctypes.py_object]
    for exported, capsule in sorted(cython_special.__pyx_capi__.items()):
        if re.fullmatch(rf"(__pyx_fuse_\d+)?{name}", exported) and name_of(capsule).decode() == wanted:
            return exported
    raise ImportError(f"{_MODULE} has no {name} of {arity} doubles")


def _call(symbol: str, arity: int) -> CodeGenerator:
    """Code generator: a call in double precision; the last argument says not to look for a Python override."""

    def generate(context: Any, builder: Any, sig: Signature, values: tuple[Any, ...]) -> Any:
        kind = context.get_value_type(sig.return_type)
        function = builder.module.globals.get(symbol)
        if function is None:
            function = ir.Function(builder.module, ir.FunctionType(_DOUBLE, [*[_DOUBLE] * arity, _FLAG]), symbol)
        wide = [v if kind == _DOUBLE else builder.fpext(v, _DOUBLE) for v in values]
        result = builder.call(function, [*wide, ir.Constant(_FLAG, 0)])
        return result if kind == _DOUBLE else builder.fptrunc(result, kind)

    return generate


for _function, _name, _arity in _ROUTINES:
    llvm.add_symbol(f"gradscribe_{_name}", get_cython_function_address(_MODULE, _exported(_name, _arity)))
    lower(_function, same_float, _call(f"gradscribe_{_name}", _arity))


# (2k)! / B_2k
_EULER_MACLAURIN = (
    12.0, -720.0, 30240.0, -1209600.0, 47900160.0, -1.8924375803183791606e9, 7.47242496e10, -2.950130727918164224e12,
    1.1646782814350067249e14, -4.5979787224074726105e15, 1.8152105401943546773e17, -7.1661652561756670113e18,
)  # fmt: skip


@njit(**OPTIONS)
def _zeta(x, q):
    """The sum itself to a = 9 or beyond, the rest as an integral with Bernoulli's corrections."""
    if x == 1.0:
        return np.inf
    if not x > 1.0 or (q < 0.0 and x != np.floor(x)):
        return np.nan
    if q <= 0.0 and q == np.floor(q):
        return np.inf
    if q > 1e8:
        return (1.0 / (x - 1.0) + 1.0 / (2.0 * q)) * q ** (1.0 - x)
    total, a, power, count = q**-x, q, 0.0, 0
    while count < 9 or a <= 9.0:
        count += 1
        a += 1.0
        power = a**-x
        total += power
        if abs(power / total) < 1.1e-16:
            return total
    w = a
    total += power * w / (x - 1.0) - 0.5 * power
    factor, k = 1.0, 0.0
    for coefficient in _EULER_MACLAURIN:
        factor *= x + k
        power /= w
        term = factor * power / coefficient
        total += term
        if abs(term / total) < 1.1e-16:
            break
        factor *= x + k + 1.0
        power /= w
        k += 2.0
    return total


@overload(zeta, jit_options=OPTIONS)
def _choose_zeta(x, q):  # no annotations: Numba wants the parameter list of the implementation
    kind = common_float(x, q)
    if kind is None:
        return None
    if kind == types.float32:
        return lambda x, q: np.float32(_zeta(np.float64(x), np.float64(q)))
    return lambda x, q: _zeta(np.float64(x), np.float64(q))
