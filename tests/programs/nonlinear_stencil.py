"""Gauss-Seidel relaxation of the nonlinear equation u'' = sinh(u), in place: its derivative needs the old values."""

import numpy as np


def nonlinear_stencil(u0, h, sweeps):
    """``sweeps`` in-place Newton-Gauss-Seidel sweeps over the inside of u0, float[n], with mesh width h."""
    u = u0.copy()
    for sweep in range(sweeps):
        for i in range(1, u.shape[0] - 1):
            residual = u[i - 1] - 2.0 * u[i] + u[i + 1] - h * h * np.sinh(u[i])
            u[i] = u[i] + residual / (2.0 + h * h * np.cosh(u[i]))
    return u
