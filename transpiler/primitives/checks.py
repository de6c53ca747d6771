"""Run-time checks: facts that involve data and that Python would raise for.

A check equation has effect CHECK: it survives dead-code removal, and is dropped when a value is recomputed in reverse.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gradscribe.transpiler.ir.builder import emit
from gradscribe.transpiler.ir.dims import Dim
from gradscribe.transpiler.ir.index import At, whole
from gradscribe.transpiler.ir.nodes import Effect, Operand
from gradscribe.transpiler.ir.types import INT64, ArrayType, Type
from gradscribe.transpiler.primitives.allocation import arange, dim_value
from gradscribe.transpiler.primitives.arithmetic import select
from gradscribe.transpiler.primitives.messages import Message, argument, shows_kind
from gradscribe.transpiler.primitives.primitive import Library
from gradscribe.transpiler.primitives.reductions import reduce_and, reduce_min
from gradscribe.transpiler.primitives.sample import draw, integers
from gradscribe.transpiler.primitives.structure import index


def _wrap(i: Any, *, size: int) -> tuple[Any]:
    if isinstance(i, np.ndarray):
        outside = (i < -size) | (i >= size)
        if outside.any():
            raise IndexError(f"index {i[outside][0]} is out of bounds for axis with size {size}")
        return (np.where(i < 0, i + size, i).astype(np.int64),)
    if not -size <= i < size:
        raise IndexError(f"index {i} is out of bounds for axis with size {size}")
    return (int(i) + size if i < 0 else int(i),)


def _wrapped(i: Type, *, size: Dim) -> tuple[ArrayType]:
    assert isinstance(i, ArrayType)
    return (ArrayType(INT64, i.shape, not i.shape),)


# Data-dependent positions (one, or an array of them) made valid: negative counts from the end, out of range raises.
# Where they index an array they are printed as they stand, because NumPy does the same.
wrap_index: Library = Library(
    name="wrap_index",
    effect=Effect.CHECK,
    infer_types=_wrapped,
    run=_wrap,
    source="x",
    jvp_rule=lambda operands, results, tangents, *, size: (None,),
    vjp_rule=lambda operands, results, cotangents, *, size: (None,),
    batch_rule=lambda operands, batched, size_, *, size: ((wrap_index(operands[0], size=size),), (True,)),
    samples=(draw(integers(-4, 4, 3), size=4), draw(integers(-4, 4), size=4)),
)


def _check(condition: Any, *values: Any, message: Message, error: type[Exception]) -> tuple[()]:
    if not condition:
        raise error(argument(message, (condition, *values)))
    return ()


def _check_batch(
    operands: Sequence[Operand], batched: Sequence[bool], size: Dim, *, message: Message, error: type[Exception]
) -> tuple[Sequence[Operand], Sequence[bool]]:
    """Every lane's condition; the message has the values of the first lane that fails."""
    condition, *values = operands
    if size == 0:
        return (), ()
    if any(batched[1:]) and shows_kind(message):  # a Python number in one lane is an element of an array in all
        raise check.gap("batch")
    failing = Dim.of(0)
    if batched[0] and any(batched[1:]):
        lanes = arange(start=Dim.of(0), length=size, step=1)
        failing = Dim.of(reduce_min(select(condition, dim_value(dim=size - 1), lanes), axes=(0,)))
    shown = [
        emit(index, (v,), {"at": (At(failing), *whole(v.shape[1:]))})[0] if b else v
        for v, b in zip(values, batched[1:], strict=True)
    ]
    holds = reduce_and(condition, axes=(0,)) if batched[0] else condition
    return emit(check, (holds, *shown), {"message": message, "error": error}), ()


# Raise `error(message)` at the user's line unless the first operand is true. `error` is a Python exception class;
# the other operands are the values that the message mentions.
check: Library = Library(
    name="check",
    syntax="if not x: raise error(message)",
    effect=Effect.CHECK,
    infer_types=lambda condition, *values, message, error: (),
    run=_check,
    jvp_rule=lambda operands, results, tangents, **params: (),
    vjp_rule=lambda operands, results, cotangents, **params: (None,) * len(operands),
    batch_rule=_check_batch,
)
