"""Product of two matrix products (PolyBench ``3mm``)."""


def three_mm(A, B, C, D):
    """Return (A B)(C D)."""
    E = A @ B
    F = C @ D
    return E @ F
