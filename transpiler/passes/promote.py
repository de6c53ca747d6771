"""Keep array elements in scalars while a loop runs.

In and out: a loop-level `Function` (a clone). The element of a promotion is loaded before its loop, carried by the
loops and branches inside in which it is written, and stored after it; every access to it reads or sets the scalar. The
order of floating-point operations stays.

Versions are values: an access to an old version of the array sees the scalar that belonged to that version.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from gradscribe.transpiler.ir.builder import append_eqn, build_body, build_region, emit, emit_as, open_block
from gradscribe.transpiler.ir.nodes import Eqn, Function, Guard, Literal, Operand, Region, Var
from gradscribe.transpiler.ir.types import ArrayType
from gradscribe.transpiler.ir.walk import Substitution, clone_eqn
from gradscribe.transpiler.passes.promotions import Promotion, find_promotions
from gradscribe.transpiler.primitives.arithmetic import add
from gradscribe.transpiler.primitives.conversion import convert, copy
from gradscribe.transpiler.primitives.regions import body_carries, if_, loop, result_carries
from gradscribe.transpiler.primitives.structure import index, update, update_add


def promote_elements(function: Function) -> Function:
    """The program with every provable promotion made; the function itself when there is none."""
    found = find_promotions(function)
    return _Promoting(found).function(function) if found else function


class _Promoting:
    def __init__(self, promotions: Sequence[Promotion]) -> None:
        self.env = Substitution()
        self.starting: dict[Eqn, list[Promotion]] = {}
        self.at: dict[Eqn, Promotion] = {}
        for promotion in promotions:
            self.starting.setdefault(promotion.loop, []).append(promotion)
            self.at.update(dict.fromkeys(promotion.accesses, promotion))
        self.scalars: dict[Var, dict[Promotion, Operand]] = {}  # of every version of an array, the promoted elements
        self.written: dict[Eqn, dict[Promotion, None]] = {}  # what the regions of an equation set

    def function(self, function: Function) -> Function:
        self._collect_writes(function.region)
        params = self.env.fresh_all(function.params)
        region = build_body(params, lambda *_: self._equations(function.region))
        guards = tuple(Guard(g.kind, self.env.dim(g.dim), g.message, g.requirement, g.span) for g in function.guards)
        return replace(function, region=region, guards=guards)

    def _collect_writes(self, region: Region) -> dict[Promotion, None]:
        total: dict[Promotion, None] = {}
        for eqn in region.eqns:
            inside: dict[Promotion, None] = {}
            for inner in eqn.regions:
                inside.update(self._collect_writes(inner))
            self.written[eqn] = inside
            total.update(inside)
            if eqn in self.at and eqn.operation is not index:
                total[self.at[eqn]] = None
        return total

    # ---- equations ----
    def _equations(self, region: Region) -> list[Operand]:
        for eqn in region.eqns:
            if eqn in self.at:
                self._access(eqn, self.at[eqn])
            elif eqn.operation is loop:
                self._loop(eqn)
            elif eqn.operation is if_:
                self._branch(eqn)
            else:
                append_eqn(clone_eqn(eqn, self.env))
                if eqn.operation in (update, update_add, copy):
                    self._continue(eqn.operands[0], eqn.result)
        return [self.env.operand(x) for x in region.results]

    def _of(self, version: Operand) -> dict[Promotion, Operand]:
        return self.scalars.get(version, {}) if isinstance(version, Var) else {}

    def _continue(self, version: Operand, following: Var) -> None:
        """`following` is `version` but for elements that are not promoted."""
        if self._of(version):
            self.scalars[following] = dict(self._of(version))

    def _access(self, eqn: Eqn, promotion: Promotion) -> None:
        version = eqn.operands[0]
        current = self._of(version)[promotion]
        if eqn.operation is index:
            self.env[eqn.result] = current
            return
        value = as_element(self.env.operand(eqn.operands[1]), current)
        if eqn.operation is update_add:
            (value,) = emit(add, (current, value), hint=eqn.result.hint)
        self.env[eqn.result] = self.env.operand(version)
        self.scalars[eqn.result] = {**self._of(version), promotion: value}

    # ---- regions ----
    def _loop(self, eqn: Eqn) -> None:
        env, starting = self.env, self.starting.get(eqn, [])
        hints = [v.hint for v in result_carries(eqn)]
        inits = [env.operand(x) for x in eqn.operands]
        entering: list[dict[Promotion, Operand]] = [dict(self._of(x)) for x in eqn.operands]
        for promotion in starting:
            array = promotion.captured if promotion.carry is None else eqn.operands[promotion.carry]
            assert isinstance(array, Var)
            facts = {"at": env.params({"at": promotion.at})["at"]}
            (loaded,) = emit(index, (env.operand(array),), facts, hint=array.hint)
            if promotion.carry is None:
                self.scalars[array] = {**self._of(array), promotion: loaded}
            else:
                entering[promotion.carry][promotion] = loaded
        threads = [(p, k) for k, own in enumerate(entering) for p in own if p in self.written[eqn]]
        extra = [entering[k][p] for p, k in threads]
        regions = [self._loop_region(eqn, r, entering, threads) for r in eqn.regions]
        results = [env.fresh(r) for r in eqn.results]
        results += [Var(x.type, hints[k]) for x, (_, k) in zip(extra, threads, strict=True)]
        emit_as(results, loop, [*inits, *extra], env.params(eqn.params), regions)
        final = dict(zip(threads, results[len(eqn.results) :], strict=True))
        for k, old in enumerate(result_carries(eqn)):
            after = {p: final.get((p, k), scalar) for p, scalar in entering[k].items()}
            for promotion in starting:
                if promotion.carry == k:
                    scalar = after.pop(promotion)
                    if (promotion, k) in final:
                        facts = {"at": env.params({"at": promotion.at})["at"]}
                        env[old] = emit(update, (env.operand(old), scalar), facts, hint=old.hint)[0]
            if after:
                self.scalars[old] = after

    def _loop_region(
        self,
        eqn: Eqn,
        region: Region,
        entering: Sequence[dict[Promotion, Operand]],
        threads: Sequence[tuple[Promotion, int]],
    ) -> Region:
        """The body, or the condition of a `while` (which hands nothing on)."""
        params = self.env.fresh_all(region.params)
        carried = region.params[len(region.params) - len(entering) :]
        added = [Var(entering[k][p].type, carried[k].hint) for p, k in threads]
        inside = dict(zip(threads, added, strict=True))
        for k, param in enumerate(carried):
            if entering[k]:
                self.scalars[param] = {p: inside.get((p, k), scalar) for p, scalar in entering[k].items()}

        def build(*_: Var) -> list[Operand]:
            results = self._equations(region)
            if region is eqn.regions[-1]:
                returned = body_carries(eqn)
                results += [self._of(returned[k])[p] for p, k in threads]
            return results

        return build_region([*params, *added], build)

    def _branch(self, eqn: Eqn) -> None:
        blocks = []
        for region in eqn.regions:
            with open_block() as block:
                results = self._equations(region)
            blocks.append((block, results))
        merged: list[tuple[int, Promotion]] = []
        after: list[dict[Promotion, Operand]] = [{} for _ in eqn.results]
        for k, (a, b) in enumerate(zip(eqn.regions[0].results, eqn.regions[1].results, strict=True)):
            for promotion, scalar in self._of(a).items():
                other = self._of(b).get(promotion)
                if other is scalar:
                    after[k][promotion] = scalar
                elif other is not None:
                    merged.append((k, promotion))
        regions = []
        for region, (block, results) in zip(eqn.regions, blocks, strict=True):
            scalars = [self._of(region.results[k])[promotion] for k, promotion in merged]
            regions.append(Region((), tuple(block.eqns), (*results, *scalars)))
        joined = [self.env.fresh(r) for r in eqn.results]
        joined += [Var(ArrayType(joined[k].dtype), joined[k].hint) for k, _ in merged]
        predicate = [self.env.operand(x) for x in eqn.operands]
        emit_as(joined, if_, predicate, self.env.params(eqn.params), regions)
        for (k, promotion), scalar in zip(merged, joined[len(eqn.results) :], strict=True):
            after[k][promotion] = scalar
        for old, own in zip(eqn.results, after, strict=True):
            if own:
                self.scalars[old] = own


def as_element(value: Operand, like: Operand) -> Operand:
    """What a write of `value` leaves in an array: a number of the array's dtype."""
    if value.type == like.type:
        return value
    if isinstance(value, Literal):
        return Literal(like.dtype.type(value.value))
    return emit(convert, (value,), {"dtype": like.dtype})[0]
