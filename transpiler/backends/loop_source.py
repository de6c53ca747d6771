"""Loop-level IR as a Python module that Numba compiles: explicit loops over C-contiguous arrays, no array expression
anywhere.

In: a lowered `Function`, which of its parameters are donated, and result positions that are a parameter. Out:
`LoopModule`: text, and what the loader needs to call it. The function takes the parameters, arrays for the results
that the caller can allocate, and a status record; it returns the other results that are not a parameter.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from gradscribe.transpiler.backends.caller_outputs import Allocations, Output
from gradscribe.transpiler.backends.entry_checks import binding_places
from gradscribe.transpiler.backends.folding import fold
from gradscribe.transpiler.backends.loop_checks import Failure, Lines, Site
from gradscribe.transpiler.backends.loop_statements import RESERVED, LoopStatements, tuple_text
from gradscribe.transpiler.backends.loop_text import Expressions, dtype_name, literal_text
from gradscribe.transpiler.backends.module_facts import module_facts
from gradscribe.transpiler.backends.names import assign_names
from gradscribe.transpiler.backends.storage import assign_storage
from gradscribe.transpiler.errors import Span
from gradscribe.transpiler.ir.callees import Callee, reached_callees
from gradscribe.transpiler.ir.dims import Atom, Dim, Symbol
from gradscribe.transpiler.ir.nodes import Function, Literal, Operand, Var
from gradscribe.transpiler.ir.types import ArrayType, StackType, Type
from gradscribe.transpiler.ir.walk import inner_eqns
from gradscribe.transpiler.passes.bufferize import bufferize
from gradscribe.transpiler.passes.lower.lowering import lower
from gradscribe.transpiler.passes.lower.ranges import LARGEST_SIZE
from gradscribe.transpiler.passes.ownership import has_memory
from gradscribe.transpiler.primitives.calls import CALLS

DEEPEST = 1000  # levels of recursion: Python's own default, and within the stack of any thread


@dataclass(frozen=True)
class LoopModule:
    """`text` defines `name(*params, *outputs, status)`. `returned[k]` says where flat result k comes from: ("result",
    position), ("output", position) or ("parameter", position)."""

    name: str
    text: str
    params: tuple[ArrayType, ...]
    results: tuple[ArrayType, ...]
    returned: tuple[tuple[str, int], ...]
    failures: tuple[Failure, ...]
    donated: tuple[int, ...] = ()
    outputs: tuple[Output, ...] = ()
    sites: tuple[Site, ...] = ()
    cacheable: bool = True


def write_loop_module(
    function: Function,
    donated: Collection[int] = (),
    identities: Mapping[int, int] | None = None,
    kernels: Collection[str] = (),
) -> LoopModule:
    """Print a lowered function, and before it those that it calls by name, which are lowered here. `kernels` are the
    names that `gradscribe.kernels` exports."""
    identities = dict(identities or {})
    for k, x in enumerate(function.results):
        # A result that is a parameter as it came; one that is written holds something else in the end.
        if isinstance(x, Var) and x in function.params and has_memory(x) and function.params.index(x) not in donated:
            identities.setdefault(k, function.params.index(x))
    ready = bufferize(function, [function.params[k] for k in donated], identities).function
    names = module_facts(function, function.name).names
    shared = Shared()
    called = [
        _Writer(bufferize(lower(callee.function)).function, (), {}, kernels, names, shared, name)
        for callee, name in names.items()
    ]
    bodies = [writer.called_by_name() for writer in called]
    module = _Writer(ready, tuple(donated), identities, kernels, names, shared).module(bodies)
    return replace(module, cacheable=not _mutual(names))


def _arrays_returned(function: Function) -> dict[Var, str]:
    """Arrays among the results, and what a result is called. With a name of its own, its memory can be the caller's."""
    hints = function.result_hints or [""] * len(function.results)
    return {x: hint for x, hint in zip(function.results, hints, strict=True) if isinstance(x, Var) and has_memory(x)}


def _mutual(callees: Collection[Callee]) -> bool:
    """Two functions call each other. Numba's machine code for that refers to an address of its own process."""
    reach = {c: set(reached_callees(c.function.region)) for c in callees}
    return any(a is not b and b in reach[a] and a in reach[b] for a in callees for b in callees)


@dataclass(frozen=True)
class Shared:
    """What the functions of a module number together."""

    failures: list[Failure] = field(default_factory=list)
    sites: list[Site] = field(default_factory=list)


class _Writer(LoopStatements):
    def __init__(
        self,
        function: Function,
        donated: tuple[int, ...],
        identities: Mapping[int, int],
        kernels: Collection[str],
        callees: Mapping[Callee, str],
        shared: Shared,
        name: str = "",
    ) -> None:
        self.function, self.donated, self.identities, self.kernels = function, donated, identities, kernels
        self.callees = callees
        self.name = name  # of a function that is called by name
        self.failed = f"{name}_failed" if name else "failed"
        reserved = RESERVED | set(kernels) | set(callees.values()) | ({"depth"} if name else set())
        folding = fold(function, inline_arrays=False)
        folding.inline -= {r for e in inner_eqns(function.region) for r in e.results if isinstance(r.type, StackType)}
        storage = assign_storage(function, folding)
        self.symbols = list(_symbols(function))
        names = assign_names(function, storage, self.symbols, reserved, _arrays_returned(function))
        self.text = Expressions(names, folding)
        self.names, self.folding = names, folding
        self.taken = {*names.classes.values(), *names.symbols.values(), *reserved}
        self.out = Lines()
        self.inside = {}
        self.failures, self.sites = shared.failures, shared.sites
        self.fails = False
        self.allocations = Allocations(self.symbols)

    # ---- the module ----
    def called_by_name(self) -> list[str]:
        """The text of a function that others call by name. What leaves it first is what its recursion does not reach:
        the type of the result follows from that."""
        function = self.function
        inside = (e.span for e in inner_eqns(function.region) if e.operation in CALLS)
        place = next((span for span in inside if span is not None), function.span)
        number = self._failure(Failure(place, "maximum recursion depth exceeded", RecursionError))
        self.words("record")
        self.out.add(f"if depth > {DEEPEST}:")
        self.out.depth += 1
        self.out.add(f"record(status, 9, {number}, 0, 0)")
        self._leave()
        for symbol, (p, axis) in binding_places(function).items():
            self.out.add(f"{self.names.symbols[symbol]} = {self.names.of(p)}.shape[{axis}]")
        self.region(function.region)
        self.out.add(f"return {tuple_text([self._returned(x) for x in function.results])}")
        params = ", ".join([*(self.names.of(p) for p in function.params), "depth", "status"])
        types = tuple(x.type for x in function.results if isinstance(x.type, ArrayType))
        body = ["@njit(**OPTIONS)", f"def {self.name}({params}):", *self.out.lines]
        return [*self._failed_function(types), "", "", *body]

    def _failed_function(self, results: Sequence[ArrayType]) -> list[str]:
        values = [_nothing(t) for t in results]
        return ["@njit(**OPTIONS)", f"def {self.failed}():", f"    return {tuple_text(values)}"]

    def module(self, called: Sequence[Sequence[str]] = ()) -> LoopModule:
        function = self.function
        self._entry()
        self.region(function.region)
        own = [k for k in range(len(function.results)) if k not in self.identities]
        texts = {k: self._returned(function.results[k]) for k in own}
        outputs = self.allocations.take(texts, [self.names.of(p) for p in function.params], self.out.lines)
        own = [k for k in own if k not in outputs]
        types = tuple(_as_array(function.results[k].type) for k in own)
        self.out.add(f"return {tuple_text([texts[k] for k in own])}")
        params = ", ".join([*(self.names.of(p) for p in function.params), *outputs.values(), "status"])
        body = [line for text in called for line in (*text, "", "")]
        start = len(body)
        body += [f"def {function.name}({params}):", *self.out.lines]
        sources = {k: ("result", place) for place, k in enumerate(own)}
        sources |= {k: ("output", place) for place, k in enumerate(outputs)}
        return LoopModule(
            name=function.name,
            text="\n".join([*self._header(body, start, types), *body[start:]]) + "\n",
            params=tuple(_as_array(p.type) for p in function.params),
            results=types,
            returned=tuple(
                sources[k] if k in sources else ("parameter", self.identities[k]) for k in range(len(function.results))
            ),
            failures=tuple(self.failures),
            donated=self.donated,
            outputs=self.allocations.outputs(list(outputs.values())),
            sites=tuple(self.sites),
        )

    def _returned(self, x: Operand) -> str:
        if isinstance(x, Var) and isinstance(x.type, StackType):
            name = self.names.of(x)
            return f"{name}[:{self.top(name)}].copy()"
        return literal_text(x) if isinstance(x, Literal) else self.text.operand(x)

    def _header(self, body: Sequence[str], start: int, results: Sequence[ArrayType]) -> list[str]:
        """Imports, and the functions before the one at line `start` of the body."""
        text = "\n".join(body)
        words = dict.fromkeys(re.findall(r"(?<![.\w])[A-Za-z_]\w*", text))
        used = sorted(w for w in words if w in self.kernels)
        compiled = self.fails or start > 0
        if compiled:
            used = sorted({*used, "OPTIONS"})
        lines = ["import math", ""] if "math" in words else []
        lines += ["import numpy as np"]
        lines += ["from numba import njit"] if compiled else []
        lines += [f"from gradscribe.kernels import {', '.join(used)}"] if used else []
        lines += (
            ["", "u = np.uint64  # subscripts cast to it are known not to count from the end"] if "u" in words else []
        )
        lines += ["", "", *body[: start - 2]] if start else []
        lines += ["", "", *self._failed_function(results)] if self.fails else []
        return [*lines, "", ""]

    # ---- entry ----
    def _entry(self) -> None:
        function = self.function
        known: set[Atom] = set()
        for p in function.params:
            if isinstance(p.type, StackType):
                name = self.names.of(p)
                self.out.add(f"{self.top(name)} = {name}.size")
        checks: list[tuple[str, Dim, Span | None]] = []
        for p in function.params:
            for axis, dim in enumerate(p.type.dims()):
                atom = dim.single_atom
                size = f"{self.names.of(p)}.shape[{axis}]"
                if isinstance(atom, Symbol) and atom not in known:
                    known.add(atom)
                    self.out.add(f"{self.names.symbols[atom]} = {size}")
                    name = self.names.symbols[atom]
                    self._refuse(
                        f"{name} < {atom.lower} or {name} > {LARGEST_SIZE}",
                        name,
                        f"{p.hint or 'argument'}: axis {axis} has fewer than {atom.lower} elements, or very many",
                        ValueError,
                    )
                else:
                    checks.append((size, dim, function.span))
        for size, dim, span in checks:
            self.words("record", "SHAPE")
            number = self._failure(Failure(span))
            self.out.add(f"if {size} != {self.text.dim(dim)}:")
            self.out.depth += 1
            self.out.add(f"record(status, 5, {number}, {self.text.dim(dim)}, {size})")
            self._leave()
        for guard in function.guards:
            test = "!= 0" if guard.kind == "eq" else "< 0"
            number = self._failure(Failure(guard.span, guard.message, ValueError))
            self.words("record")
            self.out.add(f"if {self.text.dim(guard.dim)} {test}:")
            self.out.depth += 1
            self.out.add(f"record(status, 9, {number}, 0, 0)")
            self._leave()

    def _refuse(self, test: str, value: str, message: str, error: type[Exception]) -> None:
        number = self._failure(Failure(self.function.span, message, error))
        self.words("record")
        self.out.add(f"if {test}:")
        self.out.depth += 1
        self.out.add(f"record(status, 9, {number}, {value}, 0)")
        self._leave()


def _as_array(type: Type) -> ArrayType:
    """How a value enters and leaves: a stack as the flat array of all that it holds."""
    return type if isinstance(type, ArrayType) else ArrayType(type.dtype, (Dim.of(Symbol("length")),))


def _nothing(type: ArrayType) -> str:
    """A value of that type, returned when the status says that nothing was computed."""
    if type.shape:
        return f"np.empty({tuple_text(['0'] * type.rank)}, {dtype_name(type.dtype)})"
    return literal_text(Literal(type.dtype.type(0)))


def _symbols(function: Function) -> Iterator[Symbol]:
    """Entry symbols in order of the parameters."""
    seen: dict[Symbol, None] = {}
    for p in function.params:
        for dim in p.type.dims():
            for leaf in dim.leaves():
                if isinstance(leaf, Symbol):
                    seen.setdefault(leaf)
    yield from seen
