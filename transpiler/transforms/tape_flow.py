"""Where a tape came from: tapes are pushed and popped, carried by loops and changed in branches.

In: a tape that an equation makes of another one. Out: that other one, a value of the same region as the equation.
"""

from __future__ import annotations

from gradscribe.transpiler.errors import NoRule
from gradscribe.transpiler.ir.nodes import Operand, Var
from gradscribe.transpiler.primitives.regions import if_, loop


def tape_before(tape: Var) -> Var:
    """The tape before its equation. NoRule for one that is made there."""
    eqn = tape.definition
    assert eqn is not None
    position = eqn.results.index(tape)
    found: Operand | None = None
    if eqn.operation is if_:
        found = eqn.regions[0].results[position]
        while isinstance(found, Var) and found.definition in eqn.regions[0].eqns:
            found = tape_before(found)
    elif eqn.operation is loop:
        found = eqn.operands[position - (1 if eqn.params["exits"] else 0)]
    elif eqn.operands:
        found = eqn.operands[0]
    if not isinstance(found, Var):
        raise NoRule(eqn.span, "a tape that is made where not all lanes are")
    return found
