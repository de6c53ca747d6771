import numpy as np


def views_outlive_writes(A):
    n = A.shape[0]
    if A.shape != (n, n):
        raise ValueError("A: expected shape (%d, %d), got %s" % (n, n, A.shape))
    if A.dtype != np.float64:
        raise TypeError("A: expected float64, got %s" % A.dtype)
    t = A * 2.0
    t2 = t[0].copy()
    t3 = t.T[1].copy()
    t[0, 0] = 5.0
    t[0, 1] = 6.0
    return t2, t3, t
