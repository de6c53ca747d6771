"""Pseudo-inverses and least squares: NumPy's work, differentiated where the rank does not change.

Matrices stand in the last two axes; leading axes are a stack. Singular values up to `rcond` times the largest count as
zero. Where a small change of the matrix changes its rank, neither function has a derivative; these rules then give the
one along matrices of equal rank, as JAX's do. Source: G. Golub, V. Pereyra, The differentiation of pseudo-inverses and
nonlinear least squares problems whose variables separate (1973).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gradscribe.transpiler.ir.builder import emit
from gradscribe.transpiler.ir.dims import Dim
from gradscribe.transpiler.ir.equalities import equalities
from gradscribe.transpiler.ir.nodes import Operand
from gradscribe.transpiler.ir.types import ArrayType, Type
from gradscribe.transpiler.primitives.arithmetic import greater, select
from gradscribe.transpiler.primitives.complex_numbers import conjugated
from gradscribe.transpiler.primitives.decompositions import adjoint, of_columns, svd
from gradscribe.transpiler.primitives.linear_algebra import inexact, product, transposed
from gradscribe.transpiler.primitives.primitive import Library, Zeroable
from gradscribe.transpiler.primitives.reductions import reduce_max
from gradscribe.transpiler.primitives.sample import draw, uniform
from gradscribe.transpiler.primitives.structure import broadcast_to, permute, reshape

_ONE = Dim.of(1)


# ---- pseudo-inverse ----


def _pinv_jvp(
    operands: Sequence[Operand], results: Sequence[Operand], tangents: Sequence[Zeroable], **params: Any
) -> Sequence[Zeroable]:
    """dP = -P dA P + P P^H dA^H (I - A P) + (I - P A) dA^H P^H P."""
    (a,), (p,), (da,) = operands, results, tangents
    assert da is not None
    dah, ph = adjoint(da), adjoint(p)
    left, right = product(product(p, ph), dah), product(dah, product(ph, p))
    moved = -product(product(p, da), p)
    return (moved + (left - product(product(left, a), p)) + (right - product(p, product(a, right))),)


def _pinv_vjp(
    operands: Sequence[Operand], results: Sequence[Operand], cotangents: Sequence[Zeroable], **params: Any
) -> Sequence[Zeroable]:
    (a,), (p,), (ct,) = operands, results, cotangents
    assert ct is not None
    pt, pc, ac, cth = transposed(p), conjugated(p), conjugated(a), adjoint(ct)
    left, right = product(cth, product(pc, pt)), product(product(pt, pc), cth)
    moved = -product(product(pt, ct), pt)
    return (moved + (left - product(ac, product(pc, left))) + (right - product(product(right, pc), ac)),)


def pinv_by_svd(a: Operand, *, rcond: float, length: Dim) -> Operand:
    u, s, vh = emit(svd, (a,), {"length": length, "full": False})
    largest = reduce_max(s, axes=(s.rank - 1,))
    wide = reshape(largest, shape=(*largest.shape, _ONE)) if s.rank > 1 else largest
    kept = greater(s, s.dtype.type(rcond) * wide)
    inverse = select(kept, 1.0 / select(kept, s, s.dtype.type(1)), s.dtype.type(0))
    return product(adjoint(vh) * of_columns(inverse), adjoint(u))


def _number(rcond: float) -> str:
    return repr(float(rcond))


pinv: Library = Library(
    name="pinv",
    infer_types=lambda a, *, rcond, length: (ArrayType(inexact(a.dtype), (*a.shape[:-2], a.shape[-1], a.shape[-2])),),
    run=lambda a, *, rcond, length: (np.linalg.pinv(a, rcond=rcond),),
    source=lambda params, operands, result, write: (
        "np.linalg.pinv(x)" if params["rcond"] == 1e-15 else f"np.linalg.pinv(x, rcond={_number(params['rcond'])})"
    ),
    expand=pinv_by_svd,
    jvp_rule=_pinv_jvp,
    vjp_rule=_pinv_vjp,
    batch_rule=lambda operands, batched, size, **params: (emit(pinv, operands, params), (True,)),
    samples=(
        draw(uniform(-1, 1, 3, 2), rcond=1e-15, length=2),
        draw(uniform(-1, 1, 2, 2, 4), rcond=1e-9, length=2),
    ),
)

# ---- least squares ----


def _columns(x: Operand) -> Operand:
    """A vector as one column."""
    columns: Operand = x if x.rank > 1 else reshape(x, shape=(*x.shape, _ONE))
    return columns


def _least_squares_type(a: Type, b: Type, **params: Any) -> tuple[Type]:
    assert isinstance(a, ArrayType) and isinstance(b, ArrayType)
    equalities().require(a.shape[-2], b.shape[0], "np.linalg.lstsq")
    dtype = np.result_type(inexact(a.dtype), inexact(b.dtype))
    return (ArrayType(dtype, (a.shape[-1], *b.shape[1:])),)


def _least_squares_jvp(
    operands: Sequence[Operand], results: Sequence[Operand], tangents: Sequence[Zeroable], **params: Any
) -> Sequence[Zeroable]:
    """dx = P (db - dA x) + P P^H dA^H (b - A x) + (I - P A) dA^H P^H x, with P the pseudo-inverse of A."""
    (a, b), (x,), (da, db) = operands, results, tangents
    p = emit(pinv, (a,), params)[0]
    moved = None if db is None else product(p, _columns(db))
    if da is not None:
        columns, dah, ph = _columns(x), adjoint(da), adjoint(p)
        residual = _columns(b) - product(a, columns)
        beside = product(dah, product(ph, columns))
        by_matrix = product(p, product(ph, product(dah, residual)) - product(da, columns))
        by_matrix = by_matrix + beside - product(p, product(a, beside))
        moved = by_matrix if moved is None else moved + by_matrix
    assert moved is not None
    return (moved if x.rank > 1 else reshape(moved, shape=x.shape),)


def _least_squares_vjp(
    operands: Sequence[Operand], results: Sequence[Operand], cotangents: Sequence[Zeroable], **params: Any
) -> Sequence[Zeroable]:
    (a, b), (x,), (given,) = operands, results, cotangents
    assert given is not None
    p = emit(pinv, (a,), params)[0]
    columns, ct = _columns(x), _columns(given)
    residual = _columns(b) - product(a, columns)
    pt, pc, cth = transposed(p), conjugated(p), adjoint(ct)
    b_bar = product(pt, ct)
    a_bar = -product(b_bar, transposed(columns))
    a_bar = a_bar + product(conjugated(residual), product(product(cth, pc), pt))
    beside = product(product(pt, conjugated(columns)), cth)
    a_bar = a_bar + beside - product(product(beside, pc), conjugated(a))
    return a_bar, b_bar if b.rank > 1 else reshape(b_bar, shape=b.shape)


def least_squares_by_svd(a: Operand, b: Operand, **params: Any) -> Operand:
    return product(pinv_by_svd(a, **params), b)


def _least_squares_batch(
    operands: Sequence[Operand], batched: Sequence[bool], size: Dim, **params: Any
) -> tuple[Sequence[Operand], Sequence[bool]]:
    """Right hand sides of one matrix are its columns; NumPy has no stacks of matrices here, but of pseudo-inverses."""
    (a, b), (many_a, many_b) = operands, batched
    if not many_a:
        lanes, rows, *columns = b.shape
        moved = permute(b, axes=(*range(1, b.rank), 0))
        x = emit(lstsq, (a, reshape(moved, shape=(rows, _product_of([*columns, lanes])))), params)[0]
        apart = reshape(x, shape=(a.shape[-1], *columns, lanes))
        return (permute(apart, axes=(apart.rank - 1, *range(apart.rank - 1))),), (True,)
    p = emit(pinv, (a,), params)[0]
    vector = b.rank - many_b == 1
    right = reshape(b, shape=(*b.shape, _ONE)) if vector else b
    right = right if many_b else broadcast_to(right, shape=(size, *right.shape))
    found = product(p, right)
    return (reshape(found, shape=found.shape[:-1]) if vector else found,), (True,)


def _product_of(dims: Sequence[Dim]) -> Dim:
    total = _ONE
    for d in dims:
        total = total * d
    return total


lstsq: Library = Library(
    name="lstsq",
    infer_types=_least_squares_type,
    run=lambda a, b, *, rcond, length: (np.linalg.lstsq(a, b, rcond=rcond)[0],),
    source=lambda params, operands, result, write: f"np.linalg.lstsq(x, y, rcond={_number(params['rcond'])})[0]",
    expand=least_squares_by_svd,
    jvp_rule=_least_squares_jvp,
    vjp_rule=_least_squares_vjp,
    batch_rule=_least_squares_batch,
    samples=(
        draw(uniform(-1, 1, 4, 2), uniform(-1, 1, 4), rcond=1e-12, length=2),
        draw(uniform(-1, 1, 2, 4), uniform(-1, 1, 2, 3), rcond=1e-12, length=2),
    ),
)
