"""Lane after lane: a loop over the batch in which every lane takes its own branches and trip counts.

In: equations of the single-example program, the values among what they read that are batched, the results that are
wanted. Out: one counted loop, with a buffer for each wanted result that lane b writes its row of. Establishes: inside
the loop a value is what it is in the single-example program, a Python number where that has one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from gradscribe.transpiler.errors import NoRule
from gradscribe.transpiler.ir.builder import (
    at_span,
    emit,
)
from gradscribe.transpiler.ir.dims import Dim
from gradscribe.transpiler.ir.index import At, whole
from gradscribe.transpiler.ir.nodes import Eqn, Guard, Operand, Var
from gradscribe.transpiler.ir.types import ArrayType, StackType
from gradscribe.transpiler.ir.walk import Substitution, dim_vars, eqn_reads
from gradscribe.transpiler.primitives.arithmetic import equal, greater_equal
from gradscribe.transpiler.primitives.checks import check
from gradscribe.transpiler.primitives.regions import for_loop
from gradscribe.transpiler.primitives.stacks import stack_new
from gradscribe.transpiler.primitives.structure import (
    dim_value,
    empty,
    index,
    python_scalar,
    update,
)
from gradscribe.transpiler.transforms.tape_flow import tape_before


def run_lanes(
    eqns: Sequence[Eqn],
    wanted: Sequence[Var],
    env: Substitution,
    lanes: set[Var],
    size: Dim,
    copy: Callable[[Eqn, Substitution], None],
    guards: Sequence[Guard] = (),
) -> None:
    """A loop over the batch that runs `eqns` for one lane at a time, `copy` emitting one of them with operands of one
    lane; results `wanted` are stacked and entered into `env`."""
    own = {r for e in eqns for r in e.results}
    for result in wanted:
        if isinstance(result.type, StackType):
            raise NoRule(_span_of(result), "a growable tape per lane cannot be stacked into an array")
        atoms = {v for d in result.type.dims() for v in dim_vars(d)}
        if any(v in lanes or v in own for v in atoms):
            raise NoRule(_span_of(result), "the size of this result differs from lane to lane, so lanes do not stack")
    reads = dict.fromkeys(v for e in eqns for v in eqn_reads(e) if v in lanes and v not in own)
    reads.update(dict.fromkeys(v for g in guards for v in _vars_of(g) if v in lanes))
    if any(isinstance(v.type, StackType) for v in reads):
        raise NoRule(_span_of(next(iter(reads))), "a tape of all lanes cannot be taken apart into lanes")
    buffers = []
    for result in wanted:
        shape = (size, *(env.dim(d) for d in result.type.dims()))
        buffers.append(emit(empty, (), {"shape": shape, "dtype": result.type.dtype}, hint=result.hint)[0])

    tapes = _tapes(eqns, own)

    def lane(position: Var, *carried: Var) -> list[Operand]:
        inner = Substitution(env.values)
        inner.atoms = env.atoms
        for value in reads:
            inner[value] = _element(value, env.operand(value), position, env)
        stacked, empty_tapes = carried[: len(wanted)], carried[len(wanted) :]
        for tape, param in zip(tapes, empty_tapes, strict=True):
            inner[tape] = param
        for guard in guards:
            _check_guard(guard, inner)
        for eqn in eqns:
            copy(eqn, inner)
        rows = [
            _store(buffer, inner.operand(result), position, _span_of(result))
            for buffer, result in zip(stacked, wanted, strict=True)
        ]
        return [*rows, *map(inner.operand, tapes.values())]

    out = for_loop(0, size, [*buffers, *map(env.operand, tapes)], lane, index_hint="lane")
    for result, new in zip(wanted, out, strict=False):
        env[result] = new


def _tapes(eqns: Sequence[Eqn], own: set[Var]) -> dict[Var, Var]:
    """Empty tapes from outside that a lane pushes to, and what they are at its end: empty again, since all that is
    pushed is popped. The next lane goes on with them, so that their memory is there already. (What was pushed outside
    is for every lane to pop.)"""
    first: dict[Var, Var] = {}
    last: dict[Var, Var] = {}
    for eqn in eqns:
        for result in eqn.results:
            if isinstance(result.type, StackType) and (eqn.operands or eqn.regions):
                before = tape_before(result)
                first[result] = first.get(before, before)
                last[first[result]] = result
    return {tape: end for tape, end in last.items() if tape not in own and _is_new(tape)}


def _is_new(tape: Var) -> bool:
    return tape.definition is not None and tape.definition.operation is stack_new


def _vars_of(guard: Guard) -> list[Var]:
    return list(dim_vars(guard.dim))


def _span_of(value: Var) -> Any:
    return value.definition.span if value.definition is not None else None


def _element(old: Var, stacked: Operand, position: Var, env: Substitution) -> Operand:
    """Lane `position` of a batched value. What one example computes as a Python scalar is one again, with the bounds
    it had; a parameter is an element of the caller's array, and stays one."""
    at = (At(Dim.of(position)), *whole(stacked.shape[1:]))
    value: Operand = emit(index, (stacked,), {"at": at}, hint=old.hint)[0]
    if not isinstance(old.type, ArrayType) or not old.type.weak or old.definition is None:
        return value
    (scalar,) = emit(python_scalar, (value,), {"dtype": old.dtype}, hint=old.hint)
    if old.lower is not None and old.upper is not None:
        scalar.lower, scalar.upper = env.dim(old.lower), env.dim(old.upper)
    return scalar


def _store(buffer: Var, value: Operand, position: Var, span: Any) -> Operand:
    if value.dtype != buffer.dtype:
        raise NoRule(span, f"batching makes this result {value.dtype} where one example gives {buffer.dtype}")
    at = (At(Dim.of(position)), *whole(buffer.shape[1:]))
    return emit(update, (buffer, value), {"at": at, "once": True}, hint=buffer.hint)[0]


def _check_guard(guard: Guard, env: Substitution) -> None:
    if not guard.requirement:
        raise NoRule(guard.span, "an assumption about a batched integer cannot be made for all lanes at once")
    with at_span(guard.span):
        value = dim_value(dim=env.dim(guard.dim))
        holds = equal(value, 0) if guard.kind == "eq" else greater_equal(value, 0)
        check(holds, message=guard.message, error=ValueError)
