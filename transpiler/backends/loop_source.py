"""Loop-level IR as a Python module that Numba compiles: explicit loops over C-contiguous arrays, no array expression
anywhere.

In: a lowered `Function`, which of its parameters are donated, and result positions that are a parameter. Out:
`LoopModule`: text, and what the loader needs to call it. The function takes the parameters, arrays for the results
that the caller can allocate, and a status record; it returns the other results that are not a parameter.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from gradscribe.transpiler.backends.caller_outputs import Allocations, Output
from gradscribe.transpiler.backends.folding import fold
from gradscribe.transpiler.backends.liveness import back_moves, branch_moves, entry_moves
from gradscribe.transpiler.backends.loop_checks import Failure, Lines, LoopChecks, Site
from gradscribe.transpiler.backends.loop_kernels import KERNELS, Call, shape_text
from gradscribe.transpiler.backends.loop_text import Expressions, dtype_name, literal_text
from gradscribe.transpiler.backends.names import assign_names
from gradscribe.transpiler.backends.storage import assign_storage
from gradscribe.transpiler.errors import NoRule, Span
from gradscribe.transpiler.ir.dims import Atom, Dim, Symbol
from gradscribe.transpiler.ir.index import Slice
from gradscribe.transpiler.ir.nodes import Effect, Eqn, Function, Literal, Operand, Region, Var
from gradscribe.transpiler.ir.types import ArrayType, StackType, Type
from gradscribe.transpiler.ir.walk import inner_eqns
from gradscribe.transpiler.passes.bufferize import bufferize
from gradscribe.transpiler.passes.lower.ranges import LARGEST_SIZE
from gradscribe.transpiler.passes.ownership import has_memory
from gradscribe.transpiler.primitives.regions import if_, is_counted, loop
from gradscribe.transpiler.primitives.stacks import stack_new, stack_push
from gradscribe.transpiler.primitives.structure import copy, update, update_add

RESERVED = frozenset(
    "np math njit u status failed range min max abs complex float int bool True False None list tuple len".split()
)


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


def write_loop_module(
    function: Function,
    donated: Collection[int] = (),
    identities: Mapping[int, int] | None = None,
    kernels: Collection[str] = (),
) -> LoopModule:
    """Print a lowered function. `kernels` are the names that `gradscribe.kernels` exports."""
    identities = dict(identities or {})
    for k, x in enumerate(function.results):
        if isinstance(x, Var) and x in function.params and has_memory(x):
            identities.setdefault(k, function.params.index(x))
    ready = bufferize(function, [function.params[k] for k in donated], identities).function
    return _Writer(ready, tuple(donated), identities, kernels).module()


class _Writer(LoopChecks):
    def __init__(
        self, function: Function, donated: tuple[int, ...], identities: Mapping[int, int], kernels: Collection[str]
    ) -> None:
        self.function, self.donated, self.identities, self.kernels = function, donated, identities, kernels
        folding = fold(function, inline_arrays=False)
        folding.inline -= {r for e in inner_eqns(function.region) for r in e.results if isinstance(r.type, StackType)}
        storage = assign_storage(function, folding)
        self.symbols = list(_symbols(function))
        names = assign_names(function, storage, self.symbols, RESERVED | set(kernels))
        self.text = Expressions(names, folding)
        self.names, self.folding = names, folding
        self.taken = {*names.classes.values(), *names.symbols.values(), *RESERVED, *kernels}
        self.out = Lines()
        self.failures: list[Failure] = []
        self.sites: list[Site] = []
        self.fails = False
        self.allocations = Allocations(self.symbols)

    # ---- the module ----
    def module(self) -> LoopModule:
        function = self.function
        self._entry()
        self.region(function.region)
        own = [k for k in range(len(function.results)) if k not in self.identities]
        texts = {k: self._returned(function.results[k]) for k in own}
        outputs = self.allocations.take(texts, [self.names.of(p) for p in function.params], self.out.lines)
        own = [k for k in own if k not in outputs]
        types = tuple(_as_array(function.results[k].type) for k in own)
        self.out.add(f"return {_tuple([texts[k] for k in own])}")
        params = ", ".join([*(self.names.of(p) for p in function.params), *outputs.values(), "status"])
        body = [f"def {function.name}({params}):", *self.out.lines]
        sources = {k: ("result", place) for place, k in enumerate(own)}
        sources |= {k: ("output", place) for place, k in enumerate(outputs)}
        return LoopModule(
            name=function.name,
            text="\n".join([*self._header(body, types), *body]) + "\n",
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

    def _header(self, body: Sequence[str], results: Sequence[ArrayType]) -> list[str]:
        text = "\n".join(body)
        words = dict.fromkeys(re.findall(r"(?<![.\w])[A-Za-z_]\w*", text))
        used = sorted(w for w in words if w in self.kernels)
        if self.fails:
            used = sorted({*used, "OPTIONS"})
        lines = ["import math", ""] if "math" in words else []
        lines += ["import numpy as np"]
        lines += ["from numba import njit"] if self.fails else []
        lines += [f"from gradscribe.kernels import {', '.join(used)}"] if used else []
        lines += (
            ["", "u = np.uint64  # subscripts cast to it are known not to count from the end"] if "u" in words else []
        )
        if self.fails:
            values = [_nothing(t) for t in results]
            lines += ["", "", "@njit(**OPTIONS)", "def failed():", f"    return {_tuple(values)}"]
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

    # ---- regions ----
    def region(self, region: Region) -> None:
        for eqn in region.eqns:
            if not any(self.folding.is_inline(r) for r in eqn.results):
                self.equation(eqn)

    def equation(self, eqn: Eqn) -> None:
        operation = eqn.operation
        if operation is loop:
            self.loop(eqn)
        elif operation is if_:
            self.branch(eqn)
        elif operation in (update, update_add) and any(isinstance(c, Slice) for c in eqn.params["at"]):
            self.write_back(eqn)
        elif operation in (update, update_add):
            target = self.text.element(self.names.of(eqn.results[0]), eqn.params["at"])
            sign = "=" if operation is update else "+="
            self.out.add(f"{target} {sign} {self.text.operand(eqn.operands[1])}")
        elif isinstance(eqn.results[0].type if eqn.results else None, StackType):
            self.stack(eqn)
        elif operation.effect is Effect.CHECK:
            self.check(eqn)
        elif operation.effect is Effect.IO:
            self.io(eqn)
        elif isinstance(eqn.results[0].type, ArrayType) and eqn.results[0].type.shape:
            self.array(eqn)
        else:
            self.out.add(f"{self.names.of(eqn.results[0])} = {self.text.equation(eqn)}")

    def write_back(self, eqn: Eqn) -> None:
        """The final value of a donated parameter, written into its memory as a whole (bufferization asks for it)."""
        target, value, k = self.fresh("target"), self.fresh("value"), self.fresh("k")
        self.out.add(f"{target} = {self.names.of(eqn.results[0])}.reshape(-1)")
        self.out.add(f"{value} = {self.text.operand(eqn.operands[1])}.reshape(-1)")
        self.out.add(f"for {k} in range({target}.size):")
        self.out.add(f"    {target}[{k}] = {value}[{k}]")

    def array(self, eqn: Eqn) -> None:
        """An operation on whole arrays."""
        kernel = KERNELS.get(eqn.operation)
        if kernel is None:
            raise NoRule(
                eqn.span, f"`{eqn.operation.name}` has no native form", "see gaps.toml for what is not there yet"
            )
        name, start = self.names.of(eqn.results[0]), len(self.out.lines)
        kernel(Call(self, eqn, name))
        if self.out.depth == 1:
            self.allocations.note(eqn, name, start, self.out.lines[start])

    # ---- control flow ----
    def loop(self, eqn: Eqn) -> None:
        self.moves(entry_moves(eqn))
        body = eqn.regions[-1]
        code = self.names.of(eqn.results[0]) if eqn.params["exits"] else ""
        if code:
            self.out.add(f"{code} = 0")
        if is_counted(eqn):
            counter = body.params[0]
            self.out.add(f"for {self.names.of(counter)} in {self._range(eqn)}:")
            if eqn.params["direction"] > 0 and eqn.params["lo"] == 0:
                self.text.counters.add(counter)
        else:
            self.out.add("while True:")
        self.out.depth += 1
        start = len(self.out.lines)
        if not is_counted(eqn):
            self.region(eqn.regions[0])
            self.out.add(f"if not ({self.text.operand(eqn.regions[0].results[0])}):")
            self.out.add("    break")
        self.region(body)
        moves = back_moves(eqn)
        if code:
            moves = [(eqn.results[0], body.results[0]), *moves]
        self.moves(moves)
        if code:
            self.out.add(f"if {code} != 0:")
            self.out.add("    break")
        if len(self.out.lines) == start:
            self.out.add("pass")
        self.out.depth -= 1

    def _range(self, eqn: Eqn) -> str:
        lo, hi = eqn.params["lo"], eqn.params["hi"]
        if eqn.params["direction"] < 0:
            return f"range({self.text.dim(hi - 1)}, {self.text.dim(lo - 1)}, -1)"
        return f"range({self.text.dim(hi)})" if lo == 0 else f"range({self.text.dim(lo)}, {self.text.dim(hi)})"

    def branch(self, eqn: Eqn) -> None:
        condition = self.text.operand(eqn.operands[0])
        blocks: list[list[str]] = []
        for region in eqn.regions:
            saved, self.out.lines = self.out.lines, []
            self.out.depth += 1
            self.region(region)
            self.moves(branch_moves(eqn, region))
            self.out.depth -= 1
            blocks.append(self.out.lines)
            self.out.lines = saved
        then, otherwise = blocks
        if then:
            self.out.add(f"if {condition}:")
            self.out.lines += then
            if otherwise:
                self.out.add("else:")
                self.out.lines += otherwise
        elif otherwise:
            self.out.add(f"if not ({condition}):")
            self.out.lines += otherwise

    def moves(self, moves: Sequence[tuple[Var, Operand]]) -> None:
        """A parallel assignment between names."""
        pairs: list[tuple[str, str]] = []
        for target, source in moves:
            name, text = self.names.of(target), self.text.operand(source)
            if name != text:
                pairs.append((name, text))
                if isinstance(target.type, StackType):
                    pairs.append((self.top(name), self.top(text)))
        while pairs:
            free = next((p for p in pairs if not any(_mentions(q[1], p[0]) for q in pairs if q is not p)), None)
            if free is None:
                break
            self.out.add(f"{free[0]} = {free[1]}")
            pairs.remove(free)
        if pairs:
            self.out.add(f"{', '.join(p[0] for p in pairs)} = {', '.join(p[1] for p in pairs)}")

    # ---- stacks ----
    def top(self, name: str) -> str:
        return f"{name}_top"

    def stack(self, eqn: Eqn) -> None:
        """A flat growable buffer and the number of elements in use."""
        name = self.names.of(eqn.results[0])
        top = self.top(name)
        if eqn.operation is stack_new:
            self.out.add(f"{name} = np.empty(64, {dtype_name(eqn.params['dtype'])})")
            self.out.add(f"{top} = 0")
            return
        if eqn.operation is copy:
            source = self.text.operand(eqn.operands[0])
            self.out.add(f"{name} = {source}.copy()")
            self.out.add(f"{top} = {self.top(source)}")
            return
        if eqn.operation is stack_push:
            value = eqn.operands[1]
            text = self.text.operand(value)
            if not value.type.dims():
                self.out.add(f"{name} = grow({name}, {top} + 1)")
                self.out.add(f"{name}[u({top})] = {text}")
                self.out.add(f"{top} += 1")
                return
            k, flat = self.fresh("k"), self.fresh("flat")
            self.out.add(f"{flat} = {text}.reshape(-1)")
            self.out.add(f"{name} = grow({name}, {top} + {flat}.size)")
            self.out.add(f"for {k} in range({flat}.size):")
            self.out.add(f"    {name}[u({top} + {k})] = {flat}[{k}]")
            self.out.add(f"{top} += {flat}.size")
            return
        value, shape = eqn.results[1], eqn.params["shape"]
        target = self.names.of(value)
        if not shape:
            self.out.add(f"{top} -= 1")
            self.out.add(f"{target} = {name}[u({top})]")
            return
        k, flat = self.fresh("k"), self.fresh("flat")
        self.out.add(f"{target} = np.empty({shape_text(self, shape)}, {dtype_name(value.type.dtype)})")
        self.out.add(f"{flat} = {target}.reshape(-1)")
        self.out.add(f"{top} -= {flat}.size")
        self.out.add(f"for {k} in range({flat}.size):")
        self.out.add(f"    {flat}[{k}] = {name}[u({top} + {k})]")


def _tuple(items: Sequence[str]) -> str:
    return f"({', '.join(items)}{',' if len(items) == 1 else ''})"


def _mentions(text: str, name: str) -> bool:
    return re.search(rf"(?<![.\w]){re.escape(name)}(?!\w)", text) is not None


def _as_array(type: Type) -> ArrayType:
    """How a value enters and leaves: a stack as the flat array of all that it holds."""
    return type if isinstance(type, ArrayType) else ArrayType(type.dtype, (Dim.of(Symbol("length")),))


def _nothing(type: ArrayType) -> str:
    """A value of that type, returned when the status says that nothing was computed."""
    if type.shape:
        return f"np.empty({_tuple(['0'] * type.rank)}, {dtype_name(type.dtype)})"
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
