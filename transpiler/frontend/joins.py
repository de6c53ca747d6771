"""Where two worlds meet: the branches of an `if`, or the entry and the back edge of a loop.

In: per slot, its value in either world. Out: a plan, the operands that either world hands over, and the joined
values. Establishes: boxes and containers are paired (equal pairs share one joined cell, so exchanged buffers are
exact); two cells may overlap after the join iff in some world they are one cell or may overlap there; what cannot be
joined is `Poison`, refused only when read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gradscribe.transpiler.errors import Span
from gradscribe.transpiler.frontend.kinds import MOST_OPTIONS, Recoded, arrays_alike, by_kind, may_be_option, same_code
from gradscribe.transpiler.frontend.promotion import join_numbers
from gradscribe.transpiler.frontend.store import World
from gradscribe.transpiler.frontend.tracing import Tracing
from gradscribe.transpiler.frontend.values import (
    FORM,
    MISSING,
    VALUE,
    Array,
    BoundMethod,
    Box,
    Cell,
    Choice,
    Closure,
    Container,
    Dict,
    External,
    Flat,
    List,
    Maybe,
    NeedStatic,
    Object,
    Phantom,
    Poison,
    describe,
    is_number,
)
from gradscribe.transpiler.ir.dims import Dim
from gradscribe.transpiler.ir.nodes import Literal, Operand, Var
from gradscribe.transpiler.ir.types import BOOL, INT64, ArrayType

_UNNAMED = ("items", "result")  # the buffers of a list and results of branches go by the names of their arrays


@dataclass(frozen=True)
class Leaf:
    """One value that either world hands over. A dim of `shape` that the worlds do not share is the number of the leaf
    that carries it."""

    type: ArrayType
    values: tuple[Any, ...]
    shape: tuple[Dim | int, ...]
    hint: str = ""

    def signature(self) -> tuple[Any, ...]:
        return (self.type.dtype, self.type.weak, self.shape)


@dataclass(eq=False)
class Merged:
    """A cell that stands for one cell in each world; `cell` is made when the join is built."""

    handles: tuple[Any, ...]
    path: tuple[Any, ...]
    leaf: int = -1
    children: dict[Any, Plan] = field(default_factory=dict)
    cell: Any = None
    paths: list[tuple[Any, ...]] = field(default_factory=list)

    def group(self) -> tuple[tuple[Any, ...], ...]:
        return tuple(self.paths)

    def cell_in(self, world: int) -> Cell | None:
        handle = self.handles[world]
        return handle.box if isinstance(handle, Array) else handle if isinstance(handle, Cell) else None


@dataclass(frozen=True, eq=False)
class Plan:
    """How to make a joined value: kind and its parts."""

    # same | poison | number | cell | maybe | choice (value: its loop) | tuple | counted (of loops: first and step)
    kind: str
    value: Any = None
    parts: tuple[Plan, ...] = ()
    leaf: int = -1

    def signature(self) -> tuple[Any, ...]:
        if self.kind == "cell":
            merged: Merged = self.value
            return ("cell", merged.leaf, merged.path, tuple((k, p.signature()) for k, p in merged.children.items()))
        steps = self.value[1:] if self.kind == "counted" else ()
        return (self.kind, self.leaf, steps, tuple(p.signature() for p in self.parts))


class Join:
    """A join under construction. `birth`: what is younger exists in one world only. `mixed`: at the head of a loop
    there may be values of several kinds."""

    def __init__(
        self,
        tracing: Tracing,
        birth: int,
        worlds: Sequence[World],
        where: Span | None,
        loop: bool,
        mixed: bool = False,
    ) -> None:
        self.tracing = tracing
        self.birth = birth
        self.worlds = tuple(worlds)
        self.where = where
        self.loop = loop
        self.mixed = mixed
        self.leaves: list[Leaf] = []
        self.merged: list[Merged] = []

    # ---- planning ----
    def plan(self, values: Sequence[Any], path: tuple[Any, ...]) -> Plan:
        """The plan for one slot, given its value in each world (MISSING where it is not assigned)."""
        first = values[0]
        if all(self.same(first, v) for v in values[1:]) and self.tracing.visible(first, self.birth):
            return Plan("same", first)
        if any(isinstance(v, Maybe) for v in values) or any(v is MISSING for v in values):
            return self._plan_maybe(values, path)
        return self._plan_present(values, path)

    def _plan_maybe(self, values: Sequence[Any], path: tuple[Any, ...]) -> Plan:
        inner = [v.value if isinstance(v, Maybe) else v for v in values]
        if any(isinstance(v, Poison) for v in inner):
            return self._poison(next(v for v in inner if isinstance(v, Poison)))
        flags = tuple(v.flag if isinstance(v, Maybe) else v is not MISSING for v in values)
        self.leaves.append(Leaf(ArrayType(BOOL, (), True), flags, (), f"{_name(path)}_set"))
        flag = len(self.leaves) - 1
        return Plan("maybe", parts=(self._plan_present(inner, path),), leaf=flag)

    def _plan_present(self, values: Sequence[Any], path: tuple[Any, ...]) -> Plan:
        present = [v for v in values if v is not MISSING]
        for v in present:
            if isinstance(v, Poison):
                return self._poison(v)
        first = present[0]
        if all(self.same(first, v) for v in present[1:]) and self.tracing.visible(first, self.birth):
            return Plan("same", first)
        if any(isinstance(v, Choice) for v in present):
            return self._plan_choice(values, path)
        if all(map(is_number, present)):
            joined = join_numbers(present, self.loop)
            if isinstance(joined, Poison):
                return self._poison(joined)
            return Plan("number", leaf=self._number(joined, values, _name(path)))
        if all(isinstance(v, Array) for v in present):
            return self._plan_arrays(values, present, path)
        if all(isinstance(v, tuple) for v in present) and len({(type(v), len(v)) for v in present}) == 1:
            columns = zip(*(v if v is not MISSING else (MISSING,) * len(first) for v in values), strict=True)
            parts = tuple(self._plan_item(column, (*path, k)) for k, column in enumerate(columns))
            return Plan("tuple", type(first), parts)
        if all(isinstance(v, Container) for v in present) and len({type(v) for v in present}) == 1:
            return self._plan_containers(values, present, path)
        return self._plan_choice(values, path)

    # ---- values of several kinds ----
    def _plan_choice(self, values: Sequence[Any], path: tuple[Any, ...]) -> Plan:
        """One of several options, each made of the values of one kind; a value that only says which."""
        groups, codes = by_kind(values, self.loop, self.same, self._apart)
        present = [v for v in values if v is not MISSING]
        kinds = " or ".join(dict.fromkeys(map(describe, present)))
        refused = Poison(f"is {kinds} depending on data", _hint_for(present))
        if not 1 < len(groups) <= MOST_OPTIONS or not all(map(may_be_option, present)):
            return self._poison(refused)
        kept = len(self.leaves), len(self.merged)
        name = _name(path)
        which = ArrayType(BOOL if len(groups) == 2 else INT64, (), True)
        is_set = len(groups) == 2 and any(v is None for v in groups[0])
        leaf = self._shared_leaf(Leaf(which, codes, (), f"{name or 'value'}_{'set' if is_set else 'case'}"))
        try:
            # Cells go by their paths over the passes of a loop: those of two options are two.
            parts = [self._plan_present(group, (*path, k)) for k, group in enumerate(groups)]
        except NeedStatic:  # lists of several lengths
            parts = []
        if not parts or any(part.kind == "poison" for part in parts):
            del self.leaves[kept[0] :], self.merged[kept[1] :]
            return self._poison(refused)
        if arrays_alike([v for group in groups for v in group if v is not MISSING]):
            return Plan("choice", None, tuple(parts), leaf)
        births = [v.loop for v in present if isinstance(v, Choice) and v.loop in self.tracing.births]
        loop = births[0] if births else self.birth if self.loop and not self.mixed else None
        return Plan("choice", loop, tuple(parts), leaf)

    def _apart(self, a: Array, b: Array) -> bool:
        """Must two arrays that meet stay two, because the caller sees one of them?"""
        meet = not self.same(a, b) and (self.tracing.is_callers(a.box) or self.tracing.is_callers(b.box))
        self.tracing.met_callers |= meet
        return meet and self.tracing.apart

    def _shared_leaf(self, leaf: Leaf) -> int:
        """One value for what says the same of several names: `best, where = None, None` are set together."""
        for k, known in enumerate(self.leaves):
            alike = known.type == leaf.type and all(map(same_code, known.values, leaf.values))
            if alike:
                return k
        self.leaves.append(leaf)
        return len(self.leaves) - 1

    def _plan_item(self, column: Sequence[Any], path: tuple[Any, ...]) -> Plan:
        """A part of a value that is missing as a whole in some world: no flag of its own."""
        if all(v is not MISSING for v in column):
            return self.plan(column, path)
        if any(isinstance(v, Maybe) for v in column):
            return self._poison(Poison("is assigned on some paths only"))
        return self._plan_present(column, path)

    def _poison(self, poison: Poison) -> Plan:
        if self.loop and poison.loop is None:
            poison = Poison(poison.reason, poison.hint, self.birth)
        return Plan("poison", poison)

    def _number(self, type: ArrayType, values: Sequence[Any], hint: str) -> int:
        self.leaves.append(Leaf(type, tuple(values), (), hint))
        return len(self.leaves) - 1

    def _plan_arrays(self, values: Sequence[Any], present: Sequence[Array], path: tuple[Any, ...]) -> Plan:
        if len({(a.dtype, a.rank) for a in present}) > 1 or any(self._apart(present[0], a) for a in present[1:]):
            return self._plan_choice(values, path)
        for known in self.merged:
            if known.leaf >= 0 and all(
                self._same_or_missing(a, b) for a, b in zip(known.handles, values, strict=True)
            ):
                known.paths.append(path)
                return Plan("cell", known)
        name = _name(path)
        if name in _UNNAMED:
            name = next((a.box.name for a in present if a.box.name), name)
        leaf = self.array_leaf(tuple(values), present, name)
        merged = Merged(tuple(values), path, leaf, paths=[path])
        self.merged.append(merged)
        return Plan("cell", merged)

    def _same_or_missing(self, a: Any, b: Any) -> bool:
        return a is b or (isinstance(a, Array) and isinstance(b, Array) and self.tracing.views.same_view(a, b))

    def array_leaf(self, values: tuple[Any, ...], present: Sequence[Array], hint: str) -> int:
        """A leaf for an array; dims that differ between the worlds travel in leaves of their own, put before it."""
        solver = self.tracing.solver
        shape: list[Dim | int] = []
        for axis in range(present[0].rank):
            dims = [v.shape[axis] for v in present]
            same = all(solver.assume_equal(dims[0], d) for d in dims[1:])
            dims = [solver.normalize(d) for d in dims]
            if same and self.tracing.visible(dims[0], self.birth):
                shape.append(dims[0])
            else:
                sizes = tuple(MISSING if v is MISSING else solver.normalize(v.shape[axis]) for v in values)
                shape.append(self._number(ArrayType(INT64, (), True), sizes, f"{hint or 'x'}_size"))
        self.leaves.append(Leaf(present[0].type, values, tuple(shape), hint))
        return len(self.leaves) - 1

    def box_leaf(self, box: Box) -> int:
        """A leaf for the contents of a box that exists in both worlds."""
        solver = self.tracing.solver
        shape = tuple(solver.normalize(d) for d in box.type.shape)
        hint = box.name or (box.value.hint if isinstance(box.value, Var) else "")
        self.leaves.append(Leaf(box.type, (box,) * len(self.worlds), shape, hint))
        return len(self.leaves) - 1

    def _plan_containers(self, values: Sequence[Any], present: Sequence[Container], path: tuple[Any, ...]) -> Plan:
        for known in self.merged:
            if known.leaf < 0 and all(a is b for a, b in zip(known.handles, values, strict=True)):
                known.paths.append(path)
                return Plan("cell", known)
        slots = [MISSING if v is MISSING else self.worlds[w].slots(v) for w, v in enumerate(values)]
        given = [s for s in slots if s is not MISSING]
        if isinstance(present[0], List) and (len({len(s) for s in given}) > 1 or any(FORM in s for s in given)):
            name = _name(path)
            why = f"which list {f'`{name}`' if name else 'this'} is depends on data, and their lengths differ"
            raise NeedStatic(why, (), self.where, "fill one list again: `.clear()` and `.append()`, or `xs[:] = ys`")
        if len({tuple(s) for s in given}) > 1 or len({getattr(v, "cls", None) for v in present}) > 1:
            return self._poison(Poison("is one of several containers with different keys depending on data"))
        merged = Merged(tuple(values), path, paths=[path])
        self.merged.append(merged)
        for key in given[0]:
            column = [MISSING if s is MISSING else _looked_at(s[key], self.tracing) for s in slots]
            merged.children[key] = self._plan_item(column, (*path, key))
        return Plan("cell", merged)

    def same(self, a: Any, b: Any) -> bool:
        return same_value(self.tracing, a, b)

    def signature(self, plans: Sequence[Plan]) -> tuple[Any, ...]:
        return (tuple(p.signature() for p in plans), tuple(leaf.signature() for leaf in self.leaves))

    # ---- handing over ----
    def operands(self, world: int) -> list[Operand]:
        """What a world hands over; called with that world's state and block in place."""
        return [self._operand(leaf, leaf.values[world]) for leaf in self.leaves]

    def _operand(self, leaf: Leaf, value: Any) -> Operand:
        tracing = self.tracing
        if value is MISSING:
            return tracing.dummy(leaf.type, tuple(d if isinstance(d, Dim) else Dim.of(0) for d in leaf.shape))
        if isinstance(value, Box):
            return value.value
        if isinstance(value, Array):
            return tracing.views.read(value)
        if isinstance(value, Recoded):
            return value.operand()
        return tracing.converted(value, leaf.type)

    def fresh_vars(self) -> list[Var]:
        """Values for the leaves, their types mentioning each other where sizes travel along."""
        out: list[Var] = []
        for leaf in self.leaves:
            shape = tuple(d if isinstance(d, Dim) else Dim.of(out[d]) for d in leaf.shape)
            var = Var(ArrayType(leaf.type.dtype, shape, leaf.type.weak and not shape), leaf.hint)
            out.append(var)
        for leaf in self.leaves:
            for d in leaf.shape:
                if isinstance(d, int):
                    out[d].lower = Dim.of(0)
        return out

    # ---- building ----
    def make_cells(
        self, vars: Sequence[Operand], reuse: Callable[[Merged], Cell | None] = lambda merged: None
    ) -> None:
        """Make (or refresh) the joined cells; their slots are written through the journal."""
        store = self.tracing.store
        for merged in self.merged:
            merged.cell = self._new_cell(merged, reuse(merged), vars)
        for merged in self.merged:
            if merged.leaf >= 0:
                store.set(merged.cell, VALUE, vars[merged.leaf])
                continue
            for key in [k for k in merged.cell.slots if k not in merged.children]:
                store.set(merged.cell, key, MISSING)
            for key, plan in merged.children.items():
                store.set(merged.cell, key, self.build(plan, vars))

    def _new_cell(self, merged: Merged, known: Cell | None, vars: Sequence[Operand]) -> Cell:
        example = next(h for h in merged.handles if h is not MISSING)
        if isinstance(example, Array):
            type = vars[merged.leaf].type
            assert isinstance(type, ArrayType)
            box = known if isinstance(known, Box) else Box(None, type)
            box.type = type
            box.name = box.name or example.box.name
            orders = {self.tracing.views.order(h) for h in merged.handles if h is not MISSING}
            packed = all(h is MISSING or self.tracing.views.packed(h) for h in merged.handles)
            box.order = orders.pop() if len(orders) == 1 and packed else None
            box.writable = all(h is MISSING or self.tracing.views.writable(h) for h in merged.handles)
            return box
        if known is not None:
            return known
        if isinstance(example, Dict):
            return Dict({}, cls=example.cls, factory=example.factory)
        return Object(example.cls, {}) if isinstance(example, Object) else List({})

    def build(self, plan: Plan, vars: Sequence[Operand]) -> Any:
        """The joined value."""
        if plan.kind in ("same", "poison"):
            return plan.value
        if plan.kind == "number":
            return self.tracing.boxed(vars[plan.leaf])
        if plan.kind == "maybe":
            return Maybe(self.build(plan.parts[0], vars), vars[plan.leaf])
        if plan.kind == "choice":
            return Choice(vars[plan.leaf], tuple(self.build(p, vars) for p in plan.parts), plan.value)
        if plan.kind == "tuple":
            parts = [self.build(p, vars) for p in plan.parts]
            return tuple(parts) if plan.value is tuple else tuple.__new__(plan.value, parts)
        merged: Merged = plan.value
        if merged.leaf < 0:
            return merged.cell
        var = vars[merged.leaf]
        assert isinstance(var.type, ArrayType)
        return Array(merged.cell, (), var.type.strong())

    def overlaps(self) -> list[tuple[Cell, Cell]]:
        """Pairs that may overlap after the join: of joined cells, and of a joined and an older cell."""
        out: list[tuple[Cell, Cell]] = []
        for w, world in enumerate(self.worlds):
            for a in self.merged:
                base = a.cell_in(w)
                if base is None:
                    continue
                related = world.related(base)
                out += [(a.cell, old) for old in related if old.serial < self.birth]
                out += [(a.cell, b.cell) for b in self.merged if b is not a and b.cell_in(w) in related]
        return out


def _looked_at(value: Any, tracing: Tracing) -> Any:
    return tracing.lift_external(value) if isinstance(value, External) else value


def _name(path: tuple[Any, ...]) -> str:
    name = (
        path[-1]
        if path and isinstance(path[-1], str)
        else next((p for p in reversed(path) if isinstance(p, str)), "")
    )
    return name.strip("<>") if isinstance(name, str) and name.strip("<>").isidentifier() else ""


def _hint_for(present: Sequence[Any]) -> str:
    if any(v is None for v in present):
        return "give it a value of its later type instead of None before"
    return ""


def same_value(tracing: Tracing, a: Any, b: Any) -> bool:
    """Provably one and the same value."""
    if a is b:
        return True
    if isinstance(a, Array) and isinstance(b, Array):
        return tracing.views.same_view(a, b)
    if isinstance(a, Flat) and isinstance(b, Flat):
        return tracing.views.same_view(a.view, b.view)
    if isinstance(a, Phantom) or isinstance(b, Phantom):
        return False
    if isinstance(a, Dim) or isinstance(b, Dim):
        integers = all(isinstance(v, (int, Dim)) and not isinstance(v, bool) for v in (a, b))
        return integers and tracing.solver.equal(a, b)
    if isinstance(a, Literal) and isinstance(b, Literal):
        return a == b
    if type(a) is not type(b):
        return False
    if isinstance(a, tuple):
        return len(a) == len(b) and all(same_value(tracing, x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, Choice):
        parts = zip((a.which, *a.options), (b.which, *b.options), strict=False)
        return len(a.options) == len(b.options) and all(same_value(tracing, x, y) for x, y in parts)
    if isinstance(a, BoundMethod):
        return same_value(tracing, a.function, b.function) and same_value(tracing, a.owner, b.owner)
    if isinstance(a, Closure):
        return a.node is b.node and a.frame is b.frame and not a.defaults and a.function is b.function
    if isinstance(a, (float, complex, np.generic)):
        return repr(a) == repr(b)
    if isinstance(a, (int, str, bytes, range, np.dtype)):
        return bool(a == b)
    return False
