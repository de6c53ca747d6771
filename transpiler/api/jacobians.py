"""`jacfwd`, `jacrev` and `hessian`: whole Jacobians.

In: a function with floating results. Out: a function of the same arguments; the result tree with, at each leaf, the
tree of the chosen arguments, whose leaves have shape (*result shape, *argument shape).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from gradscribe.transpiler import tree
from gradscribe.transpiler.api.composing import (
    argument_leaves,
    as_value,
    check_differentiable,
    check_result_kind,
    chosen_arguments,
    compact,
    distinct,
    parameters_by_leaf,
    result_leaves,
    split_aux,
)
from gradscribe.transpiler.api.transformed import Kind, Stage, Transformed, decorate, define, definition_span, name_of
from gradscribe.transpiler.ir.staged import ResultLeaf, Staged
from gradscribe.transpiler.ir.types import ArrayType
from gradscribe.transpiler.transforms import jacobian


def _stage(transformed: Transformed, args: tuple[Any, ...], kwargs: dict[str, Any], stage: Stage) -> Staged:
    what, options = transformed.kind.name, transformed.options
    span = definition_span(transformed.function)
    chosen = chosen_arguments(options["argnums"], len(args), what)
    by_argument = argument_leaves(args)
    for k in chosen:
        leaves, _, structure = by_argument[k]
        for leaf, path in zip(leaves, structure.paths(f"args[{k}]"), strict=True):
            check_differentiable(leaf, path, what, span, options["holomorphic"], allow_int=False)
    inner = as_value(stage(transformed.function, args, kwargs))
    value, aux = split_aux(inner, what, options["has_aux"])
    inner, outs, definition = result_leaves(inner, value)
    inner, outs = distinct(inner, outs)
    for out in outs:
        type = inner.function.results[out.position].type
        assert isinstance(type, ArrayType)
        if what == "jacrev" or options["holomorphic"] or not type.is_float:  # jacfwd of complex results is fine
            name = name_of(transformed.function)
            check_result_kind(what, name, type, options["holomorphic"], inner.function.span or span)
    parameters = parameters_by_leaf(inner)
    wrt = [parameters[leaf] for k in chosen for leaf in by_argument[k][1]]
    columns = {parameter: number for number, parameter in enumerate(dict.fromkeys(wrt))}
    make = jacobian.jacfwd if what == "jacfwd" else jacobian.jacrev
    function = make(inner.function, list(columns), [o.position for o in outs])
    first = len(inner.function.results)
    blocks = []
    for row in range(len(outs)):
        per_argument = []
        for k in chosen:
            _, numbers, structure = by_argument[k]
            places = [ResultLeaf(first + row * len(columns) + columns[parameters[leaf]]) for leaf in numbers]
            per_argument.append(tree.unflatten(structure, places))
        blocks.append(tuple(per_argument) if isinstance(options["argnums"], tuple) else per_argument[0])
    result = tree.unflatten(definition, blocks)
    return compact(replace(inner, function=function, result=(result, aux) if options["has_aux"] else result))


JACFWD = define(Kind("jacfwd", _stage))
JACREV = define(Kind("jacrev", _stage))


def _options(argnums: int | Sequence[int], has_aux: bool, holomorphic: bool) -> dict[str, Any]:
    numbers = tuple(argnums) if isinstance(argnums, (tuple, list)) else argnums
    return {"argnums": numbers, "has_aux": bool(has_aux), "holomorphic": bool(holomorphic)}


def jacfwd(
    fun: Callable[..., Any] | None = None,
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
    holomorphic: bool = False,
) -> Any:
    """The Jacobian by forward mode: one direction per element of the arguments chosen; good for tall Jacobians.

    Returns a function of the same arguments. Its result has the structure of the function's result; each leaf is the
    block of shape (*result shape, *argument shape), or the tree (tuple) of such blocks for tree arguments (several
    argnums). With `has_aux`: (Jacobian, auxiliary). `holomorphic` says that complex inputs give complex results by a
    holomorphic function. Raises DTypeError for inputs that are not real floating, or complex without that word.

    Example: `gs.jacfwd(lambda x: x ** 2)(np.arange(3.0))` is `np.diag([0.0, 2.0, 4.0])`.
    """
    return decorate(JACFWD, fun, _options(argnums, has_aux, holomorphic))


def jacrev(
    fun: Callable[..., Any] | None = None,
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
    holomorphic: bool = False,
) -> Any:
    """As `jacfwd`, by reverse mode: one pullback per element of the result; good for wide Jacobians. Real-valued
    functions of complex arguments have d/dx - i d/dy."""
    return decorate(JACREV, fun, _options(argnums, has_aux, holomorphic))


def hessian(
    fun: Callable[..., Any] | None = None,
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
    holomorphic: bool = False,
) -> Any:
    """The matrix of second derivatives of a function, forward over reverse: `jacfwd(jacrev(fun))`.

    Example: `gs.hessian(lambda x: np.sum(x ** 3))(np.arange(3.0))` is `np.diag([0.0, 6.0, 12.0])`.
    """
    if fun is None:
        return lambda f: hessian(f, argnums, has_aux, holomorphic)
    return jacfwd(jacrev(fun, argnums, has_aux, holomorphic), argnums, has_aux, holomorphic)
