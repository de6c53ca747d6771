"""Linear systems, inverses, determinants and Cholesky factors of stacks of matrices, as NumPy computes them.

In: C-contiguous arrays whose last two axes are matrices, with one axis of a stack in front except for determinants;
results are written into the last array, float64 or float32, which must not overlap the others. Out: 0, or the 1-based
position of the pivot that made it fail (the rest of the stack is then not computed); generated code records that as
SINGULAR or NOT_POSITIVE_DEFINITE. Each function works in CPython and inside `njit`.

`np.linalg` hands LAPACK matrices column by column and takes determinants as sign * exp(log): so do these, so that the
same pivots are chosen and no determinant overflows on the way.
Source: E. Anderson et al., LAPACK Users' Guide, SIAM 1999; numpy/linalg/umath_linalg.cpp.
"""

from typing import Any

import numpy as np
from numba.extending import register_jitable

from gradscribe.kernels.lapack import gesv, getrf, potrf
from gradscribe.kernels.options import OPTIONS

_jitable = register_jitable(**OPTIONS)


@_jitable
def _copy_transposed(source: Any, target: Any) -> None:
    for i in range(source.shape[0]):
        for j in range(source.shape[1]):
            target[j, i] = source[i, j]


@_jitable
def solve(a: Any, b: Any, out: Any) -> int:
    """out[i] = a[i]^-1 @ b[i], for a (k, n, n), b and out (k, n, m).

    >>> x = np.empty((1, 2, 1))
    >>> solve(np.array([[[2.0, 0.0], [1.0, 1.0]]]), np.array([[[4.0], [5.0]]]), x), x.ravel().tolist()
    (0, [2.0, 3.0])
    """
    n, m = out.shape[1], out.shape[2]
    factors, right, pivots = np.empty((n, n), out.dtype), np.empty((m, n), out.dtype), np.empty(n, np.int32)
    for i in range(out.shape[0]):
        _copy_transposed(a[i], factors)
        _copy_transposed(b[i], right)
        info = gesv(factors, pivots, right)
        if info != 0:
            return info
        _copy_transposed(right, out[i])
    return 0


@_jitable
def inverse(a: Any, out: Any) -> int:
    """out[i] = a[i]^-1, for a and out (k, n, n)."""
    n = out.shape[1]
    factors, right, pivots = np.empty((n, n), out.dtype), np.empty((n, n), out.dtype), np.empty(n, np.int32)
    for i in range(out.shape[0]):
        _copy_transposed(a[i], factors)
        for j in range(n):
            for k in range(n):
                right[j, k] = 1 if j == k else 0
        info = gesv(factors, pivots, right)
        if info != 0:
            return info
        _copy_transposed(right, out[i])
    return 0


@_jitable
def cholesky_factor(a: Any, out: Any) -> int:
    """out[i] = the lower Cholesky factor of a[i], for a and out (k, n, n); only the lower triangles of a are read."""
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            for k in range(out.shape[2]):
                out[i, j, k] = a[i, j, k]
        info = potrf(out[i])
        if info != 0:
            return info
    return 0


@_jitable
def _sign_and_log(a: Any) -> Any:
    """Sign and log |det| of one matrix; for a singular one 0 and -inf."""
    factors, pivots = np.empty(a.shape, a.dtype), np.empty(a.shape[0], np.int32)
    one = a.dtype.type(1)
    _copy_transposed(a, factors)
    if getrf(factors, pivots) != 0:
        return one - one, a.dtype.type(-np.inf)
    sign, log = one, one - one
    for k in range(factors.shape[0]):
        entry = factors[k, k]
        if pivots[k] != k + 1:
            sign = -sign
        if entry < 0:
            sign, entry = -sign, -entry
        log += np.log(entry)
    return sign, log


@_jitable
def determinant(a: Any) -> Any:
    """det a of one float matrix (n, n): 0 for a singular one, 1 for an empty one.

    >>> float(determinant(np.array([[0.0, 2.0], [1.0, 5.0]])))
    -2.0
    """
    sign, log = _sign_and_log(a)
    return sign * np.exp(log)


@_jitable
def determinant_sign(a: Any) -> Any:
    """The sign of det a: -1, 0 or 1."""
    sign, _ = _sign_and_log(a)
    return sign


@_jitable
def log_determinant(a: Any) -> Any:
    """log |det a|; -inf for a singular matrix."""
    _, log = _sign_and_log(a)
    return log
