"""Sparse matrix times vector in compressed sparse row form, plain loops (Saad 2003, section 3.5)."""

import numpy as np


def csr_spmv(data, indices, indptr, x):
    """y = A x, with row i of A in data[indptr[i]:indptr[i + 1]]."""
    n = indptr.shape[0] - 1
    y = np.zeros(n, dtype=data.dtype)
    for i in range(n):
        for k in range(indptr[i], indptr[i + 1]):
            y[i] += data[k] * x[indices[k]]
    return y
