"""Operations that exist at loop level only: what lowering makes of reductions and of index arrays.

They are never differentiated or batched, so they are not in the primitive table; the evaluator runs them like any
other. `scalar` is the text of one element over x, y, z, in terms of `gradscribe.kernels`.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradscribe.transpiler.ir.nodes import Effect, Literal, Region
from gradscribe.transpiler.ir.types import INT64, ArrayType, Type
from gradscribe.transpiler.primitives.primitive import PRIMITIVES, Params, Primitive, Reduction


@dataclass(frozen=True, eq=False, kw_only=True)
class LoopOperation(Primitive):
    """An operation that only lowering emits; you write `infer_types(*types, **params)` and `run(*values, **params)`."""

    infer_types: Callable[..., tuple[Type, ...]]
    run: Callable[..., tuple[Any, ...]]

    def __post_init__(self) -> None:
        """Not entered into the table of primitives."""

    def infer(self, operands: tuple[Type, ...], params: Params, regions: tuple[Region, ...]) -> tuple[Type, ...]:
        return self.infer_types(*operands, **params)

    def evaluate(self, operands: tuple[Any, ...], params: Params, regions: tuple[Any, ...]) -> tuple[Any, ...]:
        return self.run(*operands, **params)


def _reduction(name: str) -> Reduction:
    reduction = PRIMITIVES[name]
    assert isinstance(reduction, Reduction)
    return reduction


def _step(acc: Any, x: Any, *, reduction: str) -> tuple[Any]:
    pair = np.array([acc, x], dtype=np.asarray(acc).dtype)
    return (_reduction(reduction).run(pair, axes=(0,)),)


def _step_text(params: Params, operands: Any, result: Any, write: Any) -> str:
    text = re.sub(r"\bx\b", "y", _reduction(params["reduction"]).combine)
    text = re.sub(r"\bacc\b", "x", text)
    return "radd(x, y)" if text == "x + y" else "rmul(x, y)" if text == "x * y" else text


# acc combined with one more element. The order of combination is free: a float sum may be split into partial sums.
accumulate = LoopOperation(
    name="accumulate",
    infer_types=lambda acc, x, *, reduction: (ArrayType(acc.dtype),),
    run=_step,
    scalar=_step_text,
)


def initial_value(reduction: Reduction, dtype: np.dtype) -> Literal:
    """What an accumulator of `dtype` starts from."""
    text = reduction.init(dtype) if callable(reduction.init) else reduction.init
    value = eval(text, {"np": np, "math": math, "inf": math.inf}) if isinstance(text, str) else text
    return Literal(dtype.type(value))


def _check_indices(positions: Any, *, size: int, axis: int | None) -> tuple[()]:
    bad = (positions < -size) | (positions >= size)
    if np.any(bad):
        first = int(np.asarray(positions)[bad].flat[0])
        raise IndexError(f"index {first} is out of bounds for axis with size {size}")
    return ()


# Every element of an index array is a valid position of an axis of `size`, negative ones counting from the end. `axis`:
# its number in the message, if known.
check_indices = LoopOperation(
    name="check_indices", effect=Effect.CHECK, infer_types=lambda positions, *, size, axis: (), run=_check_indices
)


def _checked(i: Any, *, size: int, axis: int | None) -> tuple[int]:
    if not -size <= i < size:
        raise IndexError(f"index {i} is out of bounds for axis with size {size}")
    return (int(i) + size if i < 0 else int(i),)


# One position made valid and nonnegative, or an error.
checked_index = LoopOperation(
    name="checked_index",
    effect=Effect.CHECK,
    infer_types=lambda i, *, size, axis: (ArrayType(INT64, (), True),),
    run=_checked,
)

# A position known to be valid, made nonnegative.
wrapped = LoopOperation(
    name="wrapped",
    infer_types=lambda i, *, size: (ArrayType(INT64, (), True),),
    run=lambda i, *, size: (int(i) + size if i < 0 else int(i),),
)


def _fits(*, dim: int, dtype: np.dtype, given: tuple[int, ...]) -> tuple[()]:
    limits = np.iinfo(dtype)
    if all(g > 0 for g in given) and not limits.min <= dim <= limits.max:
        raise OverflowError(f"{dim} is out of bounds for {dtype}")
    return ()


# An integer polynomial has a value of `dtype`, if all of `given` are positive.
check_fits = LoopOperation(
    name="check_fits", effect=Effect.CHECK, infer_types=lambda *, dim, dtype, given: (), run=_fits
)


_CHECKED_OPERATIONS: dict[str, Callable[..., int]] = {
    "checked_absolute": abs,
    "checked_floor_divide": operator.floordiv,
    "checked_left_shift": operator.lshift,
    "checked_right_shift": operator.rshift,
    "checked_power": operator.pow,
    "checked_integer": int,
}


def _checked_operation(*values: Any, kernel: str, exponent: int | None) -> tuple[int]:
    numbers = values if exponent is None else (*values, exponent)
    result = _CHECKED_OPERATIONS[kernel](*numbers)
    _fits(dim=result, dtype=INT64, given=())
    return (result,)


# An operation on Python numbers with an int64 result, or the error that Python raises, by a kernel of that name.
checked_operation = LoopOperation(
    name="checked_operation",
    effect=Effect.CHECK,
    infer_types=lambda *values, kernel, exponent: (ArrayType(INT64, (), True),),
    run=_checked_operation,
)
