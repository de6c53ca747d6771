"""Runs of additions to one array at shifted boxes, as one gather.

In: consecutive `update_add`s of one value, `x[s1:s1+n] += v1; x[s2:s2+n] += v2; ...`, all boxes of one size. Out: one
nest over the intersection of the boxes, where every element gets all of its terms, and for each boundary strip one
nest a term, over what its box has of the strip. Each element receives its terms in the original order, so the sums are
the same to the last bit.

Source: the box arithmetic of gather-form adjoints of stencils (Hückelheim, Kukreja, Narayanan, Luporini, Gorman,
Hovland: "Automatic differentiation for adjoint stencil loops", ICPP 2019).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gradscribe.transpiler.ir.bounds import clamp_to_positive
from gradscribe.transpiler.ir.builder import emit
from gradscribe.transpiler.ir.dims import Dim
from gradscribe.transpiler.ir.index import At, Index, Slice
from gradscribe.transpiler.ir.nodes import Eqn, Literal, Operand, Region, Var
from gradscribe.transpiler.passes.lower.elements import Subscripts, Value, at_positions, broadcast_element
from gradscribe.transpiler.passes.lower.nests import nest
from gradscribe.transpiler.passes.lower.pulling import UseTable
from gradscribe.transpiler.passes.lower.scalars import with_dtype
from gradscribe.transpiler.primitives.arithmetic import add, less, select
from gradscribe.transpiler.primitives.piecewise import maximum, minimum
from gradscribe.transpiler.primitives.primitive import Elementwise
from gradscribe.transpiler.primitives.structure import dim_value, index, update, update_add

Term = tuple[Value, Index]


@dataclass(frozen=True, eq=False)
class AdditionRun:
    """`update_add` equations that form a chain in which only the next one reads each result."""

    eqns: tuple[Eqn, ...]


def addition_run(first: Eqn, uses: UseTable, region: Region) -> AdditionRun | None:
    """The longest run that starts at `first`, or None if it is alone."""
    if not is_box(first):
        return None
    eqns = [first]
    while True:
        last = eqns[-1].result
        consumers = uses.get(last).positions
        if len(consumers) != 1 or consumers[0] >= len(region.eqns):
            break
        following = region.eqns[consumers[0]]
        if following.operation is not update_add or following.operands[0] is not last or following.operands[1] is last:
            break
        if not is_box(following) or not _same_size(first, following):
            break
        eqns.append(following)
    return AdditionRun(tuple(eqns)) if len(eqns) > 1 else None


def is_box(eqn: Eqn) -> bool:
    """The equation writes a box of elements that lie next to each other along every axis."""
    at = eqn.params["at"]
    return all(isinstance(c, At) or (isinstance(c, Slice) and c.step == 1) for c in at) and any(
        isinstance(c, Slice) for c in at
    )


def _same_size(a: Eqn, b: Eqn) -> bool:
    """Boxes of one size, a constant apart, at the same positions of the other axes."""
    for c, d in zip(a.params["at"], b.params["at"], strict=True):
        if isinstance(c, Slice) and isinstance(d, Slice):
            if c.length != d.length or (c.start - d.start).constant is None:
                return False
        elif c != d:
            return False
    return True


def lower_additions(target: Var, terms: Sequence[Term]) -> Var:
    """Emit the gather of a run (at least two terms)."""
    return _Gather(target, terms).emit()


class _Gather:
    def __init__(self, target: Var, terms: Sequence[Term]) -> None:
        self.target, self.terms = target, terms
        at = terms[0][1]
        self.axes = [a for a, c in enumerate(at) if isinstance(c, Slice)]
        self.fixed = {a: c.position for a, c in enumerate(at) if isinstance(c, At)}
        self.lengths = [at[a].length for a in self.axes]  # type: ignore[union-attr]
        self.starts = [[at[a].start for a in self.axes] for _, at in terms]  # type: ignore[union-attr]
        first = self.starts[0]
        offsets = [[_constant(s - f) for s, f in zip(starts, first, strict=True)] for starts in self.starts]
        self.low = [f + min(o[d] for o in offsets) for d, f in enumerate(first)]
        self.high = [f + max(o[d] for o in offsets) for d, f in enumerate(first)]
        self.spread = [max(o[d] for o in offsets) - min(o[d] for o in offsets) for d in range(len(first))]
        self.interior = [clamp_to_positive(n - s) for n, s in zip(self.lengths, self.spread, strict=True)]

    def place(self, position: Sequence[Dim]) -> Subscripts:
        """Subscripts of the target from positions along the sliced axes."""
        sliced = iter(position)
        return tuple(
            self.fixed[a] if a in self.fixed else next(sliced) for a in range(len(self.fixed) + len(self.axes))
        )

    def element(self, k: int, position: Sequence[Dim]) -> Operand:
        value, _ = self.terms[k]
        own = tuple(p - s for p, s in zip(position, self.starts[k], strict=True))
        return with_dtype(broadcast_element(value, own), self.target.dtype)

    def emit(self) -> Var:
        if not any(self.spread):
            return self._interior(self.target, self.lengths)
        inner = self._interior(self.target, self.interior)
        return self._strips(inner)

    def _interior(self, target: Var, extents: Sequence[Dim]) -> Var:
        def iteration(subscripts: Subscripts, carried: tuple[Operand, ...]) -> Sequence[Operand]:
            position = [h + s for h, s in zip(self.high, subscripts, strict=True)]
            at = at_positions(self.place(position))
            (total,) = emit(index, (carried[0],), {"at": at})
            for k in range(len(self.terms)):
                (total,) = emit(add, (total, self.element(k, position)))
            return emit(update, (carried[0], total), {"at": at}, hint=target.hint)

        (out,) = nest(extents, (target,), iteration)
        assert isinstance(out, Var)
        return out

    def _strips(self, target: Var) -> Var:
        """The hull of the boxes without the interior: along each axis a low and a high strip, inside the interior of
        the axes before it and across the whole hull of the axes after it."""
        count = 2 * sum(s != 0 for s in self.spread)

        def strip(which: Subscripts, carried: tuple[Operand, ...]) -> Sequence[Operand]:
            bounds = [self._bounds(Dim.of(which[0]), d) for d in range(len(self.axes))]
            starts, extents = [b[0] for b in bounds], [b[1] for b in bounds]

            for k in range(len(self.terms)):
                carried = self._part(k, starts, extents, carried)
            return carried

        (out,) = nest([Dim.of(count)], (target,), strip)
        assert isinstance(out, Var)
        return out

    def _bounds(self, which: Dim, axis: int) -> tuple[Dim, Dim]:
        """Start and extent along `axis` of strip number `which` (low and high strip of each axis in turn)."""
        cases: list[tuple[Dim, Dim]] = []
        for d in range(len(self.axes)):
            if not self.spread[d]:
                continue
            hull = (self.low[axis], self.lengths[axis] + self.spread[axis])
            inside = (self.high[axis], self.interior[axis])
            if axis < d:
                cases += [inside, inside]
            elif axis > d:
                cases += [hull, hull]
            else:
                after = self.high[axis] + self.interior[axis]
                end = self.low[axis] + self.lengths[axis] + self.spread[axis]
                cases += [(self.low[axis], Dim.of(self.spread[axis])), (after, end - after)]
        return _choose(which, [c[0] for c in cases], "start"), _choose(which, [c[1] for c in cases], "extent")

    def _part(
        self, k: int, starts: Sequence[Dim], extents: Sequence[Dim], carried: tuple[Operand, ...]
    ) -> tuple[Operand, ...]:
        """Term `k` added where its box meets the strip."""
        low = [_extreme(maximum, b, s) for b, s in zip(starts, self.starts[k], strict=True)]
        own = [s + n for s, n in zip(self.starts[k], self.lengths, strict=True)]
        high = [_extreme(minimum, b + n, e) for b, n, e in zip(starts, extents, own, strict=True)]

        def iteration(subscripts: Subscripts, inner: tuple[Operand, ...]) -> Sequence[Operand]:
            position = [b + s for b, s in zip(low, subscripts, strict=True)]
            return emit(update_add, (inner[0], self.element(k, position)), {"at": at_positions(self.place(position))})

        return nest([h - b for b, h in zip(low, high, strict=True)], carried, iteration, depth=1)


def _constant(dim: Dim) -> int:
    assert dim.constant is not None
    return dim.constant


def _data(dim: Dim) -> Operand:
    return Literal(dim.constant) if dim.constant is not None else emit(dim_value, (), {"dim": dim})[0]


def _extreme(operation: Elementwise, a: Dim, b: Dim) -> Dim:
    """The larger or the smaller of two positions."""
    difference = (a - b).constant
    if difference is not None:
        return a if (difference >= 0) == (operation is maximum) else b
    (chosen,) = emit(operation, (_data(a), _data(b)))
    assert isinstance(chosen, Var)
    return Dim.of(chosen)


def _choose(which: Dim, cases: Sequence[Dim], hint: str) -> Dim:
    """cases[which] as a dim, by selections."""
    if all(c == cases[0] for c in cases):
        return cases[0]
    value = _data(cases[-1])
    for k in reversed(range(len(cases) - 1)):
        if isinstance(value, Literal) and cases[k].constant == value.value:
            continue
        (value,) = emit(select, (emit(less, (_data(which), Literal(k + 1)))[0], _data(cases[k]), value), hint=hint)
    if isinstance(value, Literal):
        return Dim.of(int(value.value))
    assert isinstance(value, Var)
    return Dim.of(value)
