"""`jit`: the function itself, compiled; what it writes is written.

In: a function. Out: a function that behaves as Python does, arguments written in place included, and runs as native
code.
"""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from gradscribe.transpiler import tree
from gradscribe.transpiler.api.donation import with_donations
from gradscribe.transpiler.api.executables import BACKENDS, Backend
from gradscribe.transpiler.api.leaves import flatten, is_marker
from gradscribe.transpiler.api.transformed import Kind, Stage, Transformed, decorate, define, static_arguments
from gradscribe.transpiler.errors import DTypeError
from gradscribe.transpiler.ir.builder import current_span
from gradscribe.transpiler.ir.nodes import Literal, Operand
from gradscribe.transpiler.ir.staged import ArgumentLeaf, Staged, StaticLeaf


def static_of_options(transformed: Transformed, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[tuple[Any, Any]]:
    options = transformed.options
    numbers, names = options["static_argnums"], options["static_argnames"]
    found = static_arguments(transformed.function, args, kwargs)
    if not numbers and not names:
        return found
    positional = positional_names(transformed)
    known = [where for where, _ in found]
    count = len(args)
    wanted = [k % count if -count <= k < count else k for k in numbers]
    for k, value in enumerate(args):
        if k not in known and (k in wanted or (k < len(positional) and positional[k] in names)):
            found.append((k, value))
    for name, value in kwargs.items():
        by_number = name in positional and positional.index(name) in wanted
        if name not in known and (name in names or by_number):
            found.append((name, value))
    for where, value in found:
        try:
            hash(value)
        except TypeError:
            raise ValueError(f"static argument {where!r} of {transformed!r} is not hashable: {value!r}") from None
    return found


def positional_names(transformed: Transformed) -> list[str]:
    """Names of the positional parameters, as far as they are known."""
    try:
        parameters = inspect.signature(transformed.function).parameters.values()
    except (TypeError, ValueError):
        return []
    return [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]


def stage_with_static(transformed: Transformed, args: tuple[Any, ...], kwargs: dict[str, Any], stage: Stage) -> Staged:
    static = dict(static_of_options(transformed, args, kwargs))
    if not static:
        return stage(transformed.function, args, kwargs)
    wrapped = tuple(_wrapped(static[k]) if k in static else value for k, value in enumerate(args))
    named = {name: _wrapped(static[name]) if name in static else value for name, value in kwargs.items()}
    staged = stage(transformed.function, wrapped, named)
    # Leaves inside a static argument are one leaf once it is wrapped: count them as the caller does.
    inner = flatten((wrapped, named))[0]
    outer, outer_definition = flatten((args, kwargs))
    if len(inner) == len(outer):
        return staged
    at = _positions(args, kwargs, static)
    assert outer_definition.leaf_count >= len(inner)
    return replace(
        staged,
        parameters=tuple(replace(p, leaf=at[p.leaf]) if isinstance(p, ArgumentLeaf) else p for p in staged.parameters),
    )


def _wrapped(value: Any) -> StaticLeaf:
    """A static argument; inside a staged program constants arrive as literals and other leaves as data."""
    if isinstance(value, StaticLeaf):
        return value

    def constant(leaf: Any) -> Any:
        if isinstance(leaf, Literal):
            return leaf.value
        if isinstance(leaf, StaticLeaf):
            return leaf.value
        if isinstance(leaf, Operand):
            raise DTypeError(current_span(), "a static argument depends on data here", "Pass a constant.")
        return leaf

    return StaticLeaf(tree.map(constant, value, is_leaf=is_marker))


def _positions(args: tuple[Any, ...], kwargs: dict[str, Any], static: dict[Any, Any]) -> list[int]:
    """For each leaf of the wrapped call, its number in the call as it came."""
    numbers, start = [], 0
    ordered = [*enumerate(args), *sorted(kwargs.items())]
    for where, value in ordered:
        count = len(flatten(value)[0])
        numbers += [start] if where in static else list(range(start, start + count))
        start += count
    return numbers


def take_donated(transformed: Transformed, args: tuple[Any, ...], kwargs: dict[str, Any], staged: Staged) -> Staged:
    """Results of native code in the memory of the arguments that `transformed` may overwrite."""
    numbers, names = transformed.options["donate_argnums"], transformed.options["donate_argnames"]
    if not (numbers or names) or transformed.backend != "native":
        return staged
    positional = positional_names(transformed)
    wanted = [k % len(args) if -len(args) <= k < len(args) else k for k in numbers]
    chosen = {positional[k] for k in wanted if k < len(positional)} | set(names)
    given = [
        *((value, k in wanted or (k < len(positional) and positional[k] in chosen)) for k, value in enumerate(args)),
        *((value, name in chosen) for name, value in sorted(kwargs.items())),
    ]
    leaves = [(x, donated) for value, donated in given for x in flatten(value)[0] if not isinstance(x, StaticLeaf)]
    counts = Counter(id(x) for x, _ in leaves)
    donated = [k for k, (x, donated) in enumerate(leaves) if donated and counts[id(x)] == 1]
    return with_donations(
        staged,
        [k for k, p in enumerate(staged.parameters) if isinstance(p, ArgumentLeaf) and p.leaf in donated],
    )


JIT = define(Kind("jit", stage_with_static, writes=True, static=static_of_options, finish=take_donated))


def jit(
    fun: Callable[..., Any] | None = None,
    *,
    static_argnums: int | Sequence[int] = (),
    static_argnames: str | Sequence[str] = (),
    donate_argnums: int | Sequence[int] = (),
    donate_argnames: str | Sequence[str] = (),
    backend: Backend = "native",
) -> Any:
    """The function, compiled to native code at its first call for each combination of structures, dtypes and ranks.

    Python's semantics are kept: arrays, dicts, lists and objects that the function writes are written; an argument
    returned whole is the caller's object. One version serves all sizes of at least 2.

    Args:
        static_argnums, static_argnames: arguments whose values are compiled in; they must be hashable.
        donate_argnums, donate_argnames: arguments that the caller does not read again: what is in their arrays after
            the call is undefined. Native code writes a result of the same dtype and shape into such an array, where
            that saves one, and returns it. It must be writable then, and share no memory with other arguments.
        backend: "native", or "python" to run the generated NumPy source (for a debugger).

    Raises what Python would, and AliasError for written arguments that overlap others.

    Example: `step = gs.jit(gs.value_and_grad(loss))`
    """
    if backend not in BACKENDS:
        raise ValueError(f"backend is one of {', '.join(BACKENDS)}, not {backend!r}")
    numbers = (static_argnums,) if isinstance(static_argnums, int) else tuple(static_argnums)
    names = _texts(static_argnames)
    donated = (donate_argnums,) if isinstance(donate_argnums, int) else tuple(donate_argnums)
    if not all(isinstance(k, int) for k in donated):
        raise TypeError(f"donate_argnums are integers, not {donate_argnums!r}")
    both = [*(set(donated) & set(numbers)), *(set(_texts(donate_argnames)) & set(names))]
    if both:
        raise ValueError(f"argument {both[0]!r} is static and donated")
    options = {"static_argnums": numbers, "static_argnames": names, "backend": backend}
    return decorate(JIT, fun, options | {"donate_argnums": donated, "donate_argnames": _texts(donate_argnames)})


def _texts(names: str | Sequence[str]) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(names)
