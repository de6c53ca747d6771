"""Keys, random bits, uniform numbers and integers: the part of `gs.random` that every other draws from.

See `random` for what holds of all of them.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from gradscribe.kernels import threefry2x32

Array = Any
"""A NumPy array, or a number."""


# ---- keys ----


def key(seed: Any) -> Array:
    """The key of a seed.

    Args:
        seed: an integer; its lower 64 bits count.

    Returns: an array of two uint32 words.

    Example: `key = gs.random.key(0)`
    """
    word = np.asarray(seed).astype(np.uint64)
    return _key_of(word)


def PRNGKey(seed: Any) -> Array:
    """The same as `key`, under JAX's older name."""
    return key(seed)


def split(key: Array, num: Any = 2) -> Array:
    """Independent keys made of one, which is not to be used again.

    Args:
        key: a key.
        num: how many, or a shape.

    Returns: uint32 of shape (num, 2), or (*num, 2).

    Example: `key, fresh = gs.random.split(key)`
    """
    return _key_of(key_words(key, num if isinstance(num, (tuple, list)) else (num,)))


def fold_in(key: Array, data: Any) -> Array:
    """A key made of a key and an integer, of which the lower 32 bits count: what a loop needs.

    Example: `for i in range(n): noise = gs.random.normal(gs.random.fold_in(key, i), x.shape)`
    """
    _check_key(key)
    count = np.asarray(data).astype(np.uint64) & np.uint64(0xFFFFFFFF)
    return _key_of(threefry2x32(key[0], key[1], count))


def _key_of(words: Array) -> Array:
    """The two halves of words, in a new last axis."""
    return np.stack([words >> np.uint64(32), words & np.uint64(0xFFFFFFFF)], axis=-1).astype(np.uint32)


def _check_key(key: Array) -> None:
    if np.shape(key) != (2,) or key.dtype != np.uint32:
        raise TypeError(
            "a key is an array of two uint32 words, as gs.random.key makes it; map over many keys with vmap"
        )


def key_words(key: Array, shape: Any) -> Array:
    """One word of 64 bits for every element of `shape`, which has at least one axis."""
    _check_key(key)
    return threefry2x32(key[0], key[1], np.arange(math.prod(shape), dtype=np.uint64).reshape(shape))


def shape_tuple(shape: Any) -> Any:
    return tuple(shape) if isinstance(shape, (tuple, list)) else (shape,)


def filled(shape: Any) -> Any:
    """The shape to draw in: numbers are drawn as arrays of one."""
    return shape if shape else (1,)


def float_dtype(dtype: Any) -> Any:
    dtype = np.dtype(dtype)
    if dtype not in (np.float32, np.float64):
        raise TypeError("random numbers are float32 or float64")
    return dtype


# ---- bits and uniform numbers ----


def bits(key: Array, shape: Any = (), dtype: Any = np.uint64) -> Array:
    """Random bits, as unsigned integers.

    Args:
        key: a key.
        shape: of the result; () for a number.
        dtype: uint8, uint16, uint32 or uint64.
    """
    dtype, shape = np.dtype(dtype), shape_tuple(shape)
    if dtype not in (np.uint8, np.uint16, np.uint32, np.uint64):
        raise TypeError("bits are unsigned integers")
    drawn = _bits(key, filled(shape), dtype)
    return drawn if shape else drawn[0]


def _bits(key: Array, shape: Any, dtype: Any) -> Array:
    words = key_words(key, shape)
    return words if dtype == np.uint64 else (words ^ (words >> np.uint64(32))).astype(dtype)


def unit(key: Array, shape: Any, dtype: Any) -> Array:
    """Uniform on [0, 1): multiples of 2**-23 or 2**-52."""
    if dtype == np.float32:
        return (_bits(key, shape, np.dtype(np.uint32)) >> np.uint32(9)).astype(np.float32) * np.float32(2.0**-23)
    return (_bits(key, shape, np.dtype(np.uint64)) >> np.uint64(12)).astype(np.float64) * 2.0**-52


def uniform(key: Array, shape: Any = (), dtype: Any = np.float64, minval: Any = None, maxval: Any = None) -> Array:
    """Uniform numbers in [minval, maxval).

    Args:
        key: a key.
        shape: of the result.
        dtype: float32 or float64.
        minval, maxval: numbers, or arrays that broadcast to `shape`; 0 and 1 unless given. The result has derivatives
            with respect to both.
    """
    dtype, shape = float_dtype(dtype), shape_tuple(shape)
    drawn = unit(key, filled(shape), dtype)
    if minval is not None or maxval is not None:
        low = np.asarray(0.0 if minval is None else minval).astype(dtype)
        high = np.asarray(1.0 if maxval is None else maxval).astype(dtype)
        drawn = np.maximum(low, drawn * (high - low) + low)
    return drawn if shape else drawn[0]


def randint(key: Array, shape: Any, minval: Any, maxval: Any, dtype: Any = np.int64) -> Array:
    """Uniform integers in [minval, maxval).

    Args:
        key: a key.
        shape: of the result.
        minval, maxval: integers, or arrays that broadcast to `shape`; where maxval <= minval the result is minval.
        dtype: int32, int64, uint32 or uint64.
    """
    dtype, shape = np.dtype(dtype), shape_tuple(shape)
    if dtype not in (np.int32, np.int64, np.uint32, np.uint64):
        raise TypeError("random integers are int32, int64, uint32 or uint64")
    word = np.dtype(np.uint32 if dtype in (np.int32, np.uint32) else np.uint64)
    half = word.type(2**16 if word == np.uint32 else 2**32)
    keys = split(key)
    high, low = _bits(keys[0], filled(shape), word), _bits(keys[1], filled(shape), word)
    first, last = np.asarray(minval), np.asarray(maxval)
    span = (np.where(last > first, last - first, 1) + np.zeros(filled(shape), np.int64)).astype(word)
    whole = span == 0  # all values that the dtype has
    span = np.where(whole, 1, span).astype(word)
    factor = half % span
    factor = (factor * factor) % span
    offset = np.where(whole, low, ((high % span) * factor + low % span) % span)
    drawn = first.astype(dtype) + offset.astype(dtype)
    return drawn if shape else drawn[0]
