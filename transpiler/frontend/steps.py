"""The steps of a view: how the elements of a handle lie in its box, one step after the other."""

from __future__ import annotations

from dataclasses import dataclass

from gradscribe.transpiler.ir.dims import Dim
from gradscribe.transpiler.ir.index import Index


@dataclass(frozen=True)
class IndexStep:
    """Positions and slices, one per axis."""

    at: Index


@dataclass(frozen=True)
class PermuteStep:
    axes: tuple[int, ...]


@dataclass(frozen=True)
class ReshapeStep:
    """From `before` to `after`; `same_order` if it only inserts or removes axes of length 1 (a view in any layout)."""

    before: tuple[Dim, ...]
    after: tuple[Dim, ...]
    same_order: bool = False


@dataclass(frozen=True)
class BroadcastStep:
    """A read-only view with stretched axes."""

    shape: tuple[Dim, ...]


@dataclass(frozen=True)
class DiagonalStep:
    """Of the last two axes, the elements from (row, column) on down the diagonal; they become the last axis."""

    row: Dim
    column: Dim
    length: Dim
    writable: bool


@dataclass(frozen=True)
class PartStep:
    """The real or the imaginary parts of complex elements: "real" or "imag"."""

    name: str


Step = IndexStep | PermuteStep | ReshapeStep | BroadcastStep | DiagonalStep | PartStep
