"""`functional_grad`: the derivative of a number with respect to a function that is sampled on a grid.

In: a function F of sampled functions whose result is a scalar, and the grid or its quadrature weights w. Out: a
function of the same arguments that gives samples of dF/df: the change of F along v is the integral of dF/df times v.
With sums for integrals that is sum(w * dF/df * v) = grad(F) . v, so dF/df = grad(F) / w: unlike grad(F), it does not
depend on how fine the grid is, but for the error of discretisation.

Source: Gelfand & Fomin, Calculus of Variations (1963), section 7.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gradscribe.transpiler.api.gradients import grad
from gradscribe.transpiler.library.quadrature import quadrature_weights


def functional_grad(
    functional: Callable[..., Any], grid: Any = None, *, weights: Any = None, argnums: int | tuple[int, ...] = 0
) -> Callable[..., Any]:
    """The functional derivative of `functional`: its gradient in the inner product of L2.

    Args:
        functional: a function with a scalar result; the argument differentiated holds the values of a function on the
            grid, along its last axes (leading axes: components of the function).
        grid: the points, a vector; their weights are those of the trapezoidal rule.
        weights: instead of a grid, the quadrature weights of the points, all positive: an array that broadcasts
            against the values (`gs.quadrature_weights`; for a grid of two axes, an outer product of them).
        argnums: which arguments are differentiated; a tuple gives a tuple.

    Returns: a function of the same arguments, whose result has the shape of the argument. It can be transformed and
    called inside transformed functions like any other.

    Raises:
        TypeError: neither a grid nor weights are given, or both.
        ValueError: the grid is no vector, or a weight is not positive.

    Example:
        >>> x = np.linspace(0.0, 1.0, 101)
        >>> energy = lambda f: np.trapezoid(f**3, x)
        >>> bool(np.allclose(gs.functional_grad(energy, x)(x), 3.0 * x**2))
        True
    """
    if (grid is None) == (weights is None):
        raise TypeError("functional_grad takes either a grid or weights")
    density = np.asarray(quadrature_weights(grid) if weights is None else weights)
    if not np.all(density > 0):
        raise ValueError("quadrature weights have to be positive: the points of a grid are in increasing order")
    gradient = grad(functional, argnums)
    if isinstance(argnums, tuple):

        def derivative(*args: Any, **kwargs: Any) -> Any:
            return tuple(part / density for part in gradient(*args, **kwargs))

    else:

        def derivative(*args: Any, **kwargs: Any) -> Any:
            return gradient(*args, **kwargs) / density

    return _named_after(derivative, functional)


def _named_after(function: Any, original: Any) -> Callable[..., Any]:
    """The function as one of the user's module, so that it is staged as theirs are. (`functools.wraps` would also say
    that the original is what is meant by it.)"""
    for name in ("__module__", "__name__", "__qualname__"):
        if hasattr(original, name):
            setattr(function, name, getattr(original, name))
    return function
