"""Values and gradients of the corpus by JAX: in come a JAX form and arguments, out comes one jitted function.

Python numbers that are not differentiated (step counts, axes) are static; arrays and differentiated arguments are
traced. float64 is on. Nothing here mutates an argument.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

jax.config.update("jax_enable_x64", True)

Tree = Any


def weighted_sum(out: Tree, weights: Tree) -> Any:
    """sum(weights * out) over the leaves; the leaf order is JAX's, which is that of ``oracles.leaves``."""
    pairs = zip(jax.tree.leaves(out), jax.tree.leaves(weights), strict=True)
    return sum(jnp.sum(jnp.asarray(w).astype(jnp.result_type(x)) * x) for x, w in pairs)


def value_and_grad(
    function: Callable[..., Any], args: Sequence[Any], argnums: Sequence[int], weights: Tree, aux: bool = False
) -> Callable[..., Any]:
    """A jitted ``g(*differentiated, *captured)`` bound to ``args``' pattern; call it through :func:`bind`.

    It returns ``(sum(weights * function(*args)), gradients)``, with ``aux`` ``((sum, output), gradients)``; the
    gradients are a tuple in the order of ``argnums``.
    """
    traced = _traced_positions(args, argnums)

    def objective(*values: Any) -> Any:
        full = list(args)
        for position, value in zip(traced, values, strict=True):
            full[position] = value
        out = function(*full)
        total = weighted_sum(out, weights)
        return (total, out) if aux else total

    places = tuple(traced.index(argnum) for argnum in argnums)
    return jax.jit(jax.value_and_grad(objective, argnums=places, has_aux=aux))


def bind(args: Sequence[Any], argnums: Sequence[int]) -> tuple[Any, ...]:
    """The arguments of a function made by :func:`value_and_grad`, put on the device once."""
    traced = _traced_positions(args, argnums)
    return tuple(jax.device_put(jax.tree.map(jnp.asarray, args[position])) for position in traced)


def _traced_positions(args: Sequence[Any], argnums: Sequence[int]) -> list[int]:
    def is_static(position: int) -> bool:
        return position not in argnums and isinstance(args[position], (bool, int, float, str))

    return [position for position in range(len(args)) if not is_static(position)]


def to_numpy(tree: Tree) -> Tree:
    """The same tree with NumPy leaves."""
    return jax.tree.map(np.asarray, tree)


def first_and_second_order(
    function: Callable[..., Any], args: Sequence[Any], argnums: Sequence[int], weights: Tree, tangents: Sequence[Tree]
) -> dict[str, Tree]:
    """What JAX says of ``function`` at ``args``: ``value`` and ``jvp`` (lists of the inexact leaves of the result and
    of its tangent), ``vjp`` (the gradients of sum(weights * result), in the order of ``argnums``), ``hvp`` (their
    tangents). ``tangents`` are in the order of ``argnums``; ``weights`` may lack the leaves that are not inexact."""
    traced = _traced_positions(args, argnums)

    def every(values: Sequence[Any], directions: Sequence[Any]) -> dict[str, Tree]:
        def result(moving: Sequence[Any]) -> list[Any]:
            full = list(args)
            for position, value in zip(traced, values, strict=True):
                full[position] = value
            for argnum, value in zip(argnums, moving, strict=True):
                full[argnum] = value
            out = map(jnp.asarray, jax.tree.leaves(function(*full)))
            return [leaf for leaf in out if jnp.issubdtype(leaf.dtype, jnp.inexact)]

        moving = [values[traced.index(argnum)] for argnum in argnums]
        value, tangent = jax.jvp(result, (moving,), (list(directions),))
        gradient = jax.grad(lambda at: weighted_sum(result(at), jax.tree.leaves(weights)))
        gradients, products = jax.jvp(gradient, (moving,), (list(directions),))
        return {"value": value, "jvp": tangent, "vjp": gradients, "hvp": products}

    placed = [jax.tree.map(jnp.asarray, tangent) for tangent in tangents]
    return to_numpy(jax.jit(every)(bind(args, argnums), placed))
