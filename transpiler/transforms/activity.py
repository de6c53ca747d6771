"""Which values carry derivatives: those that vary with the chosen parameters and matter for the chosen results.

In: a `Function`, parameter and result positions. Out: sets of values. Assumes a verified program. Only floating
values (and stacks of
them) are ever active; a loop carry is active as a whole (initial value, parameter, returned value and result together).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gradscribe.transpiler.ir.nodes import Function, Operand, Region, Var
from gradscribe.transpiler.ir.types import StackType
from gradscribe.transpiler.primitives.regions import body_carries, if_, loop, loop_carries, result_carries
from gradscribe.transpiler.primitives.stacks import stack_new


def varied(function: Function, wrt: Sequence[int]) -> set[Var]:
    """Floating values that depend on the parameters at positions `wrt`. Stacks of floats always count: their tangents
    must
    stay in step with them."""
    seeds = {function.params[k] for k in wrt if function.params[k].type.is_float}
    return varied_by(function.region, seeds)


def varied_by(region: Region, seeds: set[Var]) -> set[Var]:
    """Floating values of a region that depend on the given ones (these included)."""
    reached = set(seeds)
    _spread(region, reached)
    return reached


def _hit(operands: Iterable[Operand], reached: set[Var]) -> bool:
    return any(isinstance(x, Var) and x in reached for x in operands)


def _spread(region: Region, reached: set[Var]) -> None:
    for eqn in region.eqns:
        if eqn.operation is loop:
            params, returned, results = loop_carries(eqn), body_carries(eqn), result_carries(eqn)
            for param, init in zip(params, eqn.operands, strict=True):
                if _hit((init,), reached):
                    reached.add(param)
            while True:
                before = len(reached)
                _spread(eqn.regions[-1], reached)
                for param, value in zip(params, returned, strict=True):
                    if _hit((value,), reached) and param.type.is_float:
                        reached.add(param)
                if len(reached) == before:
                    break
            reached.update(r for p, r in zip(params, results, strict=True) if p in reached)
        elif eqn.operation is if_:
            for inner in eqn.regions:
                _spread(inner, reached)
            for k, result in enumerate(eqn.results):
                if _hit((r.results[k] for r in eqn.regions), reached) and result.type.is_float:
                    reached.add(result)
        elif eqn.operation is stack_new or _hit(eqn.operands, reached):
            reached.update(r for r in eqn.results if r.type.is_float)


def useful(function: Function, results: Sequence[int]) -> set[Var]:
    """Values that the results at the given positions are computed from."""
    wanted: set[Var] = set()
    _want(wanted, (function.results[k] for k in results))
    _collect(function.region, wanted)
    return wanted


def _want(wanted: set[Var], operands: Iterable[Operand]) -> None:
    wanted.update(x for x in operands if isinstance(x, Var))


def _collect(region: Region, wanted: set[Var]) -> None:
    for eqn in reversed(region.eqns):
        if not any(r in wanted for r in eqn.results):
            continue
        if eqn.operation is loop:
            params, returned, results = loop_carries(eqn), body_carries(eqn), result_carries(eqn)
            needed = {k for k, r in enumerate(results) if r in wanted}
            while True:
                for k in sorted(needed):
                    wanted.add(params[k])
                    _want(wanted, (returned[k], eqn.operands[k]))
                _collect(eqn.regions[-1], wanted)
                more = needed | {k for k, p in enumerate(params) if p in wanted}
                if more == needed:
                    break
                needed = more
            wanted.update(results[k] for k in needed)
        elif eqn.operation is if_:
            for k, result in enumerate(eqn.results):
                if result in wanted:
                    _want(wanted, (r.results[k] for r in eqn.regions))
            for inner in eqn.regions:
                _collect(inner, wanted)
        else:
            _want(wanted, eqn.operands)
            if any(isinstance(r.type, StackType) for r in eqn.results) or any(
                isinstance(x.type, StackType) for x in eqn.operands
            ):
                wanted.update(eqn.results)


def active(function: Function, wrt: Sequence[int], results: Sequence[int]) -> set[Var]:
    """Values that a cotangent must be carried for."""
    reached = varied(function, wrt)
    return reached & useful(function, results)


def useful_in(region: Region, results: Sequence[Operand]) -> set[Var]:
    """Values that the given operands, as results of `region`, are computed from (captures included)."""
    wanted: set[Var] = set()
    _want(wanted, results)
    _collect(region, wanted)
    return wanted
