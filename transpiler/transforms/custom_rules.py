"""What the transformations do with functions that have rules of their own.

Reverse mode: a call that carries a derivative becomes its forward function and `with_pullback`, whose cotangents go
through the backward function; a rule for forward mode is transposed, being linear in its tangents. Batching: every
function of the rules is batched, so that a batch of calls is a call with rules again. In: programs with `custom_call`.
Out: programs without those that carry a derivative (`with_pullback` instead, gone after the reverse sweep).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

from gradscribe.transpiler.errors import GradscribeError, NoRule, Span
from gradscribe.transpiler.ir.builder import append_eqn, at_span, build_body, build_region, current_span, emit
from gradscribe.transpiler.ir.callees import Callee
from gradscribe.transpiler.ir.dims import Dim
from gradscribe.transpiler.ir.nodes import Eqn, Function, Operand, Region, Var
from gradscribe.transpiler.ir.types import ArrayType
from gradscribe.transpiler.ir.walk import Substitution, clone_eqn, inner_eqns
from gradscribe.transpiler.passes.dead_code import drop_dead_code
from gradscribe.transpiler.primitives.custom import (
    BatchRule,
    ForwardRule,
    Pattern,
    ReverseRule,
    Rules,
    custom_call,
    fitted,
    inline,
    narrowest,
    refuse_active,
    with_pullback,
)
from gradscribe.transpiler.primitives.primitive import zeros_of
from gradscribe.transpiler.primitives.reductions import reduce_sum
from gradscribe.transpiler.primitives.structure import broadcast_to
from gradscribe.transpiler.transforms.activity import active, varied
from gradscribe.transpiler.transforms.lane_dependence import lane_dependent


class Split(Protocol):
    """Reverse mode as this room needs it: `vjp.VjpParts`."""

    @property
    def forward(self) -> Function: ...
    @property
    def backward(self) -> Function: ...


Differentiate = Callable[[Function, Sequence[int], Sequence[int]], Split]
# The callee over a batch, for flags of its operands and the name of the axis; and flags of its results.
Over = Callable[[Callee, tuple[bool, ...], str | None], tuple[Callee, tuple[bool, ...]]]
Rewrite = Callable[[Eqn, Substitution], bool]


def has_custom_calls(region: Region) -> bool:
    return any(eqn.operation is custom_call for eqn in inner_eqns(region))


def _rewritten(function: Function, rewrite: Rewrite) -> Function:
    """The program with equations that `rewrite` has put others in place of."""
    env = Substitution({p: p for p in function.params})
    region = build_body(function.params, lambda *_: _walk(function.region, env, rewrite))
    return replace(function, region=region, backward_from=None)


def _walk(region: Region, env: Substitution, rewrite: Rewrite) -> Sequence[Operand]:
    for eqn in region.eqns:
        with at_span(eqn.span):
            if rewrite(eqn, env):
                continue
            if not eqn.regions:
                append_eqn(clone_eqn(eqn, env))
                continue
            operands, params = tuple(env.operand(x) for x in eqn.operands), env.params(eqn.params)
            regions = []
            for inner in eqn.regions:
                fresh = env.fresh_all(inner.params)
                regions.append(build_region(fresh, lambda *_, inner=inner: _walk(inner, env, rewrite)))
            results = tuple(env.fresh(r) for r in eqn.results)
            append_eqn(Eqn(eqn.operation, operands, results, params, tuple(regions), eqn.span))
    return [env.operand(r) for r in region.results]


def without_mere_batching(function: Function, wrt: Sequence[int]) -> Function:
    """Calls that carry a derivative and have no rule for one are their bodies."""
    found = True
    while found and has_custom_calls(function.region):
        function, found = _without_mere_batching(function, varied(function, wrt))
    return function


def _without_mere_batching(function: Function, moving: set[Var]) -> tuple[Function, bool]:
    found = False

    def rewrite(eqn: Eqn, env: Substitution) -> bool:
        nonlocal found
        rules: Rules | None = eqn.params.get("rules")
        if rules is None or rules.forward is not None or rules.reverse is not None:
            return False
        if not any(r in moving for r in eqn.results):
            return False
        found = True
        made = inline(eqn.params["callee"].function, [env.operand(x) for x in eqn.operands])
        env.values.update({r: fitted(new, r.type) for r, new in zip(eqn.results, made, strict=True)})
        return True

    rewritten = _rewritten(function, rewrite)
    return (rewritten, True) if found else (function, False)


# ---- forward mode ----


def forward_rule(eqn: Eqn, lifted: Sequence[int]) -> ForwardRule:
    """The rule for tangents of the operands `lifted`; NoRule if there is none."""
    rules: Rules = eqn.params["rules"]
    if rules.forward is None:
        raise NoRule(
            current_span(),
            f"`{rules.name}` has a rule for reverse mode only (custom_vjp), and forward mode meets it",
            "use reverse mode (grad, vjp, jacrev), or give it a custom_jvp rule",
        )
    rule = narrowest(rules.forward, rules.forwards, lifted)
    refuse_active(rules, lifted, rule.wrt, eqn.params)
    return rule


# ---- reverse mode ----


def with_pullbacks(
    function: Function, wrt: Sequence[int], results: Sequence[int], differentiate: Differentiate
) -> Function:
    """Calls that a cotangent reaches run their forward function; `with_pullback` has the rest."""
    if not has_custom_calls(function.region):
        return function
    function = without_mere_batching(function, wrt)
    moving = active(function, wrt, results)

    def rewrite(eqn: Eqn, env: Substitution) -> bool:
        if eqn.operation is not custom_call or not any(r in moving for r in eqn.results):
            return False
        lifted = [k for k, x in enumerate(eqn.operands) if isinstance(x, Var) and x in moving]
        rules: Rules = eqn.params["rules"]
        if rules.reverse is None:
            rule = _transposed(rules, narrowest(rules.forward, rules.forwards, lifted), differentiate)
        else:
            rule = narrowest(rules.reverse, rules.reverses, lifted)
        refuse_active(rules, lifted, rule.wrt, eqn.params)
        operands = [env.operand(x) for x in eqn.operands]
        made = inline(rule.forward.function, operands)
        count = len(eqn.results)
        outs = [fitted(new, r.type) for r, new in zip(eqn.results, made, strict=False)]
        marked = emit(
            with_pullback,
            [*outs, *made[count:], *operands],
            {"rule": rule},
            hints=[r.hint for r in eqn.results],
            types=[x.type for x in outs],
        )
        for old, out, result in zip(eqn.results, outs, marked, strict=True):
            env[old] = result if old.type.is_float else out
        return True

    return _rewritten(function, rewrite)


def without_pullbacks(function: Function) -> Function:
    """The reverse sweep is written: the marks are their operands."""
    if not any(eqn.operation is with_pullback for eqn in inner_eqns(function.region)):
        return function

    def rewrite(eqn: Eqn, env: Substitution) -> bool:
        if eqn.operation is not with_pullback:
            return False
        for old, operand in zip(eqn.results, eqn.operands, strict=False):
            env[old] = env.operand(operand)
            if isinstance(operand, Var) and not operand.hint:
                operand.hint = old.hint
        return True

    return _rewritten(function, rewrite)


def _transposed(rules: Rules, rule: ForwardRule, differentiate: Differentiate) -> ReverseRule:
    """The rule of forward mode as one of reverse mode."""
    key = ("reverse", rule)
    if key not in rules.derived:
        rules.derived[key] = _not_linear(rules.name, None)  # should the rule use the function for its tangents
        rules.derived[key] = transposed(rule, rules.name, differentiate)
    known: ReverseRule | GradscribeError = rules.derived[key]
    if isinstance(known, GradscribeError):
        raise known
    return known


def _not_linear(name: str, span: Span | None) -> NoRule:
    return NoRule(
        current_span() or span,
        f"the rule of `{name}` is not linear in its tangents, so reverse mode cannot use it",
        "compute each tangent as a sum of products with a tangent; decide by values, not by tangents",
    )


def transposed(rule: ForwardRule, name: str, differentiate: Differentiate) -> ReverseRule:
    """A linear map of tangents, the other way."""
    pushed = rule.callee.function
    count = len(pushed.params) - len(rule.wrt)
    tangents = range(count, len(pushed.params))
    total = len(pushed.results)
    seeded = [k for k in range(total) if k >= total - _tangent_count(pushed)]
    parts = differentiate(pushed, list(tangents), seeded)
    kept = parts.forward
    dependent = lane_dependent(kept.region, [kept.params[k] for k in tangents])
    if any(isinstance(r, Var) and r in dependent for r in kept.results[total:]):
        raise _not_linear(name, pushed.span)
    outs = total - len(seeded)
    env = Substitution()
    params = env.fresh_all(kept.params[:count])

    def body(*operands: Var) -> list[Operand]:
        zeros = [zeros_of(env.type(kept.params[k].type)) for k in tangents]
        found = inline(kept, [*operands, *zeros])
        return [*found[:outs], *found[total:]]

    forward = Function(f"{pushed.name}_fwd", build_body(params, body), (), (), pushed.span)
    floating = tuple(k for k, r in enumerate(pushed.results[:outs]) if r.type.is_float)
    return ReverseRule(
        rule.wrt,
        Callee(f"{name}_fwd", drop_dead_code(forward)),
        Callee(f"{name}_bwd", parts.backward),
        floating,
        (),
    )


def _tangent_count(pushed: Function) -> int:
    """Of the results of a forward rule, (results, a tangent for each floating one), how many are tangents."""
    total = len(pushed.results)
    for outs in range(total, -1, -1):
        if outs + sum(r.type.is_float for r in pushed.results[:outs]) == total:
            return total - outs
    raise AssertionError(f"{pushed.name} has {total} results")


# ---- batching ----


def batched_call(
    callee: Callee, rules: Rules, pattern: Pattern, axis_name: str | None, over: Over
) -> tuple[Callee, Rules]:
    """The call for operands of which those in `pattern` have a batch axis; all its results have one."""
    key = ("vmap", pattern, axis_name)
    if key not in rules.derived:
        outs = [True] * len(callee.function.results)
        made = Rules(rules.name, rules.declared)
        # entered at once, for rules that call the function itself
        rules.derived[key] = _spread(*over(callee, pattern, axis_name), outs, pattern), made
        try:
            made.forwards = tuple(_batched_forward(r, pattern, axis_name, over) for r in rules.forwards)
            made.reverses = tuple(_batched_reverse(r, pattern, outs, axis_name, over) for r in rules.reverses)
            made.forward, made.reverse = rules.forward, rules.reverse
            if isinstance(made.forward, ForwardRule):
                made.forward = _batched_forward(made.forward, pattern, axis_name, over)
            if isinstance(made.reverse, ReverseRule):
                made.reverse = _batched_reverse(made.reverse, pattern, outs, axis_name, over)
        except BaseException:
            del rules.derived[key]
            raise
    known: tuple[Callee, Rules] = rules.derived[key]
    return known


def _batched_forward(rule: ForwardRule, pattern: Pattern, axis_name: str | None, over: Over) -> ForwardRule:
    given = (*pattern, *(pattern[k] for k in rule.wrt))
    stacked, flags = over(rule.callee, given, axis_name)
    return ForwardRule(rule.wrt, _spread(stacked, flags, [True] * len(flags), given))


def _batched_reverse(
    rule: ReverseRule, pattern: Pattern, outs: list[bool], axis_name: str | None, over: Over
) -> ReverseRule:
    stacked, flags = over(rule.forward, pattern, axis_name)
    residuals = flags[len(outs) :]
    seeds = (*residuals, *(True for _ in rule.seeded), *(pattern[k] for k in rule.reads))
    pulled, found = over(rule.backward, seeds, axis_name)
    return ReverseRule(
        rule.wrt,
        _spread(stacked, flags, [*outs, *residuals], pattern),
        _spread(pulled, found, [pattern[k] for k in rule.wrt], seeds),
        rule.seeded,
        rule.reads,
    )


def _spread(callee: Callee, now: Sequence[bool], wanted: Sequence[bool], given: Sequence[bool]) -> Callee:
    """The function over a batch, with the batch axis on exactly the results `wanted`: repeated where there is none,
    summed over where none is wanted (a cotangent of what all lanes share). `given`: which parameters have it."""
    function = callee.function
    if list(now) == list(wanted):
        return callee
    size = next(p.shape[0] for p, batched in zip(function.params, given, strict=True) if batched)
    env = Substitution()
    params = env.fresh_all(function.params)

    def body(*_: Var) -> list[Operand]:
        for eqn in function.region.eqns:
            append_eqn(clone_eqn(eqn, env))
        return [_with_axis(env.operand(r), a, b, size) for r, a, b in zip(function.results, now, wanted, strict=True)]

    return Callee(
        callee.name, Function(function.name, build_body(params, body), (), function.result_hints, function.span)
    )


def _with_axis(x: Operand, now: bool, wanted: bool, size: Dim) -> Operand:
    if now == wanted:
        return x
    if now:
        summed: Operand = reduce_sum(x, axes=(0,))
        return summed
    assert isinstance(x.type, ArrayType)
    repeated: Operand = broadcast_to(x, shape=(size, *x.type.shape))
    return repeated


def covering(rules: Rules, pattern: Pattern) -> tuple[Pattern, BatchRule] | None:
    """The user's batching rule for these operands, or for more of them (the others are repeated)."""
    fits = [p for p in rules.batches if all(b or not a for a, b in zip(pattern, p, strict=True))]
    if not fits:
        return None
    best = min(fits, key=lambda p: sum(p))
    found = rules.batches[best]
    if isinstance(found, GradscribeError):
        raise found
    return best, found
