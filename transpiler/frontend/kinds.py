"""Values that meet, sorted by kind: None, numbers, arrays of one rank and dtype, tuples of one length, and so on.

In: a value for each world that meets, `Choice`s among them. Out: groups, each of what can be joined to one value, and
for each world the number of the group that its value belongs to. Establishes: None comes first, and the order of groups
depends only on the order of worlds and options, so that a loop finds the same groups in every pass.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from gradscribe.transpiler.frontend.promotion import join_numbers
from gradscribe.transpiler.frontend.values import (
    MISSING,
    Array,
    Choice,
    Container,
    External,
    Flat,
    Generator,
    Poison,
    Text,
    is_number,
    number_type,
)
from gradscribe.transpiler.ir.nodes import Literal, Operand
from gradscribe.transpiler.primitives.primitive import PRIMITIVES

MOST_OPTIONS = 8
Same = Callable[[Any, Any], bool]
Apart = Callable[[Array, Array], bool]


@dataclass(frozen=True)
class Recoded:
    """Which option it is, where a world counts its options otherwise: `places[k]` is the new number of its k-th."""

    which: Operand
    places: tuple[int, ...]
    count: int

    def operand(self) -> Operand:
        if self.places == tuple(range(self.count)):
            return self.which
        if self.count == 2:  # it had two options too
            return PRIMITIVES["logical_not"](self.which)
        if len(self.places) == 2:
            first, second = self.places
            return PRIMITIVES["select"](self.which, second, first)
        made: Any = self.places[-1]
        for k, place in reversed(list(enumerate(self.places[:-1]))):
            made = PRIMITIVES["select"](PRIMITIVES["equal"](self.which, k), place, made)
        return Literal(made) if isinstance(made, int) else made


def by_kind(values: Sequence[Any], loop: bool, same: Same, apart: Apart) -> tuple[list[list[Any]], tuple[Any, ...]]:
    """The groups, each with a value or MISSING for each world; and the number of the group, for each world."""
    groups: list[list[Any]] = []
    codes: list[Any] = []

    def place(world: int, option: Any) -> int:
        for k, group in enumerate(groups):
            known = [v for v in group if v is not MISSING]
            if group[world] is MISSING and all(_of_one_kind(v, option, loop, same, apart) for v in known):
                group[world] = option
                return k
        groups.append([option if w == world else MISSING for w in range(len(values))])
        return len(groups) - 1

    for w, value in enumerate(values):
        options = value.options if isinstance(value, Choice) else () if value is MISSING else (value,)
        places = tuple(place(w, option) for option in options)
        codes.append((value.which, places) if isinstance(value, Choice) else places[0] if places else 0)
    absent = next((k for k, group in enumerate(groups) if any(v is None for v in group)), 0)
    order = [absent, *(k for k in range(len(groups)) if k != absent)]
    return [groups[k] for k in order], tuple(_recoded(code, order) for code in codes)


def _of_one_kind(a: Any, b: Any, loop: bool, same: Same, apart: Apart) -> bool:
    if is_number(a) and is_number(b):
        kinds = {number_type(v).dtype.kind == "b" for v in (a, b)}
        return len(kinds) == 1 and not isinstance(join_numbers([a, b], loop), Poison)
    if isinstance(a, Array) and isinstance(b, Array):
        return (a.dtype, a.rank) == (b.dtype, b.rank) and not apart(a, b)
    if isinstance(a, tuple) and isinstance(b, tuple):
        return (type(a), len(a)) == (type(b), len(b))
    if isinstance(a, Container) and isinstance(b, Container):
        return type(a) is type(b) and getattr(a, "cls", None) is getattr(b, "cls", None)
    return same(a, b)


def _recoded(code: Any, order: list[int]) -> Any:
    """Which option it is, once the groups are in order."""
    if isinstance(code, tuple):
        which, places = code
        return Recoded(which, tuple(order.index(k) for k in places), len(order))
    return bool(order.index(code)) if len(order) == 2 else order.index(code)


def same_code(a: Any, b: Any) -> bool:
    """Do two say the same?"""
    return a is b or (type(a) is type(b) and isinstance(a, (bool, int, Recoded)) and a == b)


def arrays_alike(values: Sequence[Any]) -> bool:
    """Are these arrays of one dtype and rank? Then they are a choice only because the caller sees one of them."""
    return all(isinstance(v, Array) for v in values) and len({(v.dtype, v.rank) for v in values}) == 1


def may_be_option(value: Any) -> bool:
    """Has the value no state of its own outside the store's arrays and containers?"""
    if isinstance(value, Choice):
        return all(map(may_be_option, value.options))
    return not isinstance(value, (External, Flat, Generator, Text, Poison))
