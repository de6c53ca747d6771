"""Forward substitution with a lower triangular matrix, scalar loops (PolyBench ``trisolv``)."""

import numpy as np


def trisolv(L, b):
    """Solve L x = b for x; only the lower triangle of L is read."""
    n = b.shape[0]
    x = np.zeros(n, dtype=b.dtype)
    for i in range(n):
        x[i] = b[i]
        for j in range(i):
            x[i] -= L[i, j] * x[j]
        x[i] /= L[i, i]
    return x
