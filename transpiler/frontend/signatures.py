"""What a function that calls itself is called with, over all its calls.

In: the arguments of the outermost call, then those of each recursive one. Out: a `Signature`: which leaves are static,
which are data of which type, which sizes change. Establishes: like the head of a loop, it is the join of everything
that arrives, found by widening: a number that differs becomes data, a size that differs becomes an unknown of the
callee, shared by the axes that had equal sizes in every call.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradscribe.transpiler.errors import Steering
from gradscribe.transpiler.frontend.joins import same_value
from gradscribe.transpiler.frontend.promotion import join_numbers
from gradscribe.transpiler.frontend.tracing import Tracing
from gradscribe.transpiler.frontend.values import Array, Box, Phantom, Poison, is_number, number_type
from gradscribe.transpiler.ir.dims import Dim
from gradscribe.transpiler.ir.nodes import Operand, Var
from gradscribe.transpiler.ir.types import INT64, ArrayType

_PYTHON_INT = ArrayType(INT64, (), True)


@dataclass(frozen=True, eq=False)
class Static:
    """The same Python value in every call."""

    value: Any


@dataclass(frozen=True, eq=False)
class Number:
    """A number; a Python int that is data stands for its own `Dim`."""

    var: Var

    def value(self) -> Any:
        assert isinstance(self.var.type, ArrayType)
        return Dim.of(self.var) if self.var.type.weak and self.var.type.dtype == INT64 else self.var


@dataclass(frozen=True, eq=False)
class Shaped:
    """An array. Its sizes are of the program around the callee, or unknowns of the callee (`Signature.sizes`)."""

    var: Var
    box: Box


Leaf = Static | Number | Shaped


class Mismatch(Steering):
    """These arguments need another specialisation."""


@dataclass(frozen=True, eq=False)
class Signature:
    """`leaves` in the order of the flattened arguments; `sizes` are the callee's unknown sizes."""

    leaves: tuple[Leaf, ...]
    sizes: tuple[Var, ...] = ()

    @property
    def data(self) -> tuple[Number | Shaped, ...]:
        return tuple(leaf for leaf in self.leaves if not isinstance(leaf, Static))


def is_data_leaf(value: Any) -> bool:
    return isinstance(value, (Array, Dim, Operand, Phantom))


def first_signature(values: Sequence[Any], hints: Sequence[str]) -> Signature:
    """The signature of the outermost call: everything as it is."""
    leaves: list[Leaf] = []
    for value, hint in zip(values, hints, strict=True):
        if isinstance(value, Array):
            leaves.append(shaped(value.dtype, value.shape, hint))
        elif isinstance(value, (Dim, Operand)):
            leaves.append(Number(Var(number_type(value), hint)))
        else:
            leaves.append(Static(value))
    return Signature(tuple(leaves))


def shaped(dtype: np.dtype, shape: Sequence[Dim], hint: str) -> Shaped:
    type = ArrayType(dtype, tuple(shape))
    var = Var(type, hint)
    return Shaped(var, Box(var, type, None if type.rank > 1 else (), name=hint))


def widened(tracing: Tracing, signature: Signature, values: Sequence[Any], hints: Sequence[str]) -> Signature | None:
    """The signature that covers these arguments too, or None if it does already. Mismatch where they are of another
    kind."""
    leaves: list[Leaf] = []
    changed = False
    sizes: dict[tuple[Dim, Dim], Dim] = {}
    unknown: list[Var] = []
    solver = tracing.solver

    def size(before: Dim, now: Dim, hint: str) -> Dim:
        known = sizes.get((before, now))
        if known is None:
            atom = before.single_atom
            mine = isinstance(atom, Var) and any(atom is v for v in signature.sizes)
            if not mine and solver.normalize(before) == now:
                known = before
            else:
                known = Dim.of(Var(_PYTHON_INT, f"{hint}_size" if hint else "size", Dim.of(0)))
                unknown.append(known.single_atom)  # type: ignore[arg-type]
            sizes[before, now] = known
        return known

    for leaf, value, hint in zip(signature.leaves, values, hints, strict=True):
        if isinstance(leaf, Shaped):
            before = leaf.var.type.dims()
            if not isinstance(value, Array) or value.dtype != leaf.var.dtype or value.rank != len(before):
                raise Mismatch
            shape = [size(b, solver.normalize(d), hint) for b, d in zip(before, value.shape, strict=True)]
            leaves.append(shaped(value.dtype, shape, hint))
        elif isinstance(leaf, Number) or (_widens(leaf.value) and is_number(value) and not _is_bool(value)):
            if not is_number(value):
                raise Mismatch
            known: Any = Phantom(leaf.var.type) if isinstance(leaf, Number) else leaf.value  # type: ignore[arg-type]
            if isinstance(leaf, Static) and same_value(tracing, leaf.value, value):
                leaves.append(leaf)
                continue
            joined = join_numbers([known, value], loop=True)
            if isinstance(joined, Poison):
                tracing.refuse_poison(f"`{hint}`" if hint else "an argument", joined)
            if isinstance(leaf, Number) and joined == leaf.var.type:
                leaves.append(leaf)
                continue
            changed = True
            leaves.append(Number(Var(joined, hint)))
        elif same_value(tracing, leaf.value, value):
            leaves.append(leaf)
        else:
            raise Mismatch
    if not changed and len(unknown) == len(signature.sizes):  # every unknown size stayed one class of axes
        return None
    return Signature(tuple(leaves), tuple(unknown))


def _is_bool(value: Any) -> bool:
    return isinstance(value, (bool, np.bool_))


def _widens(value: Any) -> bool:
    """A static number that may become data."""
    return isinstance(value, (int, float, complex, np.generic)) and not _is_bool(value)
