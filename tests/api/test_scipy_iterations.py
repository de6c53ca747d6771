"""`cg` and `gmres` with sparse matrices made in programs, against SciPy, dense solves and differences."""

import numpy as np
import pytest
import scipy.sparse
import scipy.sparse.linalg

import gradscribe as gs

ROWS = np.r_[np.arange(12), np.arange(11), np.arange(1, 12)]
COLUMNS = np.r_[np.arange(12), np.arange(1, 12), np.arange(11)]
ENTRIES = np.r_[4.0 + 0.1 * np.arange(12), -np.ones(22)]
RIGHT = np.sin(np.arange(12) + 1.0)


@pytest.mark.parametrize("name", ["cg", "gmres"])
class TestIterationsWithSparseMatrices:
    """Values of SciPy with the sparse matrix, derivatives on its pattern."""

    def loss(self, name):
        def f(data, b):
            A = scipy.sparse.csr_array(scipy.sparse.coo_array((data, (ROWS, COLUMNS)), shape=(12, 12)))
            x, info = getattr(scipy.sparse.linalg, name)(A, b, rtol=1e-13)
            return np.sum(np.sin(x) * np.arange(12.0)) + info

        return f

    def test_derivatives(self, name):
        f = self.loss(name)
        change = np.where(ROWS == COLUMNS, 0.0, 0.3) + np.cos(ROWS + COLUMNS)  # symmetric, as cg needs it
        db, h = np.cos(np.arange(12.0)), 1e-5
        difference = (f(ENTRIES + h * change, RIGHT + h * db) - f(ENTRIES - h * change, RIGHT - h * db)) / (2 * h)
        assert gs.jvp(f, (ENTRIES, RIGHT), (change, db))[1] == pytest.approx(difference, rel=1e-7)
        by_data, by_right = gs.grad(f, (0, 1))(ENTRIES, RIGHT)
        assert by_data @ change + by_right @ db == pytest.approx(difference, rel=1e-7)
        dense = lambda data, b: np.sum(np.sin(np.linalg.solve(self.dense(data), b)) * np.arange(12.0))
        for found, expected in zip((by_data, by_right), gs.grad(dense, (0, 1))(ENTRIES, RIGHT), strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-11)

    @staticmethod
    def dense(data):
        A = np.zeros((12, 12))
        np.add.at(A, (ROWS, COLUMNS), data)
        return A

    def test_second_derivatives_and_batches(self, name):
        f = self.loss(name)
        dense = lambda b: np.sum(np.sin(np.linalg.solve(self.dense(ENTRIES), b)) * np.arange(12.0))
        np.testing.assert_allclose(
            gs.hessian(lambda b: f(ENTRIES, b))(RIGHT), gs.hessian(dense)(RIGHT), rtol=1e-8, atol=1e-10
        )
        lanes = np.stack([RIGHT, 2 * RIGHT])
        np.testing.assert_allclose(gs.vmap(lambda b: f(ENTRIES, b))(lanes), [f(ENTRIES, b) for b in lanes], rtol=1e-12)

    def test_sizes_that_do_not_fit_are_errors(self, name):
        def f(b):
            A = scipy.sparse.coo_array((ENTRIES, (ROWS, COLUMNS)), shape=(12, 12))
            return np.sum(getattr(scipy.sparse.linalg, name)(A, b)[0])

        with pytest.raises(ValueError, match="square matrix"):
            gs.grad(f)(RIGHT[:5])


def test_no_derivative_without_convergence():
    def f(b):
        A = scipy.sparse.coo_array((ENTRIES, (ROWS, COLUMNS)), shape=(12, 12))
        return np.sum(scipy.sparse.linalg.cg(A, b, rtol=1e-15, maxiter=1)[0])

    for derivative in (gs.grad(f), gs.jacfwd(f)):
        with pytest.raises(ArithmeticError, match="did not converge"):
            derivative(RIGHT)
