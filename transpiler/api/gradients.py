"""`grad` and `value_and_grad`.

In: a function with a scalar result. Out: a function of the same arguments that returns gradients in the structure of
the arguments chosen. Establishes: inputs are values; the caller's arrays are never written.
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
    parameters_by_leaf,
    result_leaves,
    split_aux,
)
from gradscribe.transpiler.api.leaves import describe
from gradscribe.transpiler.api.transformed import Kind, Stage, Transformed, decorate, define, definition_span, name_of
from gradscribe.transpiler.errors import NotDifferentiable
from gradscribe.transpiler.ir.staged import ResultLeaf, Staged
from gradscribe.transpiler.ir.types import ArrayType
from gradscribe.transpiler.transforms.vjp import value_and_grad as differentiate


def _stage(transformed: Transformed, args: tuple[Any, ...], kwargs: dict[str, Any], stage: Stage) -> Staged:
    what, options = transformed.kind.name, transformed.options
    span = definition_span(transformed.function)
    chosen = chosen_arguments(options["argnums"], len(args), what)
    by_argument = argument_leaves(args)
    wanted: list[list[bool]] = []
    for k in chosen:
        leaves, _, definition = by_argument[k]
        paths = definition.paths(f"args[{k}]")
        flags = (options["holomorphic"], options["allow_int"])
        wanted.append(
            [check_differentiable(x, path, what, span, *flags) for x, path in zip(leaves, paths, strict=True)]
        )
    inner = as_value(stage(transformed.function, args, kwargs))
    value, aux = split_aux(inner, what, options["has_aux"])
    inner, outs, definition = result_leaves(inner, value)
    position = _scalar_position(transformed, inner, outs, definition)
    parameters = parameters_by_leaf(inner)
    wrt: list[int] = []
    for k, flags_of_leaves in zip(chosen, wanted, strict=True):
        wrt += [parameters[leaf] for leaf, flag in zip(by_argument[k][1], flags_of_leaves, strict=True) if flag]
    function = differentiate(inner.function, list(dict.fromkeys(wrt)), position)
    order = {parameter: k for k, parameter in enumerate(dict.fromkeys(wrt))}
    first = len(inner.function.results)
    gradients = []
    for k, flags_of_leaves in zip(chosen, wanted, strict=True):
        _, numbers, structure = by_argument[k]
        places = [
            ResultLeaf(first + order[parameters[leaf]]) if flag else None
            for leaf, flag in zip(numbers, flags_of_leaves, strict=True)
        ]
        gradients.append(tree.unflatten(structure, places))
    result: Any = tuple(gradients) if isinstance(options["argnums"], (tuple, list)) else gradients[0]
    if what == "grad":
        result = (result, aux) if options["has_aux"] else result
    else:
        kept = tree.unflatten(definition, outs)
        result = ((kept, aux), result) if options["has_aux"] else (kept, result)
    return compact(replace(inner, function=function, result=result))


def _scalar_position(
    transformed: Transformed, inner: Staged, outs: Sequence[ResultLeaf], definition: tree.TreeDef
) -> int:
    what, name = transformed.kind.name, name_of(transformed.function)
    span = inner.function.span or definition_span(transformed.function)
    if definition.kind is not None:
        raise NotDifferentiable(
            span,
            f"{what} requires a function with a scalar result, but `{name}` returns {_shown(inner, outs, definition)}",
            "Return one number (say, a sum), use has_aux=True for (value, auxiliary), or jacrev or vjp.",
        )
    operand = inner.function.results[outs[0].position]
    assert isinstance(operand.type, ArrayType)
    if operand.type.shape:
        raise NotDifferentiable(
            span,
            f"{what} requires a function with a scalar result, but `{name}` returns an array, {describe(operand.type)}",
            "Reduce it (np.sum, np.mean), or use jacrev, jacfwd or vjp.",
        )
    check_result_kind(what, name, operand.type, transformed.options["holomorphic"], span)
    return outs[0].position


def _shown(inner: Staged, outs: Sequence[ResultLeaf], definition: tree.TreeDef) -> str:
    if not outs:
        return "None"
    types = [describe(inner.function.results[o.position].type) for o in outs]
    return f"{len(outs)} of them ({', '.join(types)})"


GRAD = define(Kind("grad", _stage))
VALUE_AND_GRAD = define(Kind("value_and_grad", _stage))


def grad(
    fun: Callable[..., Any] | None = None,
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
    holomorphic: bool = False,
    allow_int: bool = False,
) -> Any:
    """The gradient of a function with a scalar floating result.

    Args:
        fun: the function; without it, `grad` is a decorator with arguments.
        argnums: the positional argument to differentiate, or several; negative numbers count from the end.
        has_aux: the function returns (value, auxiliary); the result is (gradient, auxiliary).
        holomorphic: the function is holomorphic: complex inputs, complex result. (Real-valued functions of complex
            inputs need no such word; their gradient is d/dx - i d/dy.)
        allow_int: integer and boolean leaves are accepted; their gradient is None.

    Returns a function of the same arguments. The gradient has the structure, dtypes and shapes of the arguments
    chosen (a tuple of them when `argnums` is a sequence). Raises NotDifferentiable for a result that is not scalar,
    DTypeError for inputs or results that are not floating.

    Example: `gs.grad(lambda w, x: np.sum((x @ w) ** 2))(w, x)`. Reverse mode: Griewank & Walther, Evaluating
    Derivatives, ch. 3.
    """
    options = {
        "argnums": _numbers(argnums),
        "has_aux": bool(has_aux),
        "holomorphic": bool(holomorphic),
        "allow_int": bool(allow_int),
    }
    return decorate(GRAD, fun, options)


def value_and_grad(
    fun: Callable[..., Any] | None = None,
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
    holomorphic: bool = False,
    allow_int: bool = False,
) -> Any:
    """As `grad`, but returns (value, gradient), or ((value, auxiliary), gradient) with `has_aux`.

    Example: `loss, (dw, db) = gs.value_and_grad(loss, argnums=(0, 1))(w, b, x, y)`
    """
    options = {
        "argnums": _numbers(argnums),
        "has_aux": bool(has_aux),
        "holomorphic": bool(holomorphic),
        "allow_int": bool(allow_int),
    }
    return decorate(VALUE_AND_GRAD, fun, options)


def _numbers(argnums: int | Sequence[int]) -> int | tuple[int, ...]:
    return argnums if isinstance(argnums, int) else tuple(argnums)
