"""Weights of quadrature on a grid: `sum(weights * f(grid))` is an integral.

The function is plain NumPy, called by Python outside transformed functions and staged inside (`frontend/calls.py`).
"""

from __future__ import annotations

from typing import Any

import numpy as np


def quadrature_weights(grid: Any, rule: str = "trapezoid") -> Any:
    """The weights with which values on a grid add up to an integral.

    Args:
        grid: the points, in increasing order; a vector of at least two.
        rule: "trapezoid" for any grid; "simpson" for an odd number of equally spaced points.

    Returns: a vector of weights, one for every point.

    Example: `np.sum(gs.quadrature_weights(x) * np.sin(x))` is `np.trapezoid(np.sin(x), x)`.
    """
    grid = np.asarray(grid)
    if grid.ndim != 1:
        raise ValueError("a grid is a vector of points")
    widths = grid[1:] - grid[:-1]
    if rule == "trapezoid":
        weights = np.zeros_like(grid)
        weights[1:] += 0.5 * widths
        weights[:-1] += 0.5 * widths
        return weights
    if rule != "simpson":
        raise ValueError("the rule is 'trapezoid' or 'simpson'")
    if grid.shape[0] % 2 == 0:
        raise ValueError("Simpson's rule takes an odd number of equally spaced points")
    weights = np.full_like(grid, 2.0)
    weights[1::2] = 4.0
    weights[0] = 1.0
    weights[-1] = 1.0
    return weights * ((grid[-1] - grid[0]) / (3.0 * (grid.shape[0] - 1)))
