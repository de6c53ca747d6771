"""One type for a number that has two: where branches or loop iterations meet.

In: the values of a number in the worlds that meet. Out: the joined type, or `Poison`. Establishes: a Python float
(weak) becomes a narrower NumPy float only if that does not change its value.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gradscribe.transpiler.frontend.values import Phantom, Poison, number_type
from gradscribe.transpiler.ir.nodes import Literal
from gradscribe.transpiler.ir.types import ArrayType

_KINDS = "biufc"


def _rank(dtype: np.dtype) -> int:
    return "biufc".index(dtype.kind.replace("u", "i"))


def join_numbers(values: Sequence[Any], loop: bool) -> ArrayType | Poison:
    """Numbers promote; a weak number takes the dtype of a strong one of its kind."""
    types = [number_type(v) for v in values]
    strong = [t for t in types if not t.weak]
    if not strong:
        return ArrayType(max((t.dtype for t in types), key=_rank), (), True)
    dtype = np.result_type(*[t.dtype for t in strong])
    for value, type in zip(values, types, strict=True):
        if not type.weak:
            continue
        if _rank(type.dtype) > _rank(dtype):
            dtype = np.result_type(dtype, type.dtype)
        elif not _exact(value, dtype):
            return Poison(
                f"starts as a Python number that {dtype} cannot hold exactly and later is a NumPy {dtype}",
                f"start with np.{dtype}(...)",
            )
    return ArrayType(dtype)


def _exact(value: Any, dtype: np.dtype) -> bool:
    """A weak number keeps its value as `dtype`."""
    if isinstance(value, Phantom):
        return True
    if isinstance(value, Literal):
        value = value.value
    weak = number_type(value).dtype
    if isinstance(value, (bool, int, float, complex)):
        if isinstance(value, float) and not np.isfinite(value):
            return True
        with np.errstate(all="ignore"):
            try:
                return bool(dtype.type(value) == value)
            except (OverflowError, ValueError):
                return False
    return dtype.itemsize >= weak.itemsize
