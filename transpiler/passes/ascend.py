"""Innermost loops that run downwards, run upwards where nothing depends on the order: compilers vectorise those better.

In and out: a loop-level `Function`. Scalar sums are then added in the opposite order (their order is free, see
`reassociate`); no other result changes.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from gradscribe.transpiler.ir.nodes import Eqn, Function, Region
from gradscribe.transpiler.ir.types import ArrayType
from gradscribe.transpiler.ir.walk import inner_eqns
from gradscribe.transpiler.passes.affine.dependences import Dependence, Dependences
from gradscribe.transpiler.passes.dead_code import has_effect
from gradscribe.transpiler.primitives.regions import is_counted, loop, loop_carries


def run_upwards(function: Function) -> Function:
    """The program with the directions of such loops turned."""
    dependences = Dependences(function)
    turned = {e for e in inner_eqns(function.region) if _may_turn(e, dependences)}
    return replace(function, region=_region(function.region, turned)) if turned else function


def _region(region: Region, turned: Collection[Eqn]) -> Region:
    eqns = []
    for eqn in region.eqns:
        if eqn.regions:
            params = {**eqn.params, "direction": 1} if eqn in turned else eqn.params
            inner = tuple(_region(r, turned) for r in eqn.regions)
            eqn = Eqn(eqn.operation, eqn.operands, eqn.results, params, inner, eqn.span)
        eqns.append(eqn)
    return Region(region.params, tuple(eqns), region.results)


def _may_turn(eqn: Eqn, dependences: Dependences) -> bool:
    if eqn.operation is not loop or not is_counted(eqn) or eqn.params["direction"] > 0:
        return False
    if has_effect(eqn) or any(e.regions for e in eqn.regions[-1].eqns) or eqn.params["exits"]:
        return False  # (which of two checks fails first is seen outside)
    for k, param in enumerate(loop_carries(eqn)):
        is_scalar = isinstance(param.type, ArrayType) and param.type.rank == 0
        allowed = Dependence.ACCUMULATION if is_scalar else Dependence.NONE
        if dependences.of_carry(eqn, k) > allowed:
            return False
    return True
