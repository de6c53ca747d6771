"""What is known about booleans of the program where it is being interpreted.

In: predicates of branches and checks, as they are entered or passed. Out: the truth of a boolean, or None. A fact holds
in the region in which it was learnt and in those inside. Only names of values are looked at: nothing is proved.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from gradscribe.transpiler.ir.nodes import Literal, Operand, Var


class Facts:
    """Truths of boolean values, and how booleans are made of each other."""

    def __init__(self) -> None:
        self.known: dict[Any, bool] = {}  # of booleans, and of (which, k): is the position `which` k?
        self.positions: dict[Var, tuple[Var, int]] = {}
        self.negations: dict[Var, Operand] = {}
        self.conjunctions: dict[Var, tuple[Any, ...]] = {}
        self.disjunctions: dict[Var, tuple[Any, ...]] = {}

    @contextmanager
    def region(self, known: bool = True) -> Iterator[None]:
        """What is learnt inside is forgotten outside; what is known outside is known inside, or not."""
        before = self.known
        self.known = dict(before) if known else {}
        try:
            yield
        finally:
            self.known = before

    def truth(self, operand: Operand) -> bool | None:
        """Is it true? None: not known."""
        if isinstance(operand, Literal):
            return bool(operand.value)
        return self.known.get(operand) if isinstance(operand, Var) else None

    def is_at(self, which: Operand, k: int, count: int) -> bool | None:
        """Is this position, one of `count`, k?"""
        if isinstance(which, Literal):
            return bool(which.value == k)
        known = {j: self.known.get((which, j)) for j in range(count)}
        if known[k] is None and [v for j, v in known.items() if j != k].count(False) == count - 1:
            return True
        return False if True in [v for j, v in known.items() if j != k] else known[k]

    def learn(self, operand: Any, truth: bool) -> None:
        """The boolean has this value from here on."""
        if not isinstance(operand, Var):
            return
        self.known[operand] = truth
        if operand in self.positions:
            self.known[self.positions[operand]] = truth
        if operand in self.negations:
            self.learn(self.negations[operand], not truth)
        for part in (self.conjunctions if truth else self.disjunctions).get(operand, ()):
            self.learn(part, truth)
