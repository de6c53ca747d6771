"""Branch decisions that the exit code of a loop already tells, so that no flag is saved per iteration.

In: a `Function` prepared by `count_trips`. Out: for each predicate that chooses whether a loop is left, how the
reverse sweep finds it
again. Rests on the invariant that the code is nonzero only in the last iteration run: the predicate is true exactly
in the last
iteration, and there only if the final code is one that its branch returns.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gradscribe.transpiler.ir.builder import emit
from gradscribe.transpiler.ir.dims import Dim
from gradscribe.transpiler.ir.nodes import Eqn, Function, Literal, Operand, Region, Var
from gradscribe.transpiler.ir.walk import Substitution, dim_vars, inner_eqns
from gradscribe.transpiler.primitives.arithmetic import equal, not_equal
from gradscribe.transpiler.primitives.logic import logical_and, logical_not, logical_or
from gradscribe.transpiler.primitives.regions import if_, is_counted, loop
from gradscribe.transpiler.primitives.structure import dim_value


@dataclass(frozen=True, eq=False)
class ExitFlag:
    """The predicate is true in the last iteration of `loop` if its code is in `codes`, else false (or the reverse, if
    `negated`). `every_code` says that `codes` are all the loop can end with."""

    loop: Eqn
    codes: tuple[int, ...]
    every_code: bool
    negated: bool

    def last_iteration(self) -> tuple[Dim, Dim]:
        """(index of the iteration at hand, index of the last one run), in forward values."""
        params, trips = self.loop.regions[-1].params, Dim.of(self.loop.results[-1])
        if not is_counted(self.loop):
            return Dim.of(params[-1]), trips - 1
        if self.loop.params["direction"] > 0:
            return Dim.of(params[0]), self.loop.params["lo"] + trips - 1
        return Dim.of(params[0]), self.loop.params["hi"] - trips

    def sources(self) -> Iterator[Var]:
        """Forward values that finding the predicate again reads."""
        yield self.loop.results[0]
        for dim in self.last_iteration():
            yield from dim_vars(dim)

    def restore(self, env: Substitution) -> Operand:
        """Emit the predicate, reading forward values through `env`."""
        here, last = (env.dim(d) for d in self.last_iteration())
        code = env.operand(self.loop.results[0])
        if self.every_code:
            left = emit(not_equal, (code, Literal(0)))[0]
        else:
            left = emit(equal, (code, Literal(self.codes[0])))[0]
            for other in self.codes[1:]:
                left = emit(logical_or, (left, emit(equal, (code, Literal(other)))[0]))[0]
        is_last = emit(equal, (dim_value(dim=here), dim_value(dim=last)))[0]
        flag = emit(logical_and, (is_last, left))[0]
        return emit(logical_not, (flag,))[0] if self.negated else flag


def exit_flags(function: Function) -> dict[Var, ExitFlag]:
    """Every predicate of `function` that an exit code tells."""
    flags: dict[Var, ExitFlag] = {}
    for eqn in inner_eqns(function.region):
        if eqn.operation is loop and eqn.params["exits"]:
            body = eqn.regions[-1]
            codes = _codes(body.results[0], body)
            if codes is not None:
                _collect(eqn, body, body.results[0], codes - {0}, flags)
    return flags


def _choice(operand: Operand, region: Region) -> Eqn | None:
    """The branch of `region` that chooses the code."""
    eqn = operand.definition if isinstance(operand, Var) else None
    return eqn if eqn is not None and eqn.operation is if_ and eqn in region.eqns else None


def _codes(operand: Operand, region: Region) -> frozenset[int] | None:
    """Every value a code may have; None if it is not chosen among literals."""
    if isinstance(operand, Literal):
        return frozenset([int(operand.value)])
    eqn = _choice(operand, region)
    if eqn is None:
        return None
    k = eqn.results.index(operand)
    found = [_codes(branch.results[k], branch) for branch in eqn.regions]
    return None if found[0] is None or found[1] is None else found[0] | found[1]


def _collect(exiting: Eqn, region: Region, code: Operand, every: frozenset[int], flags: dict[Var, ExitFlag]) -> None:
    eqn = _choice(code, region)
    if eqn is None:
        return
    k = eqn.results.index(code)
    predicate = eqn.operands[0]
    then, otherwise = (_codes(branch.results[k], branch) or frozenset() for branch in eqn.regions)
    local = isinstance(predicate, Var) and any(predicate in e.results for e in region.eqns)
    if local and not then & otherwise:
        leaving = then if 0 not in then else otherwise if 0 not in otherwise else None
        if leaving is not None:
            flags[predicate] = ExitFlag(  # type: ignore[index]
                exiting, tuple(sorted(leaving)), leaving == every, leaving is otherwise
            )
    for branch in eqn.regions:
        _collect(exiting, branch, branch.results[k], every, flags)
