"""The wave equation in one dimension by leapfrog, three buffers exchanged by name (Courant, Friedrichs, Lewy 1928)."""

import numpy as np


def buffer_swap(u0, velocity, courant, steps):
    """Displacement after ``steps`` steps; the ends are held."""
    previous = u0.copy()
    current = u0 + velocity
    following = np.zeros_like(u0)
    for t in range(steps):
        following[0] = current[0]
        following[-1] = current[-1]
        curvature = current[2:] - 2 * current[1:-1] + current[:-2]
        following[1:-1] = 2 * current[1:-1] - previous[1:-1] + courant**2 * curvature
        previous, current, following = current, following, previous
    return current
