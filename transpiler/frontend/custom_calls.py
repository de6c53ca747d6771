"""Calls of functions that have rules of their own.

In: a `CustomFunction` and arguments. Out: a `custom_call` equation and its result. The function and its rules are
interpreted apart, each once, for arguments of these types, and closed over what they capture (`closing`). Establishes:
a rule returns what its kind of rule has to, in structure, shapes and dtypes; a rule that is refused is refused where it
is needed. A rule that calls its own function calls the very callee that is being made.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from gradscribe.transpiler import tree
from gradscribe.transpiler.errors import GradscribeError, NoRule
from gradscribe.transpiler.frontend import custom_texts
from gradscribe.transpiler.frontend.apart import (
    Apart,
    Made,
    as_refusal,
    data_positions,
    leaf_of,
    no_tangent,
    symbolic_zero,
    type_of,
)
from gradscribe.transpiler.frontend.callees import Returned, Specialisation, is_place
from gradscribe.transpiler.frontend.inner import InnerFunction
from gradscribe.transpiler.frontend.lifting import Parameter
from gradscribe.transpiler.frontend.reading import Reading
from gradscribe.transpiler.frontend.signatures import (
    Leaf,
    Mismatch,
    Number,
    Shaped,
    Signature,
    Static,
    first_signature,
    shaped,
    widened,
)
from gradscribe.transpiler.frontend.trying import UserException
from gradscribe.transpiler.frontend.values import BoundMethod, Closure, Object, Partial, describe
from gradscribe.transpiler.ir.builder import current_span
from gradscribe.transpiler.ir.callees import Callee, callees_in
from gradscribe.transpiler.ir.dims import Atom, Dim, next_serial
from gradscribe.transpiler.ir.nodes import Function, Operand, Var
from gradscribe.transpiler.ir.staged import ResultLeaf, StaticLeaf
from gradscribe.transpiler.ir.types import INT64, ArrayType
from gradscribe.transpiler.library.custom_rules import (
    CustomFunction,
    CustomVJPPrimal,
    custom_derivatives,
    custom_jvp,
    custom_vjp,
    custom_vmap,
    on_cotangent,
)
from gradscribe.transpiler.passes.closing import captures_of
from gradscribe.transpiler.primitives.custom import BatchRule, ForwardRule, ReverseRule, Rules

_PATTERNS_UP_TO = 3  # batched arguments for which every combination is staged


class CustomCalls(Apart):
    """Functions with rules."""

    def __init__(self, static: frozenset[Any]) -> None:
        super().__init__(static)
        self.customs: list[Made] = []  # under way, the innermost last
        self.batching_rules = 0  # rules for batches that are being interpreted

    def own_function(self, function: Any) -> Callable[..., Any] | None:
        return self.call_on_cotangent if function is on_cotangent else super().own_function(function)

    def call_on_cotangent(self, x: Any, function: Any) -> Any:
        custom = custom_vjp(custom_texts.same)
        backward = Partial(self.library(custom_texts.through), (function,), {})
        custom.defvjp(self.library(custom_texts.same_forward), backward)  # type: ignore[arg-type]
        return self.call_custom(custom, [x], {})

    def call(self, function: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
        if isinstance(function, CustomFunction):
            return self.call_custom(function, args, kwargs)
        bound = getattr(function, "__func__", None)
        if isinstance(bound, CustomFunction):
            return self.call_custom(bound, [self.lift(function.__self__, "self", None), *args], kwargs)
        return super().call(function, args, kwargs)

    def _function(self, rule: Any) -> Any:
        """A rule as a value that can be called."""
        if isinstance(rule, InnerFunction):
            return rule.value
        if isinstance(rule, (Closure, BoundMethod, Partial)):
            return rule
        if getattr(rule, "__module__", None) == custom_texts.__name__:
            return self.library(rule)
        return self.lift(rule, getattr(rule, "__name__", "rule"), None)

    # ---- the call ----
    def call_custom(self, custom: CustomFunction, args: list[Any], kwargs: dict[str, Any]) -> Any:
        self.check_static(custom.definitions, Reading(custom, "attribute", "definitions"))
        closure = self._function(custom.fun)
        if isinstance(closure, BoundMethod):
            closure, args = closure.function, [closure.owner, *args]
        if not isinstance(closure, Closure):
            self.refuse(f"{custom.kind} of {describe(closure)} is not accepted", "wrap it in a function of your own")
        birth = next_serial()
        slots = self._positional(closure, self.bound_arguments(closure, args, kwargs))
        values, definition, hints = self._flattened(slots)
        for known in reversed(self.customs):
            if known.custom is custom and known.call.definition == definition:
                try:
                    again = widened(self, known.call.signature, values, hints) is None
                except Mismatch:
                    again = False
                if again:
                    if known.call.returned is None:
                        self.refuse(f"`{known.name}` has rules of its own and calls itself", "write it as a loop")
                    return self._emit_call(known.call, values, None)
        for k in custom.nondiff_argnums:
            if not -len(slots) <= k < len(slots):
                self.refuse(f"nondiff_argnums={custom.nondiff_argnums}, but the call has {len(slots)} arguments")
        name = getattr(custom, "__name__", closure.name).replace("<lambda>", "function")
        rules = Rules(name, custom.kind)
        call = Specialisation(
            closure, tuple(slots), definition, hints, first_signature(values, hints), Callee(self._callee_name(name)),
            rules=rules,
        )  # fmt: skip
        nondiff = tuple(k % len(slots) for k in custom.nondiff_argnums)
        made = Made(custom, call, nondiff, birth, [], [])
        self.customs.append(made)
        try:
            self._primal(made)
            self._rules(made, rules)
        finally:
            self.customs.pop()
        return self._emit_call(call, values, self._finish(made))

    def _positional(self, closure: Closure, slots: dict[str, Any]) -> dict[str, Any]:
        """The arguments by position: rules are called so."""
        a = closure.node.args
        found = {p.id: slots[p.id] for p in (*a.posonlyargs, *a.args)}
        if a.vararg is not None:
            found.update({f"{a.vararg.id}{k}": v for k, v in enumerate(slots[a.vararg.id])})
        if a.kwonlyargs or (a.kwarg is not None and slots[a.kwarg.id].slots):
            self.refuse("a function with rules of its own takes positional arguments only")
        return found

    def _primal(self, made: Made) -> None:
        call = made.call
        values = self._fresh_values(call.signature)

        def body(arguments: list[Any]) -> Any:
            return self.call(call.closure, arguments, {})

        def finish(result: Any, own: list[Parameter]) -> list[Operand]:
            call.returned = self._returned_of(call.signature, result, own, made.birth, identity=False)
            return self._last_outputs

        region = self._apart(made, call.signature, self._as_arguments(made, values), body, finish)
        if made.returned.written:
            self.refuse(f"`{made.name}` has rules of its own and writes its argument", "write a copy, and return it")
        self._close_later(made, region, call.signature, call.callee, None)

    def _rules(self, made: Made, rules: Rules) -> None:
        """Interpret the rules; one that is refused is refused where it is needed."""
        custom = made.custom
        if isinstance(custom, custom_jvp):
            if custom.rule is None and custom.partial_rules is None:
                self.refuse(f"`{made.name}` has no rule yet", "define one: @f.defjvp")
            try:
                for only in self._subsets(made, custom.symbolic_zeros):
                    self._forward_rule(made, rules, custom, only)
            except (GradscribeError, UserException) as error:
                rules.forward = as_refusal(error)
        if isinstance(custom, custom_derivatives) and custom.backward is None:
            what = "this linear solve has no rule for reverse mode"
            rules.reverse = NoRule(current_span(), what, "give it transpose_solve, or symmetric=True")
        elif isinstance(custom, custom_derivatives):
            try:
                self._reverse_rule(made, rules, custom, None)
            except (GradscribeError, UserException) as error:
                rules.reverse = as_refusal(error)
        if isinstance(custom, custom_vjp):
            if custom.forward is None or custom.backward is None:
                self.refuse(f"`{made.name}` has no rule yet", "define one: f.defvjp(fwd, bwd)")
            try:
                for only in self._subsets(made, custom.symbolic_zeros):
                    self._reverse_rule(made, rules, custom, only)
            except (GradscribeError, UserException) as error:
                rules.reverse = as_refusal(error)
        if isinstance(custom, custom_vmap):
            if custom.rule is None:
                self.refuse(f"`{made.name}` has no rule yet", "define one: @f.def_vmap")
            if not self.batching_rules:
                self._batch_rules(made, rules, custom)

    def _subsets(self, made: Made, symbolic_zeros: bool) -> list[frozenset[int] | None]:
        """The sets of leaves whose tangents are not zero for which a rule is interpreted; None is all of them, as they
        are. With many, it is each by itself and all."""
        if not symbolic_zeros:
            return [None]
        moving = made.moving()
        sizes = range(1, len(moving) + 1) if len(moving) <= _PATTERNS_UP_TO else (1, len(moving))
        return [frozenset(chosen) for size in sizes for chosen in itertools.combinations(moving, size)]

    def _finish(self, made: Made) -> list[Atom]:
        """Close everything over what any part of it captures."""
        captures: dict[Atom, None] = {}
        for region, signature in made.regions:
            captures.update(dict.fromkeys(captures_of(region, signature.sizes)))
            for callee in callees_in(region):
                if callee is not made.call.callee and not callee.complete:
                    self.refuse(
                        f"`{made.name}` has rules of its own and is part of a recursion", "take it out of the recursion"
                    )
        for close in made.wanted:
            close(list(captures))
        return list(captures)

    # ---- custom_jvp ----
    def _forward_rule(self, made: Made, rules: Rules, custom: custom_jvp, only: frozenset[int] | None) -> None:
        call = made.call
        values, what = self._fresh_values(call.signature), f"the jvp rule of `{made.name}`"
        signature = first_signature(values, call.hints)
        moving = [n for n in made.moving() if only is None or n in only]
        leaves: list[Leaf] = list(signature.leaves)
        tangents: dict[int, Any] = {}
        for n in moving:
            type, hint = type_of(signature.leaves[n])
            leaf = leaf_of(type.strong(), f"d{hint}" if hint else "")
            leaves.append(leaf)
            tangents[n] = leaf.var if isinstance(leaf, Number) else self.views.of_box(leaf.box)
        signature = Signature(tuple(leaves))
        own = self._fresh_values(signature)[: len(call.signature.leaves)]
        primals = self._as_arguments(made, own)
        zeros = [no_tangent(self, v) if only is None else symbolic_zero(self, v) for v in own]
        steps = self._as_arguments(made, [tangents.get(n, zero) for n, zero in enumerate(zeros)])
        nondiff = [primals[k] for k in made.nondiff]
        chosen = made.differentiable()
        outputs = [k for k, o in enumerate(made.returned.outputs) if o.type.is_float]

        def body(arguments: list[Any]) -> Any:
            at, moved = tuple(arguments[k] for k in chosen), tuple(steps[k] for k in chosen)
            if custom.partial_rules is not None:
                return self._sum_of_partials(made, custom, at, moved)
            result = self.call(self._function(custom.rule), [*nondiff, at, moved], {})
            pair = self.items(result) if isinstance(self.plain(result), (tuple, list)) else []
            if len(pair) != 2:
                self.refuse(f"{what} must return a pair (value, tangent)", "return out, dout")
            return tuple(pair)

        def finish(result: Any, _: list[Parameter]) -> list[Operand]:
            value, tangent = result
            outs = self._fitting_outputs(made, signature, value, what)
            places, definition = tree.flatten(made.returned.template, is_place)
            parts = self._parts(definition, tangent, what) if tangent is not None else [None] * len(places)
            given = {p.position: t for p, t in zip(places, parts, strict=True) if isinstance(p, ResultLeaf)}
            return outs + [self._tangent(given.get(k), outs[k].type, what) for k in outputs]  # type: ignore[arg-type]

        region = self._apart(made, signature, primals, body, finish)
        count, total = len(call.signature.data), len(signature.data)
        callee = Callee(f"{call.callee.name}_jvp")

        def order(function: Function, captured: int) -> Function:
            params = function.params
            arranged = (*params[:count], *params[total:], *params[count:total])
            return replace(function, region=replace(function.region, params=arranged))

        positions = data_positions(call.signature)
        rule = ForwardRule(tuple(positions[n] for n in moving), callee)
        if len(moving) == len(made.moving()):
            rules.forward = rule
        else:
            rules.forwards = (*rules.forwards, rule)
        self._close_later(made, region, signature, callee, order)

    def _sum_of_partials(
        self, made: Made, custom: custom_jvp, primals: tuple[Any, ...], tangents: tuple[Any, ...]
    ) -> Any:
        """defjvps: value, and the sum of what the rules make of the tangents."""
        rules = custom.partial_rules or ()
        if len(rules) != len(primals) or made.nondiff:
            self.refuse(f"defjvps of `{made.name}` needs a rule, or None, for each argument")
        value = self.call(custom, list(primals), {})
        total: Any = None
        for rule, tangent in zip(rules, tangents, strict=True):
            if rule is not None:
                term = self.call(self._function(rule), [tangent, value, *primals], {})
                total = term if total is None else self.binary("Add", total, term)
        return value, total

    # ---- custom_vjp ----
    def _reverse_rule(
        self, made: Made, rules: Rules, custom: custom_vjp | custom_derivatives, only: frozenset[int] | None
    ) -> None:
        call = made.call
        what = f"the forward rule of `{made.name}`"
        signature = first_signature(self._fresh_values(call.signature), call.hints)
        values = self._fresh_values(signature)
        kept: list[Returned] = []

        def body(arguments: list[Any]) -> Any:
            result = self.call(self._function(custom.forward), arguments, {})
            pair = self.items(result) if isinstance(self.plain(result), (tuple, list)) else []
            if len(pair) != 2:
                self.refuse(f"{what} must return a pair (value, residuals)", "return out, residuals")
            return tuple(pair)

        def finish(result: Any, own: list[Parameter]) -> list[Operand]:
            value, residuals = result
            fitting = self._fitting_outputs(made, signature, value, what)
            returned = self._returned_of(signature, residuals, own, made.birth, identity=False)
            if returned.written:
                self.refuse(f"{what} writes its argument", "write a copy")
            kept.append(returned)
            return [*fitting, *self._last_outputs]

        if only is not None:
            inside = {n for k in made.differentiable() for n in made.leaf_numbers()[k]}
            mark = lambda n, v: Object(CustomVJPPrimal, {"value": v, "perturbed": n in only})
            values = [mark(n, v) if n in inside else v for n, v in enumerate(values)]
        region = self._apart(made, signature, self._as_arguments(made, values), body, finish)
        forward = Callee(f"{call.callee.name}_fwd")
        self._close_later(made, region, signature, forward, None)
        moving = [n for n in made.moving() if only is None or n in only]
        self._backward_rule(made, rules, custom, forward, kept[0], moving)

    def _backward_rule(
        self,
        made: Made,
        rules: Rules,
        custom: custom_vjp | custom_derivatives,
        forward: Callee,
        kept: Returned,
        moving: list[int],
    ) -> None:
        call, what = made.call, f"the backward rule of `{made.name}`"
        numbers = made.leaf_numbers()
        fixed = [n for k in made.nondiff for n in numbers[k]]
        sizes: dict[Any, Var] = {}

        def leaf_for(output: Any, type: ArrayType, owner: str, hint: str) -> Leaf:
            """A parameter for what the forward rule hands over; sizes that are its own are unknowns here."""
            dims = []
            for d in output.shape:
                local = not isinstance(d, Dim) or any(getattr(a, "serial", 0) >= made.birth for a in d.leaves())
                if local:
                    key = d if isinstance(d, Dim) else (owner, d)
                    d = Dim.of(sizes.setdefault(key, Var(ArrayType(INT64, (), True), "size", Dim.of(0))))
                dims.append(d)
            return leaf_of(type.with_shape(tuple(dims)), hint)

        before = first_signature([self._fresh_values(call.signature)[n] for n in fixed], [call.hints[n] for n in fixed])
        residuals = [leaf_for(o, o.type, "residual", o.hint) for o in kept.outputs]
        seeded = [k for k, o in enumerate(made.returned.outputs) if o.type.is_float]
        bars = [
            leaf_for(o, replace(o.type, weak=False), "result", f"{o.hint}_bar" if o.hint else "")
            for o in (made.returned.outputs[k] for k in seeded)
        ]
        signature = Signature((*before.leaves, *residuals, *bars), tuple(sizes.values()))
        values = self._fresh_values(signature)
        nondiff_values = dict(zip(fixed, values, strict=False))
        residual_values = values[len(fixed) : len(fixed) + len(residuals)]
        bar_values = dict(zip(seeded, values[len(fixed) + len(residuals) :], strict=True))

        def filled(template: Any, at: Callable[[int], Any]) -> Any:
            def value_of(place: Any) -> Any:
                return place.value if isinstance(place, StaticLeaf) else at(place.position)

            return self.contained(tree.map(value_of, template, is_leaf=is_place))

        nondiff = [
            self.contained(tree.unflatten(call.definition[k], [nondiff_values[n] for n in numbers[k]]))
            for k in made.nondiff
        ]
        residual = filled(kept.template, lambda k: residual_values[k])
        zero_statics = tree.map(
            lambda p: StaticLeaf(no_tangent(self, p.value)) if isinstance(p, StaticLeaf) else p,
            made.returned.template,
            is_leaf=is_place,
        )
        cotangent = filled(zero_statics, bar_values.get)
        chosen = made.differentiable()

        def body(arguments: list[Any]) -> Any:
            return self.call(self._function(custom.backward), arguments, {})

        def finish(result: Any, _: list[Parameter]) -> list[Operand]:
            given = self.plain(result)
            if not isinstance(given, (tuple, list)) or len(given) != len(chosen):
                self.refuse(
                    f"{what} must return a tuple with a cotangent for each of {len(chosen)} differentiable arguments",
                    "return (x_bar,) for one argument; None stands for zero",
                )
            found: dict[int, Any] = {}
            for k, part in zip(chosen, given, strict=True):
                parts = [None] * len(numbers[k])
                if part is not None:
                    parts = self._parts(call.definition[k], part, what)
                found.update(zip(numbers[k], parts, strict=True))
            return [self._tangent(found[n], type_of(call.signature.leaves[n])[0], what) for n in moving]

        region = self._apart(made, signature, [*nondiff, residual, cotangent], body, finish)
        backward = Callee(f"{call.callee.name}_bwd")
        fixed_count, total = len(before.data), len(signature.data)
        positions = data_positions(call.signature)
        reads = [positions[n] for n in fixed if n in positions]
        operand_count = len(call.signature.data)

        def order(function: Function, captured: int) -> Function:
            params = function.params
            arranged = (*params[fixed_count:total], *params[:fixed_count], *params[total:])
            return replace(function, region=replace(function.region, params=arranged))

        def then(captured: int) -> None:
            rule = ReverseRule(
                tuple(positions[n] for n in moving),
                forward,
                backward,
                tuple(seeded),
                (*reads, *range(operand_count, operand_count + captured)),
            )
            if len(moving) == len(made.moving()):
                rules.reverse = rule
            else:
                rules.reverses = (*rules.reverses, rule)

        self._close_later(made, region, signature, backward, order, then)

    # ---- custom_vmap ----
    def _batch_rules(self, made: Made, rules: Rules, custom: custom_vmap) -> None:
        """A rule for every combination of batched arguments, or for all of them where there are many."""
        count = len(made.call.signature.data)
        patterns = [p for p in itertools.product((False, True), repeat=count) if any(p)]
        if count > _PATTERNS_UP_TO:
            patterns = [(True,) * count]
        self.batching_rules += 1
        try:
            for pattern in patterns:
                self._batch_rule(made, rules, custom, pattern)
        finally:
            self.batching_rules -= 1

    def _batch_rule(self, made: Made, rules: Rules, custom: custom_vmap, pattern: tuple[bool, ...]) -> None:
        call, what = made.call, f"the vmap rule of `{made.name}`"
        size = Var(ArrayType(INT64, (), True), "size", Dim.of(0))
        flags = iter(pattern)
        leaves: list[Leaf] = []
        stacked: list[bool] = []
        for leaf in first_signature(self._fresh_values(call.signature), call.hints).leaves:
            flag = not isinstance(leaf, Static) and next(flags)
            stacked.append(flag)
            if flag:
                assert isinstance(leaf, (Number, Shaped)) and isinstance(leaf.var.type, ArrayType)
                leaf = shaped(leaf.var.dtype, (Dim.of(size), *leaf.var.type.shape), leaf.var.hint)
            leaves.append(leaf)
        signature = Signature(tuple(leaves), (size,))
        arguments = self._as_arguments(made, self._fresh_values(signature))
        marks = self._as_arguments(made, stacked)
        batched: list[bool] = []

        def body(arguments: list[Any]) -> Any:
            given = [Dim.of(size), self.contained(marks), *arguments]
            result = self.call(self._function(custom.rule), given, {})
            pair = self.items(result) if isinstance(self.plain(result), (tuple, list)) else []
            if len(pair) != 2:
                self.refuse(f"{what} must return a pair (result, which parts of it are batched)")
            return tuple(pair)

        def finish(result: Any, _: list[Parameter]) -> list[Operand]:
            value, flags = result
            places, definition = tree.flatten(made.returned.template, is_place)
            flags = self.plain(flags)
            if isinstance(flags, bool):
                flags = tree.unflatten(definition, [flags] * len(places))
            marked = [f is True for f, p in zip(self._parts(definition, flags, what), places, strict=True)
                      if isinstance(p, ResultLeaf)]  # fmt: skip
            by_position = dict(zip([p.position for p in places if isinstance(p, ResultLeaf)], marked, strict=True))
            batched.extend(by_position.get(k, False) for k in range(len(made.returned.outputs)))
            return self._fitting_outputs(made, signature, value, what, marked, Dim.of(size))

        try:
            region = self._apart(made, signature, arguments, body, finish)
        except (GradscribeError, UserException) as error:
            rules.batches = {**rules.batches, pattern: as_refusal(error)}
            return
        callee = Callee(f"{call.callee.name}_vmap")
        def then(captured: int) -> None:
            rule = BatchRule(callee, tuple(batched))
            rules.batches = {**rules.batches, (*pattern, *[False] * captured): rule}

        self._close_later(made, region, signature, callee, None, then)
