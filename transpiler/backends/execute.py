"""Run emitted text in this process, so that tracebacks and pdb show it.

In: the text of a module. Out: its function. Establishes: the text is registered with `linecache` under a name of its
own, and forgotten with the function; an error raised inside can be traced to the user's line through the spans of its
`Source`."""

from __future__ import annotations

import ast
import linecache
import re
import weakref
from collections.abc import Callable, Mapping, Sequence
from itertools import count, islice
from types import TracebackType
from typing import Any

from gradscribe.transpiler.errors import Span

_numbers = count(1)


def execute(source: str, name: str, outside: Mapping[str, Any] | None = None) -> Callable[..., Any]:
    """The function `name` of the module text `source`; its file name is `<gradscribe name #k>`. `outside`: objects that
    the text mentions by these names."""
    file = f"<gradscribe {name} #{next(_numbers)}>"
    linecache.cache[file] = (len(source), None, source.splitlines(True), file)
    namespace: dict[str, Any] = {"__name__": f"gradscribe_generated.{name}", "__file__": file}
    namespace.update(outside or {})
    exec(compile(source, file, "exec"), namespace)
    function: Callable[..., Any] = namespace[name]
    weakref.finalize(function, linecache.cache.pop, file, None).atexit = False
    return function


def user_span(error: BaseException, function: Callable[..., Any], spans: Sequence[Span | None]) -> Span | None:
    """Where in the user's text an error raised by an executed function comes from: the span of the innermost frame of
    its module, or of the nearest line before it that has one."""
    line = raising_line(error, function)
    return None if line is None else next((span for span in reversed(spans[:line]) if span is not None), None)


def raising_line(error: BaseException, function: Callable[..., Any]) -> int | None:
    """The line of the text, counted from 1, of the innermost frame of an executed module."""
    trace = _raising_frame(error, function)
    return None if trace is None else trace.tb_lineno


def index_message(error: IndexError, function: Callable[..., Any]) -> str:
    """NumPy's words for an index out of range, as native code has them. `range(n)[i]` and `np.arange(n)[i]`, by which
    text checks positions that no subscript checks, speak of an axis, too."""
    message, trace = str(error), _raising_frame(error, function)
    if trace is None:
        return message
    frame = trace.tb_frame
    where = next(islice(frame.f_code.co_positions(), trace.tb_lasti // 2, None))
    lines = linecache.getlines(frame.f_code.co_filename)
    first, last, start, end = where
    if first is None or first != last:
        return message
    try:
        found = ast.parse(lines[first - 1].encode()[start:end].decode().strip(), mode="eval").body
    except SyntaxError:  # inside an f-string Python 3.11 gives other places
        return message
    if not (isinstance(found, ast.Subscript) and isinstance(found.value, ast.Call)):
        return message
    checks = ast.unparse(found.value.func)
    if checks == "np.arange":
        return re.sub(r"for axis \d+ with", "for axis with", message)
    if checks != "range":
        return message
    position, size = (eval(ast.unparse(x), frame.f_globals, frame.f_locals) for x in (found.slice, found.value.args[0]))
    return f"index {position} is out of bounds for axis with size {size}"


def _raising_frame(error: BaseException, function: Callable[..., Any]) -> TracebackType | None:
    found, trace = None, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == function.__code__.co_filename:
            found = trace
        trace = trace.tb_next
    return found
