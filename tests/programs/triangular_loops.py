"""Lennard-Jones (1924) energy of a cloud of particles: every pair once, nested triangular loops."""


def triangular_loops(position, epsilon, sigma):
    """Energy of the particles at position, float[n, 3]."""
    n, dimensions = position.shape
    energy = 0.0
    for i in range(n):
        for j in range(i + 1, n):
            r2 = 0.0
            for d in range(dimensions):
                r2 += (position[i, d] - position[j, d]) ** 2
            s6 = (sigma * sigma / r2) ** 3
            energy += 4.0 * epsilon * (s6 * s6 - s6)
    return energy
