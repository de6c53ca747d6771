"""Run-time checks: facts that involve data and that Python would raise for.

A check equation has effect CHECK: it survives dead-code removal, and is dropped when a value is recomputed in reverse.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gradscribe.transpiler.ir.dims import Dim
from gradscribe.transpiler.ir.nodes import Effect
from gradscribe.transpiler.ir.types import INT64, ArrayType, Type
from gradscribe.transpiler.primitives.messages import Message, argument
from gradscribe.transpiler.primitives.primitive import Library
from gradscribe.transpiler.primitives.sample import draw, integers


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


# Raise `error(message)` at the user's line unless the first operand is true. `error` is a Python exception class;
# the other operands are the values that the message mentions.
check: Library = Library(
    name="check",
    effect=Effect.CHECK,
    infer_types=lambda condition, *values, message, error: (),
    run=_check,
    jvp_rule=lambda operands, results, tangents, **params: (),
    vjp_rule=lambda operands, results, cotangents, **params: (None,) * len(operands),
)
