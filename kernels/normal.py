"""The normal distribution's quantile as JAX computes it: sqrt(2) times Giles' approximation of the inverse error
function.

In: a number in (-1, 1), float32 or float64 ((1 + x) / 2 is the probability). Out: the same type, within 4 units in the
last place of JAX's. The truth is farther off where XLA's arithmetic is: it takes the logarithm of 1 - x * x as rounded,
which costs 65 units in float32 and 1e-10 relative in float64 towards the ends, and its float64 logarithm is a rational
function used beyond its range, which costs 30 units at |x| in (0.54, 0.64). Both are repeated here, so that samples
agree with JAX's; `scipy.special.erfinv` has no such loss.

Sources: M. Giles, "Approximating the erfinv function", GPU Computing Gems, Jade edition (2011); Cephes (S. Moshier) for
log1p.
"""

import math
from typing import Any

import numpy as np
from numba import njit
from numba.core import types
from numba.extending import overload

from gradscribe.kernels.lowering import is_real
from gradscribe.kernels.options import INLINED
from gradscribe.kernels.vector_math import log1p

_SINGLE_CENTRAL = (
    2.81022636e-08, 3.43273939e-07, -3.5233877e-06, -4.39150654e-06, 0.00021858087, -0.00125372503, -0.00417768164,
    0.246640727, 1.50140941,
)  # fmt: skip
_SINGLE_TAIL = (
    -0.000200214257, 0.000100950558, 0.00134934322, -0.00367342844, 0.00573950773, -0.0076224613, 0.00943887047,
    1.00167406, 2.83297682,
)  # fmt: skip
_DOUBLE_CENTRAL = (
    -3.6444120640178196996e-21, -1.685059138182016589e-19, 1.2858480715256400167e-18, 1.115787767802518096e-17,
    -1.333171662854620906e-16, 2.0972767875968561637e-17, 6.6376381343583238325e-15, -4.0545662729752068639e-14,
    -8.1519341976054721522e-14, 2.6335093153082322977e-12, -1.2975133253453532498e-11, -5.4154120542946279317e-11,
    1.051212273321532285e-09, -4.1126339803469836976e-09, -2.9070369957882005086e-08, 4.2347877827932403518e-07,
    -1.3654692000834678645e-06, -1.3882523362786468719e-05, 0.0001867342080340571352, -0.00074070253416626697512,
    -0.0060336708714301490533, 0.24015818242558961693, 1.6536545626831027356,
)  # fmt: skip
_DOUBLE_MIDDLE = (
    2.2137376921775787049e-09, 9.0756561938885390979e-08, -2.7517406297064545428e-07, 1.8239629214389227755e-08,
    1.5027403968909827627e-06, -4.013867526981545969e-06, 2.9234449089955446044e-06, 1.2475304481671778723e-05,
    -4.7318229009055733981e-05, 6.8284851459573175448e-05, 2.4031110387097893999e-05, -0.0003550375203628474796,
    0.00095328937973738049703, -0.0016882755560235047313, 0.0024914420961078508066, -0.0037512085075692412107,
    0.005370914553590063617, 1.0052589676941592334, 3.0838856104922207635,
)  # fmt: skip
_DOUBLE_TAIL = (
    -2.7109920616438573243e-11, -2.5556418169965252055e-10, 1.5076572693500548083e-09, -3.7894654401267369937e-09,
    7.6157012080783393804e-09, -1.4960026627149240478e-08, 2.9147953450901080826e-08, -6.7711997758452339498e-08,
    2.2900482228026654717e-07, -9.9298272942317002539e-07, 4.5260625972231537039e-06, -1.9681778105531670567e-05,
    7.5995277030017761139e-05, -0.00021503011930044477347, -0.00013871931833623122026, 1.0103004648645343977,
    4.8499064014085844221,
)  # fmt: skip
# log(1 + x) = x - x^2 / 2 + x^3 P(x) / Q(x)
_LOG_P = (
    4.5270000862445199635215e-5, 4.9854102823193375972212e-1, 6.5787325942061044846969, 2.9911919328553073277375e1,
    6.0949667980987787057556e1, 5.7112963590585538103336e1, 2.0039553499201281259648e1,
)  # fmt: skip
_LOG_Q = (
    1.0, 1.5062909083469192043167e1, 8.3047565967967209469434e1, 2.2176239823732856465394e2, 3.0909872225312059774938e2,
    2.1642788614495947685003e2, 6.0118660497603843919306e1,
)  # fmt: skip
_LOGS = (_LOG_P, _LOG_Q)
_LOG_SWITCH = math.sqrt(2.0) - 1.0


def _horner(dtype: Any, coefficients: tuple[float, ...], w: Any) -> Any:
    p = dtype.type(coefficients[0])
    for c in coefficients[1:]:
        p = dtype.type(c) + p * w
    return p


def _near_one(square: Any, p: Any, q: Any) -> Any:
    """-log(1 - square), for P and Q at -square."""
    return square + (square * square * square * (p / q) + 0.5 * (square * square))


def normal_quantile(x: Any) -> Any:
    """The z for which a standard normal number is below it with probability (1 + x) / 2.

    >>> abs(float(normal_quantile(np.float64(0.6826894921370859))) - 1.0) < 1e-14
    True
    """
    x = np.asarray(x)
    dtype = np.dtype(np.float32 if x.dtype == np.float32 else np.float64)
    x = x.astype(dtype)
    with np.errstate(divide="ignore", invalid="ignore"):
        square = x * x
        w = -np.log1p(-square)
        if dtype == np.float64:
            w = np.where(square < _LOG_SWITCH, _near_one(square, *(_horner(dtype, c, -square) for c in _LOGS)), w)
        root = np.sqrt(w)
        if dtype == np.float32:
            central, tail = _horner(dtype, _SINGLE_CENTRAL, w - dtype.type(2.5)), _horner(dtype, _SINGLE_TAIL, root - 3)
            p = np.where(w < 5, central, tail)
        else:
            central, tail = _horner(dtype, _DOUBLE_CENTRAL, w - 3.125), _horner(dtype, _DOUBLE_TAIL, root - 5.0)
            p = np.where(w < 6.25, central, np.where(w < 16.0, _horner(dtype, _DOUBLE_MIDDLE, root - 3.25), tail))
        result = dtype.type(math.sqrt(2.0)) * np.where(np.abs(x) == 1, x * dtype.type(np.inf), p * x)
    return result if result.ndim else result[()]


def _polynomial(kind: type, coefficients: tuple[float, ...]) -> Any:
    """Horner's scheme, written out: a loop over the coefficients would keep the caller's loop scalar."""
    names = {f"c{k}": kind(c) for k, c in enumerate(coefficients)}
    text = "c0"
    for k in range(1, len(coefficients)):
        text = f"(c{k} + {text} * w)"
    return njit(**INLINED)(eval(f"lambda w: {text}", names))


_single_central, _single_tail = _polynomial(np.float32, _SINGLE_CENTRAL), _polynomial(np.float32, _SINGLE_TAIL)
_double_central, _double_tail = _polynomial(np.float64, _DOUBLE_CENTRAL), _polynomial(np.float64, _DOUBLE_TAIL)
_double_middle = _polynomial(np.float64, _DOUBLE_MIDDLE)
_log_p, _log_q = _polynomial(np.float64, _LOG_P), _polynomial(np.float64, _LOG_Q)
_ROOT_TWO, _ROOT_TWO_32 = np.float64(math.sqrt(2.0)), np.float32(math.sqrt(2.0))
_FIVE, _HALF_FIVE, _THREE, _ONE = np.float32(5.0), np.float32(2.5), np.float32(3.0), np.float32(1.0)
_INFINITY = np.float32(np.inf)


def _single(x):
    w = -log1p(-(x * x))
    p = _single_central(w - _HALF_FIVE) if w < _FIVE else _single_tail(np.sqrt(w) - _THREE)
    return _ROOT_TWO_32 * (x * _INFINITY if abs(x) == _ONE else p * x)


def _double(x):
    square = x * x
    w = -log1p(-square)
    if square < _LOG_SWITCH:
        w = square + (square * square * square * (_log_p(-square) / _log_q(-square)) + 0.5 * (square * square))
    if w < 6.25:
        p = _double_central(w - 3.125)
    elif w < 16.0:
        p = _double_middle(np.sqrt(w) - 3.25)
    else:
        p = _double_tail(np.sqrt(w) - 5.0)
    return _ROOT_TWO * (x * np.inf if abs(x) == 1.0 else p * x)


@overload(normal_quantile, jit_options=INLINED)
def _choose(x):  # no annotations: Numba wants the parameter list of the implementation
    if x == types.float32:
        return lambda x: _narrow(x)
    return (lambda x: _wide(np.float64(x))) if is_real(x) else None


_narrow, _wide = njit(**INLINED)(_single), njit(**INLINED)(_double)
