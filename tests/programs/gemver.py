"""Rank-two update followed by two matrix-vector products (PolyBench ``gemver``)."""

import numpy as np


def gemver(alpha, beta, A, u1, v1, u2, v2, w, x, y, z):
    """Update A, x and w in place and return the three."""
    A += np.outer(u1, v1) + np.outer(u2, v2)
    x += beta * (y @ A) + z
    w += alpha * (A @ x)
    return A, x, w
