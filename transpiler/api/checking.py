"""`check_grads`: derivatives against differences of the function's own values.

In: a function, arguments, an order. Out: nothing, or AssertionError that says which derivative differs by how much.
Along one random direction per order, forward mode is compared with the five-point difference quotient and reverse
mode with forward mode's number through <cotangent, tangent>.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gradscribe.transpiler.api.differences import combine, copied, difference, inner, norm, random_tangent
from gradscribe.transpiler.api.forward import directional
from gradscribe.transpiler.api.reverse import pulled
from gradscribe.transpiler.api.transformed import name_of


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
        rtol: accepted error relative to the size of the derivative; higher orders are differences of derivatives, not
            of
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
    direction = random_tangent(args, rng)
    expected = difference(f, args, direction)
    for mode in modes:
        here = (mode, *path)
        if mode == "fwd":
            derivative: Any = directional(f)
            _, found = derivative(args, direction)
            _compare(found, expected, rtol, name, here)
            _check(derivative, (args, direction), order - 1, modes, rtol, rng, name, here)
        else:
            derivative = pulled(f)
            cotangent = random_tangent(f(*copied(args)), rng)
            found = inner(derivative(args, cotangent), direction)
            _compare(found, inner(cotangent, expected), rtol, name, here, norm(cotangent) * norm(expected))
            _check(derivative, (args, cotangent), order - 1, modes, rtol, rng, name, here)


def _compare(found: Any, expected: Any, rtol: float, name: str, path: tuple[str, ...], scale: float = 0.0) -> None:
    error = norm(combine(np.subtract, found, expected))
    scale = max(scale, norm(expected), 1e-3)
    if not error <= rtol * scale:
        what = " of ".join(path)
        raise AssertionError(
            f"{what} of {name} differs from finite differences by {error:.3g} at size {scale:.3g} (rtol {rtol:g})"
        )
