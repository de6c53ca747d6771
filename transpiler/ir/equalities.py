"""Equalities between dims, as they are discovered while a program is being built.

In: two dims that an operation needs equal. Out: nothing, or `ShapeError`. The ambient solver decides: outside the
frontend two dims are equal only as polynomials; the frontend installs a solver that substitutes symbols and records
guards or run-time checks.
Establishes: `normalize` maps equal dims to one polynomial.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from gradscribe.transpiler.errors import ShapeError
from gradscribe.transpiler.ir.bounds import is_nonnegative
from gradscribe.transpiler.ir.builder import current_span
from gradscribe.transpiler.ir.dims import Dim


class Equalities:
    """The plain solver: knows nothing beyond polynomial identity."""

    def normalize(self, dim: Dim) -> Dim:
        """The representative of all dims known to be equal to this one."""
        return dim

    def require(self, a: Dim, b: Dim, what: str) -> None:
        """Make a == b, or raise ShapeError; `what` names the operation for the message."""
        if self.normalize(a) != self.normalize(b):
            raise ShapeError(current_span(), f"sizes {a} and {b} differ in `{what}`")

    def nonnegative(self, dim: Dim) -> bool | None:
        """Is dim >= 0? None if that is not known."""
        dim = self.normalize(dim)
        return True if is_nonnegative(dim) else False if is_nonnegative(-dim - 1) else None


class _Ambient(threading.local):
    def __init__(self) -> None:
        self.solver = Equalities()


_ambient = _Ambient()


def equalities() -> Equalities:
    """The ambient solver."""
    return _ambient.solver


@contextmanager
def solving_with(solver: Equalities) -> Iterator[None]:
    """Operations emitted inside settle their dims with `solver`."""
    saved = _ambient.solver
    _ambient.solver = solver
    try:
        yield
    finally:
        _ambient.solver = saved
