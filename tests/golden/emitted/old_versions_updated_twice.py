import numpy as np


def old_versions(A):
    if A.ndim != 1 or A.dtype != np.float64:
        raise TypeError("A: expected 1-d float64, got %d-d %s" % (A.ndim, A.dtype))
    A = A.copy()
    A[0] = 1.0
    t = np.sum(A)
    t2 = A.copy()
    t2[1] = 3.0
    A[1] = 2.0
    return A, t2, t
