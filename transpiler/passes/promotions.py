"""Array elements that a loop can keep in a scalar: which, and why that is allowed.

In: a loop-level `Function`. Out: `Promotion`s. The element of a promotion has the same position in every iteration of
its loop, exists whenever the loop is reached (a loop that runs zero times loads and stores it too), and no other access
of the loop touches it. An element that the loop only reads is loaded once in front of the loop.
Source: scalar replacement (Callahan, Carr, Kennedy: "Improving register allocation for subscripted variables", PLDI
1990), with the dependence test of `affine`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gradscribe.transpiler.ir.index import Index
from gradscribe.transpiler.ir.nodes import Eqn, Function, Region, Var
from gradscribe.transpiler.ir.types import ArrayType
from gradscribe.transpiler.ir.walk import inner_eqns
from gradscribe.transpiler.passes.affine.dependences import Access, Dependences
from gradscribe.transpiler.passes.affine.elements import ElementProofs
from gradscribe.transpiler.primitives.regions import body_carries, if_, is_counted, loop, loop_carries
from gradscribe.transpiler.primitives.structure import index


@dataclass(frozen=True, eq=False)
class Promotion:
    """The element `at` of an array during `loop`: of its carry number `carry`, or of `captured` from outside."""

    loop: Eqn
    at: Index
    accesses: tuple[Eqn, ...]
    carry: int | None = None
    captured: Var | None = None

    @property
    def is_written(self) -> bool:
        return any(e.operation is not index for e in self.accesses)


def find_promotions(function: Function) -> list[Promotion]:
    """Every access belongs to at most one promotion: that of the outermost loop that allows it."""
    search = _Search(function)
    search.region(function.region)
    return search.found


class _Search:
    def __init__(self, function: Function) -> None:
        self.dependences = Dependences(function)
        self.layout = self.dependences.layout
        self.proofs = ElementProofs(self.layout)
        self.found: list[Promotion] = []
        self.taken: set[Eqn] = set()

    def region(self, region: Region) -> None:
        for eqn in region.eqns:
            if eqn.operation is loop and is_counted(eqn):
                self.found += self._captured(eqn)
                for k, param in enumerate(loop_carries(eqn)):
                    if _is_numeric_array(param) and body_carries(eqn)[k] is not param:
                        self.found += self._carried(eqn, k)
            for inner in eqn.regions:
                self.region(inner)

    # ---- arrays the loop only looks at ----
    def _captured(self, eqn: Eqn) -> Iterator[Promotion]:
        body = eqn.regions[-1]
        groups: dict[tuple[Var, Index], list[Eqn]] = {}
        for inner in inner_eqns(body):
            if inner.operation is not index or inner in self.taken or len(inner.operands) > 1:
                continue
            array = inner.operands[0]
            if isinstance(array, Var) and _is_numeric_array(array) and not self.proofs.is_inside(array, body):
                if self.proofs.is_invariant(inner.params["at"], body):
                    groups.setdefault((array, inner.params["at"]), []).append(inner)
        for (array, at), members in groups.items():
            if self._always_runs(members, body) and self._exists(at, array, eqn):
                self.taken.update(members)
                yield Promotion(eqn, at, tuple(members), captured=array)

    # ---- arrays the loop writes ----
    def _carried(self, eqn: Eqn, k: int) -> Iterator[Promotion]:
        body = eqn.regions[-1]
        accesses = self.dependences.accesses(eqn, k)
        if accesses is None or any(a.at is None for a in accesses):
            return
        groups: dict[Index, list[Access]] = {}
        for access in accesses:
            assert access.at is not None
            if access.eqn not in self.taken and self.proofs.is_invariant(access.at, body):
                groups.setdefault(access.at, []).append(access)
        region = self.layout.place[eqn][0]
        for at, members in groups.items():
            eqns = list(dict.fromkeys(a.eqn for a in members))
            is_written = any(a.kind != "read" for a in members)
            others = dict.fromkeys(a.eqn for a in accesses if a.at != at)
            if not is_written and not self._always_runs(eqns, body):
                continue
            if not self._exists(at, loop_carries(eqn)[k], eqn):
                continue
            if all(self.proofs.are_apart(at, region, other) for other in others):
                self.taken.update(eqns)
                yield Promotion(eqn, at, tuple(eqns), carry=k)

    def _exists(self, at: Index, array: Var, eqn: Eqn) -> bool:
        assert isinstance(array.type, ArrayType)
        return self.proofs.is_in_range(at, array.type.shape, self.layout.place[eqn][0])

    def _always_runs(self, eqns: Sequence[Eqn], body: Region) -> bool:
        """One of them is in no branch: the load is not made in vain."""
        depth = len(self.layout.path(body))
        for eqn in eqns:
            inner = self.layout.path(self.layout.place[eqn][0])[depth:]
            if all(self.layout.owner[region].operation is not if_ for region in inner):
                return True
        return False


def _is_numeric_array(x: Var) -> bool:
    return isinstance(x.type, ArrayType) and x.type.rank > 0 and x.type.dtype.kind in "fciu"
