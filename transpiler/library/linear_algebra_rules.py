"""`np.linalg`: solve, inv, det, slogdet, cholesky. Matrices stand in the last two axes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gradscribe.transpiler.errors import ShapeError, UnsupportedSyntax
from gradscribe.transpiler.ir.builder import current_span
from gradscribe.transpiler.ir.nodes import Operand
from gradscribe.transpiler.library.arguments import common, data, floating, refuse_given, spread, strong
from gradscribe.transpiler.primitives import linear_algebra
from gradscribe.transpiler.primitives.primitive import Library, broadcast_shapes

Rule = Callable[..., Any]


def _matrices(a: Any, what: str) -> Operand:
    x = floating(strong(data(a)))
    if x.rank < 2:
        raise ShapeError(current_span(), f"`{what}` takes matrices, not an array of rank {x.rank}")
    return x


def solve(a: Any, b: Any) -> Any:
    """A vector on the right is one system; otherwise the last axis counts right hand sides, leading axes broadcast."""
    x, y = common([_matrices(a, "np.linalg.solve"), floating(strong(data(b)))])
    if y.rank == 1 and x.rank == 2:
        return linear_algebra.solve(x, y)
    if y.rank == 1:
        raise ShapeError(current_span(), "a stack of matrices with one vector", "give the right hand sides as columns")
    stack = broadcast_shapes([x.shape[:-2], y.shape[:-2]], "np.linalg.solve")
    return linear_algebra.solve(spread(x, (*stack, *x.shape[-2:])), spread(y, (*stack, *y.shape[-2:])))


def _real_matrices(a: Any, what: str) -> Operand:
    x = _matrices(a, what)
    if x.dtype.kind == "c":
        raise UnsupportedSyntax(current_span(), f"`{what}` of complex matrices is not supported")
    return x


def _of_one(operation: Library, name: str) -> Rule:
    return lambda a: operation(_matrices(a, name))


def cholesky(a: Any, /, *, upper: Any = False) -> Any:
    refuse_given("np.linalg.cholesky", upper=(upper, False))
    return linear_algebra.cholesky(_real_matrices(a, "np.linalg.cholesky"))


def slogdet(a: Any) -> Any:
    x = _real_matrices(a, "np.linalg.slogdet")
    return linear_algebra.det_sign(x), linear_algebra.log_abs_det(x)


LINEAR_ALGEBRA_RULES: dict[Any, Rule] = {
    np.linalg.solve: solve,
    np.linalg.inv: _of_one(linear_algebra.inv, "np.linalg.inv"),
    np.linalg.det: _of_one(linear_algebra.det, "np.linalg.det"),
    np.linalg.slogdet: slogdet,
    np.linalg.cholesky: cholesky,
}
