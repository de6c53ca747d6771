"""SciPy's solvers in programs: the value is SciPy's, the derivative that of the equation that it solves.

`scipy.optimize.root`, `fsolve`, `brentq` and its kin, `newton`, `minimize`, `least_squares`, and `cg` and `gmres` of
`scipy.sparse.linalg` run in Python, calling the objective as a program; their derivatives (with respect to what the
objective captures or gets in `args`) come from the implicit function theorem. Establishes: a derivative where the
solver did not converge is an error.
"""

from __future__ import annotations

# Nothing here is called by Python: types would say nothing.
# mypy: disable-error-code="no-untyped-def"
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradscribe.transpiler.api.executables import executable
from gradscribe.transpiler.api.forward import jvp
from gradscribe.transpiler.api.gradients import grad
from gradscribe.transpiler.api.implicit import dense_solve, require_convergence, text
from gradscribe.transpiler.api.sparse_systems import SparseMatrix, iterated
from gradscribe.transpiler.frontend.converting import TEXTS
from gradscribe.transpiler.library.custom_rules import closure_convert, custom_jvp
from gradscribe.transpiler.library.solvers import solver
from gradscribe.transpiler.primitives.python_calls import Solver

Solver.run = staticmethod(lambda function: executable(function, "python"))


@dataclass
class Solution:
    """Of what `scipy.optimize` returns, what a program can use."""

    x: Any
    fun: Any
    success: Any


Solution.__gradscribe_text__ = True  # type: ignore[attr-defined]


@dataclass
class ScalarSolution:
    """Of what `scipy.optimize.root_scalar` returns, what a program can use."""

    root: Any
    converged: Any


ScalarSolution.__gradscribe_text__ = True  # type: ignore[attr-defined]


@text
def _implicit(equation, start, find):
    """`find(start)` is (x, converged), and equation(x) is zero."""
    residual, constants = closure_convert(equation, start)
    finder, others = closure_convert(find, start)

    @custom_jvp
    def solution(start, constants, others):
        return finder(start, *others)

    @solution.defjvp
    def solution_jvp(primals, tangents):
        start, constants, others = primals
        _, dconstants, _ = tangents
        x, converged = solution(start, constants, others)
        require_convergence(converged)
        _, change = jvp(lambda c: residual(x, *c), (constants,), (dconstants,))
        dx = dense_solve(lambda v: jvp(lambda z: residual(z, *constants), (x,), (v,))[1], -change)
        return (x, converged), (dx, None)

    return solution(start, constants, others)


@text
def _arguments(args):
    return args if isinstance(args, tuple) else (args,)


@text
def _refuse(given, what):
    if given:
        raise NotImplementedError(what)


@text
def _root(fun, x0, args=(), method="hybr", jac=None, tol=None, callback=None, options=None):
    _refuse(jac is not None or callback is not None, "scipy.optimize.root in a program takes no jac and no callback")
    more, start = _arguments(args), np.atleast_1d(np.asarray(x0)) * 1.0
    equation = lambda x: np.reshape(fun(x, *more), np.shape(start))
    find = lambda guess: solver("root", equation, guess, method=method, tol=tol, options=options)
    x, converged = _implicit(equation, start, find)
    return Solution(x, equation(x), converged)


@text
def _fsolve(func, x0, args=(), fprime=None, full_output=0, col_deriv=0, xtol=1.49012e-08, maxfev=0):
    _refuse(fprime is not None or full_output, "scipy.optimize.fsolve in a program takes no fprime and no full_output")
    more, start = _arguments(args), np.atleast_1d(np.asarray(x0)) * 1.0
    equation = lambda x: np.reshape(func(x, *more), np.shape(start))
    x, _ = _implicit(equation, start, lambda guess: solver("fsolve", equation, guess, xtol=xtol, maxfev=maxfev))
    return x


@text
def _bracketed(name, f, a, b, args, xtol, rtol, maxiter):
    more = _arguments(args)
    equation = lambda x: f(x, *more)
    find = lambda left: solver(name, equation, left, b * 1.0, xtol=xtol, rtol=rtol, maxiter=maxiter)
    x, _ = _implicit(equation, a * 1.0, find)
    return x


def _bracketing(name):
    """SciPy's function of this name. The four that look for a root between two points have one signature."""

    @text
    def find(f, a, b, args=(), xtol=2e-12, rtol=8.881784197001252e-16, maxiter=100, full_output=False, disp=True):
        _refuse(full_output, "full_output is not accepted in a program")
        return _bracketed(name, f, a, b, args, xtol, rtol, maxiter)

    return find


@text
def _root_scalar(
    f, args=(), method=None, bracket=None, fprime=None, fprime2=None, x0=None, x1=None, xtol=None, rtol=None,
    maxiter=None, options=None,
):  # fmt: skip
    _refuse(
        fprime is not None or fprime2 is not None or options is not None or (bracket is None and x1 is None),
        "scipy.optimize.root_scalar in a program takes f, args, method, a bracket or x0 and x1, tolerances and maxiter",
    )
    more = _arguments(args)
    bracketed = bracket is not None
    a, b = bracket if bracketed else (x0, x1)
    equation = lambda x: f(x, *more)
    find = lambda start: solver(
        "root_scalar", equation, start, b * 1.0, bracketed=bracketed, method=method, xtol=xtol, rtol=rtol,
        maxiter=maxiter,
    )  # fmt: skip
    return ScalarSolution(*_implicit(equation, a * 1.0, find))


@text
def _newton(
    func, x0, fprime=None, args=(), tol=1.48e-08, maxiter=50, fprime2=None, x1=None, rtol=0.0, full_output=False,
    disp=True,
):  # fmt: skip
    others = fprime is not None or fprime2 is not None or x1 is not None
    _refuse(
        others or full_output or np.ndim(x0) != 0,
        "scipy.optimize.newton in a program takes func, a number x0, args, tol, rtol and maxiter",
    )
    more = _arguments(args)
    equation = lambda x: func(x, *more)
    find = lambda guess: solver("newton", equation, guess, tol=tol, rtol=rtol, maxiter=maxiter)
    x, _ = _implicit(equation, x0 * 1.0, find)
    return x


@text
def _minimize(
    fun, x0, args=(), method=None, jac=None, hess=None, hessp=None, bounds=None, constraints=(), tol=None,
    callback=None, options=None,
):  # fmt: skip
    given = (jac, hess, hessp, bounds, callback)
    _refuse(
        any(g is not None for g in given) or len(constraints) > 0,
        "scipy.optimize.minimize in a program takes fun, x0, args, method, tol and options",
    )
    more, start = _arguments(args), np.atleast_1d(np.asarray(x0)) * 1.0
    objective = lambda x: np.reshape(fun(x, *more), ())
    find = lambda guess: solver("minimize", objective, guess, method=method, tol=tol, options=options)
    x, converged = _implicit(lambda x: grad(objective)(x), start, find)
    return Solution(x, objective(x), converged)


@text
def _least_squares(
    fun, x0, jac="2-point", bounds=None, method="trf", ftol=1e-08, xtol=1e-08, gtol=1e-08, x_scale=None,
    loss="linear", f_scale=1.0, diff_step=None, tr_solver=None, tr_options=None, jac_sparsity=None, max_nfev=None,
    verbose=0, args=(), kwargs=None,
):  # fmt: skip
    given = (bounds, x_scale, diff_step, tr_solver, tr_options, jac_sparsity, kwargs)
    _refuse(
        any(g is not None for g in given) or loss != "linear" or jac != "2-point",
        "scipy.optimize.least_squares in a program takes fun, x0, args, method, tolerances, max_nfev",
    )
    more, start = _arguments(args), np.atleast_1d(np.asarray(x0)) * 1.0
    residuals = lambda x: np.atleast_1d(fun(x, *more))
    find = lambda guess: solver(
        "least_squares", residuals, guess, method=method, ftol=ftol, xtol=xtol, gtol=gtol, max_nfev=max_nfev
    )
    x, converged = _implicit(lambda x: grad(lambda z: 0.5 * np.sum(residuals(z) ** 2))(x), start, find)
    return Solution(x, residuals(x), converged)


@text
def _linear(name, matrix, b, x0, rtol, atol, maxiter):
    _refuse(np.ndim(b) != 1, "one right-hand side, a vector, is accepted")
    start = np.zeros_like(b) if x0 is None else x0
    if isinstance(matrix, SparseMatrix):
        x, converged = iterated(name, matrix, b, start, rtol, atol, maxiter)
        return x, np.where(converged, 0, 1)
    equation = lambda x: matrix @ x - b
    find = lambda guess: solver(name, equation, guess, matrix, b, rtol=rtol, atol=atol, maxiter=maxiter)
    x, converged = _implicit(equation, start, find)
    return x, np.where(converged, 0, 1)


@text
def _cg(A, b, x0=None, *, rtol=1e-05, atol=0.0, maxiter=None, M=None, callback=None):
    _refuse(M is not None or callback is not None, "cg in a program takes no M and no callback")
    return _linear("cg", A, b, x0, rtol, atol, maxiter)


@text
def _gmres(A, b, x0=None, *, rtol=1e-05, atol=0.0, restart=None, maxiter=None, M=None, callback=None):
    others = M is not None or callback is not None or restart is not None
    _refuse(others, "gmres in a program takes A, b, x0, rtol, atol and maxiter")
    return _linear("gmres", A, b, x0, rtol, atol, maxiter)


TEXTS.update(
    {
        **{f"scipy.optimize.{name}": _bracketing(name) for name in ("brentq", "brenth", "bisect", "ridder")},
        "scipy.optimize.root": _root, "scipy.optimize.fsolve": _fsolve,
        "scipy.optimize.newton": _newton, "scipy.optimize.root_scalar": _root_scalar,
        "scipy.optimize.minimize": _minimize,
        "scipy.optimize.least_squares": _least_squares, "scipy.sparse.linalg.cg": _cg,
        "scipy.sparse.linalg.gmres": _gmres,
    }
)  # fmt: skip
