"""SciPy's solvers as Python functions of (objective, start, *more): what runs where a program calls one.

`solver` is how programs ask for one of them; from plain Python it runs it. SciPy is imported where it is used first.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np

Solve = Callable[..., Any]


def _vector(name: str) -> Callable[..., Solve]:
    """Of scipy.optimize, returning a result object: (x, converged)."""

    def made(**options: Any) -> Solve:
        def solve(objective: Any, start: Any) -> Any:
            found = getattr(importlib.import_module("scipy.optimize"), name)(objective, start, **options)
            return found.x, bool(found.success)

        solve.__name__ = name
        return solve

    return made


def _fsolve(**options: Any) -> Solve:
    def fsolve(objective: Any, start: Any) -> Any:
        optimize = importlib.import_module("scipy.optimize")
        x, _, code, _ = optimize.fsolve(objective, start, full_output=True, **options)
        return x, code == 1

    return fsolve


def _bracketed(name: str) -> Callable[..., Solve]:
    def made(**options: Any) -> Solve:
        def solve(objective: Any, a: Any, b: Any) -> Any:
            scalar = lambda x: float(objective(x))
            found = getattr(importlib.import_module("scipy.optimize"), name)(scalar, a, b, full_output=True, **options)
            return found[0], bool(found[1].converged)

        solve.__name__ = name
        return solve

    return made


def _root_scalar(*, bracketed: bool, **options: Any) -> Solve:
    def root_scalar(objective: Any, a: Any, b: Any) -> Any:
        optimize = importlib.import_module("scipy.optimize")
        given = {"bracket": (a, b)} if bracketed else {"x0": a, "x1": b}
        found = optimize.root_scalar(lambda x: float(objective(x)), **given, **options)
        return found.root, bool(found.converged)

    return root_scalar


def _newton(**options: Any) -> Solve:
    def newton(objective: Any, start: Any) -> Any:
        optimize = importlib.import_module("scipy.optimize")
        scalar = lambda x: float(objective(x))
        x, found = optimize.newton(scalar, start, full_output=True, **options)
        return x, bool(found.converged)

    return newton


def _linear(name: str) -> Callable[..., Solve]:
    """Of scipy.sparse.linalg: (x, converged) of A x = b; A is dense, or the (data, rows, columns) of a sparse one."""

    def made(**options: Any) -> Solve:
        def solve(_: Any, start: Any, *system: Any) -> Any:
            *entries, b = system
            matrix = entries[0] if len(entries) == 1 else _sparse(len(start), *entries)
            x, info = getattr(importlib.import_module("scipy.sparse.linalg"), name)(matrix, b, x0=start, **options)
            return x, info == 0

        solve.__name__ = name
        return solve

    return made


def _sparse(n: int, data: Any, rows: Any, columns: Any) -> Any:
    return importlib.import_module("scipy.sparse").csc_array((data, (rows, columns)), shape=(n, n))


def _spsolve(**options: Any) -> Solve:
    """Of the matrix with these entries."""

    def spsolve(_: Any, start: Any, data: Any, rows: Any, columns: Any) -> Any:
        matrix = _sparse(len(start), data, rows, columns)
        x = importlib.import_module("scipy.sparse.linalg").spsolve(matrix, start, **options)
        return np.reshape(x, np.shape(start)), bool(np.all(np.isfinite(x)))

    return spsolve


def _ivp(**options: Any) -> Solve:
    """start is [t0, *y0]: the states at the times, one in each row; SciPy's last step ends at `end`."""

    def solve_ivp(rate: Any, start: Any, times: Any, end: Any) -> Any:
        integrate = importlib.import_module("scipy.integrate")
        field = lambda t, y: rate(np.concatenate(([t], y)))
        found = integrate.solve_ivp(field, (start[0], end), start[1:], t_eval=times, **options)
        return found.y.T, bool(found.success)

    return solve_ivp


def _odeint(**options: Any) -> Solve:
    def odeint(rate: Any, start: Any, times: Any) -> Any:
        integrate = importlib.import_module("scipy.integrate")
        field = lambda y, t: rate(np.concatenate(([t], y)))
        found, info = integrate.odeint(field, start[1:], times, full_output=True, **options)
        return found, info["message"] == "Integration successful."

    return odeint


def _quad(**options: Any) -> Solve:
    def quad(integrand: Any, a: Any, b: Any) -> Any:
        integrate = importlib.import_module("scipy.integrate")
        found = integrate.quad(lambda x: float(integrand(x)), a, b, full_output=1, **options)
        return found[0], len(found) == 3

    return quad


def _quad_vec(**options: Any) -> Solve:
    def quad_vec(integrand: Any, a: Any, b: Any) -> Any:
        found = importlib.import_module("scipy.integrate").quad_vec(integrand, a, b, full_output=True, **options)
        return found[0], bool(found[2].success)

    return quad_vec


SOLVERS: dict[str, Callable[..., Solve]] = {
    "root": _vector("root"), "minimize": _vector("minimize"), "least_squares": _vector("least_squares"),
    "fsolve": _fsolve, "brentq": _bracketed("brentq"), "brenth": _bracketed("brenth"), "bisect": _bracketed("bisect"),
    "ridder": _bracketed("ridder"), "newton": _newton, "root_scalar": _root_scalar,
    "cg": _linear("cg"), "gmres": _linear("gmres"), "spsolve": _spsolve,
    "solve_ivp": _ivp, "odeint": _odeint, "quad": _quad, "quad_vec": _quad_vec,
}  # fmt: skip


def solver(
    name: str, objective: Callable[..., Any], start: Any, *more: Any, like: Any = None, **options: Any
) -> Any:
    """(x, converged) by the solver of this name; x is like `like`, or like `start`."""
    return SOLVERS[name](**options)(objective, start, *more)
