"""Factorisations and solves, in place, through the BLAS and LAPACK that SciPy carries.

In: C-contiguous float64 or float32 arrays of one dtype, which are overwritten. Out: 0, or the 1-based position of what
made it fail; generated code hands that to `check_condition` with the status code NOT_POSITIVE_DEFINITE or SINGULAR.
Each function works in CPython and inside `njit`. BLAS counts by columns, so it sees every matrix transposed.

Source: LAPACK Users' Guide, E. Anderson et al., SIAM 1999 (potrf, trtrs, getrf, gesv); trsm of BLAS.
"""

from typing import Any

import numpy as np
import scipy.linalg
from llvmlite import ir
from numba.core import cgutils, types
from numba.core.typing import signature

from gradscribe.kernels.fortran import BYTES, WORD, at_least_one, call_by_reference, flag, letter, register_fortran
from gradscribe.kernels.lowering import Signature, is_real, lower

register_fortran("scipy.linalg.cython_lapack", ("dpotrf", "spotrf", "dgetrf", "sgetrf", "dgesv", "sgesv"))
register_fortran("scipy.linalg.cython_blas", ("dtrsm", "strsm"))


def potrf(a: np.ndarray) -> int:
    """Replace a (n, n) by its lower Cholesky factor, zero above the diagonal; only the lower triangle of a is read.

    Returns 0, or k if the leading minor of order k is not positive definite (a is then spoilt).

    >>> a = np.array([[4.0, 0.0], [2.0, 5.0]])
    >>> potrf(a), a.tolist()
    (0, [[2.0, 0.0], [1.0, 2.0]])
    """
    routine = scipy.linalg.lapack.get_lapack_funcs("potrf", (a,))
    factor, info = routine(a, lower=1, clean=1) if a.size else (a, 0)
    a[...] = factor
    return int(info)


def trtrs(lower_triangle: int, trans: int, unit: int, a: np.ndarray, b: np.ndarray) -> int:
    """Replace b by the solution x of op(a) @ x = b, for a triangular (n, n) and b (n,) or (n, m).

    Only the triangle named by `lower_triangle` is read, and not its diagonal if `unit` says that it is one throughout.
    Returns 0, or k if the k-th diagonal entry is zero (b is then untouched).
    """
    zeros = np.flatnonzero(np.diagonal(a) == 0)
    if not unit and zeros.size:
        return int(zeros[0]) + 1
    if b.size:
        b[...] = scipy.linalg.solve_triangular(
            a, b, lower=bool(lower_triangle), trans=int(bool(trans)), unit_diagonal=bool(unit), check_finite=False
        )
    return 0


def getrf(a: np.ndarray, pivots: np.ndarray) -> int:
    """Replace a, which holds the transpose of a matrix (n, n), by the transpose of its factors L\\U with row exchanges.

    Step k exchanged rows k and `pivots[k] - 1` (int32). Returns 0, or k if the k-th pivot is exactly zero.
    """
    if not a.size:
        return 0
    factors, order, info = scipy.linalg.lapack.get_lapack_funcs("getrf", (a,))(a.T)
    a[...] = factors.T
    pivots[...] = order + 1
    return int(info)


def gesv(a: np.ndarray, pivots: np.ndarray, b: np.ndarray) -> int:
    """Replace the rows of b (m, n) by the solutions x of a.T @ x = row, and a by its factors, as `getrf` does.

    Returns 0, or k if the k-th pivot is exactly zero (b is then untouched).
    """
    if not a.size or not b.size:
        return getrf(a, pivots)
    factors, order, x, info = scipy.linalg.lapack.get_lapack_funcs("gesv", (a, b))(a.T, b.T)
    a[...] = factors.T
    pivots[...] = order + 1
    if info == 0:
        b[...] = x.T
    return int(info)


_ZERO, _ONE, _LARGEST = ir.Constant(WORD, 0), ir.Constant(WORD, 1), ir.Constant(WORD, 2**31 - 1)


def _square(a: types.Type) -> bool:
    return isinstance(a, types.Array) and a.layout == "C" and a.ndim == 2 and a.dtype in (types.float64, types.float32)


def _potrf_signature(a: types.Type) -> Signature | None:
    return signature(types.int64, a) if _square(a) and a.mutable else None


def _trtrs_signature(*args: types.Type) -> Signature | None:
    *flags, a, b = args
    if len(flags) != 3 or not all(is_real(kind) for kind in flags) or not _square(a) or not isinstance(b, types.Array):
        return None
    if b.dtype != a.dtype or b.layout != "C" or b.ndim not in (1, 2) or not b.mutable:
        return None
    return signature(types.int64, types.boolean, types.boolean, types.boolean, a, b)


def _pivoted_signature(*args: types.Type) -> Signature | None:
    a, pivots, *right = args
    if not all(_square(kind) and kind.dtype == a.dtype and kind.mutable for kind in (a, *right)):
        return None
    order = isinstance(pivots, types.Array) and pivots.dtype == types.int32 and pivots.ndim == 1
    return signature(types.int64, *args) if order and pivots.layout == "C" and pivots.mutable else None


def _read(context: Any, builder: Any, kind: types.Array, value: Any) -> tuple[Any, list[Any]]:
    """The data and the shape of an array. Sizes beyond 32 bits are refused."""
    array = context.make_array(kind)(context, builder, value)
    shape = cgutils.unpack_tuple(builder, array.shape)
    for size in shape:
        with builder.if_then(builder.icmp_signed(">", size, _LARGEST), likely=False):
            context.call_conv.return_user_exc(builder, ValueError, ("lapack: an axis is longer than 2**31 - 1",))
    return array.data, shape


def _prefix(kind: types.Array) -> str:
    return "gradscribe_d" if kind.dtype == types.float64 else "gradscribe_s"


def _potrf(context: Any, builder: Any, sig: Signature, values: tuple[Any, ...]) -> Any:
    data, (n, _) = _read(context, builder, sig.args[0], values[0])
    info = cgutils.alloca_once_value(builder, ir.Constant(ir.IntType(32), 0))
    pointers = [builder.bitcast(data, BYTES), at_least_one(builder, n), builder.bitcast(info, BYTES)]
    call_by_reference(builder, _prefix(sig.args[0]) + "potrf", [letter("U"), n, *pointers])
    zero = ir.Constant(context.get_value_type(sig.args[0].dtype), 0.0)
    with cgutils.for_range(builder, n) as row:
        above = builder.add(row.index, _ONE)
        with cgutils.for_range_slice(builder, above, n, _ONE, WORD) as (column, _):
            builder.store(zero, builder.gep(data, [builder.add(builder.mul(row.index, n), column)]))
    return builder.sext(builder.load(info), WORD)


def _trtrs(context: Any, builder: Any, sig: Signature, values: tuple[Any, ...]) -> Any:
    lower_triangle, trans, unit, _, _ = values
    a, (n, _) = _read(context, builder, sig.args[3], values[3])
    b, shape = _read(context, builder, sig.args[4], values[4])
    m = shape[1] if len(shape) == 2 else _ONE
    kind = context.get_value_type(sig.args[3].dtype)
    info = cgutils.alloca_once_value(builder, _ZERO)
    with builder.if_then(builder.not_(unit)), cgutils.for_range(builder, n) as loop:
        entry = builder.load(builder.gep(a, [builder.mul(loop.index, builder.add(n, _ONE))]))
        first = builder.icmp_signed("==", builder.load(info), _ZERO)
        with builder.if_then(builder.and_(first, builder.fcmp_ordered("==", entry, ir.Constant(kind, 0.0)))):
            builder.store(builder.add(loop.index, _ONE), info)
    with builder.if_then(builder.icmp_signed("==", builder.load(info), _ZERO)):
        # x.T @ op(a).T = b.T: from the right, with the other triangle
        letters = [letter("R"), flag(builder, lower_triangle, "U", "L"), flag(builder, trans, "T", "N")]
        matrices = [
            builder.bitcast(a, BYTES),
            at_least_one(builder, n),
            builder.bitcast(b, BYTES),
            at_least_one(builder, m),
        ]
        arguments = [*letters, flag(builder, unit, "U", "N"), m, n, ir.Constant(kind, 1.0), *matrices]
        call_by_reference(builder, _prefix(sig.args[3]) + "trsm", arguments)
    return builder.load(info)


def _pivoted(context: Any, builder: Any, sig: Signature, values: tuple[Any, ...]) -> Any:
    """getrf(a, pivots) or gesv(a, pivots, b)."""
    arrays = [_read(context, builder, kind, value) for kind, value in zip(sig.args, values, strict=True)]
    (a, (n, _)), (pivots, _) = arrays[:2]
    info = cgutils.alloca_once_value(builder, ir.Constant(ir.IntType(32), 0))
    leading, matrix, order, outcome = at_least_one(builder, n), *(builder.bitcast(x, BYTES) for x in (a, pivots, info))
    if len(arrays) == 2:
        call_by_reference(builder, _prefix(sig.args[0]) + "getrf", [n, n, matrix, leading, order, outcome])
    else:
        b, (m, _) = arrays[2]
        right = [builder.bitcast(b, BYTES), leading, outcome]
        call_by_reference(builder, _prefix(sig.args[0]) + "gesv", [n, m, matrix, leading, order, *right])
    return builder.sext(builder.load(info), WORD)


lower(potrf, _potrf_signature, _potrf)
lower(trtrs, _trtrs_signature, _trtrs)
lower(getrf, _pivoted_signature, _pivoted)
lower(gesv, _pivoted_signature, _pivoted)
