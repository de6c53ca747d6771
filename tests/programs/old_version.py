"""Jacobi's method for a linear system with one array: the old iterate is copied before it is overwritten."""


def old_version(A, b, x0, sweeps):
    """The iterate after ``sweeps`` sweeps and the length of the last step squared; A is diagonally dominant."""
    n = b.shape[0]
    x = x0.copy()
    step = 0.0
    for sweep in range(sweeps):
        old = x.copy()
        for i in range(n):
            s = b[i]
            for j in range(n):
                if j != i:
                    s -= A[i, j] * old[j]
            x[i] = s / A[i, i]
        step = ((x - old) ** 2).sum()
    return x, step
