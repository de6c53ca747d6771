"""Symmetric rank-k update of a lower triangle, one row slice at a time (NPBench writes ``syrk`` this way)."""


def syrk_rows(alpha, beta, C, A):
    """C := beta C + alpha A A^T on the lower triangle of C, in place."""
    for i in range(A.shape[0]):
        C[i, : i + 1] *= beta
        for k in range(A.shape[1]):
            C[i, : i + 1] += alpha * A[i, k] * A[: i + 1, k]
    return C
