"""The Lorenz (1963) system by the classical Runge-Kutta method (RK4), the state in a small array."""

import numpy as np


def field(state, parameters):
    x, y, z = state
    sigma, rho, beta = parameters
    return np.array([sigma * (y - x), x * (rho - z) - y, x * y - beta * z])


def lorenz_array(parameters, start, weights, steps):
    """weights . state after ``steps`` steps of 0.01 from start, float[3]."""
    h = 0.01
    state = start
    for step in range(steps):
        k1 = field(state, parameters)
        k2 = field(state + h / 2 * k1, parameters)
        k3 = field(state + h / 2 * k2, parameters)
        k4 = field(state + h * k3, parameters)
        state = state + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    return np.dot(weights, state)
