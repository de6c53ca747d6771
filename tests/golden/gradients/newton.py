# value_and_grad of newton, written by gradscribe.
# From tests/programs/newton.py:6.
#   mean_anomaly: float
#   eccentricity: float
import math

import numpy as np


def newton_value_and_grad(mean_anomaly, eccentricity):
    if np.ndim(mean_anomaly) != 0:
        raise ValueError(
            "mean_anomaly: expected a number, got shape %s" % (np.shape(mean_anomaly),)
        )
    if np.ndim(eccentricity) != 0:
        raise ValueError(
            "eccentricity: expected a number, got shape %s" % (np.shape(eccentricity),)
        )
    saved = []                                     # newton.py:10
    E_saved = []
    saved2 = []
    E = mean_anomaly
    change = 1.0
    k = 0
    while abs(change) > 1e-12:
        E_saved.append(E)
        t = math.sin(E)                            # newton.py:11
        saved.append(t)
        t2 = math.cos(E)
        saved2.append(t2)
        t2 = 1.0 - eccentricity * t2
        if t2 == 0:
            raise ZeroDivisionError("division by zero")
        change = (E - eccentricity * t - mean_anomaly) / t2
        E = E - change                             # newton.py:12
        k += 1                                     # newton.py:10
    # backward
    E_bar = 1.0                                    # line 10
    eccentricity_bar = 0.0
    mean_anomaly_bar = 0.0
    for k2 in reversed(range(k)):
        t = saved.pop()
        E2 = E_saved.pop()
        t2 = saved2.pop()
        t3 = 1.0 - eccentricity * t2               # line 11
        t4 = np.divide(E_bar, t3)
        change = np.divide(E2 - eccentricity * t - mean_anomaly, t3)
        t3 = t4 * change
        E_bar = E_bar + t3 * eccentricity * math.sin(E2) - t4
        E_bar += t4 * eccentricity * math.cos(E2)  # of math.sin, line 11
        eccentricity_bar = eccentricity_bar - t3 * t2 + t4 * t  # line 11
        mean_anomaly_bar += t4
    return E, (mean_anomaly_bar + E_bar, eccentricity_bar)
