"""What an array still holds at the end: may a later write touch this element?

In: a `Function`. Out: `ArrayHistory`, the versions of every array that lead up to its last one, and whether an element
of a version is still found in it. Yes is a proof; everything else is None.

A *lineage* runs from an array value at the end of a region back through updates, copies, loops whose body hands on its
own parameter, and branches that agree on where they come from. Every version on it is an ancestor of the last one, and
what lies between the two are exactly the writes of the lineage that are later than the version's definition (not than
the read: in SSA an old version may be read after it was superseded). A fork (an old version updated again) and a
buffer swap are not on the lineage. An element survives if no later write touches it, whether that write is sure to run
or not.
Source: the "to be recorded" analysis of reverse mode (L. Hascoët, U. Naumann, V. Pascual 2005), per element.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gradscribe.transpiler.ir.index import At, Index
from gradscribe.transpiler.ir.nodes import Eqn, Function, Operand, Region, Var
from gradscribe.transpiler.ir.types import ArrayType
from gradscribe.transpiler.passes.affine.access import AccessSystem, Layout, Moment, later, same_element
from gradscribe.transpiler.primitives.regions import body_carries, if_, loop, loop_carries, result_carries
from gradscribe.transpiler.primitives.structure import copy, index, update, update_add, zeros


@dataclass(frozen=True, eq=False)
class Lineage:
    """Versions and writes that lead to `last`, inside the region of `last`; `first` is where it starts (None if that
    is no
    value of the region, such as a captured array of an outer one)."""

    last: Var
    versions: Mapping[Var, None]
    writes: tuple[Eqn, ...]
    first: Var | None


@dataclass(frozen=True)
class Place:
    """A position in a region, in the half steps of `Moment`."""

    region: Region
    position: int


def is_array(operand: Operand) -> bool:
    return isinstance(operand, Var) and isinstance(operand.type, ArrayType) and operand.type.rank > 0


class ArrayHistory:
    """The lineages of a function's arrays."""

    def __init__(self, function: Function, layout: Layout | None = None) -> None:
        self.layout = layout or Layout(function)
        self._lineages: dict[Region, list[Lineage]] = {}
        self._previous: dict[Var, Var | None] = {}
        self._answers: dict[Any, bool] = {}

    # ---- following versions ----
    def previous(self, version: Var) -> Var | None:
        """The version that `version` was made from, when it holds the same elements except for writes; None at a
        start."""
        if version not in self._previous:
            eqn = version.definition
            self._previous[version] = None if eqn is None else self._made_from(version, eqn)
        return self._previous[version]

    def _made_from(self, version: Var, eqn: Eqn) -> Var | None:
        if eqn.operation in (update, update_add, copy):
            source: Operand | None = eqn.operands[0]
        elif eqn.operation is loop and version in result_carries(eqn):
            k = result_carries(eqn).index(version)
            stays = self.origin(body_carries(eqn)[k], eqn.regions[-1]) is loop_carries(eqn)[k]
            source = eqn.operands[k] if stays else None
        elif eqn.operation is if_:
            k = eqn.results.index(version)
            origins = [self.origin(region.results[k], region) for region in eqn.regions]
            source = origins[0] if origins[0] is origins[1] else None
        else:
            source = None
        return source if isinstance(source, Var) else None

    def origin(self, operand: Operand, region: Region) -> Var | None:
        """The parameter of `region`, or the value captured from outside it, whose elements `operand` holds except for
        writes
        in `region`; None if it is made in the region."""
        version = operand if isinstance(operand, Var) else None
        while version is not None and self.layout.home[version][0] is region and version not in region.params:
            version = self.previous(version)
        return version

    def lineages(self, region: Region) -> list[Lineage]:
        """One for each array value of `region` that is the last of its kind there: not superseded inside the region.

        Those that the region returns come first (they are alive anyway), then the others in program order."""
        if region not in self._lineages:
            values = [*region.params, *(r for eqn in region.eqns for r in eqn.results)]
            spent = self._spent(region)
            is_parameter = region is self.layout.root
            last = [v for v in values if is_array(v) and (v not in spent or (is_parameter and v in region.params))]
            last.sort(key=lambda v: v not in region.results)
            self._lineages[region] = [self.lineage(v) for v in last]
        return self._lineages[region]

    def lineage(self, last: Var) -> Lineage:
        """The versions and writes that lead to `last`."""
        region = self.layout.home[last][0]
        versions: dict[Var, None] = {}
        writes: dict[Eqn, None] = {}
        start = self._trace(last, region, versions, writes)
        return Lineage(last, versions, tuple(writes), start)

    def _trace(
        self, operand: Operand, region: Region, versions: dict[Var, None], writes: dict[Eqn, None]
    ) -> Var | None:
        """Collect the versions of `region` behind `operand` and those of the regions inside; returns the earliest of
        `region`."""
        earliest: Var | None = None
        version = operand if isinstance(operand, Var) else None
        while version is not None and self.layout.home[version][0] is region:
            versions.setdefault(version)
            earliest, eqn, before = version, version.definition, self.previous(version)
            if before is not None and eqn is not None:
                if eqn.operation in (update, update_add):
                    writes.setdefault(eqn)
                elif eqn.operation is loop:
                    k = result_carries(eqn).index(version)
                    self._trace(body_carries(eqn)[k], eqn.regions[-1], versions, writes)
                elif eqn.operation is if_:
                    k = eqn.results.index(version)
                    for branch in eqn.regions:
                        self._trace(branch.results[k], branch, versions, writes)
            version = before
        return earliest if version is None else None

    def _spent(self, region: Region) -> set[Var]:
        """Arrays of `region` whose storage something in it takes over: reading them later would cost a copy."""
        spent: set[Var] = set()
        for eqn in region.eqns:
            spent.update(_taken_over(eqn))
            if eqn.operation is if_:
                for branch in eqn.regions:
                    spent.update(v for v in branch.results if isinstance(v, Var))
                    spent.update(self._spent(branch))
        return spent

    # ---- the public questions ----
    def final_version(self, var: Var) -> Var | None:
        """The last version, in the root region, of the array that `var` is a version of; None if `var` does not lead
        to it."""
        for found in self._leading(var, self.layout.root):
            return found.last
        return None

    def _leading(self, version: Var, region: Region) -> Iterator[Lineage]:
        every = self.lineages(region)
        yield from (x for x in every if x.last is version)
        yield from (x for x in every if x.last is not version and version in x.versions)

    def still_holds(self, eqn: Eqn, within: Region | None = None) -> tuple[Var, Index] | None:
        """For an `index` equation: where its result can be read at the end. For an `update`: where what it stored can
        be."""
        if eqn.operation is index:
            found = self.survives(base_of(eqn), eqn.params["at"], self.layout.place[eqn][0], within)
        elif eqn.operation is update:
            found = self.survives(eqn.result, eqn.params["at"], self.layout.place[eqn][0], within)
        else:
            found = None
        return None if found is None else (found, eqn.params["at"])

    def survives(self, version: Var | None, at: Index, region: Region, within: Region | None = None) -> Var | None:
        """A value A of the root region (or of the region `within`) with A[at] == version[at] for every execution of
        `region`,
        in which `at` is written."""
        outer = within or self.layout.root
        if version is None or not self.layout.encloses(outer, region):
            return None
        for found in self._leading(version, outer):
            if not self._is_touched(version, at, region, outer, found, after=True):
                return found.last
        for found in self._leading(version, outer):
            # what nobody has written yet is still in the caller's array
            if found.first is not None and outer is self.layout.root and found.first in outer.params:
                if not self._is_touched(version, at, region, outer, found, after=False):
                    return found.first
        return None

    def is_still_zero(self, version: Var, at: Index, region: Region, within: Region | None = None) -> bool:
        """`version[at]` is zero in every execution of `region`: the array began as zeros, nothing was written there."""
        outer = within or self.layout.root
        for found in self._leading(version, outer):
            start = found.first.definition if found.first is not None else None
            if start is not None and start.operation is zeros:
                if not self._is_touched(version, at, region, outer, found, after=False):
                    return True
        return False

    def _is_touched(
        self, version: Var, at: Index, region: Region, outer: Region, line: Lineage, after: bool
    ) -> bool:
        """May a write of `line` that is later (or earlier, unless `after`) than `version` touch an element of
        `at`?"""
        if after and version is line.last:
            return False
        return any(self.touches(write, version, at, region, outer, after) for write in line.writes)

    def touches(self, write: Eqn, version: Var, at: Index, region: Region, outer: Region, after: bool) -> bool:
        """The same question for one write. The answer depends on the places of version and write only through their
        regions and through which of them comes first where the ways down to them part: equal statements are asked
        about once."""
        home, position = self.layout.home[version]
        write_home, write_position = self.layout.place[write]
        if _are_apart(at, write.params["at"], self.layout):
            return False
        defined_at, written_at = 2 * position + 1, 2 * write_position
        first = self._parting(home, defined_at, write_home, written_at)
        key = (at, region, home, write.params["at"], write_home, first, outer, after)
        if key not in self._answers:
            self._answers[key] = self._is_reached(
                at, region, Place(home, defined_at), write.params["at"], Place(write_home, written_at), outer, after
            )
        return self._answers[key]

    def _parting(self, home: Region, position: int, other: Region, other_position: int) -> bool:
        """Whether the first place comes before the other where the ways down from the root part."""
        layout = self.layout
        way, other_way = layout.path(home), layout.path(other)
        k = 0
        while k < min(len(way), len(other_way)) and way[k] is other_way[k]:
            k += 1
        first = position if k == len(way) else 2 * layout.place[layout.owner[way[k]]][1]
        second = other_position if k == len(other_way) else 2 * layout.place[layout.owner[other_way[k]]][1]
        return first < second

    def _is_reached(
        self, at: Index, region: Region, defined: Place, write_at: Index, written: Place, outer: Region, after: bool
    ) -> bool:
        """Is there a write, later (or earlier, unless `after`) than the definition, that touches an element of
        `at`?"""
        layout = self.layout
        system = AccessSystem(layout)
        reader, writer = system.instance("r", region), system.instance("w", written.region)
        definition = reader.moment(len(layout.path(defined.region)), defined.position)
        writing = Moment(writer.steps, written.position)
        orders = later(definition, writing) if after else later(writing, definition)
        depth = len(layout.path(outer))
        cases = [order for order in orders if order.shared >= depth]
        if not cases:
            return False
        same = same_element(system.positions(at, "r"), system.positions(write_at, "w"))
        for case in cases:
            values = system.same_values(reader, writer, case.shared)
            conjunction = system.constraints().restrict((*same, *case.equalities, *values), case.inequalities)
            if not conjunction.is_empty():
                return True
        return False


def _are_apart(at: Index, other: Index, layout: Layout) -> bool:
    """Two positions on some axis differ by a constant, both being the same for all executions."""
    for a, b in zip(at, other):
        if isinstance(a, At) and isinstance(b, At) and (a.position - b.position).constant not in (None, 0):
            if all(layout.is_invariant(leaf) for leaf in a.position.leaves()):
                return True
    return False


def base_of(eqn: Eqn) -> Var | None:
    array = eqn.operands[0]
    return array if isinstance(array, Var) else None


def _taken_over(eqn: Eqn) -> list[Var]:
    """Operands whose storage an equation may go on using for its result."""
    if eqn.operation in (update, update_add):
        return [x for x in eqn.operands[:1] if isinstance(x, Var)]
    if eqn.operation is loop:
        return [x for x in eqn.operands if isinstance(x, Var)]
    return []
