"""Gauss-Seidel sweeps of the nine-point stencil, in place, one element at a time (PolyBench ``seidel-2d``)."""


def seidel_2d(steps, A):
    """Run ``steps - 1`` sweeps over the inside of A, which is overwritten and returned."""
    n = A.shape[0]
    for t in range(steps - 1):
        for i in range(1, n - 1):
            for j in range(1, n - 1):
                A[i, j] = (
                    A[i - 1, j - 1] + A[i - 1, j] + A[i - 1, j + 1]
                    + A[i, j - 1] + A[i, j] + A[i, j + 1]
                    + A[i + 1, j - 1] + A[i + 1, j] + A[i + 1, j + 1]
                ) / 9.0
    return A
