# value_and_grad of early_return, written by gradscribe.
# From tests/programs/early_return.py:6.
#   A: f64[A_0, A_1]
#   budget: float
import numpy as np


def early_return_value_and_grad(A, budget):
    A_0, A_1 = A.shape
    if A.ndim != 2 or A.dtype != np.float64:
        raise TypeError("A: expected 2-d float64, got %d-d %s" % (A.ndim, A.dtype))
    if np.ndim(budget) != 0:
        raise ValueError(
            "budget: expected a number, got shape %s" % (np.shape(budget),)
        )
    saved = np.empty((A_0, A_1))      # early_return.py:9
    trips_saved = np.empty(A_0, dtype=np.int64)
    code_saved = np.empty(A_0, dtype=np.int64)
    energy = 0.0
    return_ = 0.0
    k = 0
    code = 0
    for i in range(A_0):
        k2 = 0                        # early_return.py:10
        code = 0
        for j in range(A_1):
            t = A[i, j]               # early_return.py:11
            energy += t ** 2
            if energy > budget:       # early_return.py:12
                t2 = np.sqrt(energy)  # early_return.py:13
                saved[i, j] = t2
                return_ = t2 * t
                k2 += 1
                code = 3
                break
            k2 += 1
        code_saved[i] = code          # early_return.py:10
        trips_saved[i] = k2
        k += 1                        # early_return.py:9
        if code != 0:
            break
    t = code != 0                     # early_return.py:6
    if not t:
        return_ = energy
    # backward
    if t:                             # line 6
        return_bar = 1.0
        energy_bar = 0.0
    else:
        return_bar = 0.0
        energy_bar = 1.0
    A_bar = np.zeros((A_0, A_1))      # line 9
    for i in reversed(range(k)):
        trips = trips_saved[i]        # line 10
        code = code_saved[i]
        for j in reversed(range(trips)):
            t = np.logical_and(j == trips - 1, code != 0)  # line 12
            t2 = A[i, j]
            if t:
                t = saved[i, j]       # line 13
                energy_bar += return_bar * t2 * 0.5 / t  # of np.sqrt, line 13
                t = return_bar * t    # line 13
                return_bar = 0.0      # line 12
            else:
                t = 0.0
            A_bar[i, j] += t + energy_bar * (2 * t2)  # of A[i, j], line 11
    return return_, A_bar
