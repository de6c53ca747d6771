"""`jet` and `taylor`: derivatives of higher order along a curve (Taylor mode).

In: a function, primals, for each primal the derivatives of a curve through it. Out: the result and its derivatives
along the curve.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from gradscribe.transpiler import tree
from gradscribe.transpiler.api.composing import (
    as_value,
    check_differentiable,
    compact,
    no_keywords,
    parameters_by_leaf,
    result_leaves,
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
from gradscribe.transpiler.ir.staged import ArgumentLeaf, ResultLeaf, Staged
from gradscribe.transpiler.transforms.jet import jet as differentiate


def _stage(transformed: Transformed, args: tuple[Any, ...], kwargs: dict[str, Any], stage: Stage) -> Staged:
    no_keywords(kwargs, "jet")
    primals, series = args
    order = _order(series)
    span = definition_span(transformed.function)
    number = len(flatten(tuple(primals))[0])  # of the next leaf of the call
    start = 0
    seeds: dict[int, list[ArgumentLeaf]] = {}  # leaf of the primals -> its derivatives
    for k, (primal, terms) in enumerate(zip(primals, series, strict=True)):
        leaves, structure = flatten(primal)
        paths = structure.paths(f"primals[{k}]")
        for n, term in enumerate(terms or ()):
            given = tangent_leaves(leaves, structure, term, f"series[{k}][{n}]")
            for j, (leaf, part, path) in enumerate(zip(leaves, given, paths, strict=True)):
                if part is None:
                    raise ValueError(f"jet: no derivative {n + 1} of `{path}`; a held argument has None for a series")
                check_differentiable(leaf, path, "jet", span, is_complex(leaf), allow_int=False)
                seeds.setdefault(start + j, []).append(ArgumentLeaf(f"{path}_{n + 1}", number))
                number += 1
        start += len(leaves)
    inner = as_value(stage(transformed.function, tuple(primals), {}))
    inner, outs, definition = result_leaves(inner, inner.result)
    parameters = parameters_by_leaf(inner)
    moving = {parameters[leaf]: places for leaf, places in seeds.items()}
    function = differentiate(inner.function, list(moving), order)
    extra = [place for places in moving.values() for place in places]
    first: dict[int, int] = {}
    position = len(inner.function.results)
    for k, operand in enumerate(inner.function.results):
        if operand.type.is_float:
            first[k] = position
            position += order
    higher = [[ResultLeaf(first[o.position] + n) for n in range(order)] if o.position in first else None for o in outs]
    result = (tree.unflatten(definition, outs), tree.unflatten(definition, higher))
    return compact(replace(inner, function=function, parameters=(*inner.parameters, *extra), result=result))


def _order(series: Sequence[Any]) -> int:
    """The common length of the series."""
    lengths = {len(terms) for terms in series if terms is not None}
    if len(lengths) != 1 or lengths == {0}:
        raise ValueError(f"jet takes series of one length (None for a held argument), got lengths {sorted(lengths)}")
    return lengths.pop()


JET = define(Kind("jet", _stage))


def jet(fun: Callable[..., Any], primals: Sequence[Any], series: Sequence[Any]) -> Any:
    """The value of `fun` and its derivatives of orders 1 to K along a curve, in one pass (Taylor mode).

    For a curve h with h(0) = primals and derivatives h', h'', ..., h^(K) at 0, the result is
    `(fun(h), [(fun o h)', ..., (fun o h)^(K)])`, all at 0. These are derivatives, not coefficients: coefficient k of
    the Taylor polynomial is derivative k divided by k!.

    Args:
        primals: the arguments, a tuple or list.
        series: for each argument the list [h', h'', ...] of K derivatives, each in the structure of the argument with
            its shapes and dtypes; None holds the argument.

    Returns (value, derivatives); for a tree of results, the list of derivatives stands at each leaf (None at an
    integer). Costs about K^2 / 2 passes, where nested `jvp` costs 2^K. Loops, branches, writes and recursion are taken
    as everywhere. Raises ValueError for series that do not fit, DTypeError for a series of integers.

    Example: `y, (dy, d2y) = gs.jet(np.sin, (0.3,), ([1.0, 0.0],))` gives sin(0.3), cos(0.3), -sin(0.3).
    """
    derivative, args, _ = _apply_jet(fun, primals, series)
    return derivative(*args)


def _apply_jet(fun: Any, primals: Any, series: Any) -> tuple[Transformed, tuple[Any, ...], dict[str, Any]]:
    """The transformed function and its arguments; the frontend asks for them where `jet` is called in a program."""
    if not isinstance(primals, (tuple, list)) or not isinstance(series, (tuple, list)):
        raise TypeError("jet takes primals and series as tuples or lists")
    if len(primals) != len(series):
        raise ValueError(f"jet got {len(primals)} primals and {len(series)} series")
    for terms in series:
        if terms is not None and not isinstance(terms, (tuple, list)):
            raise TypeError("a series is a list of derivatives, or None for an argument that is held")
    refuse_static(fun, "jet")
    given = tuple(None if terms is None else tuple(terms) for terms in series)
    return transform(JET, fun, {}), (tuple(primals), given), {}


jet.__gradscribe_apply__ = _apply_jet  # type: ignore[attr-defined]


def taylor(fun: Callable[..., Any], x: Any, direction: Any, order: int) -> list[Any]:
    """The coefficients c_0, ..., c_K of the Taylor polynomial of t -> fun(x + t direction) at t = 0.

    `direction` has the structure, shapes and dtypes of `x`. Each coefficient has the structure of the result.

    Example: `gs.taylor(np.exp, 0.0, 1.0, 4)` is [1, 1, 1/2, 1/6, 1/24].
    """
    nothing = tree.map(lambda leaf: leaf * 0, direction)
    value, higher = jet(fun, (x,), ([direction, *[nothing] * (order - 1)],))
    _, structure = tree.flatten(value)
    lists = structure.flatten_up_to(higher, "derivatives")
    return [value] + [
        tree.unflatten(structure, [None if terms is None else terms[k] / math.factorial(k + 1) for terms in lists])
        for k in range(order)
    ]
