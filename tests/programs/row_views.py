"""Prefix products of each row through a view of the row; writes to the view are writes to the array."""

import numpy as np


def row_views(A, decay):
    """Each row of a copy of A is scanned: row[j] += decay row[j-1] sin(row[j]); returns the array and its row sums."""
    A = A.copy()
    sums = np.zeros(A.shape[0])
    for i in range(A.shape[0]):
        row = A[i]
        for j in range(1, row.shape[0]):
            row[j] += decay * row[j - 1] * np.sin(row[j])
        sums[i] = A[i].sum()
    return A, sums
