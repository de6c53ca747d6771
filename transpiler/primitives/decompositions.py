"""Eigenvalues and eigenvectors of Hermitian matrices, singular values, orthogonal factors.

Matrices stand in the last two axes; leading axes are a stack. As in JAX, vectors are differentiated in the gauge where
they do not turn within themselves, and the derivatives of vectors are infinite or NaN where their values coincide.
`np.linalg.eigh` reads one triangle alone, so its derivative goes there alone. Cotangents are bilinear: that of z is
d/dx - i d/dy. Source: M. Giles, Collected matrix derivative results (2008); J. Townsend, Differentiating the singular
value decomposition (2016); S. Walter, L. Lehmann, Algorithmic differentiation of linear algebra functions (2010).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gradscribe.transpiler.errors import NoRule
from gradscribe.transpiler.ir.builder import current_span, emit
from gradscribe.transpiler.ir.dims import Dim
from gradscribe.transpiler.ir.equalities import equalities
from gradscribe.transpiler.ir.nodes import Operand
from gradscribe.transpiler.ir.types import ArrayType, Type
from gradscribe.transpiler.primitives.allocation import arange, eye
from gradscribe.transpiler.primitives.arithmetic import equal, select
from gradscribe.transpiler.primitives.complex_numbers import conjugated, real, widened
from gradscribe.transpiler.primitives.joining import concatenate
from gradscribe.transpiler.primitives.linear_algebra import below, inexact, product, solve, square, transposed
from gradscribe.transpiler.primitives.primitive import DType, Library, Zeroable, zeros_of
from gradscribe.transpiler.primitives.reductions import reduce_sum
from gradscribe.transpiler.primitives.sample import Maker, draw, uniform
from gradscribe.transpiler.primitives.scans import slice_axis
from gradscribe.transpiler.primitives.structure import reshape

_ONE = Dim.of(1)


def adjoint(x: Operand) -> Operand:
    """The conjugate transposed matrices."""
    return conjugated(transposed(x))


def _real(x: Operand) -> Operand:
    part: Operand = real(x) if x.dtype.kind == "c" else x
    return part


def of_rows(x: Operand) -> Operand:
    """One number for each row, to multiply matrices by."""
    column: Operand = reshape(x, shape=(*x.shape, _ONE))
    return column


def of_columns(x: Operand) -> Operand:
    """One number for each column."""
    row: Operand = reshape(x, shape=(*x.shape[:-1], _ONE, x.shape[-1]))
    return row


def _is_diagonal(n: Dim) -> Operand:
    column = emit(arange, (), {"start": Dim.of(0), "length": n, "step": 1})[0]
    mask: Operand = equal(reshape(column, shape=(n, _ONE)), column)
    return mask


def _diagonal(x: Operand) -> Operand:
    """The diagonals of square matrices."""
    entries: Operand = reduce_sum(select(_is_diagonal(x.shape[-1]), x, x.dtype.type(0)), axes=(x.rank - 1,))
    return entries


def _on_diagonal(values: Operand, like: Operand) -> Operand:
    """Diagonal matrices of the dtype of `like`."""
    wide = widened(values, like)
    matrices: Operand = select(_is_diagonal(values.shape[-1]), of_columns(wide), wide.dtype.type(0))
    return matrices


def _over_gaps(values: Operand, x: Operand) -> Operand:
    """x_ij / (v_j - v_i), and 0 on the diagonal."""
    n = values.shape[-1]
    one = eye(rows=n, columns=n, k=0, dtype=values.dtype)
    gaps = 1.0 / (of_columns(values) - of_rows(values) + one) - one
    divided: Operand = gaps * x
    return divided


def _total(*terms: Zeroable) -> Operand:
    """The sum of those that are there; one is."""
    total, *others = [t for t in terms if t is not None]
    for term in others:
        total = total + term
    return total


def _real_dtype(dtype: DType) -> DType:
    return np.empty(0, dtype).real.dtype


def is_tall(x: Operand, length: Dim) -> bool:
    """More rows than the smaller side `length`."""
    return equalities().normalize(x.shape[-2] - length) != 0


def is_wide(x: Operand, length: Dim) -> bool:
    return equalities().normalize(x.shape[-1] - length) != 0


def _matrices(*shape: int) -> Maker:
    """Random matrices with singular values that are apart."""

    def make(rng: np.random.Generator, dtype: DType) -> Any:
        k = np.arange(min(shape[-2:]))
        x = 0.3 * rng.uniform(-1, 1, shape)
        x[..., k, k] += 1.0 + k
        return x.astype(dtype)

    return make


# ---- Hermitian eigenvalues ----


def _read_triangle(x: Operand, lower: bool) -> Operand:
    """The Hermitian matrix that `np.linalg.eigh` takes x for."""
    x = x if lower else transposed(x)
    strict = below(x, strictly=True)
    whole = _on_diagonal(_real(_diagonal(x)), x) + strict + adjoint(strict)
    return whole if lower else transposed(whole)


def _eigh_types(a: Type, *, lower: bool) -> Sequence[Type]:
    matrix = square(a, "np.linalg.eigh")
    dtype = inexact(matrix.dtype)
    return ArrayType(_real_dtype(dtype), matrix.shape[:-1]), ArrayType(dtype, matrix.shape)


def _eigh_jvp(
    operands: Sequence[Operand], results: Sequence[Operand], tangents: Sequence[Zeroable], *, lower: bool
) -> Sequence[Zeroable]:
    """With M = V^H dA V: dw = diag(M), dV = V (M_ij / (w_j - w_i))."""
    (w, v), (da,) = results, tangents
    assert da is not None
    moved = product(product(adjoint(v), _read_triangle(da, lower)), v)
    return _real(_diagonal(moved)), product(v, _over_gaps(w, moved))


def _eigh_vjp(
    operands: Sequence[Operand], results: Sequence[Operand], cotangents: Sequence[Zeroable], *, lower: bool
) -> Sequence[Zeroable]:
    """V^* (diag(w_bar) + (V^T V_bar)_ij / (w_j - w_i)) V^T, folded into the triangle that is read."""
    (w, v), (w_bar, v_bar) = results, cotangents
    left = _total(
        None if w_bar is None else conjugated(v) * of_columns(w_bar),
        None if v_bar is None else product(conjugated(v), _over_gaps(w, product(transposed(v), v_bar))),
    )
    whole = product(left, transposed(v))
    whole = whole if lower else transposed(whole)
    folded = below(whole + adjoint(whole), strictly=True) + _on_diagonal(_real(_diagonal(whole)), whole)
    return (folded if lower else transposed(folded),)


def _symmetric(*shape: int) -> Maker:
    def make(rng: np.random.Generator, dtype: DType) -> Any:
        x = 0.3 * rng.uniform(-1, 1, shape)
        return (x + np.swapaxes(x, -1, -2) + np.diag(np.arange(shape[-1]))).astype(dtype)

    return make


eigh: Library = Library(
    name="eigh",
    infer_types=_eigh_types,
    run=lambda a, *, lower: tuple(np.linalg.eigh(a, "L" if lower else "U")),
    source=lambda params, operands, result, write: (
        "np.linalg.eigh(x)" if params["lower"] else 'np.linalg.eigh(x, UPLO="U")'
    ),
    jvp_rule=_eigh_jvp,
    vjp_rule=_eigh_vjp,
    batch_rule=lambda operands, batched, size, *, lower: (emit(eigh, operands, {"lower": lower}), (True, True)),
    alone=lambda *, lower: {0: "np.linalg.eigvalsh(x)" if lower else 'np.linalg.eigvalsh(x, UPLO="U")'},
    samples=(draw(_symmetric(3, 3), lower=True), draw(_symmetric(2, 3, 3), lower=False)),
)

# ---- singular values ----


def _svd_types(a: Type, *, length: Dim, full: bool) -> Sequence[Type]:
    assert isinstance(a, ArrayType)
    dtype = inexact(a.dtype)
    *stack, rows, columns = a.shape
    left, right = (rows, columns) if full else (length, length)
    return (
        ArrayType(dtype, (*stack, rows, left)),
        ArrayType(_real_dtype(dtype), (*stack, length)),
        ArrayType(dtype, (*stack, right, columns)),
    )


def _reduced(full: bool, what: str) -> None:
    if full:
        hint = 'mode="reduced"' if what.endswith("qr") else "full_matrices=False"
        raise NoRule(current_span(), f"`{what}` with all columns has no derivative", f"pass `{hint}`")


def _svd_jvp(
    operands: Sequence[Operand],
    results: Sequence[Operand],
    tangents: Sequence[Zeroable],
    *,
    length: Dim,
    full: bool,
) -> Sequence[Zeroable]:
    """With P = U^H dA V: ds = diag(P), dU = U ((P S + S P^H)_ij / (s_j^2 - s_i^2)), dV likewise; beside them what
    leaves the space of the columns."""
    _reduced(full, "np.linalg.svd")
    (a,), (u, s, vh), (da,) = operands, results, tangents
    assert da is not None
    v = adjoint(vh)
    da_v = product(da, v)
    p = product(adjoint(u), da_v)
    ph, across, down = adjoint(p), of_columns(s), of_rows(s)
    turn_u, turn_v = _over_gaps(s * s, p * across + down * ph), _over_gaps(s * s, down * p + ph * across)
    if a.dtype.kind == "c":
        turn_u = turn_u + _phase(p - ph, s)
    du, dv = product(u, turn_u), product(v, turn_v)
    if is_tall(a, length):
        du = du + (da_v - product(u, p)) / across
    if is_wide(a, length):
        da_u = product(adjoint(da), u)
        dv = dv + (da_u - product(v, ph)) / across
    return du, _real(_diagonal(p)), adjoint(dv)


def _phase(difference: Operand, s: Operand) -> Operand:
    """diag(difference) / (2 s): how the phases of left vectors turn."""
    diagonal = _diagonal(difference)
    return _on_diagonal(0.5 * diagonal / widened(s, diagonal), difference)


def _svd_vjp(
    operands: Sequence[Operand],
    results: Sequence[Operand],
    cotangents: Sequence[Zeroable],
    *,
    length: Dim,
    full: bool,
) -> Sequence[Zeroable]:
    _reduced(full, "np.linalg.svd")
    (a,), (u, s, vh), (u_bar, s_bar, vh_bar) = operands, results, cotangents
    across, down = of_columns(s), of_rows(s)
    uc, vc = conjugated(u), conjugated(vh)
    inner: Zeroable = None
    left: Zeroable = None if s_bar is None else uc * of_columns(s_bar)
    beside_v: Zeroable = None
    if u_bar is not None:
        n = product(transposed(u), u_bar)
        g = _over_gaps(s * s, n)
        inner = (g + adjoint(g)) * across
        if a.dtype.kind == "c":
            inner = inner + _phase(n - adjoint(n), s)
        if is_tall(a, length):
            left = _total(left, (u_bar - product(uc, n)) / across)
    if vh_bar is not None:
        v, v_bar = adjoint(vh), adjoint(vh_bar)
        k = _over_gaps(s * s, product(transposed(v), v_bar))
        inner = _total(inner, down * (k + adjoint(k)))
        if is_wide(a, length):
            e = conjugated(v_bar)
            beside_v = product(uc, transposed((e - product(v, product(vh, e))) / across))
    if inner is not None:
        left = _total(left, product(uc, inner))
    assert left is not None
    return (_total(product(left, vc), beside_v),)


svd: Library = Library(
    name="svd",
    infer_types=_svd_types,
    run=lambda a, *, length, full: tuple(np.linalg.svd(a, full_matrices=full)),
    source=lambda params, operands, result, write: (
        "np.linalg.svd(x)" if params["full"] else "np.linalg.svd(x, full_matrices=False)"
    ),
    jvp_rule=_svd_jvp,
    vjp_rule=_svd_vjp,
    batch_rule=lambda operands, batched, size, **params: (emit(svd, operands, params), (True,) * 3),
    alone=lambda **params: {1: "np.linalg.svdvals(x)"},
    samples=(
        draw(_matrices(3, 3), length=3, full=False),
        draw(_matrices(2, 4, 2), length=2, full=False),
        draw(_matrices(2, 4), length=2, full=False),
    ),
)

# ---- orthogonal factors ----


def _qr_types(a: Type, *, length: Dim) -> Sequence[Type]:
    assert isinstance(a, ArrayType)
    dtype = inexact(a.dtype)
    *stack, rows, columns = a.shape
    return ArrayType(dtype, (*stack, rows, length)), ArrayType(dtype, (*stack, length, columns))


def _parts(x: Operand, length: Dim) -> tuple[Operand, Operand]:
    """The first `length` columns and the others."""
    axis = x.rank - 1
    return slice_axis(x, axis, 0, length), slice_axis(x, axis, length, x.shape[-1] - length)


def _qr_jvp(
    operands: Sequence[Operand], results: Sequence[Operand], tangents: Sequence[Zeroable], *, length: Dim
) -> Sequence[Zeroable]:
    """With Z = dA R^-1 and W = Q^H Z: dR = (W - T) R, dQ = Q (T - W) + Z, T the skew part that W has below. Columns
    beyond a square are Q times what R has there."""
    (a,), (q, r), (da,) = operands, results, tangents
    assert da is not None
    if is_wide(a, length):
        (_, a_rest), (r_first, _), (da_first, da_rest) = _parts(a, length), _parts(r, length), _parts(da, length)
        dq, dr = _tall_qr_jvp(q, r_first, da_first)
        rest = product(adjoint(dq), a_rest) + product(adjoint(q), da_rest)
        return dq, emit(concatenate, (dr, rest), {"axis": r.rank - 1})[0]
    return _tall_qr_jvp(q, r, da)


def _tall_qr_jvp(q: Operand, r: Operand, da: Operand) -> tuple[Operand, Operand]:
    z = transposed(emit(solve, (transposed(r), transposed(da)))[0])
    w = product(adjoint(q), z)
    strict = below(w, strictly=True)
    turn = strict - adjoint(strict)
    if w.dtype.kind == "c":
        turn = turn + below(w - adjoint(w), strictly=False, diagonal=0.5) - below(w - adjoint(w), strictly=True)
    return product(q, turn - w) + z, product(w - turn, r)


def _qr_vjp(
    operands: Sequence[Operand], results: Sequence[Operand], cotangents: Sequence[Zeroable], *, length: Dim
) -> Sequence[Zeroable]:
    (a,), (q, r), (q_bar, r_bar) = operands, results, cotangents
    if not is_wide(a, length):
        return (_tall_qr_vjp(q, r, q_bar, r_bar),)
    r_first, _ = _parts(r, length)
    if r_bar is None:
        rest_bar = zeros_of(_parts(a, length)[1].type)
        first_bar = None
    else:
        (_, a_rest), (first_bar, r_rest_bar) = _parts(a, length), _parts(r_bar, length)
        q_bar = _total(q_bar, product(conjugated(a_rest), adjoint(r_rest_bar)))
        rest_bar = product(conjugated(q), r_rest_bar)
    return (emit(concatenate, (_tall_qr_vjp(q, r_first, q_bar, first_bar), rest_bar), {"axis": a.rank - 1})[0],)


def _tall_qr_vjp(q: Operand, r: Operand, q_bar: Zeroable, r_bar: Zeroable) -> Operand:
    h = _total(
        None if r_bar is None else product(r_bar, transposed(r)),
        None if q_bar is None else -product(transposed(q), q_bar),
    )
    inner = h - below(h - adjoint(h), strictly=False, diagonal=0.5)
    z_bar = _total(q_bar, product(conjugated(q), inner))
    return transposed(emit(solve, (r, transposed(z_bar)))[0])


qr: Library = Library(
    name="qr",
    infer_types=_qr_types,
    run=lambda a, *, length: tuple(np.linalg.qr(a)),
    source="np.linalg.qr(x)",
    jvp_rule=_qr_jvp,
    vjp_rule=_qr_vjp,
    batch_rule=lambda operands, batched, size, **params: (emit(qr, operands, params), (True, True)),
    alone=lambda **params: {1: 'np.linalg.qr(x, mode="r")'},
    samples=(
        draw(_matrices(3, 3), length=3),
        draw(_matrices(2, 4, 2), length=2),
        draw(uniform(-1, 1, 2, 4), length=2),
    ),
)
