"""Sums over a loop as accumulators whose order of addition is free, so that the compiler can keep partial sums.

In and out: a loop-level `Function` (a clone). Establishes: where the iterations of a loop have nothing else to do with
each other, `acc = acc + x` for a floating-point carry that nothing looks at on the way is `accumulate`. This is the one
place where results may differ from the program's own order of operations.
"""

from __future__ import annotations

from gradscribe.transpiler.ir.builder import emit
from gradscribe.transpiler.ir.nodes import Eqn, Function, Operand, Var
from gradscribe.transpiler.ir.rebuilding import rebuilt
from gradscribe.transpiler.ir.types import ArrayType
from gradscribe.transpiler.ir.walk import Substitution, inner_eqns
from gradscribe.transpiler.passes.affine.dependences import Dependence, Dependences
from gradscribe.transpiler.passes.lower.operations import accumulate
from gradscribe.transpiler.primitives.arithmetic import add, negative, subtract
from gradscribe.transpiler.primitives.reductions import reduce_sum
from gradscribe.transpiler.primitives.regions import body_carries, is_counted, loop, loop_carries


def reassociate_sums(function: Function) -> Function:
    """The program with accumulators; the function itself when there is no such sum."""
    dependences = Dependences(function)
    terms: dict[Eqn, int] = {}
    for eqn in inner_eqns(function.region):
        if eqn.operation is loop and is_counted(eqn):
            sums = [k for k, param in enumerate(loop_carries(eqn)) if _is_float(param)]
            if sums and dependences.carried_by(eqn) is Dependence.ACCUMULATION:
                for k in sums:
                    _collect(loop_carries(eqn)[k], body_carries(eqn)[k], terms)
    if not terms:
        return function
    return rebuilt(function, terms, lambda eqn, env: _emit_accumulation(eqn, terms[eqn], env))


def _is_float(x: Var) -> bool:
    return isinstance(x.type, ArrayType) and x.type.rank == 0 and x.type.dtype.kind == "f"


def _collect(start: Var, end: Operand, terms: dict[Eqn, int]) -> None:
    """The additions that lead from `start` to `end`, with the place of the partial sum among their operands.

    Additions of an inner loop are found when that loop is looked at."""
    version = end
    while version is not start:
        eqn = version.definition if isinstance(version, Var) else None
        if eqn is None:
            return
        if eqn.operation is loop:
            returned = eqn.results[len(eqn.results) - len(eqn.operands) :]
            version = eqn.operands[returned.index(version)]
            continue
        if eqn.operation not in (add, subtract):
            return
        place = next((k for k, x in enumerate(eqn.operands) if _leads_to(x, start)), None)
        if place is None or (place == 1 and eqn.operation is subtract):
            return
        terms[eqn] = place
        version = eqn.operands[place]


def _leads_to(x: Operand, start: Var) -> bool:
    """`x` is `start` or a sum that contains it."""
    if x is start:
        return True
    eqn = x.definition if isinstance(x, Var) else None
    if eqn is None:
        return False
    if eqn.operation is loop:
        returned = eqn.results[len(eqn.results) - len(eqn.operands) :]
        return x in returned and _leads_to(eqn.operands[returned.index(x)], start)
    return eqn.operation in (add, subtract) and any(_leads_to(y, start) for y in eqn.operands)


def _emit_accumulation(eqn: Eqn, place: int, env: Substitution) -> None:
    """The sum, whose partial sum is the operand at `place`."""
    total, term = env.operand(eqn.operands[place]), env.operand(eqn.operands[1 - place])
    if eqn.operation is subtract:
        (term,) = emit(negative, (term,))
    env[eqn.result] = emit(accumulate, (total, term), {"reduction": reduce_sum.name}, hint=eqn.result.hint)[0]
