"""Recurrences along an array, in scalars that move with the loop: what one iteration writes and the next one needs.

In and out: a loop-level `Function` (a clone). In an innermost loop that must run in its order because of an array, the
accesses `b[i - 1], b[i], b[i + 1]` of one row become scalars: each iteration loads the element that enters the window,
stores the one that leaves it and hands the others on. The operations and their order stay the same; what goes away is
the wait for a store to be loaded again.
Source: scalar replacement with rotating registers (Callahan, Carr, Kennedy: "Improving register allocation for
subscripted variables", PLDI 1990).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gradscribe.transpiler.ir.builder import append_eqn, at_span, build_region, emit, emit_as
from gradscribe.transpiler.ir.dims import Dim
from gradscribe.transpiler.ir.index import At, Index
from gradscribe.transpiler.ir.nodes import Eqn, Function, Operand, Region, Var
from gradscribe.transpiler.ir.rebuilding import rebuilt
from gradscribe.transpiler.ir.types import ArrayType, Type
from gradscribe.transpiler.ir.walk import Substitution, clone_eqn, inner_eqns
from gradscribe.transpiler.passes.affine.dependences import Dependence, Dependences
from gradscribe.transpiler.passes.affine.elements import ElementProofs
from gradscribe.transpiler.passes.promote import as_element
from gradscribe.transpiler.primitives.arithmetic import add
from gradscribe.transpiler.primitives.conversion import copy
from gradscribe.transpiler.primitives.regions import body_carries, is_counted, loop, loop_carries, result_carries
from gradscribe.transpiler.primitives.structure import index, update, update_add

_WIDEST = 6  # scalars per row


@dataclass(frozen=True, eq=False)
class Window:
    """Accesses of a loop to carry number `carry` at `row` with counter + c on its axis `axis`, low <= c <= high."""

    carry: int
    row: tuple[Dim, ...]
    axis: int
    offsets: Mapping[Eqn, int]

    @property
    def low(self) -> int:
        return min(self.offsets.values())

    @property
    def high(self) -> int:
        return max(self.offsets.values())

    def at(self, position: Dim) -> Index:
        """The element with `position` in place of the counter."""
        return tuple(At(p + position if a == self.axis else p) for a, p in enumerate(self.row))


def rotate_windows(function: Function) -> Function:
    """The program with such scalars; the function itself when there is no recurrence."""
    loops = [e for e in inner_eqns(function.region) if e.operation is loop and is_counted(e) and not e.params["exits"]]
    loops = [e for e in loops if not any(inner.regions for inner in e.regions[-1].eqns)]
    if not loops:
        return function
    dependences = Dependences(function)
    found = {e: windows for e in loops if (windows := _windows(e, dependences))}
    if not found:
        return function
    return rebuilt(function, found, lambda eqn, env: _Rotating(eqn, env, found[eqn]).emit())


# ---- which rows ----


def _windows(eqn: Eqn, dependences: Dependences) -> list[Window]:
    proofs = ElementProofs(dependences.layout)
    region = dependences.layout.place[eqn][0]
    if not proofs.is_nonnegative(eqn.params["hi"] - eqn.params["lo"], region):
        return []  # the elements left in the window are those after the last iteration
    out: list[Window] = []
    for k, param in enumerate(loop_carries(eqn)):
        if not isinstance(param.type, ArrayType) or param.type.rank == 0 or body_carries(eqn)[k] is param:
            continue
        if dependences.of_carry(eqn, k) is not Dependence.POSSIBLE:
            continue
        for window in _rows(eqn, k, dependences, proofs):
            is_written = any(e.operation is not index for e in window.offsets)
            if is_written and 0 < window.high - window.low < _WIDEST:
                edges = [window.at(_start(eqn) + c) for c in _held(window, eqn)]
                edges += [window.at(_end(eqn) + c) for c in _held(window, eqn)]
                if all(proofs.is_in_range(at, param.type.shape, region) for at in edges):
                    out.append(window)
    return out


def _rows(eqn: Eqn, k: int, dependences: Dependences, proofs: ElementProofs) -> list[Window]:
    """All accesses of a carry as windows on rows that are apart; nothing if one of them does not fit."""
    body = eqn.regions[-1]
    counter = Dim.of(body.params[0])
    accesses = dependences.accesses(eqn, k)
    rows: dict[tuple[int, tuple[Dim, ...]], dict[Eqn, int]] = {}
    for access in accesses or ():
        if access.at is None or not all(isinstance(c, At) for c in access.at):
            return []
        positions = [c.position for c in access.at if isinstance(c, At)]
        moving = [a for a, p in enumerate(positions) if body.params[0] in p.leaves()]
        if len(moving) != 1 or not (positions[moving[0]] - counter).is_affine_in([body.params[0]]):
            return []
        (axis,) = moving
        rest = positions[axis] - counter
        row = tuple(rest - rest.offset if a == axis else p for a, p in enumerate(positions))
        if not proofs.is_invariant(tuple(map(At, row)), body):
            return []
        rows.setdefault((axis, row), {})[access.eqn] = rest.offset
    keys = list(rows)
    for m, (axis, row) in enumerate(keys):
        if not all(axis == other and _are_apart(row, own, axis) for other, own in keys[:m]):
            return []
    return [Window(k, row, axis, offsets) for (axis, row), offsets in rows.items()]


def _are_apart(row: Sequence[Dim], other: Sequence[Dim], axis: int) -> bool:
    return any((p - q).constant not in (None, 0) for a, (p, q) in enumerate(zip(row, other, strict=True)) if a != axis)


def _start(eqn: Eqn) -> Dim:
    """The counter in the first iteration."""
    lo, hi = eqn.params["lo"], eqn.params["hi"]
    return Dim.of(lo if eqn.params["direction"] > 0 else hi - 1)


def _end(eqn: Eqn) -> Dim:
    """The counter one iteration after the last."""
    lo, hi = eqn.params["lo"], eqn.params["hi"]
    return Dim.of(hi if eqn.params["direction"] > 0 else lo - 1)


def _held(window: Window, eqn: Eqn) -> range:
    """Offsets of the elements that are in scalars when an iteration begins: all but the one that enters."""
    upwards = eqn.params["direction"] > 0
    return range(window.low, window.high) if upwards else range(window.low + 1, window.high + 1)


# ---- rewriting ----


Scalars = dict[tuple[Window, int], Operand]


class _Rotating:
    def __init__(self, eqn: Eqn, env: Substitution, windows: Sequence[Window]) -> None:
        self.eqn, self.env, self.windows = eqn, env, windows
        self.step = eqn.params["direction"]
        self.held = [(w, c) for w in windows for c in _held(w, eqn)]
        self.window_of = {e: w for w in windows for e in w.offsets}
        self.scalars: dict[Var, Scalars] = {}  # what the windows hold, for every version of an array

    def emit(self) -> None:
        eqn, env = self.eqn, self.env
        inits = [env.operand(x) for x in eqn.operands]
        first = [self._load(inits[w.carry], w, env.dim(_start(eqn)) + c) for w, c in self.held]
        region = self._body([x.type for x in first])
        results = [env.fresh(r) for r in eqn.results]
        results += [Var(x.type, eqn.results[w.carry].hint) for x, (w, _) in zip(first, self.held, strict=True)]
        emit_as(results, loop, [*inits, *first], env.params(eqn.params), (region,))
        arrays: list[Operand] = list(results[: len(inits)])
        for (w, c), scalar in zip(self.held, results[len(inits) :], strict=True):
            arrays[w.carry] = self._store(arrays[w.carry], w, env.dim(_end(eqn)) + c, scalar)
        for old, new in zip(result_carries(eqn), arrays, strict=True):
            env[old] = new

    def _load(self, array: Operand, window: Window, position: Dim) -> Operand:
        at = self.env.params({"at": window.at(position)})["at"]
        return emit(index, (array,), {"at": at}, hint=self.eqn.results[window.carry].hint)[0]

    def _store(self, array: Operand, window: Window, position: Dim, scalar: Operand) -> Operand:
        at = self.env.params({"at": window.at(position)})["at"]
        return emit(update, (array, scalar), {"at": at}, hint=self.eqn.results[window.carry].hint)[0]

    def _body(self, types: Sequence[Type]) -> Region:
        eqn, env = self.eqn, self.env
        body = eqn.regions[-1]
        params = env.fresh_all(body.params)
        added = [Var(t, loop_carries(eqn)[w.carry].hint) for (w, _), t in zip(self.held, types, strict=True)]
        counter = Dim.of(params[0])

        def build(*_: Var) -> list[Operand]:
            for param in loop_carries(eqn):
                self.scalars[param] = {}
            for key, scalar in zip(self.held, added, strict=True):
                self.scalars[loop_carries(eqn)[key[0].carry]][key] = scalar
            for w in self.windows:
                param, enters = loop_carries(eqn)[w.carry], w.high if self.step > 0 else w.low
                self.scalars[param][w, enters] = self._load(env.operand(param), w, counter + enters)
            for inner in body.eqns:
                with at_span(inner.span):
                    self._statement(inner)
            results = [env.operand(x) for x in body.results]
            last = [self.scalars.get(x, {}) if isinstance(x, Var) else {} for x in body.results]
            for w in self.windows:
                leaves = w.low if self.step > 0 else w.high
                leaving = last[w.carry][w, leaves]
                results[w.carry] = self._store(results[w.carry], w, counter + leaves, leaving)
            return results + [last[w.carry][w, c + self.step] for w, c in self.held]

        return build_region([*params, *added], build)

    def _statement(self, eqn: Eqn) -> None:
        env, window = self.env, self.window_of.get(eqn)
        if window is None:
            append_eqn(clone_eqn(eqn, env))
            source = eqn.operands[0] if eqn.operation in (update, update_add, copy) else None
            if isinstance(source, Var) and source in self.scalars:
                self.scalars[eqn.result] = self.scalars[source]
            return
        version = eqn.operands[0]
        assert isinstance(version, Var)
        own, key = self.scalars[version], (window, window.offsets[eqn])
        if eqn.operation is index:
            env[eqn.result] = own[key]
            return
        value: Operand = as_element(env.operand(eqn.operands[1]), own[key])
        if eqn.operation is update_add:
            value = emit(add, (own[key], value), hint=eqn.result.hint)[0]
        env[eqn.result] = env.operand(version)
        self.scalars[eqn.result] = {**own, key: value}
