"""Great-circle distance between pairs of points on the unit sphere by the haversine formula (Sinnott 1984)."""

import numpy as np


def arc_distance(theta_1, phi_1, theta_2, phi_2):
    """Angles between (theta_1, phi_1) and (theta_2, phi_2), latitudes and longitudes in radians, float[n] each."""
    h = np.sin((theta_2 - theta_1) / 2) ** 2
    h = h + np.cos(theta_1) * np.cos(theta_2) * np.sin((phi_2 - phi_1) / 2) ** 2
    return 2 * np.arctan2(np.sqrt(h), np.sqrt(1 - h))
