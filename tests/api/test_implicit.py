"""Derivatives of solutions, by closed forms and finite differences; the solvers themselves are never differentiated."""

import numpy as np
import pytest

import gradscribe as gs

A = np.array([[4.0, 1.0, 0.0], [1.0, 3.0, 1.0], [0.0, 1.0, 2.0]])
B = np.array([1.0, 2.0, 3.0])


def newton(f, x):
    for _ in range(50):
        value, slope = gs.jvp(f, (x,), (1.0,))
        if abs(value) < 1e-14:
            break
        x = x - value / slope
    return x


def sqrt(a):
    return gs.custom_root(lambda x: x * x - a, 1.0, newton)


def newton_in_space(f, x):
    for _ in range(30):
        x = x - np.linalg.solve(gs.jacfwd(f)(x), f(x))
    return x


def cubic(a, b):
    """Of A x + x^3 = b, the sum."""
    return np.sum(gs.custom_root(lambda x: a @ x + x**3 - b, np.zeros(3), newton_in_space))


def conjugate_gradients(matvec, b):
    x = np.zeros_like(b)
    r = b - matvec(x)
    p, rs, k = r.copy(), r @ r, 0
    while rs > 1e-28 and k < 100:
        q = matvec(p)
        step = rs / (p @ q)
        x = x + step * p
        r = r - step * q
        new = r @ r
        p = r + (new / rs) * p
        rs = new
        k += 1
    return x


def by_iteration(a, b):
    return np.sum(gs.custom_linear_solve(lambda v: a @ v, b, conjugate_gradients, symmetric=True) ** 2)


def by_lapack(a, b):
    return np.sum(np.linalg.solve(a, b) ** 2)


def both(a, b):
    solve = lambda matvec, rhs: np.linalg.solve(a, rhs)
    return np.sum(gs.custom_linear_solve(lambda v: a @ v, b, solve, lambda vecmat, u: np.linalg.solve(a.T, u)) ** 2)


def forward_only(a, b):
    return np.sum(gs.custom_linear_solve(lambda v: a @ v, b, lambda matvec, rhs: np.linalg.solve(a, rhs)) ** 2)


def numeric(f, x, step=1e-6):
    return np.array([(f(x + step * e) - f(x - step * e)) / (2 * step) for e in np.eye(len(x))])


def close(a, b, rtol=1e-9, atol=1e-11):
    np.testing.assert_allclose(a, b, rtol=rtol, atol=atol)


def test_a_root_of_one_number():
    for a in (0.5, 2.0, 9.0):
        close(sqrt(a), np.sqrt(a))
        close(gs.grad(sqrt)(a), 0.5 / np.sqrt(a))
        close(gs.jvp(sqrt, (a,), (3.0,))[1], 1.5 / np.sqrt(a))
        close(gs.grad(gs.grad(sqrt))(a), -0.25 * a**-1.5)
        close(gs.grad(gs.grad(gs.grad(sqrt)))(a), 0.375 * a**-2.5)
        close(gs.hessian(sqrt)(a), -0.25 * a**-1.5)
    values = np.array([0.5, 2.0, 9.0])
    close(gs.vmap(gs.grad(sqrt))(values), 0.5 / np.sqrt(values))
    close(gs.grad(lambda v: np.sum(gs.vmap(sqrt)(v)))(values), 0.5 / np.sqrt(values))


@pytest.mark.native
def test_natively():
    close(gs.jit(gs.grad(sqrt))(2.0), 0.5 / np.sqrt(2.0))
    close(gs.jit(gs.grad(by_iteration, 1))(A, B), gs.grad(by_lapack, 1)(A, B))


def test_a_root_in_space_and_what_it_captures():
    a, b = gs.grad(cubic, (0, 1))(A, B)
    close(b, numeric(lambda v: cubic(A, v), B), rtol=1e-7)
    close(a.ravel(), numeric(lambda v: cubic(v.reshape(3, 3), B), A.ravel()), rtol=1e-7)
    second = gs.hessian(cubic, 1)(A, B)
    close(second, numeric(lambda v: gs.grad(cubic, 1)(A, v), B), rtol=1e-6, atol=1e-9)
    close(second, second.T)


def test_the_solver_is_not_differentiated():
    """A solver with another derivative: the rule is the theorem's."""
    f = lambda a: gs.custom_root(lambda x: x * x - a, 1.0, lambda f, x: np.round(np.sqrt(a * 1e12)) / 1e6)
    close(gs.grad(f)(2.0), 0.5 / np.sqrt(2.0), rtol=1e-5)


def test_a_tangent_solve_of_ones_own():
    f = lambda a: gs.custom_root(lambda x: x * x - a, 1.0, newton, lambda g, y: 2.0 * y / g(1.0))
    close(gs.grad(f)(2.0), 1.0 / np.sqrt(2.0))  # twice the truth


def test_fixed_points():
    f = lambda a: gs.custom_fixed_point(lambda x: np.cos(a * x), 0.5)
    x, a = f(0.8), 0.8
    close(x, np.cos(a * x))
    close(gs.grad(f)(a), -x * np.sin(a * x) / (1.0 + a * np.sin(a * x)))
    step = 1e-5
    close(gs.grad(gs.grad(f))(a), (gs.grad(f)(a + step) - gs.grad(f)(a - step)) / (2 * step), rtol=1e-7)


def test_trees():
    def f(a):
        start = {"u": np.array([0.5, 0.1]), "v": 0.2}
        found = gs.custom_fixed_point(lambda s: {"u": np.cos(a * s["u"]), "v": 0.5 * s["v"] + s["u"][0]}, start)
        return found["v"] + found["u"][1]

    step = 1e-6
    close(gs.grad(f)(0.8), (f(0.8 + step) - f(0.8 - step)) / (2 * step), rtol=1e-7)
    close(gs.jvp(f, (0.8,), (1.0,))[1], gs.grad(f)(0.8))


@pytest.mark.parametrize("f", [by_iteration, both])
def test_linear_solves(f):
    close(f(A, B), by_lapack(A, B))
    for ours, theirs in zip(gs.grad(f, (0, 1))(A, B), gs.grad(by_lapack, (0, 1))(A, B), strict=True):
        close(ours, theirs)
    close(gs.jvp(f, (A, B), (A.T, 2 * B))[1], gs.jvp(by_lapack, (A, B), (A.T, 2 * B))[1])
    close(gs.hessian(f, 1)(A, B), gs.hessian(by_lapack, 1)(A, B))
    close(gs.jacrev(gs.grad(f, 1), 1)(A, B), gs.hessian(by_lapack, 1)(A, B))
    stacked = np.stack([B, 2 * B, B + 1.0])
    ours = gs.vmap(gs.grad(f, 1), in_axes=(None, 0))(A, stacked)
    close(ours, np.stack([gs.grad(by_lapack, 1)(A, row) for row in stacked]))


def test_the_backward_pass_of_an_iteration_is_an_iteration():
    text = gs.source(gs.grad(by_iteration, 1), A, B)
    assert text.count("while True:") == 2 and "append" not in text


def test_a_solve_without_transpose():
    close(gs.jvp(forward_only, (A, B), (A, B))[1], gs.jvp(by_lapack, (A, B), (A, B))[1])
    with pytest.raises(gs.NoRule, match="transpose_solve") as raised:
        gs.grad(forward_only)(A, B)
    assert raised.value.span.file == __file__


def test_an_iterative_tangent_solve_is_refused_in_reverse_mode():
    f = lambda b: np.sum(gs.custom_root(lambda x: A @ x - b, np.zeros(3), newton_in_space, conjugate_gradients))
    close(gs.jvp(f, (B,), (B,))[1], np.sum(np.linalg.solve(A, B)))
    with pytest.raises(gs.NoRule, match="not linear"):
        gs.grad(f)(B)
    solve = lambda g, y: gs.custom_linear_solve(g, y, conjugate_gradients, symmetric=True)
    f = lambda b: np.sum(gs.custom_root(lambda x: A @ x - b, np.zeros(3), newton_in_space, solve))
    close(gs.grad(f)(B), np.linalg.solve(A, np.ones(3)))


def energy(x, a):
    return np.sum((x - a) ** 4 + 0.5 * x**2)


@gs.implicit_diff(gs.grad(energy))
def minimise(x, a):
    for _ in range(100):
        x = x - np.linalg.solve(gs.hessian(energy)(x, a), gs.grad(energy)(x, a))
    return x


def test_an_optimality_condition():
    a = np.array([1.0, 2.0])
    x = minimise(np.zeros(2), a)
    inner = 12.0 * (x - a) ** 2
    close(gs.jacrev(minimise, 1)(np.zeros(2), a), np.diag(inner / (inner + 1.0)))
    close(gs.jacfwd(minimise, 1)(np.zeros(2), a), np.diag(inner / (inner + 1.0)))


# ---- linear maps ----


def test_linear_transpose():
    w = np.arange(6.0).reshape(2, 3)
    (back,) = gs.linear_transpose(lambda v: w @ v, np.zeros(3))(np.array([1.0, 2.0]))
    close(back, w.T @ np.array([1.0, 2.0]))
    assert gs.linear_transpose(lambda x, y: 3.0 * x - y, 1.0, 2.0)(2.0) == (6.0, -2.0)
    inside = lambda u: np.sum(gs.linear_transpose(lambda v: w @ v, np.zeros(3))(u)[0])
    close(gs.grad(inside)(np.ones(2)), np.sum(w, axis=1))
    with pytest.raises(gs.NoRule, match="not linear"):
        gs.linear_transpose(lambda v: v * v, 1.0)(2.0)


def test_hessian_vector_products():
    f = lambda x, y: np.sum(x**3 * y)
    x, v = np.array([1.0, 2.0]), np.array([1.0, -1.0])
    close(gs.hvp(f, (x, 2.0), (v, 0.0)), 12.0 * x * v)
    close(gs.hvp(f, (x, 2.0), (v, 0.0)), gs.hessian(f)(x, 2.0) @ v)
    close(gs.vmap(lambda d: gs.hvp(f, (x, 2.0), (d, 0.0)))(np.eye(2)), np.diag(12.0 * x))
