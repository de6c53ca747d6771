"""Give every loop whose trip count is only known afterwards (while, or with exits) a carried counter.

In and out: a `Function`. Establishes: such a loop has the param `counted=True`, its last carry is the number of
iterations run so far,
and its last result is its trip count: what the reverse sweep iterates over.
"""

from __future__ import annotations

from gradscribe.transpiler.ir.builder import append_eqn, build_body, build_region
from gradscribe.transpiler.ir.dims import Dim
from gradscribe.transpiler.ir.nodes import Eqn, Function, Guard, Literal, Operand, Region, Var
from gradscribe.transpiler.ir.types import INT64, ArrayType
from gradscribe.transpiler.ir.walk import Substitution
from gradscribe.transpiler.primitives.regions import is_counted, loop
from gradscribe.transpiler.primitives.structure import dim_value

COUNTER = ArrayType(INT64, (), True)


def count_trips(function: Function) -> Function:
    env = Substitution()
    params = env.fresh_all(function.params)
    region = build_body(params, lambda *_: _rebuild(function.region, env))
    guards = tuple(Guard(g.kind, env.dim(g.dim), g.message, g.requirement, g.span) for g in function.guards)
    return Function(function.name, region, guards, function.result_hints, function.span)


def _rebuild(region: Region, env: Substitution) -> list[Operand]:
    for eqn in region.eqns:
        operands = [env.operand(x) for x in eqn.operands]
        params = env.params(eqn.params)
        counting = eqn.operation is loop and (not is_counted(eqn) or eqn.params["exits"])
        regions = []
        for inner in eqn.regions:
            fresh = env.fresh_all(inner.params)
            is_body = counting and inner is eqn.regions[-1]
            if counting:
                fresh.append(Var(COUNTER, "k", Dim.of(0)))

            counter = fresh[-1] if is_body else None

            def run(*_: Var, inner: Region = inner, counter: Var | None = counter) -> list[Operand]:
                results = _rebuild(inner, env)
                return results if counter is None else [*results, dim_value(dim=Dim.of(counter) + 1)]

            regions.append(build_region(fresh, run))
        results = [env.fresh(r) for r in eqn.results]
        if counting:
            operands.append(Literal(0))
            results.append(Var(COUNTER, "trips", Dim.of(0)))
            params["counted"] = True
        append_eqn(Eqn(eqn.operation, tuple(operands), tuple(results), params, tuple(regions), eqn.span))
    return [env.operand(r) for r in region.results]
