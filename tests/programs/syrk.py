"""Symmetric rank-k update of a lower triangle, triple loops (PolyBench ``syrk``)."""


def syrk(alpha, beta, C, A):
    """C := beta C + alpha A A^T on the lower triangle of C, in place."""
    n, m = A.shape
    for i in range(n):
        for j in range(i + 1):
            C[i, j] *= beta
        for k in range(m):
            for j in range(i + 1):
                C[i, j] += alpha * A[i, k] * A[j, k]
    return C
