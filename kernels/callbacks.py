"""Calls from native code into Python: `tell(status, site, *values)`.

Printing, messages with values, and functions that are called back happen in Python, at once and in order: compiled code
calls one C function, which takes the GIL. `site` says what is told; what to do is a Python function that the caller of
the compiled code has put in place for the time of the call (`telling`). Values are numbers and C-contiguous arrays,
handed over as `slots`, an array of int64: 16 bytes for a number, in its own representation; for an array the address of
its elements, then its sizes. `read_slots` turns them back, given their types.

The C function is a symbol (`SYMBOL`) registered with LLVM when this file is imported, so machine code that calls it can
be kept on disk: no address of this process is in it. `tell` gives 0, or 1 where Python raised: the exception waits in
`Telling.error`, and native code leaves.
"""

import ctypes
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import llvmlite.binding as llvm
import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.core.typing import signature

from gradscribe.kernels.lowering import Signature, lower

SYMBOL = "gradscribe_tell"
_NUMBER_SLOTS = 2  # int64 slots of a number: the widest is complex128
Reader = Callable[[int, Sequence[Any]], None]


class Telling:
    """What is done with what native code tells: `hear(site, slots or values)`. `error` is what that raised."""

    def __init__(self, hear: Callable[[int, Any], None]) -> None:
        self.hear = hear
        self.error: BaseException | None = None


class _Current(threading.local):
    def __init__(self) -> None:
        self.stack: list[Telling] = []


_current = _Current()


def waiting_error() -> BaseException | None:
    """What Python raised while the compiled code that has just returned was telling."""
    return _current.stack[-1].error if _current.stack else None


@contextmanager
def telling(hear: Callable[[int, Any], None]) -> Iterator[Telling]:
    """Compiled code that this thread runs inside tells `hear`."""
    mine = Telling(hear)
    _current.stack.append(mine)
    try:
        yield mine
    finally:
        _current.stack.pop()


def _told(site: int, values: Any) -> int:
    telling_now = _current.stack[-1]
    try:
        telling_now.hear(site, values)
    except BaseException as error:  # an exception cannot cross native code: it waits until that has returned
        telling_now.error = error
        return 1
    return 0


_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64, ctypes.POINTER(ctypes.c_int64))
_entry = _CALLBACK(lambda site, slots: _told(site, slots))
llvm.add_symbol(SYMBOL, ctypes.cast(_entry, ctypes.c_void_p).value)


def tell(site: int, *values: Any) -> int:
    """Tell Python of `values`; 0, or 1 if it raised."""
    return _told(site, values)


def read_slots(slots: Any, kinds: Sequence[tuple[np.dtype, int]]) -> list[Any]:
    """The values in `slots`, given dtype and rank of each: NumPy scalars, and copies of arrays. What CPython told
    (`tell` called as it stands) is handed through."""
    if isinstance(slots, tuple):
        return list(slots)
    values: list[Any] = []
    at = 0
    for dtype, rank in kinds:
        if not rank:
            raw = np.array([slots[at], slots[at + 1]], np.int64)
            values.append(raw.view(np.uint8)[: dtype.itemsize].view(dtype)[0])
            at += _NUMBER_SLOTS
            continue
        shape = tuple(slots[at + 1 + k] for k in range(rank))
        count = int(np.prod(shape))
        if count:
            raw_bytes = (ctypes.c_char * (count * dtype.itemsize)).from_address(slots[at])
            values.append(np.frombuffer(raw_bytes, dtype).reshape(shape).copy())
        else:
            values.append(np.empty(shape, dtype))
        at += 1 + rank
    return values


def fill_slots(slots: Any, kinds: Sequence[tuple[np.dtype, int]], results: Sequence[Any]) -> None:
    """Write results into the last arrays told of (a number into one of one element). ValueError where shapes differ."""
    first, at = len(kinds) - len(results), 0
    for k, (dtype, rank) in enumerate(kinds):
        output = k >= first
        if isinstance(slots, tuple):
            target = slots[k]
        elif output:
            shape = tuple(slots[at + 1 + j] for j in range(max(rank, 1)))
            count = int(np.prod(shape))
            raw = (ctypes.c_char * max(count * dtype.itemsize, 1)).from_address(slots[at]) if count else bytearray()
            target = np.frombuffer(raw, dtype, count).reshape(shape)
        if output:
            value = np.asarray(results[k - first])
            if value.shape != (target.shape if rank else ()):
                raise ValueError(f"a result of shape {target.shape} was promised, one of shape {value.shape} came")
            target[...] = value
        at += _NUMBER_SLOTS if not rank and not output else 1 + max(rank, 1)


def _signature_of(*kinds: types.Type) -> Signature | None:
    fine = all(
        isinstance(k, (types.Integer, types.Float, types.Complex, types.Boolean))
        or (isinstance(k, types.Array) and k.layout == "C")
        for k in kinds
    )
    return signature(types.int64, types.int64, *map(types.unliteral, kinds[1:])) if kinds and fine else None


def _generate(context: Any, builder: Any, sig: Signature, values: tuple[Any, ...]) -> Any:
    word = ir.IntType(64)
    count = sum(1 + k.ndim if isinstance(k, types.Array) else _NUMBER_SLOTS for k in sig.args[1:])
    slots = cgutils.alloca_once(builder, word, size=max(count, 1), name="told")
    at = 0

    def slot(k: int) -> Any:
        return builder.gep(slots, [ir.Constant(ir.IntType(32), k)])

    for kind, value in zip(sig.args[1:], values[1:], strict=True):
        if not isinstance(kind, types.Array):
            data = context.get_data_type(kind)
            context.pack_value(builder, kind, value, builder.bitcast(slot(at), data.as_pointer()), align=8)
            at += _NUMBER_SLOTS
            continue
        array = context.make_array(kind)(context, builder, value)
        builder.store(builder.ptrtoint(array.data, word), slot(at))
        for k, size in enumerate(cgutils.unpack_tuple(builder, array.shape, kind.ndim)):
            builder.store(size, slot(at + 1 + k))
        at += 1 + kind.ndim
    function = cgutils.get_or_insert_function(
        builder.module, ir.FunctionType(word, [word, word.as_pointer()]), SYMBOL
    )
    return builder.call(function, [values[0], slots])


lower(tell, _signature_of, _generate)
