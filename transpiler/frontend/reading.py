"""How a captured value is fetched again at each call, an attribute, an item, or a cell of something that lives on, and
how a place that must hold what it held is checked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gradscribe.transpiler import tree


def in_classes(cls: type, name: str, default: Any = None) -> Any:
    """What a class, or one that it inherits from, holds under a name, as it stands there."""
    for base in cls.__mro__:
        if name in base.__dict__:
            return base.__dict__[name]
    return default


class Reading:
    """Calling it fetches the value. Two readings of one place are equal, whatever the value is now.

    Example: `Reading(module, "attribute", "rate")()` is `module.rate`.
    """

    __slots__ = ("key", "kind", "owner")

    def __init__(self, owner: Any, kind: str, key: Any = None) -> None:
        self.owner = owner  # kept alive, so that its id stays its own
        self.kind = kind
        self.key = key

    def __call__(self) -> Any:
        if self.kind == "attribute":
            return getattr(self.owner, self.key)
        if self.kind == "item":
            return self.owner[self.key]
        if self.kind == "part":  # of what another reading fetches
            return self.owner()[self.key]
        if self.kind == "cell":
            return self.owner.cell_contents
        if self.kind == "declared":  # by a class: a static or class method as it stands there
            return in_classes(self.owner, self.key)
        if self.kind == "has":  # an object or class by itself
            return self.key in self.owner.__dict__
        if self.kind == "inherits":  # a class, or one that it inherits from
            return any(self.key in base.__dict__ for base in self.owner.__mro__)
        return self.owner

    def _place(self) -> tuple[Any, ...]:
        owner = self.owner._place() if isinstance(self.owner, Reading) else id(self.owner)
        return self.kind, owner, type(self.key), self.key

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Reading) and self._place() == other._place()

    def __hash__(self) -> int:
        return hash(self._place())


@dataclass(frozen=True, eq=False)
class StillHolds:
    """Whether a place holds what it held: the very object, or, with `by_value`, an exactly equal number or string."""

    read: Callable[[], Any]
    value: Any
    by_value: bool

    def __call__(self) -> bool:
        now = self.read()
        return tree.exactly_equal(now, self.value) if self.by_value else now is self.value
