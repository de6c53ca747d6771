"""Where the versions of one array are touched inside a region.

In: a region of loop-level IR and an array value it sees. Out: the subscripts of every read and write of that value
and of the versions made from it, or None when something else is done with it (a whole-array use).
"""

from __future__ import annotations

from collections.abc import Sequence

from gradscribe.transpiler.ir.dims import Dim
from gradscribe.transpiler.ir.index import At, Index
from gradscribe.transpiler.ir.nodes import Eqn, Region, Var
from gradscribe.transpiler.passes.ownership import WRITES
from gradscribe.transpiler.primitives.regions import body_carries, if_, loop, loop_carries, result_carries
from gradscribe.transpiler.primitives.structure import index


class Accesses:
    """Subscripts at which `root` and its later versions are read and written in `region`."""

    def __init__(self, region: Region, root: Var) -> None:
        self.family: set[Var] = {root}
        self.at: list[Index] = []
        self.regular = True
        self._scan(region.eqns)

    def _scan(self, eqns: Sequence[Eqn]) -> None:
        for eqn in eqns:
            if eqn.operation is loop:
                self._loop(eqn)
            elif eqn.operation is if_:
                self._if(eqn)
            elif (
                eqn.operands and eqn.operands[0] in self.family and (eqn.operation is index or eqn.operation in WRITES)
            ):
                at = eqn.params["at"]
                self.at.append(at)
                self.regular &= all(isinstance(c, At) for c in at)
                if eqn.operation in WRITES:
                    self.family.add(eqn.result)
                self.regular &= not any(x in self.family for x in eqn.operands[1:])
            elif any(x in self.family for x in eqn.operands):
                self.regular = False

    def _loop(self, eqn: Eqn) -> None:
        carried = [k for k, x in enumerate(eqn.operands) if x in self.family]
        for k in carried:
            self.family.add(loop_carries(eqn)[k])
            if len(eqn.regions) == 2:
                self.family.add(eqn.regions[0].params[k])
        for region in eqn.regions:
            self._scan(region.eqns)
        for k, x in enumerate(body_carries(eqn)):
            if (x in self.family) != (k in carried):
                self.regular = False
        self.family.update(result_carries(eqn)[k] for k in carried)

    def _if(self, eqn: Eqn) -> None:
        for region in eqn.regions:
            self._scan(region.eqns)
        for k, pair in enumerate(zip(eqn.regions[0].results, eqn.regions[1].results, strict=True)):
            hits = [x in self.family for x in pair]
            if all(hits):
                self.family.add(eqn.results[k])
            elif any(hits):
                self.regular = False

    def aligned_axes(self, counter: Var) -> dict[int, int] | None:
        """Axes at which every access has the position counter + c, with that constant c; None if some use is
        irregular."""
        if not self.regular:
            return None
        axes: dict[int, int] | None = None
        for at in self.at:
            here: dict[int, int] = {}
            for axis, c in enumerate(at):
                assert isinstance(c, At)
                offset = (c.position - Dim.of(counter)).constant
                if offset is not None:
                    here[axis] = offset
            axes = here if axes is None else {a: c for a, c in axes.items() if here.get(a) == c}
        return axes
