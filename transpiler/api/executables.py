"""The one place where a flat program becomes something that runs, or text.

In: a `Function`, a backend name. Out: a callable of the flat parameters that returns the tuple of flat results; a module's text.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from gradscribe.transpiler.ir.evaluate import evaluate
from gradscribe.transpiler.ir.nodes import Function
from gradscribe.transpiler.ir.staged import Staged

Backend = Literal["native", "python"]
Executable = Callable[..., tuple[Any, ...]]
BACKENDS = ("native", "python")
LEVELS = ("numpy", "loops")


def executable(function: Function, backend: Backend, donated: frozenset[int] = frozenset()) -> Executable:
    """Make `function` run. Parameters in `donated` may be overwritten; the others are only read."""
    return lambda *values: evaluate(function, *values)


def written_text(staged: Staged, level: str, name: str) -> str:
    """A staged call as the text of a module."""
    raise NotImplementedError(level)
