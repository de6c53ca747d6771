"""Eigenvalues, singular values and orthogonal factors of stacks of matrices, as NumPy computes them.

In: C-contiguous arrays whose last two axes are matrices, with one axis of a stack in front, of real or complex floats;
results are written into the last arrays, which must not overlap the others. Out: 0, or 1 where NumPy raises that the
iteration did not converge (it does for numbers that are not finite); the rest of the stack is then not computed.
Each function works in CPython and inside `njit`, where Numba calls the LAPACK that SciPy carries.
"""

from typing import Any

import numpy as np
from numba.extending import register_jitable

from gradscribe.kernels.options import OPTIONS

_jitable = register_jitable(**OPTIONS)


@_jitable
def _is_finite(a: Any) -> Any:
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            if not np.isfinite(a[i, j]):
                return False
    return True


@_jitable
def _copy(source: Any, target: Any) -> None:
    for i in range(target.shape[0]):
        for j in range(target.shape[1]):
            target[i, j] = source[i, j]


@_jitable
def eigenvectors(lower: int, a: Any, w: Any, v: Any) -> int:
    """Eigenvalues w (k, n) in rising order and eigenvectors v (k, n, n) of Hermitian matrices a (k, n, n), of which one
    triangle is read.

    >>> w, v = np.empty((1, 2)), np.empty((1, 2, 2))
    >>> eigenvectors(1, np.array([[[2.0, 0.0], [0.0, 1.0]]]), w, v), w.tolist()
    (0, [[1.0, 2.0]])
    """
    for i in range(a.shape[0]):
        _copy(a[i], v[i])
        if not lower:
            for j in range(a.shape[1]):
                for k in range(j):
                    v[i, j, k] = np.conj(a[i, k, j])
        finite = True
        for j in range(a.shape[1]):
            for k in range(j + 1):
                finite = finite and np.isfinite(v[i, j, k])
        if a.shape[1] == 0:
            continue
        if not finite:
            w[i, :] = np.nan
            v[i, :, :] = np.nan
            continue
        values, vectors = np.linalg.eigh(v[i])
        for j in range(a.shape[1]):
            w[i, j] = values[j]
        _copy(vectors, v[i])
    return 0


@_jitable
def singular_vectors(full: int, a: Any, u: Any, s: Any, vh: Any) -> int:
    """a[i] = u[i] @ diag(s[i]) @ vh[i] for a (k, m, n), with min(m, n) columns of u and rows of vh, or all of them."""
    for i in range(a.shape[0]):
        if s.shape[1] == 0:
            for j in range(u.shape[1]):
                for k in range(u.shape[2]):
                    u[i, j, k] = j == k
            for j in range(vh.shape[1]):
                for k in range(vh.shape[2]):
                    vh[i, j, k] = j == k
            continue
        if not _is_finite(a[i]):
            return 1
        left, values, right = np.linalg.svd(a[i], full)
        _copy(left, u[i])
        for j in range(s.shape[1]):
            s[i, j] = values[j]
        _copy(right, vh[i])
    return 0


@_jitable
def orthogonal_factors(a: Any, q: Any, r: Any) -> int:
    """a[i] = q[i] @ r[i] for a (k, m, n): q (k, m, min(m, n)) has orthonormal columns, r is upper triangular."""
    for i in range(a.shape[0]):
        if q.shape[1] == 0 or q.shape[2] == 0:
            continue
        if not _is_finite(a[i]):
            q[i, :, :] = np.nan
            for j in range(r.shape[1]):
                for k in range(r.shape[2]):
                    r[i, j, k] = np.nan if k >= j else 0.0
            continue
        left, right = np.linalg.qr(a[i])
        _copy(left, q[i])
        for j in range(r.shape[1]):
            for k in range(r.shape[2]):
                r[i, j, k] = right[j, k] if k >= j else 0.0
    return 0
