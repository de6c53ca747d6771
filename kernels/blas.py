"""Matrix products through the BLAS that SciPy carries, called by pointer from compiled code.

In: float64 or float32 arrays of one dtype. Out: the result is written into the last array, which must not overlap the
others. Each function works in CPython (NumPy does the work) and inside `njit`.
Establishes, at import: the BLAS routines are registered with LLVM under names of their own, so that cached functions
find them in the next process (addresses would be stale).

`trans_*` flags say whether the operand is used transposed. Operands are matrices one of whose axes is contiguous: C or
Fortran order, transposes, and blocks of such matrices, all passed by pointer without a copy. Compiled code raises
ValueError for another layout (copy such an operand first), and for sizes beyond 2**31 - 1. It does not compare shapes.
With beta == 0 the old contents of the result are not read, so NaN in it does not leak; alpha must not be 0 where the
operands may hold NaN or infinities (BLAS may or may not read them). Compile cost: a few dozen instructions a call.

Source: BLAS, J. Dongarra et al., "A set of level 3 basic linear algebra subprograms", ACM TOMS 16 (1990).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.core.typing import signature

from gradscribe.kernels.fortran import BYTES, WORD, at_least_one, call_by_reference, flag, register_fortran
from gradscribe.kernels.lowering import Signature, is_real, lower

register_fortran("scipy.linalg.cython_blas", ("dgemm", "sgemm", "dgemv", "sgemv"))


def gemm(trans_a: int, trans_b: int, alpha: Any, a: np.ndarray, b: np.ndarray, beta: Any, c: np.ndarray) -> None:
    """c = alpha * op(a) @ op(b) + beta * c for matrices; op(a) is (m, k), op(b) (k, n), c (m, n), all of one dtype.

    Any of m, n, k may be 0.

    >>> c = np.full((2, 2), np.nan)
    >>> gemm(1, 0, 1.0, np.ones((3, 2)), np.ones((3, 2)), 0.0, c)
    >>> c.tolist()
    [[3.0, 3.0], [3.0, 3.0]]
    """
    _accumulate(alpha, lambda: (a.T if trans_a else a) @ (b.T if trans_b else b), beta, c)


def gemv(trans: int, alpha: Any, a: np.ndarray, x: np.ndarray, beta: Any, y: np.ndarray) -> None:
    """y = alpha * op(a) @ x + beta * y for a matrix a and vectors x, y of one dtype."""
    _accumulate(alpha, lambda: (a.T if trans else a) @ x, beta, y)


def gemm_batched(
    trans_a: int, trans_b: int, alpha: Any, a: np.ndarray, b: np.ndarray, beta: Any, c: np.ndarray
) -> None:
    """gemm for every i of c (batch, m, n), on a[i] and b[i]; an operand with two axes is shared by all."""
    for i in range(c.shape[0]):
        gemm(trans_a, trans_b, alpha, a if a.ndim == 2 else a[i], b if b.ndim == 2 else b[i], beta, c[i])


def _accumulate(alpha: Any, product: Any, beta: Any, target: np.ndarray) -> None:
    if beta == 0:
        target[...] = 0
    elif beta != 1:
        target *= target.dtype.type(beta)
    target += target.dtype.type(alpha) * product()


@dataclass(frozen=True)
class _Matrix:
    """A matrix as BLAS wants it; all but `batched` are LLVM values."""

    data: Any  # i8*
    rows: Any
    columns: Any
    leading: Any  # in elements, at least 1
    by_rows: Any  # i1: rows are contiguous; otherwise columns are
    usable: Any  # i1: BLAS can address it
    batch_step: Any  # in bytes; 0 if one matrix serves the whole batch


_BIT = ir.IntType(1)
_TRUE = ir.Constant(_BIT, 1)
_ZERO, _ONE, _LARGEST = ir.Constant(WORD, 0), ir.Constant(WORD, 1), ir.Constant(WORD, 2**31 - 1)


def _matrix(context: Any, builder: Any, kind: types.Array, value: Any) -> _Matrix:
    """Read shape and strides of a matrix, or of a batch of matrices (three axes)."""
    array = context.make_array(kind)(context, builder, value)
    shape, strides = cgutils.unpack_tuple(builder, array.shape), cgutils.unpack_tuple(builder, array.strides)
    rows, columns = shape[-2:]
    data = builder.bitcast(array.data, BYTES)
    batch_step = strides[0] if kind.ndim == 3 else _ZERO
    if kind.layout in ("C", "F") and (kind.ndim == 2 or kind.layout == "C"):
        by_rows = kind.layout == "C"
        leading = at_least_one(builder, columns if by_rows else rows)
        return _Matrix(data, rows, columns, leading, ir.Constant(_BIT, by_rows), _TRUE, batch_step)
    item = array.itemsize
    row_leading, row_usable = _leading(builder, rows, columns, strides[-2], strides[-1], item)
    column_leading, column_usable = _leading(builder, columns, rows, strides[-1], strides[-2], item)
    leading = builder.select(row_usable, row_leading, column_leading)
    return _Matrix(data, rows, columns, leading, row_usable, builder.or_(row_usable, column_usable), batch_step)


def _leading(builder: Any, rows: Any, columns: Any, row_step: Any, column_step: Any, item: Any) -> tuple[Any, Any]:
    """The leading dimension of a matrix seen by rows, and whether BLAS can address it so. An axis of 1 has no step."""
    least = at_least_one(builder, columns)
    few_columns, few_rows = builder.icmp_signed("<=", columns, _ONE), builder.icmp_signed("<=", rows, _ONE)
    steps = builder.sdiv(row_step, item)
    whole = builder.icmp_signed("==", builder.mul(steps, item), row_step)
    apart = builder.and_(whole, builder.icmp_signed(">=", steps, least))
    dense = builder.or_(few_columns, builder.icmp_signed("==", column_step, item))
    return builder.select(few_rows, least, steps), builder.and_(dense, builder.or_(few_rows, apart))


def _require(context: Any, builder: Any, conditions: list[Any], message: str) -> None:
    """Raise ValueError, from compiled code, unless all conditions hold."""
    holds = _TRUE
    for condition in conditions:
        holds = builder.and_(holds, condition)
    with builder.if_then(builder.not_(holds), likely=False):
        context.call_conv.return_user_exc(builder, ValueError, (message,))


def _small_enough(builder: Any, *sizes: Any) -> list[Any]:
    return [builder.icmp_signed("<=", size, _LARGEST) for size in sizes]


def _call(builder: Any, dtype: types.Type, routine: str, arguments: list[Any]) -> None:
    call_by_reference(builder, f"gradscribe_{'d' if dtype == types.float64 else 's'}{routine}", arguments)


def _gemm(context: Any, builder: Any, sig: Signature, values: tuple[Any, ...]) -> Any:
    trans_a, trans_b, alpha, _, _, beta, _ = values
    dtype = sig.args[6].dtype
    a, b, c = (_matrix(context, builder, sig.args[i], values[i]) for i in (3, 4, 6))
    m, n, k = c.rows, c.columns, builder.select(trans_a, a.rows, a.columns)
    sizes = [size for matrix in (a, b, c) for size in (matrix.rows, matrix.columns, matrix.leading)]
    _require(context, builder, [a.usable, b.usable, c.usable, *_small_enough(builder, *sizes)], _GEMM_REFUSAL)
    # BLAS counts by columns, where a matrix stored by rows is its transpose. If c is stored by rows, what is computed
    # is c.T = op(b).T @ op(a).T: the operands change places. "N" is right for an operand stored as c is and used as is.
    transpose_a = builder.xor(builder.icmp_unsigned("!=", a.by_rows, c.by_rows), trans_a)
    transpose_b = builder.xor(builder.icmp_unsigned("!=", b.by_rows, c.by_rows), trans_b)

    def swap(if_by_rows: Any, if_by_columns: Any) -> Any:
        return builder.select(c.by_rows, if_by_rows, if_by_columns)

    arguments = [
        swap(flag(builder, transpose_b, "T", "N"), flag(builder, transpose_a, "T", "N")),
        swap(flag(builder, transpose_a, "T", "N"), flag(builder, transpose_b, "T", "N")),
        swap(n, m), swap(m, n), k, alpha, swap(b.data, a.data), swap(b.leading, a.leading),
        swap(a.data, b.data), swap(a.leading, b.leading), beta, c.data, c.leading,
    ]  # fmt: skip
    if sig.args[6].ndim == 2:
        _call(builder, dtype, "gemm", arguments)
        return context.get_dummy_value()
    batch = context.make_array(sig.args[6])(context, builder, values[6]).shape
    steps = {6: swap(b.batch_step, a.batch_step), 8: swap(a.batch_step, b.batch_step), 11: c.batch_step}
    with cgutils.for_range(builder, builder.extract_value(batch, 0)) as loop:
        shifted = list(arguments)
        for place, step in steps.items():
            shifted[place] = builder.gep(arguments[place], [builder.mul(loop.index, step)])
        _call(builder, dtype, "gemm", shifted)
    return context.get_dummy_value()


def _gemv(context: Any, builder: Any, sig: Signature, values: tuple[Any, ...]) -> Any:
    trans, alpha, _, _, beta, _ = values
    dtype = sig.args[5].dtype
    a = _matrix(context, builder, sig.args[2], values[2])
    x, y = (context.make_array(sig.args[i])(context, builder, values[i]) for i in (3, 5))
    conditions, steps = [a.usable, *_small_enough(builder, a.rows, a.columns, a.leading)], []
    for kind, vector in ((sig.args[3], x), (sig.args[5], y)):
        (step,) = cgutils.unpack_tuple(builder, vector.strides)
        elements = _ONE if kind.layout == "C" else builder.sdiv(step, vector.itemsize)
        if kind.layout != "C":
            whole = builder.icmp_signed("==", builder.mul(elements, vector.itemsize), step)
            conditions += [whole, builder.icmp_signed(">=", elements, _ONE), *_small_enough(builder, elements)]
        steps.append(elements)
    _require(context, builder, conditions, _GEMV_REFUSAL)
    # y is scaled here: BLAS leaves it alone when x is empty, and some versions of OpenBLAS let 0 * NaN survive in it
    (size,) = cgutils.unpack_tuple(builder, y.shape)
    zero, one = ir.Constant(beta.type, 0.0), ir.Constant(beta.type, 1.0)
    with builder.if_then(builder.fcmp_unordered("!=", beta, one)):
        overwrite = builder.fcmp_ordered("==", beta, zero)
        with cgutils.for_range(builder, size) as loop:
            place = builder.gep(y.data, [builder.mul(loop.index, steps[1])])
            builder.store(builder.select(overwrite, zero, builder.fmul(beta, builder.load(place))), place)
    letter = flag(builder, builder.xor(trans, a.by_rows), "T", "N")
    rows = builder.select(a.by_rows, a.columns, a.rows)
    columns = builder.select(a.by_rows, a.rows, a.columns)
    x_data, y_data = builder.bitcast(x.data, BYTES), builder.bitcast(y.data, BYTES)
    _call(
        builder, dtype, "gemv",
        [letter, rows, columns, alpha, a.data, a.leading, x_data, steps[0], one, y_data, steps[1]],
    )  # fmt: skip
    return context.get_dummy_value()


_GEMM_REFUSAL = "gemm: an operand has no contiguous axis, or overlaps itself; copy it first"
_GEMV_REFUSAL = "gemv: the matrix has no contiguous axis, or a vector is reversed or broadcast; copy it first"


def _signature_of(arrays: dict[int, tuple[int, ...]], flags: tuple[int, ...], count: int) -> Any:
    """Signature rule: arrays, by position, of the given ranks and one float dtype; flags; the others are scalars."""

    def rule(*args: types.Type) -> Signature | None:
        if len(args) != count or not all(
            isinstance(args[i], types.Array) and args[i].ndim in arrays[i] for i in arrays
        ):
            return None
        dtype = args[max(arrays)].dtype
        if dtype not in (types.float64, types.float32) or any(args[i].dtype != dtype for i in arrays):
            return None
        if not args[max(arrays)].mutable or not all(is_real(args[i]) for i in range(count) if i not in arrays):
            return None
        full = [args[i] if i in arrays else types.boolean if i in flags else dtype for i in range(count)]
        return signature(types.none, *full)

    return rule


lower(gemm, _signature_of({3: (2,), 4: (2,), 6: (2,)}, (0, 1), 7), _gemm)
lower(gemm_batched, _signature_of({3: (2, 3), 4: (2, 3), 6: (3,)}, (0, 1), 7), _gemm)
lower(gemv, _signature_of({2: (2,), 3: (1,), 5: (1,)}, (0,), 6), _gemv)
