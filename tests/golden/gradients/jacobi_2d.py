# vjp of jacobi_2d, written by gradscribe.
# From tests/programs/jacobi_2d.py:4.
#   steps: int
#   A: f64[A_0, A_1]
#   B: f64[A_0, A_1]
#   A_bar: f64[A_0, A_1], cotangent of result 0
import numpy as np


def jacobi_2d_vjp(steps, A, B, A_bar):
    A_0, A_1 = A.shape
    if A.ndim != 2 or A.dtype != np.float64:
        raise TypeError("A: expected 2-d float64, got %d-d %s" % (A.ndim, A.dtype))
    if A_0 < 2:
        raise ValueError("A: axis 0 needs at least 2 entries, got %d" % A_0)
    if A_1 < 2:
        raise ValueError("A: axis 1 needs at least 2 entries, got %d" % A_1)
    if B.shape != (A_0, A_1):
        raise ValueError("B: expected shape (%d, %d), got %s" % (A_0, A_1, B.shape))
    if B.dtype != np.float64:
        raise TypeError("B: expected float64, got %s" % B.dtype)
    if A_bar.shape != (A_0, A_1):
        raise ValueError(
            "A_bar: expected shape (%d, %d), got %s" % (A_0, A_1, A_bar.shape)
        )
    if A_bar.dtype != np.float64:
        raise TypeError("A_bar: expected float64, got %s" % A_bar.dtype)
    A = A.copy()                              # jacobi_2d.py:6
    B = B.copy()
    for t in range(1, steps):
        t2 = A[1:-1, 1:-1] + A[1:-1, :-2] + A[1:-1, 2:]  # jacobi_2d.py:7
        t2 = 0.2 * (t2 + A[2:, 1:-1] + A[:-2, 1:-1])
        B[1:-1, 1:-1] = t2
        t2 = t2 + B[1:-1, :-2] + B[1:-1, 2:]  # jacobi_2d.py:8
        t2 = 0.2 * (t2 + B[2:, 1:-1] + B[:-2, 1:-1])
        A[1:-1, 1:-1] = t2
    # backward
    A_bar = A_bar.copy()                      # line 6
    B_bar = np.zeros((A_0, A_1))
    for t in reversed(range(1, steps)):
        t2 = A_bar[1:-1, 1:-1] * 0.2          # line 8
        B_bar[:-2, 1:-1] += t2
        B_bar[2:, 1:-1] += t2
        B_bar[1:-1, 2:] += t2
        B_bar[1:-1, :-2] += t2
        t2 = (t2 + B_bar[1:-1, 1:-1]) * 0.2   # line 7
        A_bar[1:-1, 1:-1] = t2
        A_bar[:-2, 1:-1] += t2
        A_bar[2:, 1:-1] += t2
        A_bar[1:-1, 2:] += t2
        A_bar[1:-1, :-2] += t2
        B_bar[1:-1, 1:-1] = 0.0               # of B[1:-1, 1:-1], line 7
    return A, (A_bar, B_bar)
