"""Checked positions and the axes that they are positions of: what text prints bare, and what a message names.

In: equations that index. Out: integer values with the axis of the indexed array; nothing is changed."""

from __future__ import annotations

from collections.abc import Iterator

from gradscribe.transpiler.ir.index import At, Take
from gradscribe.transpiler.ir.nodes import Eqn, Region, Var
from gradscribe.transpiler.ir.walk import inner_eqns
from gradscribe.transpiler.passes.ownership import WRITES
from gradscribe.transpiler.primitives.checks import wrap_index
from gradscribe.transpiler.primitives.structure import index


def bare_positions(eqn: Eqn) -> Iterator[tuple[int, Var]]:
    """Integer values that are bare positions along an axis of the array that the equation indexes."""
    if eqn.operation not in (index, *WRITES):
        return
    first = 1 if eqn.operation is index else 2
    for axis, component in enumerate(eqn.params["at"]):
        if isinstance(component, Take):
            x: object = eqn.operands[first + component.operand]
        else:
            x = component.position.single_atom if isinstance(component, At) else None
        if isinstance(x, Var):
            yield axis, x


def is_position_along(x: Var, eqn: Eqn, axis: int) -> bool:
    """Whether `x` was checked against the size of this axis of what `eqn` indexes."""
    check = x.definition
    return check is not None and check.operation is wrap_index and check.params["size"] == eqn.operands[0].shape[axis]


def checked_axes(region: Region) -> dict[Var, int]:
    """The axis that a checked position is first used along, which is the one that NumPy's message names."""
    axes: dict[Var, int] = {}
    for eqn in inner_eqns(region):
        for axis, x in bare_positions(eqn):
            if is_position_along(x, eqn, axis):
                axes.setdefault(x, axis)
    return axes
