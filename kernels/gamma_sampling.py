"""Random numbers of the gamma distribution, and how they move with its shape parameter.

In: a key as one 64-bit word for every number (see `threefry`), and shape parameters `a`, float32 or float64. Out: the
numbers, by JAX's algorithm and so equal to JAX's within rounding: Marsaglia and Tsang's rejection from a cube of a
normal number, with a power of a uniform number for a < 1. `standard_log_gamma` gives the logarithm, which small a do
not underflow. `gamma_slope(a, x)` is the derivative of a number x with respect to a at fixed probability, -F_a / f of
the cumulative distribution F and the density f: what a sampler that inverted F would have.

All work on scalars inside `njit`. In CPython they take scalars and arrays that broadcast, and run the same compiled
code, so the numbers are the same: whether a candidate is accepted may hang on the last bit of a logarithm.

Sources: Marsaglia & Tsang, "A simple method for generating gamma variables", ACM TOMS 26 (2000); Figurnov, Mohamed &
Mnih, "Implicit reparameterization gradients" (2018); Cephes (S. Moshier) for the series and the continued fraction.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit
from numba.core import types
from numba.extending import overload

from gradscribe.kernels.lowering import common_float
from gradscribe.kernels.normal import normal_quantile
from gradscribe.kernels.options import OPTIONS
from gradscribe.kernels.special import digamma, zeta
from gradscribe.kernels.threefry import threefry2x32
from gradscribe.kernels.vector_math import exp, log, log1p, pow


def standard_gamma(word: Any, a: Any) -> Any:
    """A number of the gamma distribution of shape a and scale 1, drawn with the key `word`."""
    return _broadcast(standard_gamma, word, a, words=True)


def standard_log_gamma(word: Any, a: Any) -> Any:
    """Logarithm of `standard_gamma`."""
    return _broadcast(standard_log_gamma, word, a, words=True)


def gamma_slope(a: Any, x: Any) -> Any:
    """Derivative with respect to a of the quantile of the gamma distribution that x is; NaN unless a > 0 and x >= 0."""
    return _broadcast(gamma_slope, a, x)


def gamma_slope_in_a(a: Any, x: Any) -> Any:
    """Derivative of `gamma_slope` with respect to a, at fixed x."""
    return _broadcast(gamma_slope_in_a, a, x)


def log_gamma_slope(a: Any, y: Any) -> Any:
    """Derivative with respect to a of the quantile of the gamma distribution whose logarithm y is."""
    return _broadcast(log_gamma_slope, a, y)


def log_gamma_slope_in_a(a: Any, y: Any) -> Any:
    """Derivative of `log_gamma_slope` with respect to a, at fixed y."""
    return _broadcast(log_gamma_slope_in_a, a, y)


_EPS = 2.0**-52


@njit(**OPTIONS)
def _child(word, k):
    """The key number k made of a key."""
    return threefry2x32(np.uint32(word >> np.uint64(32)), np.uint32(word & np.uint64(0xFFFFFFFF)), np.uint64(k))


def _sampler(kind: type, shift: int, narrow: bool) -> tuple[Any, Any]:
    """The two samplers in one precision. Constants are of that precision: Numba would compute in double otherwise."""
    zero, one, two, half = kind(0), kind(1), kind(2), kind(0.5)
    third, squeeze = kind(1.0 / 3.0), kind(0.0331)
    unit, lowest = kind(2.0 ** (-23 if narrow else -52)), np.nextafter(kind(-1), kind(0))

    @njit(**OPTIONS)
    def uniform(word):
        bits = _child(word, 0)
        if narrow:
            bits = (bits ^ (bits >> np.uint64(32))) & np.uint64(0xFFFFFFFF)
        return kind(bits >> np.uint64(shift)) * unit

    @njit(**OPTIONS)
    def accepted(word, a):
        """d, the accepted cube, and a fresh key."""
        d = a - third
        c = third / np.sqrt(d)
        key, fresh = _child(word, 0), _child(word, 1)
        x2, cube, u = zero, one, two
        while u >= one - squeeze * (x2 * x2) and log(u) >= x2 * half + d * ((one - cube) + log(cube)):
            key, inner, last = _child(key, 0), _child(key, 1), _child(key, 2)
            x, v = zero, zero
            while v <= zero:
                inner, subkey = _child(inner, 0), _child(inner, 1)
                x = normal_quantile(uniform(subkey) * two + lowest)
                v = one + x * c
            x2 = x * x
            cube = (v * v) * v
            u = uniform(last)
        return d, cube, fresh

    @njit(**OPTIONS)
    def sample(word, a):
        if not a > zero or a == np.inf:
            return kind(np.nan)
        d, cube, fresh = accepted(word, a if a >= one else a + one)
        return d * cube if a >= one else d * cube * pow(one - uniform(fresh), one / a)

    @njit(**OPTIONS)
    def log_sample(word, a):
        if not a > zero or a == np.inf:
            return kind(np.nan)
        d, cube, fresh = accepted(word, a if a >= one else a + one)
        value = log(d) + log(cube)
        boost = log1p(-uniform(fresh))
        return value if a >= one or boost == zero else value + boost * (one / a)

    return sample, log_sample


_sample32, _log_sample32 = _sampler(np.float32, 9, True)
_sample64, _log_sample64 = _sampler(np.float64, 12, False)


@njit(**OPTIONS)
def _relative_slope(a, x, log_x):
    """d log x / da at fixed probability, and its derivative with respect to a at fixed x. By the power series of the
    incomplete gamma function, or its continued fraction where x is large, differentiated term by term."""
    if not (a > 0.0 and a < np.inf and x >= 0.0 and x < np.inf):
        return np.nan, np.nan
    return _by_fraction(a, x, log_x) if x > 1.0 and x > a else _by_series(a, x, log_x)


@njit(**OPTIONS)
def _by_series(a, x, log_x):
    r, c, c_a, c_aa, s, s_a, s_aa = a, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0
    while True:
        r += 1.0
        ratio = x / r
        c, c_a, c_aa = c * ratio, (c_a - c / r) * ratio, (c_aa - 2.0 * (c_a - c / r) / r) * ratio
        s, s_a, s_aa = s + c, s_a + c_a, s_aa + c_aa
        if c <= _EPS * s and abs(c_a) <= _EPS * abs(s_a) and abs(c_aa) <= _EPS * abs(s_aa):
            break
    slope = log_x - digamma(a + 1.0)
    first = (s_a + s * slope) / a
    return -first, (first - s_aa - s_a * slope + s * zeta(2.0, a + 1.0)) / a


@njit(**OPTIONS)
def _by_fraction(a, x, log_x):
    y = 1.0 - a
    z = x + y + 1.0
    p2, p1, p2_a, p1_a, p2_aa, p1_aa = 1.0, x + 1.0, 0.0, 0.0, 0.0, 0.0
    q2, q1, q2_a, q1_a, q2_aa, q1_aa = x, z * x, 0.0, -x, 0.0, 0.0
    v = p1 / q1
    v_a = -v * q1_a / q1
    v_aa = -2.0 * v_a * q1_a / q1
    for k in range(1, 2000):
        y += 1.0
        z += 2.0
        yk = y * k
        p, q = p1 * z - p2 * yk, q1 * z - q2 * yk
        p_a, q_a = p1_a * z - p1 - p2_a * yk + p2 * k, q1_a * z - q1 - q2_a * yk + q2 * k
        p_aa = p1_aa * z - 2.0 * p1_a - p2_aa * yk + 2.0 * p2_a * k
        q_aa = q1_aa * z - 2.0 * q1_a - q2_aa * yk + 2.0 * q2_a * k
        p2, p1, p2_a, p1_a, p2_aa, p1_aa = p1, p, p1_a, p_a, p1_aa, p_aa
        q2, q1, q2_a, q1_a, q2_aa, q1_aa = q1, q, q1_a, q_a, q1_aa, q_aa
        if abs(p) > 1.0 / _EPS:
            p2, p1, q2, q1 = p2 * _EPS, p1 * _EPS, q2 * _EPS, q1 * _EPS
            p2_a, p1_a, q2_a, q1_a = p2_a * _EPS, p1_a * _EPS, q2_a * _EPS, q1_a * _EPS
            p2_aa, p1_aa, q2_aa, q1_aa = p2_aa * _EPS, p1_aa * _EPS, q2_aa * _EPS, q1_aa * _EPS
        if q == 0.0:
            continue
        before, before_a, before_aa = v, v_a, v_aa
        v = p / q
        v_a = (p_a - v * q_a) / q
        v_aa = (p_aa - 2.0 * v_a * q_a - v * q_aa) / q
        still = abs(v - before) <= _EPS * abs(v) and abs(v_a - before_a) <= _EPS * abs(v_a)
        if still and abs(v_aa - before_aa) <= 8.0 * _EPS * abs(v_aa):
            break
    slope = log_x - digamma(a)
    return v_a + v * slope, v_aa + v_a * slope - v * zeta(2.0, a)


@njit(**OPTIONS)
def _slope(a, x):
    return 0.0 if x == 0.0 and a > 0.0 else x * _relative_slope(a, x, log(x))[0]


@njit(**OPTIONS)
def _slope_curvature(a, x):
    return 0.0 if x == 0.0 and a > 0.0 else x * _relative_slope(a, x, log(x))[1]


@njit(**OPTIONS)
def _log_slope(a, y):
    return _relative_slope(a, exp(y), y)[0]


@njit(**OPTIONS)
def _log_slope_curvature(a, y):
    return _relative_slope(a, exp(y), y)[1]


@overload(standard_gamma, jit_options=OPTIONS)
def _choose_gamma(word, a):  # no annotations: Numba wants the parameter list of the implementation
    if a == types.float32:
        return lambda word, a: _sample32(word, a)
    return lambda word, a: _sample64(word, np.float64(a))


@overload(standard_log_gamma, jit_options=OPTIONS)
def _choose_log_gamma(word, a):
    if a == types.float32:
        return lambda word, a: _log_sample32(word, a)
    return lambda word, a: _log_sample64(word, np.float64(a))


def _compile_as(function: Callable[..., Any], wide: Any) -> None:
    """A function of two floats, computed in double precision."""

    def choose(a, x):
        kind = common_float(a, x)
        if kind == types.float32:
            return lambda a, x: np.float32(wide(np.float64(a), np.float64(x)))
        return None if kind is None else lambda a, x: wide(np.float64(a), np.float64(x))

    overload(function, jit_options=OPTIONS)(choose)


_compile_as(gamma_slope, _slope)
_compile_as(gamma_slope_in_a, _slope_curvature)
_compile_as(log_gamma_slope, _log_slope)
_compile_as(log_gamma_slope_in_a, _log_slope_curvature)


def _loop(kernel: Callable[..., Any]) -> Any:
    """The kernel on flat arrays."""

    @njit(**OPTIONS)
    def loop(first, second, out):
        for k in range(out.size):
            out[k] = kernel(first[k], second[k])

    return loop


_LOOPS = {
    function: _loop(function)
    for function in (
        standard_gamma, standard_log_gamma, gamma_slope, gamma_slope_in_a, log_gamma_slope, log_gamma_slope_in_a
    )
}  # fmt: skip


def _broadcast(function: Callable[..., Any], first: Any, second: Any, words: bool = False) -> Any:
    """A kernel of two operands on arrays that broadcast; the precision is that of the floats among them."""
    dtype = np.result_type(second) if words else np.result_type(first, second)
    if dtype != np.float32:
        dtype = np.dtype(np.float64)
    left, right = np.broadcast_arrays(np.asarray(first, np.uint64 if words else dtype), np.asarray(second, dtype))
    out = np.empty(left.size, dtype)
    _LOOPS[function](left.ravel(), right.ravel(), out)
    return out.reshape(left.shape) if left.ndim else out[0]
