"""Merge sibling nests over the same range: few, fat loops, whose intermediate arrays never leave the cache (or exist
at all).

In and out: a loop-level `Function`. Two loops made by lowering are merged when every element one of them hands to the
other is handed over in the same iteration: all accesses to the array have one axis at counter + c, with the same c in
both. Loops of the user are left as they are, and their bodies are treated in place.
Source: loop fusion with array contraction (Gao, Olsen, Sarkar, Thekkath: "Collective loop fusion for array
contraction", 1992).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from gradscribe.transpiler.ir.nodes import Eqn, Function, Operand, Region, Var
from gradscribe.transpiler.ir.types import ArrayType
from gradscribe.transpiler.ir.walk import Substitution, clone_eqn, eqn_reads, free_vars, inner_eqns
from gradscribe.transpiler.passes.dead_code import has_effect
from gradscribe.transpiler.passes.lower.accesses import Accesses
from gradscribe.transpiler.passes.lower.nests import is_nest
from gradscribe.transpiler.passes.ownership import consumed_operands, has_memory
from gradscribe.transpiler.primitives.regions import if_, loop, loop_carries

_LOOK_BACK = 6
_MOST_ARRAYS = 14  # streams that one loop may touch


def fuse_siblings(function: Function) -> Function:
    """Merge loops at every level, outermost first."""
    region = _fuse_region(function.region)
    return Function(function.name, region, function.guards, function.result_hints, function.span)


def _fuse_region(region: Region) -> Region:
    out: list[Eqn] = []
    for k, eqn in enumerate(region.eqns):
        if not (is_nest(eqn) and _merge_back(out, eqn, region.eqns[k + 1 :], region.results)):
            out.append(eqn)
    eqns = []
    for eqn in out:
        if eqn.regions:
            regions = tuple(_fuse_region(r) for r in eqn.regions)
            eqn = Eqn(eqn.operation, eqn.operands, eqn.results, eqn.params, regions, eqn.span)
        eqns.append(eqn)
    return Region(region.params, tuple(eqns), region.results)


def _merge_back(out: list[Eqn], eqn: Eqn, later: Sequence[Eqn], results: Sequence[Operand]) -> bool:
    """Merge `eqn` into an earlier nest of `out`, if one allows it."""
    tried = 0
    for k in reversed(range(len(out))):
        first = out[k]
        if first.regions and not is_nest(first):
            return False
        if not is_nest(first):
            continue
        tried += 1
        if tried > _LOOK_BACK:
            return False
        moved = _partition(first, out[k + 1 :], eqn)
        if moved is None:
            continue
        plan = _plan(first, eqn, [*moved[1], *later], results)
        if plan is None:
            continue
        out[k:] = [*moved[0], _merged(first, eqn, plan), *moved[1]]
        return True
    return False


def _partition(first: Eqn, between: Sequence[Eqn], second: Eqn) -> tuple[list[Eqn], list[Eqn]] | None:
    """Equations between the two, as those to stand before the merged loop and those to stand after it."""
    dependent: set[Var] = set(first.results)
    before: list[Eqn] = []
    after: list[Eqn] = []
    reads = set(_reads(first))
    second_reads = set(_reads(second))
    consumed = _consumed(second)
    for eqn in between:
        if has_effect(eqn):
            return None
        if any(x in dependent for x in _reads(eqn)):
            dependent.update(eqn.results)
            after.append(eqn)
            if any(r in second_reads for r in eqn.results) or any(x in consumed for x in _reads(eqn)):
                return None
        else:
            before.append(eqn)
            if any(x in reads for x in _consumed(eqn)):
                return None
    return before, after


def _reads(eqn: Eqn) -> Iterable[Var]:
    return eqn_reads(eqn)


def _consumed(eqn: Eqn) -> set[Operand]:
    """Arrays whose memory the equation, or one inside it, takes over."""
    out: set[Operand] = {eqn.operands[k] for k in consumed_operands(eqn)}
    for region in eqn.regions:
        for inner in inner_eqns(region):
            out.update(inner.operands[k] for k in consumed_operands(inner))
    return out


@dataclass
class _Plan:
    """How two loops share carries: `chained` maps a carry of the second to the carry of the first it continues;
    `instead` maps an array that the first loop reads to the carry of the second that overwrites it."""

    chained: dict[int, int] = field(default_factory=dict)
    instead: dict[Var, int] = field(default_factory=dict)


def _plan(first: Eqn, second: Eqn, later: Sequence[Eqn], results: Sequence[Operand]) -> _Plan | None:
    if first.params["lo"] != second.params["lo"] or first.params["hi"] != second.params["hi"]:
        return None
    if not _regular(first) or not _regular(second):
        return None
    if _arrays(first) + _arrays(second) > _MOST_ARRAYS:
        return None
    plan = _Plan()
    captured = free_vars(second.regions[0])
    if any(x in captured for x in first.operands if has_memory(x)):
        return None  # the old version of what the first one writes
    for k, result in enumerate(first.results):
        continued = [m for m, x in enumerate(second.operands) if x is result]
        read = result in captured
        if not continued and not read:
            continue
        if not has_memory(result) or len(continued) > 1:
            return None
        if continued and (any(result in _reads(e) for e in later) or result in results):
            return None
        inside = [Accesses(second.regions[0], loop_carries(second)[m]) for m in continued]
        inside += [Accesses(second.regions[0], result)] if read else []
        if not _same_iteration(Accesses(first.regions[0], loop_carries(first)[k]), first, inside, second):
            return None
        if continued:
            plan.chained[continued[0]] = k
    read_by_first = free_vars(first.regions[0])
    for m, x in enumerate(second.operands):
        if isinstance(x, Var) and has_memory(x) and m not in plan.chained:
            if x in first.operands or x in captured:
                return None
            if x in read_by_first:
                if not _same_iteration(
                    Accesses(first.regions[0], x), first, [Accesses(second.regions[0], loop_carries(second)[m])], second
                ):
                    return None
                plan.instead[x] = m
    return plan


def _same_iteration(mine: Accesses, first: Eqn, others: Sequence[Accesses], second: Eqn) -> bool:
    axes = mine.aligned_axes(first.regions[0].params[0])
    for other in others:
        theirs = other.aligned_axes(second.regions[0].params[0])
        if axes is None or theirs is None:
            return False
        axes = {a: c for a, c in axes.items() if theirs.get(a) == c}
    return bool(axes)


def _regular(eqn: Eqn) -> bool:
    """No branches, checks or loops of the user inside: what would keep a merged loop from being vectorised."""
    return not any(
        e.operation is if_ or has_effect(e) or (e.operation is loop and not is_nest(e))
        for e in inner_eqns(eqn.regions[0])
    )


def _arrays(eqn: Eqn) -> int:
    captured = [x for x in free_vars(eqn.regions[0]) if isinstance(x.type, ArrayType) and x.type.shape]
    return len(captured) + sum(has_memory(x) for x in eqn.operands)


def _merged(first: Eqn, second: Eqn, plan: _Plan) -> Eqn:
    env = Substitution()
    body1, body2 = first.regions[0], second.regions[0]
    params = env.fresh_all(body1.params)
    env[body2.params[0]] = params[0]
    fresh = [m for m in range(len(second.operands)) if m not in plan.chained]
    for m in fresh:
        params.append(env.fresh(body2.params[1 + m]))
    for x, m in plan.instead.items():
        env[x] = env.operand(body2.params[1 + m])
    eqns = [clone_eqn(e, env) for e in body1.eqns]
    returned = [env.operand(x) for x in body1.results]
    for x in plan.instead:
        del env.values[x]
    for k, result in enumerate(first.results):
        env[result] = returned[k]
    for m, k in plan.chained.items():
        env[body2.params[1 + m]] = returned[k]
    eqns += [clone_eqn(e, env) for e in body2.eqns]
    returned2 = [env.operand(x) for x in body2.results]
    results = list(first.results)
    for m, k in plan.chained.items():
        results[k], returned[k] = second.results[m], returned2[m]
    region = Region(tuple(params), tuple(eqns), (*returned, *(returned2[m] for m in fresh)))
    operands = (*first.operands, *(second.operands[m] for m in fresh))
    out = (*results, *(second.results[m] for m in fresh))
    return Eqn(loop, operands, out, first.params, (region,), first.span)
