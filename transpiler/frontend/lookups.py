"""What a version relies on outside: captured values that are static, and what classes say.

In: a value and how it is read again, or a class and a name. Out: a check, which each call makes before the version may
run. Establishes: a method, property or rule that was replaced, an attribute set in front of one, an entry added to a
captured container, are seen.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Callable
from typing import Any

import numpy as np

from gradscribe.transpiler.frontend.containers import Containers
from gradscribe.transpiler.frontend.reading import Reading, StillHolds, in_classes
from gradscribe.transpiler.frontend.values import Object


class Lookups(Containers):
    """Checks that what was looked up is still there."""

    def __init__(self) -> None:
        super().__init__()
        self.static_checks: list[Callable[[], bool]] = []
        self.checked: dict[Callable[[], Any], None] = {}
        self.instances: dict[int, Any] = {}  # id of an Object -> the captured object that it stands for

    def check_static(self, value: Any, read: Callable[[], Any] | None) -> None:
        """At each call, the place has to hold what it held: an equal number or string, the very object otherwise, with
        as many parts. One check for each place."""
        if read is None or read in self.checked:
            return
        self.checked[read] = None
        if isinstance(value, (str, bytes, bool, int, type(None), np.generic)):
            self.static_checks.append(StillHolds(read, value, by_value=True))
        elif isinstance(value, tuple):  # its parts are looked at one by one
            self.static_checks.append(lambda: type(read()) is type(value) and len(read()) == len(value))
        elif isinstance(value, (list, dict, set)):
            keys = len(value) if isinstance(value, list) else tuple(value)
            self.static_checks.append(
                lambda: read() is value and (len(value) if isinstance(value, list) else tuple(value)) == keys
            )
        elif isinstance(value, (types.MethodType, types.BuiltinMethodType)):  # made anew at each reading
            self.static_checks.append(lambda: bool(read() == value))
        else:
            self.static_checks.append(StillHolds(read, value, by_value=False))

    def class_attribute(self, owner: Object | type, name: str, default: Any = None) -> Any:
        """What the class of an object, or a class, holds under a name, as it stands there. Each call checks that
        methods and properties are still these, and that a captured object has nothing in front; values are read."""
        cls = owner if isinstance(owner, type) else owner.cls
        found = in_classes(cls, name, default)
        instance = self.instances.get(id(owner))
        if hasattr(instance, "__dict__") and not isinstance(found, property):
            self.holds(instance, name)
        if isinstance(found, (types.FunctionType, property, functools.cached_property)):
            self.check_static(found, Reading(cls, "attribute", name))
        elif hasattr(found, "__get__"):
            self.check_static(found, Reading(cls, "declared", name))
        elif found is default:
            self.inherits(cls, name)
        return found

    def inherits(self, cls: type, name: str) -> bool:
        """Whether a class, or one that it inherits from, holds a name."""
        return self._checked_answer(Reading(cls, "inherits", name))

    def holds(self, owner: Any, name: str) -> bool:
        """Whether an object or class itself holds a name."""
        return self._checked_answer(Reading(owner, "has", name))

    def _checked_answer(self, question: Reading) -> bool:
        answer = bool(question())
        self.check_static(answer, question)
        return answer
