"""The forward program with its tapes: every saved value is written where it is defined.

In: the prepared forward `Function` and a `ResidualPlan`. Out: equations emitted into the open block, a substitution
for root values,
and the final version of every tape. A tape is threaded from the root through every region down to its value: a loop
carries it, a
branch returns it (the other branch hands it on untouched). Rectangular tapes are written once per element and never
zeroed.
"""

from __future__ import annotations

from gradscribe.transpiler.ir.bounds import clamp_to_positive
from gradscribe.transpiler.ir.builder import append_eqn, at_span, build_region, emit, emit_as
from gradscribe.transpiler.ir.dims import Dim
from gradscribe.transpiler.ir.index import At, Component, Slice
from gradscribe.transpiler.ir.nodes import Eqn, Function, Operand, Region, Var
from gradscribe.transpiler.ir.types import ArrayType, StackType
from gradscribe.transpiler.ir.walk import Substitution, clone_eqn
from gradscribe.transpiler.primitives.primitive import zeros_of
from gradscribe.transpiler.primitives.regions import loop
from gradscribe.transpiler.primitives.stacks import stack_new, stack_push
from gradscribe.transpiler.primitives.structure import empty, update
from gradscribe.transpiler.transforms.residuals import ResidualPlan, Tape


def saved_name(hint: str) -> str:
    """x_saved for x (a tape of second order keeps the name)."""
    return hint if hint.endswith("_saved") or hint == "saved" else f"{hint}_saved" if hint else "saved"


class TapedForward:
    """Clones the forward program into the open block, writing tapes on the way."""

    def __init__(self, function: Function, plan: ResidualPlan, env: Substitution) -> None:
        self.plan = plan
        self.env = env
        self.current: dict[Tape, Operand] = {}
        self.tapes = list(plan.tapes.values())
        self.inside: dict[Eqn, list[Tape]] = {}
        for tape in self.tapes:
            for eqn, _ in tape.chain:
                self.inside.setdefault(eqn, []).append(tape)
        self._emit(function.region)

    def _emit(self, region: Region) -> None:
        for param in region.params:
            self._save(param)
        for eqn in region.eqns:
            with at_span(eqn.span):
                if eqn in self.inside:
                    self._thread(eqn)
                else:
                    append_eqn(_without_counter_mark(clone_eqn(eqn, self.env)))
                for result in eqn.results:
                    self._save(result)

    def _save(self, var: Var) -> None:
        tape = self.plan.tapes.get(var)
        if tape is None:
            return
        value = self.env.operand(var)
        if tape.kind == "slot":
            self.current[tape] = value
        elif tape.kind == "stack":
            self.current[tape] = emit(stack_push, (self.current[tape], value), hint=saved_name(var.hint))[0]
        else:
            at = tuple(_positions(tape, self.env)) + _whole(self.env.type(var.type))
            hint = saved_name(var.hint)
            self.current[tape] = emit(update, (self.current[tape], value), {"at": at, "once": True}, hint=hint)[0]

    def _start(self, tape: Tape) -> Operand:
        """A fresh tape, made before the outermost region that holds its value."""
        type, hint = self.env.type(tape.var.type), saved_name(tape.var.hint)
        if tape.kind == "slot":
            if not isinstance(type, ArrayType) or not type.shape:
                return zeros_of(type)
            return emit(empty, (), {"shape": type.shape, "dtype": type.dtype}, hint=hint)[0]
        if tape.kind == "stack":
            return emit(stack_new, (), {"dtype": type.dtype, "element_rank": len(type.shape)}, hint=hint)[0]
        extents = [clamp_to_positive(self.env.dim(e.params["hi"] - e.params["lo"])) for e, _ in tape.loops()]
        return emit(empty, (), {"shape": (*extents, *type.shape), "dtype": type.dtype}, hint=hint)[0]

    def _thread(self, eqn: Eqn) -> None:
        tapes, env = self.inside[eqn], self.env
        for tape in tapes:
            if tape not in self.current:
                self.current[tape] = self._start(tape)
        before = {t: self.current[t] for t in tapes}
        operands = [env.operand(x) for x in eqn.operands]
        params = {k: v for k, v in env.params(eqn.params).items() if k != "counted"}
        regions = []
        is_loop = eqn.operation is loop
        for region in eqn.regions:
            fresh = env.fresh_all(region.params)
            carried = [Var(_carried_type(before[t]), saved_name(t.var.hint)) for t in tapes] if is_loop else []
            self.current.update(zip(tapes, carried, strict=True) if is_loop else before.items())
            is_condition = is_loop and region is not eqn.regions[-1]

            def run(*_: Var, region: Region = region, is_condition: bool = is_condition) -> list[Operand]:
                self._emit(region)
                results = [env.operand(r) for r in region.results]
                return results if is_condition else results + [self.current[t] for t in tapes]

            regions.append(build_region([*fresh, *carried], run))
        inits = [*operands, *before.values()] if is_loop else operands
        results = [env.fresh(r) for r in eqn.results]
        written = [Var(_carried_type(before[t]), saved_name(t.var.hint)) for t in tapes]
        emit_as([*results, *written], eqn.operation, inits, params, regions)
        self.current.update(zip(tapes, written, strict=True))


def _carried_type(x: Operand) -> ArrayType | StackType:
    return x.type.strong() if isinstance(x.type, ArrayType) else x.type


def _positions(tape: Tape, env: Substitution) -> list[Component]:
    """Where the iteration at hand has its place in a rectangular tape: index - lo for every loop."""
    return [At(env.dim(Dim.of(index) - eqn.params["lo"])) for eqn, index in tape.loops()]


def _whole(type: ArrayType) -> tuple[Component, ...]:
    return tuple(Slice(Dim.of(0), d) for d in type.shape)


def tape_read_index(tape: Tape, env: Substitution) -> tuple[Component, ...]:
    """The index that reads a rectangular tape in the iteration that `env` describes."""
    return (*_positions(tape, env), *_whole(env.type(tape.var.type)))


def _without_counter_mark(eqn: Eqn) -> Eqn:
    if "counted" not in eqn.params and not any(e.params.get("counted") for r in eqn.regions for e in r.eqns):
        return eqn
    params = {k: v for k, v in eqn.params.items() if k != "counted"}
    regions = tuple(Region(r.params, tuple(_without_counter_mark(e) for e in r.eqns), r.results) for r in eqn.regions)
    return Eqn(eqn.operation, eqn.operands, eqn.results, params, regions, eqn.span)
