"""Arrays whose elements are sets of input positions: how the analysis of sparsity writes dependence.

An element is a Python int read as a set of bits (up to `BITS` inputs: unions are single operations) or a frozenset (for
more: memory follows the entries, not the inputs). Both have `|`, so NumPy's object arrays do the moving and the unions.
Establishes: functions return object arrays, of rank 0 for scalars; none is written after it was returned.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

BITS = 1 << 15

Sets = np.ndarray[Any, Any]


def as_sets(value: Any) -> Sets:
    """An element taken out of an array, as an array of rank 0 again."""
    if isinstance(value, np.ndarray):
        return value
    out = np.empty((), object)
    out[()] = value
    return out


@dataclass(frozen=True)
class Universe:
    """The positions 0, ..., size - 1 of the input, and how sets of them are written."""

    size: int

    @property
    def bits(self) -> bool:
        return self.size <= BITS

    @property
    def nothing(self) -> Any:
        return 0 if self.bits else frozenset()

    def single(self, position: int) -> Any:
        return 1 << position if self.bits else frozenset((position,))

    def members(self, element: Any) -> Iterator[int]:
        """The positions in a set, ascending."""
        if not self.bits:
            yield from sorted(element)
            return
        octets = np.frombuffer(element.to_bytes((self.size + 7) // 8, "little"), np.uint8)
        yield from np.flatnonzero(np.unpackbits(octets, bitorder="little")).tolist()

    def empty(self, shape: tuple[int, ...]) -> Sets:
        out = np.empty(shape, object)
        out[...] = self.nothing
        return out

    def identity(self, start: int, shape: tuple[int, ...]) -> Sets:
        """Element k of an input is position start + k."""
        out = np.empty(shape, object)
        flat = out.reshape(-1)
        for k in range(flat.size):
            flat[k] = self.single(start + k)
        return out

    def along(self, x: Sets, axis: int) -> Sets:
        """The unions along one axis, which disappears."""
        if self.bits and x.shape[axis]:
            return as_sets(np.bitwise_or.reduce(x, axis=axis))
        rows = np.moveaxis(x, axis, -1)
        out = np.empty(rows.shape[:-1], object)
        for position in np.ndindex(*out.shape):
            members = rows[position].tolist()
            out[position] = frozenset().union(*members) if not self.bits else 0
        return out

    def over(self, x: Sets, axes: tuple[int, ...]) -> Sets:
        for axis in sorted(axes, reverse=True):
            x = self.along(x, axis)
        return x

    def total(self, x: Sets) -> Any:
        """The union of all elements."""
        return self.over(x, tuple(range(x.ndim)))[()]
