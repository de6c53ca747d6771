"""Cholesky factorisation by rows (Cholesky-Banachiewicz), plain loops on a copy."""

import numpy as np


def cholesky(matrix):
    """Return the lower factor L of ``matrix = L L^T``; only the lower triangle is read."""
    A = matrix.copy()
    n = A.shape[0]
    for i in range(n):
        for j in range(i):
            for k in range(j):
                A[i, j] -= A[i, k] * A[j, k]
            A[i, j] /= A[j, j]
        for k in range(i):
            A[i, i] -= A[i, k] * A[i, k]
        A[i, i] = np.sqrt(A[i, i])
    return np.tril(A)
