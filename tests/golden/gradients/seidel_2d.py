# vjp of seidel_2d, written by gradscribe.
# From tests/programs/seidel_2d.py:4.
#   steps: int
#   A: f64[n, A_1]
#   A_bar: f64[n, A_1], cotangent of result 0
# Valid only where:
#   staged for A_1 (A_1 is axis 1 of A) >= n (n is axis 0 of A)
import numpy as np


def seidel_2d_vjp(steps, A, A_bar):
    n, A_1 = A.shape
    if A.ndim != 2 or A.dtype != np.float64:
        raise TypeError("A: expected 2-d float64, got %d-d %s" % (A.ndim, A.dtype))
    if n < 2:
        raise ValueError("A: axis 0 needs at least 2 entries, got %d" % n)
    if A_bar.shape != (n, A_1):
        raise ValueError(
            "A_bar: expected shape (%d, %d), got %s" % (n, A_1, A_bar.shape)
        )
    if A_bar.dtype != np.float64:
        raise TypeError("A_bar: expected float64, got %s" % A_bar.dtype)
    if A_1 < n:
        raise ValueError("staged for A_1 (A_1 is axis 1 of A) >= n (n is axis 0 of A)")
    A = A.copy()                                 # seidel_2d.py:7
    for t in range(steps - 1):
        for i in range(1, n - 1):                # seidel_2d.py:8
            for j in range(1, n - 1):            # seidel_2d.py:9
                t2 = A[i - 1, j - 1] + A[i - 1, j] + A[i - 1, j + 1]  # seidel_2d.py:11
                t2 = t2 + A[i, j - 1] + A[i, j] + A[i, j + 1]
                t2 = t2 + A[i + 1, j - 1] + A[i + 1, j]
                A[i, j] = (t2 + A[i + 1, j + 1]) / 9.0  # seidel_2d.py:10
    # backward
    A_bar = A_bar.copy()                         # line 7
    for t in reversed(range(steps - 1)):
        for i in reversed(range(1, n - 1)):      # line 8
            for j in reversed(range(1, n - 1)):  # line 9
                t2 = A_bar[i, j] / 9.0           # line 10
                A_bar[i, j] = t2                 # of A[i, j], line 12
                A_bar[i + 1, j + 1] += t2
                A_bar[i + 1, j] += t2
                A_bar[i + 1, j - 1] += t2
                A_bar[i, j + 1] += t2
                A_bar[i, j - 1] += t2            # of A[i, j - 1], line 12
                A_bar[i - 1, j + 1] += t2        # of A[i - 1, j + 1], line 11
                A_bar[i - 1, j] += t2            # of A[i - 1, j], line 11
                A_bar[i - 1, j - 1] += t2        # of A[i - 1, j - 1], line 11
    return A, (A_bar,)
