"""Checkpoints: a function becomes a call by name, and a call saves what its policy allows.

In: a `Function`, and which values may be saved. Out: a `Function` that calls it. What makes this a checkpoint is how
calls are differentiated: the adjoint of a call is a call of the callee's adjoint, whose operands are what is saved, and
everything else is computed again inside it. Two functions have two frames: what one of them computes is freed where it
returns, and no pass shares values between them.

A policy that saves something: `saving_call` gives a call further results, the values that the policy allows and the
adjoint reads, and says which adjoint takes them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gradscribe.transpiler.ir.builder import append_eqn, build_body
from gradscribe.transpiler.ir.callees import Callee, Policy
from gradscribe.transpiler.ir.dims import Atom, Dim
from gradscribe.transpiler.ir.nodes import Eqn, Function, Operand, Region, Var
from gradscribe.transpiler.ir.types import ArrayType
from gradscribe.transpiler.ir.walk import Substitution, clone_eqn, dim_vars, free_vars
from gradscribe.transpiler.passes.closing import captures_of, closed
from gradscribe.transpiler.passes.dead_code import drop_dead_code, has_io, prune_region, without_io
from gradscribe.transpiler.primitives.barriers import checkpoint_name
from gradscribe.transpiler.primitives.calls import call, call_results
from gradscribe.transpiler.primitives.structure import dim_value


def checkpointed(function: Function, saves: Policy | None) -> Function:
    """The program that calls `function` by name. Results that are parameters or constants need no call."""
    own = [r for r in dict.fromkeys(function.results) if isinstance(r, Var) and r not in function.params]
    own = with_sizes([r for r in own if isinstance(r, Var)], set(function.params))
    body = Region(function.params, function.region.eqns, tuple(own))
    captures = captures_of(body, ())
    callee = Callee(f"_{function.name.strip('_') or 'function'}", saves=saves)
    callee.function = closed(callee, body, (), captures, function.span)
    env = Substitution()

    def calling(*params: Var) -> list[Operand]:
        operands = [*params, *(_captured(atom) for atom in captures)]
        results = call_results(callee, operands)
        append_eqn(Eqn(call, tuple(operands), results, {"callee": callee}, (), function.span))
        env.values.update(zip(own, results, strict=True))
        return [env.operand(r) for r in function.results]

    region = build_body(function.params, calling)
    return Function(function.name, region, function.guards, function.result_hints, function.span)


def _captured(atom: Atom) -> Operand:
    if isinstance(atom, Var):
        return atom
    value: Operand = dim_value(dim=Dim.of(atom))
    return value


def with_sizes(values: Sequence[Var], known: set[Var]) -> list[Var]:
    """The values, and before each the integers that its size is made of."""
    ordered: dict[Var, None] = {}
    for value in values:
        sizes = [v for d in value.type.dims() for v in dim_vars(d) if v not in known and v is not value]
        ordered.update(dict.fromkeys(with_sizes(sizes, known)))
        ordered[value] = None
    return list(ordered)


# ---- policies ----


@dataclass(frozen=True, eq=False)
class SavedAdjoint:
    """Of one call that saves values: the callee (operands, saved values, cotangents of the results at `seeded`) ->
    cotangents of the operands at `wrt`. The saved values are the results of the call at `saved`."""

    backward: Callee
    wrt: tuple[int, ...]
    seeded: tuple[int, ...]
    saved: tuple[int, ...]


Fused = Callable[[Function, tuple[int, ...], tuple[int, ...]], Function]  # the fused reverse of a function


def saving_call(eqn: Eqn, active: set[Var], fused: Fused) -> tuple[Eqn, SavedAdjoint] | None:
    """A call whose policy saves something, with those values as further results, and the adjoint that takes them."""
    callee: Callee = eqn.params["callee"]
    wrt = tuple(k for k, x in enumerate(eqn.operands) if isinstance(x, Var) and x in active)
    seeded = tuple(k for k, r in enumerate(eqn.results) if r in active)
    if not wrt or not seeded:
        return None
    key = ("saving", wrt, seeded)
    if key not in callee.derived:
        callee.derived[key] = _split(callee, wrt, seeded, fused)
    forward, backward, saved = callee.derived[key]
    extra = call_results(forward, eqn.operands)[len(eqn.results) :]
    made = Eqn(call, eqn.operands, (*eqn.results, *extra), {"callee": forward}, (), eqn.span)
    return made, SavedAdjoint(backward, wrt, seeded, saved)


def _split(
    callee: Callee, wrt: tuple[int, ...], seeded: tuple[int, ...], fused: Fused
) -> tuple[Callee, Callee, tuple[int, ...]]:
    """(params -> results and saved values; params, saved values and cotangents -> cotangents; where the saved values
    are among the results of the first)."""
    assert callee.saves is not None
    primal = callee.function
    whole = fused(primal, wrt, seeded)
    count, results = len(primal.params), len(primal.results)
    head = whole.region.eqns[: whole.backward_from]
    tail = whole.region.eqns[len(head) :]
    allowed = {e for e in head if callee.saves(e) and all(isinstance(r.type, ArrayType) for r in e.results)}
    grads = whole.results[results:]
    # A value that is saved under a name is saved: who reads it without the name reads that.
    named = {e.operands[0]: e.result for e in allowed if e.operation is checkpoint_name}
    repeated = tuple(e for e in head if e not in allowed and not any(r in named for r in e.results))
    renamed = Substitution({old: new for old, new in named.items() if isinstance(old, Var)})
    read = build_body((), lambda: _reading(renamed, (*repeated, *tail), grads))
    backward = prune_region(Region(whole.params, read.eqns, read.results), keep=has_io)
    grads = backward.results
    saved = with_sizes(free_vars(backward), set(whole.params))
    outs = [*whole.results[:results], *(v for v in saved if v not in whole.results[:results])]
    forward_env = Substitution()
    forward_params = forward_env.fresh_all(whole.params[:count])

    run = build_body(forward_params, lambda *_: _reading(forward_env, head, outs))
    forward = Function(f"{primal.name}_fwd", run, (), (), primal.span)
    env = Substitution()
    params = [env.fresh(p) for p in (*whole.params[:count], *saved, *whole.params[count:])]

    body = build_body(params, lambda *_: _reading(env, backward.eqns, grads))
    again = Function(f"{primal.name}_bwd", body, (), (), primal.span)
    made = drop_dead_code(without_io(again), has_io)
    places = tuple(outs.index(v) for v in saved)
    return Callee(f"{callee.name}_fwd", drop_dead_code(forward)), Callee(f"{callee.name}_bwd", made), places


def _reading(env: Substitution, eqns: Sequence[Eqn], results: Sequence[Operand]) -> list[Operand]:
    """The equations with what `env` says in the place of what they read."""
    for eqn in eqns:
        append_eqn(clone_eqn(eqn, env))
    return [env.operand(r) for r in results]
