"""Sum over the admissible elements of a table; the others are skipped with ``continue``."""

import math


def skip_with_continue(x, floor):
    """Sum of log(x[i]) x[i-1] over those i with x[i] above the floor, and the running products of those kept."""
    total = 0.0
    product = 1.0
    for i in range(1, x.shape[0]):
        if x[i] <= floor:
            continue
        total += math.log(x[i]) * x[i - 1]
        if i % 3 == 0:
            continue
        product *= x[i]
    return total, product
