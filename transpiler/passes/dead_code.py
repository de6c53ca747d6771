"""Drop what nobody reads: dead equations, dead results of branches, loop carries that feed only themselves.

In and out: a `Function` or a `Region`. Establishes: every pure equation left has a live result. Checks and io stay,
and so does
whatever they read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from gradscribe.transpiler.ir.callees import Callee
from gradscribe.transpiler.ir.nodes import Effect, Eqn, Function, Operand, Region, Var, remembered
from gradscribe.transpiler.ir.walk import dim_vars, eqn_reads
from gradscribe.transpiler.primitives.calls import call
from gradscribe.transpiler.primitives.custom import custom_call
from gradscribe.transpiler.primitives.regions import body_carries, if_, loop, loop_carries, result_carries


def has_effect(eqn: Eqn) -> bool:
    """The equation, or one inside its regions or inside a function that it calls by name, is a check or io."""
    return not _effects(eqn) <= _PURE


def has_io(eqn: Eqn) -> bool:
    """The equation, or one inside its regions or inside a function that it calls by name, is seen outside."""
    return Effect.IO in _effects(eqn)


_PURE = frozenset({Effect.PURE})


def _effects(eqn: Eqn) -> frozenset[Effect]:
    """Of what runs with an equation. A call of a complete function is what it calls (too deep a recursion is nobody's
    wish to see); one that was made before does nothing but compute."""
    effects, waiting = _inside(eqn)
    called: set[Callee] = set()
    while waiting:
        callee, *waiting = waiting
        if not callee.complete:
            effects |= {call.effect}
        elif callee not in called:
            called.add(callee)
            for e in callee.function.region.eqns:
                inner, more = _inside(e)
                effects, waiting = effects | inner, [*waiting, *more]
    return effects


@remembered
def _inside(eqn: Eqn) -> tuple[frozenset[Effect], list[Callee]]:
    """The effects of an equation and of those inside its regions, but for calls; whom these call."""
    if eqn.operation in (call, custom_call):
        return frozenset(), [eqn.params["callee"]]
    inner = [_inside(e) for region in eqn.regions for e in region.eqns]
    effects = frozenset({eqn.operation.effect}).union(*(effects for effects, _ in inner))
    return effects, list(dict.fromkeys(callee for _, callees in inner for callee in callees))


Keep = Callable[[Eqn], bool]


def without_io(function: Function) -> Function:
    """The program without what is seen outside, for running it once more for its values."""
    return drop_dead_code(replace(function, region=_silent(function.region), backward_from=None))


def _silent(region: Region) -> Region:
    eqns = []
    for eqn in region.eqns:
        if eqn.operation.effect is Effect.IO:
            continue
        if has_io(eqn):
            regions = tuple(map(_silent, eqn.regions))
            params = eqn.params
            if "callee" in params:
                params = {**params, "callee": _silent_callee(params["callee"])}
            eqn = Eqn(eqn.operation, eqn.operands, eqn.results, params, regions, eqn.span)
        eqns.append(eqn)
    return Region(region.params, tuple(eqns), region.results)


def _silent_callee(callee: Callee) -> Callee:
    if "silent" not in callee.derived:
        made = callee.derived["silent"] = Callee(callee.name, saves=callee.saves)
        made.function = without_io(callee.function)
    known: Callee = callee.derived["silent"]
    return known


def drop_dead_code(function: Function, keep: Keep = has_effect, sizes: bool = True) -> Function:
    """`sizes=False`: results of branches that only types mention go too. A text has no types; transforms read them."""
    region = prune_region(function.region, None, keep, sizes)
    return replace(function, region=region, backward_from=_backward_start(function, region))


def _backward_start(function: Function, pruned: Region) -> int | None:
    """Where the reverse sweep starts among the equations that are left."""
    if function.backward_from is None:
        return None
    reverse = {r for eqn in function.region.eqns[function.backward_from :] for r in eqn.results}
    starts = (k for k, eqn in enumerate(pruned.eqns) if any(r in reverse for r in eqn.results))
    return next(starts, None)


def prune_region(
    region: Region, results: Sequence[Operand] | None = None, keep: Keep = has_effect, sizes: bool = True
) -> Region:
    """The region with only what `results` (default: its own results) and the equations to `keep` need."""
    results = region.results if results is None else tuple(results)
    live: set[Var] = set()
    _read(live, results)
    kept: list[Eqn] = []
    for eqn in reversed(region.eqns):
        if not keep(eqn) and not any(r in live for r in eqn.results):
            continue
        if eqn.operation is loop:
            eqn = _prune_loop(eqn, live, keep, sizes)
        elif eqn.operation is if_:
            eqn = _prune_if(eqn, live, keep, sizes)
        kept.append(eqn)
        live.update(eqn_reads(eqn))
    return Region(region.params, tuple(reversed(kept)), tuple(results))


def _read(live: set[Var], operands: Iterable[Operand]) -> None:
    live.update(x for x in operands if isinstance(x, Var))


def _prune_if(eqn: Eqn, live: set[Var], keep_eqn: Keep, sizes: bool) -> Eqn:
    if sizes:
        live = live | {v for r in eqn.results if r in live for d in r.type.dims() for v in dim_vars(d)}
    keep = [k for k, r in enumerate(eqn.results) if r in live]
    regions = tuple(prune_region(r, [r.results[k] for k in keep], keep_eqn, sizes) for r in eqn.regions)
    return Eqn(eqn.operation, eqn.operands, tuple(eqn.results[k] for k in keep), eqn.params, regions, eqn.span)


def _prune_loop(eqn: Eqn, live: set[Var], keep_eqn: Keep, sizes: bool) -> Eqn:
    """Carries needed: those live after, those the condition reads, and those that needed ones are computed from."""
    body, exits = eqn.regions[-1], eqn.params["exits"]
    params, returned, results = loop_carries(eqn), body_carries(eqn), result_carries(eqn)
    code = body.results[:1] if exits else ()
    needed = {k for k, r in enumerate(results) if r in live}
    condition_reads: set[Var] = set()
    if len(eqn.regions) == 2:
        condition = prune_region(eqn.regions[0], None, keep_eqn, sizes)
        _read(condition_reads, condition.results)
        for inner in condition.eqns:
            condition_reads.update(eqn_reads(inner))
        needed |= {k for k, p in enumerate(condition.params) if p in condition_reads}
    while True:
        pruned = prune_region(body, [*code, *(returned[k] for k in sorted(needed))], keep_eqn, sizes)
        reads: set[Var] = set()
        _read(reads, pruned.results)
        for inner in pruned.eqns:
            reads.update(eqn_reads(inner))
        for param in pruned.params:  # sizes of carries that stay
            reads.update(v for d in param.type.dims() for v in d.leaves() if isinstance(v, Var))
        more = needed | {k for k, p in enumerate(params) if p in reads}
        if more == needed:
            break
        needed = more
    keep = sorted(needed)
    head = body.params[: len(body.params) - len(params)]
    regions = [Region((*head, *(params[k] for k in keep)), pruned.eqns, pruned.results)]
    if len(eqn.regions) == 2:
        regions.insert(0, Region(tuple(condition.params[k] for k in keep), condition.eqns, condition.results))
    operands = tuple(eqn.operands[k] for k in keep)
    out = (*eqn.results[: len(code)], *(results[k] for k in keep))
    return Eqn(eqn.operation, operands, out, eqn.params, tuple(regions), eqn.span)
