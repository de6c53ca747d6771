"""Errors that point at the user's text.

In: a span, a message, a hint, and notes (second spans, the stack of user lines). Out: an exception whose text is the
location, the source line, a caret, the notes and the hint. Assumes lines and columns are those of the file on disk
(or of `linecache`); establishes that every refusal names a place, `file:line:col`.
"""

import linecache
import os
import re
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Self

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # the folder `gradscribe`
INDENT = "    "


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A stretch of the user's text: lines and columns count from 1, in characters (not bytes); the end is exclusive.

    `ast` counts columns from 0 and in UTF-8 bytes: whoever builds spans from syntax trees converts.

    Example: `Span(file="model.py", line=14, column=9, end_line=14, end_column=14, function="loss")` is the `x * w`
    of the line `    y = x * w`.
    """

    file: str
    line: int
    column: int
    end_line: int
    end_column: int
    function: str = ""
    derivative: bool = False  # of what belongs to the derivative of this text

    @property
    def location(self) -> str:
        """`file:line:col`, the file relative to the working directory where it lies below it."""
        return f"{shown_file(self.file)}:{self.line}:{self.column}"

    def of_derivative(self) -> Self:
        """The same place, of what belongs to its derivative."""
        return self if self.derivative else replace(self, derivative=True)

    @property
    def order(self) -> tuple[str, int, int, int, int]:
        """Sort key: order of the text."""
        return self.file, self.line, self.column, self.end_line, self.end_column

    def excerpt(self) -> list[str]:
        """The first source line of the span and its carets, or nothing where the text cannot be found."""
        line = linecache.getline(self.file, self.line).rstrip()
        text = line.lstrip()
        if not text:
            return []
        indent = len(line) - len(text)
        start = max(self.column - 1 - indent, 0)
        end = self.end_column - 1 - indent if self.end_line == self.line else len(text)
        if start >= len(text):
            return [INDENT + text]
        marked = text[start : max(end, start + 1)]
        return [INDENT + text, INDENT + _blank(text[:start]) + "^" * max(_width(marked), 1)]


def shown_file(file: str) -> str:
    """The name of a file as messages show it: relative if it lies below the working directory, else unchanged. Files of
    this package are called alike wherever it is installed."""
    if not os.path.isabs(file):
        return file
    if file.startswith(_PACKAGE + os.sep):
        return "gradscribe" + file[len(_PACKAGE) :]
    try:
        relative = os.path.relpath(file)
    except (OSError, ValueError):  # another drive, or a working directory that is gone
        return file
    return file if relative.split(os.sep, 1)[0] == os.pardir else relative


def _character_width(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _width(text: str) -> int:
    return sum(map(_character_width, text))


def _blank(text: str) -> str:
    """Spaces as wide as the text; tabs stay, so that carets stand under the right column in any terminal."""
    return "".join("\t" if character == "\t" else " " * _character_width(character) for character in text)


def in_users_names(text: str) -> str:
    """`%n_12 + 1`, as the IR writes a size, the way its user would: `n + 1`."""
    return re.sub(r"%(\w*?)_\d+", lambda found: found[1] or "an integer", text)


class GradscribeError(Exception):
    """A program that gradscribe refuses, and where.

    Args:
        span: the place in the user's text; None where there is none (an argument of an interactive call).
        message: what is wrong, one sentence, the user's expression in backticks.
        hint: the remedy; may be empty.
        notes: further places (a second span, the calls that led here), each with its sentence.

    Example: `raise ShapeError(span, "cannot broadcast (n,) with (m,) in `x * w`", "Did you mean `x[:, None] * w`?")`
    """

    def __init__(
        self,
        span: Span | None,
        message: str,
        hint: str = "",
        notes: Iterable[tuple[Span | None, str]] = (),
    ) -> None:
        message, notes = in_users_names(message), tuple(notes)
        super().__init__(span, message, hint, notes)
        self.span = span
        self.message = message
        self.hint = hint
        self.notes: tuple[tuple[Span | None, str], ...] = notes
        self.others: tuple[GradscribeError, ...] = ()

    def note(self, span: Span | None, text: str) -> Self:
        """Add a place (say, a caller's line while the error passes through it); returns the error itself."""
        self.notes = (*self.notes, (span, text))
        return self

    def render(self) -> str:
        """This error alone: location, kind and message; the source line with carets; notes; hint."""
        kind = type(self).__name__
        if self.span is None:
            lines = [f"{kind}: {self.message}"]
        else:
            lines = [f"{self.span.location}: {kind}: {self.message}", *self.span.excerpt()]
        for span, text in self.notes:
            if span is None:
                lines += _indented(text)
            else:
                lines += [*_indented(f"{span.location}: {text}"), *span.excerpt()]
        if self.hint:
            lines += _indented(self.hint)
        return "\n".join(lines)

    def __str__(self) -> str:
        return "\n".join(error.render() for error in (self, *self.others))


def _indented(text: str) -> list[str]:
    return [f"  {line}" for line in text.splitlines()]


class UnsupportedSyntax(GradscribeError):
    """A construct outside the accepted language."""


class ShapeError(GradscribeError, ValueError):
    """Shapes that do not fit; NumPy raises ValueError."""


class DTypeError(GradscribeError, TypeError):
    """A dtype an operation does not take; NumPy raises TypeError."""


class IndexRangeError(GradscribeError, IndexError):
    """An index out of range; NumPy raises IndexError."""


class IntegerRangeError(GradscribeError, OverflowError):
    """A Python int beyond the 64 bits of int64."""


class NotFiniteError(GradscribeError, FloatingPointError):
    """A NaN or an infinity that an operation made, under `gs.config(check_nans=True)` or `check_infs`."""


class NotDifferentiable(GradscribeError):
    """A derivative that does not exist, or with respect to something that has none."""


class NoRule(GradscribeError, NotImplementedError):
    """A declared gap: the operation is known, the rule is not written."""


class ReadOnlyError(GradscribeError, ValueError):
    """A write to a read-only array; NumPy raises ValueError."""


class AliasError(GradscribeError):
    """Arrays that may overlap, one of them written, where the result would depend on it."""


class DeviceError(GradscribeError, RuntimeError):
    """A device that is missing, or data on the wrong one."""


class CollectiveError(GradscribeError, RuntimeError):
    """A collective operation outside its mesh axis, or on which the participants disagree."""


class InternalError(GradscribeError):
    """gradscribe failed where it should have worked: a bug of gradscribe, never of the user's program."""


class Steering(Exception):
    """Not an error: what one part of the compiler tells another to do (to make an argument static, say)."""


def internal_error(span: Span | None, doing: str, error: BaseException) -> InternalError:
    """An unexpected exception, with the user's line, what was being done, and how to report it."""
    return InternalError(
        getattr(error, "user_span", None) or span,
        f"internal error while {doing}: {type(error).__name__}: {error}",
        "this is a bug of gradscribe: please report it with the function and the arguments' shapes and dtypes",
    )


@contextmanager
def reporting(doing: str, span: Span | None = None) -> Iterator[None]:
    """Unexpected exceptions inside become `InternalError`s. Also a decorator.

    Example: `with reporting("writing the source", function.span): ...`
    """
    try:
        yield
    except (GradscribeError, Steering, MemoryError):
        raise
    except Exception as error:
        raise internal_error(span, doing, error) from error


for _kind in (
    GradscribeError, UnsupportedSyntax, ShapeError, DTypeError, IndexRangeError, IntegerRangeError,
    NotFiniteError, NotDifferentiable, NoRule, ReadOnlyError, AliasError, DeviceError, CollectiveError,
    InternalError,
):  # fmt: skip
    _kind.__module__ = "gradscribe"  # tracebacks and pickles use the public name


def raise_all(errors: Iterable[GradscribeError]) -> None:
    """Raise collected errors as one, in the order of the text; do nothing if there are none.

    The first error is raised and carries the rest in `others`; its text is the text of all. Errors that read the same
    are raised once.
    """
    distinct = {error.render(): error for error in errors}
    if not distinct:
        return
    ordered = sorted(distinct.values(), key=lambda error: error.span.order if error.span else ("", 0, 0, 0, 0))
    ordered[0].others = tuple(ordered[1:])
    raise ordered[0]
