"""Functions that a program calls by name: those that call themselves, and those whose calls are checkpoints.

A `Callee` is an identity: equations name it before its `function` is known, because its own body calls it. Establishes:
once the program that mentions it is complete, so is `function`, which reads nothing of the program around it. Programs
derived from it (its tangent, its adjoint) are kept with it, under what they were derived for, so that a recursive call
inside a derived function finds the function that is being derived.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from gradscribe.transpiler.ir.nodes import Eqn, Function, Region
from gradscribe.transpiler.ir.walk import inner_eqns

Policy = Callable[[Eqn], bool]


class Callee:
    """One function with a name, perhaps not complete yet. `saves` says which of its equations may have their results
    saved for the adjoint of a call; the rest is computed again (None: all of it)."""

    __slots__ = ("_function", "derived", "name", "saves")

    def __init__(self, name: str, function: Function | None = None, saves: Policy | None = None) -> None:
        self.name = name
        self._function = function
        self.saves = saves
        self.derived: dict[Any, Any] = {}

    @property
    def complete(self) -> bool:
        return self._function is not None

    @property
    def function(self) -> Function:
        assert self._function is not None, f"{self.name} is not complete"
        return self._function

    @function.setter
    def function(self, function: Function) -> None:
        self._function = function

    @property
    def recursive(self) -> bool:
        """Calls itself, perhaps through others; so does one that is not complete yet."""
        return not self.complete or self in reached_callees(self.function.region)

    def __repr__(self) -> str:
        return self.name


def callees_in(region: Region) -> Iterator[Callee]:
    """The callees that a region names itself; may repeat."""
    for eqn in inner_eqns(region):
        callee = eqn.params.get("callee")
        if callee is not None:
            yield callee


def reached_callees(region: Region) -> list[Callee]:
    """Every complete callee that a region reaches, in order of first mention, callers before what they call."""
    found: dict[Callee, None] = {}
    waiting = list(callees_in(region))
    while waiting:
        callee = waiting.pop(0)
        if callee not in found and callee.complete:
            found[callee] = None
            waiting += callees_in(callee.function.region)
    return list(found)
