"""Entry facts of a specialisation as generated Python: does this call fit it, and if not, which fact fails?

In: a flat `Function` and names of its parameters. Out: `Facts`, a function from the flat parameter values to the
first fact that fails. Assumes the values have the dtypes, ranks and 0/1 patterns of the parameters (the dispatch key
sees to that). Establishes: when no fact fails, every parameter has the shape its type says and every guard holds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from gradscribe.transpiler.backends.entry_dims import EntryDims
from gradscribe.transpiler.errors import Span
from gradscribe.transpiler.ir.dims import Dim, Symbol
from gradscribe.transpiler.ir.nodes import Function
from gradscribe.transpiler.ir.types import ArrayType


@dataclass(frozen=True)
class Fact:
    """One thing that must hold at entry. A requirement is what Python would raise for; an assumption makes the call
    trace again. `text` is its Python expression, `message` says what failed."""

    text: str
    message: str
    requirement: bool
    span: Span | None = None


@dataclass(frozen=True)
class Facts:
    """`failing(values)` is the position in `facts` of the first that fails, or -1. `by_shape_alone`: no fact reads a
    number, so that equal shapes mean an equal answer."""

    facts: tuple[Fact, ...]
    failing: Callable[[Sequence[Any]], int] = field(compare=False)
    by_shape_alone: bool


def facts_of(function: Function, names: Sequence[str]) -> Facts:
    """The facts that a call must satisfy to run `function`; `names[k]` is how messages call parameter k."""
    writer = entry_dims(function, "p[{}].shape[{}]".format, "int(p[{}])".format)
    facts = written_facts(function, names, writer)
    lines = ["def failing(p):"]
    for number, fact in enumerate(facts):
        lines += [f"    if not ({fact.text}):", f"        return {number}"]
    lines.append("    return -1")
    namespace: dict[str, Any] = {}
    exec(compile("\n".join(lines), f"<gradscribe facts of {function.name}>", "exec"), namespace)
    return Facts(tuple(facts), namespace["failing"], not writer.numbers)


def entry_dims(function: Function, size: Callable[[int, int], str], number: Callable[[int], str]) -> EntryDims:
    """How text spells the dims of a function at its entry."""
    types = [p.type for p in function.params if isinstance(p.type, ArrayType)]
    return EntryDims(types, size, number, {param: k for k, param in enumerate(function.params)})


def written_facts(function: Function, names: Sequence[str], writer: EntryDims) -> list[Fact]:
    """The facts in the order in which they are tested, their texts spelled by `writer`."""
    facts = [
        Fact(
            f"{writer.dim(guard.dim)} {'==' if guard.kind == 'eq' else '>='} 0",
            guard.message,
            guard.requirement,
            guard.span,
        )
        for guard in function.guards
    ]
    for k, param in enumerate(function.params):
        assert isinstance(param.type, ArrayType)
        for axis, dim in enumerate(param.type.shape):
            fact = _axis_fact(writer, names, k, axis, dim, function.span)
            if fact is not None:
                facts.append(fact)
    # An assumption that fails asks for another version, so requirements of this version count only after all of them.
    facts.sort(key=lambda fact: fact.requirement)
    return facts


def _axis_fact(writer: EntryDims, names: Sequence[str], k: int, axis: int, dim: Dim, span: Span | None) -> Fact | None:
    atom = dim.single_atom
    if isinstance(atom, Symbol) and writer.homes[atom] == (k, axis):
        if atom.lower <= 2:
            return None
        return Fact(
            f"{writer.size(k, axis)} >= {atom.lower}", f"axis {axis} of {names[k]} was at least {atom.lower}", False
        )
    if dim.constant is not None:
        if dim.constant in (0, 1):
            return None  # the key knows
        return Fact(f"{writer.size(k, axis)} == {dim.constant}", f"axis {axis} of {names[k]} was {dim.constant}", False)
    homes = [writer.homes[leaf] for leaf in dim.leaves() if leaf in writer.homes]
    others = ", ".join(f"axis {a} of `{names[j]}`" for j, a in homes)
    relation = "equal" if isinstance(atom, Symbol) else f"be {dim} for"
    message = f"axis {axis} of `{names[k]}` must {relation} {others}"
    return Fact(f"{writer.size(k, axis)} == {writer.dim(dim)}", message, True, span)
