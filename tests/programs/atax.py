"""Matrix transpose times matrix times vector (PolyBench ``atax``)."""


def atax(A, x):
    """Return A^T (A x)."""
    return (A @ x) @ A
