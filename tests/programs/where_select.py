"""Selection by masks: the leaky rectifier, a guarded logarithm and a clipped square root through ``np.where``."""

import numpy as np


def where_select(x, slope):
    """Three selections from x, float[n, m]; the branch not taken is kept finite by a safe argument."""
    leaky = np.where(x > 0, x, slope * x)
    safe = np.where(x > 0, x, 1.0)
    logarithm = np.where(x > 0, np.log(safe), 0.0)
    root = np.sqrt(np.where(x < -0.5, -x, 0.5))
    return leaky + logarithm * root
