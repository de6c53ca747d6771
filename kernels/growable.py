"""Growth of append-only buffers: the tapes of loops whose trip count is not known beforehand.

In: a C-contiguous array and the number of entries its first axis must have room for. Out: the array itself, or a copy
with at least twice the room. Works in CPython and inside `njit`.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.core.typing import signature
from numba.extending import overload

from gradscribe.kernels.lowering import Signature, lower
from gradscribe.kernels.options import OPTIONS


def grow(buffer: np.ndarray, needed: int) -> np.ndarray:
    """`buffer` if its first axis has at least `needed` entries, else a copy that has max(needed, 2 * old) of them.

    The entries beyond the old ones are uninitialised. The dtype and the other axes stay. Doubling makes n appends cost
    O(n) copies in all. Used at a loop head as `tape = grow(tape, position + entries)`.

    >>> grow(np.zeros((4, 3)), 5).shape
    (8, 3)
    """
    room = buffer.shape[0]
    if room >= needed:
        return buffer
    grown = np.empty((max(needed, 2 * room), *buffer.shape[1:]), buffer.dtype)
    grown[:room] = buffer
    return grown


def _copy_front(target: np.ndarray, source: np.ndarray) -> None:
    """Copy all of `source` to the beginning of `target`, both C-contiguous."""
    target.reshape(-1)[: source.size] = source.reshape(-1)


def _two_contiguous(target: types.Type, source: types.Type) -> Signature | None:
    arrays = all(isinstance(kind, types.Array) and kind.layout == "C" for kind in (target, source))
    return signature(types.none, target, source) if arrays and target.dtype == source.dtype else None


def _memcpy(context: Any, builder: Any, sig: Signature, values: tuple[Any, ...]) -> Any:
    arrays = [context.make_array(kind)(context, builder, value) for kind, value in zip(sig.args, values, strict=True)]
    byte_pointer, word = ir.IntType(8).as_pointer(), ir.IntType(64)
    target, source = (builder.bitcast(array.data, byte_pointer) for array in arrays)
    size = builder.mul(arrays[1].nitems, arrays[1].itemsize)
    copy = builder.module.declare_intrinsic("llvm.memcpy", [byte_pointer, byte_pointer, word])
    builder.call(copy, [target, source, size, ir.Constant(ir.IntType(1), 0)])
    return context.get_dummy_value()


lower(_copy_front, _two_contiguous, _memcpy)


@overload(grow, jit_options=OPTIONS)
def _grow(buffer, needed):  # no annotations: Numba wants the parameter list of the implementation
    if not isinstance(buffer, types.Array) or buffer.layout != "C" or buffer.ndim == 0:
        return None

    def compute(buffer, needed):
        room = buffer.shape[0]
        if room >= needed:
            return buffer
        grown = np.empty((max(needed, 2 * room),) + buffer.shape[1:], buffer.dtype)
        _copy_front(grown, buffer)
        return grown

    return compute
