"""Move writes of constants down to just before their next use, and merge them with an accumulation they then meet.

In and out: a `Function`. Establishes: between a constant write (the zeroing that reverse mode puts after each read of
a cotangent) and
the next use of its result there is nothing, so what it overwrites is read in place first and needs no copy; `x[i] =
0; x[i] += v` is
`x[i] = v` (exact up to the sign of zero). The order of writes to one array does not change.
"""

from __future__ import annotations

from gradscribe.transpiler.ir.nodes import Eqn, Function, Literal, Operand, Region, Var
from gradscribe.transpiler.ir.walk import eqn_reads
from gradscribe.transpiler.primitives.primitive import is_literal
from gradscribe.transpiler.primitives.structure import update, update_add


def sink_writes(function: Function) -> Function:
    """The program with its constant writes sunk and merged."""
    region = _sink(function.region)
    return Function(function.name, region, function.guards, function.result_hints, function.span)


def _is_constant_write(eqn: Eqn) -> bool:
    return eqn.operation is update and isinstance(eqn.operands[1], Literal)


def _sink(region: Region) -> Region:
    eqns = list(region.eqns)
    for k, eqn in enumerate(eqns):
        if eqn.regions:
            inner = tuple(_sink(r) for r in eqn.regions)
            eqns[k] = Eqn(eqn.operation, eqn.operands, eqn.results, eqn.params, inner, eqn.span)
    for write in [e for e in reversed(eqns) if _is_constant_write(e)]:
        place = eqns.index(write)
        use = next(
            (k for k in range(place + 1, len(eqns)) if write.result in eqn_reads(eqns[k], with_types=False)), len(eqns)
        )
        eqns.insert(use, write)
        del eqns[place]
    return Region(region.params, _merged(eqns, region.results), region.results)


def _merged(eqns: list[Eqn], results: tuple[Operand, ...]) -> tuple[Eqn, ...]:
    """`update(x, 0, at)` followed by `update_add(·, v, at)` as one `update(x, v, at)`."""
    uses: dict[Var, int] = {}
    for eqn in eqns:
        for x in eqn_reads(eqn, with_types=False):
            uses[x] = uses.get(x, 0) + 1
    for operand in results:
        if isinstance(operand, Var):
            uses[operand] = uses.get(operand, 0) + 1
    out: list[Eqn] = []
    for eqn in eqns:
        last = out[-1] if out else None
        if (
            last is not None
            and eqn.operation is update_add
            and _is_constant_write(last)
            and is_literal(last.operands[1], 0)
            and eqn.operands[0] is last.result
            and uses[last.result] == 1
            and eqn.params["at"] == last.params["at"]
            and eqn.operands[2:] == last.operands[2:]
            and not eqn.operands[2:]  # repeated positions accumulate
        ):
            out[-1] = Eqn(update, (last.operands[0], *eqn.operands[1:]), eqn.results, last.params, (), eqn.span)
        else:
            out.append(eqn)
    return tuple(out)
