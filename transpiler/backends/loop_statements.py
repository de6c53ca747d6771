"""Equations of loop-level IR as lines of loop text.

In: a lowered, bufferized function. Out: its statements: control flow, calls by name, writes, stacks.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from gradscribe.transpiler.backends.caller_outputs import Allocations
from gradscribe.transpiler.backends.folding import Folding
from gradscribe.transpiler.backends.liveness import back_moves, branch_moves, entry_moves
from gradscribe.transpiler.backends.loop_checks import LoopChecks
from gradscribe.transpiler.backends.loop_kernels import KERNELS, Call, shape_text
from gradscribe.transpiler.backends.loop_text import dtype_name, literal_text
from gradscribe.transpiler.errors import NoRule
from gradscribe.transpiler.ir.callees import Callee
from gradscribe.transpiler.ir.index import Slice
from gradscribe.transpiler.ir.nodes import Effect, Eqn, Literal, Operand, Region, Var
from gradscribe.transpiler.ir.types import ArrayType, StackType
from gradscribe.transpiler.primitives.calls import CALLS
from gradscribe.transpiler.primitives.python_calls import python_call
from gradscribe.transpiler.primitives.regions import if_, is_counted, loop
from gradscribe.transpiler.primitives.stacks import stack_new, stack_push
from gradscribe.transpiler.primitives.structure import copy, update, update_add

RESERVED = frozenset(
    "np math njit u status failed range min max abs complex float int bool True False None list tuple len".split()
)


class LoopStatements(LoopChecks):
    """Writes the statements of one function."""

    folding: Folding
    allocations: Allocations
    callees: Mapping[Callee, str]  # the names of the functions that are called by name
    name: str  # of this function, where it is called by name

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
        elif operation in CALLS:
            self.call(eqn)
        elif operation is python_call:
            self.python_call(eqn)
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

    def call(self, eqn: Eqn) -> None:
        """A call by name. Scalars are handed over as exactly what the parameters are, or Numba would take the call for
        one of another function."""
        callee: Callee = eqn.params["callee"]
        given = []
        for x, p in zip(eqn.operands, callee.function.params, strict=True):
            text = literal_text(x) if isinstance(x, Literal) else self.text.operand(x)
            given.append(text if p.type.dims() else f"{dtype_name(p.type.dtype)}({text})")
        depth = "depth + 1" if self.name else "np.int64(1)"
        targets = [self.names.of(r) for r in eqn.results]
        before = f"{', '.join(targets)}{',' if len(targets) == 1 else ''} = " if targets else ""
        self.out.add(f"{before}{self.callees[callee]}({', '.join([*given, depth, 'status'])})")
        self.out.add("if status[0] != 0:")
        self.out.depth += 1
        self._leave()

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
            self.test_ends(eqn)
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


def tuple_text(items: Sequence[str]) -> str:
    return f"({', '.join(items)}{',' if len(items) == 1 else ''})"


def _mentions(text: str, name: str) -> bool:
    return re.search(rf"(?<![.\w]){re.escape(name)}(?!\w)", text) is not None
