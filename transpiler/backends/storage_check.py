"""A proof, for each emitted function, that every name holds the value it is read for, and that its memory is intact.

In: a bufferized `Function`, its `Folding` and `Names`. Out: nothing, or `StorageConflict`. Runs the text abstractly:
which value does each name hold, and which values have lost their memory to a write. Shares nothing with the
interference graph but the meaning of the equations, so that a wrong graph becomes an error and never a wrong number.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from gradscribe.transpiler.backends.folding import Folding
from gradscribe.transpiler.backends.liveness import (
    Move,
    back_moves,
    branch_moves,
    entry_moves,
    exit_code,
    in_place,
    leaves_by_literals,
    range_leaves,
    region_moves,
)
from gradscribe.transpiler.backends.names import Names
from gradscribe.transpiler.ir.nodes import Eqn, Function, Operand, Region, Var
from gradscribe.transpiler.ir.types import StackType
from gradscribe.transpiler.passes.ownership import consumed_operands, has_memory, view_base
from gradscribe.transpiler.primitives.regions import if_, is_counted, loop, loop_carries, result_carries

State = dict[str, tuple[Var, ...]]  # the values that a name holds: several, after an assignment of a name to itself


class StorageConflict(AssertionError):
    """The emitted text would read a wrong or overwritten value: a bug of gradscribe, never of the user."""


def check_storage(function: Function, folding: Folding, names: Names, donated: Collection[Var] = ()) -> None:
    """Raise `StorageConflict` if the text read anything but what the program means."""
    check = _Check(folding, names, [p for p in function.params if p not in set(donated)])
    state: State = {names.of(p): (p,) for p in function.params}
    if len(state) != len(function.params):
        raise StorageConflict(f"{function.name}: two parameters have one name")
    check.region(function.region, state)
    for x in function.results:
        check.read(folding.leaves(x), state)


class _Check:
    def __init__(self, folding: Folding, names: Names, borrowed: Iterable[Var]) -> None:
        self.folding = folding
        self.names = names
        self.borrowed = set(borrowed)
        self.lost: set[Var] = set()  # values whose memory was written or handed on
        self.sharers: dict[Var, list[Var]] = {}

    def root(self, x: Var) -> Var:
        while (base := view_base(x)) is not None:
            x = base
        return x

    def read(self, leaves: Iterable[Var], state: State) -> None:
        for x in leaves:
            name = self.names.of(x)
            if x not in state.get(name, ()):
                raise StorageConflict(f"`{name}` is read as {x!r} but holds {state.get(name)!r}")
            if x in self.lost or self.root(x) in self.lost:
                raise StorageConflict(f"`{name}` is read as {x!r} after its memory was written")

    def define(self, x: Var, state: State) -> None:
        state[self.names.of(x)] = (x,)
        self.lost.discard(x)

    def stays(self, target: Var, source: Operand) -> bool:
        """The assignment is of a name to itself."""
        if not isinstance(source, Var) or self.folding.is_inline(source):
            return False
        return self.names.of(source) == self.names.of(target)

    def take(self, x: Var) -> None:
        """The memory of `x` goes to somebody else."""
        root = self.root(x)
        if root in self.borrowed:
            raise StorageConflict(f"the memory of {root!r} is not ours to write")
        if root in self.lost or x in self.lost:
            raise StorageConflict(f"{x!r} is consumed after its memory was written")
        self.lost.add(root)
        self.lost.add(x)

    def move(self, moves: list[Move], state: State) -> None:
        """A parallel assignment: all sources are read, and give up their memory, before any target is assigned."""
        for _, source in moves:
            self.read(self.folding.leaves(source), state)
        for _, source in moves:
            if isinstance(source, Var) and has_memory(source):
                self.take(source)
        held = {id(target): state[self.names.of(target)] for target, source in moves if self.stays(target, source)}
        for target, _ in moves:
            self.define(target, state)
            if id(target) in held:
                state[self.names.of(target)] = (*held[id(target)], target)

    def region(self, region: Region, state: State) -> None:
        for eqn in region.eqns:
            if eqn.operation is loop:
                self.loop(eqn, state)
            elif eqn.operation is if_:
                self.branch(eqn, state)
            elif not any(self.folding.is_inline(r) for r in eqn.results):
                self.read(self.folding.eqn_leaves(eqn), state)
                for k in consumed_operands(eqn):
                    operand = eqn.operands[k]
                    assert isinstance(operand, Var)
                    self.take(operand)
                if in_place(eqn):
                    first, base = eqn.results[0], eqn.operands[0]
                    assert isinstance(base, Var)
                    if self.names.of(first) != self.names.of(base):
                        raise StorageConflict(f"{first!r} is {base!r} after a write and has another name")
                if len({self.names.of(r) for r in eqn.results}) != len(eqn.results):
                    raise StorageConflict(f"two results of {eqn.operation.name} have one name")
                for r in eqn.results:
                    self.define(r, state)
            elif any(isinstance(r.type, StackType) for r in eqn.results) and consumed_operands(eqn):
                raise StorageConflict(f"{eqn.operation.name} is a statement and was folded")

    def branch(self, eqn: Eqn, state: State) -> None:
        self.read(self.folding.eqn_leaves(eqn), state)
        lost_before, ends, lost = set(self.lost), [], set()
        for region in eqn.regions:
            inner = dict(state)
            self.lost = set(lost_before)
            self.region(region, inner)
            self.move(branch_moves(eqn, region), inner)
            ends.append(inner)
            lost |= self.lost
        self.lost = lost
        self.distinct(eqn.results)
        kept = {name: tuple(x for x in held if x in ends[1].get(name, ())) for name, held in ends[0].items()}
        state.clear()
        state.update(kept)

    def distinct(self, targets: Iterable[Var]) -> None:
        used = [self.names.of(t) for t in targets]
        if len(set(used)) != len(used):
            raise StorageConflict(f"assigned together, one name: {used}")

    def assigned(self, region: Region) -> set[str]:
        """Names that the text of a region may assign."""
        out: set[str] = set()
        for eqn in region.eqns:
            if eqn.regions:
                out |= {self.names.of(t) for t, s in region_moves(eqn) if not self.stays(t, s)}
                out |= set().union(*(self.assigned(inner) for inner in eqn.regions))
            elif not any(self.folding.is_inline(r) for r in eqn.results):
                out |= {self.names.of(r) for r in eqn.results}
            if eqn.operation is loop:
                code = exit_code(eqn)
                out |= {self.names.of(code)} if code is not None else set()
                out |= {self.names.of(eqn.regions[-1].params[0])} if is_counted(eqn) else set()
        return out

    def loop(self, eqn: Eqn, state: State) -> None:
        self.move(entry_moves(eqn), state)
        code = exit_code(eqn)
        carries = [*loop_carries(eqn), *([code] if code is not None else [])]
        self.distinct(carries)
        if code is not None:
            self.define(code, state)
        self.read(range_leaves(eqn, self.folding), state)
        body = eqn.regions[-1]
        changed = {self.names.of(t) for t, s in back_moves(eqn) if not self.stays(t, s)}
        changed |= set().union(*(self.assigned(r) for r in eqn.regions))
        changed |= {self.names.of(code)} if code is not None else set()
        changed |= {self.names.of(body.params[0])} if is_counted(eqn) else set()
        head = {name: x for name, x in state.items() if name not in changed}
        for p in carries:
            head[self.names.of(p)] = (*head.get(self.names.of(p), ()), p)
            self.lost.discard(p)
        inside = dict(head)
        entered = set(self.lost)
        if is_counted(eqn):
            self.define(body.params[0], inside)
            if any(p not in inside[self.names.of(p)] for p in carries):
                raise StorageConflict("a loop index has the name of a carry")
        else:
            condition = eqn.regions[0]
            for p, c in zip(loop_carries(eqn), condition.params, strict=True):
                inside[self.names.of(c)] = (*inside[self.names.of(p)], c)
                if self.names.of(c) != self.names.of(p):
                    raise StorageConflict(f"{c!r} and {p!r} are one carry with two names")
            self.region(condition, inside)
            self.read((v for x in condition.results for v in self.folding.leaves(x)), inside)
            for c in condition.params:
                if c not in inside.get(self.names.of(c), ()) or c in self.lost:
                    raise StorageConflict(f"the condition of a loop overwrites its carry {c!r}")
        self.region(body, inside)
        moves = back_moves(eqn)
        if code is not None:
            if leaves_by_literals(body, body.results[0], self.folding) and code not in inside[self.names.of(code)]:
                raise StorageConflict(f"{code!r} is assigned where its loop is left only, and the body overwrites it")
            moves = [(code, body.results[0]), *moves]
        self.move(moves, inside)
        for x in (v for r in eqn.regions for v in self.folding.captures(r)):
            if x not in inside.get(self.names.of(x), ()) or x in self.lost or self.root(x) in self.lost:
                raise StorageConflict(f"{x!r} is captured by a loop that overwrites it")
        self.lost = entered | self.lost
        state.clear()
        state.update(head)
        for q, p in zip(result_carries(eqn), loop_carries(eqn), strict=True):
            if self.names.of(q) != self.names.of(p):
                raise StorageConflict(f"{q!r} and {p!r} are one carry with two names")
            state[self.names.of(q)] = (*state.get(self.names.of(q), ()), q)
            self.lost.discard(q)
