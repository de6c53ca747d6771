"""A program again, with something else in place of some of its equations.

In: a `Function`, equations of it at any depth, and what emits each of these into the block under construction. Out: a
clone. Establishes: everything else is as it was, with fresh values.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace

from gradscribe.transpiler.ir.builder import append_eqn, at_span, build_body, build_region, emit_as
from gradscribe.transpiler.ir.nodes import Eqn, Function, Guard, Operand, Region
from gradscribe.transpiler.ir.walk import Substitution, clone_eqn

Emit = Callable[[Eqn, Substitution], None]


def rebuilt(function: Function, chosen: Collection[Eqn], emit_instead: Emit) -> Function:
    """The clone in which `emit_instead(eqn, env)` stands for each chosen equation. It finds operands in `env`, and
    enters the results there."""
    env = Substitution()
    params = env.fresh_all(function.params)
    region = build_body(params, lambda *_: _equations(function.region, env, chosen, emit_instead))
    guards = tuple(Guard(g.kind, env.dim(g.dim), g.message, g.requirement, g.span) for g in function.guards)
    return replace(function, region=region, guards=guards)


def _equations(region: Region, env: Substitution, chosen: Collection[Eqn], emit_instead: Emit) -> list[Operand]:
    for eqn in region.eqns:
        with at_span(eqn.span):
            if eqn in chosen:
                emit_instead(eqn, env)
            elif eqn.regions:
                _with_regions(eqn, env, chosen, emit_instead)
            else:
                append_eqn(clone_eqn(eqn, env))
    return [env.operand(x) for x in region.results]


def _with_regions(eqn: Eqn, env: Substitution, chosen: Collection[Eqn], emit_instead: Emit) -> None:
    operands = [env.operand(x) for x in eqn.operands]
    regions = []
    for region in eqn.regions:
        params = env.fresh_all(region.params)
        regions.append(build_region(params, lambda *_, r=region: _equations(r, env, chosen, emit_instead)))
    emit_as([env.fresh(r) for r in eqn.results], eqn.operation, operands, env.params(eqn.params), regions)
