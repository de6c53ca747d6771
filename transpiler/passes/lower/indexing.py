"""Subscripts of reads and writes: slices as polynomials, index arrays as loads.

In: an `at` index over lowered dims, and the arrays behind its `Take`s. Out: element readers, and nests that write.
Establishes: index arrays are checked once, as a whole, before the nest that uses them; inside it positions are only
wrapped.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gradscribe.transpiler.ir.builder import emit
from gradscribe.transpiler.ir.dims import Dim
from gradscribe.transpiler.ir.index import At, Index, Slice, Take, result_shape
from gradscribe.transpiler.ir.nodes import Operand, Var
from gradscribe.transpiler.ir.types import INT64, ArrayType
from gradscribe.transpiler.passes.lower.elements import Pulled, Stored, Subscripts, Uniform, Value, broadcast_element
from gradscribe.transpiler.passes.lower.nests import write
from gradscribe.transpiler.passes.lower.operations import check_indices, wrapped
from gradscribe.transpiler.passes.lower.scalars import with_dtype
from gradscribe.transpiler.primitives.primitive import broadcast_shapes
from gradscribe.transpiler.primitives.structure import index_through


def slice_position(at: Index) -> Callable[[Subscripts], Subscripts]:
    """Subscripts of the array from subscripts of the slice."""
    return lambda subscripts: index_through(subscripts, at)


class TakeIndex:
    """An index with `Take`s, resolved: how many axes come from where, and the position of each element."""

    def __init__(self, base: ArrayType, at: Index, takes: Sequence[Operand]) -> None:
        self.base, self.at = base, at
        self.takes: list[Value] = []
        for x in takes:
            assert isinstance(x.type, ArrayType)
            self.takes.append(Stored(x) if isinstance(x, Var) and x.type.shape else Uniform(x.type, x))
        self.take_shape = broadcast_shapes([t.type.shape for t in self.takes], "indexing")
        self.shape = result_shape(at, self.take_shape)
        advanced = [k for k, c in enumerate(at) if not isinstance(c, Slice)]
        adjacent = advanced == list(range(advanced[0], advanced[-1] + 1))
        self.before = advanced[0] if adjacent else 0

    def check(self, wanted: Sequence[bool]) -> None:
        """Emit the range checks of those index arrays that are wanted."""
        for axis, c in enumerate(self.at):
            if isinstance(c, Take) and wanted[c.operand]:
                value = self.takes[c.operand]
                source = value.var if isinstance(value, Stored) else value.scalar  # type: ignore[union-attr]
                emit(check_indices, (source,), {"size": self.base.shape[axis], "axis": axis})

    def position(self, subscripts: Subscripts) -> Subscripts:
        """Where element `subscripts` of the result lies in the base; emits the loads of the index arrays."""
        count = len(self.take_shape)
        through = subscripts[self.before : self.before + count]
        sliced = iter((*subscripts[: self.before], *subscripts[self.before + count :]))
        out: list[Dim] = []
        for axis, c in enumerate(self.at):
            if isinstance(c, At):
                out.append(c.position)
            elif isinstance(c, Slice):
                out.append(c.start + c.step * next(sliced))
            else:
                element = with_dtype(broadcast_element(self.takes[c.operand], through), INT64)
                (place,) = emit(wrapped, (element,), {"size": self.base.shape[axis]})
                out.append(Dim.of(place))
        return tuple(out)


def index_value(
    source: Value, type: ArrayType, at: Index, takes: Sequence[Operand], unchecked: Sequence[bool]
) -> Value:
    """`source[at]` with index arrays, element by element."""
    resolved = TakeIndex(source.type, at, takes)
    resolved.check(unchecked)
    bases = (*source.bases, *(x for x in takes if isinstance(x, Var) and x.type.dims()))
    return Pulled(type, lambda s: source.element(resolved.position(s)), tuple(dict.fromkeys(bases)), source.cost + 1)


def lower_take_write(
    operation: object, target: Var, value: Value, at: Index, takes: Sequence[Operand], unchecked: Sequence[bool]
) -> Var:
    """`update` or `update_add` through index arrays: in the order of the index, so that the last write to a place
    wins."""
    assert isinstance(target.type, ArrayType)
    resolved = TakeIndex(target.type, at, takes)
    resolved.check(unchecked)
    return write(target, value, resolved.shape, resolved.position, operation, ordered=True)
