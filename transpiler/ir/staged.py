"""A staged call: what the frontend makes of a Python callable and (abstract) arguments, and what transformations hand
on.

In: a callable and argument pytrees. Out: `Staged`, a flat `Function` together with how its parameters are found in a
call and how
its results become the Python return value and the caller-visible mutations.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from gradscribe.transpiler.ir.nodes import Function, Operand


@dataclass(frozen=True)
class ArgumentLeaf:
    """A parameter that is a leaf of the call's arguments: `leaf` counts leaves of the flattened ((args), {kwargs})."""

    path: str
    leaf: int


@dataclass(frozen=True)
class CaptureLeaf:
    """A parameter that the function captures (closure cell, global, attribute): `read` fetches its value at each call.

    When an inner function is staged inside another one, `operand` is the value of the enclosing program instead."""

    path: str
    read: Callable[[], Any] | None = field(default=None, compare=False)
    operand: Operand | None = field(default=None, compare=False)


@dataclass(frozen=True)
class ResultLeaf:
    """Stands in the result tree for flat result number `position`."""

    position: int


@dataclass(frozen=True)
class ArgumentIdentity:
    """Stands in the result tree for a whole argument returned as it is: flat parameter number `parameter`."""

    parameter: int
    position: int | None = None  # flat result that holds its value, for transformations that treat inputs as values


@dataclass(frozen=True)
class StaticLeaf:
    """Stands in the result tree for a Python object that does not depend on data."""

    value: Any


@dataclass(frozen=True)
class Mutation:
    """A caller-visible write: the array of flat parameter `parameter` ends up as flat result `position`."""

    parameter: int
    position: int


@dataclass(frozen=True)
class ContainerMutation:
    """A caller-visible rebinding inside an argument container: `path` for messages; `store(args, kwargs, value)`
    performs
    it with the value built from `template` (a tree of result leaves)."""

    path: str
    store: Callable[[Any, Any, Any], None] = field(compare=False)
    template: Any = None


@dataclass(frozen=True)
class Staged:
    """`function` is flat; `parameters[k]` says where its k-th parameter comes from; `result` is a pytree over
    ResultLeaf / ArgumentIdentity / StaticLeaf."""

    function: Function
    parameters: tuple[ArgumentLeaf | CaptureLeaf, ...]
    result: Any
    mutations: tuple[Mutation, ...] = ()
    container_mutations: tuple[ContainerMutation, ...] = ()
    static_checks: tuple[Callable[[], bool], ...] = ()  # captured static values are still what they were
    statics: tuple[tuple[str, str], ...] = ()  # strings, truth values and such that the program relies on: path, text
    sources: tuple[Any, ...] = ()  # every Python function whose text was staged (for cache keys)
    quiet: tuple[str, ...] = ()  # floating-point warnings that the program turns off (`np.errstate`)
