"""Results that the caller of native code allocates and hands in: a native function is told where to write.

In: the allocations of a program as its text is written, and its results. Out: the results that are one array from its
allocation on, of sizes known at entry. Source: measured, handing an array from compiled code to Python costs several
times as much as `np.empty`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from gradscribe.transpiler.ir.dims import Symbol
from gradscribe.transpiler.ir.nodes import Eqn
from gradscribe.transpiler.ir.types import ArrayType


@dataclass(frozen=True)
class Output:
    """An array that the caller allocates and the function fills: its type, and whether it starts as zeros."""

    type: ArrayType
    zeros: bool


class Allocations:
    """Allocations that could as well be the caller's: outside loops and branches, of sizes known at entry."""

    def __init__(self, symbols: Collection[Symbol]) -> None:
        self._symbols = set(symbols)
        self._lines: dict[str, int] = {}
        self._outputs: dict[str, Output] = {}

    def note(self, eqn: Eqn, name: str, number: int, line: str) -> None:
        """An equation outside loops and branches, the name of its result, and the first line it got (its number and
        its text): the allocation, perhaps."""
        type = eqn.results[0].type
        match = _ALLOCATION.match(line)
        if match is None or match[1] != name or not isinstance(type, ArrayType):
            return
        if all(leaf in self._symbols for dim in type.shape for leaf in dim.leaves()):
            self._lines[name] = number
            self._outputs[name] = Output(type, match[2] == "zeros")

    def take(self, results: Mapping[int, str], params: Collection[str], lines: list[str]) -> dict[int, str]:
        """The flat results (number -> text) that the caller allocates; the lines that allocate them are removed."""
        counts = Counter([*results.values(), *params])
        for line in lines:
            counts.update(_bound_names(line))
        # Such a name is met as a result and at its allocation, and is nothing else's before or after.
        taken = {k: name for k, name in results.items() if name in self._lines and counts[name] == 2}
        for number in sorted((self._lines[name] for name in taken.values()), reverse=True):
            del lines[number]
        return taken

    def outputs(self, names: Sequence[str]) -> tuple[Output, ...]:
        return tuple(self._outputs[name] for name in names)


_ALLOCATION = re.compile(r"    (\w+) = np\.(empty|zeros)\(")
_BINDING = re.compile(r"\s*(?:for )?(\w+(?:, \w+)*),? (?:=|in) ")


def _bound_names(line: str) -> list[str]:
    """The names that a line assigns to."""
    match = _BINDING.match(line)
    return match[1].split(", ") if match else []
