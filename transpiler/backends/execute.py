"""Run emitted text in this process, so that tracebacks and pdb show it.

In: the text of a module. Out: its function. Establishes: the text is registered with `linecache` under a name of its
own; an error raised inside can be traced to the user's line through the spans of its `Source`."""

from __future__ import annotations

import itertools
import linecache
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gradscribe.transpiler.errors import Span

_numbers = itertools.count(1)


def execute(source: str, name: str, outside: Mapping[str, Any] | None = None) -> Callable[..., Any]:
    """The function `name` of the module text `source`; its file name is `<gradscribe name #k>`. `outside`: objects that
    the text mentions by these names."""
    file = f"<gradscribe {name} #{next(_numbers)}>"
    linecache.cache[file] = (len(source), None, source.splitlines(True), file)
    namespace: dict[str, Any] = {"__name__": f"gradscribe_generated.{name}", "__file__": file}
    namespace.update(outside or {})
    exec(compile(source, file, "exec"), namespace)
    function: Callable[..., Any] = namespace[name]
    return function


def user_span(error: BaseException, function: Callable[..., Any], spans: Sequence[Span | None]) -> Span | None:
    """Where in the user's text an error raised by an executed function comes from: the span of the innermost frame of
    its module, or of the nearest line before it that has one."""
    line = raising_line(error, function)
    return None if line is None else next((span for span in reversed(spans[:line]) if span is not None), None)


def raising_line(error: BaseException, function: Callable[..., Any]) -> int | None:
    """The line of the text, counted from 1, of the innermost frame of an executed module."""
    line = None
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == function.__code__.co_filename:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line
