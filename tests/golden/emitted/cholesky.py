import numpy as np


def cholesky(A):
    n = A.shape[0]
    if A.shape != (n, n):
        raise ValueError("A: expected shape (%d, %d), got %s" % (n, n, A.shape))
    if A.dtype != np.float64:
        raise TypeError("A: expected float64, got %s" % A.dtype)
    A = A.copy()
    for i in range(n):
        for j in range(i):
            for k in range(j):
                A[i, j] -= A[i, k] * A[j, k]
            A[i, j] /= A[j, j]
        for k in range(i):
            t = A[i, k]
            A[i, i] -= t * t
        A[i, i] = np.sqrt(A[i, i])
    return A
