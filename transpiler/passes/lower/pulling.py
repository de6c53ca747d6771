"""Which array values are pulled into their consumers, and which are stored.

In: a region at array level. Out: for each value, how often and from where its elements would be read. A value is
pulled when that costs no more than storing it: read once, or so cheap that a load costs as much.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from gradscribe.transpiler.ir.index import At, Slice, Take
from gradscribe.transpiler.ir.nodes import Eqn, Region, Var
from gradscribe.transpiler.ir.types import ArrayType
from gradscribe.transpiler.ir.walk import inner_eqns
from gradscribe.transpiler.primitives.primitive import Elementwise, Reduction
from gradscribe.transpiler.primitives.regions import loop
from gradscribe.transpiler.primitives.structure import (
    broadcast_to,
    convert,
    copy,
    index,
    permute,
    reshape,
    update,
    update_add,
)

MANY = 1000
CHEAP = 2  # operations per element that cost about as much as a load and a store
DEAR = 4  # what a gather recomputes for every term at most: a division
_SIMPLE = {
    "add", "subtract", "multiply", "negative", "select", "convert", "less", "less_equal", "greater", "greater_equal",
    "equal", "not_equal", "absolute", "maximum", "minimum", "square", "logical_and", "logical_or", "logical_not",
}  # fmt: skip
_DECIDING = {"less", "less_equal", "greater", "greater_equal", "equal", "not_equal"}
_SAME_BITS = {"negative", "absolute", "select", "maximum", "minimum"}
_DIVISIONS = {"divide", "sqrt", "reciprocal", "floor", "ceil", "sign"}


def operation_cost(eqn: Eqn) -> int:
    name = eqn.operation.name
    if name == "integer_power":
        return 2 if 1 <= eqn.params["exponent"] <= 4 else 20
    return 1 if name in _SIMPLE else 4 if name in _DIVISIONS else 20


def is_reindex(eqn: Eqn) -> bool:
    """An operation that only moves elements, with subscripts that are polynomials."""
    if eqn.operation in (broadcast_to, permute, copy):
        return True
    if eqn.operation is reshape:
        return unit_axes(eqn) is not None
    return eqn.operation is index and all(isinstance(c, (At, Slice)) for c in eqn.params["at"])


def unit_axes(eqn: Eqn) -> tuple[int | None, ...] | None:
    """For a reshape that only adds or drops axes of size 1: the result axis of each source axis (None for size 1)."""
    source, target = eqn.operands[0].shape, eqn.results[0].shape
    wide = [k for k, d in enumerate(target) if d != 1]
    if [target[k] for k in wide] != [d for d in source if d != 1]:
        return None
    axes = iter(wide)
    return tuple(None if d == 1 else next(axes) for d in source)


def is_array(x: object) -> bool:
    return isinstance(x, Var) and isinstance(x.type, ArrayType) and bool(x.type.shape)


@dataclass
class Uses:
    """Reads of one value in one region (those of nested regions count at the equation that owns them)."""

    positions: list[int] = field(default_factory=list)
    direct: list[Eqn] = field(default_factory=list)  # consumers in the region itself
    weight: int = 0  # elements read per element, MANY inside a loop
    forced: bool = False  # somebody needs it as an array


class UseTable:
    """Uses of every array value read in a region, own or captured."""

    def __init__(self, region: Region) -> None:
        self.table: dict[Var, Uses] = {}
        self.defined = {x: k for k, eqn in enumerate(region.eqns) for x in eqn.results}  # at which position
        self._scan(region, None, False)
        for x in region.results:
            if is_array(x):
                uses = self._of(x)
                uses.forced = True
                uses.positions.append(len(region.eqns))
        for eqn in inner_eqns(region):
            if eqn.operation.name in _DECIDING:
                for operand in eqn.operands:
                    self._keep_bits(operand)

    def _keep_bits(self, x: object) -> None:
        """What a comparison reads is computed once: two loops may contract multiply and add differently, and an
        element would then no longer equal the maximum that was taken over it."""
        eqn = x.definition if isinstance(x, Var) and is_array(x) else None
        if eqn is None or eqn.regions:
            return
        if is_reindex(eqn) or eqn.operation is convert or eqn.operation.name in _SAME_BITS:
            for operand in eqn.operands:
                self._keep_bits(operand)
        elif isinstance(eqn.operation, Elementwise) and self.pulls(eqn.results[0]) > 1:
            self._of(x).forced = True

    def _of(self, x: object) -> Uses:
        assert isinstance(x, Var)
        return self.table.setdefault(x, Uses())

    def get(self, x: Var) -> Uses:
        return self.table.get(x) or Uses()

    def _scan(self, region: Region, position: int | None, in_loop: bool) -> None:
        for k, eqn in enumerate(region.eqns):
            here = k if position is None else position
            for slot, x in enumerate(eqn.operands):
                if is_array(x):
                    uses = self._of(x)
                    uses.positions.append(here)
                    if position is None:
                        uses.direct.append(eqn)
                    uses.weight += MANY if in_loop else _weight(eqn, slot)
                    uses.forced |= needs_array(eqn, slot)
            for inner in eqn.regions:
                self._scan(inner, here, in_loop or eqn.operation is loop)
                for x in inner.results:
                    if is_array(x):
                        uses = self._of(x)
                        uses.positions.append(here)
                        uses.forced = True

    def pulls(self, x: Var) -> int:
        """How often an element of `x` would be computed, were it pulled, moves of elements passed through."""
        uses = self.get(x)
        total = uses.weight
        for eqn in uses.direct:
            if is_reindex(eqn) and eqn.operation is not broadcast_to:
                total += self.pulls(eqn.results[0]) - 1 if is_array(eqn.results[0]) else 0
        return total

    def gathered(self, additions: Sequence[Eqn]) -> None:
        """These additions become one nest: a value that several of them add counts as read once."""
        terms = [e.operands[1] for e in additions if isinstance(e.operands[1], Var)]
        for x in dict.fromkeys(terms):
            self._of(x).weight -= terms.count(x) - 1

    def is_forced(self, x: Var) -> bool:
        return self.get(x).forced


def needs_array(eqn: Eqn, slot: int) -> bool:
    """Operand `slot` of `eqn` is needed as an array, not element by element."""
    if isinstance(eqn.operation, (Elementwise, Reduction)) or eqn.operation is convert or is_reindex(eqn):
        return False
    if eqn.operation in (update, update_add):
        return slot != 1
    if eqn.operation is index:  # through index arrays
        return slot > 0
    return True


def _weight(eqn: Eqn, slot: int) -> int:
    """Reads of each element of operand `slot`: many when the consumer stretches it."""
    if isinstance(eqn.operation, Elementwise) or eqn.operation is broadcast_to:
        own, out = eqn.operands[slot].shape, eqn.results[0].shape
        stretched = len(own) < len([d for d in out if d != 1]) or any(
            a == 1 and b != 1 for a, b in zip(reversed(own), reversed(out))
        )
        return MANY if stretched and any(d != 1 for d in own) else 1
    if eqn.operation in (update, update_add) and slot == 1 and any(isinstance(c, Take) for c in eqn.params["at"]):
        return MANY
    return 1


def worth_pulling(cost: int, pulls: int, forced: bool) -> bool:
    """Whether a value of that cost per element is recomputed at each read rather than stored."""
    if forced:
        return False
    return cost == 0 or pulls <= 1 or (cost <= CHEAP and pulls <= 2)
