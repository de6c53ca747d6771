"""Python subscripts on arrays: reading and writing elements, slices, index arrays and masks.

In: an array handle and a Python index. Out: a view (positions and slices) or a value (index arrays). Establishes:
positions handed to the IR lie inside the axis, because bounds prove it, the example says so (a guard), or
`wrap_index` checks it at run time; slice lengths are exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradscribe.transpiler.errors import IndexRangeError
from gradscribe.transpiler.frontend.choices import Choices
from gradscribe.transpiler.frontend.values import (
    Array,
    List,
    Slice,
    describe,
    is_data,
    is_integer,
    number_type,
)
from gradscribe.transpiler.ir import index as ir_index
from gradscribe.transpiler.ir.builder import emit
from gradscribe.transpiler.ir.dims import Dim
from gradscribe.transpiler.ir.index import At, Take, is_whole
from gradscribe.transpiler.ir.nodes import Literal, Operand, Var
from gradscribe.transpiler.ir.types import ArrayType
from gradscribe.transpiler.primitives.masks import positions_of
from gradscribe.transpiler.primitives.primitive import PRIMITIVES
from gradscribe.transpiler.primitives.structure import index as index_primitive


@dataclass(frozen=True)
class Subscript:
    """One component per axis of the array; `new_axes` are positions of `None` in the result; `takes` the index
    arrays; `mask` the mask of the leading axes where that is all the index says."""

    at: ir_index.Index
    takes: tuple[Operand, ...]
    new_axes: tuple[int, ...]
    mask: Array | None = None


class Indexing(Choices):
    """Subscripts of arrays."""

    # ---- parsing ----
    def subscript(self, x: Array, index: Any) -> tuple[Array, Subscript]:
        """What `x[index]` means: an index of x, or of x with the new axes already in it."""
        items = list(index) if isinstance(index, tuple) else [index]
        items = [self._index_item(i) for i in items]
        if any(i is None or isinstance(i, bool) for i in items) and any(isinstance(i, (Array, bool)) for i in items):
            x, items = self._with_new_axes(x, items)
        return x, self._subscript_of(x, items)

    def _with_new_axes(self, x: Array, items: list[Any]) -> tuple[Array, list[Any]]:
        """Beside index arrays a new axis takes part as a slice of length 1 (NumPy's rule for the place of the indexed
        axes); True is a new axis, False one of which nothing is taken."""
        if any(isinstance(i, bool) for i in items) and any(isinstance(i, Array) for i in items):
            self.refuse("a single bool beside index arrays is not accepted", "index with the arrays alone")
        axis, shape, out = 0, list(x.shape), []
        for k, item in enumerate(items):
            if item is None or isinstance(item, bool):
                shape.insert(axis, Dim.of(1))
                out.append(Slice(None, 0 if item is False else None, None))
            else:
                out.append(item)
            if item is Ellipsis:
                axis += x.rank - sum(_consumed(i) for i in items)
            else:
                axis += max(_consumed(item), 1)
            if axis > len(shape):
                self.fail(IndexRangeError, f"too many indices: array has {x.rank} axes, {k + 1} were indexed")
        return self.views.reshaped(x, tuple(shape)), out

    def _subscript_of(self, x: Array, items: list[Any]) -> Subscript:
        consumed = sum(map(_consumed, items))
        if consumed > x.rank:
            self.fail(IndexRangeError, f"too many indices: array has {x.rank} axes, {consumed} were indexed")
        place = next((k for k, i in enumerate(items) if i is Ellipsis), len(items))
        if sum(i is Ellipsis for i in items) > 1:
            self.fail(IndexRangeError, "an index can only have a single ellipsis ('...')")
        items[place : place + 1] = [Slice(None, None, None)] * (x.rank - consumed)
        at: list[ir_index.Component] = []
        takes: list[Operand] = []
        new_axes: list[int] = []
        result_axis = 0
        for item in items:
            if item is None:
                new_axes.append(result_axis)
                result_axis += 1
                continue
            if isinstance(item, Array) and item.dtype.kind == "b":
                for positions in self._true_positions(item, x.shape[len(at) :]):
                    at.append(Take(len(takes)))
                    takes.append(positions)
                continue
            size = self.solver.normalize(x.shape[len(at)])
            if isinstance(item, Slice):
                at.append(self.slice_of(item, size))
                result_axis += 1
            elif isinstance(item, Array):
                operand = emit(PRIMITIVES["wrap_index"], (self.operand(item),), {"size": size})[0]
                at.append(Take(len(takes)))
                takes.append(operand)
            else:
                at.append(At(self.position(item, size, len(at))))
        alone = items[0] if items and _is_mask(items[0]) and all(_is_whole_slice(i) for i in items[1:]) else None
        return Subscript(tuple(at), tuple(takes), tuple(new_axes), alone)

    def _index_item(self, item: Any) -> Any:
        if isinstance(item, (List, tuple, np.ndarray)):
            item = self.as_array(item)
        if isinstance(item, (bool, np.bool_)):
            return bool(item)
        if isinstance(item, Operand) and number_type(item).dtype.kind == "b":
            self.refuse(
                "a single bool of data as an index gives an array whose size depends on data",
                "write an `if`, or np.where(condition, a, b)",
            )
        if isinstance(item, Array) and item.dtype.kind not in "iub":
            self.fail(IndexRangeError, f"arrays used as indices must be of integer or boolean type, not {item.dtype}")
        if item is None or item is Ellipsis or isinstance(item, (Slice, Array)) or is_integer(item):
            return item
        if isinstance(item, slice):
            return Slice(item.start, item.stop, item.step)
        if isinstance(item, np.integer):
            return int(item)
        if isinstance(item, Operand) and number_type(item).dtype.kind in "iu":
            return item
        return self.fail(
            IndexRangeError,
            f"only integers, slices, ellipsis, None and integer arrays are indices, not {describe(item)}",
        )

    def _true_positions(self, mask: Array, sizes: Sequence[Dim]) -> Sequence[Operand]:
        """A mask indexes as the positions of its true elements, whose number is a size that data decide."""
        for d, size in zip(mask.shape, sizes, strict=False):
            self.require_equal(d, size, "mask")
        found = positions_of(self.operand(mask))
        for positions in found:
            count = positions.shape[0].single_atom
            assert isinstance(count, Var)
            self.solver.bound(count)
        return found

    def _selected(self, x: Array, mask: Array, changed: Operand) -> None:
        """x where the mask (over its leading axes) is false, else `changed`."""
        value = self.operand(mask)
        if mask.rank < x.rank:
            shape = (*value.shape, *(Dim.of(1),) * (x.rank - mask.rank))
            value = emit(PRIMITIVES["reshape"], (value,), {"shape": shape})[0]
        self.views.write(x, emit(PRIMITIVES["select"], (value, changed, self.operand(x)))[0])

    def require_equal(self, a: Dim, b: Dim, what: str) -> None:
        self.apply_rule(lambda: self.solver.require(a, b, what), [], {})

    def as_dim(self, value: Any) -> Dim:
        """An integer value as a polynomial."""
        if isinstance(value, Literal):
            value = int(value.value)
        if isinstance(value, Operand):
            assert isinstance(value, Var)
            return Dim.of(value)
        return self.solver.normalize(Dim.of(int(value) if isinstance(value, (bool, np.integer)) else value))

    def position(self, value: Any, size: Dim, axis: int = 0) -> Dim:
        """A position inside an axis of this size; negative ones count from the end. Messages name the `axis`."""
        p = self.as_dim(value)
        for candidate, negative in ((p, False), (p + size, True)):
            proved = self.solver.proved
            if (proved(-p - 1) if negative else proved(p)) and proved(candidate) and proved(size - 1 - candidate):
                return self.solver.normalize(candidate)
        entry = self.solver.known_at_entry(p) and self.solver.known_at_entry(size)
        if not entry and self.solver.nonnegative(p) and self.solver.nonnegative(size - 1 - p):
            return self.solver.normalize(p)
        if entry:
            here, extent = self.solver.value(p), self.solver.value(size)
            if -extent <= here < extent:
                candidate = p + size if here < 0 else p
                self.solver.nonnegative(p)
                self.solver.nonnegative(candidate)
                self.solver.nonnegative(size - 1 - candidate)
                return self.solver.normalize(candidate)
            if not self.births:
                self.solver.nonnegative(p + size)  # a `try` may go on from here: other values are staged again
                self.solver.nonnegative(size - 1 - p)
                where = f"index {here}" if p.constant is not None else f"index {self.solver.named(p)} (here {here})"
                self.fail(IndexRangeError, f"{where} is out of bounds for axis {axis} with size {extent}")
        checked = emit(
            PRIMITIVES["wrap_index"], (self.operand(value if isinstance(value, Operand) else p),), {"size": size}
        )[0]
        checked.lower, checked.upper = Dim.of(0), size - 1
        return Dim.of(self.solver.bound(checked))

    # ---- slices ----
    def slice_of(self, s: Slice, size: Dim) -> ir_index.Slice:
        """Start, length and step of a Python slice on an axis of this size."""
        step = 1 if s.step is None else self.static_int(s.step, "the step of a slice must be static")
        if step == 0:
            self.fail(IndexRangeError, "slice step cannot be zero")
        # an end outside on its own side makes the length negative, and that is clamped anyway
        if step > 0:
            start = self._at_least(self._slice_end(s.start, Dim.of(0), size), Dim.of(0))
            stop = self._at_most(self._slice_end(s.stop, size, size), size)
            span = stop - start
        else:
            last = size - 1
            start = self._at_most(self._slice_end(s.start, last, size), last)
            stop = self._at_least(Dim.of(-1) if s.stop is None else self._slice_end(s.stop, last, size), Dim.of(-1))
            span = start - stop
        length = self.solver.clamped(span)
        if abs(step) > 1:
            length = (length + (abs(step) - 1)) // abs(step)
        length = self.solver.normalize(length)
        if length == 0:
            start = Dim.of(0)
        return ir_index.Slice(self.solver.normalize(start), length, step)

    def _slice_end(self, value: Any, default: Dim, size: Dim) -> Dim:
        """An end of a slice: negative values count from the end."""
        if value is None:
            return default
        value = self.number_in(value)
        if not (is_integer(value) or isinstance(value, (np.integer, Operand))):
            self.fail(IndexRangeError, f"slice indices must be integers or None, not {describe(value)}")
        end = self.as_dim(value)
        sign = self.solver.nonnegative(end)
        if sign is None:
            # which end it counts from is known at run time only
            data = self.operand(end)
            below = PRIMITIVES["less"](data, 0)
            counted = PRIMITIVES["select"](below, PRIMITIVES["add"](data, self.operand(size)), data)
            end = Dim.of(counted)
        elif not sign:
            end = end + size
        return end

    def _at_least(self, end: Dim, low: Dim) -> Dim:
        sign = self.solver.nonnegative(end - low)
        if sign is None:
            return low + (end - low).positive()
        return end if sign else low

    def _at_most(self, end: Dim, high: Dim) -> Dim:
        sign = self.solver.nonnegative(high - end)
        if sign is None:
            return end - (end - high).positive()
        return end if sign else high

    # ---- reading ----
    def get_array_item(self, x: Array, index: Any) -> Any:
        """`x[index]`: a view, a scalar, or (index arrays) a fresh array."""
        copied = any(isinstance(i, (bool, np.bool_)) for i in (index if isinstance(index, tuple) else (index,)))
        x, s = self.subscript(x, index)
        if s.takes:
            return self._taken(x, s)
        if s.new_axes and all(is_whole(c, d) for c, d in zip(s.at, x.shape, strict=True)):
            view = x
        else:
            view = self.views.indexed(x, s.at) if s.at else x
        if s.new_axes:
            shape = list(view.shape)
            for axis in s.new_axes:
                shape.insert(axis, Dim.of(1))
            return self.views.reshaped(view, tuple(shape))
        if copied:
            return self.boxed(self.views.read(view), order=None)
        if not view.rank and any(i is Ellipsis for i in (index if isinstance(index, tuple) else (index,))):
            return view  # an array without axes, where `x[0]` is a number
        return view if view.rank else self.boxed(self.views.read(view))

    def number_in(self, value: Any) -> Any:
        """What an array without axes holds."""
        if isinstance(value, Array) and not value.rank:
            held = self.views.read(value)
            return held.value if isinstance(held, Literal) else held
        return value

    # ---- writing ----
    def set_array_item(self, x: Array, index: Any, value: Any) -> None:
        """`x[index] = value`, cast to x's dtype."""
        x, s = self.subscript(x, index)
        data = self.assigned(value, x.type)
        if s.mask is not None and data.rank <= x.rank - s.mask.rank:  # one value for all that the mask selects
            self._selected(x, s.mask, data)
            return
        self._put(x, s, data)

    def _taken(self, x: Array, s: Subscript) -> Any:
        """A fresh array of what the index arrays select."""

        def read() -> Operand:
            takes = [self.views.settled(t) for t in s.takes]
            return emit(index_primitive, (self.operand(x), *takes), {"at": s.at})[0]

        return self.apply_rule(read, [], {}, order=None)

    def _put(self, x: Array, s: Subscript, data: Operand, accumulate: bool = False) -> None:
        def put() -> None:
            value = data
            if s.new_axes and value.rank:
                target = ir_index.result_shape(s.at)
                value = self._without_new_axes(value, s.new_axes, len(target) + len(s.new_axes))
            takes = [self.views.settled(t) for t in s.takes]
            self.views.write_at(x, s.at, takes, self.views.settled(value), accumulate)

        self.apply_rule(put, [], {})

    def _without_new_axes(self, value: Operand, new_axes: Sequence[int], rank: int) -> Operand:
        """The value without the axes that the target's `None`s stand for (they have length 1)."""
        missing = rank - value.rank
        kept = [k for k in range(value.rank) if k + missing not in new_axes]
        shape = tuple(value.shape[k] for k in kept)
        for k in range(value.rank):
            if k not in kept:
                self.solver.require(value.shape[k], Dim.of(1), "assignment")
        return emit(PRIMITIVES["reshape"], (value,), {"shape": shape})[0]

    def assigned(self, value: Any, type: ArrayType) -> Operand:
        """A value to be stored in an array of this type."""
        if isinstance(value, (List, tuple)):
            value = self.as_array(value)
        data = self.operand(value)
        given = data.type
        assert isinstance(given, ArrayType)
        if given.dtype == type.dtype:
            return data
        if given.dtype.kind == "c" and type.dtype.kind != "c":
            self.refuse("a complex value does not fit a real array", "take .real or abs(...)")
        if isinstance(data, Literal) and given.weak and type.dtype.kind in "fc":
            return data if given.dtype.kind == "f" else Literal(float(data.value))
        if isinstance(data, Literal) and given.weak and given.dtype.kind == "i" and type.dtype.kind == "i":
            return data
        return emit(PRIMITIVES["convert"], (data,), {"dtype": type.dtype})[0]

    # ---- x[index] op= value ----
    def update_array_item(self, x: Array, index: Any, op: str, compute_value: Any) -> None:
        """`x[index] op= value`: the element is read before the right side is evaluated, a view after."""
        x, s = self.subscript(x, index)
        if s.takes:
            before = x.box.value
            old = self._taken(x, s)
            value = compute_value()
            if s.mask is not None and op in ("Add", "Sub") and _is_scalar(value) and x.box.value is before:
                # nothing of an element that is not selected can come through: no product, hence no 0 * inf
                changed = self.operand(self.binary(op, x, value))
                self._selected(x, s.mask, self.in_place_cast(changed, x.type))
                return
            new = self.binary(op, old, value)
            self._put(x, s, self.in_place_cast(self.operand(new), x.type))
            return
        view = self.views.indexed(x, s.at)
        if view.rank or s.new_axes:
            shape = list(view.shape)
            for axis in s.new_axes:
                shape.insert(axis, Dim.of(1))
            self.update_in_place(self.views.reshaped(view, tuple(shape)) if s.new_axes else view, op, compute_value())
            return
        before = x.box.value
        old = self.boxed(self.views.read(view))
        value = compute_value()
        if x.box.value is before and self._accumulate(view, op, value):
            return
        self._put(x, s, self.assigned(self.binary(op, old, value), x.type))

    def update_in_place(self, x: Array, op: str, value: Any) -> None:
        """`x op= value` for an array: shape and dtype stay."""
        if x.chain and self._accumulate(x, op, value):
            return
        result = self.operand(self.binary(op, x, value))
        self._check_fits(result, x)
        self.views.write(x, self.in_place_cast(result, x.type))

    def _check_fits(self, result: Operand, x: Array) -> None:
        if result.rank != x.rank:
            self.refuse(f"in-place result of rank {result.rank} does not fit an array of rank {x.rank}")
        for a, b in zip(result.shape, x.shape, strict=True):
            self.require_equal(a, b, "in-place operation")

    def _accumulate(self, view: Array, op: str, value: Any) -> bool:
        """`+=` and `-=` of matching dtype become one accumulating write."""
        if op not in ("Add", "Sub") or view.dtype.kind not in "ifc" or not view.box.writable:
            return False
        if isinstance(value, (List, tuple)) or not (isinstance(value, Array) or _is_scalar(value)):
            return False
        if is_data(value) and isinstance(value, Array) and value.rank > view.rank:
            return False
        data = self.operand(value)
        given = data.type
        assert isinstance(given, ArrayType)
        dummy = given.dtype.type(1).item() if given.weak else given.dtype.type(1)
        if np.result_type(view.dtype.type(1), dummy) != view.dtype:
            return False
        if given.dtype != view.dtype:
            data = self.assigned(self.boxed(data), view.type)
        if op == "Sub":
            data = -data

        def put() -> None:
            self.views.write_at(view, None, (), self.views.settled(data), accumulate=True)

        self.apply_rule(put, [], {})
        return True

    def in_place_cast(self, result: Operand, type: ArrayType) -> Operand:
        """NumPy's casting rule of in-place operations."""
        given = result.type
        assert isinstance(given, ArrayType)
        if given.dtype == type.dtype:
            return result
        if not np.can_cast(given.dtype, type.dtype, "same_kind"):
            self.refuse(
                f"the result of this in-place operation is {given.dtype}, which does not fit an array of {type.dtype}"
            )
        return emit(PRIMITIVES["convert"], (result,), {"dtype": type.dtype})[0]


def _is_mask(item: Any) -> bool:
    return isinstance(item, Array) and item.dtype.kind == "b"


def _is_whole_slice(item: Any) -> bool:
    return item is Ellipsis or (isinstance(item, Slice) and item.start is item.stop is item.step is None)


def _consumed(item: Any) -> int:
    """How many axes of the array an index item stands for."""
    if item is None or item is Ellipsis or isinstance(item, bool):
        return 0
    return item.rank if _is_mask(item) else 1


def _is_scalar(value: Any) -> bool:
    return isinstance(value, (int, float, complex, np.generic, Dim)) or (
        isinstance(value, Operand) and value.rank == 0
    )
