"""Drop checks of functions of `math` where NumPy text calls the very function, which raises by itself.

In and out: a `Function` that is to be written as NumPy text. Establishes: a check of a domain is left only where the
value itself is not computed, or not in every case (a side of a conditional expression).
"""

from __future__ import annotations

from dataclasses import replace

from gradscribe.transpiler.ir.nodes import Eqn, Function, Operand, Region, Var
from gradscribe.transpiler.ir.types import ArrayType
from gradscribe.transpiler.passes.dead_code import drop_dead_code
from gradscribe.transpiler.primitives import elementary, logic, piecewise
from gradscribe.transpiler.primitives.arithmetic import (
    equal,
    greater,
    greater_equal,
    less,
    less_equal,
    not_equal,
    select,
)
from gradscribe.transpiler.primitives.checks import check

_RAISING = (
    elementary.sqrt, elementary.log, elementary.log2, elementary.log10, elementary.log1p, elementary.sin,
    elementary.cos, elementary.tan, elementary.arcsin, elementary.arccos, elementary.arccosh, elementary.arctanh,
    elementary.exp, elementary.expm1, elementary.exp2, elementary.sinh, elementary.cosh, piecewise.fmod,
)  # fmt: skip
_CONDITIONS = (
    equal, not_equal, less, less_equal, greater, greater_equal, logic.logical_and, logic.logical_or,
    logic.logical_not, logic.isinf, piecewise.absolute,
)  # fmt: skip


def leave_to_python(function: Function) -> Function:
    """The function without the checks that the text repeats."""
    start = function.backward_from
    if start is not None:
        start -= sum(_repeated(e, function.region) for e in function.region.eqns[:start])
    return drop_dead_code(replace(function, region=_without(function.region), backward_from=start), sizes=False)


def _without(region: Region) -> Region:
    eqns = [e for e in region.eqns if not _repeated(e, region)]
    kept = (replace(e, regions=tuple(map(_without, e.regions))) if e.regions else e for e in eqns)
    return replace(region, eqns=tuple(kept))


def _repeated(eqn: Eqn, region: Region) -> bool:
    """A check of exactly the operands of a function that raises, in the region where the function is evaluated."""
    if eqn.operation is not check or not str(eqn.params["message"]).startswith("math "):
        return False
    tested = _tested(eqn.operands[0])
    return any(
        e.operation in _RAISING
        and isinstance(e.result.type, ArrayType)
        and e.result.type.weak
        and {x for x in e.operands if isinstance(x, Var)} == tested
        and _evaluated(e.result, region)
        for e in region.eqns
    )


def _tested(x: Operand) -> set[Var]:
    """What a condition is a condition on."""
    if not isinstance(x, Var):
        return set()
    if x.definition is None or x.definition.operation not in _CONDITIONS:
        return {x}
    return set().union(*(_tested(y) for y in x.definition.operands))


def _evaluated(x: Var, region: Region) -> bool:
    """The text computes x whenever it comes through the region."""
    if x in region.results:
        return True
    for eqn in region.eqns:
        if x not in eqn.operands or eqn.operation in _CONDITIONS:
            continue
        if eqn.operation is select and x not in eqn.operands[:1]:
            continue
        if eqn.regions or not eqn.results or any(_evaluated(r, region) for r in eqn.results):
            return True
    return False
