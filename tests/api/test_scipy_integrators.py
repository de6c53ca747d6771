"""SciPy's integrators in programs: values bit by bit, derivatives by finite differences and closed forms."""

import numpy as np
import pytest
import scipy.integrate

import gradscribe as gs

P, Y0, TS = np.array([1.5, 1.0, 3.0, 1.0]), np.array([1.0, 1.0]), np.linspace(0.2, 2.0, 5)


def close(a, b, rtol=1e-6, atol=1e-9):
    np.testing.assert_allclose(a, b, rtol=rtol, atol=atol)


def numeric(f, x, step=1e-5):
    return np.stack([(f(x + step * e) - f(x - step * e)) / (2 * step) for e in np.eye(len(x))], axis=-1)


def prey(t, y, p):
    return np.array([p[0] * y[0] - p[1] * y[0] * y[1], -p[2] * y[1] + p[3] * y[0] * y[1]])


def trajectory(p, y0, times, end=2.5):
    found = scipy.integrate.solve_ivp(prey, (0.0, end), y0, t_eval=times, args=(p,), rtol=1e-10, atol=1e-10)
    return found.y


def loss(p, y0, times):
    return np.sum(trajectory(p, y0, times) ** 2 * np.arange(5.0))


def test_solve_ivp():
    assert np.array_equal(gs.jit(trajectory, backend="python")(P, Y0, TS), trajectory(P, Y0, TS))
    by_p, by_y, by_t = gs.grad(loss, (0, 1, 2))(P, Y0, TS)
    close(by_p, numeric(lambda v: loss(v, Y0, TS), P))
    close(by_y, numeric(lambda v: loss(P, v, TS), Y0))
    close(by_t, numeric(lambda v: loss(P, Y0, v), TS), rtol=1e-5)
    direction = gs.jvp(loss, (P, Y0, TS), (P, Y0, TS))[1]
    close(direction, by_p @ P + by_y @ Y0 + by_t @ TS)


def test_the_equation_of_decay():
    def at(k, y0, t0):
        span = (t0, 3.0)
        return scipy.integrate.solve_ivp(
            lambda t, y: -k * y, span, np.array([y0]), t_eval=np.array([3.0]), rtol=1e-11, atol=1e-12
        ).y[0, 0]

    exact = 2.0 * np.exp(-0.7 * 2.5)
    close(at(0.7, 2.0, 0.5), exact)
    found = gs.grad(at, (0, 1, 2))(0.7, 2.0, 0.5)
    close(found, (-2.5 * exact, exact / 2.0, 0.7 * exact))


def test_nothing_is_captured():
    options = {"t_eval": np.array([1.0]), "rtol": 1e-10, "atol": 1e-12}
    f = lambda y0: np.sum(scipy.integrate.solve_ivp(lambda t, y: -y, (0.0, 1.0), y0, **options).y)
    close(gs.grad(f)(Y0), np.full(2, np.exp(-1.0)))


def test_odeint():
    t = np.linspace(0.0, 1.5, 4)
    pendulum = lambda y, s, k: np.array([y[1], -k * y[0] + np.sin(s)])
    f = lambda k: scipy.integrate.odeint(pendulum, np.array([1.0, 0.0]), t, args=(k,), rtol=1e-10, atol=1e-10)
    total = lambda k: np.sum(f(k) ** 2)
    assert np.array_equal(gs.jit(f, backend="python")(2.0), f(2.0))
    slope = (total(2.0 + 1e-5) - total(2.0 - 1e-5)) / 2e-5
    close(gs.grad(total)(2.0), slope)
    close(gs.jvp(total, (2.0,), (3.0,))[1], 3.0 * slope)


def test_quad():
    f = lambda a, b: scipy.integrate.quad(lambda x: np.exp(-a * x * x) * b, 0.0, a)[0]
    assert gs.jit(f, backend="python")(1.2, 2.0) == f(1.2, 2.0)
    close(gs.grad(f, (0, 1))(1.2, 2.0), numeric(lambda v: f(v[0], v[1]), np.array([1.2, 2.0])))
    close(gs.jvp(f, (1.2, 2.0), (1.0, 0.0))[1], gs.grad(f)(1.2, 2.0))
    g = lambda c: scipy.integrate.quad(lambda x, d: d * np.cos(x), 0.0, np.pi / 2, args=(c,))[0]
    close(gs.grad(g)(3.0), 1.0)


@pytest.mark.native
def test_natively():
    close(gs.jit(gs.grad(loss))(P, Y0, TS), gs.grad(loss)(P, Y0, TS))


def test_second_derivatives_and_steps_of_scipys_choice_are_refused():
    with pytest.raises(gs.NoRule, match="no derivative"):
        gs.hessian(lambda p: loss(p, Y0, TS))(P)
    with pytest.raises((gs.UnsupportedSyntax, NotImplementedError), match="t_eval"):
        gs.grad(lambda p: np.sum(scipy.integrate.solve_ivp(prey, (0.0, 1.0), Y0, args=(p,)).y))(P)
