"""Who owns the memory of an array value, and which equations take it over.

In: values and equations. Out: the base a view looks at, and the operands an equation consumes. Establishes the
vocabulary of
`bufferize` and of the backends: a *view* shares the memory of its base, a *consumer* takes its operand's memory over.
"""

from __future__ import annotations

from gradscribe.transpiler.ir.index import Take
from gradscribe.transpiler.ir.nodes import Eqn, Operand, Var
from gradscribe.transpiler.ir.types import StackType
from gradscribe.transpiler.passes.lower.contractions import matmul_add
from gradscribe.transpiler.primitives.primitive import Reindex
from gradscribe.transpiler.primitives.regions import if_, loop
from gradscribe.transpiler.primitives.stacks import stack_pop, stack_push
from gradscribe.transpiler.primitives.structure import broadcast_to, index, update, update_add

WRITES = (update, update_add)
IN_PLACE = (*WRITES, matmul_add)  # the result is the first operand, after a write to it


def has_memory(x: Operand) -> bool:
    """Arrays and stacks live in memory that can be written; scalars are immutable."""
    return isinstance(x, Var) and (isinstance(x.type, StackType) or bool(x.type.shape))


def view_base(x: Var) -> Var | None:
    """The value whose memory `x` shares by being a view of it; None if `x` has memory of its own.

    A reshape counts as a view although NumPy may copy: it may also not."""
    eqn = x.definition
    if eqn is None or not has_memory(x) or not eqn.operation.view:
        return None
    if eqn.operation is index and any(isinstance(c, Take) for c in eqn.params["at"]):
        return None
    base = eqn.operands[0]
    return base if isinstance(base, Var) else None


def is_broadcast_view(x: Var) -> bool:
    """Several elements of `x` may share one address: such memory is never written."""
    while x.definition is not None and isinstance(x.definition.operation, Reindex):
        if x.definition.operation is broadcast_to:
            return True
        base = x.definition.operands[0]
        if not isinstance(base, Var) or view_base(x) is None:
            return False
        x = base
    return False


def consumed_operands(eqn: Eqn) -> tuple[int, ...]:
    """Positions of operands whose memory the equation takes over: the array that is written, the carries of a loop, a
    stack, and an array that is pushed on one (the stack keeps a reference)."""
    if eqn.operation in (*IN_PLACE, stack_pop):
        return (0,) if has_memory(eqn.operands[0]) else ()
    if eqn.operation is loop or eqn.operation is stack_push:
        return tuple(k for k, x in enumerate(eqn.operands) if has_memory(x))
    return ()


def is_region(eqn: Eqn) -> bool:
    return eqn.operation is loop or eqn.operation is if_


def made_arrays(eqn: Eqn) -> tuple[Var, ...]:
    """The results that the equation makes memory for: no views, nor what lies in memory that it takes over."""
    if is_region(eqn) or eqn.operation in IN_PLACE:
        return ()
    return tuple(x for x in eqn.results if has_memory(x) and view_base(x) is None)
