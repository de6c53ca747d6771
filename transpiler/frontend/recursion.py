"""Which functions are called by name: those whose recursion data decides.

In: every call of a user's function. Out: its result, from the body in line or from a `call`. A function is interpreted
in line first. Where it calls itself and static values alone do not decide how often, staging starts again with that
function called by name. Short recursion over static values (a counter that is written down, a nested list) stays in
line, and so does recursion over sizes and Python ints that cannot be called by name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gradscribe.transpiler.errors import GradscribeError
from gradscribe.transpiler.frontend.joins import same_value
from gradscribe.transpiler.frontend.python_calls import PythonCalls
from gradscribe.transpiler.frontend.signatures import is_data_leaf
from gradscribe.transpiler.frontend.values import Array, Closure, Dict, List, NeedStatic, Object
from gradscribe.transpiler.ir.dims import Dim

Place = tuple[str, int, int]  # of a definition
IN_LINE = "in line"
BY_NAME = "by name"
_MANY = 64  # calls inside, over static numbers, after which those count as data


@dataclass(frozen=True)
class Mode:
    """How the calls of one function are taken. `retreat`: in line instead, should calling it by name be refused."""

    kind: str
    retreat: bool = False


class ChangeMode(BaseException):
    """Stage again with this function called in another way."""

    def __init__(self, place: Place, mode: Mode) -> None:
        super().__init__()
        self.place, self.mode = place, mode


@dataclass(frozen=True, eq=False)
class Activation:
    """A call in line that has not returned."""

    place: Place
    closure: Closure
    slots: dict[str, Any]
    regions: int  # data-dependent regions open at the call


class Recursion(PythonCalls):
    """Calls of user functions."""

    def __init__(self, static: frozenset[Any], modes: dict[Place, Mode]) -> None:
        super().__init__(static)
        self.modes = modes
        self.activations: list[Activation] = []
        self.recursions: dict[Place, int] = {}  # over static numbers, so far

    def call_closure(self, closure: Closure, args: list[Any], kwargs: dict[str, Any]) -> Any:
        slots = self.bound_arguments(closure, args, kwargs)
        place = _place(closure)
        mode = self.modes.get(place)
        if mode is None:
            self._look_for_recursion(place, closure, slots)
        elif mode.kind == BY_NAME:
            return self._by_name(place, mode, closure, slots)
        return self.call_in_line(closure, slots)

    def call_in_line(self, closure: Closure, slots: dict[str, Any]) -> Any:
        self.activations.append(Activation(_place(closure), closure, dict(slots), len(self.births)))
        try:
            return self.run_closure(closure, slots)
        finally:
            self.activations.pop()

    def _by_name(self, place: Place, mode: Mode, closure: Closure, slots: dict[str, Any]) -> Any:
        outermost = not any(_place(s.closure) == place for s in self.specialisations)
        try:
            return self.call_by_name(closure, slots)
        except NeedStatic as need:
            entry = any(a in self.places for a in self.solver.origins(list(need.atoms)))
            if mode.retreat and outermost and not entry:
                raise ChangeMode(place, Mode(IN_LINE)) from None
            raise
        except GradscribeError:
            if mode.retreat and outermost:
                raise ChangeMode(place, Mode(IN_LINE)) from None
            raise

    def _look_for_recursion(self, place: Place, closure: Closure, slots: dict[str, Any]) -> None:
        """Does the function call itself here as often as data says?"""
        for outer in reversed(self.activations):
            if outer.place != place or outer.closure.frame is not closure.frame:
                continue
            if outer.closure.function is not closure.function:  # of one text, but with other things captured
                continue
            differences = {_difference(self, outer.slots.get(k), v) for k, v in slots.items()}
            if "kind" in differences:
                continue
            if len(self.births) > outer.regions:
                raise ChangeMode(place, Mode(BY_NAME, retreat="number" in differences))
            self.recursions[place] = self.recursions.get(place, 0) + ("number" in differences)
            if "size" in differences or self.recursions[place] > _MANY:
                raise ChangeMode(place, Mode(BY_NAME, retreat=True))
            return


def _place(closure: Closure) -> Place:
    return (closure.file.name, closure.node.lineno, closure.node.col_offset)


def _difference(recursion: Recursion, before: Any, now: Any) -> str:
    """How an argument of a call inside differs: "" (not, or in data), "size", "number" (static), "kind"."""
    if isinstance(before, (tuple, List, Dict, Object)) and type(before) is type(now):
        first, second = _parts(before), _parts(now)
        if len(first) != len(second):
            return "kind"
        found = {_difference(recursion, a, b) for a, b in zip(first, second, strict=True)}
        return next((d for d in ("kind", "size", "number") if d in found), "")
    if isinstance(before, Array) and isinstance(now, Array):
        if before.rank != now.rank or before.dtype != now.dtype:
            return "kind"
        pairs = [(a, b) for a, b in zip(before.shape, now.shape, strict=True) if not recursion.solver.equal(a, b)]
        constant = all(a.constant is not None and b.constant is not None for a, b in pairs)
        return "" if not pairs else "number" if constant else "size"
    if is_data_leaf(before) and is_data_leaf(now):
        sizes = isinstance(before, Dim) and isinstance(now, Dim) and not recursion.solver.equal(before, now)
        return "size" if sizes else ""
    if isinstance(before, (Dim, int, float, complex)) and isinstance(now, (Dim, int, float, complex)):
        return "" if same_value(recursion, before, now) else "number"
    return "" if same_value(recursion, before, now) or is_data_leaf(now) else "kind"


def _parts(value: Any) -> list[Any]:
    return list(value) if isinstance(value, tuple) else list(value.slots.values())
