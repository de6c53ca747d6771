"""Which values differ from lane to lane of a batch.

In: a `Region` and the values known to be batched. Out: the set of all values that may differ between lanes. Assumes a
verified program. Establishes: a value outside the set is the same in every lane; a loop carry is batched as a whole
(parameter, returned value and result together); what is decided by a batched predicate, bound or exit code is
batched.
"""

from __future__ import annotations

from collections.abc import Iterable

from gradscribe.transpiler.ir.dims import Dim
from gradscribe.transpiler.ir.nodes import Eqn, Operand, Region, Var
from gradscribe.transpiler.ir.walk import dim_vars, eqn_dims, param_dims
from gradscribe.transpiler.primitives.collectives import mentions_axis
from gradscribe.transpiler.primitives.regions import body_carries, if_, loop, loop_carries, result_carries


def lane_dependent(region: Region, batched: Iterable[Var], axis_name: str | None = None) -> set[Var]:
    """The given values and all that are computed from them, at any depth; and what collectives over the axis of the
    batch give each lane of its own."""
    lanes = set(batched)
    _spread(region, lanes, axis_name)
    return lanes


def any_batched(operands: Iterable[Operand], lanes: set[Var]) -> bool:
    return any(isinstance(x, Var) and x in lanes for x in operands)


def mentions_batched(dims: Iterable[Dim], lanes: set[Var]) -> bool:
    """Some polynomial has a batched integer in it: a size, bound or position that differs from lane to lane."""
    return any(v in lanes for d in dims for v in dim_vars(d))


def has_batched_control(eqn: Eqn, lanes: set[Var]) -> bool:
    """The lanes do not take the same way through this `loop` or `if` itself (regions inside not counted)."""
    if eqn.operation is if_:
        return any_batched(eqn.operands, lanes)
    bounds = (d for value in eqn.params.values() for d in param_dims(value))
    tests = [r for region in eqn.regions[:-1] for r in region.results]
    codes = eqn.regions[-1].results[:1] if eqn.params["exits"] else ()
    return mentions_batched(bounds, lanes) or any_batched([*tests, *codes], lanes)


def _spread(region: Region, lanes: set[Var], axis_name: str | None) -> None:
    for eqn in region.eqns:
        if eqn.operation is loop:
            _spread_loop(eqn, lanes, axis_name)
        elif mentions_axis(eqn, axis_name):
            if eqn.operation.differs:
                lanes.update(eqn.results)
        elif eqn.operation is if_:
            for inner in eqn.regions:
                _spread(inner, lanes, axis_name)
            everything = has_batched_control(eqn, lanes)
            for k, result in enumerate(eqn.results):
                if everything or any_batched((r.results[k] for r in eqn.regions), lanes):
                    lanes.add(result)
        elif any_batched(eqn.operands, lanes) or mentions_batched(eqn_dims(eqn), lanes):
            lanes.update(eqn.results)


def _spread_loop(eqn: Eqn, lanes: set[Var], axis_name: str | None) -> None:
    carries = [region.params[-len(eqn.operands) :] if eqn.operands else () for region in eqn.regions]
    returned = body_carries(eqn)
    for k, init in enumerate(eqn.operands):
        if any_batched((init,), lanes):
            lanes.update(params[k] for params in carries)
    while True:
        before = len(lanes)
        for region in eqn.regions:
            _spread(region, lanes, axis_name)
        for k, value in enumerate(returned):
            if any_batched((value,), lanes):
                lanes.update(params[k] for params in carries)
        if has_batched_control(eqn, lanes):
            lanes.update(eqn.results)
            for region in eqn.regions:
                lanes.update(region.params)
        if len(lanes) == before:
            break
    lanes.update(r for p, r in zip(loop_carries(eqn), result_carries(eqn), strict=True) if p in lanes)
