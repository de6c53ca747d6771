"""The short way into a version: one generated function that tests whether a call fits and, if so, runs it.

In: a `Specialisation` that has run, and a call it served. Out: a function of (args, kwargs) that gives what the call
gives, or `MISS`. Assumes nothing about the call it is tried on. Establishes: it runs the version only where the full
dispatcher could choose it: same structure, classes, dtypes, ranks, 0/1 sizes and static values, contiguous writable
arrays that are distinct objects, current functions and captured values, facts that hold. Whatever else a call may be
(a view with strides, a subclass, an error) is `MISS`, and nothing has happened: the full dispatcher takes over.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

import gradscribe.kernels as kernels
from gradscribe.transpiler.api.guarding import entry_dims, written_facts
from gradscribe.transpiler.api.leaves import PYTHON_NUMBERS, ById, static_token
from gradscribe.transpiler.api.results import own, scalar_kind
from gradscribe.transpiler.api.specialisation import Specialisation, apart
from gradscribe.transpiler.backends.entry_dims import EntryDims
from gradscribe.transpiler.backends.load import NativeFunction, allocation_text
from gradscribe.transpiler.errors import Steering, reporting
from gradscribe.transpiler.flatteners import BUILDING, TAKING, TreeText, write_build, write_key_check, write_take
from gradscribe.transpiler.frontend.reading import Reading, StillHolds
from gradscribe.transpiler.ir.staged import ArgumentIdentity, ResultLeaf, StaticLeaf
from gradscribe.transpiler.ir.types import ArrayType
from gradscribe.transpiler.tree import TreeDef

Entry = Callable[[tuple[Any, ...], dict[str, Any]], Any]
MISS: Any = object()

_SIZE_LIMIT = 1000  # of trees; beyond it, writing and compiling the text takes longer than it is likely to save
_PAIRS_LIMIT = 4  # arrays compared pair by pair; more are compared through a set of their ids


class _NoEntry(Steering):
    """The version needs something that only the full dispatcher does."""


@dataclass(frozen=True)
class EntryCall:
    """A call that the version served, for which an entry is written: dynamic leaves and their structure; static
    arguments as (position or name, value); flat parameter values."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    static: Sequence[tuple[Any, Any]]
    leaves: Sequence[Any]
    definition: TreeDef
    values: Sequence[Any]


def entry_for(version: Specialisation, call: EntryCall) -> Entry | None:
    """The entry of a version, or None if it writes containers, or takes arrays that are not contiguous,
    zero-dimensional arrays, or static values without a simple test."""
    if version.writes_containers or version.containers:
        return None
    if isinstance(version.run, NativeFunction) and version.run.module.sites:  # it calls back into Python
        return None
    if call.definition.size > _SIZE_LIMIT or version.builder.definition.size > _SIZE_LIMIT:
        return None
    try:
        with reporting("writing the short way into a version", version.span):
            return _EntryWriter(version, call).entry()
    except _NoEntry:
        return None


class _EntryWriter:
    def __init__(self, version: Specialisation, call: EntryCall) -> None:
        self.version, self.call = version, call
        self.text = TreeText(otherwise="return MISS")
        self.names: list[str] = [""] * len(version.types)  # of flat parameters

    def entry(self) -> Entry:
        text, version = self.text, self.version
        leaves = self._take_arguments()
        for name, leaf in zip(leaves, self.call.leaves, strict=True):
            self._require_like(name, leaf)
        self._require_distinct([n for n, leaf in zip(leaves, self.call.leaves) if type(leaf) is np.ndarray])
        self._require_current()
        for k, place in enumerate(version.leaf_positions):
            if place >= 0:
                self.names[k] = leaves[place]
        for k, capture in version.captures:
            assert capture.read is not None
            self.names[k] = text.value()
            text.lines.append(f"{self.names[k]} = {self._read(capture.read)}  # {capture.path}")
            self._require_like(self.names[k], self.call.values[k])
        if version.written:
            self._require_apart()
        dims = entry_dims(version.staged.function, self._size, self._number)
        for fact in written_facts(version.staged.function, [""] * len(self.names), dims):
            text.require(fact.text)
        run = version.run
        sources, after = self._run_native(run) if isinstance(run, NativeFunction) else self._run_python()
        last = text.lines.pop()  # the call itself: what it raises is the caller's
        text.lines = [
            "def entry(args, kwargs):",
            "    try:",
            *(f"        {line}" for line in text.lines),
            "    except Exception:  # nothing has run yet: the full dispatcher says what is wrong",
            "        return MISS",
        ]
        if isinstance(run, NativeFunction):
            text.lines += [
                "    try:",
                f"        {last}",
                "    except OverflowError:  # an int that 64 bits do not hold: nothing has run yet either",
                "        return MISS",
            ]
        else:
            text.lines.append(f"    {last}")
        start = len(text.lines)
        text.lines += after
        for mutation in version.mutations:
            target, new = self.names[mutation.parameter], sources[mutation.position]
            if new != target:
                text.lines += [f"if {new} is not {target}:", f"    {target}[...] = {new}"]
        value = self._build(sources)
        text.lines[start:] = [f"    {line}" for line in [*text.lines[start:], f"return {value}"]]
        entry: Entry = text.define("entry", _WORDS)
        return entry

    # ---- the arguments ----
    def _take_arguments(self) -> list[str]:
        """Lines that take the arguments apart; the names of the dynamic leaves."""
        text, args, kwargs = self.text, self.call.args, self.call.kwargs
        static = dict(self.call.static)
        positional = [text.value() for _ in args]
        text.require(f"len(args) == {len(args)} and " + (f"len(kwargs) == {len(kwargs)}" if kwargs else "not kwargs"))
        if args:
            text.lines.append(f"({', '.join(positional)},) = args")
        named = {name: text.value() for name in kwargs}
        text.lines += [f"{value} = kwargs[{name!r}]" for name, value in named.items()]
        if kwargs:
            text.plain_dicts.append("kwargs")
        for where, value in static.items():
            self._require_static(named[where] if isinstance(where, str) else positional[where], value)
        in_args, in_kwargs = self.call.definition.children
        found: list[str] = []
        dynamic = [name for k, name in enumerate(positional) if k not in static]
        for child, name in zip(in_args.children, dynamic, strict=True):
            write_take(child, name, text, found)
        keys: Any = in_kwargs.static
        for child, key in zip(in_kwargs.children, keys or (), strict=True):
            write_take(child, named[key], text, found)
        write_key_check(text)
        return found

    def _require_like(self, name: str, example: Any) -> None:
        """The value has the token of the example."""
        if type(example) is np.ndarray:
            self._require_array(name, example)
        elif type(example) in PYTHON_NUMBERS or isinstance(example, np.generic):
            self.text.require(f"type({name}) is {self.text.constant(type(example))}")
        else:
            self._require_static(name, example)

    def _require_array(self, name: str, example: np.ndarray) -> None:
        if not example.ndim or not example.flags.c_contiguous:
            raise _NoEntry
        text, dtype = self.text, self.text.constant(example.dtype)
        # An unpickled array has a dtype of its own, which is only equal.
        text.require(f"type({name}) is ndarray and ({name}.dtype is {dtype} or {name}.dtype == {dtype})")
        text.lines.append(f"{name}_flags = {name}.flags")
        text.require(f"{name}_flags.carray")
        sizes = [f"{name}_{axis}" for axis in range(example.ndim)]
        text.lines.append(f"({', '.join(sizes)},) = {name}.shape")
        tests = [f"{s} >= 2" if n >= 2 else f"{s} == {n}" for s, n in zip(sizes, example.shape, strict=True)]
        text.require(" and ".join(tests))

    def _require_static(self, name: str, value: Any) -> None:
        """As `static_token` has it, for values that have a simple test."""
        constant = self.text.constant(value)
        if type(value) in (int, str, bytes):
            self.text.require(f"type({name}) is {type(value).__name__} and {name} == {constant}")
        elif type(value) in (bool, type(None), type(Ellipsis)) or _by_identity(value):
            self.text.require(f"{name} is {constant}")
        else:
            raise _NoEntry

    def _require_distinct(self, arrays: Sequence[str]) -> None:
        if len(arrays) > _PAIRS_LIMIT:
            self.text.require(f"len({{{', '.join(f'id({name})' for name in arrays)}}}) == {len(arrays)}")
        elif len(arrays) > 1:
            self.text.require(" and ".join(f"{a} is not {b}" for a, b in combinations(arrays, 2)))

    def _require_apart(self) -> None:
        """No written array shares memory with another, as far as that is seen at once. Two objects that own their
        memory do not; of others the bounds are compared."""
        arrays = [self.names[k] for k in self.version.array_params]
        written = [self.names[k] for k in self.version.written if k in self.version.array_params]
        if self.version.captures:
            self._require_distinct(arrays)
        if len(arrays) > 1 and written:
            owners = " and ".join(f"{name}_flags.owndata" for name in arrays)
            self.text.require(f"{owners} or apart(({', '.join(written)},), ({', '.join(arrays)},))")

    # ---- what the version relies on besides ----
    def _require_current(self) -> None:
        text = self.text
        for function, code, defaults, named in self.version.codes:
            f = text.constant(function)
            text.require(f"{f}.__code__ is {text.constant(code)}")
            if code.co_argcount:
                text.require(f"{f}.__defaults__ is {text.constant(defaults)}")
            if code.co_kwonlyargcount:
                text.require(f"{f}.__kwdefaults__ is {text.constant(named)}")
        for check in self.version.staged.static_checks:
            if isinstance(check, StillHolds) and not check.by_value:
                text.require(f"{self._read(check.read)} is {text.constant(check.value)}")
            elif isinstance(check, StillHolds) and type(check.value) in (bool, int, str, bytes, type(None)):
                now = text.value()
                text.lines.append(f"{now} = {self._read(check.read)}")
                self._require_static(now, check.value)
            else:
                text.require(f"{text.constant(check)}()")

    def _read(self, read: Callable[[], Any]) -> str:
        """The expression that fetches a captured value."""
        if not isinstance(read, Reading):
            return f"{self.text.constant(read)}()"
        if read.kind == "part":
            return f"{self._read(read.owner)}[{self.text.constant(read.key)}]"
        owner = self.text.constant(read.owner)
        if read.kind == "attribute" and read.key.isidentifier():
            return f"{owner}.{read.key}"
        if read.kind == "item":
            return (
                f"{owner}[{read.key!r}]" if type(read.key) in (int, str) else f"{owner}[{self.text.constant(read.key)}]"
            )
        return f"{owner}.cell_contents" if read.kind == "cell" else f"{self.text.constant(read)}()"

    # ---- the run ----
    def _size(self, k: int, axis: int) -> str:
        return f"{self.names[k]}_{axis}"

    def _number(self, k: int) -> str:
        return self.names[k] if type(self.call.values[k]) is int else f"int({self.names[k]})"

    def _run_native(self, run: NativeFunction) -> tuple[list[str], list[str]]:
        """The text of each flat result, and lines after the call."""
        text, module = self.text, run.module
        dims = EntryDims(module.params, self._size)
        for k, output in enumerate(module.outputs):
            dtype = text.constant(output.type.dtype)
            text.lines.append(f"out{k} = {allocation_text(output, dims, dtype, clip=False)}")
        outputs = [f"out{k}" for k in range(len(module.outputs))]
        pool = text.constant([])  # of records that say all is well, each in use by one call at most
        text.lines.append(f"status = {pool}.pop() if {pool} else new_status()")
        after = ["if status[0]:", f"    {text.constant(run.raise_failure)}(status)", f"{pool}.append(status)"]
        found = [f"r{k}" for k in range(len(module.results))]
        targets = f"({', '.join(found)},) = " if found else ""
        inputs = ", ".join([*self.names, *outputs, "status"])
        text.lines.append(f"{targets}{text.constant(run.compiled)}({inputs})")
        finished = [
            f"{text.constant(t.dtype.type)}({r})" if not t.shape and not t.weak else r
            for r, t in zip(found, module.results, strict=True)
        ]
        places = {"result": finished, "output": outputs, "parameter": self.names}
        return [places[where][place] for where, place in module.returned], after

    def _run_python(self) -> tuple[list[str], list[str]]:
        text, results = self.text, self.version.staged.function.results
        found = [f"r{k}" for k in range(len(results))]
        targets = f"({', '.join(found)},) = " if found else ""
        text.lines.append(f"{targets}{text.constant(self.version.run)}({', '.join(self.names)})")
        after = []
        for name, x in zip(found, results, strict=True):
            if isinstance(x.type, ArrayType) and not x.type.shape:  # a tape is handed on as it is
                cls = text.constant(scalar_kind(x.type))
                after += [f"if type({name}) is not {cls}:", f"    {name} = {cls}({name})"]
        return found, after

    # ---- the result ----
    def _build(self, sources: Sequence[str]) -> str:
        """Lines that put the return value together from the texts of the flat results; its name."""
        text, version = self.text, self.version
        rest = TreeText(constants=text.constants, values=text.values)
        found: list[str] = []
        value = write_build(version.builder.definition, rest, found)
        shared = [self.names[k] for k in version.array_params]
        for name, place in zip(found, version.builder.placeholders, strict=True):
            text.lines.append(f"{name} = {self._leaf(place, name, sources, shared)}")
        text.lines += rest.lines
        return value

    def _leaf(self, place: Any, name: str, sources: Sequence[str], shared: list[str]) -> str:
        version = self.version
        if isinstance(place, ArgumentIdentity):
            type = version.types[place.parameter]
            if version.builder.keep_identity:
                return self.names[place.parameter]
            source = self.names[place.parameter] if place.position is None else sources[place.position]
        elif isinstance(place, ResultLeaf):
            type = version.staged.function.results[place.position].type
            source = sources[place.position]
        else:
            return self.text.constant(place.value if isinstance(place, StaticLeaf) else place)
        if not isinstance(type, ArrayType) or not type.shape:
            return source
        if source in self.names:
            return f"{source}.copy()"
        if isinstance(version.run, NativeFunction):  # memory of its own, as bufferization has it; handed out once
            taken = source in shared
            shared.append(source)
            return f"{source}.copy()" if taken else source
        others = "".join(f"{other}, " for other in shared)
        shared.append(name)
        return f"own({source}, ({others}))"


_WORDS: dict[str, Any] = {
    **TAKING,
    **BUILDING,
    "MISS": MISS,
    "ndarray": np.ndarray,
    "empty": np.empty,
    "zeros": np.zeros,
    "new_status": kernels.new_status,
    "apart": apart,
    "own": own,
}


def _by_identity(value: Any) -> bool:
    return isinstance(static_token(value), ById)
