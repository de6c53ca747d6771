"""Decide what happens in place: make every copy that value semantics needs a visible `copy` equation.

In: a verified `Function` (values; nothing aliases). Out: an equal `Function` in which every consumer may take its
operand's memory: an update writes in place, a loop starts from the array it is given, a branch and a loop body hand
theirs on. Rule: an array value has one owner. Updates, loop carries, region results and pushed values consume;
everything else borrows. A consumer whose operand is read later, is not owned here (an argument, what a loop captures)
or shares memory with something read later gets a copy of it; a view that is read after its base was written is itself
materialised. One backward liveness walk; views are the only aliases. Source: uniqueness types for functional arrays,
decided by liveness instead of by the user."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from gradscribe.transpiler.ir.index import Index, Slice, whole
from gradscribe.transpiler.ir.nodes import Eqn, Function, Guard, Operand, Region, Var
from gradscribe.transpiler.ir.types import ArrayType
from gradscribe.transpiler.ir.walk import Substitution, clone_region, eqn_reads, free_vars, inner_eqns
from gradscribe.transpiler.passes.ownership import (
    IN_PLACE,
    WRITES,
    consumed_operands,
    has_memory,
    is_broadcast_view,
    view_base,
)
from gradscribe.transpiler.primitives.arithmetic import add, negative, subtract
from gradscribe.transpiler.primitives.regions import if_, loop, loop_carries
from gradscribe.transpiler.primitives.structure import copy, index, update, update_add


@dataclass(frozen=True)
class Bufferized:
    """`function` with its copies; `clone` maps values of the program that came in to those of `function`."""

    function: Function
    clone: Mapping[Var, Operand]

    @property
    def copies(self) -> int:
        return sum(e.operation is copy for e in inner_eqns(self.function.region))


def bufferize(
    function: Function, donated: Collection[Var] = (), identities: Mapping[int, int] | None = None
) -> Bufferized:
    """Insert the copies that let every consumer work in place.

    Parameters in `donated` belong to the function and are written (the mutation semantics of `jit`). `identities`
    maps result
    positions to parameter positions: that result *is* that parameter, so it is not copied, and for a donated
    parameter its
    memory holds the result at the end."""
    identities = dict(identities or {})
    places = {function.params.index(p) for p in donated}
    while True:
        env = Substitution()
        region = clone_region(function.region, env)
        walk = _Walk(region, places, identities)
        out = walk.function_body(region)
        displaced = [k for k in walk.displaced(out) if k in places]
        if not displaced:
            break
        places -= set(displaced)  # these are written back at the end instead
    guards = tuple(Guard(g.kind, env.dim(g.dim), g.message, g.requirement, g.span) for g in function.guards)
    result = Function(
        function.name, walk.write_back(out, donated, function), guards, function.result_hints, function.span
    )
    return Bufferized(result, env.values)


class _Walk:
    """The backward walk over one function. `live` are values read later; `materialised` are views found to outlive a
    write."""

    def __init__(self, region: Region, donated: Collection[int], identities: Mapping[int, int]) -> None:
        self.params = region.params
        self.donated = {region.params[k] for k in donated}
        self.identities = identities
        self.materialised: set[Var] = set()

    # ---- aliases ----
    def root(self, x: Var) -> Var:
        """The value whose memory `x` lies in."""
        while x not in self.materialised and (base := view_base(x)) is not None:
            x = base
        return x

    def sharing(self, x: Var, among: Iterable[Var]) -> list[Var]:
        """Values other than `x` in the same memory."""
        root = self.root(x)
        return [w for w in among if w is not x and has_memory(w) and self.root(w) is root]

    def may_take(self, x: Var, owned: set[Var], taken: set[Var], live: Mapping[Var, None]) -> bool:
        """Whether a consumer may take the memory of `x`; live views that stand in the way are marked to be
        materialised."""
        root = self.root(x)
        if root not in owned or root in taken or x in live or (x not in self.materialised and is_broadcast_view(x)):
            return False
        others = self.sharing(x, live)
        if root in others or (x is not root and others):
            return False
        for view in sorted(others, key=lambda w: w.serial):  # a view before the views of it
            if self.root(view) is root:
                self.materialised.add(view)
        return True

    # ---- regions ----
    def function_body(self, region: Region) -> Region:
        owned = set(self.donated)
        live: dict[Var, None] = {}
        tail: list[Eqn] = []
        taken: set[Var] = set()
        results = list(region.results)
        own = _own_values(region)
        for k, x in sorted(enumerate(results), key=lambda item: item[0] not in self.identities):
            if not isinstance(x, Var) or not has_memory(x):
                continue
            if k in self.identities and x is self.params[self.identities[k]]:
                continue
            if self.root(x) not in own | owned or self.root(x) in taken or is_broadcast_view(x):
                results[k] = _copied(x, tail)
            else:
                taken.add(self.root(x))
        _read(live, results)
        for eqn in tail:
            _read(live, eqn.operands)
        eqns = self.equations(region, owned | own, live)
        for made in list(tail):  # a view that became a copy on the way needs no second one
            view = made.operands[0]
            assert isinstance(view, Var)
            others = [x for x in results if x is not made.result and isinstance(x, Var) and has_memory(x)]
            if view in self.materialised and all(self.root(x) is not view for x in others):
                results[results.index(made.result)] = view
                tail.remove(made)
        return Region(region.params, (*eqns, *tail), tuple(results))

    def inner(
        self, region: Region, owned: set[Var], live_after: Mapping[Var, None], takes_params: bool = True
    ) -> Region:
        """A branch or a loop body: its results hand memory on, so they must be owned and distinct."""
        owned = owned | _own_values(region)
        if takes_params:
            owned |= {p for p in region.params if has_memory(p)}
        live = dict(live_after)
        tail: list[Eqn] = []
        taken: set[Var] = set()
        results = list(region.results)
        handed_on = {x: None for x in results if isinstance(x, Var)}
        for k, x in enumerate(results):
            if isinstance(x, Var) and has_memory(x):
                if self.may_take(x, owned, taken, live) and not self._handed_on_too(x, handed_on):
                    taken.add(self.root(x))
                else:
                    results[k] = _copied(x, tail)
        _read(live, results)
        for eqn in tail:
            _read(live, eqn.operands)
        eqns = self.equations(region, owned, live, region.params if takes_params else ())
        return Region(region.params, (*eqns, *tail), tuple(results))

    def _handed_on_too(self, x: Var, handed_on: Mapping[Var, None]) -> bool:
        """A view handed on together with its base: the base keeps the memory."""
        return self.root(x) is not x and self.root(x) in handed_on

    def equations(
        self, region: Region, owned: set[Var], live: dict[Var, None], carries: tuple[Var, ...] = ()
    ) -> list[Eqn]:
        """Rewritten equations of a region; `live` (values read after it) becomes what is read in it or later."""
        out: list[Eqn] = []
        for eqn in reversed(region.eqns):
            for result in eqn.results:
                live.pop(result, None)
            if eqn.operation is update and self._runs_ahead(eqn):
                self.materialised.add(eqn.operands[1])  # type: ignore[arg-type]
            eqn, *earlier = self.accumulating(eqn, owned, carries, live)
            captures = {v: None for r in eqn.regions for v in free_vars(r, with_types=False)}
            during = {**live, **captures} if eqn.operation is loop else live
            operands = list(eqn.operands)
            before: list[Eqn] = []
            taken: set[Var] = set()
            for k in consumed_operands(eqn):
                x = operands[k]
                assert isinstance(x, Var)
                if self.may_take(x, owned, taken, during) and not self.moved_with_base(x, eqn):
                    taken.add(self.root(x))
                else:
                    operands[k] = _copied(x, before)
            regions = eqn.regions
            if eqn.operation is loop:
                regions = tuple(self.inner(r, set(), during, takes_params=r is eqn.regions[-1]) for r in eqn.regions)
            elif eqn.operation is if_:
                regions = tuple(self.inner(r, owned, live) for r in eqn.regions)
            out += self.defining(Eqn(eqn.operation, tuple(operands), eqn.results, eqn.params, regions, eqn.span))
            before = [*earlier, *before]
            for done in (out[-1], *before):
                _read(live, eqn_reads(done, with_types=False))
            for done in before:
                for result in done.results:
                    live.pop(result, None)
            out += reversed(before)
        return out[::-1]

    def _runs_ahead(self, eqn: Eqn) -> bool:
        """Does NumPy overwrite what this assignment still has to read? `x[::2] = x[:3]` does: between vectors of one
        memory that go in the same direction with different strides NumPy (2.4) makes no copy."""
        base, value = eqn.operands[0], eqn.operands[1]
        if not (isinstance(base, Var) and isinstance(value, Var)) or value in self.materialised:
            return False
        if len(value.type.dims()) != 1 or view_base(value) is None or self.root(value) is not self.root(base):
            return False
        reading = value.definition
        same = reading is not None and reading.operation is index and reading.operands[0].type == base.type
        return not (same and reading is not None and _strides(reading.params["at"]) == _strides(eqn.params["at"]))

    def moved_with_base(self, x: Var, eqn: Eqn) -> bool:
        """A view given to a loop (or stack) together with its base: the base keeps the memory."""
        return self.root(x) is not x and any(eqn.operands[k] is self.root(x) for k in consumed_operands(eqn))

    def defining(self, eqn: Eqn) -> list[Eqn]:
        """The equation, and if its result was marked a copy of it (in backward order: the copy first)."""
        if len(eqn.results) != 1 or eqn.result not in self.materialised:
            return [eqn]
        view = Var(eqn.result.type, eqn.result.hint)
        made = Eqn(copy, (view,), eqn.results, {}, (), eqn.span)
        return [made, Eqn(eqn.operation, eqn.operands, (view,), eqn.params, (), eqn.span)]

    def accumulating(self, eqn: Eqn, owned: set[Var], carries: tuple[Var, ...], live: Mapping[Var, None]) -> list[Eqn]:
        """`total + x` becomes an accumulation into `total`, which this loop carries or which was being written,
        where it is not read again.

        The equation to take, and after it one that must stand before it."""
        if eqn.operation not in (add, subtract) or not eqn.result.type.dims():
            return [eqn]
        x, y = eqn.operands
        for total, term in ((x, y), (y, x)) if eqn.operation is add else ((x, y),):
            if not isinstance(total, Var) or total is term or total in live or total.type != eqn.result.type:
                continue
            if self.sharing(total, live):
                continue
            if not _carried(total, carries) and not (_written(total) and self.may_take(total, owned, set(), live)):
                continue
            assert isinstance(total.type, ArrayType)
            earlier = []
            if eqn.operation is subtract:
                negated = Var(term.type)
                earlier.append(Eqn(negative, (term,), (negated,), {}, (), eqn.span))
                term = negated
            at = {"at": whole(total.type.shape)}
            return [Eqn(update_add, (total, term), eqn.results, at, (), eqn.span), *earlier]
        return [eqn]

    # ---- donated parameters ----
    def displaced(self, region: Region) -> list[int]:
        """Donated parameters whose final value does not end up in their own memory."""
        return [p for k, p in self.identities.items() if memory_of(region.results[k]) is not self.params[p]]

    def write_back(self, region: Region, donated: Collection[Var], function: Function) -> Region:
        """Write final values into the donated parameters that could not be worked on in place."""
        eqns, results = list(region.eqns), list(region.results)
        mutable = {function.params.index(p) for p in donated}
        for k, p in self.identities.items():
            value, param = results[k], self.params[p]
            if p in mutable and memory_of(value) is not param:
                assert isinstance(param.type, ArrayType)
                final = Var(param.type, param.hint)
                eqns.append(Eqn(update, (param, value), (final,), {"at": whole(param.type.shape)}, (), function.span))
                results[k] = final
        return Region(region.params, tuple(eqns), tuple(results))


def _strides(at: Index) -> list[Any]:
    """How an index goes along each axis."""
    return [part.step if isinstance(part, Slice) else type(part) for part in at]


def _read(live: dict[Var, None], values: Iterable[Operand]) -> None:
    for x in values:
        if isinstance(x, Var):
            live.setdefault(x)


def _copied(x: Var, into: list[Eqn]) -> Var:
    made = Var(x.type, x.hint)
    into.append(Eqn(copy, (x,), (made,), {}, (), x.definition.span if x.definition is not None else None))
    return made


def _own_values(region: Region) -> set[Var]:
    """Values that the region's equations give memory of their own (views are resolved to these)."""
    return {r for eqn in region.eqns for r in eqn.results if has_memory(r)}


def _written(x: Var) -> bool:
    return x.definition is not None and x.definition.operation in WRITES


def _carried(x: Var, carries: tuple[Var, ...]) -> bool:
    """`x` is one of the carries of a loop, perhaps after updates."""
    while x.definition is not None and x.definition.operation in WRITES:
        base = x.definition.operands[0]
        if not isinstance(base, Var):
            return False
        x = base
    return x in carries


def memory_of(x: Operand) -> Var | None:
    """The function parameter whose memory `x` is in after bufferization, or None."""
    if not isinstance(x, Var):
        return None
    eqn = x.definition
    if eqn is None:
        return x
    if eqn.operation in IN_PLACE:
        return memory_of(eqn.operands[0])
    position = eqn.results.index(x)
    if eqn.operation is if_:
        first, second = (memory_of(r.results[position]) for r in eqn.regions)
        return first if first is second else None
    if eqn.operation is loop:
        carry = position - (1 if eqn.params["exits"] else 0)
        if carry >= 0 and memory_of(eqn.regions[-1].results[position]) is loop_carries(eqn)[carry]:
            return memory_of(eqn.operands[carry])
    return None
