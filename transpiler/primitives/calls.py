"""`call`: a function called by name with operands (it calls itself, or its calls are checkpoints); `call_again` for a
call that was made before.

Param `callee` (`ir.callees.Callee`) names the function; the operands are its flat parameters, the results its flat
results. Operands are borrowed and results are fresh: no result shares memory with an operand or another result. A call
may fail (a check inside, recursion too deep), so it is kept where nobody reads it; `call_again`, which the reverse
sweep emits for operands that were called with before, may not. The transformations treat calls by hand: what is
derived from a callee is a callee again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gradscribe.transpiler.errors import NoRule
from gradscribe.transpiler.ir.callees import Callee
from gradscribe.transpiler.ir.dims import Atom, Dim, Symbol
from gradscribe.transpiler.ir.evaluate import evaluate
from gradscribe.transpiler.ir.nodes import Effect, Eqn, Literal, Operand, Region, Var
from gradscribe.transpiler.ir.types import Type
from gradscribe.transpiler.ir.walk import Substitution
from gradscribe.transpiler.primitives.primitive import Params, RegionPrimitive


@dataclass(frozen=True, eq=False, kw_only=True)
class Call(RegionPrimitive):
    def infer(self, operands: tuple[Type, ...], params: Params, regions: tuple[Region, ...]) -> tuple[Type, ...]:
        """The results' types, their sizes in terms of the operands' where those decide them."""
        callee: Callee = params["callee"]
        known: dict[Atom, Dim] = {}
        for param, given in zip(callee.function.params, operands, strict=True):
            for axis, dim in enumerate(param.type.dims()):
                if isinstance(dim.single_atom, Symbol):
                    known.setdefault(dim.single_atom, given.dims()[axis])
        return tuple(r.type.substitute(known.get) for r in callee.function.results)

    def evaluate(self, operands: tuple[Any, ...], params: Params, regions: tuple[Any, ...]) -> tuple[Any, ...]:
        callee: Callee = params["callee"]
        return evaluate(callee.function, *operands)


call = Call(name="call", effect=Effect.CHECK)
call_again = Call(name="call_again")
CALLS = (call, call_again)


def known_function(eqn: Eqn) -> Callee:
    """The callee of a call, which a transformation looks into. NoRule while its body is still being interpreted."""
    callee: Callee = eqn.params["callee"]
    if not callee.complete:
        raise NoRule(
            eqn.span,
            f"`{callee.name.lstrip('_')}` calls itself through a transformation of itself",
            "transform the recursive function from outside",
        )
    return callee


def call_results(callee: Callee, operands: Sequence[Operand]) -> tuple[Var, ...]:
    """Fresh values for the results of a call. A size that only the callee knows is a result that stands before the
    arrays that have it."""
    env = Substitution()
    for param, given in zip(callee.function.params, operands, strict=True):
        for mine, dim in zip(param.type.dims(), given.type.dims(), strict=True):
            if isinstance(mine.single_atom, Symbol):
                env.atoms.setdefault(mine.single_atom, dim)
        if not param.type.dims() and isinstance(given, (Var, Literal)):
            env[param] = given
    results = []
    for result in callee.function.results:
        if isinstance(result, Var):
            env[result] = made = Var(env.type(result.type), result.hint, None, None)
        else:
            made = Var(result.type)
        results.append(made)
    return tuple(results)
