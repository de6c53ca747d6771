"""What an access costs, by the loop that runs fastest.

In: where an array is touched, and a loop counter. Out: a relative cost.
Source: the cost of the innermost loop of McKinley, Carr, Tseng: "Improving data locality with loop transformations",
TOPLAS 1996.
"""

from __future__ import annotations

from gradscribe.transpiler.ir.index import At, Index
from gradscribe.transpiler.ir.nodes import Var

_CONTIGUOUS, _STRIDED = 1, 8  # cache lines of eight doubles


def access_cost(at: Index, counter: Var) -> int:
    """Relative cost of an access while `counter` runs fastest: none, one element after the other, or jumping."""
    moved = [k for k, c in enumerate(at) if any(leaf is counter for d in c.dims() for leaf in d.leaves())]
    if not moved:
        return 0
    last = at[-1]
    if moved == [len(at) - 1] and isinstance(last, At) and last.position.is_affine_in([counter]):
        return _CONTIGUOUS if abs(last.position.coefficient(counter)) == 1 else _STRIDED
    return _STRIDED
