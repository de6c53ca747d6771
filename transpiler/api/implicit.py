"""Derivatives of solutions: by the equation that they solve, not through the steps that found them.

In: an equation, a solver, a starting point. Out: what the solver returns; its derivatives come from the implicit
function theorem, also with respect to what the equation captures. In a staged program these functions are staged as if
the user had written them, over `custom_jvp`, `closure_convert` and the transformations; called from plain Python they
run the solver. Source: Blondel et al., Efficient and Modular Implicit Differentiation (2022); JAX's `custom_root` and
`custom_linear_solve`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gradscribe.transpiler import tree
from gradscribe.transpiler.api.forward import jvp
from gradscribe.transpiler.api.jacobians import jacfwd
from gradscribe.transpiler.api.reverse import vjp
from gradscribe.transpiler.library.custom_rules import closure_convert, custom_derivatives, custom_jvp

Function = Callable[..., Any]


def text(function: Function) -> Function:
    """Staged as the user's functions are."""
    function.__gradscribe_text__ = True  # type: ignore[attr-defined]
    return function


@text
def require_convergence(converged: Any) -> None:
    if not converged:
        raise ArithmeticError("the solver did not converge: there is no derivative of what it returned")


@text
def _negated(values: Any) -> Any:
    return tree.map(lambda v: -v, values)


@text
def _difference(a: Any, b: Any) -> Any:
    return tree.map(lambda u, v: u - v, a, b)


@text
def _flat(values: Any) -> Any:
    return np.concatenate([np.ravel(leaf) for leaf in tree.leaves(values)])


@text
def _as(values: Any, flat: Any) -> Any:
    """A flat vector in the structure and shapes of `values`."""
    leaves, structure = tree.flatten(values)
    parts = []
    start = 0
    for leaf in leaves:
        size = np.size(leaf)
        parts.append(np.reshape(flat[start : start + size], np.shape(leaf)) if np.ndim(leaf) else flat[start])
        start += size
    return tree.unflatten(structure, parts)


@text
def dense_solve(linear: Function, y: Any) -> Any:
    """v with linear(v) = y, by the matrix of `linear`: as many pushes as y has elements, one solve."""
    leaves, structure = tree.flatten(y)
    if len(leaves) == 1 and np.ndim(leaves[0]) == 0:
        (slope,) = tree.leaves(linear(tree.unflatten(structure, [1.0])))
        return tree.unflatten(structure, [leaves[0] / slope])
    flat = _flat(y)
    matrix = jacfwd(lambda v: _flat(linear(_as(y, v))))(np.zeros_like(flat))
    return _as(y, np.linalg.solve(matrix, flat))


@text
def custom_root(f: Function, initial_guess: Any, solve: Function, tangent_solve: Function = dense_solve) -> Any:
    """A root of `f` found by `solve(f, initial_guess)`, differentiated by the implicit function theorem.

    If f(x, a) = 0 then dx = -(df/dx)^-1 (df/da) da, whatever `solve` did. The derivative goes with respect to
    everything floating that `f` captures; there is none with respect to the guess, and `solve` is never
    differentiated: it may be any code that is accepted (loops until convergence, branches).

    Args:
        f: x -> residual, of the structure of x.
        initial_guess: a number, an array, or a tree of them.
        solve: (f, initial_guess) -> x.
        tangent_solve: (g, y) -> v with g(v) = y, where g is linear: df/dx at the solution. Reverse mode transposes it,
            so it must be linear in y: a direct solve, or `custom_linear_solve`. Default: the dense matrix.

    Raises NoRule in reverse mode where `tangent_solve` is not linear. Where df/dx is singular, as `np.linalg.solve`.

    Example:
        def sqrt(a):
            return gs.custom_root(lambda x: x * x - a, a, newton)
    """
    residual, constants = closure_convert(f, initial_guess)
    solver, others = closure_convert(lambda guess: solve(f, guess), initial_guess)

    @custom_jvp
    def root(guess, constants, others):
        return solver(guess, *others)

    @root.defjvp
    def root_jvp(primals, tangents):
        guess, constants, others = primals
        _, dconstants, _ = tangents
        x = root(guess, constants, others)
        _, change = jvp(lambda c: residual(x, *c), (constants,), (dconstants,))
        dx = tangent_solve(lambda v: jvp(lambda z: residual(z, *constants), (x,), (v,))[1], _negated(change))
        return x, dx

    return root(initial_guess, constants, others)


@text
def _iterate(step: Function, guess: Any) -> Any:
    """Steps until they change nothing any more that matters, at most a thousand."""
    x, moved, k = guess, 1.0, 0
    while moved > 1e-13 and k < 1000:
        new = step(x)
        moved = 0.0
        for a, b in zip(tree.leaves(new), tree.leaves(x)):
            moved = max(moved, np.max(np.abs(a - b) / (1.0 + np.abs(a))))
        x = new
        k += 1
    return x


@text
def custom_fixed_point(
    step: Function, initial_guess: Any, solve: Function = _iterate, tangent_solve: Function = dense_solve
) -> Any:
    """x with x = step(x), found by `solve(step, initial_guess)`, differentiated by the implicit function theorem.

    Args:
        step: x -> the next x, of the same structure; what it captures is differentiated with respect to.
        initial_guess: a number, an array, or a tree of them.
        solve: (step, initial_guess) -> x. Default: iteration until the relative change is below 1e-13.
        tangent_solve: as in `custom_root`, for the map v -> v - (dstep/dx) v.

    Example: `gs.grad(lambda a: gs.custom_fixed_point(lambda x: np.cos(a * x), 0.5))(1.0)`
    """
    return custom_root(
        lambda x: _difference(x, step(x)), initial_guess, lambda _, guess: solve(step, guess), tangent_solve
    )


@text
def custom_linear_solve(
    matvec: Function, b: Any, solve: Function, transpose_solve: Function | None = None, symmetric: bool = False
) -> Any:
    """x with matvec(x) = b, found by `solve(matvec, b)`, differentiated as the solution of a linear equation.

    The tangent solves matvec(dx) = db - dmatvec(x), by `solve` again; the cotangent solves the transposed equation, by
    `transpose_solve`. Neither solver is differentiated: they may iterate until convergence. The derivative goes with
    respect to b and everything floating that `matvec` captures.

    Args:
        matvec: a linear function of x.
        b: an array, a number, or a tree of them.
        solve: (matvec, b) -> x.
        transpose_solve: (vecmat, b) -> x with vecmat(x) = b, where vecmat is matvec transposed; needed for reverse
            mode.
        symmetric: matvec is its own transpose, and `solve` serves for both.

    Example: `gs.custom_linear_solve(lambda v: A @ v, b, conjugate_gradients, symmetric=True)`
    """
    apply, constants = closure_convert(matvec, b)
    solver, others = closure_convert(lambda rhs: solve(matvec, rhs), b)
    transposed_solver: Any = solve if symmetric else transpose_solve
    back, back_others = solver, others
    if transposed_solver is not None:
        vecmat = lambda v: vjp(matvec, b)[1](v)[0]
        back, back_others = closure_convert(lambda rhs: transposed_solver(vecmat, rhs), b)

    def solution(rhs, constants, others, back_others):
        return solver(rhs, *others)

    def pushed(primals, tangents):
        rhs, constants, others, back_others = primals
        drhs, dconstants, _, _ = tangents
        x = solved(rhs, constants, others, back_others)
        _, change = jvp(lambda c: apply(x, *c), (constants,), (dconstants,))
        return x, solved(_difference(drhs, change), constants, others, back_others)

    def forward(rhs, constants, others, back_others):
        x = solved(rhs, constants, others, back_others)
        return x, (x, constants, back_others)

    def backward(kept, cotangent):
        x, constants, back_others = kept
        adjoint = back(cotangent, *back_others)
        _, pull = vjp(lambda c: apply(x, *c), constants)
        (change,) = pull(_negated(adjoint))
        return adjoint, change, None, None

    solved = custom_derivatives(solution)
    solved.define(pushed, forward, None if transposed_solver is None else backward)
    return solved(b, constants, others, back_others)


def implicit_diff(optimality: Function, tangent_solve: Function = dense_solve) -> Callable[[Function], Function]:
    """A decorator for a solver whose result makes `optimality` zero, as in jaxopt.

    Args:
        optimality: (x, *parameters) -> residual of the structure of x; for a minimum, the gradient of what is
            minimised.
        tangent_solve: as in `custom_root`.

    The solver takes (initial_guess, *parameters); its result is differentiated with respect to the parameters.

    Example:
        @gs.implicit_diff(gs.grad(energy))
        def minimise(x, a): ...
    """

    def decorate(solver: Function) -> Function:
        @text
        def solution(initial_guess, *parameters):
            return custom_root(
                lambda x: optimality(x, *parameters),
                initial_guess,
                lambda _, guess: solver(guess, *parameters),
                tangent_solve,
            )

        solution.__name__, solution.__doc__ = getattr(solver, "__name__", "solution"), solver.__doc__
        return solution

    return decorate
