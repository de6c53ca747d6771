import numpy as np


def jacobi(tsteps, A, B):
    n = A.shape[0]
    if A.ndim != 1 or A.dtype != np.float64:
        raise TypeError("A: expected 1-d float64, got %d-d %s" % (A.ndim, A.dtype))
    if B.shape != (n,):
        raise ValueError("B: expected shape (%d,), got %s" % (n, B.shape))
    if B.dtype != np.float64:
        raise TypeError("B: expected float64, got %s" % B.dtype)
    A = A.copy()
    B = B.copy()
    for t in range(tsteps):
        B[1:-1] = 0.33333 * (A[:-2] + A[1:-1] + A[2:])
        A, B = B, A
    return A, B
