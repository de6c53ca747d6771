"""Arrays as boxes seen through chains of steps: making views, reading through them, writing through them.

In: handles and values. Out: handles, or equations. Establishes: consecutive indexing is one step of affine subscripts
on the base (so `A[i][j]` and `row = A[i]; row[j]` read `A[i, j]`), indexing a transposed array indexes the array, and
equal views compare equal.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradscribe.transpiler.errors import ReadOnlyError
from gradscribe.transpiler.frontend.solver import Solver
from gradscribe.transpiler.frontend.steps import (
    BroadcastStep,
    DiagonalStep,
    IndexStep,
    PartStep,
    PermuteStep,
    ReshapeStep,
    Step,
)
from gradscribe.transpiler.frontend.store import Store
from gradscribe.transpiler.frontend.values import (
    VALUE,
    Array,
    Box,
    Order,
)
from gradscribe.transpiler.ir.builder import current_span, emit
from gradscribe.transpiler.ir.dims import Dim
from gradscribe.transpiler.ir.index import At, Index, Slice, is_whole, result_shape, whole
from gradscribe.transpiler.ir.index import Take as TakeComponent
from gradscribe.transpiler.ir.nodes import Operand, Var
from gradscribe.transpiler.ir.types import ArrayType
from gradscribe.transpiler.primitives.allocation import arange
from gradscribe.transpiler.primitives.complex_numbers import complex_of
from gradscribe.transpiler.primitives.primitive import PRIMITIVES
from gradscribe.transpiler.primitives.structure import broadcast_to, index, permute, reshape, update, update_add


@dataclass(frozen=True)
class Views:
    """Reading and writing arrays of one program."""

    store: Store
    solver: Solver

    # ---- making handles ----
    def of_box(self, box: Box) -> Array:
        return Array(box, (), box.type)

    def fresh(self, value: Operand, order: Order = ()) -> Array:
        """A new buffer holding `value`. An array of rank 1 is contiguous however it was made; an order of another
        rank than the result's says nothing about it."""
        assert isinstance(value.type, ArrayType)
        rank = value.type.rank
        order = () if rank <= 1 else order if order is None or len(order) in (0, rank) else None
        return self.of_box(Box(value, value.type.strong(), order))

    def stepped(self, x: Array, step: Step, shape: tuple[Dim, ...]) -> Array:
        """`x` seen through one more step, the chain in normal form."""
        chain = _normal(x.chain, step, self.solver)
        return Array(x.box, chain, ArrayType(x.dtype, tuple(self.solver.normalize(d) for d in shape)))

    def indexed(self, x: Array, at: Index) -> Array:
        return self.stepped(x, IndexStep(at), result_shape(at))

    def part(self, x: Array, name: str) -> Array:
        """The real or the imaginary parts of a complex array."""
        real = dataclasses.replace(x.type, dtype=np.empty(0, x.dtype).real.dtype)
        return Array(x.box, (*x.chain, PartStep(name)), real)

    def permuted(self, x: Array, axes: tuple[int, ...]) -> Array:
        if axes == tuple(range(x.rank)):
            return Array(x.box, x.chain, x.type)
        return self.stepped(x, PermuteStep(axes), tuple(x.shape[a] for a in axes))

    def reshaped(self, x: Array, shape: tuple[Dim, ...]) -> Array:
        """NumPy's reshape: a view where the layout is known to allow it, else a value that may share memory."""
        shape = tuple(self.solver.normalize(d) for d in shape)
        if shape == tuple(self.solver.normalize(d) for d in x.shape):
            return Array(x.box, x.chain, x.type)
        same_order = _without_ones(shape) == _without_ones(tuple(self.solver.normalize(d) for d in x.shape))
        if same_order or self.contiguous(x):
            return self.stepped(x, ReshapeStep(x.shape, shape, same_order), shape)
        copy = self.fresh(emit(reshape, (self.read(x),), {"shape": shape})[0])
        if not self._surely_copied(x, shape):
            self.store.may_share(copy.box, x.box, current_span())
        return copy

    def flat(self, x: Array) -> Array:
        """The elements in C order as a vector that writes through, whatever the layout."""
        size = self.solver.normalize(x.type.size())
        return x if x.rank == 1 else self.stepped(x, ReshapeStep(x.shape, (size,)), (size,))

    def writable(self, x: Array) -> bool:
        read_only = any(isinstance(s, BroadcastStep) or getattr(s, "writable", True) is False for s in x.chain)
        return x.box.writable and not read_only

    def same_view(self, a: Array, b: Array) -> bool:
        """The same elements of the same box, provably."""
        if a.box is not b.box or len(a.chain) != len(b.chain):
            return False
        return all(
            s == t or _settled(s, self.solver) == _settled(t, self.solver)
            for s, t in zip(a.chain, b.chain, strict=True)
        )

    # ---- layout ----
    def order(self, x: Array) -> Order:
        """The axes from the outermost in memory to the innermost, where that is known whatever the sizes."""
        order = x.box.order
        for step in x.chain:
            if order is None:
                return None
            if isinstance(step, IndexStep):
                kept = [k for k, c in enumerate(step.at) if isinstance(c, Slice)]
                order = tuple(kept.index(k) for k in order if k in kept)
            elif isinstance(step, PermuteStep):
                order = tuple(step.axes.index(k) for k in order)
            elif isinstance(step, ReshapeStep) and order == tuple(range(len(step.before))):
                order = tuple(range(len(step.after)))
            else:
                return None
        if order == tuple(range(x.rank)):
            return order
        return order if all(self.solver.proved(d - 2) for d in x.shape) else None  # axes of length 1 have no place

    def common_order(self, operands: Sequence[Array], elementwise: bool) -> Order:
        """The layout of a result: C order if all operands are; else, of an elementwise operation, that of its operands
        where they agree (NumPy's order K)."""
        orders = [self.order(a) for a in operands]
        if all(o == tuple(range(len(o))) for o in orders if o is not None) and None not in orders:
            return ()
        if elementwise and len(set(orders)) == 1 and len({a.rank for a in operands}) == 1:
            return orders[0]
        return None

    def packed(self, x: Array) -> bool:
        """Known to lie without gaps, in whatever order."""
        return x.box.order is not None and (self.contiguous(x) or all(isinstance(s, PermuteStep) for s in x.chain))

    def contiguous(self, x: Array) -> bool:
        """Known to lie in C order without gaps."""
        shape = x.box.type.shape
        if x.box.order != tuple(range(len(shape))):
            return False
        for step in x.chain:
            if isinstance(step, IndexStep):
                if not _keeps_contiguity(step.at, shape, self.solver):
                    return False
                shape = result_shape(step.at)
            elif isinstance(step, ReshapeStep):
                shape = step.after
            else:
                return False
        return True

    def surely_apart(self, x: Array) -> bool:
        """Known not to lie in C order without gaps; that an axis is longer than 1 the example may say."""
        strides = self._strides(x)
        if strides is None:
            return False
        extent = Dim.of(1)
        for stride, d in zip(reversed(strides), reversed(x.shape), strict=True):
            gap = self.solver.normalize(stride - extent)
            if (self.solver.proved(gap - 1) or self.solver.proved(-gap - 1)) and self.solver.nonnegative(d - 2):
                return True
            extent = extent * d
        return False

    def packed_in_order(self, x: Array, shape: tuple[Dim, ...]) -> Array:
        """x in another shape and in C order without gaps: x itself where it lies so, else a copy."""
        if self.contiguous(x):
            return self.reshaped(x, shape)
        value = self.read(x)
        copy = self.fresh(value if value.shape == shape else emit(reshape, (value,), {"shape": shape})[0])
        if not self.surely_apart(x):
            self.store.may_share(copy.box, x.box, current_span())
        return copy

    def _surely_copied(self, x: Array, shape: tuple[Dim, ...]) -> bool:
        """Reshape must merge axes, and no two neighbouring axes lie so that they can be merged."""
        strides = self._strides(x)
        if strides is None or not all(self.solver.proved(d - 2) for d in x.shape):
            return False
        if sum(d != 1 for d in shape) >= x.rank or not all(d == 1 or self.solver.proved(d - 2) for d in shape):
            return False
        for k in range(x.rank - 1):
            gap = self.solver.normalize(strides[k] - strides[k + 1] * x.shape[k + 1])
            if not (self.solver.proved(gap - 1) or self.solver.proved(-gap - 1)):
                return False
        return True

    def _strides(self, x: Array) -> list[Dim] | None:
        """Strides in elements, where the layout is known."""
        if x.box.order is None:
            return None
        strides = [Dim.of(0)] * len(x.box.order)
        extent = Dim.of(1)
        for axis in reversed(x.box.order):
            strides[axis] = extent
            extent = extent * x.box.type.shape[axis]
        for step in x.chain:
            if isinstance(step, IndexStep):
                strides = [d * c.step for d, c in zip(strides, step.at, strict=True) if isinstance(c, Slice)]
            elif isinstance(step, PermuteStep):
                strides = [strides[a] for a in step.axes]
            elif isinstance(step, DiagonalStep):
                strides = [*strides[:-2], strides[-2] + strides[-1]]
            elif isinstance(step, ReshapeStep) and not step.same_order:
                strides, extent = [], Dim.of(1)
                for d in reversed(step.after):
                    strides.insert(0, extent)
                    extent = extent * d
            else:
                return None
        return strides

    # ---- reading ----
    def read(self, x: Array) -> Operand:
        """The elements, as a value."""
        self.store.check_readable(x.box)
        value: Operand = x.box.value
        for step in x.chain:
            value = self._through(value, step)
        return self.settled(value)

    def settled(self, value: Operand) -> Operand:
        """The value with its dims written as what they are known to equal where a run-time check found that out."""
        if not self.solver.local or not isinstance(value.type, ArrayType):
            return value
        shape = tuple(self.solver.normalize(d) for d in value.type.shape)
        plain = tuple(d.substitute(lambda a: self.solver.substitution.get(a)) for d in value.type.shape)
        return value if shape == plain else emit(reshape, (value,), {"shape": shape})[0]

    def _through(self, value: Operand, step: Step) -> Operand:
        step = _settled(step, self.solver)
        if isinstance(step, IndexStep):
            return emit(index, (value,), {"at": step.at})[0]
        if isinstance(step, PermuteStep):
            return emit(permute, (value,), {"axes": step.axes})[0]
        if isinstance(step, ReshapeStep):
            return emit(reshape, (value,), {"shape": step.after})[0]
        if isinstance(step, DiagonalStep):
            return emit(index, (value, *_diagonal(step)), {"at": _diagonal_index(value)})[0]
        if isinstance(step, PartStep):
            return emit(PRIMITIVES[step.name], (value,), {})[0]
        return emit(broadcast_to, (value,), {"shape": step.shape})[0]

    # ---- writing ----
    def write(self, x: Array, value: Operand) -> None:
        """Store `value` (broadcast against x) in the elements of x; the base box gets its next version."""
        self.write_at(x, None, (), value)

    def write_at(
        self, x: Array, at: Index | None, takes: Sequence[Operand], value: Operand, accumulate: bool = False
    ) -> None:
        """x[at] = value, or += value; None means all of x."""
        if not self.writable(x):
            raise ReadOnlyError(current_span(), "assignment destination is read-only", "write to a copy")
        self.store.check_readable(x.box)
        chain = x.chain
        if at is not None and not takes:
            chain = _normal(chain, IndexStep(at), self.solver)
            at = None
        if not chain and at is None and not accumulate:
            new = self._as_whole(value, x.box.type)
        else:
            new = self._put(x.box.value, chain, at, takes, value, accumulate)
        if isinstance(new, Var) and not new.hint:
            new.hint = x.box.name
        self.store.write(x.box, VALUE, new)

    def _as_whole(self, value: Operand, type: ArrayType) -> Operand:
        shape = tuple(self.solver.normalize(d) for d in type.shape)
        if tuple(self.solver.normalize(d) for d in value.shape) == shape:
            return value
        while value.rank > len(shape) and value.shape[0] == 1:
            value = emit(reshape, (value,), {"shape": value.shape[1:]})[0]
        return emit(broadcast_to, (value,), {"shape": shape})[0]

    def _put(
        self,
        base: Operand,
        chain: tuple[Step, ...],
        at: Index | None,
        takes: Sequence[Operand],
        value: Operand,
        accumulate: bool,
    ) -> Operand:
        """`base` with `value` written through `chain` and then `at`."""
        if not chain:
            operation = update_add if accumulate else update
            if at is None:
                at = tuple(Slice(Dim.of(0), d) for d in base.shape)
            return emit(operation, (base, value, *takes), {"at": at})[0]
        step, rest = _settled(chain[0], self.solver), chain[1:]
        if isinstance(step, IndexStep):
            if not rest and at is None:
                operation = update_add if accumulate else update
                return emit(operation, (base, self._fitted(value, result_shape(step.at))), {"at": step.at})[0]
            if rest and at is None and not accumulate and _is_permutation(rest) and value.rank == 0:
                return emit(update, (base, value), {"at": step.at})[0]
            part = self._put(self._through(base, step), rest, at, takes, value, accumulate)
            return emit(update, (base, part), {"at": step.at})[0]
        inner = self._through(base, step)
        if not rest and at is None and not accumulate:
            part = self._as_whole(value, inner.type)  # type: ignore[arg-type]
        else:
            part = self._put(inner, rest, at, takes, value, accumulate)
        if isinstance(step, PermuteStep):
            return emit(permute, (part,), {"axes": tuple(step.axes.index(k) for k in range(len(step.axes)))})[0]
        if isinstance(step, DiagonalStep):
            return emit(update, (base, part, *_diagonal(step)), {"at": _diagonal_index(base)})[0]
        if isinstance(step, PartStep):
            return _with_part(base, step.name, part)
        assert isinstance(step, ReshapeStep)
        return emit(reshape, (part,), {"shape": base.shape})[0]

    def _fitted(self, value: Operand, shape: tuple[Dim, ...]) -> Operand:
        """Leading axes of length 1 that the target does not have are dropped, as NumPy does on assignment."""
        while value.rank > len(shape) and value.shape[0] == 1:
            value = emit(reshape, (value,), {"shape": value.shape[1:]})[0]
        return value


def _with_part(base: Operand, name: str, part: Operand) -> Operand:
    """The complex `base` with other real or imaginary parts."""
    if name == "real":
        return complex_of(part, PRIMITIVES["imag"](base))
    return complex_of(PRIMITIVES["real"](base), part)


def _diagonal(step: DiagonalStep) -> list[Operand]:
    """The rows and the columns of a diagonal's elements."""
    starts = (step.row, step.column)
    return [emit(arange, (), {"start": start, "length": step.length, "step": 1})[0] for start in starts]


def _diagonal_index(base: Operand) -> Index:
    return (*whole(base.shape[:-2]), TakeComponent(0), TakeComponent(1))


def _settled(step: Step, solver: Solver) -> Step:
    if isinstance(step, IndexStep):
        return IndexStep(tuple(
            At(solver.normalize(c.position)) if isinstance(c, At)
            else Slice(solver.normalize(c.start), solver.normalize(c.length), c.step)
            for c in step.at if not isinstance(c, TakeComponent)
        ))  # fmt: skip
    if isinstance(step, ReshapeStep):
        return ReshapeStep(
            tuple(map(solver.normalize, step.before)), tuple(map(solver.normalize, step.after)), step.same_order
        )
    if isinstance(step, BroadcastStep):
        return BroadcastStep(tuple(map(solver.normalize, step.shape)))
    if isinstance(step, DiagonalStep):
        row, column, length = map(solver.normalize, (step.row, step.column, step.length))
        return DiagonalStep(row, column, length, step.writable)
    return step


def _normal(chain: tuple[Step, ...], step: Step, solver: Solver) -> tuple[Step, ...]:
    """chain + step, with index after index composed, index moved in front of permute, and permutes composed."""
    if not chain:
        return (step,)
    last = chain[-1]
    if isinstance(last, PartStep):  # of elements, wherever they are: it stands last
        return (*_normal(chain[:-1], step, solver), last)
    if isinstance(step, IndexStep) and isinstance(last, IndexStep):
        return (*chain[:-1], IndexStep(_composed(last.at, step.at)))
    if isinstance(step, IndexStep) and isinstance(last, PermuteStep):
        moved = tuple(step.at[last.axes.index(k)] for k in range(len(last.axes)))
        before = _normal(chain[:-1], IndexStep(moved), solver)
        kept = [a for a, c in zip(last.axes, step.at, strict=True) if isinstance(c, Slice)]
        order = tuple(sorted(kept).index(a) for a in kept)
        return before if order == tuple(range(len(order))) else (*before, PermuteStep(order))
    if isinstance(step, PermuteStep) and isinstance(last, PermuteStep):
        axes = tuple(last.axes[a] for a in step.axes)
        return chain[:-1] if axes == tuple(range(len(axes))) else (*chain[:-1], PermuteStep(axes))
    if isinstance(step, ReshapeStep) and isinstance(last, ReshapeStep):
        if tuple(map(solver.normalize, last.before)) == tuple(map(solver.normalize, step.after)):
            return chain[:-1]
        return (*chain[:-1], ReshapeStep(last.before, step.after, last.same_order and step.same_order))
    return (*chain, step)


def _composed(outer: Index, inner: Index) -> Index:
    """The index that is `outer` and then `inner`."""
    rest = iter(inner)
    out: list[Any] = []
    for c in outer:
        if not isinstance(c, Slice):
            out.append(c)
            continue
        d = next(rest)
        if isinstance(d, At):
            out.append(At(c.start + d.position * c.step))
        else:
            assert isinstance(d, Slice)
            out.append(Slice(c.start + d.start * c.step, d.length, c.step * d.step))
    return tuple(out)


def _is_permutation(chain: tuple[Step, ...]) -> bool:
    return all(isinstance(s, PermuteStep) for s in chain)


def _without_ones(shape: tuple[Dim, ...]) -> tuple[Dim, ...]:
    return tuple(d for d in shape if d != 1)


def _keeps_contiguity(at: Index, shape: tuple[Dim, ...], solver: Solver) -> bool:
    """Positions first, then at most one partial slice of step 1, then whole axes."""
    k = 0
    while k < len(at) and isinstance(at[k], At):
        k += 1
    if k < len(at):
        first = at[k]
        if not isinstance(first, Slice) or first.step != 1:
            return False
    whole = [
        is_whole(_settled_component(c, solver), solver.normalize(d))
        for c, d in zip(at[k + 1 :], shape[k + 1 :], strict=True)
    ]
    return all(whole)


def _settled_component(c: Any, solver: Solver) -> Any:
    return Slice(solver.normalize(c.start), solver.normalize(c.length), c.step) if isinstance(c, Slice) else c
