"""Operations on whole arrays in loop text: allocation, copies, products of matrices, linear systems, sorting of rows.

In: a writer of loop text and an equation with one array result. Out: lines. Where a kernel fills an array, that array
is allocated first, under a name that none of the operands has (an operand that dies in the equation may lend its name
to the result).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from gradscribe.transpiler.backends.loop_text import Expressions, dtype_name
from gradscribe.transpiler.backends.names import Names
from gradscribe.transpiler.ir.dims import Dim
from gradscribe.transpiler.ir.nodes import Eqn
from gradscribe.transpiler.ir.types import ArrayType
from gradscribe.transpiler.passes.lower.contractions import matmul, matmul_add
from gradscribe.transpiler.passes.lower.sorting import argsort_rows, sort_rows
from gradscribe.transpiler.passes.lower.windows import (
    window_products,
    window_products_to_images,
    window_products_to_weights,
)
from gradscribe.transpiler.primitives.allocation import empty, zeros
from gradscribe.transpiler.primitives.conversion import copy
from gradscribe.transpiler.primitives.decompositions import eigh, qr, svd
from gradscribe.transpiler.primitives.fourier import fft, ifft
from gradscribe.transpiler.primitives.linear_algebra import cholesky, det, det_sign, inv, log_abs_det, solve
from gradscribe.transpiler.primitives.masks import true_positions
from gradscribe.transpiler.primitives.structure import reshape

SINGULAR, NOT_POSITIVE_DEFINITE, NOT_CONVERGED = 7, 8, 15  # codes of a status record


class TextWriter(Protocol):
    """What a kernel needs of the writer."""

    text: Expressions
    names: Names

    def line(self, text: str) -> None: ...

    def fresh(self, hint: str) -> str: ...

    def fail_if(self, test: str, code: int, eqn: Eqn) -> None: ...


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


def _product(call: Call, x: str, y: str, beta: float, out: str) -> None:
    kernel = "gemm" if call.type.rank == 2 else "gemm_batched"
    flags = f"{int(call.eqn.params['trans_x'])}, {int(call.eqn.params['trans_y'])}"
    call.line(f"{kernel}({flags}, 1.0, {x}, {y}, {beta}, {out})")


def _matmul(call: Call) -> None:
    x, y = call.operands
    call.filled(lambda out: _product(call, x, y, 0.0, out))


def _matmul_add(call: Call) -> None:
    """Onto the first operand, whose memory and name the result has."""
    _, x, y = call.operands
    _product(call, x, y, 1.0, call.target)


def _window_products(call: Call) -> None:
    down, across = call.eqn.params["steps"]
    x, y = call.operands
    call.filled(lambda out: call.line(f"{call.eqn.operation.name}({x}, {y}, {down}, {across}, {out})"))


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


def _stack_of_matrices(call: Call, position: int, columns: bool = False) -> str:
    """An operand (position -1: the result) as (count, rows, columns); `columns` if a vector is one column."""
    operand = call.eqn.operands[position] if position >= 0 else call.eqn.results[0]
    type = operand.type
    assert isinstance(type, ArrayType)
    return _stacked(call.writer, (*type.shape, Dim.of(1)) if columns else type.shape, 2)


def _stacked(writer: TextWriter, shape: tuple[Dim, ...], rank: int) -> str:
    """A shape whose axes before the last `rank` ones are one."""
    outer = shape[: len(shape) - rank]
    count = Dim.of(1)
    for d in outer:
        count = count * d
    return shape_text(writer, (count, *shape[len(outer) :]))


def _of_matrices(kernel: str, code: int) -> Callable[[Call], None]:
    """A kernel that fills an array from stacks of matrices and can fail."""

    def write(call: Call) -> None:
        vector = kernel == "solve" and call.type.rank == 1
        operands = [
            f"{x}.reshape({_stack_of_matrices(call, k, vector and k == 1)})" for k, x in enumerate(call.operands)
        ]

        def fill(out: str) -> None:
            result = f"{out}.reshape({_stack_of_matrices(call, -1, vector)})"
            call.writer.fail_if(f"{kernel}({', '.join([*operands, result])}) != 0", code, call.eqn)

        call.filled(fill)

    return write


def _decomposition(kernel: str, option: str = "") -> Callable[[Call], None]:
    """A kernel that fills several arrays from a stack of matrices; `option` names a parameter that it is told first."""

    def write(call: Call) -> None:
        given = [str(int(call.eqn.params[option]))] if option else []
        (matrices,), (operand,) = call.operands, call.eqn.operands
        given.append(f"{matrices}.reshape({_stacked(call.writer, operand.shape, 2)})")
        moves = []
        for result in call.eqn.results:
            type = result.type
            assert isinstance(type, ArrayType)
            target = call.writer.names.of(result)
            name = call.writer.fresh("out") if target in call.operands else target
            call.line(f"{name} = np.empty({shape_text(call.writer, type.shape)}, {dtype_name(type.dtype)})")
            given.append(f"{name}.reshape({_stacked(call.writer, type.shape, type.rank - operand.rank + 2)})")
            moves += [(target, name)] if name != target else []
        call.writer.fail_if(f"{kernel}({', '.join(given)}) != 0", NOT_CONVERGED, call.eqn)
        for target, name in moves:
            call.line(f"{target} = {name}")

    return write


def _number_of_matrices(kernel: str) -> Callable[[Call], None]:
    """A kernel that gives one number for every matrix of a stack."""

    def write(call: Call) -> None:
        k, matrices, numbers = (call.writer.fresh(x) for x in ("k", "matrices", "numbers"))

        def fill(out: str) -> None:
            call.line(f"{matrices} = {call.operands[0]}.reshape({_stack_of_matrices(call, 0)})")
            call.line(f"{numbers} = {out}.reshape(-1)")
            call.line(f"for {k} in range({numbers}.size):")
            call.line(f"    {numbers}[{k}] = {kernel}({matrices}[{k}])")

        call.filled(fill)

    return write


def _fourier(kernel: str) -> Callable[[Call], None]:
    """A kernel that transforms the rows of a matrix."""

    def write(call: Call) -> None:
        count, length = call.rows()
        shape = f"({count}, {length})"
        x = call.operands[0]
        call.filled(lambda out: call.line(f"{kernel}({x}.reshape({shape}), {out}.reshape({shape}))"))

    return write


def _true_positions(call: Call) -> None:
    """One pass over the mask; along an axis that is not the only one, what the flat position says of it."""
    mask = call.eqn.operands[0]
    stride = Dim.of(1)
    for d in mask.shape[call.eqn.params["axis"] + 1 :]:
        stride = stride * d
    k, j, flat = (call.writer.fresh(x) for x in ("k", "j", "flat"))
    place = k
    if stride != 1:
        place = f"{place} // ({call.writer.text.dim(stride)})"
    if call.eqn.params["axis"] > 0:
        place = f"{place} % ({call.writer.text.dim(mask.shape[call.eqn.params['axis']])})"

    def fill(out: str) -> None:
        call.line(f"{flat} = {call.operands[0]}.reshape(-1)")
        call.line(f"{j} = 0")
        call.line(f"for {k} in range({flat}.size):")
        call.line(f"    if {flat}[{k}]:")
        call.line(f"        {out}[{j}] = {place}")
        call.line(f"        {j} += 1")

    call.filled(fill)


KERNELS: dict[object, Callable[[Call], None]] = {
    empty: lambda call: call.assign(f"np.empty({call.shape}, {call.dtype})"),
    zeros: lambda call: call.assign(f"np.zeros({call.shape}, {call.dtype})"),
    copy: lambda call: call.assign(f"{call.operands[0]}.copy()"),
    reshape: lambda call: call.assign(f"{call.operands[0]}.reshape({call.shape})"),
    matmul: _matmul,
    matmul_add: _matmul_add,
    window_products: _window_products,
    window_products_to_images: _window_products,
    window_products_to_weights: _window_products,
    sort_rows: _sort_rows,
    argsort_rows: _argsort_rows,
    true_positions: _true_positions,
    solve: _of_matrices("solve", SINGULAR),
    inv: _of_matrices("inverse", SINGULAR),
    cholesky: _of_matrices("cholesky_factor", NOT_POSITIVE_DEFINITE),
    eigh: _decomposition("eigenvectors", "lower"),
    svd: _decomposition("singular_vectors", "full"),
    qr: _decomposition("orthogonal_factors"),
    det: _number_of_matrices("determinant"),
    det_sign: _number_of_matrices("determinant_sign"),
    log_abs_det: _number_of_matrices("log_determinant"),
    fft: _fourier("fourier_rows"),
    ifft: _fourier("inverse_fourier_rows"),
}
