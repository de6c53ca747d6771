"""Control flow on data."""

from __future__ import annotations

import numpy as np

from language.registry import program

X = np.array([0.3, -0.7, 1.2, 0.05, -1.1])


@program(X, 0.8)
def for_else_with_break(x, limit):
    total = 0.0
    for v in x:
        if v > limit:
            total += v**2
            break
        total += np.sin(v)
    else:
        total = -total
    return total
