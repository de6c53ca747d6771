"""Emitted text read back: imported from a file, and staged again.

In: the text of a standalone module. Out: its function; the text without comments, for comparison of two emissions.
"""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from fuzz.programs import import_text
from gradscribe.transpiler.api.leaves import flatten
from gradscribe.transpiler.ir.staged import ArgumentLeaf, Staged


def function_of(text: str) -> Callable[..., Any]:
    """The function that an emitted module defines last, imported from a real file."""
    return getattr(import_text(text), re.findall(r"^def (\w+)", text, re.MULTILINE)[-1])  # type: ignore[no-any-return]


def without_comments(text: str) -> str:
    """The lines of a module without comments, blank lines, and space at the end of a line."""
    lines = text.splitlines()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column]
    return "\n".join(line.rstrip() for line in lines if line.strip())


def flat_arguments(staged: Staged, args: Sequence[Any], kwargs: Mapping[str, Any] | None = None) -> list[Any]:
    """What the emitted text of a staged call takes: one value per flat parameter, captured values included."""
    leaves, _ = flatten((tuple(args), dict(kwargs or {})))
    return [leaves[p.leaf] if isinstance(p, ArgumentLeaf) else p.read() for p in staged.parameters]
