"""Drop reads of a whole array: `x[:]` is x where arrays are values.

In and out: a `Region`. Sizes that were unknown when the read was written may have turned out to be the whole axis.
"""

from __future__ import annotations

from dataclasses import replace

from gradscribe.transpiler.ir.index import whole
from gradscribe.transpiler.ir.nodes import Eqn, Operand, Region, Var
from gradscribe.transpiler.primitives.structure import index


def drop_whole_reads(region: Region, known: dict[Var, Operand] | None = None) -> Region:
    """The region without them. `known`: what dropped reads of enclosing regions are."""
    known = {} if known is None else known
    operand = lambda x: known.get(x, x) if isinstance(x, Var) else x
    eqns: list[Eqn] = []
    for eqn in region.eqns:
        operands = tuple(map(operand, eqn.operands))
        if eqn.operation is index and eqn.params["at"] == whole(operands[0].shape):
            known[eqn.result] = operands[0]
            continue
        regions = tuple(drop_whole_reads(r, known) for r in eqn.regions)
        if operands != eqn.operands or regions != eqn.regions:
            eqn = replace(eqn, operands=operands, regions=regions)
        eqns.append(eqn)
    return replace(region, eqns=tuple(eqns), results=tuple(map(operand, region.results)))
