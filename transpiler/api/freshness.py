"""Is the text of a function in its file still the text that Python runs?

In: a Python function. Out: nothing, or GradscribeError. A file edited after its import has a text that no longer
belongs to the functions in memory; a derivative of it would be the derivative of another function. Establishes: what
is staged is what runs.

Only files changed since this process started are compared (by compiling them): test runners and tracers rewrite code
without touching files, and would look like edits.
"""

from __future__ import annotations

import functools
import linecache
import os
import time
import types
from collections.abc import Iterator
from typing import Any

from gradscribe.transpiler.errors import GradscribeError, Span

_STARTED = time.time()


def check_fresh(function: Any, span: Span | None) -> None:
    """Raise GradscribeError if the file of `function` was edited after the function was made."""
    code = getattr(function, "__code__", None)
    if code is None or not os.path.exists(code.co_filename) or os.stat(code.co_filename).st_mtime < _STARTED:
        return
    text = "".join(linecache.getlines(code.co_filename))
    if code not in _codes(code.co_filename, text):
        raise GradscribeError(
            span,
            f"`{code.co_qualname}` is not what its file says: the file was edited after it was imported",
            "Reload the module (importlib.reload), or start again.",
        )


@functools.lru_cache(128)
def _codes(name: str, text: str) -> tuple[types.CodeType, ...]:
    """Every function that the text defines, as code."""
    try:
        return tuple(_inner(compile(text, name, "exec", dont_inherit=True)))
    except (SyntaxError, ValueError):  # in the middle of an edit
        return ()


def _inner(code: types.CodeType) -> Iterator[types.CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield constant
            yield from _inner(constant)
