"""From a Python function to its syntax tree and back to places in the file.

In: a function object. Out: its gast node, found in the parse of the whole file (or notebook cell, through
`linecache`): definitions by their first line, lambdas by the positions of their code. Establishes: every node knows
its `Span`, with columns in characters.
"""

from __future__ import annotations

import dis
import functools
import linecache
import os
import types
from typing import Any

import gast

from gradscribe.transpiler.errors import GradscribeError, Span, UnsupportedSyntax
from gradscribe.transpiler.frontend.rewriting import rewritten
from gradscribe.transpiler.ir.builder import current_span


class SourceFile:
    """One parsed file: its text, and its function nodes by first line."""

    def __init__(self, name: str, lines: list[str]) -> None:
        self.name = name
        self.lines = lines
        self.tree = rewritten(gast.parse("".join(lines)))
        self.definitions: list[Any] = []
        self.lambdas: list[Any] = []
        for node in gast.walk(self.tree):
            if isinstance(node, (gast.FunctionDef, gast.AsyncFunctionDef)):
                self.definitions.append(node)
            elif isinstance(node, gast.Lambda):
                self.lambdas.append(node)
        self._spans: dict[int, Span] = {}
        self._functions: dict[int, str] = {}
        for definition in self.definitions:
            for inner in gast.walk(definition):  # inner definitions come later in the walk and overwrite
                self._functions[id(inner)] = definition.name

    def _column(self, line: int, offset: int) -> int:
        """From a UTF-8 byte offset to a column that counts characters from 1."""
        if line > len(self.lines):
            return offset + 1
        text = self.lines[line - 1]
        return offset + 1 if text.isascii() else len(text.encode()[:offset].decode(errors="replace")) + 1

    def span(self, node: Any) -> Span:
        """Where a node stands."""
        found = self._spans.get(id(node))
        if found is None:
            line = getattr(node, "lineno", 1)
            end_line = getattr(node, "end_lineno", None) or line
            start, end = getattr(node, "col_offset", 0), getattr(node, "end_col_offset", None)
            found = self._spans[id(node)] = Span(
                file=self.name,
                line=line,
                column=self._column(line, start),
                end_line=end_line,
                end_column=self._column(end_line, end if end is not None else start + 1),
                function=self._functions.get(id(node), ""),
            )
        return found

    def header(self, node: Any) -> Span:
        """The `def` line of a function, without its body."""
        whole = self.span(node)
        text = self.lines[whole.line - 1].rstrip() if whole.line <= len(self.lines) else ""
        return Span(
            file=self.name, line=whole.line, column=whole.column, end_line=whole.line,
            end_column=max(len(text) + 1, whole.column + 1), function=whole.function,
        )  # fmt: skip

    def text(self, node: Any) -> str:
        """The source of a node that stands on one line; its first line otherwise."""
        span = self.span(node)
        line = self.lines[span.line - 1] if span.line <= len(self.lines) else ""
        return line[span.column - 1 : span.end_column - 1 if span.end_line == span.line else None].strip()


@functools.lru_cache(128)  # texts, not functions: a program of many cells or generated files does not keep them all
def _parsed(name: str, lines: tuple[str, ...]) -> SourceFile:
    return SourceFile(name, list(lines))


def source_file(name: str, globals: dict[str, Any] | None = None) -> SourceFile:
    """The parse of a file or notebook cell; parsed again when its text has changed."""
    if os.path.exists(name):
        linecache.checkcache(name)
    lines = linecache.getlines(name, globals)
    if not lines:
        raise UnsupportedSyntax(
            None,
            f"the source of {name} cannot be found",
            "define the function in a file, a module or a notebook cell",
        )
    return _parsed(name, tuple(lines))


def node_of(function: types.FunctionType) -> tuple[Any, SourceFile]:
    """The syntax tree of a Python function and the file it stands in."""
    code = function.__code__
    file = source_file(code.co_filename, function.__globals__)
    candidates = file.lambdas if code.co_name == "<lambda>" else file.definitions
    nodes = [n for n in candidates if _first_line_fits(n, code)]
    if code.co_name != "<lambda>":
        nodes = [n for n in nodes if n.name == code.co_name]
    if len(nodes) > 1:
        nodes = [n for n in nodes if _positions_fit(n, code)] or nodes[:0]
    if len(nodes) == 1:
        return nodes[0], file
    span = Span(file=file.name, line=code.co_firstlineno, column=1, end_line=code.co_firstlineno, end_column=2)
    if not nodes:
        raise GradscribeError(
            span, f"the text of `{code.co_qualname}` is not where its code says: was the file edited?"
        )
    raise UnsupportedSyntax(span, f"several functions here may be `{code.co_qualname}`", "write one function to a line")


def _first_line_fits(node: Any, code: types.CodeType) -> bool:
    lines = {node.lineno, *(d.lineno for d in getattr(node, "decorator_list", ()))}
    return code.co_firstlineno in lines


def _positions_fit(node: Any, code: types.CodeType) -> bool:
    """Every code position lies inside the node, and the parameters have the right names. Two lambdas with equal
    bodies still differ in their columns."""
    names = tuple(a.id for a in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs))
    count = code.co_argcount + code.co_kwonlyargcount
    if names != code.co_varnames[:count]:
        return False
    body = node.body if isinstance(node, gast.Lambda) else node
    start, end = (body.lineno, body.col_offset), (body.end_lineno, body.end_col_offset)
    seen = False
    for line, end_line, column, end_column in _positions(code):
        if not (start <= (line, column) and (end_line, end_column) <= end):
            return False
        seen = True
    return seen


def _positions(code: types.CodeType) -> list[tuple[int, int, int, int]]:
    """Positions of the instructions that come from expressions."""
    out = []
    for instruction in dis.get_instructions(code):
        p = instruction.positions
        if p is None or None in (p.lineno, p.end_lineno, p.col_offset, p.end_col_offset):
            continue
        if (p.lineno, p.col_offset) == (p.end_lineno, p.end_col_offset):  # stands nowhere: the return of a lambda
            continue
        if instruction.opname in ("RESUME", "COPY_FREE_VARS", "MAKE_CELL", "RETURN_GENERATOR", "NOP"):
            continue
        out.append((p.lineno, p.end_lineno, p.col_offset, p.end_col_offset))
    return out  # type: ignore[return-value]


class BorrowedFile(SourceFile):
    """A file of gradscribe's own: all of it stands where the user calls it."""

    def __init__(self, file: SourceFile) -> None:
        self.__dict__.update(file.__dict__)

    def span(self, node: Any) -> Span:
        here = current_span()
        return super().span(node) if here is None else here
