"""Array values during lowering: stored in an array of the lowered program, or pulled element by element into their
consumers.

In: subscripts (polynomials over lowered atoms). Out: a scalar operand, emitted into the open block.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from gradscribe.transpiler.ir.builder import emit
from gradscribe.transpiler.ir.dims import Dim
from gradscribe.transpiler.ir.index import At, Index
from gradscribe.transpiler.ir.nodes import Operand, Var
from gradscribe.transpiler.ir.types import ArrayType
from gradscribe.transpiler.primitives.structure import index

Subscripts = tuple[Dim, ...]


class _Ambient(threading.local):
    def __init__(self) -> None:
        self.carried: dict[Var, Operand] = {}


_ambient = _Ambient()


@contextmanager
def reading_through(base: Var, carry: Operand) -> Iterator[None]:
    """Loads of `base` emitted inside read its loop-carried version: for nests that overwrite exactly what they read."""
    saved = _ambient.carried
    _ambient.carried = {**saved, base: carry}
    try:
        yield
    finally:
        _ambient.carried = saved


def at_positions(subscripts: Sequence[Dim]) -> Index:
    return tuple(At(s) for s in subscripts)


@dataclass(frozen=True, eq=False)
class Stored:
    """A value that is an array of the lowered program."""

    var: Var

    @property
    def type(self) -> ArrayType:
        assert isinstance(self.var.type, ArrayType)
        return self.var.type

    @property
    def bases(self) -> tuple[Var, ...]:
        return (self.var,)

    cost = 0

    def element(self, subscripts: Subscripts) -> Operand:
        source = _ambient.carried.get(self.var, self.var)
        return emit(index, (source,), {"at": at_positions(subscripts)})[0]


@dataclass(frozen=True, eq=False)
class Pulled:
    """A value that exists only element by element. `bases` are the stored arrays it reads, `cost` counts operations per
    element (a load is free, a transcendental function dear)."""

    type: ArrayType
    load: Callable[[Subscripts], Operand]
    bases: tuple[Var, ...]
    cost: int

    def element(self, subscripts: Subscripts) -> Operand:
        return self.load(subscripts)


@dataclass(frozen=True, eq=False)
class Uniform:
    """A value all of whose elements are one scalar."""

    type: ArrayType
    scalar: Operand
    bases: tuple[Var, ...] = ()
    cost: int = 0

    def element(self, subscripts: Subscripts) -> Operand:
        return self.scalar


Value = Stored | Pulled | Uniform


def merged_bases(values: Sequence[Value]) -> tuple[Var, ...]:
    return tuple(dict.fromkeys(base for value in values for base in value.bases))


def broadcast_element(value: Value, subscripts: Subscripts) -> Operand:
    """The element of `value` that broadcasts to `subscripts` of a larger shape (aligned from the right; size 1 is
    stretched)."""
    if isinstance(value, Uniform):
        return value.scalar
    shape = value.type.shape
    own = subscripts[len(subscripts) - len(shape) :]
    return value.element(tuple(Dim.of(0) if d == 1 else s for s, d in zip(own, shape, strict=True)))
