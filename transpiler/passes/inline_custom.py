"""Calls with custom rules become what they call: the last transformation has been made.

In and out: a `Function`. Establishes: no `custom_call` is left, in functions called by name neither.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from gradscribe.transpiler.ir.builder import append_eqn, at_span, build_body, build_region, current_block
from gradscribe.transpiler.ir.callees import Callee, callees_in
from gradscribe.transpiler.ir.nodes import Eqn, Function, Operand, Region, Var
from gradscribe.transpiler.ir.walk import Substitution, clone_eqn, inner_eqns
from gradscribe.transpiler.passes.dead_code import drop_dead_code
from gradscribe.transpiler.primitives.calls import CALLS
from gradscribe.transpiler.primitives.custom import custom_call, fitted, inline


def without_custom_calls(function: Function) -> Function:
    """The program with the bodies of functions that have custom rules in line."""
    if not _mentions(function.region, set()):
        return function
    backward = function.backward_from
    reverse = set() if backward is None else {r for e in function.region.eqns[backward:] for r in e.results}
    env = Substitution({p: p for p in function.params})
    starts: list[int] = []
    region = build_body(function.params, lambda *_: _copied(function.region, env, reverse, starts))
    made = replace(function, region=region, backward_from=starts[0] if starts else None)
    return drop_dead_code(made)


def _mentions(region: Region, seen: set[Callee]) -> bool:
    if any(eqn.operation is custom_call for eqn in inner_eqns(region)):
        return True
    for callee in callees_in(region):
        if callee not in seen and callee.complete:
            seen.add(callee)
            if _mentions(callee.function.region, seen):
                return True
    return False


def _copied(
    region: Region, env: Substitution, reverse: Collection[Var] = (), starts: list[int] | None = None
) -> Sequence[Operand]:
    for eqn in region.eqns:
        if starts is not None and not starts and any(r in reverse for r in eqn.results):
            starts.append(len(current_block().eqns))
        with at_span(eqn.span):
            _copy(eqn, env)
    return [env.operand(r) for r in region.results]


def _copy(eqn: Eqn, env: Substitution) -> None:
    if eqn.operation is custom_call:
        function = without_custom_calls(eqn.params["callee"].function)
        for old, new in zip(eqn.results, inline(function, [env.operand(x) for x in eqn.operands]), strict=True):
            env[old] = fitted(new, old.type)
            if isinstance(new, Var) and old.hint and not new.hint:
                new.hint = old.hint
        return
    if eqn.operation in CALLS:
        callee: Callee = eqn.params["callee"]
        if _mentions(callee.function.region, {callee}):
            eqn = replace(eqn, params={"callee": _plain(callee)})
    if not eqn.regions:
        append_eqn(clone_eqn(eqn, env))
        return
    operands = tuple(env.operand(x) for x in eqn.operands)
    params = env.params(eqn.params)
    regions = []
    for inner in eqn.regions:
        fresh = env.fresh_all(inner.params)
        regions.append(build_region(fresh, lambda *_, inner=inner: _copied(inner, env)))
    append_eqn(Eqn(eqn.operation, operands, tuple(env.fresh(r) for r in eqn.results), params, tuple(regions), eqn.span))


def _plain(callee: Callee) -> Callee:
    if "plain" not in callee.derived:
        made = callee.derived["plain"] = Callee(callee.name)
        made.function = without_custom_calls(callee.function)
    known: Callee = callee.derived["plain"]
    return known
