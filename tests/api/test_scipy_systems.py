"""Factorisations and sparse systems of SciPy in programs, against SciPy, dense solves and finite differences."""

import numpy as np
import pytest
import scipy.linalg
import scipy.sparse
import scipy.sparse.linalg

import gradscribe as gs

A = np.array([[1.0, 1.0, 0.0, 0.5], [5.0, 3.0, 1.0, 0.0], [0.0, 1.0, 2.0, 0.0], [0.0, 7.0, 0.0, 0.3]])
B = np.array([1.0, 2.0, 3.0, -1.0])
ROWS, COLUMNS = np.nonzero(A)
DATA, POINTERS = A[ROWS, COLUMNS], np.array([0, 3, 6, 8, 10])


def close(a, b, rtol=1e-9, atol=1e-10):
    np.testing.assert_allclose(a, b, rtol=rtol, atol=atol)


def numeric(f, x, step=1e-6):
    flat = [(f(x + step * e) - f(x - step * e)) / (2 * step) for e in np.eye(x.size).reshape(-1, *x.shape)]
    return np.stack(flat, axis=-1).reshape(*np.shape(f(x)), *x.shape)


def packed(a):
    return scipy.linalg.lu_factor(a)


def lu_both_ways(a, b):
    factors = scipy.linalg.lu_factor(a)
    return scipy.linalg.lu_solve(factors, b) + scipy.linalg.lu_solve(factors, b, trans=1)


def dense_both_ways(a, b):
    return np.linalg.solve(a, b) + np.linalg.solve(a.T, b)


def sparse(data, b):
    matrix = scipy.sparse.csr_array((data, COLUMNS, POINTERS), shape=(4, 4))
    return scipy.sparse.linalg.spsolve(matrix, b)


def dense(data, b):
    matrix = np.zeros((4, 4))
    np.add.at(matrix, (ROWS, COLUMNS), data)
    return np.linalg.solve(matrix, b)


PAIRS = {
    "lu": (lu_both_ways, dense_both_ways, A, B),
    "lu_columns": (lu_both_ways, dense_both_ways, A, np.stack([B, B**2], axis=1)),
    "sparse": (sparse, dense, DATA, B),
    "sparse_columns": (sparse, dense, DATA, np.stack([B, B**2], axis=1)),
}


@pytest.mark.parametrize("backend", ["python", pytest.param("native", marks=pytest.mark.native)])
@pytest.mark.parametrize("name", PAIRS)
def test_solves_and_their_derivatives(name, backend):
    f, reference, a, b = PAIRS[name]
    run = lambda g: gs.jit(g, backend=backend)
    close(run(f)(a, b), f(a, b))
    _, pushed = run(lambda a, b: gs.jvp(f, (a, b), (np.cos(a), np.sin(b))))(a, b)
    step = 1e-6
    ahead, behind = (f(a + s * np.cos(a), b + s * np.sin(b)) for s in (step, -step))
    close(pushed, (ahead - behind) / (2 * step), rtol=1e-6, atol=1e-6)
    loss = lambda a, b: np.sum(f(a, b) ** 3)
    da, db = run(gs.grad(loss, (0, 1)))(a, b)
    close(da, numeric(lambda a: loss(a, b), a), rtol=1e-5, atol=1e-5)
    close(db, numeric(lambda b: loss(a, b), b), rtol=1e-5, atol=1e-5)
    model = lambda a, b: np.sum(reference(a, b) ** 3)
    twice = lambda g: lambda a, b: gs.grad(lambda a, b: np.sum(gs.grad(g)(a, b) * np.cos(a)), (0, 1))(a, b)
    for got, expected in zip(run(twice(loss))(a, b), gs.jit(twice(model), backend="python")(a, b), strict=True):
        close(got, expected, rtol=1e-8, atol=1e-8)


def test_packed_factors():
    """The factors and exchanges themselves, as SciPy packs them; single precision stays single."""
    for a in (A, A.astype(np.float32), np.array([[0.0, 1.0], [0.0, 2.0]])):
        lu, pivots = gs.jit(packed, backend="python")(a)
        expected = scipy.linalg.lu_factor(a) if a.shape == (4, 4) else (np.array([[0.0, 1.0], [0.0, 2.0]]), [0, 1])
        assert lu.dtype == a.dtype and pivots.dtype == np.int32
        close(lu, expected[0], rtol=1e-6)
        assert np.array_equal(pivots, expected[1])
    factor = lambda a: scipy.linalg.lu_factor(a)[0]
    close(gs.jacfwd(factor)(A), numeric(factor, A), rtol=1e-6, atol=1e-7)
    close(gs.jacrev(factor)(A), gs.jacfwd(factor)(A))
    close(
        gs.vmap(gs.grad(lambda a: np.sum(lu_both_ways(a, B))))(np.stack([A, A.T]))[1],
        gs.grad(lambda a: np.sum(dense_both_ways(a, B)))(A.T),
    )


def test_sparse_arrays():
    """By columns, by positions with one that is given twice; products, transposes, dense forms; complex entries."""

    def f(data, x):
        twice = scipy.sparse.coo_array((np.append(data, data[0]), (np.append(ROWS, 2), np.append(COLUMNS, 2))), (4, 4))
        by_columns = scipy.sparse.csc_array((data, COLUMNS, POINTERS), shape=(4, 4))
        solved = scipy.sparse.linalg.spsolve(twice.tocsc(), x[:, None])
        return twice.T @ x + by_columns @ np.stack([x, x * x], axis=1)[:, 1] + by_columns.toarray()[0] * x + solved

    for data in (DATA, DATA * (1.0 + 0.2j)):
        close(gs.jit(f, backend="python")(data, B), f(data, B))
    close(gs.jacrev(f)(DATA, B), numeric(lambda d: f(d, B), DATA), rtol=1e-6, atol=1e-7)
    close(gs.vmap(sparse, in_axes=(None, 0))(DATA, np.stack([B, 2 * B])), [sparse(DATA, B), 2 * sparse(DATA, B)])


def test_what_is_no_system():
    wide = lambda d: scipy.sparse.linalg.spsolve(scipy.sparse.csr_array((d, COLUMNS, POINTERS), shape=(4, 5)), B)
    with pytest.raises(ValueError, match="square"):
        gs.jit(wide, backend="python")(DATA)
    unknown = lambda d: scipy.sparse.linalg.spsolve(scipy.sparse.csr_array((d, COLUMNS, POINTERS)), B)
    with pytest.raises(Exception, match="shape="):
        gs.jit(unknown, backend="python")(DATA)
    tall = lambda a: scipy.linalg.lu_factor(a)[0]
    with pytest.raises(Exception, match="one square matrix"):
        gs.jit(tall, backend="python")(A[:, :2])


@pytest.mark.parametrize("backend", ["python", pytest.param("native", marks=pytest.mark.native)])
def test_negative_positions_are_refused_as_by_scipy(backend):
    def product(data, rows):
        return scipy.sparse.coo_array((data, (rows, np.array([1, 2, 0]))), (3, 3)) @ np.ones(3)

    for function in (product, gs.jit(product, backend=backend)):
        with pytest.raises(ValueError, match="negative"):
            function(np.ones(3), np.array([0, -1, 2]))
