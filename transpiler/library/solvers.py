"""SciPy's solvers as Python functions of (objective, start, *more): what runs where a program calls one.

`solver` is how programs ask for one of them; from plain Python it runs it. SciPy is imported where it is used first.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

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


def _newton(**options: Any) -> Solve:
    def newton(objective: Any, start: Any) -> Any:
        optimize = importlib.import_module("scipy.optimize")
        scalar = lambda x: float(objective(x))
        x, found = optimize.newton(scalar, start, full_output=True, **options)
        return x, bool(found.converged)

    return newton


def _linear(name: str) -> Callable[..., Solve]:
    """Of scipy.sparse.linalg: (x, converged, info) of A x = b."""

    def made(**options: Any) -> Solve:
        def solve(_: Any, start: Any, matrix: Any, b: Any) -> Any:
            x, info = getattr(importlib.import_module("scipy.sparse.linalg"), name)(matrix, b, x0=start, **options)
            return x, info == 0

        solve.__name__ = name
        return solve

    return made


SOLVERS: dict[str, Callable[..., Solve]] = {
    "root": _vector("root"), "minimize": _vector("minimize"), "least_squares": _vector("least_squares"),
    "fsolve": _fsolve, "brentq": _bracketed("brentq"), "brenth": _bracketed("brenth"), "bisect": _bracketed("bisect"),
    "ridder": _bracketed("ridder"), "newton": _newton, "cg": _linear("cg"), "gmres": _linear("gmres"),
}  # fmt: skip


def solver(name: str, objective: Callable[..., Any], start: Any, *more: Any, **options: Any) -> Any:
    """(x, converged) by the solver of this name; x is like `start`."""
    return SOLVERS[name](**options)(objective, start, *more)
