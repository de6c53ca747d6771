"""Pieces from which the kinds are made: a staged call as a value, its leaves, results chosen from it.

In: `Staged`. Out: `Staged` and facts about it. Establishes: a program treated as a value has no visible writes, and
its result tree refers to flat results and static objects only.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from gradscribe.transpiler import tree
from gradscribe.transpiler.api.leaves import describe, flatten, is_marker, type_of
from gradscribe.transpiler.errors import DTypeError, Span
from gradscribe.transpiler.ir.nodes import Function, Literal, Operand, Region
from gradscribe.transpiler.ir.staged import ArgumentIdentity, ArgumentLeaf, CaptureLeaf, ResultLeaf, Staged, StaticLeaf
from gradscribe.transpiler.ir.types import ArrayType
from gradscribe.transpiler.passes.dead_code import drop_dead_code


def with_results(function: Function, results: Sequence[Operand], hints: Sequence[str] = (), name: str = "") -> Function:
    """The same program with other results (values of its top level)."""
    region = Region(function.region.params, function.region.eqns, tuple(results))
    return replace(function, name=name or function.name, region=region, result_hints=tuple(hints))


def hints_of(function: Function) -> tuple[str, ...]:
    return function.result_hints or ("",) * len(function.results)


def choose_results(function: Function, positions: Sequence[int]) -> Function:
    """The program that returns only the results at `positions`; what only the others needed is dropped."""
    hints = hints_of(function)
    return drop_dead_code(
        with_results(function, [function.results[k] for k in positions], [hints[k] for k in positions])
    )


def as_value(staged: Staged) -> Staged:
    """The call as a function of values: writes are dropped, returned arguments are results of their own."""
    function = staged.function
    results, hints = list(function.results), list(hints_of(function))
    places, definition = flatten(staged.result)
    leaves: list[Any] = []
    for place in places:
        if isinstance(place, ArgumentIdentity):
            position = place.position
            if position is None:
                position = len(results)
                results.append(function.params[place.parameter])
                hints.append(function.params[place.parameter].hint)
            place = ResultLeaf(position)
        leaves.append(place)
    if len(results) > len(function.results):
        function = with_results(function, results, hints)
    return replace(
        staged, function=function, result=tree.unflatten(definition, leaves), mutations=(), container_mutations=()
    )


def compact(staged: Staged) -> Staged:
    """The same call without flat results that its result tree does not mention."""
    places, definition = flatten(staged.result)
    used = list(dict.fromkeys(p.position for p in places if isinstance(p, ResultLeaf)))
    new = {old: k for k, old in enumerate(used)}
    moved = [ResultLeaf(new[p.position]) if isinstance(p, ResultLeaf) else p for p in places]
    return replace(staged, function=choose_results(staged.function, used), result=tree.unflatten(definition, moved))


def result_leaves(staged: Staged, template: Any) -> tuple[Staged, list[ResultLeaf], tree.TreeDef]:
    """The flat results a template refers to, static numbers made results; for transformations that need values."""
    results, hints = list(staged.function.results), list(hints_of(staged.function))
    places, definition = flatten(template)
    leaves: list[ResultLeaf] = []
    for place in places:
        if isinstance(place, StaticLeaf):
            if not isinstance(place.value, (bool, int, float, complex, np.generic)):
                raise DTypeError(
                    staged.function.span, f"a result is {place.value!r}, which is neither a number nor an array"
                )
            leaves.append(ResultLeaf(len(results)))
            results.append(Literal(place.value))
            hints.append("")
        else:
            leaves.append(place)
    if len(results) > len(staged.function.results):
        staged = replace(staged, function=with_results(staged.function, results, hints))
    return staged, leaves, definition


def distinct(staged: Staged, outs: Sequence[ResultLeaf]) -> tuple[Staged, list[ResultLeaf]]:
    """A flat result of its own for every leaf: a value returned twice takes two cotangents."""
    results, hints = list(staged.function.results), list(hints_of(staged.function))
    seen: set[int] = set()
    places = []
    for out in outs:
        if out.position in seen:
            results.append(results[out.position])
            hints.append(hints[out.position])
            out = ResultLeaf(len(results) - 1)
        seen.add(out.position)
        places.append(out)
    if len(results) > len(staged.function.results):
        staged = replace(staged, function=with_results(staged.function, results, hints))
    return staged, places


def split_aux(staged: Staged, what: str, has_aux: bool) -> tuple[Any, Any]:
    """(result template, auxiliary template or None)."""
    if not has_aux:
        return staged.result, None
    if not isinstance(staged.result, tuple) or len(staged.result) != 2:
        raise DTypeError(
            staged.function.span, f"with has_aux, the function given to {what} must return a pair (value, auxiliary)"
        )
    return staged.result


# ---- arguments ----


def argument_leaves(args: Sequence[Any]) -> list[tuple[list[Any], range, tree.TreeDef]]:
    """For each positional argument: its leaves, their numbers in the call, its structure."""
    found, start = [], 0
    for arg in args:
        leaves, definition = flatten(arg)
        found.append((leaves, range(start, start + len(leaves)), definition))
        start += len(leaves)
    return found


def parameters_by_leaf(staged: Staged) -> dict[int, int]:
    """Leaf number -> flat parameter."""
    return {p.leaf: k for k, p in enumerate(staged.parameters) if isinstance(p, ArgumentLeaf)}


def chosen_arguments(argnums: int | Sequence[int], count: int, what: str) -> tuple[int, ...]:
    """`argnums` as a tuple of nonnegative positions; ValueError when one is out of range."""
    many = argnums if isinstance(argnums, (tuple, list)) else (argnums,)
    out = []
    for number in many:
        k = operator.index(number)
        if not -count <= k < count:
            raise ValueError(f"{what}: argnums={argnums} but the call has {count} positional arguments")
        out.append(k % count)
    return tuple(out)


def check_differentiable(
    leaf: Any, path: str, what: str, span: Span | None, holomorphic: bool, allow_int: bool
) -> bool:
    """Whether a gradient belongs to the leaf; DTypeError if it may have none. Forward mode takes complex inputs of
    holomorphic functions only, reverse mode also those of real-valued functions."""
    type = type_of(leaf)
    kind = type.dtype.kind if type is not None else "O"
    if kind == "c" and not holomorphic and what == "jacfwd":
        raise DTypeError(
            span,
            f"{what} with respect to `{path}`, which is complex",
            "Say holomorphic=True for a holomorphic function, or pass real and imaginary parts.",
        )
    if holomorphic and kind != "c":
        raise DTypeError(span, f"{what} with holomorphic=True needs complex inputs; `{path}` is {describe(leaf)}")
    if kind in "fc":
        return True
    if allow_int:
        return False
    raise DTypeError(
        span,
        f"{what} requires real-valued inputs (floating dtype), but `{path}` is {describe(leaf)}",
        "Pass a float (`3.0`, `x.astype(float)`), leave the argument out of argnums, or say allow_int=True.",
    )


def check_result_kind(what: str, name: str, type: ArrayType, holomorphic: bool, span: Span | None) -> None:
    """DTypeError for a result that is not real floating; with `holomorphic`, for one that is not complex."""
    kind = type.dtype.kind
    if kind == ("c" if holomorphic else "f"):
        return
    needed = "complex results with holomorphic=True" if holomorphic else "real-valued results (floating dtype)"
    hint = "Say holomorphic=True for a holomorphic function, return a real number, or use vjp." if kind == "c" else ""
    raise DTypeError(span, f"{what} requires {needed}, but `{name}` returns {describe(type)}", hint)


def tangent_leaves(primals: Sequence[Any], definition: tree.TreeDef, given: Any, what: str) -> list[Any]:
    """For each primal leaf the tangent given for it (None for none); ValueError or DTypeError if they do not fit."""
    parts = definition.flatten_up_to(given, what)
    paths = definition.paths(what)
    for primal, part, path in zip(primals, parts, paths, strict=True):
        if part is not None and not is_marker(part) and tree.kind_of(type(part)) is not None:
            raise ValueError(f"`{path}` is a {type(part).__name__}, but its primal is {describe(primal)}")
        if part is not None:
            check_tangent(primal, part, path)
    return parts


def check_tangent(primal: Any, given: Any, path: str) -> None:
    """A tangent or cotangent has the dtype of its primal and its shape (where both are known)."""
    want, found = type_of(primal), type_of(given)
    if want is None or found is None:
        raise DTypeError(None, f"`{path}` is {describe(given)} where a tangent of {describe(primal)} is needed")
    same = want.dtype == found.dtype or (found.weak and want.dtype.kind in "fc" and found.dtype.kind in "biuf")
    if not same:
        raise DTypeError(
            None,
            f"`{path}` is {describe(given)}, but its primal is {describe(primal)}",
            "A tangent or cotangent has the dtype of its primal; pass None for zero.",
        )
    sizes = [(a.constant, b.constant) for a, b in zip(want.shape, found.shape)]
    if want.rank != found.rank or any(a != b for a, b in sizes if a is not None and b is not None):
        raise ValueError(f"`{path}` is {describe(given)}, but its primal is {describe(primal)}: the shapes must agree")


def counted_leaves(parts: Sequence[Any], start: int) -> tuple[list[int | None], int]:
    """Numbers of leaves for subtrees that are a leaf or None, counted from `start`; and the next number."""
    numbers: list[int | None] = []
    for part in parts:
        numbers.append(None if part is None else start)
        start += part is not None
    return numbers, start


def shifted(parameters: Sequence[ArgumentLeaf | CaptureLeaf], by: int) -> tuple[ArgumentLeaf | CaptureLeaf, ...]:
    return tuple(replace(p, leaf=p.leaf + by) if isinstance(p, ArgumentLeaf) else p for p in parameters)


def no_keywords(kwargs: Mapping[str, Any], what: str) -> None:
    if kwargs:
        raise TypeError(f"{what} takes no keyword arguments, got {', '.join(kwargs)}")
