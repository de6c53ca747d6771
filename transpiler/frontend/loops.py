"""Loops: the state they carry is found by interpreting the body to a fixpoint.

In: the range or condition, and the body as a thunk that answers how it was left. Out: one `loop` equation and the
state after it. The head of a pass is a join of the entry and of the back edge of the pass before; when the back edge
asks for the very head that the pass assumed, the pass is the loop. Assumes names that are dead at the head hold
`Poison`. Establishes: carried boxes keep their identity over passes, by where they are found; a loop remembers what
it carried, so that nested loops are not interpreted 2^depth times.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from gradscribe.transpiler.errors import GradscribeError, Span, Steering
from gradscribe.transpiler.frontend.branches import Live, UnknownResult, check_fails, growing, surely_raised
from gradscribe.transpiler.frontend.joins import Join, Plan
from gradscribe.transpiler.frontend.liveness import BREAK, CONTINUE
from gradscribe.transpiler.frontend.python_errors import Raised
from gradscribe.transpiler.frontend.store import World
from gradscribe.transpiler.frontend.tracing import Tracing
from gradscribe.transpiler.frontend.values import (
    FORM,
    ITEMS,
    LENGTH,
    MISSING,
    ROOM,
    STALE,
    VALUE,
    Box,
    Cell,
    Form,
    List,
    NeedStatic,
    Phantom,
    Room,
    is_number,
    simplest,
)
from gradscribe.transpiler.ir.builder import append_eqn, current_span, open_block
from gradscribe.transpiler.ir.dims import Atom, Dim, next_serial
from gradscribe.transpiler.ir.nodes import Eqn, Literal, Operand, Region, Var
from gradscribe.transpiler.ir.types import INT64, ArrayType
from gradscribe.transpiler.primitives.regions import index_var, loop

PASSES = 14
SHORT = 8  # trips of a loop that is unrolled where lists grow in it, so that their lengths stay static
Group = tuple[Any, ...]


class Unbounded(NeedStatic):
    """A loop makes a list longer, and only data decides how far."""

    def __init__(self, cell: List, form: Form, span: Span | None) -> None:
        hint = "write into a long enough array made before, and count"
        super().__init__("a list grows in this loop, and only data decides how far", (), span, hint)
        self.cell, self.form = cell, form


class ConditionWrites(Steering):
    """The condition of a `while` changes state: it must be part of the body."""


@dataclass(frozen=True)
class Counted:
    """lo .. hi - 1, upwards or downwards."""

    lo: Dim
    hi: Dim
    direction: int
    hint: str
    snapshots: Dim | None = None


@dataclass(frozen=True)
class Conditional:
    """Go on while the thunk says so (a bool or a boolean operand)."""

    condition: Callable[[], Any]
    snapshots: Dim | None = None


@dataclass(eq=False)
class Head:
    """What one pass assumes of the state at the head."""

    join: Join
    slots: dict[tuple[Cell, Any], Plan] = field(default_factory=dict)
    boxes: dict[Box, int] = field(default_factory=dict)
    overlaps: dict[tuple[Any, Any], Any] = field(default_factory=dict)  # between groups and older cells
    stale: dict[Any, Any] = field(default_factory=dict)
    back: Head | None = None  # overlaps and staleness of the back edge alone: what holds after a loop that surely runs

    def signature(self) -> tuple[Any, ...]:
        keys = tuple((cell.serial, key) for cell, key in self.slots)
        plans = self.join.signature(list(self.slots.values()))
        written = tuple(box.serial for box in self.boxes)
        return (keys, plans, written, frozenset(self.overlaps), frozenset(self.stale))


class LoopTrace:
    """One loop under interpretation."""

    def __init__(
        self, tracing: Tracing, kind: Counted | Conditional, live: Live, memory: LoopMemory, mixed: bool = False
    ) -> None:
        self.mixed = mixed  # may values at the head be of several kinds? Else the first iteration is tried in front
        self.tracing = tracing
        self.kind = kind
        self.live = live
        self.memory = memory
        self.store = tracing.store
        self.where = current_span()
        self.birth = next_serial()
        self.start = self.store.here()
        self.cells: dict[Group, Cell] = {}
        self.groups: dict[Cell, Group] = {}
        self.index: Any = None
        self.at_head: dict[tuple[Cell, Any], Any] = {}  # lengths of lists and the room for them

    # ---- heads ----
    def first_head(self) -> Head:
        head = Head(Join(self.tracing, self.birth, (World(), World()), self.where, True, self.mixed))
        for (cell, key), type in self.memory.numbers(self.tracing):
            entry = cell.slots.get(key, MISSING)
            if is_number(entry):
                head.slots[cell, key] = head.join.plan([entry, Phantom(type)], (cell.serial, key))
        for box in self.memory.boxes:
            head.boxes[box] = head.join.box_leaf(box)
        return head

    def next_head(self, head: Head, exits: bool) -> Head:
        """The head that the state at the back edge asks for; called there."""
        entry = self.store.world_at(self.start)
        changed = self.store.changed(self.start)
        new = Head(Join(self.tracing, self.birth, (entry, World()), self.where, True, self.mixed))
        keys = dict.fromkeys(head.slots)
        boxes = dict.fromkeys(head.boxes)
        for cell, key in changed:
            if cell.serial >= self.birth:
                continue
            if isinstance(cell, Box):
                boxes.setdefault(cell)
            elif self.live(cell, key):
                if isinstance(cell, List) and (entry.slot(cell, key) is MISSING) != (key not in cell.slots):
                    self._outgrown(cell, entry)
                keys.setdefault((cell, key))
        for cell, key in in_order_of_birth(keys):
            values = [entry.slot(cell, key), cell.slots.get(key, MISSING)]
            counted = isinstance(cell, Room) or (isinstance(cell, List) and key == LENGTH)
            plan = self._counted_up(head, cell, key, values, exits) if counted else None
            if plan is not None and isinstance(cell, Room):
                self._require_room(cell, plan)
            new.slots[cell, key] = plan or new.join.plan(values, (cell.serial, key))
        for box in sorted(boxes, key=lambda box: box.serial):
            new.boxes[box] = new.join.box_leaf(box)
        new.back = Head(new.join)
        self._aliases(new, (0, 1))
        self._aliases(new.back, (1,))
        return new

    # ---- lists that grow ----
    def _outgrown(self, cell: List, entry: World) -> None:
        """Put the list into buffers before the loop, or unroll a short one."""
        before = entry.slots(cell)
        own = next((b for b in self.tracing.growers if b > cell.serial), None) == self.birth
        if (own and self._trips_at_most(SHORT)) or cell.grows or ITEMS in before:
            raise NeedStatic("a list changes its length in every iteration", (), self.where)
        self.tracing.outgrow(cell, list(before.values()))

    def _trips_at_most(self, count: int) -> bool:
        trips = (self.kind.hi - self.kind.lo).constant if isinstance(self.kind, Counted) else None
        return trips is not None and trips <= count

    def _counted_up(self, head: Head, cell: Cell, key: Any, values: list[Any], exits: bool) -> Plan | None:
        """The length of a list that grows by as many items in every iteration follows from the index; so does the room
        that is enough for it. None: the length is a number like others."""
        known = head.slots.get((cell, key))
        if known is not None and known.kind != "counted":
            return None
        solver, before = self.tracing.solver, self.at_head.get((cell, key), values[0])
        step = solver.normalize(Dim.of(values[1]) - Dim.of(before))
        linear = self._linear_step(step)
        if known is not None and linear == known.value[1:]:
            return known
        if key == LENGTH:
            if linear is None or exits or known is not None:
                return None
        elif linear is None or known is not None:
            bound = self._at_most(step)
            if bound is not None and known is not None and not known.value[2] and solver.proved(known.value[1] - bound):
                return known
            linear = None if bound is None else (bound, 0)
            if linear is None or not (bound == 0 or isinstance(self.kind, Counted)):
                found = self.tracing.list_with_room(cell) if isinstance(cell, Room) else None
                assert found is not None
                raise Unbounded(found[1], found[1].slots[FORM], self.where)
        return Plan("counted", (Dim.of(values[0]), *linear))

    def _require_room(self, cell: Room, plan: Plan) -> None:
        """The room for a list must be known where its buffers are made. A loop around this one may still bound it."""
        found = self.tracing.list_with_room(cell)
        if found is None or not isinstance(self.kind, Counted):
            return
        capacity, owner = found
        _, step, slope = plan.value
        around = any(loop for birth, loop in self.tracing.growers.items() if capacity.serial < birth < self.birth)
        if (step == 0 and slope == 0) or around:
            return
        trips = self.tracing.solver.normalize(self.kind.hi - self.kind.lo)
        if not all(self.tracing.visible(known, capacity.serial) for known in (trips, step)):
            raise Unbounded(owner, owner.slots[FORM], self.where)

    def _linear_step(self, step: Dim) -> tuple[Dim, int] | None:
        """(b, a) of a step that is b + a t in iteration t, with b known before the loop."""
        if not isinstance(self.kind, Counted):
            return (step, 0) if step == 0 else None
        slope = step.coefficient(self.index)
        first = self.kind.lo if self.kind.direction > 0 else self.kind.hi - 1
        start = self.tracing.solver.normalize(step - slope * (Dim.of(self.index) - first))
        return (start, slope * self.kind.direction) if self.tracing.visible(start, self.birth) else None

    def _at_most(self, dim: Dim) -> Dim | None:
        """A bound of dim that means something before the loop."""
        for _ in range(20):
            young = [a for a in dim.atoms() if not self.tracing.visible(Dim.of(a), self.birth)]
            if not young:
                return dim
            atom = max(young, key=lambda a: getattr(a, "serial", -1))
            linear = all(m.count(atom) == 1 and c > 0 for m, c in dim.terms.items() if atom in m)
            if not isinstance(atom, Var) or atom.upper is None or not linear:
                return None
            ends: dict[Atom, Dim] = {atom: atom.upper}
            dim = self.tracing.solver.normalize(dim.substitute(lambda a, ends=ends: ends.get(a)))  # type: ignore[misc]
        return None

    def _counted(self, plan: Plan, iteration: Dim) -> Any:
        first, step, slope = plan.value
        return self.tracing.solver.normalize(first + step * iteration + iteration * (iteration - 1) * slope // 2)

    def _aliases(self, head: Head, worlds: tuple[int, ...]) -> None:
        """Overlaps and staleness: what holds in one of the worlds, that of the entry (0) or of the back edge (1)."""
        old = lambda cell: cell.serial < self.birth
        for (cell, key), reason in self.store.changed_marks(self.start).items():
            if not old(cell):
                continue
            if key is STALE:
                head.stale.setdefault(cell, reason)
            elif old(key):
                head.overlaps.setdefault((cell, key), reason)
        for w in worlds:
            world = head.join.worlds[w]
            for a in head.join.merged:
                base = a.cell_in(w)
                if base is None:
                    continue
                related = world.related(base)
                for other in related:
                    if old(other):
                        head.overlaps.setdefault((a.group(), other), self.where)
                for b in head.join.merged:
                    if b is not a and b.cell_in(w) in related:
                        head.overlaps.setdefault((a.group(), b.group()), self.where)
                stale = world.stale(base)
                if stale is not None:
                    head.stale.setdefault(a.group(), stale)

    def establish(self, head: Head, vars: list[Any], iteration: Dim) -> None:
        """Put the state of the head in place, with these values for its leaves."""
        self._put_state(head, vars, iteration)
        self._establish_aliases(head)

    def _put_state(self, head: Head, vars: list[Any], iteration: Dim) -> None:
        head.join.make_cells(vars, reuse=lambda merged: self.cells.get(merged.group()))
        for merged in head.join.merged:
            self.cells[merged.group()] = merged.cell
        for box, leaf in head.boxes.items():
            self.store.set(box, VALUE, vars[leaf])
        for (cell, key), plan in head.slots.items():
            if plan.kind == "counted":
                value = self._counted(plan, iteration)
                self.store.set(cell, key, value if key == ROOM else simplest(value))
                continue
            if isinstance(cell, List) and key == LENGTH and plan.leaf >= 0:
                vars[plan.leaf].lower = Dim.of(0)
            self.store.set(cell, key, head.join.build(plan, vars))

    def _establish_aliases(self, head: Head) -> None:
        cell_of = lambda item: item if isinstance(item, Cell) else self.cells[item]
        for (a, b), reason in head.overlaps.items():
            self.store.may_overlap(cell_of(a), cell_of(b), reason)
        for item, reason in head.stale.items():
            self.store.mark(cell_of(item), STALE, reason)

    # ---- passes ----
    def run(self, body: Callable[[Any], Any]) -> Any:
        """Interpret to the fixpoint and emit; the answer is how the loop was left: 0, or a code that may be data."""
        return growing(self.tracing, functools.partial(self._run, body), loop=True)

    def _run(self, body: Callable[[Any], Any], birth: int) -> Any:
        self.birth, self.start, self.cells = birth, self.store.here(), {}
        self.at_head = {}
        head = self.first_head()
        seeded = bool(head.slots or head.boxes)
        for _ in range(PASSES):
            self.tracing.births.append(self.birth)
            try:
                outcome = self._pass(head, body)
            except UnknownResult:
                if not self.tracing.skip_unknown_loops:
                    raise
                outcome = None
            except Exception as error:
                if not (seeded and isinstance(error, GradscribeError)):
                    error.under_data = True  # type: ignore[attr-defined]  # no handler outside this loop catches it
                    raise
                # What is remembered of another run may be data where the names that go with it are not assigned yet.
                self.memory.forget()
                outcome = Head(Join(self.tracing, self.birth, (World(), World()), self.where, True, self.mixed))
            finally:
                self.tracing.births.pop()
                self.store.undo(self.start)
            seeded = False
            if outcome is None:
                return 0
            if isinstance(outcome, Head):
                head = outcome
                continue
            return self._emit(*outcome)
        raise GradscribeError(
            self.where, "the state of this loop does not settle", "keep one type per variable in the loop"
        )

    def _pass(self, head: Head, body: Callable[[Any], Any]) -> Any:
        """None: the loop never runs. A `Head`: try again with that. Else (head, regions, exits)."""
        regions = []
        if isinstance(self.kind, Conditional):
            region = self._condition(head, self.kind)
            if region is None:
                return None
            regions.append(region)
        params = head.join.fresh_vars()
        index: list[Var] = []
        iteration = Dim.of(0)
        if isinstance(self.kind, Counted):
            index = [self.tracing.solver.bound(index_var(self.kind.lo, self.kind.hi, self.kind.hint))]
            self.index = index[0]
            if (self.kind.hi - self.kind.lo).constant is not None:
                self.tracing.unrollable.add(index[0])
            place = Dim.of(index[0])
            iteration = place - self.kind.lo if self.kind.direction > 0 else self.kind.hi - 1 - place
        self.establish(head, params, iteration)
        self.at_head = {slot: slot[0].slots[slot[1]] for slot, plan in head.slots.items() if plan.kind == "counted"}
        with open_block() as block, self.tracing.solver.region(), self.tracing.facts.region():
            code = surely_raised(lambda: body(Dim.of(index[0]) if index else None))
            if isinstance(code, Raised):
                check_fails(self.tracing, Literal(False), code)
                code = BREAK
            exits = not (isinstance(code, int) and code in (0, CONTINUE))
            new = self.next_head(head, exits)
            if new.signature() != head.signature():
                return new
            results: list[Operand] = [self.tracing.operand(code)] if exits else []
            self.tracing.settle_capacities(self.birth)
            results += new.join.operands(1)
        regions.append(Region((*index, *params), tuple(block.eqns), tuple(results)))
        return new, regions, exits

    def _condition(self, head: Head, kind: Conditional) -> Region | None:
        """The condition has parameters of its own; it must not change anything."""
        params = head.join.fresh_vars()
        self.establish(head, params, Dim.of(0))
        here = self.store.here()
        young = next_serial()
        with open_block() as block, self.tracing.solver.region(), self.tracing.facts.region():
            value = kind.condition()
            if value is False:
                return None
            result = self.tracing.operand(value)
        if any(cell.serial < young for cell, _ in self.store.changed(here)):
            raise ConditionWrites
        self.store.undo(self.start)
        return Region(tuple(params), tuple(block.eqns), (result,))

    def _emit(self, head: Head, regions: list[Region], exits: bool) -> Any:
        inits = head.join.operands(0)
        results = head.join.fresh_vars()
        code = [Var(ArrayType(INT64, (), True), "code", Dim.of(0), Dim.of(255))] if exits else []
        counted = isinstance(self.kind, Counted)
        params = {
            "lo": self.kind.lo if isinstance(self.kind, Counted) else None,
            "hi": self.kind.hi if isinstance(self.kind, Counted) else None,
            "direction": self.kind.direction if isinstance(self.kind, Counted) else 1,
            "exits": exits,
        }
        if self.kind.snapshots is not None:
            params["snapshots"] = self.kind.snapshots
        assert len(regions) == (1 if counted else 2)
        append_eqn(Eqn(loop, tuple(inits), (*code, *results), params, tuple(regions), self.where))
        trips = self.kind.hi - self.kind.lo if isinstance(self.kind, Counted) else Dim.of(0)
        if any(plan.kind == "counted" for plan in head.slots.values()):  # only they ask whether the loop runs
            trips = self.tracing.solver.clamped(trips)
        self._put_state(head, results, trips)
        counted_in = isinstance(self.kind, Counted) and self.tracing.solver.proved(self.kind.hi - self.kind.lo - 1)
        self._establish_aliases(head.back if counted_in and head.back is not None else head)
        self.memory.remember(self.tracing, head)
        return Dim.of(code[0]) if exits else 0


def in_order_of_birth(slots: Iterable[tuple[Cell, Any]]) -> list[tuple[Cell, Any]]:
    """Slots by the order in which their names were first assigned (as emitted text initialises them)."""
    places = {(cell, key): (cell.serial, k) for cell in {c: None for c, _ in slots} for k, key in enumerate(cell.slots)}
    return sorted(slots, key=lambda slot: places.get(slot, (slot[0].serial, len(slot[0].slots))))


class LoopMemory:
    """What a loop carried when it was last interpreted: numbers of frames, and boxes that no open region may undo."""

    def __init__(self) -> None:
        self.types: dict[tuple[int, Any], ArrayType] = {}
        self.boxes: list[Box] = []
        self.frames: list[Cell] = []

    def enter(self, frames: list[Cell]) -> LoopMemory:
        self.frames = list(frames)
        return self

    def numbers(self, tracing: Tracing) -> list[tuple[tuple[Cell, Any], ArrayType]]:
        found = []
        for (depth, key), type in self.types.items():
            if depth < len(self.frames):
                found.append(((self.frames[depth], key), type))
        return found

    def forget(self) -> None:
        self.types, self.boxes = {}, []

    def remember(self, tracing: Tracing, head: Head) -> None:
        position = {frame: k for k, frame in enumerate(self.frames)}
        self.types = {}
        for (cell, key), plan in head.slots.items():
            if plan.kind == "number" and cell in position:
                self.types[position[cell], key] = head.join.leaves[plan.leaf].type
        oldest = tracing.births[0] if tracing.births else next_serial()
        self.boxes = [box for box in head.boxes if box.serial < oldest]
