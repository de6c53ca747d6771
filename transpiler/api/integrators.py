"""SciPy's integrators in programs: `solve_ivp`, `odeint`, `quad`. The value is SciPy's.

Forward mode integrates the tangent equation together with the equation; reverse mode integrates the adjoint equation
backwards, from one requested time to the one before (the continuous adjoint: nothing of the steps is saved). An
integral's derivative is the integral of the derivative. First derivatives: the integrators inside the rules have none.
Source: Chen et al., Neural Ordinary Differential Equations (2018), appendix B.
"""

from __future__ import annotations

# Nothing here is called by Python: types would say nothing.
# mypy: disable-error-code="no-untyped-def"
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradscribe.transpiler.api.forward import jvp
from gradscribe.transpiler.api.implicit import _as, _flat, text
from gradscribe.transpiler.api.reverse import vjp
from gradscribe.transpiler.api.solvers import _arguments, _refuse
from gradscribe.transpiler.frontend.converting import TEXTS
from gradscribe.transpiler.library.custom_rules import closure_convert, custom_derivatives
from gradscribe.transpiler.library.solvers import solver


@dataclass
class Trajectory:
    """Of what `solve_ivp` returns, what a program can use."""

    t: Any
    y: Any
    success: Any


Trajectory.__gradscribe_text__ = True  # type: ignore[attr-defined]


@text
def _integrated(field, start, times, rows, integrate):
    """The states at the times; `field` of (t, y), `start` [t0, *y0]."""
    states, done = integrate(lambda z: field(z[0], z[1:]), start, times, np.zeros((rows, len(start) - 1)))
    if not done:
        raise ArithmeticError("the integrator did not get to the end")
    return states


@text
def _flow(field, y0, t0, times, integrate, integrate_back):
    """y(times), one state in each row. `integrate(rate, [t0, *y0], times, like)` is (states, done)."""
    rate, constants = closure_convert(field, t0, y0)
    rows, n = len(times), len(y0)

    def solution(y0, t0, times, constants):
        start = np.concatenate((np.reshape(t0, 1), y0))
        return _integrated(lambda t, y: rate(t, y, *constants), start, times, rows, integrate)

    def pushed(primals, tangents):
        y0, t0, times, constants = primals
        dy0, dt0, dtimes, dconstants = tangents

        def both(t, z):
            y, dy = z[:n], z[n:]
            value, change = jvp(lambda u, c: rate(t, u, *c), (y, constants), (dy, dconstants))
            return np.concatenate((value, change))

        moved = dy0 - dt0 * rate(t0, y0, *constants)
        start = np.concatenate((np.reshape(t0, 1), y0, moved))
        found = _integrated(both, start, times, rows, integrate)
        states, dstates = found[:, :n], found[:, n:]
        slopes = np.stack([rate(times[k], states[k], *constants) for k in range(rows)])
        return states, dstates + slopes * dtimes[:, None]

    def forward(y0, t0, times, constants):
        states = solved(y0, t0, times, constants)
        return states, (states, y0, t0, times, constants)

    def backward(kept, cotangent):
        states, y0, t0, times, constants = kept
        values = _flat(constants) if len(constants) > 0 else np.zeros(1)

        def adjoint(t, z):
            y, bar = z[:n], z[n : 2 * n]
            if len(constants) > 0:
                value, pull = vjp(lambda u, c: rate(t, u, *_as(constants, c)), y, values)
                y_bar, c_bar = pull(bar)
            else:
                value, pull = vjp(lambda u: rate(t, u), y)
                y_bar, c_bar = pull(bar)[0], np.zeros(1)
            return np.concatenate((value, -y_bar, -c_bar))

        bar, total = np.zeros(n), np.zeros(len(values))
        times_bar = np.zeros(rows)
        for j in range(rows):
            k = rows - 1 - j
            bar = bar + cotangent[k]
            times_bar[k] = cotangent[k] @ rate(times[k], states[k], *constants)
            before = times[k - 1] if k > 0 else t0
            if before != times[k]:
                start = np.concatenate((np.reshape(times[k], 1), states[k], bar, total))
                end = _integrated(adjoint, start, np.reshape(before, 1), 1, integrate_back)[0]
                bar, total = end[n : 2 * n], end[2 * n :]
        t0_bar = -(bar @ rate(t0, y0, *constants))
        return bar, t0_bar, times_bar, (_as(constants, total) if len(constants) > 0 else None)

    solved = custom_derivatives(solution)
    solved.define(pushed, forward, backward)
    return solved(y0, t0, times, constants)


@text
def _solve_ivp(
    fun, t_span, y0, method="RK45", t_eval=None, dense_output=False, events=None, vectorized=False, args=None,
    rtol=1e-3, atol=1e-6, max_step=None,
):  # fmt: skip
    given = dense_output or vectorized or events is not None or max_step is not None or t_eval is None
    _refuse(given, "scipy.integrate.solve_ivp in a program takes fun, t_span, y0, method, t_eval, args, rtol and atol")
    more = () if args is None else _arguments(args)
    t0, times, start = t_span[0] * 1.0, np.asarray(t_eval) * 1.0, np.asarray(y0) * 1.0
    to = t_span[1] * 1.0
    integrate = lambda rate, z, ts, like: solver(
        "solve_ivp", rate, z, ts, to, like=like, method=method, rtol=rtol, atol=atol
    )
    back = lambda rate, z, ts, like: solver(
        "solve_ivp", rate, z, ts, ts[-1], like=like, method=method, rtol=rtol, atol=atol
    )
    field = lambda t, y: np.reshape(fun(t, y, *more), np.shape(start))
    states = _flow(field, start, t0, times, integrate, back)
    return Trajectory(times, states.T, True)


@text
def _odeint(func, y0, t, args=(), Dfun=None, full_output=0, tfirst=False, rtol=None, atol=None, mxstep=0):
    _refuse(Dfun is not None or full_output, "scipy.integrate.odeint in a program takes func, y0, t, args, tolerances")
    more, start, times = _arguments(args), np.atleast_1d(np.asarray(y0)) * 1.0, np.asarray(t) * 1.0
    field = lambda s, y: np.reshape(func(s, y, *more) if tfirst else func(y, s, *more), np.shape(start))
    integrate = lambda rate, z, ts, like: solver("odeint", rate, z, ts, like=like, rtol=rtol, atol=atol, mxstep=mxstep)
    close = 1.49012e-8
    back = lambda rate, z, ts, like: solver(
        "solve_ivp", rate, z, ts, ts[-1], like=like, method="LSODA", rtol=close, atol=close
    )
    return _flow(field, start, times[0], times, integrate, back)


@text
def _quad(func, a, b, args=(), full_output=0, epsabs=1.49e-08, epsrel=1.49e-08, limit=50):
    _refuse(full_output, "scipy.integrate.quad in a program takes func, a, b, args and tolerances")
    more = _arguments(args)
    integrand, constants = closure_convert(lambda x: func(x, *more), a * 1.0)

    def integral(lower, upper, constants):
        area = lambda x: integrand(x, *constants)
        value, done = solver("quad", area, lower, upper, epsabs=epsabs, epsrel=epsrel, limit=limit)
        if not done:
            raise ArithmeticError("quad did not reach the accuracy asked for")
        return value

    def pushed(primals, tangents):
        lower, upper, constants = primals
        dlower, dupper, dconstants = tangents
        change = lambda x: jvp(lambda c: integrand(x, *c), (constants,), (dconstants,))[1]
        inside, _ = solver("quad", change, lower, upper, epsabs=epsabs, epsrel=epsrel, limit=limit)
        ends = integrand(upper, *constants) * dupper - integrand(lower, *constants) * dlower
        return solved(lower, upper, constants), inside + ends

    def forward(lower, upper, constants):
        return solved(lower, upper, constants), (lower, upper, constants)

    def backward(kept, cotangent):
        lower, upper, constants = kept
        ends = (-cotangent * integrand(lower, *constants), cotangent * integrand(upper, *constants))
        if len(constants) == 0:
            return (*ends, None)
        values = _flat(constants)
        change = lambda x: vjp(lambda c: integrand(x, *_as(constants, c)), values)[1](1.0)[0]
        inside, _ = solver("quad_vec", change, lower, upper, like=values, epsabs=epsabs, epsrel=epsrel)
        return (*ends, _as(constants, cotangent * inside))

    solved = custom_derivatives(integral)
    solved.define(pushed, forward, backward)
    return solved(a * 1.0, b * 1.0, constants), 0.0


TEXTS.update(
    {"scipy.integrate.solve_ivp": _solve_ivp, "scipy.integrate.odeint": _odeint, "scipy.integrate.quad": _quad}
)
