"""Running a `Staged` program with the IR evaluator, as a caller would see it: results rebuilt, caller's arrays and
containers changed."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np

from gradscribe.transpiler import tree
from gradscribe.transpiler.frontend.stage import stage
from gradscribe.transpiler.ir.evaluate import Environment, GuardFailed, bind_symbols, evaluate, evaluate_dim
from gradscribe.transpiler.ir.nodes import Function
from gradscribe.transpiler.ir.staged import ArgumentIdentity, ArgumentLeaf, ResultLeaf, Staged, StaticLeaf


def check_sizes(function: Function, args: list[Any]) -> None:
    """Raise `GuardFailed` where sizes of arguments are not those that were taken to be equal to others."""
    env: Environment = {}
    bind_symbols(function.params, args, env)
    for param, value in zip(function.params, args, strict=True):
        if np.shape(value) != tuple(evaluate_dim(d, env) for d in param.type.dims()):
            raise GuardFailed(function.span, f"`{param.hint}` has the shape {np.shape(value)}, not {param.type}")


def run_staged(staged: Staged, args: tuple[Any, ...], kwargs: dict[str, Any] | None = None) -> Any:
    """Evaluate and apply the mutations to `args`; returns what the Python function would."""
    kwargs = kwargs or {}
    leaves = tree.leaves((args, kwargs))
    given = [leaves[p.leaf] if isinstance(p, ArgumentLeaf) else p.read() for p in staged.parameters]
    check_sizes(staged.function, given)
    flat = evaluate(staged.function, *[np.array(x) if isinstance(x, np.ndarray) else x for x in given])

    def built(node: Any) -> Any:
        if isinstance(node, ResultLeaf):
            return flat[node.position]
        if isinstance(node, StaticLeaf):
            return node.value
        return given[node.parameter]

    is_leaf = lambda x: isinstance(x, (ResultLeaf, StaticLeaf, ArgumentIdentity))
    for mutation in staged.mutations:
        given[mutation.parameter][...] = flat[mutation.position]
    for change in staged.container_mutations:
        change.store(args, kwargs, tree.map(built, change.template, is_leaf=is_leaf))
    return tree.map(built, staged.result, is_leaf=is_leaf)


def same(a: Any, b: Any, exact_type: bool = True, rtol: float = 1e-9, atol: float = 1e-12) -> bool:
    """Equal trees of numbers, dtypes included."""
    leaves_a, structure_a = tree.flatten(a)
    leaves_b, structure_b = tree.flatten(b)
    if structure_a != structure_b:
        return False
    for x, y in zip(leaves_a, leaves_b, strict=True):
        if isinstance(x, (np.ndarray, np.generic, int, float, complex)) and not isinstance(x, str):
            if np.shape(x) != np.shape(y):
                return False
            if exact_type and np.asarray(x).dtype != np.asarray(y).dtype:
                return False
            if not np.allclose(x, y, rtol=rtol, atol=atol, equal_nan=True):
                return False
        elif x != y:
            return False
    return True


def check_against_python(
    function: Callable[..., Any], *args: Any, others: tuple[tuple[Any, ...], ...] = (), exact_type: bool = True
) -> Staged:
    """Stage for `args`; compare the value and every argument afterwards with plain Python, for `args` and for
    `others`."""
    staged = stage(function, copy.deepcopy(args), {})
    for case in (args, *others):
        theirs, ours = copy.deepcopy(case), copy.deepcopy(case)
        want = function(*theirs)
        got = run_staged(staged, ours)
        assert same(got, want, exact_type), f"value: {got} is not {want}"
        assert same(ours, theirs), f"arguments afterwards: {ours} are not {theirs}"
    return staged
