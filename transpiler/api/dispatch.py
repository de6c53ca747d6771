"""From a call to the version that runs it: the dispatch key, the versions kept, tracing again when none fits.

In: arguments. Out: a `Specialisation` and the flat values to run it on. Key: tree structure; per leaf dtype,
weakness, rank, 0/1 pattern, contiguity, or the static value; which arguments are the same array. Establishes: a
version runs only for a call that has its key and satisfies its facts; the number of versions is bounded.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gradscribe.transpiler import tree
from gradscribe.transpiler.api.entries import Entry, EntryCall, entry_for
from gradscribe.transpiler.api.executables import number_checks
from gradscribe.transpiler.api.leaves import (
    PYTHON_NUMBERS,
    admit,
    coarse_token,
    describe,
    exact_token,
    flatten,
    static_token,
)
from gradscribe.transpiler.api.settings import follow_settings, settings
from gradscribe.transpiler.api.specialisation import Misfit, Specialisation
from gradscribe.transpiler.errors import InternalError
from gradscribe.transpiler.flatteners import StructureMismatch, flattener
from gradscribe.transpiler.ir.staged import StaticLeaf
from gradscribe.transpiler.tree import TreeDef

FAST_ENTRIES = 256
TRIED_FIRST = 4
_KNOWN_STRUCTURES = 8


@dataclass
class Call:
    """One call: its arguments with static ones wrapped, its leaves (static arguments left out), its structure."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    leaves: list[Any]
    definition: TreeDef
    statics: tuple[Hashable, ...]
    unchanged: bool  # the leaves are the caller's own objects


@dataclass
class Versions:
    """The versions of one coarse key, the latest used first."""

    entries: list[Specialisation] = field(default_factory=list)


class Dispatcher:
    """The versions of one transformed function. `specialise(args, kwargs)` makes a new one from example arguments, in
    which static arguments are `StaticLeaf`s."""

    def __init__(self, name: str, specialise: Callable[[tuple[Any, ...], dict[str, Any]], Specialisation]) -> None:
        self.name = name
        self.specialise = specialise
        self.fast: dict[Hashable, Specialisation] = {}
        self.versions: dict[Hashable, Versions] = {}
        self.structures: list[tuple[Callable[[Any], tuple[Any, ...]], TreeDef]] = []
        self.traces = 0
        self.described: list[tuple[Specialisation, tuple[str, ...]]] = []
        self.lock = threading.RLock()
        self.entries: tuple[Entry, ...] = ()  # short ways into the versions used last; tried before `find`
        self.known_entries: dict[Specialisation, Entry | None] = {}
        follow_settings(self)

    # ---- looking up ----
    def find(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], static: Sequence[Any] = ()
    ) -> tuple[Specialisation, list[Any]]:
        """The version for a call, made if need be, and the flat parameter values."""
        dynamic = _without_static((args, kwargs), static)
        leaves, definition = self._flatten(dynamic)
        statics = tuple(static_token(value) for _, value in static)
        tokens: list[Any] = [definition, statics]
        arrays: list[int] = []
        for leaf in leaves:
            cls = type(leaf)
            if cls is np.ndarray:
                tokens += (leaf.dtype, leaf.shape, leaf.flags.c_contiguous)
                arrays.append(id(leaf))
            elif cls in PYTHON_NUMBERS:
                tokens.append(cls)
            else:
                tokens.append(exact_token(leaf))
        aliased = len(set(arrays)) < len(arrays)
        if not aliased:
            key = tuple(tokens)
            version = self.fast.get(key)
            if version is not None and version.still_current() is None:
                values = version.values(leaves)
                if version.by_shape_alone or version.misfit(values) is None:
                    self._try_first(version, EntryCall(args, kwargs, static, leaves, definition, values))
                    return version, values
        admitted = self._admitted(leaves, definition)
        unchanged = all(a is b for a, b in zip(leaves, admitted))
        call = Call(*_wrap_static(args, kwargs, static), admitted, definition, statics, unchanged)
        version, values = self._find_slowly(call)
        if not aliased and unchanged:
            if len(self.fast) >= FAST_ENTRIES:
                self.fast.clear()
            self.fast[key] = version
            self._try_first(version, EntryCall(args, kwargs, static, leaves, definition, values))
        return version, values

    def forget_short_ways(self) -> None:
        """Every call looks for its version again: a setting has changed."""
        with self.lock:
            self.entries, self.fast = (), {}

    def _try_first(self, version: Specialisation, call: EntryCall) -> None:
        """Put the entry of a version in front. It is written at the second call, when the version has run."""
        if not version.has_run:
            return
        with self.lock:
            if version not in self.known_entries:
                self.known_entries[version] = entry_for(version, call)
            entry = self.known_entries[version]
            if entry is not None and self.entries[:1] != (entry,):
                self.entries = (entry, *(other for other in self.entries if other is not entry))[:TRIED_FIRST]

    def _flatten(self, dynamic: Any) -> tuple[Sequence[Any], TreeDef]:
        for flat, definition in self.structures:
            try:
                return flat(dynamic), definition
            except StructureMismatch:
                continue
        leaves, definition = flatten(dynamic)
        self.structures = [(flattener(definition), definition), *self.structures][:_KNOWN_STRUCTURES]
        return leaves, definition

    def _admitted(self, leaves: Sequence[Any], definition: TreeDef) -> list[Any]:
        plain = (*PYTHON_NUMBERS, bool, str)
        if all(type(leaf) in plain for leaf in leaves):
            return list(leaves)
        return [admit(leaf, path) for leaf, path in zip(leaves, readable_paths(definition), strict=True)]

    def _find_slowly(self, call: Call) -> tuple[Specialisation, list[Any]]:
        structure = (number_checks(), call.definition, call.statics, alias_pattern(call.leaves))
        key = (*structure, *map(coarse_token, call.leaves))
        with self.lock:
            versions = self.versions.setdefault(key, Versions())
            misfits = []
            for version in list(versions.entries):
                stale = version.still_current()
                if stale is not None:
                    misfits.append(stale)
                    self._forget(version)
                    continue
                values = version.values(call.leaves)
                misfit = version.misfit(values)
                if misfit is None:
                    versions.entries.remove(version)
                    versions.entries.insert(0, version)
                    return version, values
                misfits.append(misfit)
            # Staging says best what Python would refuse: with the user's line and these very sizes.
            return self._trace(call, versions, misfits)

    def _trace(self, call: Call, versions: Versions, misfits: list[Misfit]) -> tuple[Specialisation, list[Any]]:
        args, kwargs = _with_leaves(call)
        version = self.specialise(args, kwargs)
        self.traces += 1
        description = tuple(map(describe, call.leaves)) + tuple(map(repr, call.statics))
        if settings.explain_retraces and self.described:
            print(f"gradscribe: {self.name} is traced again: {self._why(misfits, description, call)}", file=sys.stderr)
        values = version.values(call.leaves)
        misfit = version.misfit(values)
        if misfit is not None:
            if misfit.fact is not None:
                raise version.refusal(misfit.fact, values)
            message = f"{self.name} was traced for arguments that do not satisfy it: {misfit.why}"
            raise InternalError(version.span, message, "this is a bug of gradscribe: please report it")
        versions.entries.insert(0, version)
        self.described.append((version, description))
        while len(self.described) > settings.max_specialisations:
            self._forget(self.described[0][0])
        return version, values

    def _forget(self, version: Specialisation) -> None:
        self.described = [entry for entry in self.described if entry[0] is not version]
        gone = self.known_entries.pop(version, None)
        self.entries = tuple(entry for entry in self.entries if entry is not gone)
        self.fast = {key: kept for key, kept in self.fast.items() if kept is not version}
        for versions in self.versions.values():
            if version in versions.entries:
                versions.entries.remove(version)

    def _why(self, misfits: list[Misfit], description: tuple[str, ...], call: Call) -> str:
        if misfits:
            return misfits[0].why
        earlier = [entry[1] for entry in self.described]
        closest = max(earlier, key=lambda old: sum(a == b for a, b in zip(old, description)))
        if len(closest) != len(description):
            return "the arguments have another structure"
        names = readable_paths(call.definition) + ["a static argument"] * len(call.statics)
        changes = [f"{n}: {a} became {b}" for n, a, b in zip(names, closest, description) if a != b]
        return "; ".join(changes) or "the arguments have another structure"


def readable_paths(definition: TreeDef) -> list[str]:
    """Paths of the leaves of ((args), {kwargs}) as messages write them: `args[0].w`, `scale`."""
    out = []
    for path in definition.paths(""):
        if path.startswith("[0]"):
            out.append("args" + path[3:])
        else:
            name, _, rest = path[3:].removeprefix("['").partition("']")
            out.append(name + rest)
    return out


def alias_pattern(leaves: Sequence[Any]) -> tuple[tuple[int, int], ...]:
    """Pairs of positions that hold the same array."""
    first: dict[int, int] = {}
    pairs = []
    for k, leaf in enumerate(leaves):
        if isinstance(leaf, np.ndarray):
            j = first.setdefault(id(leaf), k)
            if j != k:
                pairs.append((j, k))
    return tuple(pairs)


def _without_static(call: tuple[tuple[Any, ...], dict[str, Any]], static: Sequence[Any]) -> Any:
    if not static:
        return call
    args, kwargs = call
    names = [where for where, _ in static]
    return (
        tuple(value for k, value in enumerate(args) if k not in names),
        {name: value for name, value in kwargs.items() if name not in names},
    )


def _wrap_static(
    args: tuple[Any, ...], kwargs: dict[str, Any], static: Sequence[Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    names = [where for where, _ in static]
    return (
        tuple(StaticLeaf(value) if k in names else value for k, value in enumerate(args)),
        {name: StaticLeaf(value) if name in names else value for name, value in kwargs.items()},
    )


def _with_leaves(call: Call) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The call's arguments rebuilt around its admitted leaves, static arguments wrapped."""
    if call.unchanged:
        return call.args, call.kwargs
    args, kwargs = tree.unflatten(call.definition, call.leaves)
    dynamic = iter(args)
    full = tuple(value if isinstance(value, StaticLeaf) else next(dynamic) for value in call.args)
    return full, {name: value if isinstance(value, StaticLeaf) else kwargs[name] for name, value in call.kwargs.items()}
