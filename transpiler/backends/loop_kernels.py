"""Operations on whole arrays in loop text: allocation, copies, products of matrices, sorting of rows.

In: a writer of loop text and an equation with one array result. Out: lines. Where a kernel fills an array, that array
is allocated first, under a name that none of the operands has (an operand that dies in the equation may lend its name
to the result).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from gradscribe.transpiler.backends.loop_text import Expressions, dtype_name
from gradscribe.transpiler.ir.dims import Dim
from gradscribe.transpiler.ir.nodes import Eqn
from gradscribe.transpiler.ir.types import ArrayType
from gradscribe.transpiler.passes.lower.contractions import matmul
from gradscribe.transpiler.passes.lower.sorting import argsort_rows, sort_rows
from gradscribe.transpiler.primitives.allocation import empty, zeros
from gradscribe.transpiler.primitives.conversion import copy
from gradscribe.transpiler.primitives.structure import reshape


class TextWriter(Protocol):
    """What a kernel needs of the writer."""

    text: Expressions

    def line(self, text: str) -> None: ...

    def fresh(self, hint: str) -> str: ...


class Call:
    """One whole-array equation, spelled out."""

    def __init__(self, writer: TextWriter, eqn: Eqn, target: str) -> None:
        self.writer, self.eqn, self.target = writer, eqn, target
        type = eqn.results[0].type
        assert isinstance(type, ArrayType)
        self.type = type
        self.dtype = dtype_name(type.dtype)
        self.operands = [writer.text.operand(x) for x in eqn.operands]
        self.shape = shape_text(writer, type.shape)

    def line(self, text: str) -> None:
        self.writer.line(text)

    def assign(self, value: str) -> None:
        self.line(f"{self.target} = {value}")

    def filled(self, fill: Callable[[str], None]) -> None:
        """Allocate the result, let `fill` write the lines that fill it, and give it its name."""
        name = self.writer.fresh("out") if self.target in self.operands else self.target
        self.line(f"{name} = np.empty({self.shape}, {self.dtype})")
        fill(name)
        if name != self.target:
            self.assign(name)

    def rows(self) -> tuple[str, str]:
        """How many rows (last axis) the result has, and how long they are."""
        *outer, last = self.type.shape
        count = Dim.of(1)
        for d in outer:
            count = count * d
        return self.writer.text.dim(count), self.writer.text.dim(last)


def shape_text(writer: TextWriter, dims: tuple[Dim, ...]) -> str:
    items = [writer.text.dim(d) for d in dims]
    return f"({items[0]},)" if len(items) == 1 else f"({', '.join(items)})"


def _matmul(call: Call) -> None:
    kernel = "gemm" if call.type.rank == 2 else "gemm_batched"
    flags = f"{int(call.eqn.params['trans_x'])}, {int(call.eqn.params['trans_y'])}"
    x, y = call.operands
    call.filled(lambda out: call.line(f"{kernel}({flags}, 1.0, {x}, {y}, 0.0, {out})"))


def _sort_rows(call: Call) -> None:
    count, length = call.rows()
    k, rows = call.writer.fresh("k"), call.writer.fresh("rows")
    call.assign(f"{call.operands[0]}.copy()")
    call.line(f"{rows} = {call.target}.reshape(({count}, {length}))")
    call.line(f"for {k} in range({count}):")
    call.line(f"    {rows}[{k}].sort()")


def _argsort_rows(call: Call) -> None:
    count, length = call.rows()
    k, j, order, rows, places = (call.writer.fresh(x) for x in ("k", "j", "order", "rows", "places"))

    def fill(out: str) -> None:
        call.line(f"{rows} = {call.operands[0]}.reshape(({count}, {length}))")
        call.line(f"{places} = {out}.reshape(({count}, {length}))")
        call.line(f"for {k} in range({count}):")
        call.line(f'    {order} = np.argsort({rows}[{k}], kind="mergesort")')
        call.line(f"    for {j} in range({length}):")
        call.line(f"        {places}[{k}, {j}] = {order}[{j}]")

    call.filled(fill)


KERNELS: dict[object, Callable[[Call], None]] = {
    empty: lambda call: call.assign(f"np.empty({call.shape}, {call.dtype})"),
    zeros: lambda call: call.assign(f"np.zeros({call.shape}, {call.dtype})"),
    copy: lambda call: call.assign(f"{call.operands[0]}.copy()"),
    reshape: lambda call: call.assign(f"{call.operands[0]}.reshape({call.shape})"),
    matmul: _matmul,
    sort_rows: _sort_rows,
    argsort_rows: _argsort_rows,
}
