"""Which variables are alive at the same time: the interference graph of the text to be printed.

In: a bufferized `Function` and its `Folding`. Out: `Interference`. A *variable* stands for values that are one by
construction (a loop carry as parameter, as parameter of the condition and as result; an array before and after a
write). Two variables interfere if one is assigned while the other is still to be read. One backward walk: regions are
structured, so what a loop captures is alive in all of it and no fixpoint is needed. Source: Chaitin's interference,
on a structured program."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from gradscribe.transpiler.backends.folding import Folding
from gradscribe.transpiler.ir.nodes import Eqn, Function, Literal, Operand, Region, Var
from gradscribe.transpiler.passes.ownership import IN_PLACE, has_memory
from gradscribe.transpiler.primitives.regions import body_carries, if_, is_counted, loop, loop_carries, result_carries
from gradscribe.transpiler.primitives.stacks import stack_pop, stack_push

Move = tuple[Var, Operand]


def in_place(eqn: Eqn) -> bool:
    """The first result is the first operand after a write to it."""
    return eqn.operation in (*IN_PLACE, stack_push, stack_pop) and has_memory(eqn.operands[0])


def entry_moves(eqn: Eqn) -> list[Move]:
    """Assignments before a loop: its carries start from the operands."""
    return list(zip(loop_carries(eqn), eqn.operands, strict=True))


def back_moves(eqn: Eqn) -> list[Move]:
    """Assignments at the end of a loop body (the exit code not among them)."""
    return list(zip(loop_carries(eqn), body_carries(eqn), strict=True))


def branch_moves(eqn: Eqn, region: Region) -> list[Move]:
    """Assignments at the end of a branch."""
    return list(zip(eqn.results, region.results, strict=True))


def exit_code(eqn: Eqn) -> Var | None:
    """The variable of a loop's exit code."""
    return eqn.results[0] if eqn.params["exits"] else None


def leaves_by_literals(region: Region, code: Operand, folding: Folding) -> bool:
    """The exit code is a literal on every path, decided by `if`s that end their regions: text that writes `break` there
    assigns the code where the loop is left, and before the loop."""
    if isinstance(code, Literal):
        return True
    last = next((e for e in reversed(region.eqns) if not any(folding.is_inline(r) for r in e.results)), None)
    if last is None or last.operation is not if_ or not any(code is r for r in last.results):
        return False
    if sum(leaf is code for x in region.results for leaf in folding.leaves(x)) != 1:
        return False
    position = [r is code for r in last.results].index(True)
    return all(leaves_by_literals(r, r.results[position], folding) for r in last.regions)


def range_leaves(eqn: Eqn, folding: Folding) -> Iterator[Var]:
    """Named values that the range of a counted loop mentions."""
    for bound in (eqn.params["lo"], eqn.params["hi"]):
        if bound is not None:
            yield from folding.dim_leaves(bound)


class Variables:
    """Union-find over values; the first one united is the representative."""

    def __init__(self) -> None:
        self._up: dict[Var, Var] = {}
        self.members: dict[Var, list[Var]] = {}

    def find(self, x: Var) -> Var:
        root = x
        while root in self._up:
            root = self._up[root]
        while x is not root:
            self._up[x], x = root, self._up[x]
        return root

    def unite(self, a: Var, b: Var) -> Var:
        a, b = self.find(a), self.find(b)
        if a is not b:
            self._up[b] = a
            self.members[a] = self.of(a) + self.members.pop(b, [b])
        return a

    def of(self, x: Var) -> list[Var]:
        root = self.find(x)
        return self.members.get(root, [root])


class Interference:
    """`variables` by construction, `moves` between them in the order of the text, and `edges` between
    representatives."""

    def __init__(self, function: Function, folding: Folding) -> None:
        self.folding = folding
        self.variables = Variables()
        self.moves: list[tuple[Move, Eqn | None]] = []
        self.order: dict[Var, None] = {}
        self.edges: dict[Var, set[Var]] = {}
        self._register(function.region)
        live: dict[Var, None] = {}
        self._read(live, (v for x in function.results for v in folding.leaves(x)))
        self._region(function.region, live)
        for p in function.params:
            self._assign(self.variables.find(p), {**live, **{self.variables.find(q): None for q in function.params}})

    # ---- variables by construction ----
    def _register(self, region: Region) -> None:
        for p in region.params:
            self.order.setdefault(p)
        for eqn in region.eqns:
            if eqn.operation is loop:
                for p, q in zip(loop_carries(eqn), result_carries(eqn), strict=True):
                    self.variables.unite(p, q)
                if not is_counted(eqn):
                    for p, c in zip(loop_carries(eqn), eqn.regions[0].params, strict=True):
                        self.variables.unite(p, c)
            if in_place(eqn):
                base = eqn.operands[0]
                assert isinstance(base, Var)
                self.variables.unite(base, eqn.results[0])
            for inner in eqn.regions:
                self._register(inner)
            for r in eqn.results:
                if not self.folding.is_inline(r):
                    self.order.setdefault(r)

    # ---- the walk ----
    def _assign(self, x: Var, live: Iterable[Var], source: Var | None = None) -> None:
        """`x` is assigned while `live` are to be read later."""
        mine = self.edges.setdefault(x, set())
        for other in live:
            if other is not x and other is not source:
                mine.add(other)
                self.edges.setdefault(other, set()).add(x)

    def _read(self, live: dict[Var, None], leaves: Iterable[Var]) -> None:
        for x in leaves:
            live.setdefault(self.variables.find(x))

    def _move(self, moves: list[Move], live: dict[Var, None]) -> None:
        """A parallel assignment, backwards: `live` after it becomes `live` before it."""
        targets = {self.variables.find(t): None for t, _ in moves}
        after = {**live, **targets}
        for target, source in moves:
            named = (
                self.variables.find(source) if isinstance(source, Var) and not self.folding.is_inline(source) else None
            )
            self._assign(self.variables.find(target), after, named)
        for target in targets:
            live.pop(target, None)
        for _, source in moves:
            self._read(live, self.folding.leaves(source))

    def _region(self, region: Region, live: dict[Var, None]) -> None:
        for eqn in reversed(region.eqns):
            if eqn.operation is loop:
                self._loop(eqn, live)
            elif eqn.operation is if_:
                self._if(eqn, live)
            elif not any(self.folding.is_inline(r) for r in eqn.results):
                results = {self.variables.find(r): None for r in eqn.results}
                for r in results:
                    self._assign(r, {**live, **results})
                for r in results:
                    live.pop(r, None)
                self._read(live, self.folding.eqn_leaves(eqn))

    def _if(self, eqn: Eqn, live: dict[Var, None]) -> None:
        before: dict[Var, None] = {}
        for region in eqn.regions:
            inner = dict(live)
            self._move(branch_moves(eqn, region), inner)
            self._region(region, inner)
            before.update(inner)
        live.clear()
        live.update(before)
        self._read(live, self.folding.eqn_leaves(eqn))
        self.moves += [(m, None) for region in eqn.regions for m in branch_moves(eqn, region)]

    def _loop(self, eqn: Eqn, live: dict[Var, None]) -> None:
        find = self.variables.find
        code = exit_code(eqn)
        carried = {find(p): None for p in (*loop_carries(eqn), *([code] if code is not None else []))}
        captured = {find(v): None for region in eqn.regions for v in self.folding.captures(region)}
        head = {**live, **captured, **carried}
        body = eqn.regions[-1]
        moves = back_moves(eqn)
        if code is not None:
            moves = [(code, body.results[0]), *moves]
        inside = dict(head)
        if is_counted(eqn):  # nothing in the body takes the name of its index
            inside[find(body.params[0])] = None
        self._move(moves, inside)
        if code is not None and leaves_by_literals(body, body.results[0], self.folding):
            inside[find(code)] = None
        self._region(body, inside)
        if is_counted(eqn):
            index = find(body.params[0])
            bounds = {find(v): None for v in range_leaves(eqn, self.folding)}  # `for k in range(k)` would be legal
            self._assign(index, {**head, **inside, **bounds})
            inside.pop(index, None)
        else:
            inside.update(head)
            self._read(inside, (v for x in eqn.regions[0].results for v in self.folding.leaves(x)))
            self._region(eqn.regions[0], inside)
        for p in carried:
            self._assign(p, {**head, **inside})
        live.clear()
        live.update({**head, **inside})
        for p in carried:
            live.pop(p, None)
        self._read(live, range_leaves(eqn, self.folding))  # the range is evaluated after the entry assignments
        self._move_in(eqn, code, carried, live)
        self.moves += [(m, eqn) for m in back_moves(eqn)] + [(m, None) for m in entry_moves(eqn)]

    def _move_in(self, eqn: Eqn, code: Var | None, carried: dict[Var, None], live: dict[Var, None]) -> None:
        """Entry moves, whose targets stay alive in the whole loop."""
        after = {**live, **carried}
        self._move(entry_moves(eqn), after)
        if code is not None:
            self._assign(self.variables.find(code), after)
            after.pop(self.variables.find(code), None)
        live.clear()
        live.update(after)


def region_moves(eqn: Eqn) -> Iterator[Move]:
    """Every assignment that a region equation makes, in the order of the text."""
    if eqn.operation is loop:
        yield from entry_moves(eqn)
        yield from back_moves(eqn)
    else:
        for region in eqn.regions:
            yield from branch_moves(eqn, region)
