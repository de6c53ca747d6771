"""What a program does besides computing: printing, warning, calling back into Python, stopping in a debugger.

These equations have effect IO: they stay, in their order, and happen once each time the program passes them. They are
part of the primal program; derivatives neither repeat them nor add to them. Batching runs the whole program lane by
lane (effect IO asks for it), so that each lane shows what it shows; none needs a rule of its own.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from typing import Any

from gradscribe.transpiler.ir.nodes import Effect
from gradscribe.transpiler.primitives.messages import Template, render
from gradscribe.transpiler.primitives.primitive import Library


def show(
    values: tuple[Any, ...], *, texts: tuple[Template, ...], sep: str, end: str, stream: str, flush: bool
) -> None:
    """Print what a print equation prints."""
    file = sys.stderr if stream == "stderr" else sys.stdout
    print(*(render(text, values) for text in texts), sep=sep, end=end, file=file, flush=flush)


def _print(*values: Any, **params: Any) -> tuple[()]:
    show(values, **params)
    return ()


def _effect(name: str, syntax: str, run: Callable[..., tuple[()]]) -> Library:
    return Library(
        name=name,
        syntax=syntax,
        effect=Effect.IO,
        infer_types=lambda *operands, **params: (),
        run=run,
        jvp_rule=lambda operands, results, tangents, **params: (),
        vjp_rule=lambda operands, results, cotangents, **params: (None,) * len(operands),
    )


# `print(*texts, sep=, end=, file=sys.stdout or sys.stderr, flush=)`; the operands are the values in the texts.
print_: Library = _effect("print", "print(x, y)", _print)


def _warn(*values: Any, text: Template, category: type[Warning], file: str, line: int) -> tuple[()]:
    warnings.warn_explicit(render(text, values), category, file, line)
    return ()


# `warnings.warn(text, category)` of the line `file:line`; the operands are the values in the text.
warn: Library = _effect("warn", "warnings.warn('no convergence')", _warn)


def _call(*values: Any, function: Callable[..., Any], names: tuple[str, ...]) -> tuple[()]:
    call_back(function, names, values)
    return ()


def call_back(function: Callable[..., Any], names: tuple[str, ...], values: tuple[Any, ...]) -> None:
    """Call a Python function with values; the last ones have names."""
    count = len(values) - len(names)
    function(*values[:count], **dict(zip(names, values[count:], strict=True)))


# `function(*operands)` in Python, for what it does; the last operands are keyword arguments called `names`.
callback: Library = _effect("callback", "function(x, y)", _call)

# Stop in the debugger, where the program runs as Python text.
breakpoint_: Library = _effect("breakpoint", "breakpoint()", lambda: ())
