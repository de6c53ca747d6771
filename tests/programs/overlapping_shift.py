"""A delay line: each step shifts the whole line by one place, with loss, reading and writing the same array."""


def overlapping_shift(line, samples, loss):
    """Push samples, float[steps], into line, float[n], one by one; returns the line and the sum of what falls out."""
    a = line.copy()
    out = 0.0
    for t in range(samples.shape[0]):
        out += a[-1] * samples[t]
        a[1:] = a[:-1] * loss
        a[0] = samples[t]
    return a, out
