"""Loops that may run no times at all: a step count of zero, an empty triangle, an empty slice range."""


def zero_trip_loops(x, steps):
    """With steps = 0 this is x * (1, x[0], x[0] x[1], ...), plus the last partial product."""
    out = x.copy()
    last = x[0]
    for step in range(steps):
        out = out * x
        last = last + out[0]
    for i in range(out.shape[0]):
        for j in range(i):
            out[i] = out[i] * x[j]
            last = out[i]
    for i in range(3, 3):
        out[i] = 0.0
    return out, last
