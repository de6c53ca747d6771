"""Lists that grow in loops and branches: their items stand in buffers, one per number or array of an item.

In: a list, an item, a position. Out: equations on buffers. A list whose length is not the same in all worlds that meet
(`Outgrown`, raised by loops and branches) is turned into buffers before the outermost region that changes it, and that
region is interpreted again. The first axis of a buffer is an unknown, the capacity; the list remembers how much room it
needs, a polynomial that loops and branches bound, and the unknown becomes that polynomial where the region that made
the buffer ends: a list is allocated once, at its final size. Establishes: all items are of one form; the buffers hold
copies, related to the arrays that the user appended, so that what Python would share is refused once one is written.
"""

from __future__ import annotations

from collections.abc import Sequence as Items
from typing import Any

import numpy as np

from gradscribe.transpiler.frontend.branches import branch
from gradscribe.transpiler.frontend.indexing import Indexing
from gradscribe.transpiler.frontend.loops import Unbounded
from gradscribe.transpiler.frontend.promotion import join_numbers
from gradscribe.transpiler.frontend.table import NUMPY_RULES, array_from
from gradscribe.transpiler.frontend.values import (
    FORM,
    ITEMS,
    LENGTH,
    MISSING,
    ROOM,
    VALUE,
    Array,
    Cell,
    External,
    Form,
    List,
    NeedStatic,
    Outgrown,
    Phantom,
    Poison,
    Room,
    Rows,
    Slice,
    describe,
    is_number,
    number_type,
    simplest,
)
from gradscribe.transpiler.ir.builder import current_span, emit
from gradscribe.transpiler.ir.dims import Dim
from gradscribe.transpiler.ir.index import At
from gradscribe.transpiler.ir.index import Slice as SliceComponent
from gradscribe.transpiler.ir.nodes import Operand, Var
from gradscribe.transpiler.ir.types import INT64, ArrayType
from gradscribe.transpiler.primitives.allocation import empty
from gradscribe.transpiler.primitives.joining import concatenate
from gradscribe.transpiler.primitives.primitive import PRIMITIVES
from gradscribe.transpiler.primitives.structure import broadcast_to, update


class GrowingLists(Indexing):
    """Lists in buffers."""

    # ---- forms ----
    def form_of(self, item: Any) -> Form:
        """What an item is made of; `NeedStatic` where buffers cannot hold it."""
        item = self.lift_external(item) if isinstance(item, External) else item
        if isinstance(item, Array):
            return ArrayType(item.dtype, tuple(map(self.solver.normalize, item.shape)))
        if is_number(item):
            return number_type(item)
        if isinstance(item, tuple):
            return (type(item), *map(self.form_of, item))
        if isinstance(item, List):
            if item.grows:
                return Rows(self.solver.normalize(Dim.of(item.slots[LENGTH])), item.slots[FORM])
            forms = [self.form_of(self.slot(item, k)) for k in item.slots]
            if forms:
                return Rows(Dim.of(len(forms)), self.common_form(forms))
        raise NeedStatic(f"a list that grows in a loop holds {describe(item)}", (), current_span(), _ONE_FORM)

    def common_form(self, forms: Items[Form]) -> Form:
        joined = forms[0]
        for form in forms[1:]:
            joined = self._joined_form(joined, form)
        return joined

    def _joined_form(self, a: Form, b: Form) -> Form:
        if a == b:
            return a
        if isinstance(a, ArrayType) and isinstance(b, ArrayType) and a.rank == b.rank:
            if a.rank == 0:
                joined = _joined_number(a, b)
                if joined is not None:
                    return joined
            elif a.dtype == b.dtype and all(map(self.solver.assume_equal, a.shape, b.shape)):
                return ArrayType(a.dtype, tuple(map(self.solver.normalize, a.shape)))
        if isinstance(a, tuple) and isinstance(b, tuple) and len(a) == len(b) and a[0] is b[0]:
            return (a[0], *map(self._joined_form, a[1:], b[1:]))
        if isinstance(a, Rows) and isinstance(b, Rows) and self.solver.assume_equal(a.length, b.length):
            return Rows(self.solver.normalize(a.length), self._joined_form(a.form, b.form))
        why = f"the items of a list that grows in a loop differ: {_form_text(a)} and {_form_text(b)}"
        raise NeedStatic(why, (), current_span(), _ONE_FORM)

    # ---- from a list of known length to buffers ----
    def doubling(self, unbounded: Unbounded) -> None:
        """Nothing bounds how long a list becomes: from before the outermost region that changes it on, its buffers are
        doubled whenever they are full."""
        if not self.lists_grow:
            raise unbounded
        handler = next((birth for birth in self.growers if birth > unbounded.cell.serial), None)
        if handler is not None:
            raise Outgrown(unbounded.cell, unbounded.form, handler, doubling=True)
        self.into_buffers(unbounded.cell, unbounded.form, doubling=True)

    def outgrow_if_popped(self, cell: List) -> None:
        """A position is beyond a list of which items were taken away: how long it is where data decides about that is
        not what the first look at a region finds, so that it is asked at run time."""
        handler = next((birth for birth in self.growers if birth > cell.serial), None)
        taken = [
            old
            for other, mapping, key, old in self.store.journal
            if other is cell and mapping is cell.slots and isinstance(key, int)
        ]
        if handler is not None and self.lists_grow and any(old is not MISSING for old in taken):
            self.outgrow(cell, [old for old in taken if old is not MISSING])

    def list_with_room(self, room: Room) -> tuple[Var, List] | None:
        """The capacity of the buffers that this is the room of, and their list."""
        return next(((capacity, cell) for capacity, known, _, cell in self.capacities if known is room), None)

    def outgrow(self, cell: List, items: Items[Any]) -> None:
        """The length of `cell` is about to differ between worlds; `items` are more of what it holds. Start again before
        the outermost region that may change it, or, outside all of them, turn it into buffers here."""
        held = [cell.slots[FORM]] if cell.grows else [self.form_of(self.slot(cell, k)) for k in cell.slots]
        form = self.common_form([*held, *map(self.form_of, items)])
        handler = next((birth for birth in self.growers if birth > cell.serial), None)
        if not self.lists_grow:
            raise NeedStatic(
                "a list changes its length under control flow that data decides", (), current_span(), _ONE_FORM
            )
        if handler is not None:
            raise Outgrown(cell, form, handler)
        self.into_buffers(cell, form)

    def into_buffers(self, cell: List, form: Form, doubling: bool = False) -> None:
        """The list with its items in buffers of open capacity (`doubling`: of some capacity, to be doubled), which hold
        items of this form."""
        self.grown = True
        name = self._name_of(cell)
        capacity = Var(ArrayType(INT64, (), True), "capacity")
        before = self.leaves_of(cell) if cell.grows else None
        held = [] if cell.grows else [self.slot(cell, k) for k in cell.slots]
        length = cell.slots[LENGTH] if cell.grows else len(held)
        size = self.solver.normalize(Dim.of(length) + _SPARE) if doubling else Dim.of(capacity)
        for dim in _dims_of(form):
            if not self.visible(dim, capacity.serial):
                raise NeedStatic(
                    "the items of a list have a size that only data decides", (), current_span(), _ONE_FORM
                )
        buffers = []
        for type in _leaf_types(form):
            shape = (size, *type.shape)
            buffer = self.views.fresh(emit(empty, (), {"shape": shape, "dtype": type.dtype}, hint=name)[0])
            buffer.box.name = name
            buffers.append(buffer)
        for key in list(cell.slots):
            self.store.set(cell, key, MISSING)
        room = None if doubling else Room({})
        if room is not None:
            self.store.set(room, ROOM, Dim.of(length))
            self.capacities.append((capacity, room, Dim.of(length), cell))
        for key, value in ((FORM, form), (ITEMS, tuple(buffers)), (LENGTH, length), (ROOM, room)):
            self.store.set(cell, key, value)
        if before is not None:
            for buffer, old in zip(buffers, before, strict=True):
                self._put_items(buffer, SliceComponent(Dim.of(0), Dim.of(length), 1), self.operand(old), old)
        for k, item in enumerate(held):
            self._store(cell, Dim.of(k), item)

    def _name_of(self, cell: Cell) -> str:
        for frame in reversed(self.frames):
            for name, value in frame.slots.items():
                if value is cell:
                    return str(name)
        return ""

    def settle_capacities(self, birth: int) -> None:
        """Where the region born at `birth` ends: the buffers made in it get the room that their lists asked for."""
        for found in [found for found in self.capacities if found[0].serial > birth]:
            self.capacities.remove(found)
            capacity, room, held, _ = found
            enough = self.solver.normalize(room.slots.get(ROOM, held))  # no room: an attempt given up, dead equations
            if not self.visible(enough, capacity.serial):
                raise NeedStatic("a list grows by as many items as only data decides", (), current_span(), _ONE_FORM)
            self.solver.define(capacity, enough)

    def _capacity(self, cell: List) -> Any:
        """The open capacity of a list in buffers; None if its room is final."""
        buffers = cell.slots[ITEMS]
        atom = buffers[0].box.type.shape[0].single_atom if buffers else None
        return atom if any(c is atom and room is cell.slots[ROOM] for c, room, _, _ in self.capacities) else None

    # ---- items ----
    def append(self, cell: List, item: Any) -> None:
        """`xs.append(item)`."""
        if not cell.grows:
            self.store.write(cell, len(cell.slots), item)
            return
        other = self.common_form([cell.slots[FORM], self.form_of(item)]) != cell.slots[FORM]
        if other or (cell.slots[ROOM] is not None and self._capacity(cell) is None):
            self.outgrow(cell, [item])
            if self._capacity(cell) is None:
                raise AssertionError("a list without room")
        length = Dim.of(cell.slots[LENGTH])
        if cell.slots[ROOM] is None:
            self._double_if_full(cell)
        self._store(cell, length, item)
        longer, room = self.solver.normalize(length + 1), cell.slots[ROOM]
        self.store.write(cell, LENGTH, simplest(longer))
        if room is not None and not self.solver.proved(room.slots[ROOM] - longer):
            self.store.set(room, ROOM, room.slots[ROOM] + 1)

    def _double_if_full(self, cell: List) -> None:
        """Room for one more item in buffers that grow with the list."""
        buffers = cell.slots[ITEMS]
        if not buffers:
            return

        def doubled() -> tuple[Array, ...]:
            return tuple(map(self._doubled, buffers))

        full = PRIMITIVES["equal"](self.operand(Dim.of(cell.slots[LENGTH])), self.operand(buffers[0].shape[0]))
        larger = branch(self, full, doubled, lambda: buffers)
        for buffer, old in zip(larger, buffers, strict=True):
            buffer.box.name = old.box.name
        self.store.set(cell, ITEMS, larger)

    def _doubled(self, buffer: Array) -> Array:
        spare = emit(empty, (), {"shape": buffer.shape, "dtype": buffer.dtype})[0]
        larger = self.views.fresh(emit(concatenate, (buffer.box.value, spare), {"axis": 0}, hint=buffer.box.name)[0])
        self.store.may_share(larger.box, buffer.box, current_span())
        return larger

    def _store(self, cell: List, position: Dim, item: Any) -> None:
        """A copy of the item at a position; what it shares with the item is remembered."""
        leaves = self._leaves(item, cell.slots[FORM])
        for buffer, leaf, type in zip(cell.slots[ITEMS], leaves, _leaf_types(cell.slots[FORM]), strict=True):
            value = self.operand(leaf)
            if value.type.dtype != type.dtype:
                value = emit(PRIMITIVES["convert"], (value,), {"dtype": type.dtype})[0]
            self._put_items(buffer, At(self.solver.normalize(position)), value, leaf)
            for shared in _lists_in(item):
                self.store.may_share(buffer.box, shared, current_span())

    def _put_items(self, buffer: Array, place: Any, value: Operand, source: Any) -> None:
        """Not a write to what others may share: a place of a list means another object from here on."""
        rest = tuple(SliceComponent(Dim.of(0), d, 1) for d in buffer.shape[1:])
        new = emit(update, (buffer.box.value, value), {"at": (place, *rest)}, hint=buffer.box.name)[0]
        self.store.set(buffer.box, VALUE, new)
        if isinstance(source, Array):
            self.store.may_share(buffer.box, source.box, current_span())

    def _leaves(self, item: Any, form: Form) -> list[Any]:
        if isinstance(form, ArrayType):
            return [item]
        if isinstance(form, Rows):
            assert isinstance(item, List)
            if item.grows:
                return self.leaves_of(item)
            columns = [self._leaves(self.slot(item, k), form.form) for k in item.slots]
            return [
                self.apply_rule(array_from, [List.of(column)], {}, order=()) for column in zip(*columns, strict=True)
            ]
        return [leaf for part, inner in zip(item, form[1:], strict=True) for leaf in self._leaves(part, inner)]

    def leaves_of(self, cell: List) -> list[Array]:
        """The filled part of each buffer."""
        self.store.check_readable(cell)
        return [self._part(buffer, Dim.of(0), Dim.of(cell.slots[LENGTH]), 1) for buffer in cell.slots[ITEMS]]

    def _part(self, buffer: Array, start: Dim, length: Dim, step: int) -> Array:
        if step == 1 and start == 0 and self.solver.equal(buffer.shape[0], length):
            return buffer
        rest = tuple(SliceComponent(Dim.of(0), d, 1) for d in buffer.shape[1:])
        return self.views.indexed(buffer, (SliceComponent(start, length, step), *rest))

    def item_of(self, cell: List, index: Any) -> Any:
        """`xs[index]`."""
        length = Dim.of(cell.slots[LENGTH])
        if isinstance(index, Slice):
            s = self.slice_of(index, length)
            parts = [self._copied(self._part(b, s.start, s.length, s.step)) for b in cell.slots[ITEMS]]
            return self.list_of(cell.slots[FORM], parts, s.length)
        return self._item_at(cell, self.position(index, length))

    def _item_at(self, cell: List, position: Dim) -> Any:
        self.store.check_readable(cell)
        leaves = []
        for buffer in cell.slots[ITEMS]:
            rest = tuple(SliceComponent(Dim.of(0), d, 1) for d in buffer.shape[1:])
            leaves.append(self.views.indexed(buffer, (At(position), *rest)))
        return self._rebuilt(cell.slots[FORM], iter(leaves))

    def _rebuilt(self, form: Form, leaves: Any) -> Any:
        if isinstance(form, ArrayType):
            leaf = next(leaves)
            if form.rank:
                return self._copied(leaf)
            value = self.views.read(leaf)
            if form.weak:
                value = emit(PRIMITIVES["python_scalar"], (value,), {"dtype": form.dtype})[0]
            return self.boxed(value)
        if isinstance(form, Rows):
            count = len(_leaf_types(form))
            rows = [next(leaves) for _ in range(count)]
            made = self.list_of(form.form, [self._copied(row) for row in rows], form.length)
            for row in rows:
                self.store.may_share(made, row.box, current_span())
            return made
        parts = [self._rebuilt(inner, leaves) for inner in form[1:]]
        return tuple(parts) if form[0] is tuple else tuple.__new__(form[0], parts)

    def _copied(self, view: Array) -> Array:
        """An array of its own with these elements, which Python may share with other places. (Later items may take the
        place of these, so it is no view.)"""
        copy = self.views.fresh(self.views.read(view), None)
        self.store.may_share(copy.box, view.box, current_span())
        return copy

    def list_of(self, form: Form, leaves: list[Array], length: Dim) -> List:
        """A list whose items are the rows of arrays."""
        return List({FORM: form, ITEMS: tuple(leaves), LENGTH: simplest(length), ROOM: Room({ROOM: length})})

    def set_item_of(self, cell: List, index: Any, item: Any) -> None:
        """`xs[index] = item`."""
        position = self.position(index, Dim.of(cell.slots[LENGTH]))
        if self.common_form([cell.slots[FORM], self.form_of(item)]) != cell.slots[FORM]:
            self.outgrow(cell, [item])
        self.store.write(cell, LENGTH, cell.slots[LENGTH])  # lists that may be this one change too
        self._store(cell, position, item)

    def pop_last(self, cell: List) -> Any:
        """`xs.pop()`."""
        last = self.position(-1, Dim.of(cell.slots[LENGTH]))
        item = self._item_at(cell, last)
        self.store.write(cell, LENGTH, simplest(last))
        return item

    def listed(self, cell: List) -> None:
        """The list with a slot for each item again, where their number is static."""
        if cell.grows:
            count = self.static_int(cell.slots[LENGTH], "the length of this list must be static here")
            items = [self._item_at(cell, Dim.of(k)) for k in range(count)]
            for key in list(cell.slots):
                self.store.set(cell, key, MISSING)
            for k, item in enumerate(items):
                self.store.write(cell, k, item)

    # ---- as a whole ----
    def repeated(self, items: list[Any], count: Dim) -> List:
        """`[item] * n` for a size n."""
        if len(items) != 1 or not is_number(items[0]):
            self.need_static(count, "repeating a list of anything but one number needs a static count")
        form = number_type(items[0])
        length = self.solver.clamped(count)
        value = emit(broadcast_to, (self.operand(items[0]),), {"shape": (length,)})[0]
        return self.list_of(form, [self.views.fresh(value)], length)

    def stacked(self, cell: List) -> Any:
        """The array that NumPy makes of the list."""
        return self._stacked(cell.slots[FORM], iter(self.leaves_of(cell)), 1)

    def _stacked(self, form: Form, leaves: Any, axis: int) -> Any:
        if isinstance(form, ArrayType):
            return next(leaves)
        if isinstance(form, Rows):
            return self._stacked(form.form, leaves, axis + 1)
        parts = [self._stacked(inner, leaves, axis) for inner in form[1:]]
        return self.apply_rule(NUMPY_RULES[np.stack], [tuple(parts)], {"axis": axis})

    def holds_numbers(self, cell: List) -> bool:
        """Are the items numbers?"""
        return isinstance(cell.slots[FORM], ArrayType) and not cell.slots[FORM].rank


_SPARE = 8  # items that buffers have room for at first, where they are doubled later
_ONE_FORM = "append numbers, arrays of one shape, or tuples of these; or write into an array made before the loop"


def _joined_number(a: ArrayType, b: ArrayType) -> ArrayType | None:
    """One type for two numbers, if an array of both has that type too and reading one back gives it."""
    joined = join_numbers([Phantom(a), Phantom(b)], loop=True)
    if isinstance(joined, Poison) or (a.weak != b.weak and joined.dtype != np.result_type(a.dtype, b.dtype)):
        return None
    return joined


def _lists_in(item: Any) -> list[Cell]:
    """The lists in an item, and the arrays in those: copies are made of all of them."""
    if isinstance(item, List):
        inner = item.slots[ITEMS] if item.grows else tuple(item.slots.values())
        return [item, *(a.box for a in inner if isinstance(a, Array)), *_lists_in(inner)]
    return [cell for part in item for cell in _lists_in(part)] if isinstance(item, tuple) else []


def _leaf_types(form: Form) -> list[ArrayType]:
    """Types of the elements that one item has in each buffer."""
    if isinstance(form, ArrayType):
        return [form]
    if isinstance(form, Rows):
        return [ArrayType(t.dtype, (form.length, *t.shape)) for t in _leaf_types(form.form)]
    return [t for part in form[1:] for t in _leaf_types(part)]


def _dims_of(form: Form) -> list[Dim]:
    return [d for t in _leaf_types(form) for d in t.shape]


def _form_text(form: Form) -> str:
    if isinstance(form, Rows):
        return f"lists of {form.length}"
    return str(form) if isinstance(form, ArrayType) else f"tuples of {len(form) - 1}"
