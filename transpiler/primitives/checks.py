"""Run-time checks: facts that involve data and that Python would raise for.

A check equation has effect CHECK: it survives dead-code removal, and is dropped when a value is recomputed in reverse.
"""

from __future__ import annotations

from typing import Any

from gradscribe.transpiler.ir.nodes import Effect
from gradscribe.transpiler.ir.types import INT64, ArrayType
from gradscribe.transpiler.primitives.primitive import Library


def _wrap(i: Any, *, size: int) -> tuple[int]:
    if not -size <= i < size:
        raise IndexError(f"index {i} is out of bounds for axis with size {size}")
    return (int(i) + size if i < 0 else int(i),)


# A data-dependent position made valid: negative counts from the end, out of range raises. Where it indexes an array it is
# printed as the bare position, because NumPy does the same.
wrap_index = Library(
    name="wrap_index",
    effect=Effect.CHECK,
    infer_types=lambda i, *, size: (ArrayType(INT64, (), True),),
    run=_wrap,
    source="x",
    jvp_rule=lambda operands, results, tangents, *, size: (None,),
    vjp_rule=lambda operands, results, cotangents, *, size: (None,),
)


def _check(condition: Any, *values: Any, message: str, error: type[Exception]) -> tuple[()]:
    if not condition:
        raise error(message)
    return ()


# Raise `error(message)` at the user's line unless the operand is true. `error` is a Python exception class.
check = Library(
    name="check",
    effect=Effect.CHECK,
    infer_types=lambda condition, *, message, error: (),
    run=_check,
    jvp_rule=lambda operands, results, tangents, **params: (),
    vjp_rule=lambda operands, results, cotangents, **params: (None,) * len(operands),
)
