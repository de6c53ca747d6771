"""Jacobi iteration of a three-point stencil on a line, two buffers (PolyBench ``jacobi-1d``)."""


def jacobi_1d(steps, A, B):
    """Sweep A into B and B into A; both arguments are overwritten, A is returned."""
    for t in range(1, steps):
        B[1:-1] = 0.33333 * (A[:-2] + A[1:-1] + A[2:])
        A[1:-1] = 0.33333 * (B[:-2] + B[1:-1] + B[2:])
    return A
