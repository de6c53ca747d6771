"""Python names for storage classes.

In: `Storage`, the symbols that the text mentions, and reserved names. Out: a name per class and symbol. Establishes:
classes alive together have different names, as have those that are to be apart from all; a hint is kept as it stands
wherever it is free (so the names of a printed program, read back as hints, are given again); on a clash, digits at its
end are dropped and a number is appended."""

from __future__ import annotations

import keyword
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from gradscribe.transpiler.backends.storage import Storage
from gradscribe.transpiler.ir.dims import Symbol
from gradscribe.transpiler.ir.nodes import Function, Var
from gradscribe.transpiler.ir.walk import eqn_reads, inner_eqns

UNNAMED = "t"
IGNORED, COUNTERS = "_", ("k", "i", "j", "m")  # `for _ in range(n)`: a derivative that reads the counter names it


@dataclass(frozen=True)
class Names:
    """Names of storage classes and symbols of one function."""

    storage: Storage
    classes: Mapping[Var, str]
    symbols: Mapping[Symbol, str]

    def of(self, x: Var) -> str:
        return self.classes[self.storage.find(x)]


def _legal(hint: str, reserved: Collection[str]) -> str:
    text = hint if re.fullmatch(r"\w*", hint) else re.sub(r"[\W_]+", "_", hint).strip("_")
    text = text or UNNAMED
    if text[0].isdigit():
        text = "_" + text
    return text + "_" if keyword.iskeyword(text) or text in reserved else text


def _numbered(hint: str, taken: Collection[str]) -> str:
    base = hint.rstrip("0123456789") or hint
    k = 2
    while f"{base}{k}" in taken:
        k += 1
    return f"{base}{k}"


def assign_names(
    function: Function,
    storage: Storage,
    symbols: Sequence[Symbol],
    reserved: Collection[str],
    apart: Mapping[Var, str] | None = None,
) -> Names:
    """Parameters first, then symbols (alive everywhere), then classes in order of appearance. The values in `apart`
    have names of their own, for which there is a second hint."""
    names: dict[Var, str] = {}
    given: dict[str, None] = {}
    for p in function.params:
        text = _legal(p.hint, reserved)
        text = text if text not in given else _numbered(text, given)
        given.setdefault(text)
        names[storage.find(p)] = text
    of_symbols: dict[Symbol, str] = {}
    for symbol in symbols:
        text = _legal(symbol.name, reserved)
        text = text if text not in given else _numbered(text, given)
        given.setdefault(text)
        of_symbols[symbol] = text
    everywhere = set(of_symbols.values())
    for x, second in (apart or {}).items():
        c = storage.find(x)
        if c in storage.hints and c not in names:
            text = _legal(storage.hints[c] or second, reserved)
            names[c] = text if text not in given else _numbered(text, given)
            given.setdefault(names[c])
            everywhere.add(names[c])

    def neighbours(c: Var) -> set[str]:
        return everywhere | {names[other] for other in storage.edges.get(c, ()) if other in names}

    hinted = {*given, *storage.hints.values()}
    read = {x for eqn in inner_eqns(function.region) for x in eqn_reads(eqn) if x.hint == IGNORED}
    waiting: list[tuple[Var, str]] = []
    for c in storage.classes:
        if c in names:
            continue
        text = _legal(storage.hints[c], reserved)
        if text == IGNORED and any(storage.find(x) is c for x in read):
            text = next((c for c in COUNTERS if c not in hinted and c not in everywhere), COUNTERS[0])
        if text in neighbours(c):
            waiting.append((c, text))
        else:
            names[c] = text
    for c, text in waiting:
        names[c] = _numbered(text, neighbours(c))
    return Names(storage, names, of_symbols)
