"""Backtracking line search by Armijo's (1966) rule inside steepest descent: a ``while`` in a ``for``."""

import numpy as np


def quartic(x, scales):
    return np.sum(scales * x**2) + 0.1 * np.sum(x) ** 4


def while_search(x0, scales, iterations):
    """The iterate after ``iterations`` steps of steepest descent on the quartic bowl, step halved until it descends."""
    x = x0.copy()
    for iteration in range(iterations):
        gradient = 2 * scales * x + 0.4 * np.sum(x) ** 3
        step = 1.0
        while quartic(x - step * gradient, scales) > quartic(x, scales) - 0.5 * step * np.sum(gradient**2):
            step *= 0.5
        x = x - step * gradient
    return x
