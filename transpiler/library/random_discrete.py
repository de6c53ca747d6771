"""Discrete distributions of `gs.random`, permutations and choices. Their results have no derivatives with respect to
the parameters; what a permutation or a choice picks from an array has derivatives with respect to the array. See
`random` for what holds of all.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy.special

from gradscribe.transpiler.library.random_bits import (
    Array,
    bits,
    filled,
    float_dtype,
    randint,
    shape_tuple,
    split,
    uniform,
    unit,
)
from gradscribe.transpiler.library.random_continuous import gumbel


def bernoulli(key: Array, p: Any = 0.5, shape: Any = None) -> Array:
    """Booleans that are True with probability `p`, which broadcasts to `shape`."""
    p = np.asarray(p)
    dtype = np.float32 if p.dtype == np.float32 else np.float64
    return uniform(key, np.shape(p) if shape is None else shape, dtype) < p


def rademacher(key: Array, shape: Any = (), dtype: Any = np.int64) -> Array:
    """-1 or 1, each with probability 1/2."""
    drawn = bernoulli(key, 0.5, shape_tuple(shape))
    return (2 * drawn.astype(np.int64) - 1).astype(dtype)


def geometric(key: Array, p: Any, shape: Any = None, dtype: Any = np.int64) -> Array:
    """The number of trials up to the first success, each of probability `p`."""
    p = np.asarray(p)
    u = uniform(key, np.shape(p) if shape is None else shape, np.float32 if p.dtype == np.float32 else np.float64)
    return (np.floor(np.log(np.where(u == 0, 1, u)) / np.log1p(-p)) + 1).astype(dtype)


def categorical(key: Array, logits: Any, axis: Any = -1, shape: Any = None) -> Array:
    """Positions along `axis`, each with a probability proportional to exp(logits).

    Args:
        key: a key.
        logits: an array of floats.
        axis: along which the categories are.
        shape: of the result; it ends with the shape of `logits` without `axis`, which is what it is unless given.
    """
    logits = np.asarray(logits)
    axis = axis % logits.ndim
    batch = logits.shape[:axis] + logits.shape[axis + 1 :]
    shape = batch if shape is None else shape_tuple(shape)
    more = len(shape) - len(batch)
    if more < 0 or shape[more:] != batch:
        raise ValueError("the shape has to end with that of the logits without their axis")
    noise = gumbel(key, (*shape[:more], *logits.shape), logits.dtype)
    return np.argmax(noise + logits, axis=axis + more)


def permutation(key: Array, x: Any, axis: Any = 0, independent: bool = False) -> Array:
    """The elements of `x` along `axis` in random order; of an integer, the integers below it.

    Args:
        key: a key.
        x: an array or an integer.
        axis: along which elements change places.
        independent: whether every line along the axis is permuted by itself.
    """
    if np.ndim(x) == 0:
        return _shuffled(key, np.arange(x), 0)
    x = np.asarray(x)
    axis = axis % x.ndim
    if independent or x.ndim == 1:
        return _shuffled(key, x, axis)
    return np.take(x, _shuffled(key, np.arange(x.shape[axis]), 0), axis=axis)


def _shuffled(key: Array, x: Array, axis: int) -> Array:
    """Sorted by random words, as often as makes equal words harmless (Fisher-Yates would be one word at a time)."""
    rounds = math.ceil(3.0 * math.log(max(1, x.size)) / math.log(2.0**32 - 1.0))
    for _ in range(rounds):
        keys = split(key)
        key = keys[0]
        order = np.argsort(bits(keys[1], x.shape, np.uint32), axis=axis, kind="stable")
        x = np.take_along_axis(x, order, axis=axis)
    return x


def choice(key: Array, a: Any, shape: Any = (), replace: bool = True, p: Any = None, axis: Any = 0) -> Array:
    """Elements of `a` along `axis`, or integers below `a`.

    Args:
        key: a key.
        a: an array or an integer.
        shape: of the chosen.
        replace: whether an element may be chosen twice.
        p: the probabilities of the elements; equal ones unless given.
        axis: along which elements are.
    """
    shape = shape_tuple(shape)
    whole = np.ndim(a) == 0
    n = a if whole else np.asarray(a).shape[axis]
    draws = math.prod(shape)
    if not replace and draws > n:
        raise ValueError("more is chosen than there is: it takes replacement")
    if p is None:
        if replace:
            chosen = randint(key, shape, 0, n)
        else:
            chosen = np.reshape(permutation(key, n)[:draws], shape)
    else:
        p = np.asarray(p)
        if replace:
            total = np.cumsum(p)
            r = total[-1] * (1 - unit(key, filled(shape), float_dtype(p.dtype)))
            chosen = np.searchsorted(total, r) if shape else np.searchsorted(total, r)[0]
        else:
            scores = gumbel(key, (n,), p.dtype) + np.log(p)
            chosen = np.reshape(np.argsort(-scores, kind="stable")[:draws], shape)
    return chosen if whole else np.take(a, chosen, axis=axis)


def poisson(key: Array, lam: Any, shape: Any = None, dtype: Any = np.int64) -> Array:
    """Numbers of events of mean `lam`, by Knuth's products below 10 and Hoermann's rejection above, in float32
    as in JAX.

    Args:
        key: a key.
        lam: nonnegative; a number, or an array that broadcasts to `shape`.
        shape: of the result; that of `lam` unless given.
        dtype: of integers.
    """
    shape = np.shape(lam) if shape is None else shape_tuple(shape)
    lam = np.asarray(lam).astype(np.float32) + np.zeros(filled(shape), np.float32)
    small = np.isnan(lam) | (lam < np.float32(10.0))
    counted = _poisson_by_products(key, np.where(small, lam, np.float32(0.0)))
    rejected = _poisson_by_rejection(key, np.where(small, np.float32(1e5), lam))
    drawn = np.where(lam == 0, 0, np.where(small, counted, rejected)).astype(dtype)
    return drawn if shape else drawn[0]


def _poisson_by_products(key: Array, lam: Array) -> Array:
    count, product = np.zeros(lam.shape, np.int64), np.zeros(lam.shape, np.float32)
    while np.any(product > -lam):
        keys = split(key)
        key = keys[0]
        count = np.where(product > -lam, count + 1, count)
        product = product + np.log(uniform(keys[1], lam.shape, np.float32))
    return count - 1


def _poisson_by_rejection(key: Array, lam: Array) -> Array:
    log_lam = np.log(lam)
    b = np.float32(0.931) + np.float32(2.53) * np.sqrt(lam)
    a = np.float32(-0.059) + np.float32(0.02483) * b
    inverse_alpha = np.float32(1.1239) + np.float32(1.1328) / (b - np.float32(3.4))
    v_r = np.float32(0.9277) - np.float32(3.6224) / (b - np.float32(2.0))
    result, accepted = np.full(lam.shape, -1.0, np.float32), np.zeros(lam.shape, np.bool_)
    while not np.all(accepted):
        keys = split(key, 3)
        key = keys[0]
        u = uniform(keys[1], lam.shape, np.float32) - np.float32(0.5)
        v = uniform(keys[2], lam.shape, np.float32)
        near = np.float32(0.5) - np.abs(u)
        k = np.floor((np.float32(2.0) * a / near + b) * u + lam + np.float32(0.43))
        s = np.log(v * inverse_alpha / (a / (near * near) + b))
        t = -lam + k * log_lam - scipy.special.gammaln(k + np.float32(1.0))
        reject = (k < 0) | ((near < np.float32(0.013)) & (v > near))
        accept = ((near >= np.float32(0.07)) & (v <= v_r)) | (~reject & (s <= t))
        result = np.where(accept, k, result)
        accepted = accepted | accept
    return result.astype(np.int64)
