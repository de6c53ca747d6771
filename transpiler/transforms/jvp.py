"""Forward mode: d(f)(x; dx) = f'(x) dx, one equation at a time.

In: a `Function` and the parameter positions to differentiate. Out: a `Function` of the parameters and their tangents
that returns
the results, then a tangent for every floating result. Assumes a verified program; the output is ordinary IR.
Source: Griewank & Walther, Evaluating Derivatives, ch. 3.
"""

from __future__ import annotations

from collections.abc import Sequence

from gradscribe.transpiler.errors import reporting
from gradscribe.transpiler.ir.builder import append_eqn, at_span, build_body, build_region, emit_as, naming
from gradscribe.transpiler.ir.callees import Callee
from gradscribe.transpiler.ir.nodes import Eqn, Function, Guard, Operand, Region, Var
from gradscribe.transpiler.ir.types import ArrayType, Type
from gradscribe.transpiler.ir.walk import Substitution, clone_eqn
from gradscribe.transpiler.passes.simplify import simplify
from gradscribe.transpiler.primitives.calls import CALLS, known_function
from gradscribe.transpiler.primitives.conversion import in_dtype
from gradscribe.transpiler.primitives.custom import custom_call, fitted, inline
from gradscribe.transpiler.primitives.primitive import zeros_of
from gradscribe.transpiler.primitives.regions import body_carries, if_, loop, loop_carries, result_carries
from gradscribe.transpiler.primitives.structure import broadcast_to
from gradscribe.transpiler.transforms.activity import varied
from gradscribe.transpiler.transforms.custom_rules import forward_rule, without_mere_batching

Tangents = dict[Var, Operand]


def tangent_name(hint: str) -> str:
    """dx for x."""
    return f"d{hint}" if hint else ""


@reporting("writing the derivative (forward mode)")
def jvp(function: Function, wrt: Sequence[int]) -> Function:
    """The program (params, tangents of the params at `wrt`) -> (results, tangents of the floating results)."""
    function = without_mere_batching(simplify(function), wrt)
    moving = varied(function, wrt)
    env = Substitution()
    params = env.fresh_all(function.params)
    seeds = [Var(strong(params[k].type), tangent_name(params[k].hint)) for k in wrt]
    tangents: Tangents = {function.params[k]: seed for k, seed in zip(wrt, seeds, strict=True)}

    def body(*_: Var) -> list[Operand]:
        _differentiate(function.region, env, tangents, moving)
        outs = [env.operand(r) for r in function.results]
        return outs + [
            _tangent(old, new.type, tangents)
            for old, new in zip(function.results, outs, strict=True)
            if new.type.is_float and isinstance(new.type, ArrayType)
        ]

    region = build_body([*params, *seeds], body)
    guards = tuple(Guard(g.kind, env.dim(g.dim), g.message, g.requirement, g.span) for g in function.guards)
    return simplify(Function(f"{function.name}_jvp", region, guards, (), function.span))


def strong(type: object) -> ArrayType:
    assert isinstance(type, ArrayType)
    return type.strong()


def _tangent(old: Operand, type: Type, tangents: Tangents) -> Operand:
    """The tangent of a value, a zero made explicit, in the shape and dtype of the given type."""
    t = tangents.get(old) if isinstance(old, Var) else None
    return zeros_of(type) if t is None else conform(t, type)


def conform(t: Operand, primal: Type) -> Operand:
    """A tangent in the dtype and shape of its primal (a term of a broadcast sum may be smaller)."""
    if not isinstance(primal, ArrayType):
        return t
    t = in_dtype(t, primal.dtype)
    return t if t.shape == primal.shape else broadcast_to(t, shape=primal.shape)


def _differentiate(region: Region, env: Substitution, tangents: Tangents, moving: set[Var]) -> None:
    for eqn in region.eqns:
        with at_span(eqn.span):
            if eqn.operation is loop:
                _loop(eqn, env, tangents, moving)
            elif eqn.operation is if_:
                _if(eqn, env, tangents, moving)
            elif eqn.operation in CALLS:
                _call(eqn, env, tangents)
            elif eqn.operation is custom_call and any(r in moving for r in eqn.results):
                _custom_call(eqn, env, tangents)
            else:
                append_eqn(clone_eqn(eqn, env))
                if any(r in moving for r in eqn.results):
                    _equation(eqn, env, tangents)


def _equation(eqn: Eqn, env: Substitution, tangents: Tangents) -> None:
    ts = [tangents.get(x) if isinstance(x, Var) else None for x in eqn.operands]
    if eqn.operands and all(t is None for t in ts):
        return
    operands = [env.operand(x) for x in eqn.operands]
    results = [env.operand(r) for r in eqn.results]
    span = None if eqn.span is None else eqn.span.of_derivative()
    with naming(""), at_span(span):
        outs = eqn.operation.jvp(operands, results, ts, env.params(eqn.params))
    for old, new, t in zip(eqn.results, results, outs, strict=True):
        if t is None or not old.type.is_float:
            continue
        t = conform(t, new.type)
        if isinstance(t, Var) and not t.hint:
            t.hint = tangent_name(old.hint)
        tangents[old] = t


def _call(eqn: Eqn, env: Substitution, tangents: Tangents) -> None:
    """A call of the callee's tangent, which is made once for each set of operands that carry tangents."""
    lifted = tuple(k for k, x in enumerate(eqn.operands) if isinstance(x, Var) and x in tangents)
    if not lifted:
        append_eqn(clone_eqn(eqn, env))
        return
    callee = tangent_of(known_function(eqn), lifted)
    operands = [env.operand(x) for x in eqn.operands]
    seeds = [conform(tangents[eqn.operands[k]], operands[k].type) for k in lifted]  # type: ignore[index]
    results = [env.fresh(r) for r in eqn.results]
    floating = [k for k, r in enumerate(eqn.results) if r.type.is_float]
    moved = [Var(_strong(results[k].type), tangent_name(results[k].hint)) for k in floating]
    append_eqn(Eqn(eqn.operation, (*operands, *seeds), (*results, *moved), {"callee": callee}, (), eqn.span))
    tangents.update({eqn.results[k]: d for k, d in zip(floating, moved, strict=True)})


def _custom_call(eqn: Eqn, env: Substitution, tangents: Tangents) -> None:
    """The user's rule in place of the call."""
    lifted = [k for k, x in enumerate(eqn.operands) if isinstance(x, Var) and x in tangents]
    if not lifted:
        append_eqn(clone_eqn(eqn, env))
        return
    rule = forward_rule(eqn, lifted)
    operands = [env.operand(x) for x in eqn.operands]
    seeds = [_tangent(eqn.operands[k], operands[k].type, tangents) for k in rule.wrt]
    found = inline(rule.callee.function, [*operands, *seeds])
    moved = iter(found[len(eqn.results) :])
    for old, new in zip(eqn.results, found, strict=False):
        env[old] = out = fitted(new, old.type)
        if isinstance(out, Var) and not out.hint:
            out.hint = old.hint
        if old.type.is_float:
            tangents[old] = conform(next(moved), out.type)


def tangent_of(callee: Callee, wrt: tuple[int, ...]) -> Callee:
    """The callee (params, tangents of the params at `wrt`) -> (results, tangents of the floating results)."""
    key = ("jvp", wrt)
    if key not in callee.derived:
        made = callee.derived[key] = Callee(f"{callee.name}_jvp", saves=callee.saves)
        made.function = jvp(callee.function, wrt)
    known: Callee = callee.derived[key]
    return known


def _loop(eqn: Eqn, env: Substitution, tangents: Tangents, moving: set[Var]) -> None:
    params, returned, results = loop_carries(eqn), body_carries(eqn), result_carries(eqn)
    lifted = [k for k, p in enumerate(params) if p in moving]
    inits = [env.operand(x) for x in eqn.operands]
    seeds = [_tangent(eqn.operands[k], inits[k].type, tangents) for k in lifted]
    regions = []
    if len(eqn.regions) == 2:
        condition = eqn.regions[0]
        fresh = env.fresh_all(condition.params)
        extra = [Var(_strong(env.type(condition.params[k].type)), tangent_name(params[k].hint)) for k in lifted]

        def test(*_: Var) -> list[Operand]:
            _differentiate(condition, env, {}, set())
            return [env.operand(r) for r in condition.results]

        regions.append(build_region([*fresh, *extra], test))
    body = eqn.regions[-1]
    fresh = env.fresh_all(body.params)
    dparams = [Var(_strong_type(env.operand(params[k])), tangent_name(params[k].hint)) for k in lifted]
    inner = {**tangents, **{params[k]: d for k, d in zip(lifted, dparams, strict=True)}}

    def step(*_: Var) -> list[Operand]:
        _differentiate(body, env, inner, moving)
        outs = [env.operand(r) for r in body.results]
        return outs + [_carried_tangent(returned[k], params[k], env, inner) for k in lifted]

    regions.append(build_region([*fresh, *dparams], step))
    outs = [env.fresh(r) for r in eqn.results]
    douts = {results[k]: Var(_strong(env.type(results[k].type)), tangent_name(results[k].hint)) for k in lifted}
    emit_as([*outs, *douts.values()], loop, [*inits, *seeds], env.params(eqn.params), regions)
    tangents.update(douts)


def _carried_tangent(returned: Operand, param: Var, env: Substitution, tangents: Tangents) -> Operand:
    """The tangent that an iteration hands over: in the carry's dtype, and the shape that the carry has from now on."""
    type = _strong(env.type(param.type))
    shape = env.operand(returned).type
    if isinstance(type, ArrayType) and isinstance(shape, ArrayType):
        type = type.with_shape(shape.shape)
    return _tangent(returned, type, tangents)


def _strong(type: Type) -> Type:
    return type.strong() if isinstance(type, ArrayType) else type


def _strong_type(x: Operand) -> Type:
    return _strong(x.type)


def _if(eqn: Eqn, env: Substitution, tangents: Tangents, moving: set[Var]) -> None:
    lifted = [k for k, r in enumerate(eqn.results) if r in moving]
    regions = []
    for branch in eqn.regions:
        inner = dict(tangents)

        def run(branch: Region = branch, inner: Tangents = inner) -> list[Operand]:
            _differentiate(branch, env, inner, moving)
            outs = [env.operand(r) for r in branch.results]
            return outs + [_tangent(branch.results[k], outs[k].type, inner) for k in lifted]

        regions.append(build_region((), run))
    results = [env.fresh(r) for r in eqn.results]
    dresults = {eqn.results[k]: Var(_strong(results[k].type), tangent_name(results[k].hint)) for k in lifted}
    emit_as([*results, *dresults.values()], if_, (env.operand(eqn.operands[0]),), env.params(eqn.params), regions)
    tangents.update(dresults)
