"""Differences of a function's own values along a direction: what derivatives are checked against.

In: a function of trees, arguments, a direction (None at leaves held fixed). Out: directional derivatives, inner
products, norms. Source: the five-point central stencil; of several steps the one whose estimate moved least from its
neighbour's.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

from gradscribe.transpiler import tree

# Steps relative to the size of the arguments; the estimate that moved least from its neighbour's is taken.
STEPS = (1e-2, 2.5e-3, 6e-4, 1.5e-4, 4e-5, 1e-5)


def is_float(leaf: Any) -> bool:
    return (
        not isinstance(leaf, bool)
        and isinstance(leaf, (float, np.ndarray, np.generic))
        and np.asarray(leaf).dtype.kind == "f"
    )


def random_tangent(value: Any, rng: Any) -> Any:
    """A tree of standard normals shaped like the floating leaves, None at others."""

    def draw(leaf: Any) -> Any:
        if not is_float(leaf):
            return None
        normal = rng.standard_normal(np.shape(leaf))
        return np.asarray(normal, np.asarray(leaf).dtype) if np.ndim(leaf) else type(leaf)(normal)

    return tree.map(draw, value)


def copied(value: Any) -> Any:
    return tree.map(lambda leaf: leaf.copy() if isinstance(leaf, np.ndarray) else leaf, value)


def difference(f: Any, args: Any, direction: Any) -> Any:
    """d/dt f(args + t direction) at 0 by the five-point stencil."""
    scale = max(norm(tree.map(lambda leaf: leaf if is_float(leaf) else None, args)), 1e-3) / (norm(direction) or 1.0)

    def at(t: float) -> Any:
        moved = tree.map(lambda x, d: x if d is None else x + t * d, copied(args), direction)
        return tree.map(lambda leaf: np.array(leaf) if is_float(leaf) else None, f(*moved))

    def estimate(step: float) -> Any:
        far = combine(np.subtract, at(2 * step), at(-2 * step))
        near = combine(np.subtract, at(step), at(-step))
        return combine(lambda n, w: (8.0 * n - w) / (12.0 * step), near, far)

    estimates = [estimate(fraction * scale) for fraction in STEPS]
    moves = [norm(combine(np.subtract, a, b)) for a, b in pairwise(estimates)]
    return estimates[int(np.argmin(moves)) + 1]


def combine(function: Callable[..., Any], a: Any, b: Any) -> Any:
    return tree.map(function, a, b)


def norm(value: Any) -> float:
    return float(np.sqrt(sum(float(np.sum(np.abs(leaf) ** 2)) for leaf in tree.leaves(value))))


def inner(a: Any, b: Any) -> float:
    """<a, b> over the leaves that both have."""
    pairs = zip(tree.leaves(a), tree.leaves(b), strict=True)
    return float(sum(float(np.sum(np.asarray(x) * np.asarray(y))) for x, y in pairs))
