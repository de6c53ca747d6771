"""Taylor mode: the derivatives of all orders up to K along a curve, one equation at a time.

In: a `Function`, the parameter positions to move, the order K. Out: a `Function` of the parameters and, for each moved
parameter x, its derivatives x', x'', ... along the curve; it returns the results, then the K derivatives of each
floating result. Assumes a verified program; the output is ordinary IR.

One rule for all primitives. The forward rule of y = f(x) says y' = J(x, y) x' as a program over x, y and the tangents.
That program is written once, as a *template* over the values of the original program, with a placeholder for each x';
then y^(k) is the (k-1)-th derivative of the template, found in the same way. It ends because the order falls, and it is
no longer than the recurrences of textbooks (exp, tanh, ...), because templates share equations with the program: the
cosine that the derivative of a sine asks for is one value, whose own derivative asks for the sine that is there.
Three operations have their closed form, of which the templates are made: linear maps (the map of the derivatives),
products (Leibniz), quotients (Leibniz for u b = a, solved for the last u).
Source: Griewank & Walther, Evaluating Derivatives, ch. 13; Bettencourt, Johnson & Duvenaud, Taylor-mode automatic
differentiation for higher-order derivatives in JAX (2019).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from gradscribe.transpiler.errors import reporting
from gradscribe.transpiler.ir.builder import (
    Block,
    append_eqn,
    at_span,
    build_body,
    build_region,
    emit,
    emit_as,
    naming,
    resume_block,
)
from gradscribe.transpiler.ir.callees import Callee
from gradscribe.transpiler.ir.nodes import Effect, Eqn, Function, Guard, Operand, Region, Var
from gradscribe.transpiler.ir.types import ArrayType, Type
from gradscribe.transpiler.ir.walk import Substitution, clone_eqn, eqn_reads
from gradscribe.transpiler.passes.simplify import simplify
from gradscribe.transpiler.primitives.arithmetic import divide, multiply
from gradscribe.transpiler.primitives.calls import CALLS, known_function
from gradscribe.transpiler.primitives.contraction import dot_general
from gradscribe.transpiler.primitives.custom import custom_call, fitted, inline
from gradscribe.transpiler.primitives.primitive import Linear, Reduction, RegionPrimitive, zeros_of
from gradscribe.transpiler.primitives.regions import body_carries, if_, loop, loop_carries, result_carries
from gradscribe.transpiler.transforms.activity import varied, varied_by
from gradscribe.transpiler.transforms.custom_rules import forward_rule, without_mere_batching
from gradscribe.transpiler.transforms.jvp import conform

Coefficient = Operand | None  # None: structurally zero


def derivative_name(hint: str, order: int) -> str:
    """dx, d2x, d3x, ... for x."""
    return f"d{order if order > 1 else ''}{hint}" if hint else ""


@reporting("writing the derivatives (Taylor mode)")
def jet(function: Function, wrt: Sequence[int], order: int) -> Function:
    """The program (params, `order` derivatives of each param at `wrt`) -> (results, `order` derivatives of each
    floating result).

    Example: for `f(x) = x * x` and order 2, `f_jet(x, dx, d2x)` returns `x * x, 2 x dx, 2 dx dx + 2 x d2x`.
    """
    if order < 1:
        raise ValueError(f"the order is at least 1, not {order}")
    function = without_mere_batching(simplify(function), wrt)
    series = _Series(varied(function, wrt))
    params = series.env.fresh_all(function.params)
    seeds = []
    for position in wrt:
        old = function.params[position]
        for k in range(1, order + 1):
            seed = Var(_strong(params[position].type), derivative_name(old.hint, k))
            series.known[old, k] = seed
            seeds.append(seed)

    def body(*_: Var) -> list[Operand]:
        series.region(function.region, order)
        outs = [series.env.operand(r) for r in function.results]
        higher = [
            series.explicit(old, k, new.type)
            for old, new in zip(function.results, outs, strict=True)
            if new.type.is_float
            for k in range(1, order + 1)
        ]
        return outs + higher

    region = build_body([*params, *seeds], body)
    guards = tuple(Guard(g.kind, series.env.dim(g.dim), g.message, g.requirement, g.span) for g in function.guards)
    return simplify(Function(f"{function.name}_jet", region, guards, (), function.span))


def jet_of(callee: Callee, wrt: tuple[int, ...], order: int) -> Callee:
    """The callee's own Taylor program, made once."""
    key = ("jet", wrt, order)
    if key not in callee.derived:
        made = callee.derived[key] = Callee(f"{callee.name}_jet", saves=callee.saves)
        made.function = jet(callee.function, wrt, order)
    known: Callee = callee.derived[key]
    return known


def _strong(type: Type) -> Type:
    return type.strong() if isinstance(type, ArrayType) else type


class _Series:
    """The derivatives found so far. `env` maps values of the original program and of templates to their new value
    (order 0), `known[x, k]` holds derivative k; placeholders stand for the derivative of another value."""

    def __init__(self, moving: set[Var]) -> None:
        self.moving = moving
        self.env = Substitution()
        self.known: dict[tuple[Var, int], Coefficient] = {}
        self.templates: dict[Eqn, tuple[Coefficient, ...]] = {}
        self.placeholders: dict[Var, Var] = {}  # x -> what stands for x'
        self.behind: dict[Var, Var] = {}  # the other way round
        self.scratch = Block()

    # ---- the original program ----
    def region(self, region: Region, order: int) -> None:
        for eqn in region.eqns:
            with at_span(eqn.span):
                self.equation(eqn, order)

    def equation(self, eqn: Eqn, order: int) -> None:
        if eqn.operation is loop:
            self._loop(eqn, order)
        elif eqn.operation is if_:
            self._if(eqn, order)
        elif eqn.operation in CALLS:
            self._call(eqn, order)
        elif eqn.operation is custom_call and order and any(r in self.moving for r in eqn.results):
            self._custom_call(eqn, order)
        else:
            append_eqn(clone_eqn(eqn, self.env))
            self._share(eqn)
            span = None if eqn.span is None else eqn.span.of_derivative()
            with naming(""), at_span(span):
                for k in range(1, order + 1):
                    for result in eqn.results:
                        if result in self.moving:
                            found = self._higher(eqn, result, k)
                            if isinstance(found, Var) and not found.hint:
                                found.hint = derivative_name(result.hint, k)
                            self.known[result, k] = found
            for result in eqn.results if order else ():
                if all(self.known.get((result, k)) is None for k in range(1, order + 1)):
                    self.moving.discard(result)  # a rounded number, say

    def _share(self, eqn: Eqn) -> None:
        """Templates that ask for the value of this equation get it."""
        operation = eqn.operation
        if operation.effect is Effect.PURE and not eqn.regions and not getattr(operation, "allocates", False):
            key = (operation, eqn.operands, tuple(sorted(eqn.params.items())))
            self.scratch.known.setdefault(key, eqn.results)

    # ---- derivatives of values ----
    def derivative(self, x: Operand, k: int) -> Coefficient:
        """x^(k), with x^(0) the new value of x; None for a derivative that is structurally zero."""
        if not isinstance(x, Var):
            return x if k == 0 else None
        if x in self.behind:
            return self._of_placeholder(x, k)
        if (x, k) in self.known:
            return self.known[x, k]
        if x in self.env.values and k == 0:
            return self.env.operand(x)
        eqn = x.definition
        if k and not self.moves(x):
            return None
        assert eqn is not None, f"{x} has no derivative {k}"
        if k == 0:
            self._evaluate(eqn)
            return self.env.operand(x)
        if eqn.regions or isinstance(eqn.operation, RegionPrimitive):
            self._evaluate_regions(eqn, k)
            return self.known.get((x, k))
        self.derivative(x, 0)
        self.known[x, k] = found = self._higher(eqn, x, k)
        return found

    def _of_placeholder(self, x: Var, k: int) -> Operand:
        """A placeholder is used where a tangent is, so it is never structurally zero."""
        return self.explicit(self.behind[x], k + 1, self.env.type(x.type))

    def explicit(self, x: Operand, k: int, type: Type) -> Operand:
        """x^(k) with zeros made explicit, in the shape and dtype of `type`."""
        found = self.derivative(x, k)
        return zeros_of(_strong(type)) if found is None else conform(found, type)

    def moves(self, x: Operand) -> bool:
        """Whether x may have a derivative that is not zero."""
        if not isinstance(x, Var) or not x.type.is_float:
            return False
        if x in self.moving or x in self.behind:
            return True
        if x in self.env.values and (x, 0) not in self.known:  # of the original program, and not moving
            return False
        eqn = x.definition
        if eqn is None or not any(map(self.moves, eqn_reads(eqn) if eqn.regions else eqn.operands)):
            return False
        self.moving.add(x)
        return True

    def _evaluate(self, eqn: Eqn) -> None:
        """The new value of a template's equation, put here."""
        for x in eqn_reads(eqn):
            self.env[x] = self._value(x)
        append_eqn(clone_eqn(eqn, self.env))
        for result in eqn.results:
            self.known[result, 0] = self.env.operand(result)

    def _value(self, x: Var) -> Operand:
        found = self.derivative(x, 0)
        assert found is not None
        return found

    def _evaluate_regions(self, eqn: Eqn, order: int) -> None:
        """A loop, a branch or a call in a template, to a given order."""
        reads = list(eqn_reads(eqn))
        for x in reads:
            self.env[x] = self._value(x)
            for k in range(1, order + 1):
                self.known[x, k] = self.derivative(x, k)
        self.moving |= varied_by(Region((), (eqn,), ()), {x for x in reads if self.moves(x)})
        self.equation(eqn, order)
        for result in eqn.results:
            self.known[result, 0] = self.env.operand(result)

    def _higher(self, eqn: Eqn, result: Var, k: int) -> Coefficient:
        """Derivative k >= 1 of a result, from derivatives up to k of the operands and below k of the results."""
        operation, type = eqn.operation, self.env.operand(result).type
        if operation is multiply:
            product = self._leibniz(eqn, k, lambda x, y: x * y)
        elif operation is dot_general:
            params = self.env.params(eqn.params)
            product = self._leibniz(eqn, k, lambda x, y: emit(dot_general, (x, y), params)[0])
        elif operation is divide:
            product = self._quotient(eqn, result, k)
        elif isinstance(operation, Linear) or (isinstance(operation, Reduction) and operation.linear):
            product = self._linear(eqn, k)
        else:
            product = self.derivative(self._template(eqn)[eqn.results.index(result)], k - 1)  # type: ignore[arg-type]
        return None if product is None else conform(product, type)

    def _leibniz(self, eqn: Eqn, k: int, product: Callable[[Operand, Operand], Operand]) -> Coefficient:
        """(x y)^(k) = sum over j of binomial(k, j) x^(j) y^(k-j)."""
        x, y = eqn.operands
        square = eqn.operation is multiply and x is y  # a matrix product with itself does not commute
        total: Coefficient = None
        for j in range(k, (k - 1) // 2 if square else -1, -1):
            a = self.derivative(x, j)
            b = None if a is None else self.derivative(y, k - j)
            if a is not None and b is not None:
                twice = 2 if square and j != k - j else 1
                total = _plus(total, _times(twice * math.comb(k, j), product(a, b)))
        return total

    def _quotient(self, eqn: Eqn, result: Var, k: int) -> Coefficient:
        """u = a / b: the Leibniz rule of u b = a, solved for u^(k)."""
        a, b = eqn.operands
        total = self.derivative(a, k)
        for j in range(k - 1, -1, -1):
            lower, moved = self.derivative(result, j), self.derivative(b, k - j)
            if lower is not None and moved is not None:
                total = _minus(total, _times(math.comb(k, j), lower * moved))
        divisor = self.derivative(b, 0)
        return None if total is None else total / divisor

    def _linear(self, eqn: Eqn, k: int) -> Coefficient:
        tangents = [self.derivative(x, k) for x in eqn.operands]
        if all(t is None for t in tangents):
            return None
        operands = [self.derivative(x, 0) for x in eqn.operands]
        tangents = [
            None if t is None else conform(t, _strong(x.type))  # type: ignore[union-attr]
            for t, x in zip(tangents, operands, strict=True)
        ]
        results = [self.env.operand(r) for r in eqn.results]
        (out,) = eqn.operation.jvp(operands, results, tangents, self.env.params(eqn.params))
        mapped: Coefficient = out
        return mapped

    def _template(self, eqn: Eqn) -> tuple[Coefficient, ...]:
        """The derivatives of the results, as operands over values of the original program and placeholders."""
        if eqn not in self.templates:
            tangents = [self._placeholder(x) if self.moves(x) else None for x in eqn.operands]
            if eqn.operands and all(t is None for t in tangents):
                self.templates[eqn] = (None,) * len(eqn.results)
            else:
                with resume_block(self.scratch):
                    self.templates[eqn] = eqn.operation.jvp(eqn.operands, eqn.results, tangents, eqn.params)
        return self.templates[eqn]

    def _placeholder(self, x: Operand) -> Var:
        assert isinstance(x, Var)
        if x not in self.placeholders:
            self.placeholders[x] = stand_in = Var(_strong(x.type))
            self.behind[stand_in] = x
        return self.placeholders[x]

    # ---- regions ----
    @contextmanager
    def _scope(self) -> Iterator[None]:
        """What is found inside a region is forgotten outside."""
        saved = dict(self.env.values), dict(self.known), dict(self.templates), self.scratch
        self.scratch = Block(self.scratch)
        try:
            yield
        finally:
            self.env.values, self.known, self.templates, self.scratch = saved

    def _loop(self, eqn: Eqn, order: int) -> None:
        params, returned, results = loop_carries(eqn), body_carries(eqn), result_carries(eqn)
        lifted = [(k, n) for k, p in enumerate(params) if p in self.moving for n in range(1, order + 1)]
        inits = [self.env.operand(x) for x in eqn.operands]
        seeds = [self.explicit(eqn.operands[k], n, inits[k].type) for k, n in lifted]
        regions = []
        for region in eqn.regions:
            with self._scope():
                carries = region.params[-len(params) :] if params else ()
                fresh = self.env.fresh_all(region.params)
                extra = []
                for k, n in lifted:
                    type = _strong(self.env.operand(carries[k]).type)
                    self.known[carries[k], n] = seed = Var(type, derivative_name(params[k].hint, n))
                    extra.append(seed)

                def step(*_: Var, region: Region = region) -> list[Operand]:
                    last = region is eqn.regions[-1]
                    self.region(region, order if last else 0)
                    outs = [self.env.operand(r) for r in region.results]
                    return outs + [self._carried(returned[k], params[k], n) for k, n in lifted if last]

                regions.append(build_region([*fresh, *extra], step))
        outs = [self.env.fresh(r) for r in eqn.results]
        higher = []
        for k, n in lifted:
            self.known[results[k], n] = new = Var(
                _strong(self.env.type(results[k].type)), derivative_name(results[k].hint, n)
            )
            higher.append(new)
        emit_as([*outs, *higher], loop, [*inits, *seeds], self.env.params(eqn.params), regions)

    def _carried(self, returned: Operand, param: Var, n: int) -> Operand:
        """What an iteration hands over: in the carry's dtype, and the shape that the carry has from now on."""
        type, now = self.env.type(param.type), self.env.operand(returned).type
        if isinstance(type, ArrayType) and isinstance(now, ArrayType):
            type = type.with_shape(now.shape)
        return self.explicit(returned, n, type)

    def _if(self, eqn: Eqn, order: int) -> None:
        lifted = [(k, n) for k, r in enumerate(eqn.results) if r in self.moving for n in range(1, order + 1)]
        regions = []
        for branch in eqn.regions:

            def run(branch: Region = branch) -> list[Operand]:
                self.region(branch, order)
                outs = [self.env.operand(r) for r in branch.results]
                return outs + [self.explicit(branch.results[k], n, outs[k].type) for k, n in lifted]

            with self._scope():
                regions.append(build_region((), run))
        results = [self.env.fresh(r) for r in eqn.results]
        higher = []
        for k, n in lifted:
            old = eqn.results[k]
            self.known[old, n] = new = Var(_strong(results[k].type), derivative_name(old.hint, n))
            higher.append(new)
        operands = (self.env.operand(eqn.operands[0]),)
        emit_as([*results, *higher], if_, operands, self.env.params(eqn.params), regions)

    def _call(self, eqn: Eqn, order: int) -> None:
        """A call of the callee's Taylor program, which is made once for each set of operands that move."""
        lifted = tuple(k for k, x in enumerate(eqn.operands) if self.moves(x))
        if not lifted or not order:
            append_eqn(clone_eqn(eqn, self.env))
            return
        callee = jet_of(known_function(eqn), lifted, order)
        operands = [self.env.operand(x) for x in eqn.operands]
        seeds = [self.explicit(eqn.operands[k], n, operands[k].type) for k in lifted for n in range(1, order + 1)]
        results = [self.env.fresh(r) for r in eqn.results]
        higher = []
        for old, new in zip(eqn.results, results, strict=True):
            for n in range(1, order + 1) if old.type.is_float else ():
                self.known[old, n] = moved = Var(_strong(new.type), derivative_name(new.hint, n))
                higher.append(moved)
        append_eqn(Eqn(eqn.operation, (*operands, *seeds), (*results, *higher), {"callee": callee}, (), eqn.span))


    def _custom_call(self, eqn: Eqn, order: int) -> None:
        """The user's forward rule is the template of the results and of their derivatives."""
        rule = forward_rule(eqn, [k for k, x in enumerate(eqn.operands) if self.moves(x)])
        with resume_block(self.scratch):
            seeds = [
                self._placeholder(x) if self.moves(x) else zeros_of(_strong(x.type))
                for x in (eqn.operands[k] for k in rule.wrt)
            ]
            found = inline(rule.callee.function, [*eqn.operands, *seeds])
        tangents = iter(found[len(eqn.results) :])
        for old, template in zip(eqn.results, found, strict=False):
            value = self.derivative(template, 0)
            assert value is not None
            self.env[old] = new = fitted(value, old.type)
            if old.type.is_float:
                tangent = next(tangents)
                for k in range(1, order + 1):
                    moved = self.derivative(tangent, k - 1)
                    self.known[old, k] = None if moved is None else conform(moved, new.type)


def _plus(total: Coefficient, term: Operand) -> Operand:
    return term if total is None else total + term


def _minus(total: Coefficient, term: Operand) -> Operand:
    return -term if total is None else total - term  # type: ignore[no-any-return]


def _times(count: int, term: Operand) -> Operand:
    return term if count == 1 else float(count) * term
