"""An `if` on data: both sides are interpreted in regions of their own and their effects joined.

In: a boolean operand and the two sides as thunks. Out: an `if` equation and the joined state. A side that raises
becomes a check before the other side, which then stands in line.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gradscribe.transpiler.errors import GradscribeError, IndexRangeError
from gradscribe.transpiler.frontend.joins import Join
from gradscribe.transpiler.frontend.python_errors import PythonError, Raised, raised_by
from gradscribe.transpiler.frontend.store import Entry, World
from gradscribe.transpiler.frontend.templates import template_of
from gradscribe.transpiler.frontend.tracing import Tracing
from gradscribe.transpiler.frontend.values import (
    FORM,
    LENGTH,
    STALE,
    VALUE,
    Box,
    Cell,
    List,
    NeedStatic,
    Outgrown,
    Poison,
    Room,
)
from gradscribe.transpiler.ir.builder import Block, append_eqn, at_span, current_span, emit, open_block, resume_block
from gradscribe.transpiler.ir.dims import Dim, next_serial
from gradscribe.transpiler.ir.nodes import Effect, Eqn, Literal, Operand, Region
from gradscribe.transpiler.ir.walk import inner_eqns
from gradscribe.transpiler.passes.dead_code import prune_region
from gradscribe.transpiler.primitives.primitive import PRIMITIVES
from gradscribe.transpiler.primitives.regions import if_

_PASSES = 14
Thunk = Callable[[], Any]
Live = Callable[[Cell, Any], bool]


class UnknownResult(BaseException):
    """What a recursive call returns is not known yet: what needs it is left out of the first interpretation."""


@dataclass(frozen=True, eq=False)
class Side:
    block: Block
    result: Any
    world: World
    changed: dict[tuple[Cell, Any], Any]
    marks: dict[tuple[Cell, Any], Any]
    forward: list[Entry]


def everything_lives(cell: Cell, key: Any) -> bool:
    return True


def check_fails(tracing: Tracing, condition: Any, raised: Raised) -> None:
    """Emit a check that raises unless `condition`."""
    values: list[Operand] = []
    message = template_of(raised.message, values, first=1)
    with at_span(raised.span or current_span()):
        emit(PRIMITIVES["check"], (condition, *values), {"message": message, "error": raised.error})


def growing(tracing: Tracing, interpret: Callable[[int], Any], loop: bool = False) -> Any:
    """Interpret a region, given its birth; again with lists in buffers where it outgrows them."""
    start = tracing.store.here()
    forms: dict[List, tuple[Any, bool]] = {}
    for _ in range(_PASSES):
        birth = next_serial()
        tracing.growers[birth] = loop
        try:
            return interpret(birth)
        except Outgrown as outgrown:
            if outgrown.birth != birth:
                raise
            doubling = outgrown.doubling or forms.get(outgrown.cell, (None, False))[1]
            forms[outgrown.cell] = (outgrown.form, doubling)
        finally:
            del tracing.growers[birth]
        tracing.store.undo(start)
        for cell, (form, doubling) in forms.items():
            tracing.into_buffers(cell, form, doubling)
    raise GradscribeError(current_span(), "the lists that grow here do not settle", "append items of one type")


def branch(tracing: Tracing, predicate: Operand, then: Thunk, otherwise: Thunk, live: Live = everything_lives) -> Any:
    """Run both thunks, each in a region; emit the `if`; return the joined result."""
    return growing(tracing, lambda birth: _branch(tracing, birth, predicate, then, otherwise, live))


def _branch(
    tracing: Tracing, birth: int, predicate: Operand, then: Thunk, otherwise: Thunk, live: Live = everything_lives
) -> Any:
    sides: list[Side] = []
    for k, thunk in enumerate((then, otherwise)):
        try:
            side = _run_side(tracing, birth, thunk, predicate, not k)
        except UnknownResult:  # a first look at a function that calls itself: what the other side returns
            return then() if k else otherwise()
        if isinstance(side.result, Raised):
            return _one_side_raises(tracing, predicate, side, then, otherwise, raising_first=not sides)
        sides.append(side)
    join = Join(tracing, birth, [s.world for s in sides], current_span(), loop=False)
    boxes: dict[Box, int] = {}
    slots: dict[tuple[Cell, Any], None] = {}
    for side in sides:
        for cell, key in side.changed:
            if cell.serial < birth:
                slots.setdefault((cell, key))
    plans = []
    dead = []
    rooms = []
    for cell, key in slots:
        if isinstance(cell, Box):
            boxes[cell] = -1
        elif isinstance(cell, Room):
            rooms.append((cell, key, _larger(tracing, [s.world.slot(cell, key) for s in sides])))
        elif live(cell, key):
            if isinstance(cell, List):
                _require_one_length(tracing, cell, sides)
            plans.append((cell, key, join.plan([s.world.slot(cell, key) for s in sides], (cell.serial, key))))
        else:
            dead.append((cell, key))
    result = join.plan([s.result for s in sides], ("result",))
    for box in boxes:
        boxes[box] = join.box_leaf(box)
    vars = _emit_if(tracing, predicate, sides, join)
    store = tracing.store
    join.make_cells(vars)
    for box, leaf in boxes.items():
        store.set(box, VALUE, vars[leaf])
    for cell, key, plan in plans:
        store.set(cell, key, join.build(plan, vars))
        if isinstance(cell, List) and key == LENGTH and plan.leaf >= 0:
            vars[plan.leaf].lower = Dim.of(0)
    for cell, key, room in rooms:
        store.set(cell, key, room)
    for cell, key in dead:
        store.set(cell, key, Poison("is not kept past this point"))
    _join_marks(tracing, join, sides, birth)
    return join.build(result, vars)


def _require_one_length(tracing: Tracing, cell: List, sides: list[Side]) -> None:
    """A list that a side changes must have one length after both, or it is put into buffers before the branch."""
    slots = [side.world.slots(cell) for side in sides]
    if slots[0].keys() != slots[1].keys():
        if any(FORM in s for s in slots):
            raise NeedStatic("a list changes its length under control flow that data decides", (), current_span())
        tracing.outgrow(cell, [item for s in slots for item in s.values()])


def _larger(tracing: Tracing, rooms: list[Dim]) -> Dim:
    """The larger of two bounds."""
    first, second = rooms
    surplus = tracing.solver.normalize(second - first)
    if tracing.solver.proved(-surplus):
        return first
    return second if tracing.solver.proved(surplus) else first + surplus.positive()


def _run_side(tracing: Tracing, birth: int, thunk: Thunk, predicate: Operand, holds: bool) -> Side:
    store = tracing.store
    start = store.here()
    tracing.births.append(birth)
    try:
        with open_block() as block, tracing.solver.region(), tracing.facts.region():
            tracing.facts.learn(predicate, holds)
            result = surely_raised(thunk)
            tracing.settle_capacities(birth)
    except BaseException as error:
        error.under_data = True  # type: ignore[attr-defined]  # no handler outside this side catches it
        store.undo(start)
        raise
    finally:
        tracing.births.pop()
    world, changed, marks = store.world_since(start), store.changed(start), store.changed_marks(start)
    return Side(block, result, world, changed, marks, store.undo(start))


def surely_raised(thunk: Thunk) -> Any:
    """What the thunk answers; `Raised` where it looks for an item that is not there: under data, that is so only when
    it runs, and as far as is known yet (a list may grow later in a loop)."""
    try:
        return thunk()
    except (PythonError, IndexRangeError) as error:
        raised = raised_by(error)
        if not issubclass(raised.error, LookupError):
            raise
        return raised


def _one_side_raises(
    tracing: Tracing, predicate: Operand, side: Side, then: Thunk, otherwise: Thunk, raising_first: bool
) -> Any:
    """`if c: raise E` is a check of `not c`; what follows needs no branch. What the side does before it raises, and
    what its message is made of, stays inside a branch."""
    raised: Raised = side.result
    with resume_block(side.block):
        check_fails(tracing, Literal(False), raised)
    failing = prune_region(Region((), tuple(side.block.eqns), ()))
    if len(failing.eqns) == 1:
        fine = PRIMITIVES["logical_not"](predicate) if raising_first else predicate
        check_fails(tracing, fine, raised)
    else:
        regions = (failing, Region((), (), ()))
        append_eqn(Eqn(if_, (predicate,), (), {}, regions if raising_first else regions[::-1], current_span()))
    tracing.facts.learn(predicate, not raising_first)
    return otherwise() if raising_first else then()


def _emit_if(tracing: Tracing, predicate: Operand, sides: list[Side], join: Join) -> list[Any]:
    store = tracing.store
    regions = []
    for w, side in enumerate(sides):
        start = store.here()
        store.redo(side.forward)
        with resume_block(side.block):
            results = join.operands(w)
        store.undo(start)
        regions.append(Region((), tuple(side.block.eqns), tuple(results)))
    vars = join.fresh_vars()
    if vars or any(e.operation.effect is not Effect.PURE for r in regions for e in inner_eqns(r)):
        append_eqn(Eqn(if_, (predicate,), tuple(vars), {}, tuple(regions), current_span()))
    return vars


def _join_marks(tracing: Tracing, join: Join, sides: list[Side], birth: int) -> None:
    store = tracing.store
    for side in sides:
        for (cell, key), reason in side.marks.items():
            if cell.serial >= birth:
                continue
            if key is STALE:
                if STALE not in cell.marks:
                    store.mark(cell, STALE, reason)
            elif key.serial < birth:
                store.may_overlap(cell, key, reason)
    for a, b in join.overlaps():
        store.may_overlap(a, b, join.where)
    for w, side in enumerate(sides):
        for merged in join.merged:
            base = merged.cell_in(w)
            stale = None if base is None else side.world.stale(base)
            if stale is not None:
                store.mark(merged.cell, STALE, stale)
