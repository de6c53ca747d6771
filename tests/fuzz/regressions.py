"""Programs that the fuzzer found wrong, reduced by hand, with inputs that showed it."""

from __future__ import annotations

import numpy as np


def exit_code_of_an_inner_loop(a, s):
    """The inner loop is left by `break`, the outer one is not left at all: their exit codes are two variables."""
    for i in range(2):
        for _ in range(2):
            s = s * 0.5 + a[1]
            break
            return s
        if i > 1:
            return s + a[0]
    return s + a.sum()


REGRESSIONS = {
    exit_code_of_an_inner_loop: (np.array([0.75, -0.6, 0.7, 1.2]), 1.3),
}
