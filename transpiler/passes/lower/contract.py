"""Workspaces that live within one iteration lose the axes that the iteration fixes.

In and out: a loop-level `Function`. A workspace is an `empty` array handed to one nest and not read after it. If all
accesses lie at counter + c along an axis, and the loops around them are counters of such axes, every iteration reads
only what it wrote itself, and the axis is dropped: a matrix of intermediate values becomes one row, which stays in the
cache.
Source: array contraction (Lewis, Lin, Snyder: "The implementation and evaluation of fusion and contraction in array
languages", 1998).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gradscribe.transpiler.ir.nodes import Eqn, Function, Guard, Region, Var
from gradscribe.transpiler.ir.types import ArrayType
from gradscribe.transpiler.ir.walk import Substitution, eqn_reads, inner_eqns
from gradscribe.transpiler.passes.lower.accesses import Accesses
from gradscribe.transpiler.passes.lower.nests import is_nest
from gradscribe.transpiler.passes.ownership import WRITES
from gradscribe.transpiler.primitives.allocation import empty
from gradscribe.transpiler.primitives.regions import if_, loop_carries, result_carries
from gradscribe.transpiler.primitives.structure import index


def contract_workspaces(function: Function) -> Function:
    """The program with smaller workspaces."""
    dropped: dict[Var, tuple[int, ...]] = {}
    _find(function.region, dropped)
    if not dropped:
        return function
    rewriting = _Rewriting(dropped)
    region, env = rewriting.region(function.region), rewriting.env
    guards = tuple(Guard(g.kind, env.dim(g.dim), g.message, g.requirement, g.span) for g in function.guards)
    return Function(function.name, region, guards, function.result_hints, function.span)


# ---- which axes ----


def _find(region: Region, dropped: dict[Var, tuple[int, ...]]) -> None:
    """Enter every version of every workspace that can be smaller, with the axes it loses."""
    reads: dict[Var, int] = {}
    for eqn in region.eqns:
        for x in eqn_reads(eqn, with_types=False):
            reads[x] = reads.get(x, 0) + 1
        for inner in eqn.regions:
            _find(inner, dropped)
    for result in region.results:
        if isinstance(result, Var):
            reads[result] = reads.get(result, 0) + 1
    fresh = {e.result for e in region.eqns if e.operation is empty}
    for eqn in region.eqns:
        if not is_nest(eqn) or any(e.operation is if_ for e in inner_eqns(eqn.regions[0])):
            continue
        for k, operand in enumerate(eqn.operands):
            if (
                isinstance(operand, Var)
                and operand in fresh
                and reads[operand] == 1
                and result_carries(eqn)[k] not in reads
            ):
                accesses = Accesses(eqn.regions[0], loop_carries(eqn)[k])
                axes = _fixed_axes(eqn, k, accesses)
                if axes and len(axes) < len(operand.type.dims()):
                    family = {*accesses.family, operand, result_carries(eqn)[k]}
                    dropped.update(dict.fromkeys(family, tuple(sorted(axes))))


def _fixed_axes(eqn: Eqn, carry: int, accesses: Accesses) -> list[int]:
    """Axes at a constant distance from the counter of the nest, then of the one loop inside that touches the array,
    ..."""
    axes: list[int] = []
    while True:
        found = accesses.aligned_axes(eqn.regions[0].params[0])
        more = [a for a in found or () if a not in axes]
        if not more:
            return axes
        axes.append(more[0])
        param = loop_carries(eqn)[carry]
        users = [e for e in eqn.regions[0].eqns if param in eqn_reads(e, with_types=False)]
        if len(users) != 1 or not is_nest(users[0]) or users[0].operands.count(param) != 1:
            return axes
        (inner,) = users
        carry = inner.operands.index(param)
        if result_carries(inner)[carry] is not eqn.regions[0].results[_position(eqn, param)]:
            return axes
        eqn = inner


def _position(eqn: Eqn, param: Var) -> int:
    return loop_carries(eqn).index(param)


# ---- rewriting ----


class _Rewriting:
    """A clone in which the versions of workspaces have smaller types and subscripts."""

    def __init__(self, dropped: Mapping[Var, tuple[int, ...]]) -> None:
        self.dropped = dropped
        self.env = Substitution()

    def region(self, region: Region) -> Region:
        params = tuple(self.fresh(p) for p in region.params)
        eqns = tuple(self.eqn(e) for e in region.eqns)
        return Region(params, eqns, tuple(self.env.operand(x) for x in region.results))

    def fresh(self, old: Var) -> Var:
        if old not in self.dropped:
            return self.env.fresh(old)
        type: Any = self.env.type(old.type)
        new = Var(ArrayType(type.dtype, self.kept(old, type.shape)), old.hint)
        self.env[old] = new
        return new

    def kept(self, x: Var, items: Sequence[Any]) -> tuple[Any, ...]:
        return tuple(item for a, item in enumerate(items) if a not in self.dropped[x])

    def eqn(self, eqn: Eqn) -> Eqn:
        operands = tuple(self.env.operand(x) for x in eqn.operands)
        params = self.env.params(eqn.params)
        if eqn.operation is empty and eqn.result in self.dropped:
            params["shape"] = self.kept(eqn.result, params["shape"])
        elif eqn.operation is index or eqn.operation in WRITES:
            base = eqn.operands[0]
            if isinstance(base, Var) and base in self.dropped:
                params["at"] = self.kept(base, params["at"])
        regions = tuple(self.region(r) for r in eqn.regions)
        results = tuple(self.fresh(r) for r in eqn.results)
        return Eqn(eqn.operation, operands, results, params, regions, eqn.span)
