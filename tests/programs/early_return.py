"""Energy of a field summed element by element until a budget is spent; returns from inside two loops."""

import numpy as np


def early_return(A, budget):
    """sqrt(energy) * element at the element that exceeds the budget, else the whole energy."""
    energy = 0.0
    for i in range(A.shape[0]):
        for j in range(A.shape[1]):
            energy += A[i, j] ** 2
            if energy > budget:
                return np.sqrt(energy) * A[i, j]
    return energy
