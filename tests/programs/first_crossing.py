"""Time at which a sampled signal first rises through a level, by linear interpolation; stops at the first."""


def first_crossing(signal, level):
    """Fractional index of the first upward crossing, or the last index when there is none."""
    n = len(signal)
    position = float(n - 1)
    for i in range(1, n):
        before = signal[i - 1]
        after = signal[i]
        if before < level and after >= level:
            position = i - 1 + (level - before) / (after - before)
            break
    return position
