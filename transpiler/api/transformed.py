"""A transformed function: what was applied to which callable, and how it is staged, called, pickled and bound.

In: a kind of transformation, a callable (perhaps transformed itself), options. Out: `Transformed`, a callable.
Establishes: transformations nest in any order, because each kind turns the `Staged` of what is inside it into another
`Staged`.
"""

from __future__ import annotations

import functools
import re
import sys
import types
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, runtime_checkable

import numpy as np

from gradscribe.transpiler import tree
from gradscribe.transpiler.api.dispatch import Dispatcher
from gradscribe.transpiler.api.entries import MISS
from gradscribe.transpiler.api.executables import Backend
from gradscribe.transpiler.api.freshness import check_fresh
from gradscribe.transpiler.api.leaves import flatten, static_token
from gradscribe.transpiler.api.specialisation import Specialisation, Written
from gradscribe.transpiler.errors import GradscribeError, Span, reporting
from gradscribe.transpiler.frontend.stage import stage
from gradscribe.transpiler.ir.staged import ArgumentLeaf, Staged, StaticLeaf

Stage = Callable[[Any, Sequence[Any], Mapping[str, Any]], Staged]


@dataclass(frozen=True)
class Kind:
    """A transformation. `stage(transformed, args, kwargs, inner)` makes the staged call, `inner` staging any callable;
    `static(transformed, args, kwargs)` finds arguments that are static: (position or name, value). `writes`: the
    caller sees what the function writes. `finish(transformed, args, kwargs, staged)`: a call from ordinary Python,
    about to be made into a version."""

    name: str
    stage: Callable[[Transformed, tuple[Any, ...], dict[str, Any], Stage], Staged]
    writes: bool = False
    static: Callable[[Transformed, tuple[Any, ...], dict[str, Any]], list[tuple[Any, Any]]] = (
        lambda transformed, args, kwargs: static_arguments(transformed.function, args, kwargs)
    )
    finish: Callable[[Transformed, tuple[Any, ...], dict[str, Any], Staged], Staged] = (
        lambda transformed, args, kwargs, staged: staged
    )


KINDS: dict[str, Kind] = {}


def define(kind: Kind) -> Kind:
    KINDS[kind.name] = kind
    return kind


@runtime_checkable
class StagedByItself(Protocol):
    """An object that says itself what a call of it is (a pullback)."""

    def staged(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Staged: ...


class Transformed:
    """`kind` applied to `function` with `options`; call it with the arguments of the transformation.

    Attributes of the function (name, docstring, signature) are kept, as by `functools.wraps`. `trace_count` says how
    many versions were made so far."""

    __gradscribe_transformed__ = True

    kind: Kind
    function: Callable[..., Any]

    def __init__(self, kind: Kind, function: Callable[..., Any], options: Mapping[str, Any]) -> None:
        if not callable(function):
            raise TypeError(f"{kind.name} takes a function, got {function!r}")
        functools.update_wrapper(self, function)
        self.__dict__.pop(_MADE, None)
        self.kind = kind
        self.function = function
        self.options = dict(options)
        self.dispatcher = Dispatcher(repr(self), self._specialise)

    @property
    def backend(self) -> Backend:
        return self.options.get("backend", "python")

    @property
    def trace_count(self) -> int:
        return self.dispatcher.traces

    def find(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Specialisation, list[Any]]:
        """The version for these arguments, and its flat parameter values."""
        try:
            return self.dispatcher.find(args, kwargs, self.kind.static(self, args, kwargs))
        except GradscribeError as error:
            if error.span is None:
                error.span = definition_span(self.function)
            raise

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        for entry in self.dispatcher.entries:
            found = entry(args, kwargs)
            if found is not MISS:
                return found
        version, values = self.find(args, kwargs)
        return version.call(values, args, kwargs)

    def _specialise(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Specialisation:
        staged, written = stage_in_process(self, args, kwargs)
        with reporting("preparing a version", staged.function.span):
            staged = self.kind.finish(self, args, kwargs, staged)
            seen = (m.parameter for m in staged.mutations)
            written = replace(written, parameters=tuple(dict.fromkeys((*written.parameters, *seen))))
            return Specialisation(staged, written, self.backend, self.kind.writes)

    def __get__(self, owner: Any, owner_type: Any = None) -> Any:
        return self if owner is None else types.MethodType(self, owner)

    def __repr__(self) -> str:
        return f"gradscribe.{self.kind.name}({name_of(self.function)})"

    def __reduce__(self) -> Any:
        # As a decorator, this object stands in the function's place: what pickles is the name, as for any function.
        found: Any = sys.modules.get(getattr(self, "__module__", ""))
        for part in getattr(self, "__qualname__", "?").split("."):
            found = getattr(found, part, None)
        if found is self:
            return self.__qualname__
        return _rebuild, (self.kind.name, self.function, self.options)


def _rebuild(kind: str, function: Callable[..., Any], options: Mapping[str, Any]) -> Transformed:
    return Transformed(KINDS[kind], function, options)


def name_of(function: Any) -> str:
    """What messages call a callable."""
    if isinstance(function, Transformed):
        return repr(function).removeprefix("gradscribe.")
    if isinstance(function, functools.partial):
        return name_of(function.func)
    return getattr(function, "__qualname__", None) or repr(function)


def readable_name(path: str) -> str:
    """A parameter's name for a path: `params['w'][0].b` becomes `params_w_0_b`."""
    name = re.sub(r"\W+", "_", path).strip("_") or "x"
    return f"x_{name}" if name[0].isdigit() else name


def definition_span(function: Any) -> Span | None:
    """The line where the innermost Python function is defined."""
    while isinstance(function, (Transformed, functools.partial, types.MethodType)):
        if isinstance(function, Transformed):
            function = function.function
        else:
            function = function.func if isinstance(function, functools.partial) else function.__func__
    code = getattr(function, "__code__", None)
    if code is None:
        return None
    line = code.co_firstlineno
    return Span(file=code.co_filename, line=line, column=1, end_line=line, end_column=1000, function=code.co_name)


# ---- making ----

_MADE = "__gradscribe_transformations__"


@dataclass
class _Made:
    """Transformations made of one function so far. `owner`: `functools.wraps` copies attributes to other functions."""

    owner: Any
    by_options: dict[Hashable, Transformed]


def transform(kind: Kind, function: Callable[..., Any], options: Mapping[str, Any]) -> Transformed:
    """`Transformed(kind, function, options)`; the same object for the same function and options, so that `gs.grad(f)`
    written in a loop is traced once."""
    made = getattr(function, "__dict__", {}).get(_MADE)
    if made is None or made.owner is not function:
        made = _Made(function, {})
        try:
            setattr(function, _MADE, made)
        except (AttributeError, TypeError):  # a builtin, a bound method
            return Transformed(kind, function, options)
    key = (kind.name, *((name, _option_token(value)) for name, value in sorted(options.items())))
    if key not in made.by_options:
        made.by_options[key] = Transformed(kind, function, options)
    return made.by_options[key]


def _option_token(value: Any) -> Hashable:
    leaves, definition = tree.flatten(value)
    return definition, *map(static_token, leaves)


def decorate(kind: Kind, function: Callable[..., Any] | None, options: Mapping[str, Any]) -> Any:
    """The transformed function; without a function, a decorator."""
    return (
        transform(kind, function, options)
        if function is not None
        else functools.partial(transform, kind, options=options)
    )


def static_arguments(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[tuple[Any, Any]]:
    """The static arguments that a transformed function asks for; the default of kinds that take the function's own
    arguments."""
    return function.kind.static(function, args, kwargs) if isinstance(function, Transformed) else []


def refuse_static(function: Any, what: str) -> None:
    """TypeError if a function inside was declared with static arguments where they cannot be told apart."""
    while isinstance(function, Transformed):
        if function.options.get("static_argnums") or function.options.get("static_argnames"):
            raise TypeError(f"{what} of a function with static arguments: bind them first (functools.partial)")
        function = function.function


# ---- staging ----


def stage_call(target: Any, args: Sequence[Any], kwargs: Mapping[str, Any], plain: Stage) -> Staged:
    """Stage a call of any callable: a transformed one through its kind, another through `plain`."""
    if isinstance(target, Transformed):
        return target.kind.stage(target, tuple(args), dict(kwargs), lambda f, a, k: stage_call(f, a, k, plain))
    if isinstance(target, StagedByItself):
        return target.staged(tuple(args), dict(kwargs))
    return plain(target, args, kwargs)


def stage_inside(target: Any, plain: Stage, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Staged:
    """What the frontend calls when a program calls a transformed function."""
    return stage_call(target, args, kwargs, plain)


def stage_in_process(target: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[Staged, Written]:
    """Stage a call from ordinary Python; also what the function writes, whether or not the caller
    sees it. Parameter leaves count without static arguments."""
    written: dict[int, None] = {}
    containers: list[Any] = []

    def plain(function: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Staged:
        staged = stage(function, tuple(args), dict(kwargs), transform_call=stage_inside)
        for source in staged.sources:
            check_fresh(source, definition_span(source))
        written.update(dict.fromkeys(m.parameter for m in staged.mutations))
        containers.extend(staged.container_mutations)
        for var, parameter in zip(staged.function.params, staged.parameters, strict=True):
            var.hint = readable_name(parameter.path)
        return staged

    args, kwargs = _as_views(args, kwargs, keep_aliases=_writes(target))
    # Every kind keeps the parameters of what is inside it in front and in order, so positions stay true.
    staged = stage_call(target, args, kwargs, plain)
    leaves = flatten((args, kwargs))[0]
    if any(isinstance(leaf, StaticLeaf) for leaf in leaves):
        position: dict[int, int] = {}
        for k, leaf in enumerate(leaves):
            if not isinstance(leaf, StaticLeaf):
                position[k] = len(position)
        moved = tuple(
            replace(p, leaf=position[p.leaf]) if isinstance(p, ArgumentLeaf) else p for p in staged.parameters
        )
        staged = replace(staged, parameters=moved)
    return staged, Written(tuple(written), bool(containers))


def _writes(target: Any) -> bool:
    """A call writes into the caller's arrays: it is a plain function's, under `jit` or not. What a derivative is given
    are values."""
    while isinstance(target, Transformed):
        if not target.kind.writes:
            return False
        target = target.function
    return True


def _as_views(
    args: Sequence[Any], kwargs: Mapping[str, Any], keep_aliases: bool
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments as the frontend sees them: every array a fresh object, so that a captured array that happens to
    be an argument too is not taken for one with it. Repeated arrays stay one object (`keep_aliases`), or become
    separate values."""
    leaves, definition = flatten((tuple(args), dict(kwargs)))
    views: dict[int, np.ndarray] = {}
    seen = []
    for leaf in leaves:
        if isinstance(leaf, np.ndarray):
            leaf = views.setdefault(id(leaf), leaf.view()) if keep_aliases else leaf.view()
        seen.append(leaf)
    rebuilt: tuple[tuple[Any, ...], dict[str, Any]] = tree.unflatten(definition, seen)
    return rebuilt
