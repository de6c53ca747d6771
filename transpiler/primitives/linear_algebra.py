"""Linear systems, inverses, determinants, Cholesky factors: LAPACK's work, differentiated in terms of itself.

Matrices stand in the last two axes; leading axes are a stack. `np.linalg.cholesky` reads the lower triangle alone, so
its derivative goes there alone. Source: M. Giles, Collected matrix derivative results (2008); I. Murray,
Differentiation of the Cholesky decomposition (2016).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gradscribe.transpiler.errors import ShapeError
from gradscribe.transpiler.ir.builder import current_span, emit
from gradscribe.transpiler.ir.dims import Dim
from gradscribe.transpiler.ir.equalities import equalities
from gradscribe.transpiler.ir.nodes import Operand
from gradscribe.transpiler.ir.types import FLOAT64, ArrayType, Type
from gradscribe.transpiler.primitives.allocation import arange
from gradscribe.transpiler.primitives.arithmetic import equal, greater, select
from gradscribe.transpiler.primitives.contraction import contract
from gradscribe.transpiler.primitives.factorisations import (
    cholesky_by_rows,
    determinant_by_elimination,
    determinant_sign_by_elimination,
    inverse_by_elimination,
    log_determinant_by_elimination,
    solve_by_elimination,
)
from gradscribe.transpiler.primitives.primitive import DType, Library, Zeroable
from gradscribe.transpiler.primitives.sample import Maker, draw, uniform
from gradscribe.transpiler.primitives.structure import broadcast_to, permute, reshape

_STACK = "abcdefgh"


def square(x: Type, what: str) -> ArrayType:
    assert isinstance(x, ArrayType)
    if x.rank < 2:
        raise ShapeError(current_span(), f"`{what}` takes square matrices")
    equalities().require(x.shape[-2], x.shape[-1], what)
    return x


def inexact(dtype: DType) -> DType:
    return dtype if dtype.kind in "fc" else FLOAT64


def transposed(x: Operand) -> Operand:
    """The matrices of a stack, transposed."""
    moved: Operand = permute(x, axes=(*range(x.rank - 2), x.rank - 1, x.rank - 2))
    return moved


def product(x: Operand, y: Operand) -> Operand:
    """Matrix product of two stacks of one shape, or of a matrix and a vector."""
    stack = _STACK[: x.rank - 2]
    columns = "k" if y.rank > 1 else ""
    return contract(x, y, f"{stack}ij", f"{stack}j{columns}", f"{stack}i{columns}")


def _trace_of_product(x: Operand, y: Operand) -> Operand:
    """trace(x y) of every matrix of two stacks."""
    stack = _STACK[: x.rank - 2]
    return contract(x, y, f"{stack}ij", f"{stack}ji", stack)


def scaled(ct: Operand, x: Operand) -> Operand:
    """Each matrix of a stack times its own number."""
    column = reshape(ct, shape=(*ct.shape, Dim.of(1), Dim.of(1))) if ct.shape else ct
    product: Operand = column * x
    return product


def _well_conditioned(*shape: int) -> Maker:
    """Random matrices near the identity times their size."""
    return lambda rng, dtype: (rng.uniform(-1, 1, shape) + 2 * shape[-1] * np.eye(shape[-1])).astype(dtype)


# ---- solve ----


def _solved(a: Type, b: Type) -> tuple[ArrayType]:
    matrix = square(a, "np.linalg.solve")
    assert isinstance(b, ArrayType)
    equalities().require(matrix.shape[-1], b.shape[0] if b.rank == 1 else b.shape[-2], "np.linalg.solve")
    dtype = np.result_type(inexact(matrix.dtype), inexact(b.dtype))
    return (ArrayType(dtype, b.shape),)


def _solve_jvp(
    operands: Sequence[Operand], results: Sequence[Operand], tangents: Sequence[Zeroable]
) -> Sequence[Zeroable]:
    """A dX = dB - dA X."""
    (a, _), (x,), (da, db) = operands, results, tangents
    right = db if da is None else -product(da, x) if db is None else db - product(da, x)
    return emit(solve, (a, right))


def _solve_vjp(
    operands: Sequence[Operand], results: Sequence[Operand], cotangents: Sequence[Zeroable]
) -> Sequence[Zeroable]:
    """B_bar = A^-T X_bar; A_bar = -B_bar X^T."""
    (a, b), (x,), (ct,) = operands, results, cotangents
    b_bar = emit(solve, (transposed(a), ct))[0]
    stack = _STACK[: a.rank - 2]
    columns = "k" if b.rank > 1 else ""
    return -contract(b_bar, x, f"{stack}i{columns}", f"{stack}j{columns}", f"{stack}ij"), b_bar


def _solve_batch(
    operands: Sequence[Operand], batched: Sequence[bool], size: Dim
) -> tuple[Sequence[Operand], Sequence[bool]]:
    (a, b), (many_a, many_b) = operands, batched
    vector = b.rank - many_b == 1
    if vector and not many_a:  # one matrix, many right hand sides: its columns
        return (permute(emit(solve, (a, permute(b, axes=(1, 0))))[0], axes=(1, 0)),), (True,)
    a = a if many_a else broadcast_to(a, shape=(size, *a.shape))
    b = b if many_b else broadcast_to(b, shape=(size, *b.shape))
    if not vector:
        return emit(solve, (a, b)), (True,)
    column = emit(solve, (a, reshape(b, shape=(*b.shape, Dim.of(1)))))[0]
    return (reshape(column, shape=b.shape),), (True,)


solve: Library = Library(
    name="solve",
    infer_types=_solved,
    run=lambda a, b: (np.linalg.solve(a, b),),
    source="np.linalg.solve(x, y)",
    expand=solve_by_elimination,
    jvp_rule=_solve_jvp,
    vjp_rule=_solve_vjp,
    batch_rule=_solve_batch,
    samples=(
        draw(_well_conditioned(3, 3), uniform(-1, 1, 3)),
        draw(_well_conditioned(3, 3), uniform(-1, 1, 3, 2)),
        draw(_well_conditioned(2, 3, 3), uniform(-1, 1, 2, 3, 4)),
    ),
)

# ---- inverse ----


def _inverse_jvp(
    operands: Sequence[Operand], results: Sequence[Operand], tangents: Sequence[Zeroable]
) -> Sequence[Zeroable]:
    """d(A^-1) = -A^-1 dA A^-1."""
    (y,), (da,) = results, tangents
    assert da is not None
    return (-product(product(y, da), y),)


def _inverse_vjp(
    operands: Sequence[Operand], results: Sequence[Operand], cotangents: Sequence[Zeroable]
) -> Sequence[Zeroable]:
    (y,), (ct,) = results, cotangents
    assert ct is not None
    y_transposed = transposed(y)
    return (-product(product(y_transposed, ct), y_transposed),)


inv: Library = Library(
    name="inv",
    infer_types=lambda a: (ArrayType(inexact(a.dtype), square(a, "np.linalg.inv").shape),),
    run=lambda a: (np.linalg.inv(a),),
    source="np.linalg.inv(x)",
    expand=inverse_by_elimination,
    jvp_rule=_inverse_jvp,
    vjp_rule=_inverse_vjp,
    batch_rule=lambda operands, batched, size: (emit(inv, operands), (True,)),
    samples=(draw(_well_conditioned(3, 3)), draw(_well_conditioned(2, 3, 3))),
)

# ---- determinants: a singular matrix has no derivative here (its inverse is asked for, and raises) ----


def _determinant_jvp(
    operands: Sequence[Operand], results: Sequence[Operand], tangents: Sequence[Zeroable]
) -> Sequence[Zeroable]:
    """d det(A) = det(A) trace(A^-1 dA)."""
    (a,), (y,), (da,) = operands, results, tangents
    assert da is not None
    return (y * _trace_of_product(inv(a), da),)


def _determinant_vjp(
    operands: Sequence[Operand], results: Sequence[Operand], cotangents: Sequence[Zeroable]
) -> Sequence[Zeroable]:
    (a,), (y,), (ct,) = operands, results, cotangents
    assert ct is not None
    return (scaled(ct * y, transposed(inv(a))),)


det: Library = Library(
    name="det",
    infer_types=lambda a: (ArrayType(inexact(a.dtype), square(a, "np.linalg.det").shape[:-2]),),
    run=lambda a: (np.linalg.det(a),),
    source="np.linalg.det(x)",
    scalar="determinant(x)",  # of one matrix; a stack has a loop around it
    expand=determinant_by_elimination,
    jvp_rule=_determinant_jvp,
    vjp_rule=_determinant_vjp,
    batch_rule=lambda operands, batched, size: (emit(det, operands), (True,)),
    samples=(draw(_well_conditioned(3, 3)), draw(_well_conditioned(2, 3, 3))),
)


def _log_determinant_jvp(
    operands: Sequence[Operand], results: Sequence[Operand], tangents: Sequence[Zeroable]
) -> Sequence[Zeroable]:
    (a,), (da,) = operands, tangents
    assert da is not None
    return (_trace_of_product(inv(a), da),)


def _log_determinant_vjp(
    operands: Sequence[Operand], results: Sequence[Operand], cotangents: Sequence[Zeroable]
) -> Sequence[Zeroable]:
    (a,), (ct,) = operands, cotangents
    assert ct is not None
    return (scaled(ct, transposed(inv(a))),)


# log |det A|; its sign is `det_sign`, a step.
log_abs_det: Library = Library(
    name="log_abs_det",
    infer_types=lambda a: (ArrayType(inexact(a.dtype), square(a, "np.linalg.slogdet").shape[:-2]),),
    run=lambda a: (np.linalg.slogdet(a)[1],),
    source="np.linalg.slogdet(x)[1]",
    scalar="log_determinant(x)",  # of one matrix; a stack has a loop around it
    expand=log_determinant_by_elimination,
    jvp_rule=_log_determinant_jvp,
    vjp_rule=_log_determinant_vjp,
    batch_rule=lambda operands, batched, size: (emit(log_abs_det, operands), (True,)),
    samples=(draw(_well_conditioned(3, 3)), draw(_well_conditioned(2, 3, 3))),
)
det_sign: Library = Library(
    name="det_sign",
    infer_types=lambda a: (ArrayType(inexact(a.dtype), square(a, "np.linalg.slogdet").shape[:-2]),),
    run=lambda a: (np.linalg.slogdet(a)[0],),
    source="np.linalg.slogdet(x)[0]",
    scalar="determinant_sign(x)",  # of one matrix; a stack has a loop around it
    expand=determinant_sign_by_elimination,
    jvp_rule=lambda operands, results, tangents: (None,),
    vjp_rule=lambda operands, results, cotangents: (None,),
    batch_rule=lambda operands, batched, size: (emit(det_sign, operands), (True,)),
    samples=(draw(_well_conditioned(3, 3)), draw(_well_conditioned(2, 3, 3))),
)

# ---- Cholesky factor ----


def below(x: Operand, *, strictly: bool, diagonal: float = 1.0) -> Operand:
    """The lower triangle of every matrix; its diagonal left out, or times a number."""
    n = x.shape[-1]
    column = emit(arange, (), {"start": Dim.of(0), "length": n, "step": 1})[0]
    row = reshape(column, shape=(n, Dim.of(1)))
    below: Operand = select(greater(row, column), x, x.dtype.type(0))
    return below if strictly else select(equal(row, column), diagonal * x if diagonal != 1.0 else x, below)


def _cholesky_jvp(
    operands: Sequence[Operand], results: Sequence[Operand], tangents: Sequence[Zeroable]
) -> Sequence[Zeroable]:
    """dL = L phi(L^-1 dS L^-T), phi the lower triangle with half the diagonal, dS the symmetric matrix that is read."""
    (factor,), (da,) = results, tangents
    assert da is not None
    change = below(da, strictly=False) + transposed(below(da, strictly=True))
    half = emit(solve, (factor, change))[0]
    inner = emit(solve, (factor, transposed(half)))[0]
    return (product(factor, below(inner, strictly=False, diagonal=0.5)),)


def _cholesky_vjp(
    operands: Sequence[Operand], results: Sequence[Operand], cotangents: Sequence[Zeroable]
) -> Sequence[Zeroable]:
    """S_bar = L^-T phi(L^T L_bar) L^-1, folded into the lower triangle."""
    (factor,), (ct,) = results, cotangents
    assert ct is not None
    upper = transposed(factor)
    inner = below(product(upper, ct), strictly=False, diagonal=0.5)
    left = emit(solve, (upper, inner))[0]
    s_bar = transposed(emit(solve, (upper, transposed(left)))[0])
    return (below(s_bar, strictly=False) + below(transposed(s_bar), strictly=True),)


def _positive_definite(*shape: int) -> Maker:
    def make(rng: np.random.Generator, dtype: DType) -> Any:
        a = rng.uniform(-1, 1, shape)
        return (a @ np.swapaxes(a, -1, -2) + shape[-1] * np.eye(shape[-1])).astype(dtype)

    return make


cholesky: Library = Library(
    name="cholesky",
    infer_types=lambda a: (ArrayType(inexact(a.dtype), square(a, "np.linalg.cholesky").shape),),
    run=lambda a: (np.linalg.cholesky(a),),
    source="np.linalg.cholesky(x)",
    expand=cholesky_by_rows,
    jvp_rule=_cholesky_jvp,
    vjp_rule=_cholesky_vjp,
    batch_rule=lambda operands, batched, size: (emit(cholesky, operands), (True,)),
    samples=(draw(_positive_definite(3, 3)), draw(_positive_definite(2, 3, 3))),
)
