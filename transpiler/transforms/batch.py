"""vmap: one program over a stack of examples.

In: a `Function`, a flag per parameter, the size of the batch. Out: a `Function` whose flagged parameters and results
carry the batch axis in front. Assumes a verified program. Establishes: lane b of every flagged result is what the
single-example program gives for lane b of the flagged parameters.

Two ways. By array: each primitive's `batch` rule; loops and branches whose control is the same in all lanes stay as
they are, over batched carries. By lane: a counted loop over the batch runs the single-example equations, so that
every lane takes its own branches and trip counts; it needs no rule. `auto` goes by array and puts a lane loop around
each outermost equation that cannot (control or sizes that depend on the lane, a primitive without a rule); if its
results cannot be stacked (a growable tape), one lane loop takes everything that is batched.

Scalars that become batched are elements of an array: a weak scalar becomes strong, as an element of a NumPy array is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from gradscribe.transpiler.errors import NoRule, reporting
from gradscribe.transpiler.ir.builder import append_eqn, build_body
from gradscribe.transpiler.ir.callees import Callee
from gradscribe.transpiler.ir.dims import Dim, DimLike, Symbol
from gradscribe.transpiler.ir.nodes import Eqn, Function, Guard, Operand, Var
from gradscribe.transpiler.ir.walk import Substitution, clone_eqn, eqn_reads
from gradscribe.transpiler.passes.dead_code import drop_dead_code, has_io
from gradscribe.transpiler.primitives.structure import broadcast_to
from gradscribe.transpiler.transforms.batcher import Batcher, with_batch_axis
from gradscribe.transpiler.transforms.lane_dependence import (
    lane_dependent,
    mentions_batched,
)

Lanes = Literal["auto", "loop", "array"]


def vmap(
    function: Function,
    batched: Sequence[bool],
    size: DimLike,
    lanes: Lanes = "auto",
    axis_name: str | None = None,
) -> tuple[Function, tuple[bool, ...]]:
    """`function` over a batch of `size` examples; also which results carry the batch axis (those that depend on the
    batch).

    A flagged parameter of shape s becomes one of shape (size, *s). Collectives over `axis_name` become operations on
    the batch axis; CollectiveError where not all lanes come to one. NoRule, with the place in the user's text, for what
    cannot be batched: results whose size differs from lane to lane, and under `lanes="array"` all that would need a
    lane loop.

    Example: for `f(x, w) = sum(x * w)`, `vmap(f, (True, False), n)` is `f_vmap(x: [n, d], w: [d]) -> [n]`.
    """
    if len(batched) != len(function.params):
        raise ValueError(f"{len(function.params)} parameters, {len(batched)} flags")
    if lanes not in ("auto", "loop", "array"):
        raise ValueError(f'lanes is "auto", "loop" or "array", not {lanes!r}')
    size = Dim.of(size)
    function = drop_dead_code(function)
    flagged = [p for p, b in zip(function.params, batched, strict=True) if b]
    batch = _Batch(function, lane_dependent(function.region, flagged, axis_name), size, axis_name, lanes == "array")
    if lanes == "loop":
        return _build(batch, _by_lane)
    try:
        return _build(batch, _by_array if lanes == "array" else _by_array_where_possible)
    except NoRule:
        if lanes == "array":
            raise
    return _build(batch, _by_lane)


@dataclass(frozen=True)
class _Batch:
    """What is batched: the program, its values that differ from lane to lane, the number and the name of the lanes."""

    function: Function
    dependent: set[Var]
    size: Dim
    axis_name: str | None
    masking: bool


@reporting("batching")
def _build(batch: _Batch, run: Any) -> tuple[Function, tuple[bool, ...]]:
    function, dependent, size = batch.function, batch.dependent, batch.size
    env = Substitution()
    params = env.fresh_all(function.params)
    for k, old in enumerate(function.params):
        if old in dependent:
            params[k] = env[old] = Var(with_batch_axis(params[k].type, size), old.hint)
    guards = tuple(
        Guard(g.kind, env.dim(g.dim), g.message, g.requirement, g.span)
        for g in function.guards
        if not mentions_batched((g.dim,), dependent)
    )
    batcher = Batcher(size, set(dependent), batch.axis_name, partial(_callee_over, batch.masking), batch.masking)
    region = build_body(params, lambda *_: run(function, env, batcher))
    flags = tuple(isinstance(r, Var) and r in batcher.lanes for r in function.results)
    stacked = Function(f"{function.name}_vmap", region, guards, function.result_hints, function.span)
    return drop_dead_code(stacked), flags


def _callee_over(
    masking: bool, callee: Callee, flags: tuple[bool, ...], axis_name: str | None
) -> tuple[Callee, tuple[bool, ...]]:
    """The callee over a batch, whose size its flagged parameters bring. One that calls itself has batched results."""
    key = ("vmap", flags, axis_name, masking)
    if key not in callee.derived:
        made, recursive = Callee(f"{callee.name}_vmap", None, callee.saves), callee.recursive
        if recursive:  # known before its body is, which calls it
            callee.derived[key] = made, (True,) * len(callee.function.results)
        size = Dim.of(Symbol("batch", 0))
        function, batched = vmap(callee.function, flags, size, "array" if masking else "auto", axis_name)
        made.function = _with_batched_results(function, batched, size) if recursive else function
        callee.derived.setdefault(key, (made, batched))
    found: tuple[Callee, tuple[bool, ...]] = callee.derived[key]
    return found


def _with_batched_results(function: Function, batched: Sequence[bool], size: Dim) -> Function:
    """The program with the batch axis on every result."""
    env = Substitution()
    params = env.fresh_all(function.params)

    def body(*_: Var) -> list[Operand]:
        for eqn in function.region.eqns:
            append_eqn(clone_eqn(eqn, env))
        outs = [env.operand(r) for r in function.results]
        return [x if b else broadcast_to(x, shape=(size, *x.shape)) for x, b in zip(outs, batched, strict=True)]

    return Function(function.name, build_body(params, body), function.guards, function.result_hints, function.span)


def _by_array(function: Function, env: Substitution, batcher: Batcher) -> list[Operand]:
    _refuse_batched_io(function, batcher)
    _refuse_batched_guards(function, batcher)
    batcher.region(function.region, env)
    return [env.operand(r) for r in function.results]


def _by_array_where_possible(function: Function, env: Substitution, batcher: Batcher) -> list[Operand]:
    _refuse_batched_io(function, batcher)
    _refuse_batched_guards(function, batcher)
    for eqn in function.region.eqns:
        if batcher.communicates(eqn):
            batcher.around_collectives(eqn, env)
        elif not batcher.attempted(eqn, env):
            batcher.stack(function.region, eqn.results)
            batcher.by_lane([eqn], list(eqn.results), env)
    return [env.operand(r) for r in function.results]


def _by_lane(function: Function, env: Substitution, batcher: Batcher) -> list[Operand]:
    """What is the same in all lanes once, then everything else in one loop over the lanes."""
    if any(batcher.communicates(eqn) for eqn in function.region.eqns):
        return _by_lane_between_collectives(function, env, batcher)
    while True:
        inside = [e for e in function.region.eqns if _touches(e, batcher.lanes) or has_io(e)]
        lanes = lane_dependent(
            function.region, {*batcher.lanes, *(r for e in inside for r in e.results)}, batcher.axis_name
        )
        if len(lanes) == len(batcher.lanes):
            break
        batcher.lanes = lanes
    moved = set(inside)
    for eqn in function.region.eqns:
        if eqn not in moved:
            batcher.equation(eqn, env)
    guards = [g for g in function.guards if mentions_batched((g.dim,), batcher.lanes)]
    wanted = list(dict.fromkeys(r for r in function.results if isinstance(r, Var) and r in batcher.lanes))
    if inside or guards:
        inner = [r for r in wanted if r not in function.params]
        batcher.by_lane(inside, inner, env, guards)
    return [env.operand(r) for r in function.results]


def _by_lane_between_collectives(function: Function, env: Substitution, batcher: Batcher) -> list[Operand]:
    """A loop over the lanes up to each collective, where they meet."""
    _refuse_batched_guards(function, batcher)
    eqns = function.region.eqns
    waiting: list[Eqn] = []

    def run(later: Sequence[Eqn]) -> None:
        read = {v for e in later for v in eqn_reads(e)} | {r for r in function.results if isinstance(r, Var)}
        wanted = [r for e in waiting for r in e.results if r in read]
        batcher.stack(function.region, wanted)
        if waiting:
            batcher.by_lane(waiting, wanted, env)
        waiting.clear()

    for k, eqn in enumerate(eqns):
        if batcher.communicates(eqn):
            run(eqns[k:])
            batcher.around_collectives(eqn, env)
        elif _touches(eqn, batcher.lanes) or has_io(eqn):
            waiting.append(eqn)
        else:
            batcher.equation(eqn, env)
    run(())
    return [env.operand(r) for r in function.results]


def _touches(eqn: Eqn, lanes: set[Var]) -> bool:
    return any(v in lanes for v in (*eqn_reads(eqn), *eqn.results))


def _refuse_batched_io(function: Function, batcher: Batcher) -> None:
    """Input and output happen once per lane, lane after lane."""
    for eqn in function.region.eqns:
        if has_io(eqn):
            raise NoRule(eqn.span, "input or output inside a batch happens lane by lane", 'use lanes="loop"')


def _refuse_batched_guards(function: Function, batcher: Batcher) -> None:
    for guard in function.guards:
        if mentions_batched((guard.dim,), batcher.lanes):
            raise NoRule(guard.span, "a condition at entry differs from lane to lane", 'use lanes="loop"')
