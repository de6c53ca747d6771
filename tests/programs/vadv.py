"""Implicit vertical advection of momentum: one tridiagonal (Thomas) solve per grid column.

The method is the vertical advection of the COSMO weather model's dynamical core (the ``vadv`` program of NPBench has
the same shape); Crank-Nicolson in time, centred in the vertical, rigid lid and floor.
"""

import numpy as np


def vadv(u, wcon, tendency, dtr):
    """Tendency of u, float[I, J, K], by wcon, float[I + 1, J, K + 1], which sits on faces; dtr is 1 / time step."""
    K = u.shape[2]
    upper = np.zeros_like(u)
    right = np.zeros_like(u)
    out = np.zeros_like(u)

    # forward sweep: eliminate the lower diagonal, from the floor up
    above = 0.125 * (wcon[1:, :, 1] + wcon[:-1, :, 1])
    diagonal = dtr - above
    rhs = dtr * u[:, :, 0] + tendency[:, :, 0] - above * (u[:, :, 1] - u[:, :, 0])
    upper[:, :, 0] = above / diagonal
    right[:, :, 0] = rhs / diagonal
    for k in range(1, K - 1):
        below = -0.125 * (wcon[1:, :, k] + wcon[:-1, :, k])
        above = 0.125 * (wcon[1:, :, k + 1] + wcon[:-1, :, k + 1])
        rhs = (
            dtr * u[:, :, k] + tendency[:, :, k]
            + below * (u[:, :, k] - u[:, :, k - 1])
            - above * (u[:, :, k + 1] - u[:, :, k])
        )
        diagonal = dtr - below - above - below * upper[:, :, k - 1]
        upper[:, :, k] = above / diagonal
        right[:, :, k] = (rhs - below * right[:, :, k - 1]) / diagonal
    below = -0.125 * (wcon[1:, :, K - 1] + wcon[:-1, :, K - 1])
    rhs = dtr * u[:, :, K - 1] + tendency[:, :, K - 1] + below * (u[:, :, K - 1] - u[:, :, K - 2])
    diagonal = dtr - below - below * upper[:, :, K - 2]
    right[:, :, K - 1] = (rhs - below * right[:, :, K - 2]) / diagonal

    # backward sweep: substitute from the lid down
    level = right[:, :, K - 1]
    out[:, :, K - 1] = dtr * (level - u[:, :, K - 1])
    for k in range(K - 2, -1, -1):
        level = right[:, :, k] - upper[:, :, k] * level
        out[:, :, k] = dtr * (level - u[:, :, k])
    return out
