"""`custom_call`: a call of a function whose derivatives or batches are given by the user's rules.

Param `callee` is the function itself, closed over what it captures; param `rules` (`Rules`) holds functions that the
frontend made of the user's rules for these very operands. The operands are the function's flat arguments, then what it
or a rule captures. The transformations take what they need of the rules and leave ordinary equations; where none does,
`passes.inline_custom` puts the body in place of the call before anything is lowered or printed.

`with_pullback` lives inside reverse mode only: its results are its first operands, and their cotangents go through the
user's backward function instead of back through what computed them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from gradscribe.transpiler.errors import GradscribeError, NoRule
from gradscribe.transpiler.ir.builder import append_eqn, current_span, emit_as
from gradscribe.transpiler.ir.callees import Callee
from gradscribe.transpiler.ir.dims import Symbol
from gradscribe.transpiler.ir.nodes import Effect, Function, Literal, Operand, Region, Var
from gradscribe.transpiler.ir.types import ArrayType, Type
from gradscribe.transpiler.ir.walk import Substitution, clone_eqn
from gradscribe.transpiler.primitives.calls import Call, call_results
from gradscribe.transpiler.primitives.conversion import convert, python_scalar
from gradscribe.transpiler.primitives.primitive import Params, RegionPrimitive, Zeroable, is_literal, zeros_of

Pattern = tuple[bool, ...]


@dataclass(frozen=True, eq=False)
class ForwardRule:
    """`callee`: (operands, tangents of the operands at `wrt`) -> (results, tangents of the floating results)."""

    wrt: tuple[int, ...]
    callee: Callee


@dataclass(frozen=True, eq=False)
class ReverseRule:
    """`forward`: operands -> (results, residuals). `backward`: (residuals, cotangents of the results at `seeded`, the
    operands at `reads`) -> cotangents of the operands at `wrt`."""

    wrt: tuple[int, ...]
    forward: Callee
    backward: Callee
    seeded: tuple[int, ...]
    reads: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class BatchRule:
    """`callee`: operands, those in `pattern` with the batch axis in front -> results; `batched` says which of these
    have it."""

    callee: Callee
    batched: Pattern


@dataclass(eq=False)
class Rules:
    """The rules of one call. Each is a rule, the error that staging it met (raised where the rule is needed), or
    absent. `declared`: what kind of function it is. `batches`: by which operands are batched. `forwards`, `reverses`:
    rules for fewer operands, where the others' tangents are zero (symbolic zeros)."""

    name: str
    declared: str
    forward: ForwardRule | GradscribeError | None = None
    reverse: ReverseRule | GradscribeError | None = None
    batches: Mapping[Pattern, BatchRule | GradscribeError] = field(default_factory=dict)
    forwards: tuple[ForwardRule, ...] = ()
    reverses: tuple[ReverseRule, ...] = ()
    derived: dict[Any, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        return self.declared


custom_call = Call(name="custom_call", effect=Effect.CHECK)


def fitted(x: Operand, type: Type) -> Operand:
    """A scalar as the Python or NumPy scalar that `type` says; other operands as they are."""
    same = not isinstance(type, ArrayType) or not isinstance(x.type, ArrayType) or bool(type.shape)
    if same or (x.type.weak == type.weak and x.dtype == type.dtype):
        return x
    assert isinstance(type, ArrayType)
    if isinstance(x, Literal):
        value = type.dtype.type(x.value)
        return Literal(value.item() if type.weak else value)
    scalar: Operand = python_scalar(x, dtype=type.dtype) if type.weak else convert(x, dtype=type.dtype)
    return scalar


def inline(function: Function, operands: Sequence[Operand]) -> list[Operand]:
    """The body of a closed function in the open block; its results."""
    env = Substitution()
    for param, operand in zip(function.params, operands, strict=True):
        env[param] = fitted(operand, param.type)
        for own, given in zip(param.type.dims(), operand.type.dims(), strict=True):
            if isinstance(own.single_atom, Symbol):
                env.atoms.setdefault(own.single_atom, given)
    for eqn in function.region.eqns:
        append_eqn(clone_eqn(eqn, env))
    return [env.operand(r) for r in function.results]


def call_with(callee: Callee, rules: Rules, operands: Sequence[Operand]) -> tuple[Var, ...]:
    """A `custom_call` of these operands in the open block; its results."""
    results = call_results(callee, operands)
    emit_as(results, custom_call, operands, {"callee": callee, "rules": rules})
    return results


# ---- reverse mode ----


@dataclass(frozen=True, eq=False, kw_only=True)
class WithPullback(RegionPrimitive):
    """Operands: the results of a forward function, its residuals, the operands of the call. Results: the first. Param
    `rule`: the `ReverseRule`."""

    def infer(self, operands: tuple[Type, ...], params: Params, regions: tuple[Region, ...]) -> tuple[Type, ...]:
        return operands[: len(operands) - _rest(params["rule"])]

    def evaluate(self, operands: tuple[Any, ...], params: Params, regions: tuple[Any, ...]) -> tuple[Any, ...]:
        return operands[: len(operands) - _rest(params["rule"])]

    def vjp(
        self, operands: Sequence[Operand], results: Sequence[Operand], cotangents: Sequence[Zeroable], params: Params
    ) -> tuple[Zeroable, ...]:
        rule: ReverseRule = params["rule"]
        count = len(results)
        residual_count = _residual_count(rule)
        residuals, arguments = operands[count : count + residual_count], operands[count + residual_count :]
        seeds = [_seed(results[k], cotangents[k]) for k in rule.seeded]
        found = inline(rule.backward.function, [*residuals, *seeds, *(arguments[k] for k in rule.reads)])
        pulled = {k: None if _is_zero(g) else g for k, g in zip(rule.wrt, found, strict=True)}
        return (*[None] * (count + residual_count), *(pulled.get(k) for k in range(len(arguments))))


def _is_zero(x: Operand) -> bool:
    """Zero as it is written: the rule gives None for it."""
    definition = x.definition if isinstance(x, Var) else None
    return is_literal(x, 0.0) or (definition is not None and definition.operation.name == "zeros")


def _seed(result: Operand, cotangent: Zeroable) -> Operand:
    assert isinstance(result.type, ArrayType)
    return zeros_of(result.type.strong()) if cotangent is None else cotangent


def _residual_count(rule: ReverseRule) -> int:
    return len(rule.backward.function.params) - len(rule.seeded) - len(rule.reads)


def _rest(rule: ReverseRule) -> int:
    return _residual_count(rule) + len(rule.forward.function.params)


with_pullback = WithPullback(name="with_pullback")


Rule = TypeVar("Rule", ForwardRule, ReverseRule)


def narrowest(rule: Rule | GradscribeError | None, others: Sequence[Rule], active: Sequence[int]) -> Rule:
    """The rule for the fewest operands that covers the active ones; the error that says why there is none."""
    if isinstance(rule, GradscribeError):
        raise rule
    assert rule is not None
    best: Rule = rule
    for other in others:
        if set(active) <= set(other.wrt) and len(other.wrt) < len(best.wrt):
            best = other
    return best


def refuse_active(rules: Rules, active: Sequence[int], wrt: Sequence[int], params: Params) -> None:
    """NoRule if an operand carries a derivative that the rule knows nothing of."""
    unknown = [k for k in active if k not in wrt]
    if unknown:
        callee: Callee = params["callee"]
        name = callee.function.params[unknown[0]].hint
        what = f"`{name}`" if name else "a value"
        raise NoRule(
            current_span(),
            f"the rule of `{rules.name}` says nothing of {what}, which the derivative goes through",
            "pass it as a differentiable argument (not through a closure, nor in nondiff_argnums)",
        )
