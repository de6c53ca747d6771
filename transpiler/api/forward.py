"""`jvp` and `linearize`: directional derivatives.

In: a function, primals, tangents in the structure of the primals (None where an argument is held). Out: results and
their tangents.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from gradscribe.transpiler import tree
from gradscribe.transpiler.api.composing import (
    as_value,
    check_differentiable,
    compact,
    counted_leaves,
    no_keywords,
    parameters_by_leaf,
    result_leaves,
    split_aux,
    tangent_leaves,
)
from gradscribe.transpiler.api.leaves import flatten, is_complex
from gradscribe.transpiler.api.transformed import (
    Kind,
    Stage,
    Transformed,
    define,
    definition_span,
    refuse_static,
    transform,
)
from gradscribe.transpiler.errors import DTypeError
from gradscribe.transpiler.ir.staged import ArgumentLeaf, ResultLeaf, Staged
from gradscribe.transpiler.passes.dead_code import without_io
from gradscribe.transpiler.transforms.jvp import jvp as differentiate


def _stage(transformed: Transformed, args: tuple[Any, ...], kwargs: dict[str, Any], stage: Stage) -> Staged:
    no_keywords(kwargs, "jvp")
    primals, tangents = args
    leaves, structure = flatten(tuple(primals))
    given = tangent_leaves(leaves, structure, tuple(tangents), "tangents")
    span = definition_span(transformed.function)
    for leaf, tangent, path in zip(leaves, given, structure.paths("primals"), strict=True):
        if tangent is not None:
            check_differentiable(leaf, path, "jvp", span, is_complex(leaf), allow_int=False)
    inner = as_value(stage(transformed.function, tuple(primals), {}))
    value, aux = split_aux(inner, "jvp", transformed.options["has_aux"])
    inner, outs, definition = result_leaves(inner, value)
    numbers, _ = counted_leaves(given, len(leaves))
    parameters = parameters_by_leaf(inner)
    moving = [(parameters[k], number) for k, number in enumerate(numbers) if number is not None]
    primal = without_io(inner.function) if transformed.options.get("silent") else inner.function
    function = differentiate(primal, [parameter for parameter, _ in moving])
    paths = structure.paths("d")
    extra = tuple(ArgumentLeaf(paths[k], n) for k, n in enumerate(numbers) if n is not None)
    tangent_places = _tangent_places(inner)
    dout = tree.unflatten(definition, [tangent_places[o.position] for o in outs])
    out = tree.unflatten(definition, outs)
    result = (out, dout, aux) if transformed.options["has_aux"] else (out, dout)
    return compact(replace(inner, function=function, parameters=(*inner.parameters, *extra), result=result))


def _tangent_places(inner: Staged) -> list[ResultLeaf | None]:
    """For each flat result, where its tangent is: None for results that have none."""
    places: list[ResultLeaf | None] = []
    position = len(inner.function.results)
    for result in inner.function.results:
        places.append(ResultLeaf(position) if result.type.is_float else None)
        position += result.type.is_float
    return places


JVP = define(Kind("jvp", _stage))


def jvp(fun: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any], has_aux: bool = False) -> Any:
    """(fun(*primals), its derivative in the direction of the tangents).

    Args:
        primals: the arguments, a tuple or list.
        tangents: in the structure of the primals, with their shapes and dtypes; None (for a leaf or a whole
            argument's leaf)
            holds that leaf fixed. Integers have no tangent: pass None.
        has_aux: the function returns (value, auxiliary); the result is (value, tangent, auxiliary).

    Raises ValueError where structures or shapes differ, DTypeError where dtypes do. The tangent of an integer result
    is None.

    Example: `y, dy = gs.jvp(np.sin, (0.3,), (1.0,))`
    """
    derivative, args, _ = _apply_jvp(fun, primals, tangents, has_aux)
    return derivative(*args)


def _apply_jvp(
    fun: Any, primals: Any, tangents: Any, has_aux: bool = False
) -> tuple[Transformed, tuple[Any, ...], dict[str, Any]]:
    """The transformed function and its arguments; the frontend asks for them where `jvp` is called in a program."""
    if not isinstance(primals, (tuple, list)) or not isinstance(tangents, (tuple, list)):
        raise TypeError("jvp takes primals and tangents as tuples or lists of arguments")
    if len(primals) != len(tangents):
        raise ValueError(f"jvp got {len(primals)} primals and {len(tangents)} tangents")
    return directional(fun, has_aux), (tuple(primals), tuple(tangents)), {}


jvp.__gradscribe_apply__ = _apply_jvp  # type: ignore[attr-defined]


def directional(fun: Callable[..., Any], has_aux: bool = False, silent: bool = False) -> Transformed:
    """The function (primals, tangents) -> (out, tangent of out); `silent`: without what the function prints."""
    refuse_static(fun, "jvp")
    return transform(JVP, fun, {"has_aux": bool(has_aux), **({"silent": True} if silent else {})})


def linearize(fun: Callable[..., Any], *primals: Any, has_aux: bool = False) -> Any:
    """(fun(*primals), the linear map tangents -> tangent of the result). The map runs the function again at each call,
    but for what it prints. With `has_aux` the function returns (value, auxiliary), and (value, map, auxiliary) comes.

    Example: `y, push = gs.linearize(f, x); dy = push(dx)`
    """
    derivative = directional(fun, has_aux, silent=True)
    held = tree.map(_own, primals)
    out = transform_identity(fun)(*held)
    if has_aux and (not isinstance(out, tuple) or len(out) != 2):
        raise DTypeError(
            definition_span(fun), "with has_aux, the function given to linearize must return a pair (value, auxiliary)"
        )

    def push(*tangents: Any) -> Any:
        return derivative(held, tangents)[1]

    return (out[0], push, out[1]) if has_aux else (out, push)


def _own(leaf: Any) -> Any:
    """A leaf that nobody else writes."""
    return leaf.copy() if isinstance(leaf, np.ndarray) else leaf


# Inside a program its text is interpreted: the map that it returns is a function of that program.
linearize.__gradscribe_text__ = True  # type: ignore[attr-defined]
_own.__gradscribe_text__ = True  # type: ignore[attr-defined]


def _stage_value(transformed: Transformed, args: tuple[Any, ...], kwargs: dict[str, Any], stage: Stage) -> Staged:
    return compact(as_value(stage(transformed.function, args, kwargs)))


VALUE = define(Kind("value", _stage_value))


def transform_identity(fun: Callable[..., Any]) -> Transformed:
    """The function itself, as a function of values."""
    return transform(VALUE, fun, {})
