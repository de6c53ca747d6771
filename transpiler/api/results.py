"""From the flat results of a program to the Python value of a call, and its visible writes.

In: a result tree with placeholders, the flat results, the call's leaves. Out: the return value. Establishes: scalars
are of the kind their type says (Python number or NumPy scalar); no array handed out shares memory with an argument or
with another result, unless it *is* an argument returned whole under `jit`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gradscribe.transpiler.api.leaves import PYTHON_KINDS, flatten
from gradscribe.transpiler.flatteners import unflattener
from gradscribe.transpiler.ir.nodes import Function
from gradscribe.transpiler.ir.staged import ArgumentIdentity, ResultLeaf, StaticLeaf
from gradscribe.transpiler.ir.types import ArrayType

Finisher = Callable[[Any], Any]


def scalar_kind(type: ArrayType) -> Callable[[Any], Any]:
    """The class of a scalar value of this type."""
    return PYTHON_KINDS[type.dtype.kind] if type.weak else type.dtype.type


def finishers(function: Function) -> tuple[Finisher | None, ...]:
    """For each flat result: what makes a scalar of the right class from it; None for arrays."""
    return tuple(
        None if not isinstance(x.type, ArrayType) or x.type.shape else _as_class(scalar_kind(x.type))
        for x in function.results
    )


def _as_class(cls: Any) -> Finisher:
    return lambda value: value if type(value) is cls else cls(value)


def own(value: np.ndarray, others: Sequence[Any]) -> np.ndarray:
    """The array itself if nothing in `others` shares its memory and it may be written; else a copy."""
    if value.base is None and value.flags.writeable:
        for other in others:  # a loop: an `any` of a generator costs as much as the copy of a small array
            if value is other:
                return value.copy()
        return value
    if value.flags.writeable and not any(isinstance(x, np.ndarray) and np.may_share_memory(value, x) for x in others):
        return value
    return value.copy()


class ResultBuilder:
    """Builds Python values from flat results, for one result tree.

    `keep_identity`: an argument returned whole is the caller's object (`jit`); otherwise a value of its own."""

    def __init__(self, template: Any, function: Function, keep_identity: bool) -> None:
        placeholders, definition = flatten(template)
        self.placeholders = placeholders
        self.definition = definition
        self.unflatten = unflattener(definition)
        self.finishers = finishers(function)
        self.keep_identity = keep_identity
        self.single = definition.kind is None

    def build(self, results: Sequence[Any], inputs: Sequence[Any], callers: Sequence[Any]) -> Any:
        """`inputs`: flat parameter values as the program got them; `callers`: the same as the caller passed them."""
        leaves: list[Any] = []
        shared = list(inputs)
        for place in self.placeholders:
            leaves.append(self._leaf(place, results, shared, callers))
        return leaves[0] if self.single else self.unflatten(leaves)

    def _leaf(self, place: Any, results: Sequence[Any], shared: list[Any], callers: Sequence[Any]) -> Any:
        if isinstance(place, StaticLeaf):
            return place.value
        if isinstance(place, ArgumentIdentity):
            if self.keep_identity:
                return callers[place.parameter]
            value = shared[place.parameter] if place.position is None else results[place.position]
        elif isinstance(place, ResultLeaf):
            value = results[place.position]
            finish = self.finishers[place.position]
            if finish is not None:
                return finish(value)
        else:
            return place
        if isinstance(value, np.ndarray) and value.shape:
            value = own(value, shared)
            shared.append(value)
        return value
