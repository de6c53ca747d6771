"""Loops as statements: rolled where possible, their first iteration in front where kinds of values change in it,
unrolled where the body needs Python values; and what comes after a loop.

In: a `for` or `while` node and a frame. Out: a completion code. A loop whose trip count is data and that must be
unrolled raises `NeedStatic` with the unknowns of the trip count, so that they become static and the program is staged
again.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import gast

from gradscribe.transpiler.errors import Steering
from gradscribe.transpiler.frontend.branches import Live, branch
from gradscribe.transpiler.frontend.liveness import BREAK, CONTINUE, LEFT, RETURN_CODE, exits, liveness_of
from gradscribe.transpiler.frontend.loops import Conditional, ConditionWrites, LoopMemory, LoopTrace, Unbounded
from gradscribe.transpiler.frontend.patterns import Patterns
from gradscribe.transpiler.frontend.python_errors import Raised
from gradscribe.transpiler.frontend.values import (
    RETURN,
    Cell,
    Frame,
    Generator,
    Maybe,
    NeedPeel,
    NeedStatic,
    Poison,
    Sequence,
    simplest,
)
from gradscribe.transpiler.ir.builder import current_block, current_span, open_block
from gradscribe.transpiler.ir.dims import Dim
from gradscribe.transpiler.ir.nodes import Var
from gradscribe.transpiler.library.checkpointed_loops import checkpointed
from gradscribe.transpiler.primitives.primitive import PRIMITIVES

UNROLL_LIMIT = 1000  # iterations that one loop may be unrolled into
NESTING_LIMIT = 64  # of these, how many may be left by data: each such is one more branch around the others
ROLLED, PEELED, MIXED = range(3)  # ways to interpret a loop: as it stands, after its first iteration, of several kinds
_EXHAUSTED = 12  # code inside a `while` whose test stands in its body: the test failed
_DEAD = Poison("is not kept past this point")


class PeelingFailed(Steering):
    """With its first iteration in front, a loop still has values of several kinds at its head."""


class Loops(Patterns):
    """`for` and `while`."""

    def _left(self, frame: Frame, code: Any, only: int | None) -> Any:
        """In the world where a block was left: a returned value is there."""
        if only == RETURN_CODE and isinstance(frame.slots.get(RETURN), Maybe):
            self.store.set(frame, RETURN, frame.slots[RETURN].value)
        return code if only in (None, LEFT) else only

    # ---- liveness ----
    def _live(self, frame: Frame, names: frozenset[str]) -> Live:

        def lives(cell: Cell, key: Any) -> bool:
            if key == RETURN or not isinstance(cell, Frame):
                return True
            return key in names if cell is frame else cell.lives(key)

        return lives

    def _end_live(self, s: Any, frame: Frame) -> Live:
        """What lives at the end of the block that `s` stands in: an over-estimate where it is not recorded."""
        names = liveness_of(frame.closure.node).end.get(id(s))
        return (lambda cell, key: True) if names is None else self._live(frame, names)

    def _plain_code(self, code: Any) -> Any:
        return simplest(Dim.of(code)) if isinstance(code, (Var, Dim)) else int(code) if isinstance(code, bool) else code

    def _loop_body(self, s: Any, frame: Frame) -> Any:
        """The body; `continue` is no code of the loop."""
        code = self.run_block(s.body, frame)
        if isinstance(code, (int, Raised)):
            return 0 if code == CONTINUE else code
        leaves = exits(s.body)
        if CONTINUE not in leaves:
            return code
        if leaves == {CONTINUE}:
            return 0
        data = self.operand(code)
        return Dim.of(PRIMITIVES["select"](PRIMITIVES["equal"](data, CONTINUE), 0, data))

    def _after_loop(self, s: Any, frame: Frame, code: Any) -> Any:
        """`code` is 0 (ran to its end), BREAK, RETURN_CODE, or data; `else:` runs after 0."""
        if isinstance(code, Raised):
            return code
        if isinstance(code, int):
            return self.run_block(s.orelse, frame) if code == 0 else 0 if code == BREAK else code
        leaves = exits(s.body) - {CONTINUE}

        def left() -> Any:
            if leaves <= {BREAK}:
                return 0
            if BREAK not in leaves:
                return self._left(frame, code, None)
            data = self.operand(code)
            return Dim.of(PRIMITIVES["select"](PRIMITIVES["equal"](data, BREAK), 0, data))

        if not s.orelse:
            return left()
        ran_out = self.operand(self.binary("Eq", code, 0))
        return self._plain_code(branch(self, ran_out, lambda: self.run_block(s.orelse, frame), left))

    def _kill_dead(self, s: Any, frame: Frame) -> Live:
        """Names that the loop assigns and nobody reads at its head or after it hold no value there."""
        names = liveness_of(frame.closure.node).head[id(s)]
        for node in gast.walk(s):
            if isinstance(node, gast.Name) and isinstance(node.ctx, gast.Store) and node.id not in names:
                if node.id in frame.slots:
                    self.store.set(frame, node.id, _DEAD)
        return self._live(frame, names)

    def _head_live(self, s: Any, frame: Frame) -> Live:
        """What is read at the head of the loop or after it."""
        return self._live(frame, liveness_of(frame.closure.node).head[id(s)])

    def _memory(self, s: Any) -> LoopMemory:
        key = (id(s), tuple(id(f.closure.node) for f in self.frames))
        return self.memories.setdefault(key, LoopMemory()).enter(list(self.frames))

    def run_For(self, s: Any, frame: Frame) -> Any:
        return self._plain_code(self.each_present(self.evaluate(s.iter, frame), lambda v: self._for_over(s, v, frame)))

    def _for_over(self, s: Any, value: Any, frame: Frame) -> Any:
        iterable = self.iterable(value)
        if isinstance(iterable, Generator):
            return self._after_loop(s, frame, self.consume(s, iterable, frame))
        code = self._for_code(s, iterable, frame, ROLLED)
        if not isinstance(code, int) or code == 0:
            iterable.check_length()
        return self._after_loop(s, frame, code)

    def iterable(self, value: Any) -> Sequence | Generator:
        raise NotImplementedError

    def consume(self, s: Any, generator: Generator, frame: Frame) -> Any:
        raise NotImplementedError

    def _for_code(self, s: Any, items: Sequence, frame: Frame, way: int) -> Any:
        """Rolled if it can be; else with its first iteration in front; else with values of several kinds at its head;
        else unrolled."""
        reason: NeedStatic | None = None
        if not items.static and not (isinstance(items.length, int) and items.length <= 1):
            start, depth = self.store.here(), len(self.frames)
            try:
                return self._rolled_for(s, items, frame, way == MIXED)
            except NeedStatic as error:
                if isinstance(error, NeedPeel) and error.loop in self.births:
                    raise  # an outer loop's
                reason = error
                self.store.undo(start)
                del self.frames[depth:]
                if isinstance(error, Unbounded):
                    self.doubling(error)
                    return self._for_code(s, items, frame, way)
                if isinstance(error, NeedPeel) and way != MIXED:
                    if way == PEELED:
                        raise PeelingFailed from None
                    peeled = lambda: self._peeled_for(s, items, frame)
                    return self._peeled_or_mixed(peeled, lambda: self._for_code(s, items, frame, MIXED))
        return self._unrolled_for(s, items, frame, reason)

    def _peeled_or_mixed(self, peeled: Callable[[], Any], mixed: Callable[[], Any]) -> Any:
        """A loop with its first iteration in front, if that gives the values at its head one kind."""
        start, depth = self.store.here(), len(self.frames)
        try:
            with open_block() as block, self.facts.region():
                code = peeled()
        except PeelingFailed:
            self._give_up(start, depth)
            return mixed()
        current_block().take(block)
        return code

    def _give_up(self, start: int, depth: int) -> None:
        """Back to where an attempt began; what its loops remember is of values that are gone."""
        self.store.undo(start)
        del self.frames[depth:]
        for memory in self.memories.values():
            memory.forget()

    def _peeled_for(self, s: Any, items: Sequence, frame: Frame) -> Any:
        length = Dim.of(items.length)
        runs = self.solver.nonnegative(length - 1)
        if runs is False:
            return 0
        if runs is None:
            raise PeelingFailed
        shifted = None
        if items.range is not None:
            lo, hi, step = items.range
            shifted = (lo + step, hi, step)
        item = lambda k: items.item(simplest(Dim.of(k) + 1))
        rest = Sequence(simplest(length - 1), item, False, shifted, items.check_length, items.snapshots)
        return self._first_then(s, frame, lambda: items.item(0), lambda: self._for_code(s, rest, frame, PEELED))

    def _unless_left(self, code: Any, others: Callable[[], Any], live: Live) -> Any:
        """The other iterations, where data decides whether this one left the loop."""
        stays = self.operand(self.binary("Eq", code, 0))
        return self._plain_code(branch(self, stays, others, lambda: code, live))

    def _first_then(self, s: Any, frame: Frame, first: Callable[[], Any] | None, others: Callable[[], Any]) -> Any:
        """One iteration, and the others unless it leaves the loop."""
        if first is not None:
            self.assign(s.target, first(), frame)
        code = self._loop_body(s, frame)
        if isinstance(code, Raised) or (isinstance(code, int) and code):
            return code
        if isinstance(code, int):
            return others()
        return self._unless_left(code, others, self._head_live(s, frame))

    def _rolled_for(self, s: Any, items: Sequence, frame: Frame, mixed: bool) -> Any:
        live = self._kill_dead(s, frame)
        hint = s.target.id if isinstance(s.target, gast.Name) else "k"
        kind, item = self.counted(items, hint, _index_hint(s))

        def body(index: Any) -> Any:
            self.assign(s.target, item(index), frame)
            return self._loop_body(s, frame)

        return LoopTrace(self, kind, live, self._memory(s), mixed).run(body)

    def _unrolled_for(self, s: Any, items: Sequence, frame: Frame, reason: NeedStatic | None) -> Any:
        length = simplest(self.solver.normalize(Dim.of(items.length)))
        if items.snapshots is not None and length not in (0, 1):
            why = "its items are Python objects" if reason is None else reason.why
            self.refuse(f"a loop with snapshots has to stay a loop, but {why}", "leave out gs.checkpointed here")
        if not isinstance(length, int):
            why = "" if reason is None else f" ({reason.why})"
            atoms = [*Dim.of(length).leaves(), *(reason.atoms if reason else ())]
            span = current_span() if reason is None or reason.span is None else reason.span
            raise NeedStatic(f"the loop must be unrolled{why}, but its trip count is data", atoms, span)

        def iteration(k: int) -> Any:
            self.assign(s.target, items.item(k), frame)
            return self._loop_body(s, frame)

        def too_deep() -> Any:
            why = "" if reason is None else f": {reason.why}"
            self.refuse(
                f"this loop has to be unrolled{why}; data may end it, so it has at most {NESTING_LIMIT} iterations",
                "put the items into an array, and loop over its rows",
            )

        return self._unroll(length, iteration, too_deep, self._head_live(s, frame))

    def _unroll(
        self, length: int, iteration: Callable[[int], Any], too_deep: Callable[[], Any], live: Live
    ) -> Any:
        """Iterations in line; after one that may leave, the others stand in a branch, not in too many of them."""

        def run(k: int, depth: int) -> Any:
            if depth > NESTING_LIMIT:
                too_deep()
            while k < length:
                if k > UNROLL_LIMIT:
                    self.refuse(f"unrolling a loop of {length} iterations would be too long")
                code = iteration(k)
                k += 1
                if isinstance(code, Raised) or (isinstance(code, int) and code):
                    return code
                if isinstance(code, int):
                    continue
                if k == length:
                    return code
                return self._unless_left(code, functools.partial(run, k, depth + 1), live)
            return 0

        return run(0, 0)

    def run_While(self, s: Any, frame: Frame) -> Any:
        return self._after_while(s, frame, self._while_code(s, frame, ROLLED))

    def _while_code(self, s: Any, frame: Frame, way: int) -> Any:
        start, depth = self.store.here(), len(self.frames)
        try:
            return self._rolled_while(s, frame, way == MIXED)
        except NeedStatic as error:
            if isinstance(error, NeedPeel) and error.loop in self.births:
                raise
            self.store.undo(start)
            del self.frames[depth:]
            if isinstance(error, NeedPeel) and way != MIXED:
                if way == PEELED:
                    raise PeelingFailed from None
                peeled = lambda: self._peeled_while(s, frame)
                return self._peeled_or_mixed(peeled, lambda: self._while_code(s, frame, MIXED))
            reason = error
        try:
            with open_block() as block:  # nothing is left of an attempt that fails
                code = self._unrolled_while(s, frame, reason)
        except Unbounded as error:
            self._give_up(start, depth)
            self.doubling(error)
            return self._while_code(s, frame, way)
        current_block().take(block)
        return code

    def _peeled_while(self, s: Any, frame: Frame) -> Any:
        test = self.test(self._test_of(s, frame)[0], frame)
        once = lambda: self._first_then(s, frame, None, lambda: self._while_code(s, frame, PEELED))
        if isinstance(test, bool):
            return once() if test else 0
        return self._plain_code(branch(self, test, once, lambda: 0))

    def _after_while(self, s: Any, frame: Frame, code: Any) -> Any:
        endless = isinstance(s.test, gast.Constant) and bool(s.test.value)
        if endless and exits(s.body) - {CONTINUE} == {RETURN_CODE} and not isinstance(code, Raised):
            return self._left(frame, RETURN_CODE, RETURN_CODE)  # the only way out
        return self._after_loop(s, frame, code)

    def _test_of(self, s: Any, frame: Frame) -> tuple[Any, Dim | None]:
        """The test of a `while`, and the number of snapshots in `while gs.checkpointed(test, snapshots=k)`."""
        call = s.test
        if not isinstance(call, gast.Call) or not isinstance(call.func, (gast.Name, gast.Attribute)):
            return call, None
        if checkpointed.__name__ != getattr(call.func, "attr", getattr(call.func, "id", "")):
            return call, None
        if self.evaluate(call.func, frame) is not checkpointed:
            return call, None
        given = [*call.args[1:], *(k.value for k in call.keywords if k.arg == "snapshots")]
        if not call.args or len(given) != 1 or len(call.args) + len(call.keywords) != 2:
            self.refuse("`gs.checkpointed` takes the test and the number of snapshots", "snapshots=8, say")
        return call.args[0], self.number_of_snapshots(self.evaluate(given[0], frame))

    def _rolled_while(self, s: Any, frame: Frame, mixed: bool) -> Any:
        test, snapshots = self._test_of(s, frame)
        live = self._kill_dead(s, frame)

        def condition() -> Any:
            narrowing, self.narrowing = self.narrowing, False
            try:
                return self.test(test, frame)
            finally:
                self.narrowing = narrowing

        try:
            return LoopTrace(self, Conditional(condition, snapshots), live, self._memory(s), mixed).run(
                lambda _: self._loop_body(s, frame)
            )
        except ConditionWrites:
            return self._while_with_busy_condition(s, test, frame, live, mixed, snapshots)

    def _while_with_busy_condition(
        self, s: Any, test: Any, frame: Frame, live: Live, mixed: bool, snapshots: Dim | None
    ) -> Any:
        """`while test: body`, the test with effects, as `while True: if not test: leave; body`."""

        def body(_: Any) -> Any:
            goes_on = self.test(test, frame)
            if isinstance(goes_on, bool):
                return self._loop_body(s, frame) if goes_on else _EXHAUSTED
            return branch(self, goes_on, lambda: self._loop_body(s, frame), lambda: _EXHAUSTED)

        code = LoopTrace(self, Conditional(lambda: True, snapshots), live, LoopMemory(), mixed).run(body)
        if isinstance(code, int):
            return 0 if code == _EXHAUSTED else code
        data = self.operand(code)
        return Dim.of(PRIMITIVES["select"](PRIMITIVES["equal"](data, _EXHAUSTED), 0, data))

    def _unrolled_while(self, s: Any, frame: Frame, reason: NeedStatic) -> Any:
        given, snapshots = self._test_of(s, frame)
        if snapshots is not None:
            self.refuse(f"a loop with snapshots has to stay a loop, but {reason.why}", "leave out gs.checkpointed here")

        def rolled_only() -> Any:
            raise reason

        def iteration(k: int) -> Any:
            test = self.test(given, frame)
            if not isinstance(test, bool):
                rolled_only()
            code = self._loop_body(s, frame) if test else _EXHAUSTED
            if isinstance(reason, Unbounded) and not isinstance(code, (int, Raised)):
                rolled_only()  # data decides how long the list becomes, although the test is static
            return code

        code = self._unroll(10 * UNROLL_LIMIT, iteration, rolled_only, self._head_live(s, frame))
        if isinstance(code, (int, Raised)):
            return 0 if code == _EXHAUSTED else code
        raise reason


def _index_hint(s: Any) -> str:
    """The name of the position in `for k, x in enumerate(...)`."""
    target = s.target
    enumerates = isinstance(s.iter, gast.Call) and isinstance(s.iter.func, gast.Name) and s.iter.func.id == "enumerate"
    if enumerates and isinstance(target, gast.Tuple) and isinstance(target.elts[0], gast.Name):
        return str(target.elts[0].id)
    return "k"
