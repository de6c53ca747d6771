"""Texts put together, and as parameters of equations.

In: strings and `Text`s. Out: one of them; a `Template` whose fields are operands of an equation.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from gradscribe.transpiler.frontend.values import Shown, Text
from gradscribe.transpiler.ir.nodes import Operand
from gradscribe.transpiler.primitives.messages import Field, Message


def joined(parts: Iterable[Any]) -> Any:
    """Strings and texts one after the other; a plain string where all are."""
    out: list[str | Shown] = []
    for part in parts:
        for piece in part.parts if isinstance(part, Text) else (part,):
            if isinstance(piece, str) and out and isinstance(out[-1], str):
                out[-1] += piece
            elif piece != "":
                out.append(piece)
    if all(isinstance(piece, str) for piece in out):
        return "".join(piece for piece in out if isinstance(piece, str))
    return Text(tuple(out))


def template_of(text: Any, operands: list[Operand], first: int = 0) -> Message:
    """The text as a parameter of an equation whose further operands are `operands`, which grows (`first`: how many
    operands the equation has before these). An operand stands for itself."""
    if isinstance(text, str):
        return text
    if isinstance(text, Operand):
        operands.append(text)
        return Field(first + len(operands) - 1)
    parts: list[str | Field] = []
    for part in text.parts:
        if isinstance(part, str):
            parts.append(part)
            continue
        known = next((k for k, x in enumerate(operands) if x is part.value), None)
        if known is None:
            known = len(operands)
            operands.append(part.value)
        parts.append(Field(first + known, part.conversion, part.spec, part.percent))
    return tuple(parts)
