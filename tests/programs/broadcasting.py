"""Squared-exponential kernel matrix with one length scale per dimension (Rasmussen and Williams 2006, eq. 5.1)."""

import numpy as np


def broadcasting(x, y, scale, amplitude):
    """Kernel between x, float[n, d], and y, float[m, d]; scale, float[d]; amplitude, a number."""
    difference = (x[:, None, :] - y[None, :, :]) / scale
    kernel = amplitude**2 * np.exp(-0.5 * np.sum(difference**2, axis=2))
    return kernel * (1.0 + x[:, :1])
