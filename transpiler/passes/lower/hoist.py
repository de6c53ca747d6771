"""Workspaces of a loop body, allocated once before the loop.

In and out: a loop-level `Function`. An array that is allocated uninitialised in a loop body, used only there, and whose
size is the same in every iteration becomes a carry of the loop: its last version in one iteration is the memory of the
next.
"""

from __future__ import annotations

from gradscribe.transpiler.ir.nodes import Eqn, Function, Region, Var, region_vars
from gradscribe.transpiler.ir.walk import dim_vars, eqn_reads
from gradscribe.transpiler.passes.lower.accesses import Accesses
from gradscribe.transpiler.passes.ownership import consumed_operands
from gradscribe.transpiler.primitives.allocation import empty
from gradscribe.transpiler.primitives.regions import is_counted, loop


def hoist_workspaces(function: Function) -> Function:
    """The program with allocations moved out of loops, as far out as their sizes allow."""
    region = _region(function.region)
    return Function(function.name, region, function.guards, function.result_hints, function.span)


def _region(region: Region) -> Region:
    eqns: list[Eqn] = []
    for eqn in region.eqns:
        if eqn.regions:
            regions = tuple(_region(r) for r in eqn.regions)
            eqn = Eqn(eqn.operation, eqn.operands, eqn.results, eqn.params, regions, eqn.span)
        if eqn.operation is loop:
            moved, eqn = _hoisted(eqn)
            eqns += moved
        eqns.append(eqn)
    return Region(region.params, tuple(eqns), region.results)


def _hoisted(eqn: Eqn) -> tuple[list[Eqn], Eqn]:
    """Allocations to stand before the loop, and the loop with one more carry for each."""
    body = eqn.regions[-1]
    inside = set(region_vars(body))
    moved: list[Eqn] = []
    params, operands, results, returned = list(body.params), list(eqn.operands), list(eqn.results), list(body.results)
    condition = list(eqn.regions[0].params) if not is_counted(eqn) else []
    kept: list[Eqn] = []
    for inner in body.eqns:
        last = _last_version(body, inner.result) if inner.operation is empty else None
        if last is None or any(v in inside for d in inner.params["shape"] for v in dim_vars(d)):
            kept.append(inner)
            continue
        old = inner.result
        outer = Var(old.type, old.hint)
        moved.append(Eqn(empty, (), (outer,), inner.params, (), inner.span))
        params.append(old)  # the name inside the body: now a parameter
        old.definition = None
        operands.append(outer)
        results.append(Var(old.type, old.hint))
        returned.append(last)
        if condition or not is_counted(eqn):
            condition.append(Var(old.type, old.hint))
    if not moved:
        return [], eqn
    regions = [Region(tuple(params), tuple(kept), tuple(returned))]
    if not is_counted(eqn):
        regions.insert(0, Region(tuple(condition), eqn.regions[0].eqns, eqn.regions[0].results))
    return moved, Eqn(loop, tuple(operands), tuple(results), eqn.params, tuple(regions), eqn.span)


def _last_version(body: Region, workspace: Var) -> Var | None:
    """The version whose memory the next iteration may take; None if the workspace leaves the body, or its versions
    fork."""
    accesses = Accesses(body, workspace)
    if not accesses.regular or any(x in accesses.family for x in body.results):
        return None
    version = workspace
    while True:
        consumers = [e for e in body.eqns if any(e.operands[k] is version for k in consumed_operands(e))]
        inner = [e for e in body.eqns if e not in consumers and version in eqn_reads(e, with_types=False)]
        if not consumers:
            return version
        if len(consumers) > 1 or any(_consumes_inside(e, version) for e in inner):
            return None
        successors = [r for r in consumers[0].results if r in accesses.family]
        if len(successors) != 1:
            return None
        (version,) = successors


def _consumes_inside(eqn: Eqn, version: Var) -> bool:
    return any(
        any(e.operands[k] is version for k in consumed_operands(e)) or _consumes_inside(e, version)
        for r in eqn.regions
        for e in r.eqns
    )
