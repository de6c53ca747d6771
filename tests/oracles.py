"""Numeric oracles for derivatives, in plain NumPy: finite differences, complex step, comparisons of trees.

In come a NumPy function, its arguments and directions (trees shaped like the arguments); out come directional
derivatives and errors scaled by norms. Trees are numbers, arrays, and tuples, lists, dicts, namedtuples and dataclasses
of these; leaves come in the order in which JAX flattens them (dicts by sorted key, dataclasses by field). Functions
may write into their arguments: every call here gets fresh copies.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

Tree = Any
Function = Callable[..., Any]

STEPS = (1e-2, 2.5e-3, 6e-4, 1.5e-4, 4e-5, 1e-5)
"""Steps tried by `finite_difference_jvp`, as fractions of the size of the arguments."""

SMALLER_STEPS = (2.5e-6, 6e-7, 1.5e-7, 4e-8)
"""Tried too where those do not settle: for functions that oscillate, or with a kink nearby."""

SETTLED = 1e-7
"""Two neighbouring steps whose estimates move less than this, relative to their norm, have found the derivative."""


def leaves(tree: Tree) -> list[Any]:
    """The numbers and arrays of a tree, in order; None has none."""
    collected: list[Any] = []
    rebuild(tree, lambda leaf: collected.append(leaf))
    return collected


def rebuild(tree: Tree, change: Callable[[Any], Any]) -> Tree:
    """The same tree with ``change(leaf)`` in place of each leaf, called in leaf order."""
    if tree is None:
        return None
    if isinstance(tree, dict):
        changed = {key: rebuild(tree[key], change) for key in sorted(tree)}
        return {key: changed[key] for key in tree}
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return type(tree)(*(rebuild(item, change) for item in tree))
    if isinstance(tree, (tuple, list)):
        return type(tree)([rebuild(item, change) for item in tree])
    if dataclasses.is_dataclass(tree):
        fields = {f.name: rebuild(getattr(tree, f.name), change) for f in dataclasses.fields(tree)}
        return dataclasses.replace(tree, **fields)
    return change(tree)


def combine(function: Callable[..., Any], *trees: Tree) -> Tree:
    """Leaf by leaf ``function`` over trees of one structure."""
    rest: list[Iterator[Any]] = [iter(leaves(tree)) for tree in trees[1:]]
    if any(len(leaves(tree)) != len(leaves(trees[0])) for tree in trees[1:]):
        raise ValueError("trees with different numbers of leaves")
    return rebuild(trees[0], lambda leaf: function(leaf, *(next(it) for it in rest)))


def is_inexact(leaf: Any) -> bool:
    """Whether a leaf is differentiable data: floating or complex, a Python float included."""
    return np.issubdtype(np.asarray(leaf).dtype, np.inexact)


def random_like(tree: Tree, seed: int) -> Tree:
    """Standard normal float64 (or complex128) leaves in the shapes of ``tree``; zeros for integer and boolean ones."""
    rng = np.random.default_rng(seed)

    def draw(leaf: Any) -> Any:
        normal: Any = rng.standard_normal(np.shape(leaf))
        if np.iscomplexobj(leaf):
            normal = normal + 1j * rng.standard_normal(np.shape(leaf))
        value = normal if is_inexact(leaf) else np.zeros(np.shape(leaf))
        return value if np.ndim(leaf) else np.asarray(value).item()

    return rebuild(tree, draw)


def inner(a: Tree, b: Tree) -> Any:
    """The bilinear product sum(a * b) over all leaves, without conjugation; of complex leaves its real part, which is
    what a cotangent and a tangent agree on."""
    pairs = zip(leaves(a), leaves(b), strict=True)
    return sum((np.sum(np.real(np.asarray(x) * np.asarray(y))) for x, y in pairs), start=0.0)


def norm(tree: Tree) -> float:
    """Euclidean norm over all leaves."""
    return float(np.sqrt(sum(float(np.sum(np.abs(np.asarray(leaf)) ** 2)) for leaf in leaves(tree))))


def relative_error(a: Tree, b: Tree) -> float:
    """Norm of a - b over the norm of b (the reference); absolute where b vanishes, inf where shapes or NaNs differ."""
    left, right = leaves(a), leaves(b)
    if len(left) != len(right) or any(np.shape(x) != np.shape(y) for x, y in zip(left, right, strict=True)):
        return float("inf")
    difference = norm([np.asarray(x) - np.asarray(y) for x, y in zip(left, right, strict=True)])
    error = difference / (norm(right) or 1.0)
    return error if np.isfinite(error) else float("inf")


def scalarise(f: Function, weights: Tree) -> Callable[..., Any]:
    """The function sum(weights * f(...)) over all leaves of f's result; ``weights`` has the result's structure."""

    def scalar(*args: Any) -> Any:
        return inner(weights, f(*args))

    return scalar


def _called_on_copies(f: Function, args: Sequence[Any]) -> Any:
    return copy.deepcopy(f(*copy.deepcopy(list(args))))


def _displaced(args: Sequence[Any], tangents: Sequence[Any], step: complex) -> list[Any]:
    def move(leaf: Any, tangent: Any) -> Any:
        return leaf + step * tangent if is_inexact(leaf) else leaf

    return [
        arg if tangent is None else combine(move, arg, tangent) for arg, tangent in zip(args, tangents, strict=True)
    ]


def _difference(right: Any, left: Any) -> Any:
    """Of results of any dtype, integers and booleans too, in double precision."""
    return np.subtract(right, left, dtype=np.result_type(np.asarray(right).dtype, np.float64))


def finite_difference_jvp(f: Function, args: Sequence[Any], tangents: Sequence[Any]) -> Tree:
    """d/dt f(args + t tangents) at t = 0 by the five-point central stencil; a None tangent holds its argument.

    The stencil's error is O(h^4) of truncation plus O(eps/h) of rounding; the step is chosen from `STEPS`, scaled by
    |args| / |tangents|, as the one whose estimate moved least from its neighbour's, which also steps around kinks.
    Float64 and complex128 arguments only.
    """
    return converging_differences(f, args, tangents)[0]


def converging_differences(f: Function, args: Sequence[Any], tangents: Sequence[Any]) -> tuple[Tree, float]:
    """`finite_difference_jvp`, and how far its estimate moved from the one of the next larger step (relative to its
    norm): where that is more than the accuracy wanted, differences say nothing."""
    moving = [(arg, tangent) for arg, tangent in zip(args, tangents, strict=True) if tangent is not None]
    for arg, _ in moving:
        if any(is_inexact(leaf) and np.finfo(np.asarray(leaf).dtype).bits < 64 for leaf in leaves(arg)):
            raise TypeError("finite differences need arguments in double precision")
    length = norm([tangent for _, tangent in moving])
    inexact = [leaf for arg, _ in moving for leaf in leaves(arg) if is_inexact(leaf)]
    scale = max(norm(inexact), 1e-3) / (length or 1.0)

    def estimate(step: float) -> Tree:
        far, near = (
            combine(
                _difference,
                _called_on_copies(f, _displaced(args, tangents, k * step)),
                _called_on_copies(f, _displaced(args, tangents, -k * step)),
            )
            for k in (2, 1)
        )
        return combine(lambda n, w: (8.0 * n - w) / (12.0 * step), near, far)

    estimates = [estimate(fraction * scale) for fraction in STEPS]
    moves = [relative_error(a, b) for a, b in pairwise(estimates)]
    for fraction in SMALLER_STEPS:
        if min(moves) < SETTLED:
            break
        estimates.append(estimate(fraction * scale))
        moves.append(relative_error(estimates[-2], estimates[-1]))
    best = int(np.argmin(moves))
    return estimates[best + 1], moves[best]


def complex_step(f: Function, args: Sequence[Any], tangents: Sequence[Any], step: float = 1e-30) -> Tree:
    """Im f(args + i step tangents) / step: exact to rounding for analytic f that keeps complex numbers throughout.

    Squire and Trapp (1998). TypeError when f loses the imaginary part to a real buffer or is not complex at all.
    """
    out = _called_on_copies(f, _displaced(args, tangents, 1j * step))
    if not all(np.iscomplexobj(leaf) for leaf in leaves(out)):
        raise TypeError("the function does not carry complex numbers through")
    return rebuild(out, lambda leaf: np.imag(leaf) / step)


def directional_error(
    f: Function, args: Sequence[Any], argnums: Sequence[int], gradient: Sequence[Tree], weights: Tree, seed: int = 0
) -> float:
    """How far ``gradient`` of sum(weights * f) is from finite differences along one random direction.

    ``gradient[i]`` belongs to ``args[argnums[i]]``. The error is |<gradient, v> - d/dt| / (|gradient| |v|), so a
    direction nearly orthogonal to the gradient does not exaggerate it.
    """
    direction = [random_like(args[argnum], seed + position) for position, argnum in enumerate(argnums)]
    tangents: list[Any] = [None] * len(args)
    for argnum, tangent in zip(argnums, direction, strict=True):
        tangents[argnum] = tangent
    expected = float(finite_difference_jvp(scalarise(f, weights), args, tangents))
    pairs = zip(gradient, direction, strict=True)
    found = float(sum(inner(component, tangent) for component, tangent in pairs))
    error = abs(found - expected) / (norm(list(gradient)) * norm(direction) or 1.0)
    return error if np.isfinite(error) else float("inf")


def duality_error(tangents: Sequence[Tree], jvp_out: Tree, cotangents: Tree, vjp_out: Sequence[Tree]) -> float:
    """|<cotangents, J tangents> - <J^T cotangents, tangents>|, relative to the norms of either pair (the larger)."""
    forward, backward = inner(cotangents, jvp_out), inner(list(vjp_out), list(tangents))
    scale = max(norm(cotangents) * norm(jvp_out), norm(list(vjp_out)) * norm(list(tangents)))
    error = float(abs(forward - backward)) / (scale or 1.0)
    return error if np.isfinite(error) else float("inf")
