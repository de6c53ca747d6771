"""The reverse sweep: cotangents flow from results to operands, equation by equation, last to first.

In: a `Function` prepared by `count_trips`, its active values, a cotangent per result. Out: a region that mirrors the
forward one
(a reverse loop for each loop, a branch for each branch), whose equations read forward values *as if they were all in
scope*.
`residuals` then looks at what is really read, and `restoration` puts a real value in its place.
Establishes: every reverse loop and branch has a param `mirror` naming the forward equation it mirrors.
Source: Griewank & Walther, Evaluating Derivatives, ch. 3 and 4.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from gradscribe.transpiler.ir.builder import append_eqn, at_span, emit, emit_as, naming, open_block
from gradscribe.transpiler.ir.callees import Callee
from gradscribe.transpiler.ir.dims import Dim
from gradscribe.transpiler.ir.nodes import Eqn, Operand, Region, Var
from gradscribe.transpiler.ir.types import ArrayType, StackType, Type
from gradscribe.transpiler.ir.walk import Substitution, dim_vars, free_vars
from gradscribe.transpiler.primitives.arithmetic import equal
from gradscribe.transpiler.primitives.calls import CALLS, call_again, known_function
from gradscribe.transpiler.primitives.checks import check
from gradscribe.transpiler.primitives.conversion import in_dtype
from gradscribe.transpiler.primitives.primitive import zeros_of
from gradscribe.transpiler.primitives.regions import (
    body_carries,
    if_,
    index_var,
    is_counted,
    loop,
    loop_carries,
    result_carries,
)
from gradscribe.transpiler.primitives.stacks import stack_pop
from gradscribe.transpiler.primitives.structure import dim_value, index, reshape, sum_to_shape, update_add
from gradscribe.transpiler.transforms.activity import useful_in
from gradscribe.transpiler.transforms.checkpoint import SavedAdjoint
from gradscribe.transpiler.transforms.snapshots import Stepping, reversed_steps

Cotangents = dict[Var, Operand]
Checkpoint = SavedAdjoint | Stepping
AdjointOf = Callable[[Callee, tuple[int, ...], tuple[int, ...]], Callee]  # callee, operands, seeded results


@dataclass(frozen=True, eq=False)
class Mirror:
    """Names the forward equation that a reverse loop or branch mirrors."""

    eqn: Eqn

    def __repr__(self) -> str:
        return f"mirror of {self.eqn.results}"


def cotangent_name(hint: str) -> str:
    """x_bar for x, and for x_bar too (second order)."""
    if not hint:
        return ""
    return hint if hint.endswith("_bar") else f"{hint}_bar"


class ReverseSweep:
    """Emits the reverse of regions into the open block; cotangents live in a dict per region."""

    def __init__(self, active: set[Var], adjoint_of: AdjointOf, checkpoints: Mapping[Eqn, Checkpoint]) -> None:
        self.active = active
        self.adjoint_of = adjoint_of
        self.checkpoints = checkpoints

    def accumulate(self, cts: Cotangents, x: Operand, g: Operand | None) -> None:
        """cts[x] += g, in x's dtype and shape (the sum over stretched axes undoes broadcasting)."""
        if g is None or not isinstance(x, Var) or x not in self.active:
            return
        if isinstance(x.type, ArrayType):
            g = sum_to_shape(in_dtype(g, x.dtype), x.shape)
            if x in cts:
                g = cts[x] + g
        cts[x] = _named(g, x)

    def region(self, region: Region, cts: Cotangents) -> None:
        for eqn in reversed(region.eqns):
            with at_span(None if eqn.span is None else eqn.span.of_derivative()), naming(""):
                if eqn.operation is loop:
                    self._loop(eqn, cts)
                elif eqn.operation is if_:
                    self._if(eqn, cts)
                elif eqn.operation in CALLS:
                    self._call(eqn, cts)
                else:
                    self._equation(eqn, cts)

    def _equation(self, eqn: Eqn, cts: Cotangents) -> None:
        gs = [cts.pop(r, None) for r in eqn.results]
        if not any(x in self.active for x in eqn.operands if isinstance(x, Var)):
            return
        if all(g is None for g in gs) and eqn.operation is not stack_pop:
            return
        x = eqn.operands[0]
        if eqn.operation is index and isinstance(x, Var):
            # accumulate straight into the base's cotangent: no array of zeros per load
            base = cts.get(x)
            into = zeros_of(x.type) if base is None else base
            cts[x] = _named(emit(update_add, (into, gs[0], *eqn.operands[1:]), dict(eqn.params))[0], x)
            return
        for x, g in zip(eqn.operands, eqn.operation.vjp(eqn.operands, eqn.results, gs, eqn.params), strict=True):
            self.accumulate(cts, x, g)

    def _call(self, eqn: Eqn, cts: Cotangents) -> None:
        """A call of the callee's adjoint. What a call saves is its operands: the adjoint computes the rest again."""
        gs = {k: cts.pop(r) for k, r in enumerate(eqn.results) if r in cts}
        saved = self.checkpoints.get(eqn)
        if isinstance(saved, SavedAdjoint) and gs:
            given = [gs.get(k) or zeros_of(strong(eqn.results[k].type)) for k in saved.seeded]
            operands = (*eqn.operands, *(eqn.results[k] for k in saved.saved), *given)
            self._call_adjoint(eqn, saved.backward, operands, saved.wrt, cts)
            return
        wrt = tuple(k for k, x in enumerate(eqn.operands) if isinstance(x, Var) and x in self.active)
        if not gs or not wrt:
            return
        callee = self.adjoint_of(known_function(eqn), wrt, tuple(gs))
        self._call_adjoint(eqn, callee, (*eqn.operands, *gs.values()), wrt, cts)

    def _call_adjoint(
        self, eqn: Eqn, callee: Callee, operands: tuple[Operand, ...], wrt: tuple[int, ...], cts: Cotangents
    ) -> None:
        bars = [Var(strong(eqn.operands[k].type)) for k in wrt]
        append_eqn(Eqn(call_again, operands, tuple(bars), {"callee": callee}, (), eqn.span))
        for k, bar in zip(wrt, bars, strict=True):
            self.accumulate(cts, eqn.operands[k], bar)

    def _steps(self, eqn: Eqn, stepping: Stepping, cts: Cotangents) -> None:
        """A loop that keeps snapshots."""
        own = [result_carries(stepping.loop)[k] for k in stepping.moving]
        if not any(r in cts for r in own):
            return
        bars = [_take(cts, r) or zeros_of(strong(r.type)) for r in own]
        bars += [cts.get(c) or zeros_of(strong(c.type)) for c in stepping.reached]
        out = reversed_steps(stepping, eqn, _reverse_range(eqn), bars)
        for c, g in zip(stepping.reached, out[len(own) :], strict=True):
            cts[c] = g
        for k, g in zip(stepping.moving, out, strict=False):
            self.accumulate(cts, stepping.loop.operands[k], g)

    def _loop(self, eqn: Eqn, cts: Cotangents) -> None:
        stepping = self.checkpoints.get(eqn)
        if isinstance(stepping, Stepping):
            self._steps(eqn, stepping, cts)
            return
        body = eqn.regions[-1]
        params, returned, results = loop_carries(eqn), body_carries(eqn), result_carries(eqn)
        chosen = {k for k, r in enumerate(results) if r in self.active and r in cts}
        if not chosen:
            return
        while True:
            reached = useful_in(body, [returned[k] for k in sorted(chosen)])
            more = chosen | {k for k, p in enumerate(params) if p in reached and p in self.active}
            if more == chosen:
                break
            chosen = more
        carried = sorted(chosen)
        captures = [c for c in free_vars(body, with_types=False) if c in reached and c in self.active]
        sizes = [s for s, p in enumerate(params) if any(p in _size_vars(params[k]) for k in carried)]
        inits = [_take(cts, results[k]) or zeros_of(strong(results[k].type)) for k in carried]
        inits += [cts.get(c) or zeros_of(strong(c.type)) for c in captures]
        env = Substitution()
        extents = [env.fresh(params[s]) for s in sizes]  # what the cotangents of changing shape have at the head
        bars = [Var(strong(env.type(v.type)), cotangent_name(v.hint)) for v in (params[k] for k in carried)]
        bars += [Var(strong(c.type), cotangent_name(c.hint)) for c in captures]
        lo, hi, direction, hint = _reverse_range(eqn)
        counter = index_var(lo, hi, hint)
        with open_block() as block:
            inner: Cotangents = dict(zip(captures, bars[len(carried) :], strict=True))
            for k, bar in zip(carried, bars, strict=False):
                self.accumulate(inner, returned[k], _shaped_as(bar, returned[k]))
            self.region(body, inner)
            outs: list[Operand] = [params[s] for s in sizes]
            outs += [inner.get(params[k]) or zeros_of(strong(params[k].type)) for k in carried]
            outs += [inner[c] for c in captures]
        region = Region((counter, *extents, *bars), tuple(block.eqns), tuple(outs))
        loop_params = {"lo": lo, "hi": hi, "direction": direction, "exits": False, "mirror": Mirror(eqn)}
        env = Substitution()
        out = [env.fresh(v) for v in (*extents, *bars)]
        emit_as(out, loop, [*(results[s] for s in sizes), *inits], loop_params, (region,))
        out = out[len(sizes) :]
        for c, g in zip(captures, out[len(carried) :], strict=True):
            cts[c] = g
        for k, g in zip(carried, out, strict=False):
            self.accumulate(cts, eqn.operands[k], _shaped_as(g, eqn.operands[k]))

    def _if(self, eqn: Eqn, cts: Cotangents) -> None:
        hits = [k for k, r in enumerate(eqn.results) if r in self.active and r in cts]
        if not hits:
            return
        gs = {k: cts.pop(eqn.results[k]) for k in hits}
        captures: dict[Var, None] = {}
        for branch in eqn.regions:
            reached = useful_in(branch, [branch.results[k] for k in hits])
            for c in free_vars(branch, with_types=False):
                if c in reached and c in self.active:
                    captures.setdefault(c)
        if not captures:
            return
        regions = []
        for branch in eqn.regions:
            with open_block() as block:
                inner: Cotangents = {c: cts[c] for c in captures if c in cts}
                for k in hits:
                    self.accumulate(inner, branch.results[k], _shaped_as(gs[k], branch.results[k]))
                self.region(branch, inner)
                outs = [inner.get(c) or zeros_of(strong(c.type)) for c in captures]
            regions.append(Region((), tuple(block.eqns), tuple(outs)))
        types = [strong(c.type) for c in captures]
        hints = [cotangent_name(c.hint) for c in captures]
        out = emit(if_, (eqn.operands[0],), {"mirror": Mirror(eqn)}, regions, types=types, hints=hints)
        for c, g in zip(captures, out, strict=True):
            cts[c] = g


def _reverse_range(eqn: Eqn) -> tuple[Dim, Dim, int, str]:
    """The iterations that were run, last first: the same index values where there is an index, else the counter."""
    direction = -eqn.params["direction"]
    if not is_counted(eqn):
        return Dim.of(0), Dim.of(eqn.results[-1]), -1, "k"
    lo, hi, hint = eqn.params["lo"], eqn.params["hi"], eqn.regions[-1].params[0].hint
    if not eqn.params["exits"]:
        return lo, hi, direction, hint
    trips = Dim.of(eqn.results[-1])
    return (lo, lo + trips, direction, hint) if direction < 0 else (hi - trips, hi, direction, hint)


def strong(type: Type) -> Type:
    return type if isinstance(type, StackType) else type.strong()


def _checked(seed: Operand | None, result: Operand) -> Operand | None:
    """A seed in the shape of its result: sizes that data decide are compared where the program runs."""
    if seed is None or not isinstance(seed.type, ArrayType) or seed.shape == result.shape:
        return seed
    for given, wanted in zip(seed.shape, result.shape, strict=True):
        if given != wanted:
            same = equal(dim_value(dim=given), dim_value(dim=wanted))
            check(same, message="the cotangent has not the shape of its result", error=ValueError)
    shaped: Operand = reshape(seed, shape=result.shape)
    return shaped


def _size_vars(var: Var) -> set[Var]:
    return {v for d in var.type.dims() for v in dim_vars(d)}


def _shaped_as(g: Operand, x: Operand) -> Operand:
    """A cotangent with its shape written as that of its value on the other side of a region's border: there the size
    of an array that changes shape is another integer, of the same value."""
    if (
        not isinstance(x.type, ArrayType)
        or g.shape == x.shape
        or not any(_size_vars(v) for v in (g, x) if isinstance(v, Var))
    ):
        return g
    result: Operand = reshape(g, shape=x.shape)
    return result


def _take(cts: Cotangents, var: Var) -> Operand | None:
    return cts.pop(var) if var in cts else None


def _named(g: Operand, x: Var) -> Operand:
    if isinstance(g, Var) and not g.hint:
        g.hint = cotangent_name(x.hint)
    return g


def sweep(
    region: Region,
    active: set[Var],
    seeds: Sequence[Operand | None],
    wrt: Sequence[Var],
    adjoint_of: AdjointOf,
    checkpoints: Mapping[Eqn, Checkpoint],
    onto: Mapping[Var, Operand],
) -> Region:
    """The reverse of a whole body: `seeds` are the cotangents of its results (None for those not seeded); the results
    of
    the returned region are the cotangents of `wrt`, zeros where nothing flows."""
    reverse = ReverseSweep(active, adjoint_of, checkpoints)
    with open_block(nested=False) as block:
        cts: Cotangents = dict(onto)
        for result, seed in zip(region.results, seeds, strict=True):
            reverse.accumulate(cts, result, _checked(seed, result))
        reverse.region(region, cts)
        grads = tuple(cts.get(p) or zeros_of(strong(p.type)) for p in wrt)
    return Region((), tuple(block.eqns), grads)
