"""What Python iterates over, as sequences with random access: ranges, arrays by rows, containers, enumerate, zip,
reversed, map.

In: a value. Out: a `Sequence`: a length and the item at a position. Establishes: `zip` of arrays whose lengths may
differ is decided by the example and guarded.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from gradscribe.transpiler.frontend.branches import Live
from gradscribe.transpiler.frontend.loops import SHORT, Counted, LoopMemory, LoopTrace, Unbounded
from gradscribe.transpiler.frontend.python_errors import PythonError
from gradscribe.transpiler.frontend.python_queues import Deque
from gradscribe.transpiler.frontend.source import BorrowedFile
from gradscribe.transpiler.frontend.texts import Texts
from gradscribe.transpiler.frontend.values import (
    LENGTH,
    Array,
    Choice,
    Dict,
    Flat,
    Generator,
    Items,
    List,
    NeedPeel,
    NeedStatic,
    Object,
    Poison,
    Sequence,
    Slice,
    describe,
    is_integer,
    simplest,
)
from gradscribe.transpiler.ir.builder import emit
from gradscribe.transpiler.ir.dims import Dim
from gradscribe.transpiler.ir.nodes import Operand
from gradscribe.transpiler.primitives.primitive import PRIMITIVES

_AT_LOOP = "write `for x in gs.checkpointed(..., snapshots=k):` or `while gs.checkpointed(test, snapshots=k):`"


class Iteration(Texts):
    """Sequences."""

    def sequence(self, value: Any) -> Sequence:
        if isinstance(value, Choice):
            value = self.of_one_kind(self.present_value(value), "what is iterated over")
        if isinstance(value, Sequence):
            if value.snapshots is not None:
                self.refuse("`gs.checkpointed` does not stand at the loop itself", _AT_LOOP)
            return value
        if isinstance(value, Array):
            return Sequence(
                simplest(self.solver.normalize(value.shape[0])), lambda k: self.get_array_item(value, k), False
            )
        if isinstance(value, List):
            return self._items_of_list(value)
        if isinstance(value, Flat):
            return self.sequence(value.view)
        if isinstance(value, Items) and value.live is not None:
            return value.live
        if isinstance(value, Dict):
            return self.items_of_dict(value, lambda key: key)
        if isinstance(value, np.ndarray):
            return self.sequence(self.as_array(value))
        if isinstance(value, range):
            return self.range_of([value.start, value.stop, value.step])
        if isinstance(value, (Operand, Dim, int, float)):
            self.fail(PythonError, f"{describe(value)} is not iterable")
        if isinstance(value, Poison):
            self.refuse_poison("this value", value)
        if isinstance(value, Object):
            return self.sequence(self.iterated(value))
        if isinstance(value, Generator):
            return self.sequence(self.collected(value))
        return self._static(self.python(list, value))

    def iterated(self, owner: Object) -> Any:
        """What a loop over the object goes over. A deque is gone over by position, as the list that it is."""
        if owner.cls is Deque:
            return self.get_attribute(owner, "items")
        made = self.call(self.get_attribute(owner, "__iter__"), [], {})
        if isinstance(made, Object):
            self.refuse(f"iterating over {describe(made)} is not accepted", "write its `__iter__` with `yield`")
        if not isinstance(made, (Generator, Sequence, Choice, Poison)):
            kind = self.python_type(made).__name__
            self.fail(PythonError, f"TypeError: iter() returned non-iterator of type '{kind}'")
        return made

    def _items_of_list(self, value: List) -> Sequence:
        """A list is read when an item is due: a loop over it may write what it reads later."""
        length = value.slots[LENGTH] if value.grows else len(value.slots)

        def check_length() -> None:
            now = value.slots[LENGTH] if value.grows else len(value.slots)
            if self.solver.normalize(Dim.of(now) - Dim.of(length)) != 0:
                self.refuse("a list changes its length in a loop over it", "go over a copy: `list(...)`")

        if value.grows:
            return Sequence(length, lambda k: self.item_of(value, k), False, None, check_length)

        def item(k: Any) -> Any:
            check_length()
            return self.whole(self.slot(value, self.static_int(k, "the position in a Python sequence must be static")))

        return Sequence(length, item, True, None, check_length)

    def items_of_dict(self, value: Dict, item: Callable[[Any], Any]) -> Sequence:
        """A loop over a dict, with the item for a key. Python raises where its size changes."""
        keys = self.keys_of(value)

        def check_length() -> None:
            if len(value.slots) != len(keys):
                self.refuse("a dict or set changes its size in a loop over it", "go over a copy: `list(...)`")

        def at(k: Any) -> Any:
            check_length()
            return item(keys[self.static_int(k, "the position in a Python sequence must be static")])

        return Sequence(len(keys), at, True, None, check_length)

    def collected(self, generator: Generator) -> List:
        raise NotImplementedError

    def for_each_generated(self, generator: Generator, body: Callable[[Any], None]) -> None:
        raise NotImplementedError

    def python_type(self, value: Any) -> type:
        raise NotImplementedError

    def keys_of(self, owner: Dict) -> list[Any]:
        raise NotImplementedError

    def for_each(self, value: Any, body: Callable[[Any], None], live: Live, hint: str) -> None:
        """The body for each item when it comes: a loop where it can be one, else item by item."""
        if isinstance(value, Object):
            value = self.iterated(value)
        if isinstance(value, Generator):
            self.for_each_generated(value, body)
            return
        items = self.sequence(value)
        if not items.static and not (isinstance(items.length, int) and items.length <= SHORT):
            start = self.store.here()
            kind, item = self.counted(items, hint)

            def iteration(index: Any) -> int:
                body(item(index))
                return 0

            try:
                LoopTrace(self, kind, live, LoopMemory(), mixed=True).run(iteration)
                items.check_length()
                return
            except NeedStatic as error:
                if isinstance(error, NeedPeel) and error.loop in self.births:
                    raise
                self.store.undo(start)
                if isinstance(error, Unbounded):
                    self.doubling(error)
                    self.for_each(value, body, live, hint)
                    return
        for k in range(self.static_int(items.length, "the number of items must be static here")):
            body(items.item(k))
        items.check_length()

    def counted(self, items: Sequence, hint: str, position: str = "k") -> tuple[Counted, Callable[[Any], Any]]:
        """The index of a loop over the items, and the item for an index. `hint`: the name of the item; `position`: that
        of its place."""
        if items.range is not None and abs(items.range[2]) == 1:
            lo, hi, step = items.range
            kind = Counted(lo, hi, 1, hint) if step == 1 else Counted(hi + 1, lo + 1, -1, hint)
            item: Callable[[Any], Any] = lambda index: index
        else:
            kind = Counted(Dim.of(0), Dim.of(items.length), 1, "k" if items.range is not None else position)
            item = items.item
        ends = (self.solver.normalize(kind.lo), self.solver.normalize(kind.hi))
        return Counted(*ends, kind.direction, kind.hint, items.snapshots), item

    def extend(self, cell: List, value: Any) -> None:
        """`xs.extend(value)`, `xs += value`."""
        if value is cell:
            self.listed(cell)
            value = tuple(self.items(cell))
        self.for_each(value, lambda item: self.append(cell, item), lambda cell, key: True, "k")

    def _static(self, items: list[Any]) -> Sequence:
        return Sequence(
            len(items), lambda k: items[self.static_int(k, "the position in a Python sequence must be static")], True
        )

    def items(self, value: Any) -> list[Any]:
        """All items, where their number is static."""
        if isinstance(value, tuple):
            return list(value)
        if isinstance(value, Choice):
            value = self.each_present(value, lambda option: tuple(self.items(option)))
            return self.items(self.of_one_kind(value, "what is unpacked"))
        s = self.sequence(value)
        count = self.static_int(s.length, "the number of items must be static here")
        return [s.item(k) for k in range(count)]

    def range_of(self, args: list[Any]) -> Sequence:
        args = list(map(self.number_in, args))
        for a in args:
            integer = (
                is_integer(a) or isinstance(a, (bool, np.integer)) or (isinstance(a, Operand) and a.dtype.kind in "iub")
            )
            if not integer or isinstance(a, Array):
                self.fail(PythonError, f"TypeError: {describe(a)} cannot be interpreted as an integer")
        ends = [self.as_dim(a) for a in args]
        lo, hi = (Dim.of(0), ends[0]) if len(ends) == 1 else (ends[0], ends[1])
        if len(args) == 3 and self._is_born_inside(ends[2]):
            return self._range_with_step(lo, hi, ends[2])
        step = self.static_int(args[2], "the step of a range must be static") if len(args) == 3 else 1
        if step == 0:
            self.fail(PythonError, "ValueError: range() arg 3 must not be zero")
        span = hi - lo if step > 0 else lo - hi
        size = abs(step)
        count = self.solver.normalize((span + (size - 1)) // size if size > 1 else span)
        return self._progression(lo, count if self.solver.proved(count) else count.positive(), step, hi)

    def _progression(self, first: Dim, length: Dim, step: int, end: Dim | None = None) -> Sequence:
        """first, first + step, ...; `end` as the user wrote it, if he did."""
        ends = (first, first + length * step if end is None else end, step)
        return Sequence(
            simplest(length), lambda k: simplest(self.solver.normalize(first + step * Dim.of(k))), False, ends
        )

    def _is_born_inside(self, step: Dim) -> bool:
        """Is a number made of data, or of a loop's index, and so never static?"""
        step = self.solver.normalize(step)
        return step.constant is None and not self.solver.known_at_entry(step)

    def _range_with_step(self, lo: Dim, hi: Dim, step: Dim) -> Sequence:
        """How many items a step that is data makes is computed where the program runs."""
        one = self.operand(step)
        nonzero = PRIMITIVES["not_equal"](one, 0)
        emit(PRIMITIVES["check"], (nonzero,), {"message": "range() arg 3 must not be zero", "error": ValueError})
        rest = PRIMITIVES["select"](PRIMITIVES["greater"](one, 0), self.operand(hi - lo - 1), self.operand(hi - lo + 1))
        full = self.binary("Add", self.boxed(self.binary("FloorDiv", self.boxed(rest), step)), 1)
        length = self.as_dim(full).positive()
        return Sequence(length, lambda k: simplest(self.solver.normalize(lo + step * Dim.of(k))), False)

    def call_checkpointed(self, what: Any, snapshots: Any) -> Sequence:
        """What a `for` goes over, with the number of states that going back may keep. (`while` looks for it itself.)"""
        if isinstance(what, (bool, np.bool_)) or (isinstance(what, Operand) and what.dtype.kind == "b"):
            self.refuse("`gs.checkpointed` does not stand around the whole test of a `while`", _AT_LOOP)
        items = what if isinstance(what, Sequence) else self.sequence(what)
        return dataclasses.replace(items, snapshots=self.number_of_snapshots(snapshots))

    def number_of_snapshots(self, value: Any) -> Dim:
        if isinstance(value, (bool, float)) or not (is_integer(value) or isinstance(value, (np.integer, Operand))):
            self.fail(PythonError, f"TypeError: the number of snapshots is an integer, not {describe(value)}")
        number = self.solver.normalize(self.as_dim(value))
        if number.constant is None:
            enough = PRIMITIVES["greater"](self.operand(number), 0)
            emit(PRIMITIVES["check"], (enough,), {"message": "a loop needs a snapshot", "error": ValueError})
        elif number.constant < 1:
            self.fail(PythonError, f"ValueError: a loop needs at least one snapshot, not {number.constant}")
        return number

    def range_item(self, owner: Sequence, index: Any) -> Any:
        """`range(n)[k]`."""
        if owner.range is None and self.inside_own_text():
            return owner.item(index)
        if owner.range is None:
            self.refuse("an iterator has no subscripts", "make a list of it: `list(...)`")
        if isinstance(index, Slice):
            lo, _, step = owner.range
            part = self.slice_of(index, Dim.of(owner.length))
            return self._progression(lo + part.start * step, part.length, part.step * step)
        k, length = Dim.of(self.as_dim(index)), Dim.of(owner.length)
        negative = self.binary("Lt", simplest(k), 0)
        place = k + length if negative is True else k
        if not isinstance(negative, bool):
            place = k + length * self.as_dim(self.call(int, [self.boxed(negative)], {}))
        if not (self.solver.proved(place) and self.solver.proved(length - place - 1)):
            low, high = self.binary("GtE", simplest(place), 0), self.binary("Lt", simplest(place), simplest(length))
            for inside in (low, high):
                if inside is False:
                    self.fail(PythonError, "IndexError: range object index out of range")
                if inside is not True:
                    message = "range object index out of range"
                    emit(PRIMITIVES["check"], (self.operand(inside),), {"message": message, "error": IndexError})
        return owner.item(simplest(place))

    def inside_own_text(self) -> bool:
        """Whether the text that runs is ours: Python's iterators are written as if all sequences had subscripts, and
        their names are not the user's."""
        return bool(self.frames) and isinstance(self.frames[-1].closure.file, BorrowedFile)

    def zipped(self, args: list[Any], strict: Any) -> Sequence:
        parts = [self.sequence(a) for a in args]
        if not parts:
            return self._static([])
        length = parts[0].length
        for part in parts[1:]:
            if isinstance(length, int) and isinstance(part.length, int):
                if strict is True and length != part.length:
                    self.fail(PythonError, "ValueError: zip() arguments have different lengths")
                length = min(length, part.length)
                continue
            difference = self.solver.normalize(Dim.of(length) - Dim.of(part.length))
            if difference == 0:
                continue
            if strict is True:
                self.require_equal(Dim.of(length), Dim.of(part.length), "zip")
            elif not self.solver.known_at_entry(difference):
                shorter = Dim.of(length) - difference.positive()
                length = simplest(shorter)
            elif self.solver.value(difference) == 0:
                message = f"staged for {self.solver.named(Dim.of(length))} == {self.solver.named(Dim.of(part.length))}"
                self.solver.assume_zero(difference, message, requirement=False)
            elif self.solver.nonnegative(difference):
                length = part.length
        static = any(p.static for p in parts)

        def check_length() -> None:
            for part in parts:
                part.check_length()

        return Sequence(length, lambda k: tuple(p.item(k) for p in parts), static, None, check_length)

    def enumerated(self, value: Any, start: Any = 0) -> Sequence:
        inner = self.sequence(value)
        item = lambda k: (simplest(Dim.of(k) + self.as_dim(start)), inner.item(k))
        return Sequence(inner.length, item, inner.static, None, inner.check_length)

    def backwards(self, value: Any) -> Sequence:
        if isinstance(value, Generator):
            self.fail(PythonError, "TypeError: 'generator' object is not reversible")
        inner = self.sequence(value)
        if inner.range is not None:
            lo, hi, step = inner.range
            if abs(step) == 1:
                return self.range_of([simplest(hi - step), simplest(lo - step), -step])
        last_position = Dim.of(inner.length) - 1
        return Sequence(inner.length, lambda k: inner.item(simplest(last_position - Dim.of(k))), inner.static)
