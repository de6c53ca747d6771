"""IR as a standalone NumPy module: the readable artefact.

In: a verified `Function`. Out: text that computes what `ir.evaluate` computes, needs NumPy only, and never writes to
arguments unless they are donated. Equal input gives equal bytes."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any

from gradscribe.transpiler.backends.comments import annotate
from gradscribe.transpiler.backends.dialect import KERNELS, NumPyDialect
from gradscribe.transpiler.backends.messages import import_line
from gradscribe.transpiler.backends.module_facts import ModuleFacts, module_facts
from gradscribe.transpiler.backends.results import result_writer
from gradscribe.transpiler.backends.writer import write_function
from gradscribe.transpiler.errors import Span
from gradscribe.transpiler.ir.nodes import Eqn, Function, Guard, Var
from gradscribe.transpiler.ir.walk import Substitution, clone_region
from gradscribe.transpiler.passes.bufferize import bufferize
from gradscribe.transpiler.passes.drop_broadcasts import drop_broadcasts
from gradscribe.transpiler.passes.leave_to_python import leave_to_python
from gradscribe.transpiler.passes.sink_writes import sink_writes

_STANDARD = ("math", "sys", "warnings")  # modules of Python that the text may mention


@dataclass(frozen=True)
class Source:
    """A module's text; `spans[k]` is where line k + 1 comes from in the user's text (None for lines of our own).
    `outside`: objects of this process (exceptions, functions called back) by the names that the text has for them."""

    name: str
    text: str
    spans: tuple[Span | None, ...]
    copies: int
    outside: Mapping[str, Any] = field(default_factory=dict)

    @property
    def missing(self) -> tuple[str, ...]:
        """Names that the text mentions and no module has: it runs in this process only."""
        return tuple(name for name, thing in self.outside.items() if not import_line(name, thing))


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
    """Write a module with one function, and before it those that it calls by name.

    `header`: comment lines at the top. `donated`, `identities`: see `bufferize`. `backward_from`: index of the first
    top-level equation of the backward part. `result_template`: a tree of `ResultLeaf`/`StaticLeaf`/`ArgumentIdentity`
    for a nested return value. `checks`: check shapes, dtypes and guards at entry (a caller that dispatched on them
    needs no check)."""
    name = name or function.name
    module = module_facts(function, name, NumPyDialect().reserved)
    parts = [
        _text(callee.function, text, module, (), None, None, None, False, comments)
        for callee, text in module.names.items()
    ]
    backward_from = function.backward_from if backward_from is None else backward_from
    parts.append(_text(function, name, module, donated, identities, backward_from, result_template, checks, comments))
    lines, spans = list[str](), list[Span | None]()
    for k, part in enumerate(parts):
        lines += ["", ""] * bool(k) + part.lines
        spans += [None, None] * bool(k) + part.spans
    top = [f"# {line}".rstrip() for line in header]
    body = "\n".join(lines)
    imports = _imports("\n".join(part.code for part in parts), module.outside)
    head = [*top, *imports, "", ""] if imports else [*top, *([""] if top else [])]
    return Source(
        name,
        "\n".join(head) + "\n" * bool(head) + body + "\n",
        (*[None] * len(head), *spans),
        sum(part.copies for part in parts),
        module.outside,
    )


@dataclass(frozen=True)
class _Text:
    """The lines of one function."""

    lines: list[str]
    spans: list[Span | None]
    copies: int
    code: str  # without comments


def _text(
    function: Function,
    name: str,
    module: ModuleFacts,
    donated: Collection[Var],
    identities: Mapping[int, int] | None,
    backward_from: int | None,
    result_template: Any,
    checks: bool,
    comments: bool,
) -> _Text:
    if backward_from is None:
        backward_from = function.backward_from
    env = Substitution()  # the passes below work on a clone: values know the equation that defines them
    region = clone_region(function.region, env)
    own = Function(name, region, _guards(function, env), function.result_hints, function.span, backward_from)
    own = leave_to_python(own)
    backward = () if own.backward_from is None else own.region.eqns[own.backward_from :]
    reverse = {r for eqn in backward for r in eqn.results}
    own = sink_writes(drop_broadcasts(own))
    given = [region.params[function.params.index(p)] for p in donated]
    buffered = bufferize(own, given, identities)
    bufferized = buffered.function
    written = write_function(
        bufferized,
        name,
        NumPyDialect(),
        module=module,
        results=result_writer(result_template, bufferized),
        checks=checks,
        donated=[buffered.clone[p] for p in given],  # type: ignore[misc]
        backward_from=_first_of(reverse, own, bufferized, buffered.clone) if reverse else None,
    )
    lines = annotate(written, function.span) if comments else [line.text for line in written.lines]
    spans = [line.span for line in written.lines]
    if comments and written.backward_at is not None:
        spans.insert(written.backward_at, None)
    code = "\n".join(line.text for line in written.lines)
    return _Text(lines, spans, buffered.copies, code)


def _imports(code: str, outside: Mapping[str, Any]) -> list[str]:
    """Import lines: the standard library, a blank line, the rest."""
    mentioned = [m for m in (*_STANDARD, "np", "scipy.special") if re.search(rf"\b{re.escape(m)}\.", code)]
    lines = [f"import {'numpy as np' if m == 'np' else m}" for m in mentioned]
    kernels = [name for name in KERNELS if re.search(rf"\b{name}\(", code)]
    if kernels:
        lines.append(f"from gradscribe.kernels import {', '.join(kernels)}")
    lines += [line for name, thing in outside.items() if (line := import_line(name, thing))]
    own = sum(m in _STANDARD for m in mentioned)
    return [*lines[:own], *([""] if 0 < own < len(lines) else []), *lines[own:]]


def numpy_source(function: Function, **options: Any) -> str:
    """The text of `numpy_module`."""
    return numpy_module(function, **options).text


def _guards(function: Function, env: Substitution) -> tuple[Guard, ...]:
    return tuple(Guard(g.kind, env.dim(g.dim), g.message, g.requirement, g.span) for g in function.guards)


def _is_new(eqn: Eqn, known: Collection[Var]) -> bool:
    return bool(eqn.results) and not any(r in known for r in eqn.results)


def _first_of(reverse: Set[Var], before: Function, after: Function, clone: Mapping[Var, Any]) -> int:
    """Where the backward part starts after sinking and copying: the first equation that computes something of it."""
    backward = {clone[r] for eqn in before.region.eqns for r in eqn.results if r in reverse}
    known = set(clone.values())
    for k, eqn in enumerate(after.region.eqns):
        if any(r in backward for r in eqn.results):
            while k > 0 and _is_new(after.region.eqns[k - 1], known):  # the copies it works on
                k -= 1
            return k
    return len(after.region.eqns)
