"""What is done to loop nests after lowering, so that they compile to good machine code.

In and out: a loop-level `Function`. The innermost loop walks along rows where it may, elements that a loop keeps coming
back to move into scalars, innermost loops run upwards where they may and otherwise hand on in scalars what the next
iteration needs, sums get accumulators. Only sums of floats may be rounded differently afterwards.
"""

from __future__ import annotations

from gradscribe.transpiler.ir.nodes import Function
from gradscribe.transpiler.passes.ascend import run_upwards
from gradscribe.transpiler.passes.interchange import interchange_loops
from gradscribe.transpiler.passes.promote import promote_elements
from gradscribe.transpiler.passes.reassociate import reassociate_sums
from gradscribe.transpiler.passes.rotate import rotate_windows
from gradscribe.transpiler.passes.simplify import simplify


def tune_loops(function: Function) -> Function:
    """An equal program with better loops."""
    function = interchange_loops(simplify(function, algebra=False))  # (what comes back unchanged is no carry any more)
    function = simplify(promote_elements(function), algebra=False)
    return reassociate_sums(rotate_windows(run_upwards(function)))
