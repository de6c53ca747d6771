"""Every augmented assignment on a name, an element, a slice and a whole array."""


def augmented_assignments(x, c):
    """A chain of +=, -=, *=, /= and **= on copies of x, float[n] with n >= 4 and positive entries."""
    a = x.copy()
    b = a
    a += c
    b *= x
    a[1] -= a[0]
    a[2:] /= x[:-2]
    a[:2] **= 2
    s = 1.0
    s += a[0]
    s *= c
    s -= a[-1]
    s /= 1.0 + x[0]
    s **= 3
    a[:] = a[:] * s
    return a, s
