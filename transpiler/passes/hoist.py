"""Move work that does not change between iterations in front of its loop.

In and out: a `Function`. Assumes SSA, so that a value whose operands are all defined outside the loop is the same in
every iteration.
Moved are pure equations that cannot fail, allocate nothing that is written later, and are worth a name of their own:
array
arithmetic, reductions, contractions, transcendental functions. Loads and scalar arithmetic stay where the user wrote
them.
Establishes: the program computes the same bits; what was in a loop that never runs may now run once.
"""

from __future__ import annotations

from gradscribe.transpiler.ir.nodes import Effect, Eqn, Function, Region, Var
from gradscribe.transpiler.ir.types import ArrayType
from gradscribe.transpiler.ir.walk import eqn_reads, region_definitions
from gradscribe.transpiler.primitives.contraction import dot_general
from gradscribe.transpiler.primitives.primitive import Elementwise, Reduction, Reindex
from gradscribe.transpiler.primitives.regions import loop

# Scalar arithmetic that is cheaper than keeping its result.
_CHEAP = frozenset("add subtract multiply divide negative square absolute select maximum minimum integer_power".split())


def hoist_invariants(function: Function) -> Function:
    region = _hoist(function.region)
    return Function(
        function.name, region, function.guards, function.result_hints, function.span, function.backward_from
    )


def _hoist(region: Region) -> Region:
    eqns: list[Eqn] = []
    for eqn in region.eqns:
        regions = tuple(_hoist(r) for r in eqn.regions)
        if eqn.operation is loop:
            body, moved = _split(regions[-1])
            eqns.extend(moved)
            regions = (*regions[:-1], body)
        if eqn.regions:
            eqn = Eqn(eqn.operation, eqn.operands, eqn.results, eqn.params, regions, eqn.span)
        eqns.append(eqn)
    return Region(region.params, tuple(eqns), region.results)


def _split(body: Region) -> tuple[Region, list[Eqn]]:
    """The body without its invariant equations, and those, in order. Views stay behind, but what is made of an
    invariant
    view may move: the view then moves along."""
    inside = region_definitions(body)
    wanted: dict[Eqn, None] = {}
    invariant: dict[Var, Eqn] = {}
    for eqn in body.eqns:
        if not _is_movable(eqn) or any(v in inside and v not in invariant for v in eqn_reads(eqn)):
            continue
        invariant[eqn.result] = eqn
        if _is_worth_it(eqn):
            _want(eqn, invariant, wanted)
    moved = [e for e in body.eqns if e in wanted]
    return Region(body.params, tuple(e for e in body.eqns if e not in wanted), body.results), moved


def _want(eqn: Eqn, invariant: dict[Var, Eqn], wanted: dict[Eqn, None]) -> None:
    wanted[eqn] = None
    for var in eqn_reads(eqn):
        if var in invariant and invariant[var] not in wanted:
            _want(invariant[var], invariant, wanted)


def _is_movable(eqn: Eqn) -> bool:
    operation = eqn.operation
    if eqn.regions or len(eqn.results) != 1 or operation.effect is not Effect.PURE or operation.allocates:
        return False
    return isinstance(operation, (Elementwise, Reduction, Reindex)) or operation is dot_general


def _is_worth_it(eqn: Eqn) -> bool:
    if isinstance(eqn.operation, Reindex):
        return False
    if isinstance(eqn.operation, Elementwise):
        type = eqn.result.type
        return (isinstance(type, ArrayType) and type.rank > 0) or eqn.operation.name not in _CHEAP
    return True
