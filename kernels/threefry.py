"""Threefry-2x32 with 20 rounds: the counter-based generator of random words that JAX uses.

In: a key of two 32-bit words, and a counter of 64 bits. Out: the 64-bit word that stands at that place of the key's
stream. Any word can be had without those before it, so words can be computed in any order, and by loops that vectorise.
Works on scalars and arrays in CPython, and on scalars inside `njit`; the bits are the same.

Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.core.typing import signature

from gradscribe.kernels.lowering import Signature, lower

_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
_PARITY = 0x1BD11BDA


def threefry2x32(k0: Any, k1: Any, count: Any) -> Any:
    """The word of the stream of the key (k0, k1) at place `count`; the three broadcast.

    >>> hex(threefry2x32(np.uint32(0), np.uint32(0), np.uint64(0)))
    '0x6b20015999ba4efe'
    """
    shape = np.broadcast_shapes(np.shape(k0), np.shape(k1), np.shape(count))
    keys = [np.atleast_1d(np.asarray(k, np.uint32)) for k in (k0, k1)]  # arrays wrap around in silence, scalars warn
    keys.append(keys[0] ^ keys[1] ^ np.uint32(_PARITY))
    words = np.broadcast_to(np.asarray(count, np.uint64), shape or (1,))
    x0, x1 = (words >> 32).astype(np.uint32), words.astype(np.uint32)
    x0 += keys[0]
    x1 += keys[1]
    rest = np.empty_like(x1)
    for block in range(5):
        for r in _ROTATIONS[block % 2]:
            x0 += x1
            np.right_shift(x1, 32 - r, out=rest)
            x1 <<= r
            x1 |= rest
            x1 ^= x0
        x0 += keys[(block + 1) % 3]
        x1 += keys[(block + 2) % 3]
        x1 += np.uint32(block + 1)
    result = x0.astype(np.uint64) << 32 | x1
    return result if shape else result[0]


def _signature(*kinds: types.Type) -> Signature | None:
    if len(kinds) != 3 or not all(isinstance(kind, types.Integer) for kind in kinds):
        return None
    return signature(types.uint64, types.uint32, types.uint32, types.uint64)


def _generate(context: Any, builder: Any, sig: Signature, values: tuple[Any, ...]) -> Any:
    k0, k1, count = values
    half, word = ir.IntType(32), ir.IntType(64)
    rotate = builder.module.declare_intrinsic("llvm.fshl", [half], ir.FunctionType(half, [half] * 3))
    keys = [k0, k1, builder.xor(builder.xor(k0, k1), ir.Constant(half, _PARITY))]
    x0 = builder.add(builder.trunc(builder.lshr(count, ir.Constant(word, 32)), half), k0)
    x1 = builder.add(builder.trunc(count, half), k1)
    for block in range(5):
        for r in _ROTATIONS[block % 2]:
            x0 = builder.add(x0, x1)
            x1 = builder.xor(builder.call(rotate, (x1, x1, ir.Constant(half, r))), x0)
        x0 = builder.add(x0, keys[(block + 1) % 3])
        x1 = builder.add(builder.add(x1, keys[(block + 2) % 3]), ir.Constant(half, block + 1))
    return builder.or_(builder.shl(builder.zext(x0, word), ir.Constant(word, 32)), builder.zext(x1, word))


lower(threefry2x32, _signature, _generate)
