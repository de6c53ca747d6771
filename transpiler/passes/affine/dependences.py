"""Dependences between iterations of a loop: may they run in any order, side by side, or exchanged with an inner loop's?

In: a `Function` and one of its counted loops. Out: `Dependence`: NONE is a proof, ACCUMULATION says that iterations
meet only where both add (any order gives the sum, rounded differently), POSSIBLE is everything else.
Two iterations depend on each other when both touch one element of an array that the loop carries and one of them
writes it. All other carried values (scalars but sums, swapped buffers, stacks, exit codes) count as dependences.
Source: Allen and Kennedy, "Optimizing Compilers for Modern Architectures", ch. 2 (carried dependences, interchange by
direction vectors), with integer Fourier-Motzkin instead of their subscript tests.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gradscribe.transpiler.ir.index import Index
from gradscribe.transpiler.ir.nodes import Effect, Eqn, Function, Operand, Region, Var
from gradscribe.transpiler.ir.types import ArrayType
from gradscribe.transpiler.ir.walk import dim_vars, eqn_dims, inner_eqns
from gradscribe.transpiler.passes.affine.access import AccessSystem, Instance, Layout, same_element
from gradscribe.transpiler.passes.affine.integer_sets import Affine
from gradscribe.transpiler.passes.affine.overwrites import ArrayHistory, Lineage
from gradscribe.transpiler.primitives.arithmetic import add, subtract
from gradscribe.transpiler.primitives.regions import (
    body_carries,
    if_,
    is_counted,
    loop,
    loop_carries,
    result_carries,
)
from gradscribe.transpiler.primitives.structure import copy, index, update


class Dependence(enum.IntEnum):
    """What the iterations of a loop have to do with each other."""

    NONE = 0
    ACCUMULATION = 1
    POSSIBLE = 2


@dataclass(frozen=True)
class Access:
    """An equation that touches an array: `at` is None where it may touch every element."""

    eqn: Eqn
    at: Index | None
    kind: str  # "read", "write" or "add"


class Dependences:
    """Dependence questions about one function."""

    def __init__(self, function: Function, layout: Layout | None = None) -> None:
        self.history = ArrayHistory(function, layout)
        self.layout = self.history.layout
        self._uses: dict[Var, list[Eqn | Region]] = {}
        self._count_uses(function.region)

    def _count_uses(self, region: Region) -> None:
        for eqn in region.eqns:
            mentioned = [v for dim in eqn_dims(eqn) for v in dim_vars(dim)]
            for x in (*eqn.operands, *mentioned):
                if isinstance(x, Var):
                    self._uses.setdefault(x, []).append(eqn)
            for inner in eqn.regions:
                self._count_uses(inner)
        for x in region.results:
            if isinstance(x, Var):
                self._uses.setdefault(x, []).append(region)

    # ---- questions ----
    def carried_by(self, eqn: Eqn) -> Dependence:
        """The strongest dependence that the loop `eqn` itself carries (those of inner loops run within one
        iteration)."""
        if not is_counted(eqn) or eqn.params["exits"]:
            return Dependence.POSSIBLE
        body = eqn.regions[-1]
        if any(e.operation.effect is Effect.IO for e in inner_eqns(body)):
            return Dependence.POSSIBLE
        worst = Dependence.NONE
        for param, result in zip(loop_carries(eqn), body_carries(eqn), strict=True):
            worst = max(worst, self._through_carry(param, result, body))
            if worst is Dependence.POSSIBLE:
                break
        return worst

    def of_carry(self, eqn: Eqn, k: int) -> Dependence:
        """What the iterations of the counted loop `eqn` have to do with each other through its carry number k."""
        return self._through_carry(loop_carries(eqn)[k], body_carries(eqn)[k], eqn.regions[-1])

    def accesses(self, eqn: Eqn, k: int) -> list[Access] | None:
        """Everything in the body of the loop `eqn` that touches the array of its carry number k; None when that is not
        one storage throughout."""
        return self._accesses(loop_carries(eqn)[k], body_carries(eqn)[k], eqn.regions[-1])

    def may_interchange(self, outer: Eqn, inner: Eqn) -> bool:
        """Running the inner loop outermost keeps every dependence: none goes up in the outer and down in the inner
        counter.

        Asks for a nest in which all accesses to carried arrays and all additions to carried sums stand inside the
        inner loop; bounds are the caller's business. Sums may be rounded differently afterwards."""
        body = outer.regions[-1]
        if not (is_counted(outer) and is_counted(inner)) or outer.params["exits"] or inner.params["exits"]:
            return False
        if self.layout.place[inner][0] is not body:
            return False
        deepest = self.layout.path(inner.regions[-1])
        for param, result in zip(loop_carries(outer), body_carries(outer), strict=True):
            if result is not param and isinstance(param.type, ArrayType) and param.type.rank == 0:
                if not self._is_sum(param, result, body):
                    return False
                continue
            accesses = self._accesses(param, result, body)
            if accesses is None:
                return False
            if any(inner.regions[-1] not in self.layout.path(self.layout.place[x.eqn][0]) for x in accesses):
                return False
            for a, b in _conflicts(accesses):
                if a.kind == "add" and b.kind == "add":
                    continue
                if any(self._meet(x, y, body, backwards_in=len(deepest) - 1) for x, y in ((a, b), (b, a))):
                    return False
        return True

    # ---- carried values ----
    def _through_carry(self, param: Var, result: Operand, body: Region) -> Dependence:
        if result is param:
            return Dependence.NONE
        if not isinstance(param.type, ArrayType):
            return Dependence.POSSIBLE
        if param.type.rank == 0:
            return Dependence.ACCUMULATION if self._is_sum(param, result, body) else Dependence.POSSIBLE
        accesses = self._accesses(param, result, body)
        if accesses is None:
            return Dependence.POSSIBLE
        worst = Dependence.NONE
        for a, b in _conflicts(accesses):
            both_add = a.kind == "add" and b.kind == "add"
            if worst is Dependence.ACCUMULATION and both_add:
                continue
            if self._meet(a, b, body) or (a is not b and self._meet(b, a, body)):
                worst = max(worst, Dependence.ACCUMULATION if both_add else Dependence.POSSIBLE)
            if worst is Dependence.POSSIBLE:
                break
        return worst

    def _is_sum(self, param: Var, result: Operand, region: Region) -> bool:
        """`result` is `param` plus terms that do not depend on it, and nothing else looks at the partial sums."""
        version: Operand = result
        while version is not param:
            if not isinstance(version, Var) or self.layout.home[version][0] is not region:
                return False
            if len(self._uses.get(version, ())) != 1 or version.definition is None:
                return False
            before = self._summand(version, version.definition)
            if before is None:
                return False
            version = before
        return len(self._uses.get(param, ())) == 1

    def _summand(self, version: Var, eqn: Eqn) -> Operand | None:
        """The partial sum that `eqn` adds to."""
        if eqn.operation is add:
            # the partial sum is the operand that leads back to a parameter or to another partial sum
            left, right = eqn.operands
            return left if self._may_be_partial(left) else right
        if eqn.operation is subtract:
            return eqn.operands[0]
        if eqn.operation is loop and is_counted(eqn) and not eqn.params["exits"]:
            k = result_carries(eqn).index(version)
            inner, out = loop_carries(eqn)[k], body_carries(eqn)[k]
            return eqn.operands[k] if self._is_sum(inner, out, eqn.regions[-1]) else None
        return None

    def _may_be_partial(self, operand: Operand) -> bool:
        if not isinstance(operand, Var):
            return False
        region, position = self.layout.home[operand]
        eqn = operand.definition
        if eqn is None:
            return position < 0 and region is not self.layout.root
        return eqn.operation in (add, subtract) and any(self._may_be_partial(x) for x in eqn.operands)

    # ---- accesses to one carried array ----
    def _accesses(self, param: Var, result: Operand, body: Region) -> list[Access] | None:
        """Everything in `body` that touches the array carried by `param`; None if it is not one storage."""
        if not isinstance(param.type, ArrayType) or not isinstance(result, Var):
            return None
        if result is param:
            return []
        if param.type.rank == 0 or self.history.origin(result, body) is not param:
            return None
        line = self.history.lineage(result)
        found = [Access(w, w.params["at"], "write" if w.operation is update else "add") for w in line.writes]
        looked_at = [*line.versions, *_seen_by_conditions(line)]
        found += [access for version in looked_at for access in self._reads(version, line, result, body)]
        return found

    def _reads(self, version: Var, line: Lineage, result: Var, body: Region) -> Iterator[Access]:
        for use in self._uses.get(version, ()):
            if isinstance(use, Region):
                # handed on: by the body itself (as this carry and no other), or by a loop body or branch of the lineage
                owner = self.layout.owner.get(use)
                as_carry = use is body and version is result and use.results.count(version) == 1
                if not as_carry and not self._hands_on(use, owner, version, line):
                    yield Access(self._last(use), None, "read")
            elif use.operation is index and use.operands[0] is version and version not in use.operands[1:]:
                yield Access(use, use.params["at"], "read")
            elif use in line.writes and version not in use.operands[1:]:
                continue
            elif use.operation in (loop, copy) and self._continues(use, version, line):
                continue
            else:
                yield Access(use, None, "read")

    def _hands_on(self, region: Region, owner: Eqn | None, version: Var, line: Lineage) -> bool:
        if owner is None or owner.operation not in (loop, if_):
            return False
        results = body_carries(owner) if owner.operation is loop else region.results
        outs = result_carries(owner) if owner.operation is loop else owner.results
        places = [k for k, x in enumerate(results) if x is version]
        return len(places) == list(region.results).count(version) and all(outs[k] in line.versions for k in places)

    def _continues(self, eqn: Eqn, version: Var, line: Lineage) -> bool:
        if eqn.operation is copy:
            return eqn.result in line.versions
        places = [k for k, x in enumerate(eqn.operands) if x is version]
        return all(result_carries(eqn)[k] in line.versions for k in places)

    def _last(self, region: Region) -> Eqn:
        return region.eqns[-1] if region.eqns else self.layout.owner[region]

    # ---- the test ----
    def _meet(self, first: Access, second: Access, body: Region, backwards_in: int | None = None) -> bool:
        """May the two touch one element in different iterations of the loop around `body`, `first` in the earlier one?

        With `backwards_in`, only pairs for which the counter at that depth goes down count."""
        system = AccessSystem(self.layout)
        depth = len(self.layout.path(body)) - 1
        a = system.instance("a", self.layout.place[first.eqn][0])
        b = system.instance("b", self.layout.place[second.eqn][0])
        equal = [_difference(a, b, k) for k in range(depth) if a.steps[k].counter is not None]
        same: Sequence[Affine] = ()
        if first.at is not None and second.at is not None:
            same = same_element(system.positions(first.at, "a"), system.positions(second.at, "b"))
        ordered = [_difference(a, b, depth) - 1]
        if backwards_in is not None:
            ordered.append(-_difference(a, b, backwards_in) - 1)
        values = system.same_values(a, b, depth)
        return not system.constraints().restrict((*equal, *same, *values), ordered).is_empty()


def _seen_by_conditions(line: Lineage) -> Iterator[Var]:
    """The array as the conditions of `while` loops see it."""
    for version in line.versions:
        eqn = version.definition
        if eqn is not None and eqn.operation is loop and not is_counted(eqn):
            yield eqn.regions[0].params[result_carries(eqn).index(version)]


def _difference(a: Instance, b: Instance, depth: int) -> Affine:
    first, second = a.steps[depth].counter, b.steps[depth].counter
    assert first is not None and second is not None
    return second - first


def _conflicts(accesses: Sequence[Access]) -> Iterator[tuple[Access, Access]]:
    """Unordered pairs of which one writes (an access conflicts with itself in other iterations too)."""
    for k, a in enumerate(accesses):
        for b in accesses[k:]:
            if a.kind != "read" or b.kind != "read":
                yield a, b
