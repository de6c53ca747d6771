"""Loads of what was just stored: use the stored scalar instead.

In and out: a loop-level `Function`. `index(update(x, v, at=p), at=p)` is v; a write to a place that is provably
another one is looked through. With dead-code removal this turns an array that lives within one iteration into a
scalar.
"""

from __future__ import annotations

from gradscribe.transpiler.ir.index import At, Index
from gradscribe.transpiler.ir.nodes import Eqn, Function, Operand, Region, Var
from gradscribe.transpiler.ir.walk import Substitution
from gradscribe.transpiler.passes.ownership import WRITES
from gradscribe.transpiler.primitives.structure import index, update


def forward_stores(function: Function) -> Function:
    """The program with forwarded loads."""
    region = _region(function.region, Substitution())
    return Function(function.name, region, function.guards, function.result_hints, function.span)


def _region(region: Region, env: Substitution) -> Region:
    eqns: list[Eqn] = []
    for eqn in region.eqns:
        operands = tuple(env.operand(x) for x in eqn.operands)
        if eqn.operation is index and isinstance(operands[0], Var) and not eqn.result.type.dims():
            found = _stored_value(operands[0], env.params(eqn.params)["at"], eqn.result)
            if found is not None:
                env[eqn.result] = found
                continue
        regions = tuple(_region(r, env) for r in eqn.regions)
        eqns.append(Eqn(eqn.operation, operands, eqn.results, env.params(eqn.params), regions, eqn.span))
    return Region(region.params, tuple(eqns), tuple(env.operand(x) for x in region.results))


def _stored_value(x: Var, at: Index, loaded: Var) -> Operand | None:
    while x.definition is not None and x.definition.operation in WRITES:
        written = x.definition.params["at"]
        if x.definition.operation is update and written == at:
            value = x.definition.operands[1]
            return value if value.type.dtype == loaded.dtype and not value.type.dims() else None
        if not _elsewhere(written, at):
            return None
        base = x.definition.operands[0]
        if not isinstance(base, Var):
            return None
        x = base
    return None


def _elsewhere(a: Index, b: Index) -> bool:
    """The two positions differ on some axis by a constant."""
    for c, d in zip(a, b, strict=True):
        if isinstance(c, At) and isinstance(d, At):
            difference = (c.position - d.position).constant
            if difference is not None and difference != 0:
                return True
    return False
