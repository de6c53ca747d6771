"""Continuous distributions of `gs.random`.

In: a key, parameters that broadcast to the shape of the result, and a dtype. Out: numbers with derivatives with respect
to the parameters. Those of the gamma distribution, and of what is made of it, are those of its quantile function
(implicit reparameterisation). See `random` for what holds of all.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy.special

from gradscribe.kernels import normal_quantile, standard_gamma, standard_log_gamma
from gradscribe.transpiler.library.derivative_rules import stop_gradient
from gradscribe.transpiler.library.random_bits import (
    Array,
    filled,
    float_dtype,
    key_words,
    shape_tuple,
    split,
    uniform,
    unit,
)


def _broadcast(shape: Any, *parameters: Any) -> Any:
    """The shape of a result: as given, or that of the parameters together."""
    common = np.broadcast_shapes(*[np.shape(p) for p in parameters])
    if shape is None:
        return common
    shape = shape_tuple(shape)
    if np.broadcast_shapes(shape, common) != shape:
        raise ValueError("the parameters of a distribution have to broadcast to the shape of the result")
    return shape


# ---- normal ----


def normal(key: Array, shape: Any = (), dtype: Any = np.float64) -> Array:
    """Standard normal numbers; `mean + deviation * normal(key, shape)` has others, with derivatives.

    Args:
        key: a key.
        shape: of the result.
        dtype: float32, float64, or complex64, complex128, whose parts have variance 1/2.
    """
    dtype, shape = np.dtype(dtype), shape_tuple(shape)
    if dtype in (np.complex64, np.complex128):
        keys = split(key)
        part = np.dtype(np.float32 if dtype == np.complex64 else np.float64)
        real, imaginary = _normal(keys[0], filled(shape), part), _normal(keys[1], filled(shape), part)
        drawn = ((real + 1j * imaginary) / part.type(math.sqrt(2.0))).astype(dtype)
    else:
        drawn = _normal(key, filled(shape), float_dtype(dtype))
    return drawn if shape else drawn[0]


def _normal(key: Array, shape: Any, dtype: Any) -> Array:
    lowest = np.nextafter(dtype.type(-1), dtype.type(0))
    return normal_quantile(unit(key, shape, dtype) * dtype.type(2) + lowest)


def lognormal(key: Array, sigma: Any = 1.0, shape: Any = None, dtype: Any = np.float64) -> Array:
    """exp(sigma * normal)."""
    dtype, shape = float_dtype(dtype), _broadcast(shape, sigma)
    return np.exp(normal(key, shape, dtype) * np.asarray(sigma).astype(dtype))


def truncated_normal(key: Array, lower: Any, upper: Any, shape: Any = None, dtype: Any = np.float64) -> Array:
    """Standard normal numbers between `lower` and `upper`, with derivatives with respect to both."""
    dtype, shape = float_dtype(dtype), _broadcast(shape, lower, upper)
    low, high = np.asarray(lower).astype(dtype), np.asarray(upper).astype(dtype)
    root = dtype.type(math.sqrt(2.0))
    u = uniform(key, shape, dtype, scipy.special.erf(low / root), scipy.special.erf(high / root))
    return np.minimum(np.maximum(normal_quantile(u), stop_gradient(low)), stop_gradient(high))


def multivariate_normal(key: Array, mean: Any, cov: Any, shape: Any = None, dtype: Any = None) -> Array:
    """Normal vectors of given mean (..., n) and covariance (..., n, n), by the Cholesky factor of the covariance.

    Args:
        key: a key.
        mean, cov: arrays of floats; leading axes broadcast.
        shape: of the result without its last axis; that of the leading axes unless given.
        dtype: that of mean and covariance unless given.
    """
    mean, cov = np.asarray(mean), np.asarray(cov)
    dtype = float_dtype(np.promote_types(mean.dtype, cov.dtype) if dtype is None else dtype)
    n = mean.shape[-1]
    if cov.shape[-2:] != (n, n):
        raise ValueError("the covariance has to be of shape (..., n, n) for a mean of shape (..., n)")
    leading = np.broadcast_shapes(mean.shape[:-1], cov.shape[:-2])
    shape = leading if shape is None else shape_tuple(shape)
    factor = np.linalg.cholesky(cov)
    drawn = normal(key, (*shape, n), dtype)
    return mean + np.einsum("...ij,...j->...i", factor, drawn)


def maxwell(key: Array, shape: Any = (), dtype: Any = np.float64) -> Array:
    """The length of a standard normal vector of three components."""
    drawn = normal(key, (*shape_tuple(shape), 3), dtype)
    return np.sqrt(np.sum(drawn * drawn, axis=-1))


# ---- by inversion ----


def exponential(key: Array, shape: Any = (), dtype: Any = np.float64) -> Array:
    """Exponentially distributed numbers of rate 1; divide by another rate."""
    return -np.log1p(-uniform(key, shape, dtype))


def laplace(key: Array, shape: Any = (), dtype: Any = np.float64) -> Array:
    """Numbers of density exp(-|x|) / 2."""
    dtype = float_dtype(dtype)
    u = uniform(key, shape, dtype, np.finfo(dtype).epsneg - 1.0, 1.0)
    return np.sign(u) * np.log1p(-np.abs(u))


def gumbel(key: Array, shape: Any = (), dtype: Any = np.float64) -> Array:
    """Numbers of the distribution exp(-exp(-x)), whose location is 0 and scale 1."""
    dtype = float_dtype(dtype)
    return -np.log(-np.log(uniform(key, shape, dtype, np.finfo(dtype).tiny, 1.0)))


def logistic(key: Array, shape: Any = (), dtype: Any = np.float64) -> Array:
    """Numbers of the distribution 1 / (1 + exp(-x))."""
    dtype = float_dtype(dtype)
    u = uniform(key, shape, dtype, np.finfo(dtype).tiny, 1.0)
    return np.log(u) - np.log1p(-u)


def cauchy(key: Array, shape: Any = (), dtype: Any = np.float64) -> Array:
    """Numbers of density 1 / (pi (1 + x^2))."""
    dtype = float_dtype(dtype)
    u = uniform(key, shape, dtype, np.finfo(dtype).eps, 1.0)
    return np.tan(dtype.type(math.pi) * (u - dtype.type(0.5)))


def rayleigh(key: Array, scale: Any, shape: Any = None, dtype: Any = np.float64) -> Array:
    """The length of a normal vector of two components with deviation `scale`."""
    dtype, shape = float_dtype(dtype), _broadcast(shape, scale)
    return np.asarray(scale).astype(dtype) * np.sqrt(np.log(uniform(key, shape, dtype)) * dtype.type(-2))


def pareto(key: Array, b: Any, shape: Any = None, dtype: Any = np.float64) -> Array:
    """Numbers of density b / x^(b + 1) on x >= 1."""
    dtype, shape = float_dtype(dtype), _broadcast(shape, b)
    return np.exp(exponential(key, shape, dtype) / np.asarray(b).astype(dtype))


def weibull_min(key: Array, scale: Any, concentration: Any, shape: Any = (), dtype: Any = np.float64) -> Array:
    """Numbers of the distribution 1 - exp(-(x / scale)^concentration)."""
    dtype = float_dtype(dtype)
    power = np.asarray(1.0 / concentration).astype(dtype)
    return np.power(exponential(key, shape, dtype), power) * np.asarray(scale).astype(dtype)


# ---- gamma, and what is made of it ----


def gamma(key: Array, a: Any, shape: Any = None, dtype: Any = np.float64) -> Array:
    """Numbers of density x^(a - 1) exp(-x) / Gamma(a).

    Args:
        key: a key.
        a: positive; a number, or an array that broadcasts to `shape`. The result has the derivative of the quantile
            function with respect to it, and a second one; a third is refused (`NoRule`).
        shape: of the result; that of `a` unless given.
        dtype: float32 or float64.
    """
    dtype, shape = float_dtype(dtype), _broadcast(shape, a)
    drawn = standard_gamma(key_words(key, filled(shape)), np.asarray(a).astype(dtype))
    return drawn if shape else drawn[0]


def loggamma(key: Array, a: Any, shape: Any = None, dtype: Any = np.float64) -> Array:
    """Logarithms of numbers of the gamma distribution, which small `a` do not underflow."""
    dtype, shape = float_dtype(dtype), _broadcast(shape, a)
    drawn = standard_log_gamma(key_words(key, filled(shape)), np.asarray(a).astype(dtype))
    return drawn if shape else drawn[0]


def beta(key: Array, a: Any, b: Any, shape: Any = None, dtype: Any = np.float64) -> Array:
    """Numbers in (0, 1) of density x^(a - 1) (1 - x)^(b - 1) / B(a, b), with derivatives with respect to both."""
    dtype, shape = float_dtype(dtype), _broadcast(shape, a, b)
    keys = split(key)
    first, second = loggamma(keys[0], a, shape, dtype), loggamma(keys[1], b, shape, dtype)
    larger = np.maximum(first, second)
    first, second = np.exp(first - larger), np.exp(second - larger)
    return first / (first + second)


def dirichlet(key: Array, alpha: Any, shape: Any = None, dtype: Any = np.float64) -> Array:
    """Vectors of positive numbers with sum 1.

    Args:
        key: a key.
        alpha: positive, of shape (..., n).
        shape: of the result without its last axis; that of `alpha` unless given.
        dtype: float32 or float64.
    """
    alpha = np.asarray(alpha)
    shape = alpha.shape[:-1] if shape is None else shape_tuple(shape)
    return scipy.special.softmax(loggamma(key, alpha, (*shape, alpha.shape[-1]), dtype), axis=-1)


def chisquare(key: Array, df: Any, shape: Any = None, dtype: Any = np.float64) -> Array:
    """Sums of squares of `df` standard normal numbers."""
    dtype, shape = float_dtype(dtype), _broadcast(shape, df)
    return np.exp(loggamma(key, np.asarray(df).astype(dtype) / dtype.type(2), shape, dtype)) * dtype.type(2)


def t(key: Array, df: Any, shape: Any = None, dtype: Any = np.float64) -> Array:
    """Numbers of Student's distribution with `df` degrees of freedom."""
    dtype, shape = float_dtype(dtype), _broadcast(shape, df)
    keys = split(key)
    half = np.asarray(df).astype(dtype) / dtype.type(2)
    return normal(keys[0], shape, dtype) * np.sqrt(half / gamma(keys[1], half, shape, dtype))


def f(key: Array, dfnum: Any, dfden: Any, shape: Any = None, dtype: Any = np.float64) -> Array:
    """Numbers of Fisher's distribution with `dfnum` and `dfden` degrees of freedom."""
    dtype, shape = float_dtype(dtype), _broadcast(shape, dfnum, dfden)
    above, below = np.asarray(dfnum).astype(dtype), np.asarray(dfden).astype(dtype)
    keys = split(key)
    return (chisquare(keys[1], above, shape, dtype) / above) / (chisquare(keys[0], below, shape, dtype) / below)


def wald(key: Array, mean: Any, shape: Any = None, dtype: Any = np.float64) -> Array:
    """Numbers of the inverse Gaussian distribution of the given mean and scale 1."""
    dtype, shape = float_dtype(dtype), _broadcast(shape, mean)
    mean = np.asarray(mean).astype(dtype)
    keys = split(key)
    y = normal(keys[0], shape, dtype) ** 2
    root = np.sqrt(4 * mean * y + mean * mean * (y * y))
    x = mean + mean * mean * y / 2 - mean / 2 * root
    return np.where(uniform(keys[1], shape, dtype) <= mean / (mean + x), x, mean * mean / x)


def triangular(key: Array, left: Any, mode: Any, right: Any, shape: Any = None, dtype: Any = np.float64) -> Array:
    """Numbers of the triangular density on [left, right] with its peak at `mode`."""
    dtype, shape = float_dtype(dtype), _broadcast(shape, left, mode, right)
    low, peak, high = np.asarray(left).astype(dtype), np.asarray(mode).astype(dtype), np.asarray(right).astype(dtype)
    u = uniform(key, shape, dtype)
    rising = low + np.sqrt(u * (high - low) * (peak - low))
    falling = high - np.sqrt((1 - u) * (high - low) * (high - peak))
    return np.where(u < (peak - low) / (high - low), rising, falling)


def generalized_normal(key: Array, p: Any, shape: Any = (), dtype: Any = np.float64) -> Array:
    """Numbers of density proportional to exp(-|x|^p)."""
    dtype, shape = float_dtype(dtype), shape_tuple(shape)
    keys = split(key)
    sizes = gamma(keys[0], 1 / p, shape, dtype) ** np.asarray(1 / p).astype(dtype)
    return np.where(uniform(keys[1], shape) < 0.5, sizes, -sizes)


def ball(key: Array, d: Any, p: Any = 2, shape: Any = (), dtype: Any = np.float64) -> Array:
    """Points uniform in the ball of dimension `d` where the sum of |x_i|^p is at most 1."""
    dtype, shape = float_dtype(dtype), shape_tuple(shape)
    keys = split(key)
    drawn = generalized_normal(keys[0], p, (*shape, d), dtype)
    total = np.sum(np.abs(drawn) ** p, axis=-1) + exponential(keys[1], shape, dtype)
    return drawn / (total ** np.asarray(1 / p).astype(dtype))[..., None]
