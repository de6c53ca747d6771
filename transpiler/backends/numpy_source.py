"""IR as a standalone NumPy module: the readable artefact.

In: a verified `Function`. Out: text that computes what `ir.evaluate` computes, needs NumPy only, and never writes to arguments unless they are
donated. Equal input gives equal bytes.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gradscribe.transpiler.backends.comments import annotate
from gradscribe.transpiler.backends.dialect import NumPyDialect
from gradscribe.transpiler.backends.results import result_writer
from gradscribe.transpiler.backends.writer import write_function
from gradscribe.transpiler.errors import Span
from gradscribe.transpiler.ir.nodes import Eqn, Function, Var
from gradscribe.transpiler.passes.bufferize import bufferize
from gradscribe.transpiler.passes.sink_writes import sink_writes


@dataclass(frozen=True)
class Source:
    """A module's text; `spans[k]` is where line k + 1 comes from in the user's text (None for lines of our own)."""

    name: str
    text: str
    spans: tuple[Span | None, ...]
    copies: int


def numpy_module(
    function: Function,
    *,
    name: str = "",
    header: Sequence[str] = (),
    donated: Collection[Var] = (),
    identities: Mapping[int, int] | None = None,
    backward_from: int | None = None,
    result_template: Any = None,
    checks: bool = True,
    comments: bool = True,
) -> Source:
    """Write a module with one function.

    `header`: comment lines at the top. `donated`, `identities`: see `bufferize`. `backward_from`: index of the first top-level equation of
    the backward part. `result_template`: a tree of `ResultLeaf`/`StaticLeaf`/`ArgumentIdentity` for a nested return value.
    `checks`: check shapes, dtypes and guards at entry (a caller that dispatched on them needs no check)."""
    name = name or function.name
    backward_from = function.backward_from if backward_from is None else backward_from
    mark = function.region.eqns[backward_from] if backward_from is not None and backward_from < len(function.region.eqns) else None
    sunk = sink_writes(function)
    buffered = bufferize(sunk, donated, identities)
    bufferized = buffered.function
    written = write_function(
        bufferized,
        name,
        NumPyDialect(),
        results=result_writer(result_template, bufferized),
        checks=checks,
        donated=[p for p, q in zip(bufferized.params, function.params, strict=True) if q in set(donated)],
        backward_from=None if mark is None else _first_from(sunk, bufferized, mark, buffered.clone),
    )
    lines = annotate(written, function.span) if comments else [line.text for line in written.lines]
    spans = [line.span for line in written.lines]
    if comments and written.backward_at is not None:
        spans.insert(written.backward_at, None)
    top = [f"# {line}".rstrip() for line in header]
    body = "\n".join(lines)
    imports = [f"import {'numpy as np' if m == 'np' else m}" for m in ("math", "np") if re.search(rf"\b{m}\.", _code(lines))]
    head = [*top, *imports, "", ""] if imports else [*top, *([""] if top else [])]
    return Source(name, "\n".join(head) + "\n" * bool(head) + body + "\n", (*[None] * len(head), *spans), buffered.copies)


def numpy_source(function: Function, **options: Any) -> str:
    """The text of `numpy_module`."""
    return numpy_module(function, **options).text


def _code(lines: Sequence[str]) -> str:
    return "\n".join(line.split("  #")[0] for line in lines)


def _first_from(sunk: Function, bufferized: Function, mark: Eqn, clone: Mapping[Var, Any]) -> int:
    """Where the backward part starts after sinking and copying: the first equation that makes something of it."""
    backward: set[Var] = set()
    seen = False
    for eqn in sunk.region.eqns:
        seen = seen or any(r in mark.results for r in eqn.results)
        if seen:
            backward.update(clone[r] for r in eqn.results)  # type: ignore[misc]
    for k, eqn in enumerate(bufferized.region.eqns):
        if any(r in backward for r in eqn.results):
            while k > 0 and bufferized.region.eqns[k - 1].operation.name == "copy" and not any(
                r in clone.values() for r in bufferized.region.eqns[k - 1].results
            ):
                k -= 1
            return k
    return len(bufferized.region.eqns)


def uses_name(text: str, name: str) -> bool:
    """Whether the code of a module mentions a name."""
    return any(isinstance(n, ast.Name) and n.id == name for n in ast.walk(ast.parse(text)))
