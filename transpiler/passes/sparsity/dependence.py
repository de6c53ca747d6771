"""Which input elements each result element may depend on: the program run on sets of positions instead of numbers.

In: a `Function`, its arguments, the parameters that vary. Out: `Dependence`. Assumes a verified program and arguments
that it accepts. Establishes: an over-approximation of the pattern of the Jacobian that holds for all values of the
varying parameters; where nothing unknown decides what is read or written, it is the structural pattern itself.

What does not depend on the varying parameters is computed as it is, so loops run their trips, positions in index arrays
are those of the arguments, and branches on such data are decided. What was relied upon in this way is reported: the
pattern holds for other arguments that agree on it. Where an unknown number decides, everything that may happen is
joined: both branches, all trip counts (a fixed point), all positions along an axis. An operation without a rule here
makes all its results depend on all its operands.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradscribe.transpiler.errors import UnsupportedSyntax
from gradscribe.transpiler.ir.dims import Atom, Dim, Symbol
from gradscribe.transpiler.ir.evaluate import conform
from gradscribe.transpiler.ir.index import At, Component, Slice, Take, as_numpy
from gradscribe.transpiler.ir.nodes import Effect, Eqn, Function, Literal, Operand, Region, Var
from gradscribe.transpiler.passes.sparsity.index_sets import Sets, Universe, as_sets
from gradscribe.transpiler.passes.sparsity.spreading import SPREADING, everything, partial_flags
from gradscribe.transpiler.primitives.calls import CALLS
from gradscribe.transpiler.primitives.primitive import Elementwise
from gradscribe.transpiler.primitives.regions import if_, loop
from gradscribe.transpiler.primitives.structure import index, update, update_add


@dataclass(frozen=True)
class Value:
    """What is known of a value: its number (None: depends on the varying parameters), the sets its elements depend on
    (None: all empty), the parameters its number was computed from."""

    known: Any = None
    sets: Sets | None = None
    sources: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Tape:
    """A stack: its values, or (None) one union for all that it may hold."""

    values: tuple[Value | Tape, ...] | None
    union: Any


class Unknown(Exception):
    """A size or position that depends on the varying parameters."""


@dataclass(frozen=True)
class Dependence:
    """The sets of each result (None: it depends on nothing), and the parameters whose values were relied upon."""

    universe: Universe
    results: tuple[Sets | None, ...]
    relied: frozenset[int]


def dependence(function: Function, args: Sequence[Any], wrt: Sequence[int]) -> Dependence:
    """Run `function` on index sets; positions count through the elements of the parameters at `wrt`, in order."""
    universe = Universe(sum(int(np.size(args[k])) for k in wrt))
    run = _Run(universe)
    start = 0
    for k, (param, arg) in enumerate(zip(function.params, args, strict=True)):
        for axis, dim in enumerate(param.type.dims()):
            if isinstance(dim.single_atom, Symbol):
                run.sizes.setdefault(dim.single_atom, np.shape(arg)[axis])
        if k in wrt:
            run.env[param] = Value(sets=universe.identity(start, np.shape(arg)))
            start += int(np.size(arg))
        else:
            run.env[param] = Value(arg, sources=frozenset((k,)))
    run.region(function.region)
    results = [run.value(r) for r in function.results]
    shapes = [run.shape(r.type, function) for r in function.results]
    sets = [
        None if not isinstance(v, Value) or v.sets is None else np.broadcast_to(v.sets, shape)
        for v, shape in zip(results, shapes, strict=True)
    ]
    return Dependence(universe, tuple(sets), frozenset(run.relied))


class _Run:
    def __init__(self, universe: Universe) -> None:
        self.universe = universe
        self.env: dict[Var, Any] = {}
        self.sizes: dict[Symbol, int] = {}
        self.relied: set[int] = set()
        self.unsure = 0  # > 0 where it is not known whether, or how often, this runs
        self.flags: dict[Eqn, tuple[bool, ...]] = {}
        self.floating: dict[Eqn, bool] = {}  # whether some result has a derivative

    # ---- reading ----
    def value(self, x: Operand) -> Any:
        return Value(x.value) if isinstance(x, Literal) else self.env[x]  # type: ignore[index]

    def decided(self, value: Value) -> Any:
        """A number that decides something; Unknown if it varies."""
        if value.known is None:
            raise Unknown
        self.relied |= value.sources
        return value.known

    def dim(self, dim: Dim) -> int:
        return dim.evaluate(self._atom)

    def _atom(self, atom: Atom) -> int:
        if isinstance(atom, Symbol):
            return self.sizes[atom]
        return int(self.decided(self.env[atom]))  # type: ignore[index]

    def shape(self, type: Any, where: Any) -> tuple[int, ...]:
        if not type.dims():
            return ()
        try:
            return tuple(self.dim(d) for d in type.dims())
        except Unknown:
            raise UnsupportedSyntax(
                where.span,
                "the sparsity of a program whose sizes depend on the differentiated argument is not known beforehand",
                "Give the pattern with `sparsity=`, or ask for it with method='probing'.",
            ) from None

    def resolved(self, value: Any, takes: Sequence[Any]) -> Any:
        if isinstance(value, Dim):
            return self.dim(value)
        if isinstance(value, tuple) and value and all(isinstance(c, (At, Slice, Take)) for c in value):
            return as_numpy(value, self.dim, tuple(takes))
        if isinstance(value, tuple):
            return tuple(self.resolved(item, takes) for item in value)
        return value

    # ---- equations ----
    def region(self, region: Region) -> None:
        for eqn in region.eqns:
            self.equation(eqn)

    def equation(self, eqn: Eqn) -> None:
        operation = eqn.operation
        results: Sequence[Any]
        if operation is loop:
            results = self._loop(eqn)
        elif operation is if_:
            results = self._if(eqn)
        elif operation in CALLS:
            results = self._call(eqn)
        elif operation.effect is Effect.IO or not eqn.results:
            results = self._all_of_all(eqn)
        elif operation.name.startswith("stack_"):
            results = self._tape(eqn)
        else:
            results = self._ordinary(eqn)
        self.env.update(zip(eqn.results, results, strict=True))

    def _ordinary(self, eqn: Eqn) -> Sequence[Value]:
        operands = [self.value(x) for x in eqn.operands]
        if operands and operands[0].__class__ is Tape:  # a copy of a stack
            return operands
        if not any(v.known is None for v in operands):
            known = self._computed(eqn, operands)
            if known is not None:
                return known
        if eqn not in self.floating:
            self.floating[eqn] = any(r.type.is_float for r in eqn.results)
        if not self.floating[eqn] or all(v.sets is None for v in operands):
            return [Value() for _ in eqn.results]
        try:
            return [Value(sets=self._spread(eqn, operands))]
        except Unknown:
            return self._all_of_all(eqn)
        except (IndexError, ValueError):
            if not self.unsure:  # on a path that is not taken, sizes and positions may not fit together
                raise
            return self._all_of_all(eqn)

    def _spread(self, eqn: Eqn, operands: Sequence[Value]) -> Sets | None:
        """The sets of the one result of an equation that reads something that varies."""
        operation = eqn.operation
        if operation in (index, update, update_add):
            return self._subscripted(eqn, operands)
        if isinstance(operation, Elementwise):
            return self._elementwise(eqn, operands)
        rule = SPREADING.get(operation.name)
        if rule is None:
            raise Unknown
        sets = [self._sets(eqn, k, v) for k, v in enumerate(operands)]
        return as_sets(rule(self.universe, *sets, **{k: self.resolved(p, ()) for k, p in eqn.params.items()}))

    def _sets(self, eqn: Eqn, k: int, value: Value) -> Sets:
        """The sets of the whole k-th operand, also where they are all empty."""
        if value.sets is not None:
            return value.sets
        shape = self.shape(eqn.operands[k].type, eqn) if value.known is None else np.shape(value.known)
        return self.universe.empty(shape)

    def _computed(self, eqn: Eqn, operands: Sequence[Value]) -> list[Value] | None:
        """The results as numbers, where the sizes they need are known too."""
        values = tuple(v.known for v in operands)
        relied = set(self.relied)
        sources: frozenset[int] = frozenset().union(*(v.sources for v in operands))
        try:
            self.relied = set()
            params = {
                k: self.resolved(p, values[2:] if eqn.operation in (update, update_add) else values[1:])
                for k, p in eqn.params.items()
            }
            with np.errstate(all="ignore"):
                found = eqn.operation.evaluate(values, params, ())
        except Unknown:
            return None
        except (ArithmeticError, ValueError, IndexError):  # on a path that may not be taken
            return [Value() for _ in eqn.results]
        finally:
            sources |= self.relied
            self.relied |= relied
        return [Value(conform(x, r.type), None, sources) for x, r in zip(found, eqn.results, strict=True)]

    def _elementwise(self, eqn: Eqn, operands: Sequence[Value]) -> Sets | None:
        shape = self.shape(eqn.result.type, eqn)
        if eqn.operation.name == "select" and operands[0].known is not None:
            condition = self.decided(operands[0])
            left, right = (self.universe.empty(()) if v.sets is None else v.sets for v in operands[1:])
            return np.broadcast_to(as_sets(np.where(condition, left, right)), shape)
        if eqn not in self.flags:
            self.flags[eqn] = partial_flags(eqn)
        union: Any = None
        for value, flag in zip(operands, self.flags[eqn], strict=True):
            if flag and value.sets is not None:
                union = value.sets if union is None else union | value.sets
        union = None if union is None else as_sets(union)
        return union if union is None or union.shape == shape else np.broadcast_to(union, shape)

    # ---- subscripts ----
    def _subscripted(self, eqn: Eqn, operands: Sequence[Value]) -> Sets:
        """`index`, `update` and `update_add`; what an unknown position reads may be anything along its axis, what it
        writes may be everywhere along it."""
        first = 1 if eqn.operation is index else 2
        x, takes = self._sets(eqn, 0, operands[0]), operands[first:]
        components = [self._component(c, takes) for c in eqn.params["at"]]
        self.shape(eqn.result.type, eqn)
        if all(c is not None for c in components):
            at: Any = as_numpy(eqn.params["at"], self.dim, tuple(v.known for v in takes))
            if eqn.operation is index:
                return as_sets(x[at])
            v = self._sets(eqn, 1, operands[1])
            written = x.copy()
            if eqn.operation is update:
                written[at] = v if v.ndim else v[()]
            else:
                np.bitwise_or.at(written, at, v)
            return written
        if eqn.operation is index:
            return self._read_anywhere(eqn, x, components)
        v = self._sets(eqn, 1, operands[1])
        lanes = tuple(slice(None) if c is None or isinstance(c, np.ndarray) else c for c in components)
        written = x.copy()
        written[lanes] = written[lanes] | everything(self.universe, [v], ())[()]
        return written

    def _read_anywhere(self, eqn: Eqn, x: Sets, components: Sequence[Any]) -> Sets:
        """A read at positions some of which (None) may be any along their axis."""
        at = list(components)
        for k, given in enumerate(eqn.params["at"]):
            if at[k] is not None:
                continue
            x = np.expand_dims(self.universe.along(x, k), k)
            at[k] = 0
            if isinstance(given, Take):
                at[k] = np.zeros(self.shape(eqn.operands[1 + given.operand].type, eqn), np.int64)
            elif isinstance(given, Slice):
                x = np.broadcast_to(x, (*x.shape[:k], self.dim(given.length), *x.shape[k + 1 :]))
                at[k] = slice(None)
        return as_sets(x[tuple(at)])

    def _component(self, component: Component, takes: Sequence[Value]) -> Any:
        """A known position, slice or array of positions; None for an unknown one."""
        try:
            if isinstance(component, Take):
                return np.asarray(self.decided(takes[component.operand]))
            if isinstance(component, At):
                return self.dim(component.position)
            return as_numpy((component,), self.dim, ())[0]
        except Unknown:
            return None

    def _all_of_all(self, eqn: Eqn) -> list[Value]:
        """Every result depends on everything that any operand depends on."""
        sets = [v.sets for v in map(self.value, eqn.operands) if isinstance(v, Value) and v.sets is not None]
        out = []
        for result in eqn.results:
            if not sets or not result.type.is_float:
                out.append(Value())
            else:
                out.append(Value(sets=everything(self.universe, sets, self.shape(result.type, eqn))))
        return out

    # ---- stacks ----
    def _tape(self, eqn: Eqn) -> list[Any]:
        if eqn.operation.name == "stack_new":
            return [Tape(() if not self.unsure else None, self.universe.nothing)]
        tape = self.value(eqn.operands[0])
        if eqn.operation.name == "stack_push":
            v = self.value(eqn.operands[1])
            union = tape.union if v.sets is None else tape.union | self.universe.total(v.sets)
            values = None if self.unsure or tape.values is None else (*tape.values, v)
            return [Tape(values, union)]
        if tape.values and not self.unsure:
            return [Tape(tape.values[:-1], tape.union), tape.values[-1]]
        result = eqn.results[1]
        sets = everything(self.universe, [as_sets(tape.union)], self.shape(result.type, eqn))
        return [Tape(None, tape.union), Value(sets=sets if result.type.is_float else None)]

    # ---- control ----
    def _if(self, eqn: Eqn) -> list[Any]:
        try:
            taken = bool(self.decided(self.value(eqn.operands[0])))
        except Unknown:
            self.unsure += 1
            results = [self._results_of(region) for region in eqn.regions]
            self.unsure -= 1
            return [self.join(a, b, eqn) for a, b in zip(*results, strict=True)]
        return self._results_of(eqn.regions[0 if taken else 1])

    def _results_of(self, region: Region) -> list[Any]:
        self.region(region)
        return [self.value(r) for r in region.results]

    def _loop(self, eqn: Eqn) -> list[Any]:
        carries = [self.value(x) for x in eqn.operands]
        params = eqn.params
        if params["lo"] is None:
            return self._while(eqn, carries)
        try:
            lo, hi = self.dim(params["lo"]), self.dim(params["hi"])
        except Unknown:
            return self._fixed_point(eqn, carries)
        trips = range(lo, hi) if params["direction"] > 0 else range(hi - 1, lo - 1, -1)
        return self._trips(eqn, carries, (Value(i) for i in trips))

    def _while(self, eqn: Eqn, carries: list[Any]) -> list[Any]:
        if self.unsure:  # a loop that perhaps nobody enters may run for ever
            return self._fixed_point(eqn, carries)

        def trips() -> Any:
            while True:
                self.env.update(zip(eqn.regions[0].params, state[-1], strict=True))
                if not self.decided(self._results_of(eqn.regions[0])[0]):
                    return
                yield None

        state = [carries]
        return self._trips(eqn, carries, trips(), state)

    def _trips(self, eqn: Eqn, carries: list[Any], trips: Any, state: list[Any] | None = None) -> list[Any]:
        """The trips one by one. After an exit that may have been taken, what was carried then may be the result."""
        body, exits = eqn.regions[-1], eqn.params["exits"]
        left: list[Any] | None = None
        code: Any = Value(0)
        unsure = self.unsure
        try:
            for i in trips:
                self.env.update(zip(body.params, [*([] if i is None else [i]), *carries], strict=True))
                results = self._results_of(body)
                if exits:
                    code, *results = results
                carries = results
                if state is not None:
                    state[-1] = carries
                if exits:
                    try:
                        if self.decided(code):
                            break
                    except Unknown:
                        left = carries if left is None else self._joined(left, carries, eqn)
                        self.unsure = unsure + 1
                        if state is not None:  # nothing else may end a while
                            raise
        except Unknown:  # the end of a while
            carries = self._fixed_point(eqn, carries)[int(exits) :]
            code = Value()
        self.unsure = unsure
        if left is not None:
            carries, code = self._joined(left, carries, eqn), Value()
        return [code, *carries] if exits else carries

    def _fixed_point(self, eqn: Eqn, carries: list[Any]) -> list[Any]:
        """What the carries may depend on after any number of trips."""
        body, exits = eqn.regions[-1], eqn.params["exits"]
        self.unsure += 1
        while True:
            index_ = [] if eqn.params["lo"] is None else [Value()]
            if eqn.params["lo"] is None:
                self.env.update(zip(eqn.regions[0].params, carries, strict=True))
                self.region(eqn.regions[0])
            self.env.update(zip(body.params, [*index_, *carries], strict=True))
            after = self._joined(carries, self._results_of(body)[int(exits) :], eqn)
            if all(_same(a, b) for a, b in zip(carries, after, strict=True)):
                break
            carries = after
        self.unsure -= 1
        return [Value(), *carries] if exits else carries

    def _joined(self, a: list[Any], b: list[Any], eqn: Eqn) -> list[Any]:
        return [self.join(x, y, eqn) for x, y in zip(a, b, strict=True)]

    def join(self, a: Any, b: Any, eqn: Eqn) -> Any:
        """What a value is that may be either."""
        if a is b:
            return a
        if isinstance(a, Tape):
            return Tape(None, a.union | b.union)
        known = a.known if a.known is not None and b.known is not None and _equal(a.known, b.known) else None
        if a.sets is None or b.sets is None:
            sets = b.sets if a.sets is None else a.sets
        elif a.sets.shape != b.sets.shape:
            raise UnsupportedSyntax(
                eqn.span,
                "the sparsity of a program whose sizes depend on the differentiated argument is not known beforehand",
                "Give the pattern with `sparsity=`, or ask for it with method='probing'.",
            )
        else:
            sets = as_sets(a.sets | b.sets)
        return Value(known, sets, a.sources | b.sources)

    def _call(self, eqn: Eqn) -> list[Any]:
        """A call runs the callee; one that may not happen is not followed, since it may call itself without end."""
        callee = eqn.params["callee"]
        if self.unsure or not callee.complete:
            return self._all_of_all(eqn)
        function = callee.function
        saved, sizes = dict(self.env), dict(self.sizes)
        for param, x in zip(function.params, eqn.operands, strict=True):
            value = self.value(x)
            for dim, given in zip(param.type.dims(), self.shape(x.type, eqn), strict=True):
                if isinstance(dim.single_atom, Symbol):
                    self.sizes[dim.single_atom] = given
            self.env[param] = value
        results = self._results_of(function.region)
        self.env, self.sizes = saved, sizes
        return results


def _equal(a: Any, b: Any) -> bool:
    return np.shape(a) == np.shape(b) and bool(np.array_equal(a, b, equal_nan=np.asarray(a).dtype.kind in "fc"))


def _same(a: Any, b: Any) -> bool:
    """Whether nothing was added to a carry."""
    if a is b:
        return True
    if isinstance(a, Tape):
        return (a.values is None) == (b.values is None) and a.union == b.union
    if (a.known is None) != (b.known is None) or (a.sets is None) != (b.sets is None):
        return False
    return a.sets is None or bool(np.all(a.sets == b.sets))
