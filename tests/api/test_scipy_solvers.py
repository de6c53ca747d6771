"""SciPy's solvers in programs: the value is SciPy's; derivatives by closed forms and finite differences of SciPy."""

import numpy as np
import pytest
import scipy.linalg
import scipy.optimize
import scipy.sparse
import scipy.sparse.linalg

import gradscribe as gs

A = np.array([[4.0, 1.0, 0.0], [1.0, 3.0, 1.0], [0.0, 1.0, 2.0]])
B = np.array([1.0, 2.0, 3.0])
T = np.linspace(0.0, 1.0, 7)


def close(a, b, rtol=1e-9, atol=1e-11):
    np.testing.assert_allclose(a, b, rtol=rtol, atol=atol)


def numeric(f, x, step):
    return np.stack([(f(x + step * e) - f(x - step * e)) / (2 * step) for e in np.eye(len(x))], axis=-1)


SCALAR = {
    "brentq": lambda a: scipy.optimize.brentq(lambda x: x**3 - a, 0.0, 3.0),
    "brenth": lambda a: scipy.optimize.brenth(lambda x: x**3 - a, 0.0, 3.0),
    "bisect": lambda a: scipy.optimize.bisect(lambda x, c: x**3 - c, 0.0, 3.0, args=(a,), xtol=1e-14),
    "ridder": lambda a: scipy.optimize.ridder(lambda x: x**3 - a, 0.0, 3.0),
    "newton": lambda a: scipy.optimize.newton(lambda x: x**3 - a, 1.0, tol=1e-12),
    "root_scalar": lambda a: scipy.optimize.root_scalar(lambda x: x**3 - a, bracket=(0.0, 3.0)).root,
    "secant": lambda a: scipy.optimize.root_scalar(lambda x, c: x**3 - c, args=(a,), x0=1.0, x1=1.5, xtol=1e-12).root,
    "fsolve": lambda a: scipy.optimize.fsolve(lambda x: x**3 - a, 1.0, xtol=1e-12)[0],
}


@pytest.mark.parametrize("name", SCALAR)
def test_roots_of_one_number(name):
    f = SCALAR[name]
    assert gs.jit(f, backend="python")(2.0) == f(2.0)
    close(gs.grad(f)(2.0), 2 ** (-2 / 3) / 3, rtol=1e-7)
    close(gs.jvp(f, (2.0,), (3.0,))[1], 2 ** (-2 / 3), rtol=1e-7)
    close(gs.grad(gs.grad(f))(2.0), -2 / 9 * 2 ** (-5 / 3), rtol=1e-6)


@pytest.mark.native
def test_natively():
    close(gs.jit(SCALAR["bisect"])(2.0), SCALAR["bisect"](2.0), rtol=1e-12)
    close(gs.jit(gs.grad(SCALAR["brentq"]))(2.0), 2 ** (-2 / 3) / 3)


def test_batches():
    values = np.array([1.0, 2.0, 3.0])
    close(gs.vmap(gs.grad(SCALAR["brentq"]))(values), values ** (-2 / 3) / 3, rtol=1e-7)
    close(gs.grad(lambda v: np.sum(gs.vmap(SCALAR["brentq"])(v)))(values), values ** (-2 / 3) / 3, rtol=1e-7)


def coupled(x, c):
    return np.array([x[0] + 0.5 * (x[0] - x[1]) ** 3 - c[0], 0.5 * (x[1] - x[0]) ** 3 + x[1] * c[1]])


def root(b):
    return scipy.optimize.root(coupled, np.zeros(2), args=(b,)).x


def test_roots_in_space():
    b = np.array([1.0, 1.5])
    assert np.array_equal(gs.jit(root, backend="python")(b), root(b))
    for jacobian in (gs.jacfwd, gs.jacrev):
        close(jacobian(root)(b), numeric(root, b, 1e-5), rtol=1e-6)


def test_the_parts_of_a_result():
    def f(b):
        found = scipy.optimize.root(coupled, np.zeros(2), args=(b,))
        return np.sum(found.x) + (1.0 if found.success else 0.0), np.max(np.abs(found.fun))

    total, residual = gs.jit(f, backend="python")(np.array([1.0, 1.5]))
    close(total, np.sum(root(np.array([1.0, 1.5]))) + 1.0)
    assert residual < 1e-8


def test_minima():
    def lowest(a):
        return scipy.optimize.minimize(lambda x: np.sum((x - a) ** 4 + x**2), np.zeros(2), options={"gtol": 1e-7}).x

    a = np.array([1.0, 2.0])
    x = lowest(a)
    inner = 12.0 * (x - a) ** 2
    close(gs.jacrev(lowest)(a), np.diag(inner / (inner + 2.0)), rtol=1e-5)
    close(gs.jacfwd(lowest)(a), np.diag(inner / (inner + 2.0)), rtol=1e-5)

    def height(a):
        return scipy.optimize.minimize(lambda x: np.sum((x - a) ** 4 + x**2), np.zeros(2), options={"gtol": 1e-7}).fun

    close(gs.grad(height)(a), -4.0 * (x - a) ** 3, rtol=1e-5)  # the envelope theorem


def test_least_squares():
    y = 2.0 * np.exp(-1.5 * T) + 0.01 * np.sin(9.0 * T)

    def fit(y):
        model = lambda p: p[0] * np.exp(-p[1] * T) - y
        return scipy.optimize.least_squares(model, np.ones(2), ftol=1e-14, xtol=1e-14, gtol=1e-14).x

    def exact(y):  # by Newton's method: SciPy's answer is not exact enough for differences, on some processors
        a, b = 2.0, 1.5
        for _ in range(20):
            e = np.exp(-b * T)
            r, by_b = a * e - y, -a * T * e
            gradient = np.array([e @ r, by_b @ r])
            mixed = e @ by_b - (T * e) @ r
            curvature = np.array([[e @ e, mixed], [mixed, by_b @ by_b + (a * T**2 * e) @ r]])
            a, b = np.array([a, b]) - np.linalg.solve(curvature, gradient)
        return np.array([a, b])

    close(fit(y), exact(y), rtol=1e-6)
    close(gs.jacfwd(fit)(y), numeric(exact, y, 1e-4), rtol=1e-4, atol=1e-6)
    close(gs.jacrev(fit)(y), gs.jacfwd(fit)(y), rtol=1e-8)


LINEAR = {
    "cg": lambda a, b: scipy.sparse.linalg.cg(a, b, rtol=1e-13)[0],
    "gmres": lambda a, b: scipy.sparse.linalg.gmres(a, b, rtol=1e-13)[0],
    "solve": scipy.linalg.solve,
    "solve_pos": lambda a, b: scipy.linalg.solve(a, b, assume_a="pos"),
    "cho": lambda a, b: scipy.linalg.cho_solve(scipy.linalg.cho_factor(a), b),
    "cho_lower": lambda a, b: scipy.linalg.cho_solve(scipy.linalg.cho_factor(a, lower=True), b),
    "lu": lambda a, b: scipy.linalg.lu_solve(scipy.linalg.lu_factor(a), b),
    "spsolve": lambda a, b: scipy.sparse.linalg.spsolve(scipy.sparse.csc_array(a), b),
    "triangles": lambda a, b: scipy.linalg.solve_triangular(
        scipy.linalg.cholesky(a), scipy.linalg.solve_triangular(scipy.linalg.cholesky(a), b, trans=1)
    ),
}


@pytest.mark.parametrize("name", LINEAR)
def test_linear_solves(name):
    f = lambda a, b: np.sum(LINEAR[name](a, b) ** 2)
    reference = lambda a, b: np.sum(np.linalg.solve(a, b) ** 2)
    close(gs.jit(f, backend="python")(A, B), f(A, B))
    (da, db), (ra, rb) = gs.grad(f, (0, 1))(A, B), gs.grad(reference, (0, 1))(A, B)
    close(db, rb)
    close(da + da.T, ra + ra.T)  # some read one triangle only
    close(gs.hessian(f, 1)(A, B), gs.hessian(reference, 1)(A, B))


def test_structured_matrices():
    c, r = np.array([4.0, 1.0, 0.5]), np.array([4.0, 2.0, 1.0])
    toeplitz = lambda c, r, b: scipy.linalg.solve_toeplitz((c, r), b)
    close(gs.jit(toeplitz, backend="python")(c, r, B), toeplitz(c, r, B))
    close(gs.jacrev(toeplitz)(c, r, B), numeric(lambda v: toeplitz(v, r, B), c, 1e-6), rtol=1e-7)
    ab = np.array([[0.0, 1.0, 2.0], [4.0, 5.0, 6.0], [1.0, 2.0, 0.0]])
    banded = lambda d, b: scipy.linalg.solve_banded((1, 1), np.stack([ab[0], d, ab[2]]), b)
    close(gs.jit(banded, backend="python")(ab[1], B), banded(ab[1], B))
    close(gs.jacrev(banded)(ab[1], B), numeric(lambda v: banded(v, B), ab[1], 1e-6), rtol=1e-7)


def test_no_derivative_without_convergence():
    f = lambda a: scipy.optimize.root(lambda x: x * x + a, 1.0).x[0]
    assert gs.jit(f, backend="python")(1.0) == f(1.0)
    with pytest.raises(ArithmeticError, match="did not converge"):
        gs.grad(f)(1.0)


@pytest.mark.parametrize(
    "f",
    [
        lambda a: scipy.optimize.minimize(lambda x: np.sum((x - a) ** 2), np.zeros(1), bounds=[(0.0, 1.0)]).x[0],
        lambda a: scipy.optimize.root(lambda x: x - a, 0.0, jac=lambda x: np.eye(1)).x[0],
        lambda a: scipy.optimize.brentq(lambda x: x - a, 0.0, 3.0, full_output=True)[0],
        lambda a: scipy.optimize.linprog([a]).x[0],
    ],
)
def test_refusals(f):
    with pytest.raises((gs.UnsupportedSyntax, NotImplementedError)):
        gs.grad(f)(0.5)
