"""Where an `index`, `update` or `update_add` equation touches its array: one component per axis of the base.

Assumes: positions and slices lie inside the axis (the frontend proved it, or emitted `wrap_index` / clamps before).
Establishes: subscripts are polynomials, so that passes see affine forms, not arithmetic equations.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from gradscribe.transpiler.ir.dims import Atom, Dim, DimLike


@dataclass(frozen=True)
class At:
    """One position; the axis disappears from the result."""

    position: Dim

    def substitute(self, mapping: Callable[[Atom], DimLike | None]) -> At:
        return At(self.position.substitute(mapping))

    def dims(self) -> tuple[Dim, ...]:
        return (self.position,)

    def __repr__(self) -> str:
        return repr(self.position)


@dataclass(frozen=True)
class Slice:
    """Positions start, start + step, ... (`length` of them); step is a nonzero constant and may be negative."""

    start: Dim
    length: Dim
    step: int = 1

    def substitute(self, mapping: Callable[[Atom], DimLike | None]) -> Slice:
        return Slice(self.start.substitute(mapping), self.length.substitute(mapping), self.step)

    def dims(self) -> tuple[Dim, ...]:
        return (self.start, self.length)

    def __repr__(self) -> str:
        step = "" if self.step == 1 else f":{self.step}"
        return f"{self.start}+:{self.length}{step}"


@dataclass(frozen=True)
class Take:
    """Positions read from the k-th index operand (an integer array); NumPy's advanced indexing rules."""

    operand: int

    def substitute(self, mapping: Callable[[Atom], DimLike | None]) -> Take:
        return self

    def dims(self) -> tuple[Dim, ...]:
        return ()

    def __repr__(self) -> str:
        return f"take({self.operand})"


Component = At | Slice | Take
Index = tuple[Component, ...]


def whole(shape: tuple[Dim, ...]) -> Index:
    """The index that selects everything."""
    return tuple(Slice(Dim.of(0), d) for d in shape)


def is_whole(component: Component, dim: Dim) -> bool:
    return isinstance(component, Slice) and component.step == 1 and component.start == 0 and component.length == dim


def result_shape(at: Index, take_shape: tuple[Dim, ...] = ()) -> tuple[Dim, ...]:
    """Shape of `x[at]`. `take_shape` is the broadcast shape of the index operands; it stands where NumPy puts it: at
    the
    place of the advanced axes if they are adjacent, else in front. (A position beside `Take`s is itself advanced in
    NumPy.)"""
    takes = [k for k, c in enumerate(at) if isinstance(c, Take)]
    if not takes:
        return tuple(c.length for c in at if isinstance(c, Slice))
    advanced = [k for k, c in enumerate(at) if not isinstance(c, Slice)]
    adjacent = advanced == list(range(advanced[0], advanced[-1] + 1))
    before = [c.length for c in at[: advanced[0]] if isinstance(c, Slice)] if adjacent else []
    rest = [c.length for c in at[advanced[0] if adjacent else 0 :] if isinstance(c, Slice)]
    return (*before, *take_shape, *rest)


def index_dims(at: Index) -> Iterator[Dim]:
    for component in at:
        yield from component.dims()


def as_numpy(at: Index, evaluate: Callable[[Dim], int], index_operands: tuple[object, ...]) -> tuple[object, ...]:
    """The Python index of a component tuple, for running."""
    out: list[object] = []
    for c in at:
        if isinstance(c, At):
            out.append(evaluate(c.position))
        elif isinstance(c, Take):
            out.append(index_operands[c.operand])
        else:
            start, length = evaluate(c.start), evaluate(c.length)
            stop = start + c.step * length
            out.append(slice(start, stop if stop >= 0 else None, c.step) if length > 0 else slice(0, 0))
    return tuple(out)
