"""`np.linalg`: systems, inverses, determinants, factors, eigenvalues, singular values, least squares. Matrices stand in
the last two axes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gradscribe.transpiler.errors import ShapeError, UnsupportedSyntax
from gradscribe.transpiler.ir.builder import current_span, emit
from gradscribe.transpiler.ir.dims import Dim
from gradscribe.transpiler.ir.equalities import equalities
from gradscribe.transpiler.ir.nodes import Literal, Operand
from gradscribe.transpiler.library.arguments import (
    NeedsStatic,
    common,
    data,
    floating,
    refuse_given,
    reshaped,
    spread,
    static_int,
    static_value,
    strong,
)
from gradscribe.transpiler.library.contraction_rules import matmul
from gradscribe.transpiler.library.mask_rules import compress
from gradscribe.transpiler.primitives import decompositions, least_squares, linear_algebra
from gradscribe.transpiler.primitives.allocation import eye
from gradscribe.transpiler.primitives.arithmetic import equal, greater
from gradscribe.transpiler.primitives.complex_numbers import squared_size
from gradscribe.transpiler.primitives.primitive import Library, broadcast_shapes
from gradscribe.transpiler.primitives.reductions import reduce_max, reduce_sum

Rule = Callable[..., Any]
_NOT_GIVEN = object()


def _matrices(a: Any, what: str) -> Operand:
    x = floating(strong(data(a)))
    if x.rank < 2:
        raise ShapeError(current_span(), f"`{what}` takes matrices, not an array of rank {x.rank}")
    return x


def solve(a: Any, b: Any) -> Any:
    """A vector on the right is one system; otherwise the last axis counts right hand sides, leading axes broadcast."""
    x, y = common([_matrices(a, "np.linalg.solve"), floating(strong(data(b)))])
    if y.rank == 1 and x.rank == 2:
        return linear_algebra.solve(x, y)
    if y.rank == 1:
        raise ShapeError(current_span(), "a stack of matrices with one vector", "give the right hand sides as columns")
    stack = broadcast_shapes([x.shape[:-2], y.shape[:-2]], "np.linalg.solve")
    return linear_algebra.solve(spread(x, (*stack, *x.shape[-2:])), spread(y, (*stack, *y.shape[-2:])))


def _real_matrices(a: Any, what: str) -> Operand:
    x = _matrices(a, what)
    if x.dtype.kind == "c":
        raise UnsupportedSyntax(current_span(), f"`{what}` of complex matrices is not supported")
    return x


def _of_one(operation: Library, name: str) -> Rule:
    return lambda a: operation(_matrices(a, name))


def cholesky(a: Any, /, *, upper: Any = False) -> Any:
    refuse_given("np.linalg.cholesky", upper=(upper, False))
    return linear_algebra.cholesky(_real_matrices(a, "np.linalg.cholesky"))


def slogdet(a: Any) -> Any:
    x = _real_matrices(a, "np.linalg.slogdet")
    return _SignAndLog(linear_algebra.det_sign(x), linear_algebra.log_abs_det(x))


def matrix_power(a: Any, n: Any) -> Any:
    """By repeated squares; negative powers are those of the inverse."""
    exponent = static_int(n, "the exponent of a matrix")
    x = strong(data(a))
    if exponent == 0:
        side = x.shape[-1]
        return spread(eye(rows=side, columns=side, k=0, dtype=x.dtype), x.shape)
    if exponent < 0:
        x, exponent = linear_algebra.inv(_matrices(x, "np.linalg.matrix_power")), -exponent
    result, square = None, x
    while exponent:
        if exponent & 1:
            result = square if result is None else matmul(result, square)
        exponent >>= 1
        square = matmul(square, square) if exponent else square
    return result


# ---- decompositions ----

# what NumPy's functions return: tuples with names
_Eigen: Rule = type(np.linalg.eigh(np.eye(1)))
_Singular: Rule = type(np.linalg.svd(np.eye(1)))
_Orthogonal: Rule = type(np.linalg.qr(np.eye(1)))
_SignAndLog: Rule = type(np.linalg.slogdet(np.eye(1)))


def _smaller_side(x: Operand, what: str) -> Dim:
    rows, columns = x.shape[-2:]
    tall, wide = equalities().nonnegative(rows - columns), equalities().nonnegative(columns - rows)
    if tall is None or wide is None:
        raise NeedsStatic(rows, f"`{what}` has to know whether a matrix has more rows or more columns")
    if tall and wide:
        equalities().require(rows, columns, what)
    return equalities().normalize(rows if wide else columns)


def _reads_lower(UPLO: Any) -> bool:
    letter = static_value(UPLO, "UPLO")
    if not isinstance(letter, str) or letter.upper() not in ("L", "U"):
        raise ValueError("UPLO argument must be 'L' or 'U'")
    return letter.upper() == "L"


def eigh(a: Any, UPLO: Any = "L") -> Any:
    x = _matrices(a, "np.linalg.eigh")
    return _Eigen(*emit(decompositions.eigh, (x,), {"lower": _reads_lower(UPLO)}))


def eigvalsh(a: Any, UPLO: Any = "L") -> Any:
    return eigh(a, UPLO)[0]


def svd(a: Any, full_matrices: Any = True, compute_uv: Any = True, hermitian: Any = False) -> Any:
    """Vectors beyond the smaller side have no derivative, but the values do: they are another equation's."""
    refuse_given("np.linalg.svd", hermitian=(hermitian, False))
    x = _matrices(a, "np.linalg.svd")
    length = _smaller_side(x, "np.linalg.svd")
    u, s, vh = emit(decompositions.svd, (x,), {"length": length, "full": False})
    if not static_value(compute_uv, "compute_uv"):
        return s
    square = all(equalities().normalize(d - length) == 0 for d in x.shape[-2:])
    if static_value(full_matrices, "full_matrices") and not square:
        u, _, vh = emit(decompositions.svd, (x,), {"length": length, "full": True})
    return _Singular(u, s, vh)


def svdvals(x: Any, /) -> Any:
    return svd(x, compute_uv=False)


def qr(a: Any, mode: Any = "reduced") -> Any:
    x = _matrices(a, "np.linalg.qr")
    length = _smaller_side(x, "np.linalg.qr")
    wanted = static_value(mode, "mode")
    square_or_wide = equalities().normalize(x.shape[-2] - length) == 0
    if wanted not in ("reduced", "r") and not (wanted == "complete" and square_or_wide):
        raise UnsupportedSyntax(current_span(), f"`np.linalg.qr` with mode={wanted!r} is not supported")
    q, r = emit(decompositions.qr, (x,), {"length": length})
    return r if wanted == "r" else _Orthogonal(q, r)


# ---- least squares ----


def pinv(a: Any, rcond: Any = None, hermitian: Any = False, *, rtol: Any = _NOT_GIVEN) -> Any:
    refuse_given("np.linalg.pinv", hermitian=(hermitian, False))
    x = _matrices(a, "np.linalg.pinv")
    if rcond is None and rtol is None:
        limit = _relative_limit(x, "np.linalg.pinv")
    elif rcond is None:
        limit = 1e-15 if rtol is _NOT_GIVEN else float(static_value(rtol, "rtol"))
    else:
        refuse_given("np.linalg.pinv", rtol=(rtol, _NOT_GIVEN))
        limit = float(static_value(rcond, "rcond"))
    return least_squares.pinv(x, rcond=limit, length=_smaller_side(x, "np.linalg.pinv"))


def _relative_limit(x: Operand, what: str) -> float:
    """How small a singular value counts as zero, relative to the largest: rounding times the longer side."""
    sides = [static_int(d, f"a side of the matrix of `{what}`") for d in x.shape[-2:]]
    return float(np.finfo(x.dtype).eps) * max(sides)


def lstsq(a: Any, b: Any, rcond: Any = None) -> Any:
    """As in NumPy the residuals are empty where the rank is not full, so their number is data."""
    x, y = common([_matrices(a, "np.linalg.lstsq"), floating(strong(data(b)))])
    if x.rank != 2 or y.rank not in (1, 2):
        raise ShapeError(current_span(), "`np.linalg.lstsq` takes one matrix, and a vector or columns on the right")
    length = _smaller_side(x, "np.linalg.lstsq")
    limit = _relative_limit(x, "np.linalg.lstsq") if rcond is None else float(static_value(rcond, "rcond"))
    limit = limit if limit >= 0 else float(np.finfo(x.dtype).eps)
    solution = least_squares.lstsq(x, y, rcond=limit, length=length)
    s = svdvals(x)
    rank = reduce_sum(greater(s, s.dtype.type(limit) * reduce_max(s, axes=(0,))), axes=(0,))
    rest = y - matmul(x, solution)
    residuals = reduce_sum(squared_size(reshaped(rest, (rest.shape[0], *(rest.shape[1:] or (Dim.of(1),))))), axes=(0,))
    regular = equal(rank, data(length)) if equalities().normalize(x.shape[-2] - length) != 0 else Literal(np.False_)
    residuals = compress(spread(regular, residuals.shape), residuals)
    return solution, residuals, rank, s


LINEAR_ALGEBRA_RULES: dict[Any, Rule] = {
    np.linalg.solve: solve,
    np.linalg.inv: _of_one(linear_algebra.inv, "np.linalg.inv"),
    np.linalg.det: _of_one(linear_algebra.det, "np.linalg.det"),
    np.linalg.slogdet: slogdet,
    np.linalg.cholesky: cholesky,
    np.linalg.matrix_power: matrix_power,
    np.linalg.eigh: eigh,
    np.linalg.eigvalsh: eigvalsh,
    np.linalg.svd: svd,
    np.linalg.svdvals: svdvals,
    np.linalg.qr: qr,
    np.linalg.pinv: pinv,
    np.linalg.lstsq: lstsq,
}
