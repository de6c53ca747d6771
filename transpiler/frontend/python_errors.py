"""Exceptions of the program that staging meets, as the exceptions of Python that they stand for."""

from __future__ import annotations

import builtins
import re
from dataclasses import dataclass
from typing import Any

from gradscribe.transpiler.errors import GradscribeError, IndexRangeError, ShapeError, Span


class PythonError(GradscribeError):
    """The program itself raises here, whatever the data."""


@dataclass(frozen=True)
class Raised:
    """Completion of a block that always raises; `message` is a string, a `Text`, or an operand that
    the exception takes as it is."""

    error: type[Exception]
    message: Any
    exception: Any = None
    span: Span | None = None


def raised_by(error: Any) -> Raised:
    """The exception of Python that an error of staging stands for."""
    cause = error.__cause__
    if isinstance(cause, Exception):
        return Raised(type(cause), str(cause), cause, error.span)
    if isinstance(error, (IndexRangeError, ShapeError)):
        return Raised(IndexError if isinstance(error, IndexRangeError) else ValueError, error.message, None, error.span)
    named = re.match(r"(\w+): ", error.message)
    kind = getattr(builtins, named[1], None) if named else None
    if not (isinstance(kind, type) and issubclass(kind, Exception)):
        raise error
    return Raised(kind, error.message[len(named[0]) :] if named else error.message, None, error.span)
