"""Functions of NumPy and SciPy as plain NumPy text, staged by the frontend like the user's own (see
`frontend/calls.py`): every transformation of them is that of what they are made of.

In: what the function takes; options that a text has no parameter for are refused. Out: what the function gives.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.linalg


def geomspace(start: Any, stop: Any, num: Any = 50, endpoint: bool = True) -> Any:
    """Numbers evenly spaced on a logarithmic scale; both ends of one sign."""
    sign = np.sign(start)
    exponents = np.linspace(np.log10(start / sign), np.log10(stop / sign), num, endpoint=endpoint)
    result = sign * 10.0**exponents
    result[0] = start
    if endpoint and num > 1:
        result[-1] = stop
    return result


def unwrap(p: Any, discont: Any = None, axis: int = -1, *, period: float = 2.0 * np.pi) -> Any:
    """Angles without jumps of more than half a period."""
    p = np.asarray(p)
    half = period / 2.0
    jumps = np.diff(p, axis=axis)
    steps = np.mod(jumps + half, period) - half
    steps = np.where((steps == -half) & (jumps > 0), half, steps)
    corrections = np.where(np.abs(jumps) < (half if discont is None else discont), 0.0, steps - jumps)
    first = np.zeros_like(np.take(p, np.arange(1), axis=axis))
    return p + np.concatenate([first, np.cumsum(corrections, axis=axis)], axis=axis)


def isin(element: Any, test_elements: Any, *, invert: bool = False) -> Any:
    """Which elements are among others."""
    found = np.any(np.asarray(element)[..., None] == np.ravel(np.asarray(test_elements)), axis=-1)
    return ~found if invert else found


def unique(ar: Any) -> Any:
    """The sorted values, each once; NaN once too."""
    x = np.sort(np.ravel(np.asarray(ar)))
    kept = np.ones(x.shape, np.bool_)
    kept[1:] = (x[1:] != x[:-1]) & ((x[1:] == x[1:]) | (x[:-1] == x[:-1]))
    return x[kept]


# ---- matrices in the last two axes ----


def trace(x: Any, *, offset: int = 0) -> Any:
    return np.trace(x, offset, -2, -1)


def diagonal(x: Any, *, offset: int = 0) -> Any:
    return np.diagonal(x, offset, -2, -1)


def cond(x: Any, p: Any = None) -> Any:
    """How much a linear system multiplies relative errors: the norm of a matrix times that of its inverse."""
    x = np.asarray(x)
    if p is None or p == 2 or p == -2:
        s = np.linalg.svdvals(x)
        return s[..., -1] / s[..., 0] if p == -2 else s[..., 0] / s[..., -1]
    return np.linalg.norm(x, p, axis=(-2, -1)) * np.linalg.norm(np.linalg.inv(x), p, axis=(-2, -1))


def matrix_rank(A: Any, tol: Any = None, *, rtol: Any = None) -> Any:
    """How many singular values are larger than rounding makes of zero."""
    A = np.asarray(A)
    if A.ndim < 2:
        return int(not np.all(A == 0))
    s = np.linalg.svdvals(A)
    if tol is None:
        relative = max(A.shape[-2:]) * np.finfo(s.dtype).eps if rtol is None else np.asarray(rtol)[..., None]
        limit = np.max(s, axis=-1, keepdims=True) * relative
    else:
        limit = np.asarray(tol)[..., None]
    return np.count_nonzero(s > limit, axis=-1)


def tensorsolve(a: Any, b: Any) -> Any:
    """x with np.tensordot(a, x, x.ndim) == b."""
    a, b = np.asarray(a), np.asarray(b)
    return np.linalg.solve(a.reshape(b.size, b.size), b.ravel()).reshape(a.shape[b.ndim :])


def tensorinv(a: Any, ind: int = 2) -> Any:
    """The inverse of np.tensordot(a, ., ind)."""
    rows = 1
    for d in a.shape[:ind]:
        rows = rows * d
    return np.linalg.inv(a.reshape(rows, rows)).reshape(a.shape[ind:] + a.shape[:ind])


_PADE = (
    64764752532480000.0, 32382376266240000.0, 7771770303897600.0, 1187353796428800.0, 129060195264000.0,
    10559470521600.0, 670442572800.0, 33522128640.0, 1323241920.0, 40840800.0, 960960.0, 16380.0, 182.0, 1.0,
)  # fmt: skip


def expm(A: Any) -> Any:
    """The exponential of matrices: the diagonal Pade approximant of degree 13 of A / 2^s, squared s times.

    Source: Higham, "The scaling and squaring method for the matrix exponential revisited", SIAM J. Matrix Anal. 26
    (2005)."""
    A = np.asarray(A) + 0.0
    norm = np.max(np.sum(np.abs(A), axis=-2))
    squarings, bound = 0, 5.371920351148152
    while norm > bound:
        squarings += 1
        bound = bound * 2.0
    A = A * 0.5**squarings
    one = np.eye(A.shape[-1])
    A2 = A @ A
    A4 = A2 @ A2
    A6 = A4 @ A2
    b = _PADE
    odd = A6 @ (b[13] * A6 + b[11] * A4 + b[9] * A2) + b[7] * A6 + b[5] * A4 + b[3] * A2 + b[1] * one
    even = A6 @ (b[12] * A6 + b[10] * A4 + b[8] * A2) + b[6] * A6 + b[4] * A4 + b[2] * A2 + b[0] * one
    U = A @ odd
    result = np.linalg.solve(even - U, even + U)
    for _ in range(squarings):
        result = result @ result
    return result


NUMPY_TEXTS: dict[Any, Callable[..., Any]] = {
    np.geomspace: geomspace,
    np.unwrap: unwrap,
    np.isin: isin,
    np.unique: unique,
    np.linalg.trace: trace,
    np.linalg.diagonal: diagonal,
    np.linalg.cond: cond,
    np.linalg.matrix_rank: matrix_rank,
    np.linalg.tensorsolve: tensorsolve,
    np.linalg.tensorinv: tensorinv,
    scipy.linalg.expm: expm,
}
