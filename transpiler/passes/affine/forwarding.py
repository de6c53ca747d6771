"""Loads of what was stored before, across loops: use the stored value.

In: a `Function`. Out: a clone in which `index` equations are replaced by the value whose `update` wrote the element,
where that is proved: every write between the two, in loops and branches too, misses the element. Nothing else changes;
dead stores are the business of other passes.
It turns the adjoint `t = A_bar[i, j] / d; A_bar[i, j] = t; for k: ... A_bar[i, j] ...` into one that uses `t`, which
needs no proof about A_bar any more when it is differentiated or vectorised.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from gradscribe.transpiler.ir.index import At, Index
from gradscribe.transpiler.ir.nodes import Eqn, Function, Guard, Operand, Region, Var
from gradscribe.transpiler.ir.walk import Substitution
from gradscribe.transpiler.passes.affine.overwrites import ArrayHistory
from gradscribe.transpiler.primitives.regions import body_carries, if_, loop, loop_carries, result_carries
from gradscribe.transpiler.primitives.structure import copy, index, update, update_add


def forward_loads(function: Function) -> Function:
    """The program with forwarded loads."""
    found = _Forwarding(function).replacements()
    if not found:
        return function
    env = Substitution()
    region = _rewritten(function.region, env, found)
    guards = tuple(Guard(g.kind, env.dim(g.dim), g.message, g.requirement, g.span) for g in function.guards)
    return replace(function, region=region, guards=guards)


class _Forwarding:
    def __init__(self, function: Function) -> None:
        self.history = ArrayHistory(function)
        self.layout = self.history.layout

    def replacements(self) -> dict[Var, Operand]:
        """Loaded value -> stored value (which may itself be a load that is replaced)."""
        found: dict[Var, Operand] = {}
        for eqn, (region, _) in self.layout.place.items():
            if eqn.operation is not index or not eqn.result.type.is_float:
                continue  # a loaded integer may occur in types: left alone
            if all(isinstance(c, At) for c in eqn.params["at"]):
                value = self._stored(eqn.operands[0], eqn.params["at"], region, eqn.result)
                if value is not None:
                    found[eqn.result] = value
        return found

    def _stored(self, array: Operand, at: Index, region: Region, loaded: Var) -> Operand | None:
        version = array
        while isinstance(version, Var):
            eqn = version.definition
            if eqn is None:
                version_before = self._before_loop(version, at, region)
            elif eqn.operation is update and eqn.params["at"] == at:
                value = eqn.operands[1]
                return value if value.type == loaded.type else None
            elif eqn.operation in (update, update_add, loop, if_, copy):
                version_before = self._before(version, eqn, at, region)
            else:
                return None
            if version_before is None:
                return None
            version = version_before
        return None

    def _before_loop(self, param: Var, at: Index, region: Region) -> Operand | None:
        """The array with which a loop starts, if no earlier iteration touches the element."""
        body = self.layout.home[param][0]
        owner = self.layout.owner.get(body)
        if owner is None or owner.operation is not loop or body is not owner.regions[-1]:
            return None
        if param not in loop_carries(owner):
            return None
        k = loop_carries(owner).index(param)
        result = body_carries(owner)[k]
        if not isinstance(result, Var) or self.history.origin(result, body) is not param:
            return None
        writes = self._writes(result, body)
        return owner.operands[k] if self._is_clear(writes, param, at, region, self.layout.parent[body]) else None

    def _before(self, version: Var, eqn: Eqn, at: Index, region: Region) -> Operand | None:
        """The array before an equation of which it is a result, if that does not touch the element."""
        before = self.history.previous(version)
        if before is None:
            return None
        if eqn.operation is copy:
            return before
        outer = self.layout.place[eqn][0]
        writes: list[Eqn] = [eqn]
        if eqn.operation is loop:
            writes = self._writes(body_carries(eqn)[result_carries(eqn).index(version)], eqn.regions[-1])
        elif eqn.operation is if_:
            k = eqn.results.index(version)
            writes = [w for branch in eqn.regions for w in self._writes(branch.results[k], branch)]
        return before if self._is_clear(writes, version, at, region, outer) else None

    def _writes(self, end: Operand, region: Region) -> list[Eqn]:
        """The writes in `region` that lead to its result `end`."""
        if not isinstance(end, Var) or self.layout.home[end][0] is not region:
            return []
        return list(self.history.lineage(end).writes)

    def _is_clear(self, writes: Sequence[Eqn], version: Var, at: Index, region: Region, outer: Region) -> bool:
        """No write touches the element before `version` is there, in one execution of `outer`."""
        return not any(self.history.touches(write, version, at, region, outer, after=False) for write in writes)


def _rewritten(region: Region, env: Substitution, found: Mapping[Var, Operand]) -> Region:
    """A clone without the forwarded loads."""
    params = tuple(env.fresh_all(region.params))
    eqns: list[Eqn] = []
    for eqn in region.eqns:
        if eqn.operation is index and eqn.result in found:
            env[eqn.result] = env.operand(found[eqn.result])
            continue
        operands = tuple(env.operand(x) for x in eqn.operands)
        attributes = env.params(eqn.params)
        inner = tuple(_rewritten(r, env, found) for r in eqn.regions)
        eqns.append(Eqn(eqn.operation, operands, tuple(env.fresh(r) for r in eqn.results), attributes, inner, eqn.span))
    return Region(params, tuple(eqns), tuple(env.operand(x) for x in region.results))
