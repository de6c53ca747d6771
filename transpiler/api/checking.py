"""`check_grads`: derivatives against differences of the function's own values.

In: a function, arguments, an order. Out: nothing, or AssertionError that says which derivative differs by how much. Along one random
direction per order, forward mode is compared with the five-point difference quotient and reverse mode with forward mode's number
through <cotangent, tangent>.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gradscribe.transpiler import tree
from gradscribe.transpiler.api.forward import directional
from gradscribe.transpiler.api.reverse import pulled
from gradscribe.transpiler.api.transformed import name_of

# Steps relative to the size of the arguments; the estimate that moved least from its neighbour's is taken.
STEPS = (1e-2, 2.5e-3, 6e-4, 1.5e-4, 4e-5, 1e-5)


def check_grads(
    f: Callable[..., Any],
    args: Sequence[Any],
    order: int = 2,
    modes: Sequence[str] = ("fwd", "rev"),
    *,
    rtol: float = 1e-6,
    seed: int = 0,
) -> None:
    """Compare the derivatives of `f` at `args` up to `order` with finite differences.

    Args:
        args: float64 arguments (trees); other leaves are held fixed.
        order: 1 for gradients, 2 for gradients of gradients too, ...
        modes: "fwd" checks `jvp`, "rev" checks `vjp`; orders alternate over all combinations.
        rtol: accepted error relative to the size of the derivative; higher orders are differences of derivatives, not of
            differences, so the same bound holds.

    Raises AssertionError naming the combination (say, `fwd of rev`), ValueError for an unknown mode.

    Example: `gs.check_grads(lambda x: np.sum(np.sin(x)), (np.ones(3),))`
    """
    modes = (modes,) if isinstance(modes, str) else tuple(modes)
    unknown = [mode for mode in modes if mode not in ("fwd", "rev")]
    if unknown or not modes:
        raise ValueError(f"modes are 'fwd' and 'rev', not {unknown}")
    _check(f, tuple(args), order, modes, rtol, np.random.default_rng(seed), name_of(f), ())


def _check(f: Any, args: Any, order: int, modes: Any, rtol: float, rng: Any, name: str, path: tuple[str, ...]) -> None:
    if order < 1:
        return
    direction = _random_tangent(args, rng)
    expected = _difference(f, args, direction)
    for mode in modes:
        here = (mode, *path)
        if mode == "fwd":
            derivative: Any = directional(f)
            out, found = derivative(args, direction)
            _compare(found, expected, rtol, name, here)
            _check(derivative, (args, direction), order - 1, modes, rtol, rng, name, here)
        else:
            derivative = pulled(f)
            cotangent = _random_tangent(f(*_copied(args)), rng)
            found = _inner(derivative(args, cotangent), direction)
            _compare(found, _inner(cotangent, expected), rtol, name, here, _norm(cotangent) * _norm(expected))
            _check(derivative, (args, cotangent), order - 1, modes, rtol, rng, name, here)


def _compare(found: Any, expected: Any, rtol: float, name: str, path: tuple[str, ...], scale: float = 0.0) -> None:
    error = _norm(_combine(np.subtract, found, expected))
    scale = max(scale, _norm(expected), 1e-3)
    if not error <= rtol * scale:
        what = " of ".join(path)
        raise AssertionError(f"{what} of {name} differs from finite differences by {error:.3g} at size {scale:.3g} (rtol {rtol:g})")


def _is_float(leaf: Any) -> bool:
    return not isinstance(leaf, bool) and isinstance(leaf, (float, np.ndarray, np.generic)) and np.asarray(leaf).dtype.kind == "f"


def _random_tangent(value: Any, rng: Any) -> Any:
    """A tree of standard normals shaped like the floating leaves, None at others."""

    def draw(leaf: Any) -> Any:
        if not _is_float(leaf):
            return None
        normal = rng.standard_normal(np.shape(leaf))
        return np.asarray(normal, np.asarray(leaf).dtype) if np.ndim(leaf) else type(leaf)(normal)

    return tree.map(draw, value)


def _copied(value: Any) -> Any:
    return tree.map(lambda leaf: leaf.copy() if isinstance(leaf, np.ndarray) else leaf, value)


def _difference(f: Any, args: Any, direction: Any) -> Any:
    """d/dt f(args + t direction) at 0 by the five-point stencil."""
    scale = max(_norm(tree.map(lambda leaf: leaf if _is_float(leaf) else None, args)), 1e-3) / (_norm(direction) or 1.0)

    def at(t: float) -> Any:
        moved = tree.map(lambda x, d: x if d is None else x + t * d, _copied(args), direction)
        return tree.map(lambda leaf: np.array(leaf) if _is_float(leaf) else None, f(*moved))

    def estimate(step: float) -> Any:
        far = _combine(np.subtract, at(2 * step), at(-2 * step))
        near = _combine(np.subtract, at(step), at(-step))
        return _combine(lambda n, w: (8.0 * n - w) / (12.0 * step), near, far)

    estimates = [estimate(fraction * scale) for fraction in STEPS]
    moves = [_norm(_combine(np.subtract, a, b)) for a, b in zip(estimates, estimates[1:])]
    return estimates[int(np.argmin(moves)) + 1]


def _combine(function: Callable[..., Any], a: Any, b: Any) -> Any:
    return tree.map(function, a, b)


def _norm(value: Any) -> float:
    return float(np.sqrt(sum(float(np.sum(np.abs(leaf) ** 2)) for leaf in tree.leaves(value))))


def _inner(a: Any, b: Any) -> float:
    """<a, b> over the leaves that both have."""
    pairs = zip(tree.leaves(a), tree.leaves(b), strict=True)
    return float(sum(float(np.sum(np.asarray(x) * np.asarray(y))) for x, y in pairs))
