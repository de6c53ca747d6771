"""Text made of values: what `print`, `assert` and `raise` say about data.

A `Template` is a tuple of strings and `Field`s; a field formats one operand of the equation that carries the template,
the way an f-string or `%` would. Static and hashable, so it is an ordinary parameter of an equation. Establishes: the
text is what Python makes of the values, because Python's own `format` and `%` make it, whatever backend ran.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradscribe.transpiler.ir.types import ArrayType, Type

_CONVERSIONS: dict[str, Callable[[Any], Any]] = {"": lambda x: x, "s": str, "r": repr, "a": ascii}


@dataclass(frozen=True)
class Field:
    """Operand number `operand` as text: f"{x!conversion:spec}", or `spec % x` if `percent`."""

    operand: int
    conversion: str = ""
    spec: str = ""
    percent: bool = False


Template = tuple[str | Field, ...]
Message = str | Template | Field  # a lone field stands for the value itself


def formatted(value: Any, conversion: str, spec: str, percent: bool) -> str:
    """The text of one value."""
    return spec % (value,) if percent else format(_CONVERSIONS[conversion](value), spec)


def argument(message: Message, values: Sequence[Any]) -> Any:
    """What an exception is made of."""
    return values[message.operand] if isinstance(message, Field) else render(message, values)


def render(template: str | Template, values: Sequence[Any]) -> str:
    """The text of a template, given the values of all operands."""
    if isinstance(template, str):
        return template
    return "".join(
        part if isinstance(part, str) else formatted(values[part.operand], part.conversion, part.spec, part.percent)
        for part in template
    )


def sample_value(type: Type) -> Any:
    """Some value of that type, to ask Python whether a format fits."""
    assert isinstance(type, ArrayType)
    if type.shape:
        return np.ones((2,) * type.rank, type.dtype)
    return type.dtype.type(1).item() if type.weak else type.dtype.type(1)


def shows_kind(message: Message) -> bool:
    """The message tells a Python number from a NumPy one: `repr` is in it, or the value is handed on."""
    if isinstance(message, (str, Field)):
        return isinstance(message, Field)
    fields = [part for part in message if isinstance(part, Field)]
    return any(f.conversion in ("r", "a") or (f.percent and f.spec[-1] in "ra") for f in fields)
