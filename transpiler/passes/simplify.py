"""Re-emit a program with sharing: common subexpressions, invariant carries, forwarded stores, merged writes.

In and out: a `Function`. Assumes a verified program. Establishes: equal pure equations visible to one another are
one; a carry that
comes back unchanged is a capture; a load of what was just stored is the stored value; `x[i] = 0; x[i] += v` is `x[i]
= v`.
Every rewrite is exact in floating point (up to the sign of zero for merged accumulations).
"""

from __future__ import annotations

from typing import Any

from gradscribe.transpiler.errors import reporting
from gradscribe.transpiler.ir.bounds import is_nonnegative
from gradscribe.transpiler.ir.builder import append_eqn, at_span, build_body, build_region, current_block, emit, emit_as
from gradscribe.transpiler.ir.dims import Dim
from gradscribe.transpiler.ir.index import whole
from gradscribe.transpiler.ir.nodes import OPERATORS, Eqn, Function, Guard, Literal, Operand, Region, Var
from gradscribe.transpiler.ir.types import ArrayType
from gradscribe.transpiler.ir.walk import Substitution, clone_eqn
from gradscribe.transpiler.passes.dead_code import drop_dead_code
from gradscribe.transpiler.primitives.allocation import arange
from gradscribe.transpiler.primitives.arithmetic import add, divide, multiply, negative, subtract
from gradscribe.transpiler.primitives.checks import wrap_index
from gradscribe.transpiler.primitives.primitive import is_literal
from gradscribe.transpiler.primitives.reductions import reduce_sum
from gradscribe.transpiler.primitives.regions import body_carries, if_, loop, loop_carries, result_carries
from gradscribe.transpiler.primitives.structure import broadcast_to, convert, index, reshape, update, update_add, zeros

_ALGEBRA = {add: "add", subtract: "subtract", multiply: "multiply", divide: "divide", negative: "negative"}


@reporting("simplifying")
def simplify(function: Function, algebra: bool = True) -> Function:
    """An equal program. With `algebra`, arithmetic goes through the exact identities of `primitives.arithmetic`."""
    function = drop_dead_code(function)
    env = Substitution()
    params = env.fresh_all(function.params)
    region = build_body(params, lambda *_: _emit_region(function.region, env, algebra))
    guards = tuple(Guard(g.kind, env.dim(g.dim), g.message, g.requirement, g.span) for g in function.guards)
    return drop_dead_code(Function(function.name, region, guards, function.result_hints, function.span))


def _emit_region(region: Region, env: Substitution, algebra: bool) -> list[Operand]:
    for eqn in region.eqns:
        with at_span(eqn.span):
            _emit_eqn(eqn, env, algebra)
    return [env.operand(r) for r in region.results]


def _emit_eqn(eqn: Eqn, env: Substitution, algebra: bool) -> None:
    if eqn.operation is loop:
        _emit_loop(eqn, env, algebra)
        return
    if eqn.operation is if_:
        _emit_if(eqn, env, algebra)
        return
    if "callee" in eqn.params:
        append_eqn(clone_eqn(eqn, env))
        return
    operands = [env.operand(x) for x in eqn.operands]
    params = env.params(eqn.params)
    if len(eqn.results) == 1:
        (old,) = eqn.results
        new = _rewrite(eqn, operands, params, algebra)
        if new is None:
            types = [env.type(r.type) for r in eqn.results]
            new = emit(eqn.operation, operands, params, hints=[old.hint], types=types)[0]
        if isinstance(new, Var) and old.hint and not new.hint:
            new.hint = old.hint
        env[old] = new
        return
    types = [env.type(r.type) for r in eqn.results]
    results = emit(eqn.operation, operands, params, hints=[r.hint for r in eqn.results], types=types)
    for old, result in zip(eqn.results, results, strict=True):
        env[old] = result


def _emit_loop(eqn: Eqn, env: Substitution, algebra: bool) -> None:
    params, returned, results = loop_carries(eqn), body_carries(eqn), result_carries(eqn)
    keep = [k for k, (p, r) in enumerate(zip(params, returned, strict=True)) if p is not r]
    condition_params = eqn.regions[0].params if len(eqn.regions) == 2 else ()
    for k, param in enumerate(params):
        if k not in keep:
            env[param] = env.operand(eqn.operands[k])
            env[results[k]] = env.operand(eqn.operands[k])
            if condition_params:
                env[condition_params[k]] = env.operand(eqn.operands[k])
    inits = [env.operand(eqn.operands[k]) for k in keep]
    body = eqn.regions[-1]
    head = body.params[: len(body.params) - len(params)]
    regions = []
    if condition_params:
        fresh = [env.fresh(condition_params[k]) for k in keep]
        regions.append(build_region(fresh, lambda *_: _emit_region(eqn.regions[0], env, algebra)))
    fresh = [env.fresh(p) for p in (*head, *(params[k] for k in keep))]
    code = body.results[:1] if eqn.params["exits"] else ()
    kept = Region(body.params, body.eqns, (*code, *(returned[k] for k in keep)))
    regions.append(build_region(fresh, lambda *_: _emit_region(kept, env, algebra)))
    old_results = [*eqn.results[: len(code)], *(results[k] for k in keep)]
    emit_as([env.fresh(r) for r in old_results], loop, inits, env.params(eqn.params), regions)


def _emit_if(eqn: Eqn, env: Substitution, algebra: bool) -> None:
    predicate = env.operand(eqn.operands[0])
    if isinstance(predicate, Literal):
        taken = _emit_region(eqn.regions[0 if predicate.value else 1], env, algebra)
        for old, value in zip(eqn.results, taken, strict=True):
            env[old] = value
        return
    regions = [build_region((), lambda r=r: _emit_region(r, env, algebra)) for r in eqn.regions]
    inside = {v for r in regions for e in r.eqns for v in e.results}
    differing = []
    for k, (a, b) in enumerate(zip(regions[0].results, regions[1].results, strict=True)):
        if a == b and a not in inside and a.type == b.type:
            env[eqn.results[k]] = a
        else:
            differing.append(k)
    if not differing and not any(r.eqns for r in regions):
        return
    regions = [Region((), r.eqns, tuple(r.results[k] for k in differing)) for r in regions]
    old_results = [eqn.results[k] for k in differing]
    emit_as([env.fresh(r) for r in old_results], if_, (predicate,), env.params(eqn.params), regions)


def _rewrite(eqn: Eqn, operands: list[Operand], params: dict[str, Any], algebra: bool) -> Operand | None:
    """A simpler value for one equation, or None to emit it as it stands."""
    operation = eqn.operation
    if algebra and operation in _ALGEBRA:
        result: Operand = OPERATORS[_ALGEBRA[operation]](*operands)
        return result
    if operation is index and params["at"] == whole(operands[0].shape):
        return operands[0]
    if operation is index:
        return _forward_store(operands, params)
    if operation is update:
        return _merge_update(operands, params)
    if operation is update_add:
        return _merge_accumulation(operands, params)
    if operation in (reshape, broadcast_to) and operands[0].type == eqn_type(params["shape"], operands[0]):
        return operands[0]
    if operation is reshape and (before := _written_by(operands[0], reshape)) is not None:
        return _rewrite(eqn, [before.operands[0]], params, algebra) or emit(reshape, before.operands, params)[0]
    minus = _written_by(operands[0], negative) if operation in (reduce_sum, broadcast_to) else None
    if algebra and minus is not None:
        positive = _rewrite(eqn, [minus.operands[0]], params, algebra) or emit(operation, minus.operands, params)[0]
        moved: Operand = -positive
        return moved
    if operation is wrap_index and _counts_within(operands[0], params["size"]):
        return operands[0]
    if operation is convert and operands[0].type == ArrayType(params["dtype"], operands[0].shape):
        return operands[0]
    return None


def eqn_type(shape: Any, x: Operand) -> ArrayType:
    return ArrayType(x.dtype, tuple(shape))


def _written_by(x: Operand, operation: Any) -> Eqn | None:
    eqn = x.definition if isinstance(x, Var) else None
    return eqn if eqn is not None and eqn.operation is operation else None


def _counts_within(x: Operand, size: Dim) -> bool:
    """Whether x is an `arange` whose numbers all lie in 0..size - 1."""
    counter = _written_by(x, arange)
    if counter is None or counter.params["step"] != 1:
        return False
    start, end = counter.params["start"], counter.params["start"] + counter.params["length"]
    return is_nonnegative(start) and is_nonnegative(size - end)


def _forward_store(operands: list[Operand], params: dict[str, Any]) -> Operand | None:
    """index(update(A, v, at), at) is v."""
    stored = _written_by(operands[0], update)
    if stored is None or len(operands) > 1 or len(stored.operands) > 2 or stored.params["at"] != params["at"]:
        return None
    v = stored.operands[1]
    result_type = index.infer((operands[0].type,), params, ())[0]
    return v if isinstance(v, Var) and v.type == result_type else None


def _merge_update(operands: list[Operand], params: dict[str, Any]) -> Operand | None:
    """update(A, A[at], at) is A; a write over a write to the same place drops the first."""
    x, v = operands[0], operands[1]
    loaded = _written_by(v, index)
    if loaded is not None and loaded.operands[0] is x and loaded.params["at"] == params["at"] and len(operands) == 2:
        return x
    return None


def _merge_accumulation(operands: list[Operand], params: dict[str, Any]) -> Operand | None:
    """x[at] = 0; (other +=)*; x[at] += v  becomes  x[at] = v; (other +=)*, because additions commute; and an
    accumulation
    into fresh zeros is a write."""
    x, v, *takes = operands
    if is_literal(v, 0.0):
        return x
    if takes:
        return None
    local = {r for e in current_block().eqns for r in e.results}
    chain: list[Eqn] = []
    base = x
    while isinstance(base, Var) and base in local:
        eqn = base.definition
        if eqn is None or len(eqn.operands) > 2:
            return None
        if eqn.operation is update and eqn.params["at"] == params["at"] and is_literal(eqn.operands[1], 0.0):
            return _replay(eqn.operands[0], v, params, chain)
        if eqn.operation is zeros:
            return _replay(base, v, params, chain) if not chain else None
        if eqn.operation is not update_add:
            return None
        chain.append(eqn)
        base = eqn.operands[0]
    return None


def _replay(base: Operand, v: Operand, params: dict[str, Any], chain: list[Eqn]) -> Operand:
    """Write v first, then the accumulations that came between."""
    hint = base.hint if isinstance(base, Var) else ""
    result = _merge_update([base, v], params) or emit(update, (base, v), {"at": params["at"]}, hint=hint)[0]
    for eqn in reversed(chain):
        result = emit(update_add, (result, *eqn.operands[1:]), dict(eqn.params), hint=eqn.results[0].hint)[0]
    return result
