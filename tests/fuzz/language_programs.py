"""Random programs over the whole language: containers, objects, closures, views of views, integer and mask indexing,
exits from nested loops, zero trips, dtypes that mix.

In: a seed and a flavour. Out: the text of a module with `f(a, b, s, n, flag, o)`: a, b float64[4], s a float, n an int
in 0..3, flag a float in [0, 1), o a `State`. Equal seeds give equal texts. Statements come from `fuzz.statements`; this
file writes the control flow around them. A loop is written twice, the second time knowing what its own body aliases
(`fuzz.sharing`).
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from fuzz import growth
from fuzz.growth import Growing

HEAD = """import numpy as np

from fuzz.arguments import State


def set_one(u, v):
    u[1] = v[2]
    return u


def pick(u, v):
    if u[0] > v[0]:
        return u
    return v * 0.5


def accumulate(u, v, first=0):
    for j in range(first, 3):
        u[j] += 0.5 * v[j]
        if u[j] > 1:
            return u.copy()
    return 0.5 * (u + v)


def both(u, v):
    return v, u


def settle(state, v):
    state.x[1:] = 0.5 * state.x[:-1] + 0.25 * v[1:]
    state.r = np.tanh(state.r + v[0])
    return state


def search(u, limit):
    for i in range(4):
        for j in range(i, 4):
            if u[i] * u[j] > limit:
                return u[i] - 0.5 * u[j]
            if u[j] < -1.5:
                break
    else:
        return 0.25 * u[0]
    return limit


"""


@dataclass(frozen=True)
class Kind:
    """Weights of kinds of statements (methods of `Growing`), how deep control flow nests, and how often it comes."""

    depth: int
    control: float
    weights: dict[str, float]


EVERYTHING = {
    "arithmetic": 1.0, "write": 1.2, "alias": 1.0, "view": 0.8, "gather": 0.5, "mask": 0.5, "structure": 0.6,
    "closure": 0.3, "old_version": 0.6, "matrix": 0.7, "integer": 0.3, "complex_numbers": 0.25,
}  # fmt: skip
KINDS = {
    "language": Kind(4, 1.4, EVERYTHING),
    "nested": Kind(5, 3.0, {**EVERYTHING, "alias": 0.5, "structure": 0.2}),
    "sharing": Kind(3, 1.2, {**EVERYTHING, "alias": 3.0, "old_version": 2.0, "structure": 1.5}),
    "indexing": Kind(3, 0.8, {**EVERYTHING, "view": 3.0, "gather": 2.0, "mask": 1.5, "matrix": 2.0}),
    "mixed": Kind(3, 1.0, {**EVERYTHING, "dtypes": 3.0, "integer": 1.5}),
    "growing": Kind(3, 1.6, {
        "arithmetic": 0.8, "write": 0.8, "alias": 0.7, "view": 0.4, "gather": 0.2, "structure": 0.3, "old_version": 0.5,
        "selection": 1.5, "listing": 1.5, "consuming": 0.7, "recursion": 0.4, "resizing": 2.0, "static": 0.8,
        "kinds": 0.7,
    }),
}  # fmt: skip
# Of the names that an array may or may not be shared with, before a write; a quarter of the programs is bolder, and
# refused more often.
NOT_COPIED, BOLD = 0.06, 0.5


class Writer(Growing):
    """Writes one program."""

    def __init__(self, seed: int, flavour: str) -> None:
        super().__init__(random.Random(f"{flavour}:{seed}"), flavour == "mixed")
        self.growing = flavour == "growing"
        self.kind = KINDS[flavour]
        self.lines: list[str] = []
        self.budget = self.random.randint(8, 32)
        self.copies = random.Random(f"copies:{flavour}:{seed}")  # apart, so that a loop written again is the same
        self.not_copied = BOLD if seed % 4 == 0 else NOT_COPIED

    def put(self, indent: int, lines: list[str]) -> None:
        self.lines += ["    " * indent + line for line in lines]

    def statement(self, indent: int) -> None:
        names = list(self.kind.weights)
        method: Callable[[], list[str]] = getattr(
            self, self.random.choices(names, [self.kind.weights[n] for n in names])[0]
        )
        lines = method()
        first: list[str] = []
        for name in self.written:
            for other in self.sharing.in_the_way(name):
                if self.copies.random() >= self.not_copied:
                    first.append(f"{other} = {other}.copy()")
                    self.sharing.fresh(other)
        self.written = []
        for effect in self.effects:
            effect()
        self.effects = []
        self.put(indent, [*first, *lines])

    def region(self, depth: int, indent: int, loop: str | None = None) -> None:
        """One block; the block of a loop knows its index (and may be left)."""
        if loop is not None:
            self.loops.append(loop)
        self.block(depth, indent)
        if loop is not None:
            self.loops.pop()

    def block(self, depth: int, indent: int) -> None:
        for position in range(self.random.randint(1, 4)):
            self.budget -= 1
            if self.budget < 0:
                if position == 0:
                    self.statement(indent)
                return
            control = self.kind.control if depth > 0 or self.loops else 0.0
            if self.random.random() * (control + 4.0) < control:
                self.control(depth, indent)
            else:
                self.statement(indent)

    def control(self, depth: int, indent: int) -> None:
        kind = self.random.random()
        if self.loops and kind < 0.22:
            leave = self.random.choice(["break", "continue", "break", f"return s + {self.array()}[0]"])
            self.put(indent, [f"if {self.condition()}:"])
            if self.random.random() < 0.3:
                self.put(indent + 1, [f"s = 0.5 * s + {self.scalar()}"])
            self.put(indent + 1, [leave])
        elif depth <= 0:
            self.statement(indent)
        elif kind < 0.5:
            self.branch(depth, indent)
        elif kind < 0.85:
            self.counted(depth, indent)
        else:
            self.uncounted(depth, indent)

    def branch(self, depth: int, indent: int) -> None:
        before, after = self.sharing.state(), []
        heads = [f"if {self.condition()}:"]
        if self.random.random() < 0.25:
            heads.append(f"elif {self.condition()}:")
        if self.random.random() < 0.5:
            heads.append("else:")
        else:
            after.append(before)
        for head in heads:
            self.sharing.restore(before)
            self.put(indent, [head])
            self.region(depth - 1, indent + 1)
            after.append(self.sharing.state())
        self.sharing.join(*after)

    def counted(self, depth: int, indent: int) -> None:
        r, i = self.random, f"i{len(self.loops)}"
        m = f"t{len(self.loops)}"
        x, y = self.array(), self.array()
        head = r.choice([
            f"for {i} in range(n):", f"for {i} in range(3):", f"for {i} in range(n - 1):", f"for {i} in range(k + 1):",
            f"for {i} in range(3, -1, -1):", f"for {i} in range(0, 4, 2):", f"for {i} in range(n, n):",
            f"for {i} in reversed(range(n)):", f"for {i}, {m} in enumerate({x} * 0.5):",
            f"for {i}, ({m}, q) in enumerate(zip({x}.copy(), 0.5 * {y})):",
            *(f"for {i} in range({other} % 3):" for other in self.loops),
            *(f"for {i} in range({other} + 1):" for other in self.loops),
        ])  # fmt: skip
        first = [f"s += 0.25 * {m}"] if m in head else []
        self.loop(head, first, i, depth, indent)

    def uncounted(self, depth: int, indent: int) -> None:
        r, q = self.random, f"q{len(self.loops)}"
        x = self.array()
        self.put(indent, [f"{q} = 0"])
        head = r.choice([
            f"while {q} < n and s < 50.0:",
            f"while {q} < 3 and ({x}[{q}] > -1.0 or flag > 0.5):",
            f"while {q} < n or ({q} < 3 and not s > 0.5):",
            f"while {q} < k and abs(s) < 4.0 and {x}[{q}] < 2.0:",
            "while True:",
        ])  # fmt: skip
        first = [f"{q} += 1"]
        if head == "while True:":
            first += [f"if {q} > 3 or s > {r.choice(['0.2', '1.0', f'{x}[0]'])}:", "    break"]
        self.loop(head, first, q, depth, indent)

    def loop(self, head: str, first: list[str], index: str, depth: int, indent: int) -> None:
        """The body twice: what it does to the names at its end is what its next trip starts with."""
        carried = self.carried(indent, f"r{len(self.loops)}") if self.random.random() < 0.4 else []
        before, state, budget, lines = self.sharing.state(), self.random.getstate(), self.budget, len(self.lines)
        for _ in range(2):
            self.random.setstate(state)
            self.budget = budget
            del self.lines[lines:]
            self.put(indent, [head])
            self.put(indent + 1, [*first, *carried[:1]])
            self.region(depth - 1, indent + 1, index)
            self.put(indent + 1, carried[1:])
            self.sharing.join(before, self.sharing.state())
            before = self.sharing.state()
        if self.random.random() < 0.2:
            self.put(indent, ["else:", f"    s = 0.5 * s - {self.scalar()}"])

    def carried(self, indent: int, name: str) -> list[str]:
        """Before a loop, a variable that only its own trips read and set: what the body does first and last with it."""
        start, end = self.scalar(), self.scalar()
        if self.random.random() < 0.5:
            self.put(indent, [f"{name} = {start}"])
            return [f"s = 0.5 * s + 0.25 * {name}", f"{name} = np.tanh({name} + {end})"]
        self.put(indent, [f"{name} = {self.array()}.copy()"])
        return [f"s = 0.5 * s + 0.25 * {name}[k]", f"{name} = np.sin({name}) * {end}"]

    def program(self) -> str:
        self.put(1, [*self.beginning(), *(self.growing_names() if self.growing else [])])
        while self.budget > 0:
            self.block(self.kind.depth, 1)
        self.put(1, self.end(*([self.growing_total()] if self.growing else [])))
        head = HEAD + (growth.HEAD if self.growing else "")
        return head + "def f(a, b, s, n, flag, o):\n" + "\n".join(self.lines) + "\n"
