"""The whole lowering: nests for every equation, siblings fused, intermediate arrays contracted."""

from __future__ import annotations

from gradscribe.transpiler.ir.nodes import Function
from gradscribe.transpiler.ir.walk import count_eqns
from gradscribe.transpiler.passes.dead_code import drop_dead_code
from gradscribe.transpiler.passes.lower.contract import contract_workspaces
from gradscribe.transpiler.passes.lower.expand import expand_library
from gradscribe.transpiler.passes.lower.forward import forward_stores
from gradscribe.transpiler.passes.lower.fuse import fuse_siblings
from gradscribe.transpiler.passes.lower.hoist import hoist_workspaces
from gradscribe.transpiler.passes.lower.overflow import check_overflow
from gradscribe.transpiler.passes.lower.regions import lower_equations
from gradscribe.transpiler.passes.lower.windows import recognise_windows
from gradscribe.transpiler.passes.scatter_loops import slice_scatter_loops
from gradscribe.transpiler.passes.tune import tune_loops

_ROUNDS = 4


def lower(function: Function) -> Function:
    """From array level to loop level.

    In: a verified function whose equations work on whole arrays. Out: an equal one made of counted loops over scalars,
    reads and writes at single positions, allocations, and library operations on whole arrays."""
    function = drop_dead_code(lower_equations(slice_scatter_loops(expand_library(recognise_windows(function)))))
    for _ in range(_ROUNDS):  # arrays that vanish make room for further merging
        before = count_eqns(function.region)
        function = drop_dead_code(forward_stores(fuse_siblings(function)))
        if count_eqns(function.region) == before:
            break
    return check_overflow(tune_loops(hoist_workspaces(contract_workspaces(function))))
