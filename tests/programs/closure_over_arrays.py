"""Gaussian quadrature of a function that closes over arrays of its maker and of its module."""

import numpy as np

NODES = np.array([-0.7745966692414834, 0.0, 0.7745966692414834])
WEIGHTS = np.array([0.5555555555555556, 0.8888888888888888, 0.5555555555555556])


def closure_over_arrays(coefficients, lower, upper):
    """Integral of exp(polynomial) over [lower, upper], three-point Gauss-Legendre; coefficients, float[degree + 1]."""

    def integrand(t):
        value = 0.0
        for c in coefficients:
            value = value * t + c
        return np.exp(value)

    half = 0.5 * (upper - lower)
    middle = 0.5 * (upper + lower)
    points = middle + half * NODES
    return half * np.sum(WEIGHTS * integrand(points))
