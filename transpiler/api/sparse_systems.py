"""SciPy's sparse arrays made in programs, and `scipy.sparse.linalg.spsolve`.

In: `csr_array((data, indices, indptr), shape=...)` and its kin: the positions are integers, the data may be
differentiated. Out: a `SparseMatrix`, which multiplies, transposes and becomes dense. `spsolve` runs SciPy's in Python;
its derivative is that of A x = b: with respect to the data it stays on the pattern, and nothing dense is made. What an
iteration (`cg`, `gmres`) finds has that derivative too, solved for by `spsolve`.
"""

from __future__ import annotations

# Nothing here is called by Python: types would say nothing.
# mypy: disable-error-code="no-untyped-def"
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradscribe.transpiler.api.implicit import require_convergence, text
from gradscribe.transpiler.frontend.converting import TEXTS
from gradscribe.transpiler.library.custom_rules import custom_derivatives
from gradscribe.transpiler.library.solvers import solver


@text
def _product(data, rows, columns, count, x):
    """The matrix times a vector, or times columns."""
    terms = (data if np.ndim(x) == 1 else data[:, None]) * x[columns]
    result = np.zeros((count, *np.shape(x)[1:]), terms.dtype)
    np.add.at(result, rows, terms)
    return result


@dataclass
class SparseMatrix:
    """Entries at positions; those of one position add up."""

    data: Any
    rows: Any
    columns: Any
    shape: Any

    @property
    @text
    def T(self):
        return SparseMatrix(self.data, self.columns, self.rows, (self.shape[1], self.shape[0]))

    @text
    def __matmul__(self, x):
        return _product(self.data, self.rows, self.columns, self.shape[0], x)

    @text
    def transpose(self):
        return self.T

    @text
    def dot(self, x):
        return self @ x

    @text
    def toarray(self):
        dense = np.zeros(self.shape, self.data.dtype)
        np.add.at(dense, (self.rows, self.columns), self.data)
        return dense

    @text
    def todense(self):
        return self.toarray()

    @text
    def tocsr(self):
        return self

    @text
    def tocsc(self):
        return self


SparseMatrix.__gradscribe_text__ = True  # type: ignore[attr-defined]


@text
def _positions(given):
    positions = np.asarray(given)
    if np.any(positions < 0):
        raise ValueError("negative index found in a sparse array")
    return positions


@text
def _compressed(given, shape, by_rows):
    if isinstance(given, SparseMatrix):
        return given
    if not isinstance(given, tuple):
        if np.ndim(given) != 2:
            raise NotImplementedError("a sparse array in a program is made of (data, indices, indptr) or of a matrix")
        n, m = np.shape(given)
        return SparseMatrix(np.ravel(given), np.repeat(np.arange(n), m), np.tile(np.arange(m), n), (n, m))
    if shape is None:
        raise NotImplementedError("a sparse array in a program needs shape=")
    if len(given) == 2:
        data, (rows, columns) = given
        return SparseMatrix(data, _positions(rows), _positions(columns), shape)
    data, indices, starts = given
    if len(starts) != (shape[0] if by_rows else shape[1]) + 1:
        raise ValueError("a sparse array needs one index pointer more than it has rows (csr) or columns (csc)")
    indices = _positions(indices)
    others = np.searchsorted(starts, np.arange(len(indices)), side="right") - 1
    return SparseMatrix(data, others, indices, shape) if by_rows else SparseMatrix(data, indices, others, shape)


@text
def _csr(arg1, shape=None):
    return _compressed(arg1, shape, True)


@text
def _csc(arg1, shape=None):
    return _compressed(arg1, shape, False)


@text
def _coo(arg1, shape=None):
    if isinstance(arg1, tuple) and len(arg1) != 2:
        raise NotImplementedError("coo_array takes (data, (rows, columns)) or a matrix")
    return _compressed(arg1, shape, True)


@text
def _spsolve(A, b, permc_spec=None, use_umfpack=True):
    if isinstance(b, SparseMatrix):
        raise NotImplementedError("spsolve in a program takes a dense right-hand side: give b.toarray()")
    right = np.asarray(b) * 1.0
    if np.ndim(right) == 2 and np.shape(right)[1] == 1:
        right = right[:, 0]
    if not isinstance(A, SparseMatrix):
        return np.linalg.solve(A, right)
    if A.shape[0] != A.shape[1] or A.shape[0] != len(right):
        raise ValueError("spsolve takes a square matrix and a right-hand side of as many rows")
    data, rows, columns, n = A.data * 1.0, A.rows, A.columns, A.shape[0]
    right = right * np.ones((), data.dtype)
    data = data * np.ones((), right.dtype)

    def solution(data, rows, columns, right):
        product = lambda x: _product(data, rows, columns, n, x)
        return solver("spsolve", product, right, data, rows, columns, permc_spec=permc_spec)[0]

    def pushed(primals, tangents):
        data, rows, columns, right = primals
        ddata, _, _, dright = tangents
        x = solved(data, rows, columns, right)
        return x, solved(data, rows, columns, dright - _product(ddata, rows, columns, n, x))

    def forward(data, rows, columns, right):
        x = solved(data, rows, columns, right)
        return x, (data, rows, columns, x)

    def backward(kept, cotangent):
        data, rows, columns, x = kept
        adjoint = solved(data, columns, rows, cotangent)
        outer = adjoint[rows] * x[columns]
        return -(outer if np.ndim(x) == 1 else np.sum(outer, axis=1)), None, None, adjoint

    solved = custom_derivatives(solution)
    solved.define(pushed, forward, backward)
    return solved(data, rows, columns, right)


@text
def iterated(name, A, b, start, rtol, atol, maxiter):
    """(x, converged) of A x = b by an iteration of SciPy's of this name, for a `SparseMatrix`."""
    n = A.shape[0]
    if n != A.shape[1] or n != len(b) or n != len(start):
        raise ValueError(f"{name} takes a square matrix and a right-hand side and a start of as many elements")

    def solution(data, right, start, rows, columns):
        product = lambda x: _product(data, rows, columns, n, x)
        return solver(name, product, start, data, rows, columns, right, rtol=rtol, atol=atol, maxiter=maxiter)

    def pushed(primals, tangents):
        data, right, start, rows, columns = primals
        x, converged = solved(data, right, start, rows, columns)
        require_convergence(converged)
        change = tangents[1] - _product(tangents[0], rows, columns, n, x)
        return (x, converged), (_spsolve(SparseMatrix(data, rows, columns, A.shape), change), None)

    def forward(data, right, start, rows, columns):
        x, converged = solved(data, right, start, rows, columns)
        require_convergence(converged)
        return (x, converged), (data, rows, columns, x)

    def backward(kept, cotangents):
        data, rows, columns, x = kept
        adjoint = _spsolve(SparseMatrix(data, columns, rows, A.shape), cotangents[0])
        return -(adjoint[rows] * x[columns]), adjoint, None, None, None

    solved = custom_derivatives(solution)
    solved.define(pushed, forward, backward)
    return solved(A.data * 1.0, b * 1.0, start * 1.0, A.rows, A.columns)


TEXTS.update(
    {
        "scipy.sparse.csr_array": _csr,
        "scipy.sparse.csr_matrix": _csr,
        "scipy.sparse.csc_array": _csc,
        "scipy.sparse.csc_matrix": _csc,
        "scipy.sparse.coo_array": _coo,
        "scipy.sparse.coo_matrix": _coo,
        "scipy.sparse.linalg.spsolve": _spsolve,
    }
)
