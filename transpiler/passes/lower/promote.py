"""Array elements at a place that a loop does not change, kept in scalars while the loop runs.

In and out: a loop-level `Function`. In `for k: a[i, j] -= a[i, k] * b[k]` the element a[i, j] becomes an accumulator
that is loaded before the loop and stored after it, if every other access to the array is proved to be elsewhere and
the place is proved to exist. Accumulators that only accumulate are marked as such (`accumulate`), so that the sum may
be split into partial sums and the loop vectorised.
Source: scalar replacement (Callahan, Carr, Kennedy: "Improving register allocation for subscripted variables", 1990).
"""

from __future__ import annotations

from gradscribe.transpiler.ir.bounds import is_nonnegative, is_positive
from gradscribe.transpiler.ir.index import At, Index
from gradscribe.transpiler.ir.nodes import Eqn, Function, Operand, Region, Var, region_vars
from gradscribe.transpiler.ir.types import ArrayType
from gradscribe.transpiler.ir.walk import Substitution, dim_vars, eqn_reads
from gradscribe.transpiler.passes.lower.accesses import Accesses
from gradscribe.transpiler.passes.lower.operations import accumulate
from gradscribe.transpiler.passes.ownership import WRITES, has_memory
from gradscribe.transpiler.primitives.arithmetic import add, negative, subtract
from gradscribe.transpiler.primitives.regions import body_carries, is_counted, loop, loop_carries, result_carries
from gradscribe.transpiler.primitives.structure import index, update, update_add


def promote_elements(function: Function) -> Function:
    """The program with invariant elements in scalars."""
    region = _region(function.region, Substitution())
    return Function(function.name, region, function.guards, function.result_hints, function.span)


def _region(region: Region, env: Substitution) -> Region:
    """Inner loops first: what they load and store around themselves is promoted further by the loops around them."""
    eqns: list[Eqn] = []
    for old in region.eqns:
        operands = tuple(env.operand(x) for x in old.operands)
        regions = tuple(_region(r, env) for r in old.regions)
        eqn = Eqn(old.operation, operands, old.results, env.params(old.params), regions, old.span)
        if eqn.operation is loop and is_counted(eqn):
            eqns += _promoted(eqn, env)
        else:
            eqns.append(eqn)
    return Region(region.params, tuple(eqns), tuple(env.operand(x) for x in region.results))


def _promoted(eqn: Eqn, env: Substitution) -> list[Eqn]:
    """The loop with scalars for invariant elements, loads before it and stores after it."""
    before: list[Eqn] = []
    after: list[Eqn] = []
    for k, param in enumerate(loop_carries(eqn)):
        if has_memory(param) and isinstance(param.type, ArrayType):
            for at in _places(eqn, param):
                eqn = _with_scalar(eqn, k, at, before, after)
    eqn = _without_unchanged(eqn, env, after)
    return [*before, _accumulating(eqn), *after]


# ---- which elements ----


def _places(eqn: Eqn, param: Var) -> list[Index]:
    """Subscripts at which an element of `param` may be kept in a scalar throughout the loop."""
    body = eqn.regions[-1]
    accesses = Accesses(body, param)
    if not accesses.regular:
        return []
    inside = set(region_vars(body))
    direct = [e.params["at"] for e in body.eqns if _touches(e, accesses.family)]
    places: list[Index] = []
    for at in dict.fromkeys(direct):
        invariant = not any(v in inside for c in at for d in c.dims() for v in dim_vars(d))
        if not invariant or direct.count(at) != accesses.at.count(at) or not _exists(at, param):
            continue
        if all(other == at or _apart(at, other) for other in accesses.at):
            places.append(at)
    return places


def _touches(eqn: Eqn, family: set[Var]) -> bool:
    return bool(eqn.operands) and eqn.operands[0] in family and (eqn.operation is index or eqn.operation in WRITES)


def _exists(at: Index, array: Var) -> bool:
    return all(
        isinstance(c, At) and is_nonnegative(c.position) and is_positive(size - c.position)
        for c, size in zip(at, array.type.dims(), strict=True)
    )


def _apart(a: Index, b: Index) -> bool:
    for c, d in zip(a, b, strict=True):
        assert isinstance(c, At) and isinstance(d, At)
        if is_positive(c.position - d.position) or is_positive(d.position - c.position):
            return True
    return False


# ---- rewriting ----


def _with_scalar(eqn: Eqn, k: int, at: Index, before: list[Eqn], after: list[Eqn]) -> Eqn:
    """The loop with the element `at` of carry `k` in a scalar."""
    body, param = eqn.regions[-1], loop_carries(eqn)[k]
    family = Accesses(body, param).family
    type = ArrayType(param.type.dtype)
    written = any(e.operation in WRITES and _touches(e, family) and e.params["at"] == at for e in body.eqns)
    first = Var(type, "")
    before.append(Eqn(index, (eqn.operands[k],), (first,), {"at": at}, (), eqn.span))
    scalar = Var(type, "")
    current: Operand = scalar if written else first
    env = Substitution()
    kept: list[Eqn] = []
    for e in body.eqns:
        e = _substituted(e, env)
        if _touches(e, family) and e.params["at"] == at:
            if e.operation is index:
                env[e.result] = current
                continue
            if e.operation is update_add:
                total = Var(type, "")
                kept.append(Eqn(add, (current, e.operands[1]), (total,), {}, (), e.span))
                current = total
            else:
                current = e.operands[1]
            env[e.result] = e.operands[0]
            continue
        kept.append(e)
    results = tuple(env.operand(x) for x in body.results)
    if not written:
        region = Region(body.params, tuple(kept), results)
        return Eqn(loop, eqn.operands, eqn.results, eqn.params, (region,), eqn.span)
    region = Region((*body.params, scalar), tuple(kept), (*results, current))
    final, old = Var(type, ""), result_carries(eqn)[k]
    inner = Var(old.type, old.hint)
    out = tuple(inner if r is old else r for r in eqn.results)
    after.append(Eqn(update, (inner, final), (old,), {"at": at}, (), eqn.span))
    return Eqn(loop, (*eqn.operands, first), (*out, final), eqn.params, (region,), eqn.span)


def _substituted(eqn: Eqn, env: Substitution) -> Eqn:
    regions = tuple(_substituted_region(r, env) for r in eqn.regions)
    operands = tuple(env.operand(x) for x in eqn.operands)
    return Eqn(eqn.operation, operands, eqn.results, env.params(eqn.params), regions, eqn.span)


def _substituted_region(region: Region, env: Substitution) -> Region:
    eqns = tuple(_substituted(e, env) for e in region.eqns)
    return Region(region.params, eqns, tuple(env.operand(x) for x in region.results))


def _without_unchanged(eqn: Eqn, env: Substitution, after: list[Eqn]) -> Eqn:
    """A carry that comes back as it went in is a capture."""
    body = eqn.regions[-1]
    unchanged = [k for k, (p, r) in enumerate(zip(loop_carries(eqn), body_carries(eqn), strict=True)) if p is r]
    if not unchanged:
        return eqn
    inner = Substitution()
    for k in unchanged:
        inner[loop_carries(eqn)[k]] = eqn.operands[k]
        env[result_carries(eqn)[k]] = eqn.operands[k]
    after[:] = [_substituted(e, env) for e in after]
    keep = [k for k in range(len(eqn.operands)) if k not in unchanged]
    code = 1 if eqn.params["exits"] else 0
    changed = _substituted_region(body, inner)
    region = Region(
        (body.params[0], *(loop_carries(eqn)[k] for k in keep)),
        changed.eqns,
        (*changed.results[:code], *(changed.results[code + k] for k in keep)),
    )
    results = (*eqn.results[:code], *(result_carries(eqn)[k] for k in keep))
    return Eqn(loop, tuple(eqn.operands[k] for k in keep), results, eqn.params, (region,), eqn.span)


def _accumulating(eqn: Eqn) -> Eqn:
    """Scalar carries that are only added to, marked as sums of free order."""
    body = eqn.regions[-1]
    reads: dict[Operand, int] = {}
    for e in body.eqns:
        for x in eqn_reads(e):
            reads[x] = reads.get(x, 0) + 1
    for returned in body.results:
        reads[returned] = reads.get(returned, 0) + 1
    eqns = list(body.eqns)
    for param, result in zip(loop_carries(eqn), body_carries(eqn), strict=True):
        if has_memory(param) or not isinstance(result, Var) or not isinstance(param.type, ArrayType):
            continue
        step = result.definition
        if param.type.dtype.kind != "f" or step not in eqns or reads.get(param) != 1 or reads[result] != 1:
            continue
        if (
            step.operation not in (add, subtract)
            or param not in step.operands
            or step.result.type != param.type.strong()
        ):
            continue
        other = step.operands[1] if step.operands[0] is param else step.operands[0]
        place = eqns.index(step)
        if step.operation is subtract:
            if step.operands[0] is not param:
                continue
            negated = Var(param.type.strong(), "")
            eqns.insert(place, Eqn(negative, (other,), (negated,), {}, (), step.span))
            other, place = negated, place + 1
        facts = {"reduction": "reduce_sum"}
        eqns[place] = Eqn(accumulate, (param, other), step.results, facts, (), step.span)
    region = Region(body.params, tuple(eqns), body.results)
    return Eqn(loop, eqn.operands, eqn.results, eqn.params, (region,), eqn.span)
