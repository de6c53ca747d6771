"""Kepler's equation E - e sin E = M by Newton's method, iterated to a tolerance."""

import math


def newton(mean_anomaly, eccentricity):
    """The eccentric anomaly E, to 1e-12."""
    E = mean_anomaly
    change = 1.0
    while abs(change) > 1e-12:
        change = (E - eccentricity * math.sin(E) - mean_anomaly) / (1.0 - eccentricity * math.cos(E))
        E = E - change
    return E
