"""Put real values in the place of forward values that the reverse region reads.

In: the reverse region of `reverse.sweep`, a `ResidualPlan`, the final tapes and a substitution for root values. Out:
equations
emitted into the open block, and the gradients. In each mirrored region a value of the forward region is popped
(stacks, at its head),
or read from its tape, re-read or recomputed just before its first use.
Establishes: no equation reads a value out of its scope; stacks are threaded through the reverse regions as they were
forward.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gradscribe.transpiler.ir.builder import append_eqn, at_span, build_region, emit, emit_as
from gradscribe.transpiler.ir.nodes import Eqn, Operand, Region, Var
from gradscribe.transpiler.ir.types import ArrayType
from gradscribe.transpiler.ir.walk import Substitution, clone_eqn, eqn_reads
from gradscribe.transpiler.primitives.regions import is_counted, loop
from gradscribe.transpiler.primitives.stacks import stack_pop
from gradscribe.transpiler.primitives.structure import index
from gradscribe.transpiler.transforms.residuals import ResidualPlan, Tape
from gradscribe.transpiler.transforms.reverse import Mirror
from gradscribe.transpiler.transforms.tapes import saved_name, tape_read_index


class Restoration:
    """Re-emits the reverse region with restored values."""

    def __init__(self, plan: ResidualPlan, tapes: dict[Tape, Operand], env: Substitution) -> None:
        self.plan = plan
        self.homes = plan.homes
        self.tapes = dict(tapes)  # current version of each stack on its way back; final version of the others
        self.env = env
        self.inside: dict[Eqn, list[Tape]] = {}
        for tape in plan.tapes.values():
            if tape.kind == "stack":
                for eqn, _ in tape.chain:
                    self.inside.setdefault(eqn, []).append(tape)

    def region(self, reverse: Region, forward: Region) -> list[Operand]:
        """Emit `reverse`, which mirrors `forward`; returns its results."""
        stacks = [v for v, t in self.plan.tapes.items() if t.kind == "stack" and self.homes.home[v] is forward]
        self._restore_all((v for v in stacks if v in self.plan.needed), forward)
        for eqn in reverse.eqns:
            with at_span(eqn.span):
                self._restore_all(eqn_reads(eqn), forward)
                mirror = eqn.params.get("mirror")
                if mirror is None:
                    self._plain(eqn)
                else:
                    self._mirrored(eqn, mirror)
        self._restore_all((x for x in reverse.results if isinstance(x, Var)), forward)
        return [self.env.operand(x) for x in reverse.results]

    def _plain(self, eqn: Eqn) -> None:
        if eqn.regions:  # a loop that a rule wrote: what it captures has been restored
            append_eqn(clone_eqn(eqn, self.env))
            return
        operands = [self.env.operand(x) for x in eqn.operands]
        types = [self.env.type(r.type) for r in eqn.results]
        hints = [r.hint for r in eqn.results]
        results = emit(eqn.operation, operands, self.env.params(eqn.params), types=types, hints=hints)
        for old, new in zip(eqn.results, results, strict=True):
            self.env[old] = new

    # ---- forward values ----
    def _closure(self, vars: Iterable[Var]) -> list[Var]:
        """Forward values needed for `vars`, operands before what is made of them."""
        order: dict[Var, None] = {}

        def visit(var: Var) -> None:
            if var in order or var not in self.homes.home or var in self.env.values:
                return
            for source in self.plan.sources(var):
                visit(source)
            order.setdefault(var)

        for var in vars:
            visit(var)
        return list(order)

    def _restore_all(self, vars: Iterable[Var], forward: Region) -> None:
        for var in self._closure(vars):
            if self.homes.home[var] is forward:
                self.env[var] = self._restore(var)

    def _restore(self, var: Var) -> Operand:
        tape, reread = self.plan.tapes.get(var), self.plan.rereads.get(var)
        if tape is not None and tape.kind == "slot":
            return self.tapes[tape]
        if tape is not None and tape.kind == "stack":
            return self._pop(tape)
        if tape is not None:
            return emit(index, (self.tapes[tape],), {"at": tape_read_index(tape, self.env)}, hint=var.hint)[0]
        if reread is not None:
            array, at = self.env.operand(reread.array), self.env.params({"at": reread.at})
            return emit(index, (array,), at, hint=var.hint)[0]
        if var in self.plan.flags:
            return self.plan.flags[var].restore(self.env)
        eqn = var.definition
        assert eqn is not None and len(eqn.results) == 1, f"{var} has no source in the reverse sweep"
        operands = [self.env.operand(x) for x in eqn.operands]
        with at_span(eqn.span):
            types = [self.env.type(var.type)]
            return emit(eqn.operation, operands, self.env.params(eqn.params), types=types, hint=var.hint)[0]

    def _pop(self, tape: Tape) -> Operand:
        type = self.env.type(tape.var.type)
        assert isinstance(type, ArrayType)
        hints = (saved_name(tape.var.hint), tape.var.hint)
        rest, value = emit(stack_pop, (self.tapes[tape],), {"shape": type.shape}, hints=hints)
        self.tapes[tape] = rest
        return value

    # ---- regions ----
    def _mirrored(self, eqn: Eqn, mirror: Mirror) -> None:
        env, outer_env = self.env, dict(self.env.values)
        outer_atoms = dict(env.atoms)
        stacks = self.inside.get(mirror.eqn, [])
        before = [self.tapes[t] for t in stacks]
        operands = [env.operand(x) for x in eqn.operands]
        params = {k: v for k, v in env.params(eqn.params).items() if k != "mirror"}
        is_loop = eqn.operation is loop
        pairs = (
            [(eqn.regions[0], mirror.eqn.regions[-1])] if is_loop else zip(eqn.regions, mirror.eqn.regions, strict=True)
        )
        regions = []
        for reverse, forward in pairs:
            fresh = env.fresh_all(reverse.params)
            carried = (
                [Var(x.type, saved_name(t.var.hint)) for t, x in zip(stacks, before, strict=True)] if is_loop else []
            )
            self.tapes.update(zip(stacks, carried if is_loop else before, strict=True))
            if is_loop:
                self._name_counter(fresh[0], mirror.eqn)

            def run(*_: Var, reverse: Region = reverse, forward: Region = forward) -> Sequence[Operand]:
                return self.region(reverse, forward) + [self.tapes[t] for t in stacks]

            regions.append(build_region([*fresh, *carried], run))
            env.values, env.atoms = dict(outer_env), dict(outer_atoms)
        inits = [*operands, *before] if is_loop else operands
        results = [env.fresh(r) for r in eqn.results]
        left = [Var(x.type, saved_name(t.var.hint)) for t, x in zip(stacks, before, strict=True)]
        emit_as([*results, *left], eqn.operation, inits, params, regions)
        self.tapes.update(zip(stacks, left, strict=True))

    def _name_counter(self, counter: Var, forward: Eqn) -> None:
        """The reverse index stands for the forward index, or for the trip counter of a while loop."""
        params = forward.regions[-1].params
        self.env[params[0] if is_counted(forward) else params[-1]] = counter
