# value_and_grad of first_crossing, written by gradscribe.
# From tests/programs/first_crossing.py:4.
#   signal: f64[n]
#   level: float
import numpy as np


def first_crossing_value_and_grad(signal, level):
    n = signal.shape[0]
    if signal.ndim != 1 or signal.dtype != np.float64:
        raise TypeError(
            "signal: expected 1-d float64, got %d-d %s" % (signal.ndim, signal.dtype)
        )
    if n < 2:
        raise ValueError("signal: axis 0 needs at least 2 entries, got %d" % n)
    if np.ndim(level) != 0:
        raise ValueError("level: expected a number, got shape %s" % (np.shape(level),))
    position = float(n - 1)              # first_crossing.py:7
    position = np.float64(position)      # first_crossing.py:8
    k = 0
    code = 0
    for i in range(1, n):
        before = signal[i - 1]           # first_crossing.py:9
        after = signal[i]                # first_crossing.py:10
        if before < level:               # first_crossing.py:11
            result = after >= level
        else:
            result = False
        if result:
            position = i - 1 + (level - before) / (after - before)  # first_crossing.py:12
            k += 1
            code = 1
            break
        k += 1
    # backward
    position_bar = 1.0                   # line 8
    level_bar = 0.0
    signal_bar = np.zeros(n)
    for i in reversed(range(1, k + 1)):
        after = signal[i]                # line 11
        before = signal[i - 1]
        if i == k and code != 0:
            t = after - before           # of after - before, line 12
            t2 = position_bar / t        # line 12
            before_bar = t2 * ((level - before) / t)
            level_bar += t2              # of level - before, line 12
            after_bar = -before_bar      # line 12
            before_bar -= t2             # of level - before, line 12
            position_bar = 0.0           # line 11
        else:
            before_bar = 0.0
            after_bar = 0.0
        signal_bar[i] += after_bar       # of signal[i], line 10
        signal_bar[i - 1] += before_bar  # of signal[i - 1], line 9
    return position, (signal_bar, level_bar)
