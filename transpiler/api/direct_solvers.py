"""`scipy.linalg`'s solves in programs, composed of NumPy's: they transform as what they are made of does.

In: what SciPy's functions take. Out: what they give, the packed factors and the row exchanges of `lu_factor` too.
"""

from __future__ import annotations

# Nothing here is called by Python: types would say nothing.
# mypy: disable-error-code="no-untyped-def"
import numpy as np

from gradscribe.transpiler.api.implicit import text
from gradscribe.transpiler.frontend.converting import TEXTS
from gradscribe.transpiler.library.custom_rules import custom_jvp


@text
def _from_triangle(a, lower):
    part = np.tril(a) if lower else np.triu(a)
    return part + part.T - np.diag(np.diag(a))


@text
def _solve(a, b, lower=False, overwrite_a=False, overwrite_b=False, check_finite=True, assume_a=None, transposed=False):
    if assume_a in ("sym", "pos", "symmetric", "positive definite"):
        a = _from_triangle(a, lower)
    elif assume_a not in (None, "gen", "general"):
        raise NotImplementedError("assume_a is None, 'gen', 'sym' or 'pos' in a program")
    return np.linalg.solve(a.T if transposed else a, b)


@text
def _solve_triangular(a, b, trans=0, lower=False, unit_diagonal=False, overwrite_b=False, check_finite=True):
    t = np.tril(a) if lower else np.triu(a)
    if unit_diagonal:
        t = t - np.diag(np.diag(t)) + np.eye(len(t))
    return np.linalg.solve(t if trans in (0, "N") else t.T, b)


@text
def _cholesky(a, lower=False, overwrite_a=False, check_finite=True):
    factor = np.linalg.cholesky(_from_triangle(a, lower))
    return factor if lower else factor.T


@text
def _cho_factor(a, lower=False, overwrite_a=False, check_finite=True):
    return _cholesky(a, lower), lower


@text
def _cho_solve(c_and_lower, b, overwrite_b=False, check_finite=True):
    c, lower = c_and_lower
    factor = np.tril(c) if lower else np.triu(c).T
    return np.linalg.solve(factor.T, np.linalg.solve(factor, b))


@text
def _order(pivots):
    """The rows in the order that the exchanges leave them in."""
    order = np.arange(len(pivots))
    for k in range(len(pivots)):
        p = pivots[k]
        row = order[k]
        order[k] = order[p]
        order[p] = row
    return order


@text
def _eliminate(a):
    """L and U packed into one matrix, the exchanges: Gaussian elimination with partial pivoting (Golub & Van Loan,
    Matrix Computations, algorithm 3.4.1)."""
    lu = a.copy()
    pivots = np.zeros(len(a), np.int32)
    for k in range(len(a)):
        p = k + np.argmax(np.abs(lu[k:, k]))
        pivots[k] = p
        row = lu[k].copy()
        lu[k] = lu[p]
        lu[p] = row
        if lu[k, k] != 0.0:
            lu[k + 1 :, k] /= lu[k, k]
            lu[k + 1 :, k + 1 :] -= np.outer(lu[k + 1 :, k], lu[k, k + 1 :])
    return lu, pivots


@text
def _lu_factor(a, overwrite_a=False, check_finite=True):
    """With M = L^-1 P dA U^-1: dL = L tril(M, -1), dU = triu(M) U."""
    if np.ndim(a) != 2 or np.shape(a)[0] != np.shape(a)[1]:
        raise NotImplementedError("scipy.linalg.lu_factor in a program takes one square matrix")

    @custom_jvp
    def factors(a):
        return _eliminate(a)

    @factors.defjvp
    def factors_jvp(primals, tangents):
        (a,), (da,) = primals, tangents
        lu, pivots = factors(a)
        lower, upper = np.tril(lu, -1) + np.eye(len(lu), dtype=lu.dtype), np.triu(lu)
        half = np.linalg.solve(lower, da[_order(pivots)])
        inner = np.linalg.solve(upper.T, half.T).T
        return (lu, pivots), (lower @ np.tril(inner, -1) + np.triu(inner) @ upper, None)

    return factors(np.asarray(a) * 1.0)


@text
def _lu_solve(lu_and_piv, b, trans=0, overwrite_b=False, check_finite=True):
    lu, pivots = lu_and_piv
    order = _order(pivots)
    lower, upper = np.tril(lu, -1) + np.eye(len(lu), dtype=lu.dtype), np.triu(lu)
    if trans == 0:
        return np.linalg.solve(upper, np.linalg.solve(lower, b[order]))
    if trans == 2:
        lower, upper = np.conj(lower), np.conj(upper)
    exchanged = np.linalg.solve(lower.T, np.linalg.solve(upper.T, b))
    return exchanged[np.argsort(order)]


@text
def _toeplitz(c, r=None):
    row = c if r is None else r
    k = np.arange(len(c))[:, None] - np.arange(len(row))[None, :]
    return np.where(k >= 0, c[np.maximum(k, 0)], row[np.maximum(-k, 0)])


@text
def _solve_toeplitz(c_or_cr, b, check_finite=True):
    if isinstance(c_or_cr, tuple):
        c, r = c_or_cr
        return np.linalg.solve(_toeplitz(c, r), b)
    return np.linalg.solve(_toeplitz(c_or_cr), b)


@text
def _solve_banded(l_and_u, ab, b, overwrite_ab=False, overwrite_b=False, check_finite=True):
    below, above = l_and_u
    n = ab.shape[1]
    a = np.diag(ab[above])
    for k in range(1, above + 1):
        a = a + np.diag(ab[above - k, k:], k)
    for k in range(1, below + 1):
        a = a + np.diag(ab[above + k, : n - k], -k)
    return np.linalg.solve(a, b)


TEXTS.update(
    {
        "scipy.linalg.solve": _solve,
        "scipy.linalg.solve_triangular": _solve_triangular,
        "scipy.linalg.cholesky": _cholesky,
        "scipy.linalg.cho_factor": _cho_factor,
        "scipy.linalg.cho_solve": _cho_solve,
        "scipy.linalg.lu_factor": _lu_factor,
        "scipy.linalg.lu_solve": _lu_solve,
        "scipy.linalg.toeplitz": _toeplitz,
        "scipy.linalg.solve_toeplitz": _solve_toeplitz,
        "scipy.linalg.solve_banded": _solve_banded,
    }
)
