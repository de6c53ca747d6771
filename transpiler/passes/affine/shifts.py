"""Additions to one array at shifted boxes, grouped so that they can be written as gathers: pure box arithmetic.

In: `update_add` equations whose subscripts differ by constants, either on slices, or on single elements in a
rectangular nest of loops. Out: `ShiftGroup`s. A group has a zero-based grid; grid element g is array position
`base + step * g`, and a term adds to it the element g - shift of its own box, if that is inside. The grid is cut into
the interior, where every term is present, and strips around it on which each term asks `contains`.
Groups (the residues of a stride) touch different elements, and a group lists its terms in program order: slices are
summed to the same last bit, loops (which interleave terms) up to rounding.
Assumes: lengths are not negative. When one of them is 0 there is nothing to add, and the strips may leave the array:
test that first.
Source: Hückelheim, Kukreja, Narayanan, Luporini, Gorman, Hovland, "Automatic differentiation for adjoint stencil
loops" (ICPP 2019).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gradscribe.transpiler.ir.bounds import clamp_to_positive
from gradscribe.transpiler.ir.dims import Dim
from gradscribe.transpiler.ir.index import At, Slice
from gradscribe.transpiler.ir.nodes import Eqn
from gradscribe.transpiler.primitives.structure import update_add


@dataclass(frozen=True)
class Box:
    """Grid elements with start <= g < stop on every axis."""

    start: tuple[Dim, ...]
    stop: tuple[Dim, ...]


@dataclass(frozen=True)
class ShiftedTerm:
    """An addition whose own element 0 lies at grid element `shift`."""

    eqn: Eqn
    shift: tuple[int, ...]


@dataclass(frozen=True)
class ShiftGroup:
    """Additions to one grid of an array. `axes` are the array axes that the grid spans; the others are at positions
    that all terms share. Per spanned axis: `base` and `step` of the grid in the array, and the length of every term's
    box."""

    axes: tuple[int, ...]
    base: tuple[Dim, ...]
    step: tuple[int, ...]
    lengths: tuple[Dim, ...]
    terms: tuple[ShiftedTerm, ...]

    @property
    def spread(self) -> tuple[int, ...]:
        """The largest shift per axis (the smallest is 0)."""
        return tuple(max(t.shift[d] for t in self.terms) for d in range(len(self.axes)))

    def interior(self) -> Box:
        """Where every term is present: the intersection of the terms' boxes (empty if a box is narrower than the
        spread)."""
        start = tuple(Dim.of(s) for s in self.spread)
        return Box(start, tuple(s + clamp_to_positive(n - s) for n, s in zip(self.lengths, start)))

    def strips(self) -> list[Box]:
        """The hull of the terms' boxes without the interior, as disjoint boxes: a low and a high one per axis with a
        spread, inside the interior on the axes before it and across the hull on the axes after it."""
        inner = self.interior()
        zero = Dim.of(0)
        hull = [n + s for n, s in zip(self.lengths, self.spread)]
        out: list[Box] = []
        for d, spread in enumerate(self.spread):
            if spread == 0:
                continue
            after = len(self.axes) - d - 1
            for low, high in ((zero, inner.start[d]), (inner.stop[d], hull[d])):
                start = (*inner.start[:d], low, *(zero,) * after)
                out.append(Box(start, (*inner.stop[:d], high, *hull[d + 1 :])))
        return out

    def contains(self, term: ShiftedTerm) -> Box:
        """The part of the grid to which `term` adds."""
        start = tuple(Dim.of(s) for s in term.shift)
        return Box(start, tuple(s + n for s, n in zip(start, self.lengths)))


@dataclass(frozen=True)
class _Run:
    """One addition as start, step and length on the axes it spans, and positions on the others."""

    eqn: Eqn
    starts: tuple[Dim, ...]


def groups_of_slices(eqns: Sequence[Eqn]) -> list[ShiftGroup] | None:
    """Groups of consecutive `update_add`s on slices of equal length and step whose starts differ by constants.

    None if they do not fit together. The caller has checked that they form a chain which nobody else reads."""
    first = eqns[0].params["at"]
    if not all(isinstance(c, (At, Slice)) for c in first):
        return None
    axes = tuple(k for k, c in enumerate(first) if isinstance(c, Slice))
    for eqn in eqns:
        if eqn.operation is not update_add or len(eqn.params["at"]) != len(first):
            return None
        for c, d in zip(first, eqn.params["at"]):
            if isinstance(c, At) and c != d:
                return None
            if isinstance(c, Slice) and not (isinstance(d, Slice) and (c.step, c.length) == (d.step, d.length)):
                return None
    runs = [_Run(eqn, tuple(eqn.params["at"][a].start for a in axes)) for eqn in eqns]
    return _by_residue(axes, tuple(first[a].step for a in axes), tuple(first[a].length for a in axes), runs)


def groups_of_loops(loops: Sequence[Eqn], eqns: Sequence[Eqn]) -> list[ShiftGroup] | None:
    """Groups of the single-element `update_add`s of a nest's innermost body: each counter of `loops` (counted,
    rectangular) moves exactly one axis, by the same constant in all of them. Grid axes are in the order of `loops`;
    element k of a term's box is the iteration lo + k."""
    counters = [loop.regions[-1].params[0] for loop in loops]
    bounds = [(loop.params["lo"], loop.params["hi"]) for loop in loops]
    if any(leaf in counters for lo, hi in bounds for dim in (lo, hi) for leaf in dim.leaves()):
        return None
    axes: tuple[int, ...] | None = None
    steps: tuple[int, ...] = ()
    shared: list[Dim] | None = None
    runs: list[_Run] = []
    for eqn in eqns:
        at = eqn.params["at"]
        if eqn.operation is not update_add or not all(isinstance(c, At) for c in at):
            return None
        moved: list[int] = []
        for counter in counters:
            places = [k for k, c in enumerate(at) if counter in c.position.leaves()]
            if len(places) != 1 or places[0] in moved or not at[places[0]].position.is_affine_in(counters):
                return None
            moved.append(places[0])
        own_steps = tuple(at[k].position.coefficient(c) for k, c in zip(moved, counters))
        fixed = [c.position for k, c in enumerate(at) if k not in moved]
        rest = [at[k].position - s * Dim.of(c) for k, s, c in zip(moved, own_steps, counters)]
        if any(leaf in counters for dim in rest for leaf in dim.leaves()):
            return None
        if axes is None:
            axes, steps, shared = tuple(moved), own_steps, fixed
        if (axes, steps, shared) != (tuple(moved), own_steps, fixed):
            return None
        runs.append(_Run(eqn, tuple(r + s * lo for r, s, (lo, _) in zip(rest, steps, bounds))))
    return _by_residue(axes or (), steps, tuple(clamp_to_positive(hi - lo) for lo, hi in bounds), runs)


def _by_residue(
    axes: tuple[int, ...], step: tuple[int, ...], lengths: tuple[Dim, ...], runs: Sequence[_Run]
) -> list[ShiftGroup] | None:
    """Terms whose offsets are equal modulo the steps share a grid."""
    classes: dict[tuple[int, ...], list[tuple[_Run, tuple[int, ...]]]] = {}
    for run in runs:
        offsets = [(s - f).constant for s, f in zip(run.starts, runs[0].starts)]
        known = [o for o in offsets if o is not None]
        if len(known) != len(offsets):
            return None
        residue = tuple(o % s for o, s in zip(known, step))
        classes.setdefault(residue, []).append((run, tuple(o // s for o, s in zip(known, step))))
    out: list[ShiftGroup] = []
    for residue, members in classes.items():
        least = tuple(min(shift[d] for _, shift in members) for d in range(len(axes)))
        base = tuple(f + r + s * q for f, r, s, q in zip(runs[0].starts, residue, step, least))
        terms = tuple(ShiftedTerm(m.eqn, tuple(a - b for a, b in zip(shift, least))) for m, shift in members)
        out.append(ShiftGroup(axes, base, step, lengths, terms))
    return out
