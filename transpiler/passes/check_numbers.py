"""Checks after every operation that it made no NaN (or infinity): what `gs.config(check_nans=True)` asks for.

In: an array-level `Function`, what to look for. Out: an equal one that raises `NotFiniteError` at the first operation
whose result has a NaN where none of its operands has one. Operations that only move numbers make none and are not
looked at; neither are the arguments. The error names the value and the user's line, and says so where the operation
belongs to the derivative of that line.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import reduce

from gradscribe.transpiler.errors import NotFiniteError
from gradscribe.transpiler.ir.builder import append_eqn, at_span, emit, open_block
from gradscribe.transpiler.ir.callees import Callee
from gradscribe.transpiler.ir.nodes import Eqn, Function, Operand, Region, Var
from gradscribe.transpiler.ir.types import ArrayType
from gradscribe.transpiler.ir.walk import clone_function
from gradscribe.transpiler.primitives import allocation, conversion, joining
from gradscribe.transpiler.primitives.calls import CALLS
from gradscribe.transpiler.primitives.checks import check
from gradscribe.transpiler.primitives.logic import isinf, isnan, logical_and, logical_not
from gradscribe.transpiler.primitives.primitive import Elementwise, Primitive, Reindex
from gradscribe.transpiler.primitives.reductions import reduce_or
from gradscribe.transpiler.primitives.regions import loop
from gradscribe.transpiler.primitives.structure import index, update, update_add

_MOVING = {
    allocation.zeros, allocation.ones, allocation.empty, allocation.full, allocation.eye, conversion.copy,
    conversion.python_scalar, joining.concatenate, joining.stack, joining.array_of, update,
}  # fmt: skip
Test = Callable[[Operand], Operand]


def check_numbers(function: Function, *, nans: bool, infs: bool) -> Function:
    """The function with its checks."""
    own = clone_function(function)
    tests = [(isnan, "NaN")] * nans + [(isinf, "infinity")] * infs
    return replace(own, region=_region(own.region, tests), backward_from=None)


def _region(region: Region, tests: list[tuple[Elementwise, str]]) -> Region:
    with open_block(nested=False) as block:
        for eqn in region.eqns:
            if eqn.regions:
                *heads, body = eqn.regions
                if eqn.operation is not loop:  # (the condition of a `while` makes decisions, no values)
                    heads = [_region(r, tests) for r in heads]
                append_eqn(replace(eqn, regions=(*heads, _region(body, tests))))
                continue
            if eqn.operation in CALLS:
                append_eqn(replace(eqn, params={"callee": _checked(eqn.params["callee"], tests)}))
                continue
            append_eqn(eqn)
            with at_span(eqn.span):
                for test, what in tests:
                    _check(eqn, test, what)
    return Region(region.params, tuple(block.eqns), region.results)


def _checked(callee: Callee, tests: list[tuple[Elementwise, str]]) -> Callee:
    """A function that is called by name, with the checks."""
    key = ("numbers", tuple(what for _, what in tests))
    if key not in callee.derived:
        made = callee.derived[key] = Callee(callee.name, saves=callee.saves)
        own = clone_function(callee.function)
        made.function = replace(own, region=_region(own.region, tests))
    known: Callee = callee.derived[key]
    return known


def _check(eqn: Eqn, test: Elementwise, what: str) -> None:
    """Raise if the equation has made what `test` finds."""
    operation = eqn.operation
    if not isinstance(operation, Primitive) or isinstance(operation, Reindex) or operation in _MOVING:
        return
    for result in eqn.results:
        if not isinstance(result.type, ArrayType) or result.dtype.kind not in "fc":
            continue
        operands = [x for x in eqn.operands if isinstance(x.type, ArrayType) and x.dtype.kind in "fc"]
        made: Operand
        if operation is update_add:  # only what was added to
            at, takes = {"at": eqn.params["at"]}, eqn.operands[2:]
            old, new = (emit(index, (x, *takes), at)[0] for x in (eqn.operands[0], result))
            made = _made(test, new, [old, operands[1]] if len(operands) > 1 else [old], elementwise=True)
        else:
            made = _made(test, result, operands, isinstance(operation, Elementwise))
        name = f" in `{result.hint}`" if result.hint else ""
        place = f", in the derivative of line {eqn.span.line}" if eqn.span is not None and eqn.span.derivative else ""
        check(logical_not(made), message=f"{what}{name}{place}", error=NotFiniteError)


def _made(test: Elementwise, result: Operand, operands: list[Operand], elementwise: bool) -> Operand:
    """Whether the result has one where no operand has."""
    seen = [x for x in operands if isinstance(x, Var)]
    if elementwise:
        return _any(reduce(logical_and, [logical_not(test(x)) for x in seen], test(result)))
    return reduce(logical_and, [logical_not(_any(test(x))) for x in seen], _any(test(result)))


def _any(found: Operand) -> Operand:
    if not found.shape:
        return found
    answer: Operand = reduce_or(found, axes=tuple(range(found.rank)))
    return answer
