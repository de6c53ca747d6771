# vjp of cholesky, written by gradscribe.
# From tests/programs/cholesky.py:6.
#   matrix: f64[n, matrix_1]
#   out_bar: f64[n, matrix_1], cotangent of result 0
# Valid only where:
#   staged for matrix_1 (matrix_1 is axis 1 of matrix) >= n (n is axis 0 of matrix)
import numpy as np


def cholesky_vjp(matrix, out_bar):
    n, matrix_1 = matrix.shape
    if matrix.ndim != 2 or matrix.dtype != np.float64:
        raise TypeError(
            "matrix: expected 2-d float64, got %d-d %s" % (matrix.ndim, matrix.dtype)
        )
    if out_bar.shape != (n, matrix_1):
        raise ValueError(
            "out_bar: expected shape (%d, %d), got %s" % (n, matrix_1, out_bar.shape)
        )
    if out_bar.dtype != np.float64:
        raise TypeError("out_bar: expected float64, got %s" % out_bar.dtype)
    if matrix_1 < n:
        raise ValueError(
            "staged for matrix_1 (matrix_1 is axis 1 of matrix) >= n (n is axis 0 of matrix)",
        )
    A = matrix.copy()                              # cholesky.py:10
    for i in range(n):
        for j in range(i):                         # cholesky.py:11
            for k in range(j):                     # cholesky.py:12
                A[i, j] -= A[i, k] * A[j, k]       # cholesky.py:13
            A[i, j] /= A[j, j]                     # cholesky.py:14
        for k in range(i):                         # cholesky.py:15
            t = A[i, k]                            # cholesky.py:16
            A[i, i] -= t * t
        A[i, i] = np.sqrt(A[i, i])                 # cholesky.py:17
    t = np.arange(n)[:, None] >= np.arange(matrix_1)  # cholesky.py:18
    value = np.where(t, A, 0.0)
    # backward
    A_bar = np.where(t, out_bar, 0.0)              # of np.tril, line 18
    for i in reversed(range(n)):                   # line 10
        A_bar[i, i] = A_bar[i, i] * 0.5 / A[i, i]  # of A[i, i], line 17
        for k in reversed(range(i)):               # line 15
            t = A_bar[i, i] * A[i, k]              # of A[i, k] * A[i, k], line 16
            A_bar[i, k] -= t + t                   # of A[i, k], line 16
        for j in reversed(range(i)):               # line 11
            t = A_bar[i, j] / A[j, j]              # line 14
            A_bar[i, j] = t
            A_bar[j, j] -= t * A[i, j]
            for k in reversed(range(j)):           # line 12
                t = A_bar[i, j]                    # line 13
                A_bar[j, k] -= t * A[i, k]         # of A[j, k], line 13
                A_bar[i, k] -= t * A[j, k]         # of A[i, k], line 13
    return value, (A_bar,)
