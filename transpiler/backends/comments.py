"""Trailing comments: which line of the user's text a line comes from.

In: written lines with spans. Out: their text with comments, in one column where lines are short enough. Forward lines
say `# model.py:10`, lines of the backward part which operation's adjoint they belong to (`# of np.sum, line 12`)."""

from __future__ import annotations

import ast
import linecache
import os

from gradscribe.transpiler.backends.writer import Written
from gradscribe.transpiler.errors import Span

_COLUMN = 52
_LABEL_WIDTH = 24


def annotate(written: Written, home: Span | None) -> list[str]:
    """Text lines with comments, and a `# backward` line where that part starts."""
    notes: list[str] = []
    last: object = None
    for k, line in enumerate(written.lines):
        backward = written.backward_at is not None and k >= written.backward_at
        note = ""
        if line.span is not None and line.commented and k > 0:
            label = _adjoint_label(line.span) if backward else f"{os.path.basename(line.span.file)}:{line.span.line}"
            if label != last:
                note = label
            last = label
        notes.append(note)
    widths = [len(line.text) for line, note in zip(written.lines, notes, strict=True) if note]
    column = min(max((w + 2 for w in widths if w + 2 <= _COLUMN), default=0), _COLUMN)
    out: list[str] = []
    for k, (line, note) in enumerate(zip(written.lines, notes, strict=True)):
        if k == written.backward_at:
            out.append("    # backward")
        out.append(f"{line.text.ljust(column - 2)}  # {note}" if note else line.text)
    return out


def _adjoint_label(span: Span) -> str:
    """`of np.sum, line 12`: the operation in the user's text, if it is short enough to be quoted."""
    text = ""
    if span.end_line == span.line:
        text = linecache.getline(span.file, span.line).rstrip("\n")[span.column - 1 : span.end_column - 1]
    try:
        node = ast.parse(text.strip(), mode="eval").body if text.strip() else None
    except SyntaxError:
        node = None
    if isinstance(node, ast.Call):
        text = ast.get_source_segment(text.strip(), node.func) or ""
    if node is None or not text.strip() or len(text) > _LABEL_WIDTH:
        return f"line {span.line}"
    return f"of {text.strip()}, line {span.line}"
