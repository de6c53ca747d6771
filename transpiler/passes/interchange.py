"""Exchange the two innermost loops of a nest when memory is then walked along rows.

In and out: a loop-level `Function`. A pair is exchanged when one stands alone in the other, their bounds are
independent, every dependence is kept, and the accesses of the body cost less with the other counter running fastest.
Sums of floats may be rounded differently.
Source: loop permutation by the cost of the innermost loop (McKinley, Carr, Tseng: "Improving data locality with loop
transformations", TOPLAS 1996).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from gradscribe.transpiler.ir.nodes import Eqn, Function, Region, Var
from gradscribe.transpiler.ir.walk import free_vars, inner_eqns
from gradscribe.transpiler.passes.access_cost import access_cost
from gradscribe.transpiler.passes.affine.dependences import Dependences
from gradscribe.transpiler.passes.dead_code import has_effect
from gradscribe.transpiler.primitives.regions import body_carries, is_counted, loop, loop_carries, result_carries
from gradscribe.transpiler.primitives.structure import index, update, update_add


def interchange_loops(function: Function) -> Function:
    """The program with such pairs exchanged; the function itself when there are none."""
    pairs = [e for e in inner_eqns(function.region) if _is_pair(e) and _is_better(e)]
    if not pairs:
        return function
    dependences = Dependences(function)
    exchanged = {e for e in pairs if dependences.may_interchange(e, e.regions[-1].eqns[0])}
    return replace(function, region=_region(function.region, exchanged)) if exchanged else function


def _is_pair(eqn: Eqn) -> bool:
    """A counted loop whose body is one innermost counted loop over the same carries, with bounds of its own. The inner
    body sees a carry only as its own: the version that an iteration of the outer loop began with would be another one
    afterwards."""
    if eqn.operation is not loop or not is_counted(eqn) or eqn.params["exits"] or len(eqn.regions[-1].eqns) != 1:
        return False
    (inner,) = eqn.regions[-1].eqns
    if inner.operation is not loop or not is_counted(inner) or inner.params["exits"] or has_effect(inner):
        return False
    if any(e.regions for e in inner.regions[-1].eqns):
        return False
    if any(x in loop_carries(eqn) for x in free_vars(inner.regions[-1])):
        return False
    counter = eqn.regions[-1].params[0]
    bounds = (*inner.params["lo"].leaves(), *inner.params["hi"].leaves())
    same = tuple(inner.operands) == loop_carries(eqn) and body_carries(eqn) == result_carries(inner)
    return same and not any(leaf is counter or leaf in loop_carries(eqn) for leaf in bounds)


def _is_better(eqn: Eqn) -> bool:
    (inner,) = eqn.regions[-1].eqns
    outer_counter, inner_counter = eqn.regions[-1].params[0], inner.regions[-1].params[0]
    places = [
        e.params["at"] for e in inner.regions[-1].eqns if e.operation in (index, update, update_add) and e.params["at"]
    ]
    return sum(access_cost(at, outer_counter) for at in places) < sum(access_cost(at, inner_counter) for at in places)


def _region(region: Region, exchanged: Collection[Eqn]) -> Region:
    eqns = []
    for eqn in region.eqns:
        if eqn in exchanged:
            eqn = _exchanged(eqn)
        elif eqn.regions:
            inner = tuple(_region(r, exchanged) for r in eqn.regions)
            eqn = Eqn(eqn.operation, eqn.operands, eqn.results, eqn.params, inner, eqn.span)
        eqns.append(eqn)
    return Region(region.params, tuple(eqns), region.results)


def _exchanged(outer: Eqn) -> Eqn:
    (inner,) = outer.regions[-1].eqns
    outer_counter, inner_counter = outer.regions[-1].params[0], inner.regions[-1].params[0]
    carries = loop_carries(outer)
    body = Region((outer_counter, *loop_carries(inner)), inner.regions[-1].eqns, inner.regions[-1].results)
    fresh = tuple(Var(r.type, r.hint) for r in inner.results)
    nested = Eqn(loop, carries, fresh, outer.params, (body,), inner.span)
    region = Region((inner_counter, *carries), (nested,), fresh)
    return Eqn(loop, outer.operands, outer.results, inner.params, (region,), outer.span)


