"""Standalone modules on demand: what the command line writes, and its numerical check.

In: a function, a transformation by name, abstract or example arguments. Out: `Emission`: the text, and `check`, which
runs that very text and compares it with the function itself. Establishes: the check uses nothing of the
transformation's own: differences of the function's values, or its values lane by lane.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradscribe.transpiler import tree
from gradscribe.transpiler.api.annotations import abstract, example, is_spec
from gradscribe.transpiler.api.batching import vmap
from gradscribe.transpiler.api.composing import as_value, result_leaves
from gradscribe.transpiler.api.differences import combine, copied, difference, inner, is_float, norm, random_tangent
from gradscribe.transpiler.api.executables import identifier, located, module_of
from gradscribe.transpiler.api.forward import directional
from gradscribe.transpiler.api.gradients import grad, value_and_grad
from gradscribe.transpiler.api.inspection import staged_for, text_of
from gradscribe.transpiler.api.jacobians import hessian
from gradscribe.transpiler.api.jitting import jit
from gradscribe.transpiler.api.leaves import flatten, type_of
from gradscribe.transpiler.api.reverse import pulled
from gradscribe.transpiler.ir.staged import ArgumentLeaf, Staged, StaticLeaf

COMMANDS = ("grad", "value_and_grad", "jvp", "vjp", "vmap", "hessian", "show")
RTOL = 1e-6


class CheckFailed(AssertionError):
    """What was written does not compute what it should."""


@dataclass(frozen=True)
class Emission:
    """A written module: `text`, and what is needed to run and check it."""

    command: str
    function: Callable[..., Any]
    arguments: tuple[Any, ...]  # of the function: examples, or specs
    wrt: tuple[int, ...]
    in_axes: Any
    staged: Staged
    title: str
    name: str

    def text(self, level: str = "numpy") -> str:
        return text_of(self.staged, level, self.title, self.name)

    def check(self, seed: int = 0) -> str:
        """Run the NumPy text on example arguments and compare; a sentence saying how well it agrees. Raises
        CheckFailed."""
        args = example(self.arguments, seed=seed)
        error = _CHECKS[self.command](self, args, np.random.default_rng(seed))
        if not error <= RTOL:
            raise CheckFailed(f"{self.name} differs from {_REFERENCE[self.command]} by {error:.2g} (allowed {RTOL:g})")
        return f"{self.name} agrees with {_REFERENCE[self.command]} to {error:.1e}"

    def run(self, *call: Any) -> Any:
        """The emitted function on the arguments of the transformed function."""
        leaves = [leaf for leaf in flatten((call, {}))[0] if not isinstance(leaf, StaticLeaf)]
        leaves = [leaf for leaf in leaves if type_of(leaf) is not None]
        values = []
        data = iter(leaves)
        by_leaf: dict[int, Any] = {}
        for parameter in self.staged.parameters:
            if isinstance(parameter, ArgumentLeaf):
                by_leaf.setdefault(parameter.leaf, None)
        for leaf in sorted(by_leaf):
            by_leaf[leaf] = next(data)
        for parameter in self.staged.parameters:
            values.append(
                by_leaf[parameter.leaf] if isinstance(parameter, ArgumentLeaf) else parameter.read and parameter.read()
            )
        return located(module_of(self.staged, self.title, self.name))(*copied(values))


def emit(
    command: str, function: Callable[..., Any], arguments: Sequence[Any], wrt: Sequence[int] = (0,), in_axes: Any = 0
) -> Emission:
    """Apply a transformation by name and stage it, for `text` and `check`.

    Args:
        command: one of `COMMANDS`.
        arguments: of `function`: specs (`F64["n d"]`, or from `annotations.parse`) or example values. For "vmap" they
            are the
            stacked arguments.
        wrt: positions to differentiate.
    """
    arguments, wrt = tuple(arguments), tuple(wrt)
    given = abstract(arguments)
    chosen: Any = wrt if len(wrt) > 1 else wrt[0]
    call: tuple[Any, ...] = given
    suffix = command
    if command == "grad":
        made = grad(function, chosen)
    elif command == "value_and_grad":
        made = value_and_grad(function, chosen)
    elif command == "hessian":
        made = hessian(function, chosen)
    elif command == "vmap":
        made = vmap(function, in_axes)
    elif command == "jvp":
        made = directional(function)
        call = (given, tuple(_tangents(arg) if k in wrt else _none(arg) for k, arg in enumerate(given)))
    elif command == "vjp":
        made = pulled(function, wrt, value=True)
        call = (given, _result(function, given))
    elif command == "show":
        made, suffix = jit(function, backend="python"), ""
    else:
        raise ValueError(f"no transformation is called {command!r}; there are {', '.join(COMMANDS)}")
    staged, _ = staged_for(made, call, {})
    own = getattr(function, "__name__", "function")
    title = f"{command} of {own}" if suffix else own
    return Emission(
        command, function, arguments, wrt, in_axes, staged, title, identifier(f"{own}_{suffix}" if suffix else own)
    )


def _tangents(arg: Any) -> Any:
    """For abstract or example leaves: the leaf itself where it is floating (strong), else None."""

    def one(leaf: Any) -> Any:
        type = type_of(leaf)
        if type is None or not type.is_float:
            return None
        return type.strong() if is_spec(leaf) else leaf

    return tree.map(one, arg, is_leaf=is_spec)


def _none(arg: Any) -> Any:
    return tree.map(lambda leaf: None, arg, is_leaf=is_spec)


def _result(function: Callable[..., Any], given: tuple[Any, ...]) -> Any:
    """An abstract cotangent for the function's result."""
    staged, leaves = staged_for(jit(function, backend="python"), given, {})
    staged = as_value(staged)
    staged, outs, definition = result_leaves(staged, staged.result)
    types: list[Any] = [staged.function.results[out.position].type for out in outs]
    if not any(is_spec(leaf) for leaf in leaves):
        value = function(*copied(given))
        return tree.map(lambda leaf: leaf if is_float(leaf) else None, value)
    return tree.unflatten(definition, [t.strong() if t.is_float else None for t in types])


# ---- checks: each gives an error relative to the size of what is compared ----


def _direction(emission: Emission, args: tuple[Any, ...], rng: Any) -> tuple[Any, ...]:
    return tuple(random_tangent(arg, rng) if k in emission.wrt else _none(arg) for k, arg in enumerate(args))


def _relative(found: Any, expected: Any) -> float:
    return norm(combine(np.subtract, found, expected)) / max(norm(expected), 1e-3)


def _chosen(emission: Emission, direction: tuple[Any, ...]) -> Any:
    parts = tuple(direction[k] for k in emission.wrt)
    return parts if len(parts) > 1 else parts[0]


def _check_gradient(emission: Emission, args: tuple[Any, ...], rng: Any) -> float:
    result = emission.run(*args)
    direction = _direction(emission, args, rng)
    expected = difference(emission.function, args, direction)
    error = 0.0
    if emission.command == "value_and_grad":
        value, result = result
        error = _relative(value, emission.function(*copied(args)))
    found = inner(result, _chosen(emission, direction))
    return max(error, abs(found - float(expected)) / max(norm(result) * norm(direction), 1e-3))


def _check_jvp(emission: Emission, args: tuple[Any, ...], rng: Any) -> float:
    direction = _direction(emission, args, rng)
    value, tangent = emission.run(args, direction)
    return max(
        _relative(tangent, difference(emission.function, args, direction)),
        _relative(value, emission.function(*copied(args))),
    )


def _check_vjp(emission: Emission, args: tuple[Any, ...], rng: Any) -> float:
    value = emission.function(*copied(args))
    cotangent = random_tangent(value, rng)
    found, gradients = emission.run(args, cotangent)
    direction = _direction(emission, args, rng)
    expected = inner(cotangent, difference(emission.function, args, direction))
    error = abs(inner(gradients, tuple(direction[k] for k in emission.wrt)) - expected)
    return max(error / max(norm(gradients) * norm(direction), 1e-3), _relative(found, value))


def _check_hessian(emission: Emission, args: tuple[Any, ...], rng: Any) -> float:
    blocks = tree.leaves(emission.run(*args))
    direction = _direction(emission, args, rng)
    chosen = tree.leaves(_chosen(emission, direction))
    gradient = grad(emission.function, emission.wrt if len(emission.wrt) > 1 else emission.wrt[0])
    expected = tree.leaves(difference(gradient, args, direction))
    count = len(chosen)
    found = [
        sum(np.tensordot(blocks[row * count + k], chosen[k], np.ndim(chosen[k])) for k in range(count))
        for row in range(len(expected))
    ]
    return _relative(found, expected)


def _check_vmap(emission: Emission, args: tuple[Any, ...], rng: Any) -> float:
    leaves, structure = flatten(args)
    axes = tree.broadcast_prefix(emission.in_axes, structure)
    size = next(np.shape(leaf)[axis] for leaf, axis in zip(leaves, axes, strict=True) if axis is not None)
    lanes = []
    for lane in range(size):
        mine = [leaf if axis is None else np.take(leaf, lane, axis) for leaf, axis in zip(leaves, axes, strict=True)]
        lanes.append(emission.function(*tree.unflatten(structure, copied(mine))))
    expected = tree.map(lambda *values: np.stack(values), *lanes)
    return _relative(emission.run(*args), expected)


def _check_value(emission: Emission, args: tuple[Any, ...], rng: Any) -> float:
    return _relative(emission.run(*args), emission.function(*copied(args)))


_CHECKS = {
    "grad": _check_gradient, "value_and_grad": _check_gradient, "jvp": _check_jvp, "vjp": _check_vjp,
    "vmap": _check_vmap, "hessian": _check_hessian, "show": _check_value,
}  # fmt: skip
_REFERENCE = {
    **dict.fromkeys(("grad", "value_and_grad", "jvp", "vjp"), "finite differences"),
    "hessian": "finite differences of the gradient", "vmap": "the function lane by lane", "show": "the function",
}  # fmt: skip
