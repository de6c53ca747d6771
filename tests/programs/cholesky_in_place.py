"""Cholesky factorisation by rows, plain loops in place on the argument (PolyBench ``cholesky``)."""

import math


def cholesky_in_place(A):
    """Overwrite the lower triangle of A with its Cholesky factor; the strict upper triangle stays."""
    for i in range(A.shape[0]):
        for j in range(i):
            for k in range(j):
                A[i, j] -= A[i, k] * A[j, k]
            A[i, j] /= A[j, j]
        for k in range(i):
            A[i, i] -= A[i, k] * A[i, k]
        A[i, i] = math.sqrt(A[i, i])
    return A
