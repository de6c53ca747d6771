"""Jacobi iteration of the five-point stencil on a square, two buffers (PolyBench ``jacobi-2d``)."""


def jacobi_2d(steps, A, B):
    """Sweep A into B and B into A; both arguments are overwritten, A is returned."""
    for t in range(1, steps):
        B[1:-1, 1:-1] = 0.2 * (A[1:-1, 1:-1] + A[1:-1, :-2] + A[1:-1, 2:] + A[2:, 1:-1] + A[:-2, 1:-1])
        A[1:-1, 1:-1] = 0.2 * (B[1:-1, 1:-1] + B[1:-1, :-2] + B[1:-1, 2:] + B[2:, 1:-1] + B[:-2, 1:-1])
    return A
