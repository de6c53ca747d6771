"""Which values are placed in memory that is there already.

In: the uses of the values of a region at array level, and a value. Out: whether it may be written over the value that
a loop carried before, or read from the slice that it is written to. Nothing is changed. These are questions of cost:
versions are values, so a wrong answer would be a copy that bufferization makes.
"""

from __future__ import annotations

from collections.abc import Mapping

from gradscribe.transpiler.ir.index import Slice
from gradscribe.transpiler.ir.nodes import Eqn, Operand, Var
from gradscribe.transpiler.passes.lower.accumulations import is_box
from gradscribe.transpiler.passes.lower.pulling import UseTable, is_array
from gradscribe.transpiler.passes.ownership import consumed_operands
from gradscribe.transpiler.primitives.arithmetic import add
from gradscribe.transpiler.primitives.regions import body_carries, loop_carries
from gradscribe.transpiler.primitives.structure import update


def successors_of(loop: Eqn) -> dict[Var, Var]:
    """For the arrays that the body hands on once: the next value of a carry -> the carry."""
    results = loop.regions[-1].results
    pairs = zip(loop_carries(loop), body_carries(loop), strict=True)
    return {
        x: p
        for p, x in pairs
        if isinstance(x, Var) and is_array(x) and x is not p and sum(x is y for y in results) == 1
    }


def is_added_where_read(uses: UseTable, successors: Mapping[Var, Var], product: Eqn) -> bool:
    """The product of matrices is read once: added to a carry, whose memory the sum may have."""
    own = uses.get(product.results[0])
    if len(own.positions) != 1 or len(own.direct) != 1 or own.direct[0].operation is not add:
        return False
    (sum_,) = own.direct[0].results
    total = successors.get(sum_)
    if total is None or total not in own.direct[0].operands or total.type != sum_.type:
        return False
    return product.results[0].type == sum_.type and uses.get(total).positions == own.positions


def is_written_first(uses: UseTable, x: Operand) -> bool:
    """The first reader of `x` writes it into a box of an array, where all others can read it: nothing writes there
    before they have."""
    if not isinstance(x, Var):
        return False
    own = uses.get(x)
    first = next((e for e in own.direct if e.operation is update and e.operands[1] is x), None)
    if first is None or own.forced or uses.defined[first.result] != min(own.positions):
        return False
    if own.positions.count(min(own.positions)) != 1 or not is_box(first) or first.operands[0].dtype != x.dtype:
        return False
    if tuple(c.length for c in first.params["at"] if isinstance(c, Slice)) != x.shape:
        return False
    readers = uses.get(first.result).direct
    overwritten = [uses.defined[e.results[0]] for e in readers if e.results and consumed_operands(e)]
    return min(overwritten, default=len(uses.defined)) > max(own.positions)
