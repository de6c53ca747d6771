"""Loop nests over boxes: the only loops that lowering makes.

In: extents, initial carries, and a function that emits one iteration. Out: the carries after the nest. Establishes:
every loop runs from 0, axes of size 1 have no loop, and loops carry the parameter `independent`: their iterations may
run in any order, up to the order of accumulation.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gradscribe.transpiler.ir.builder import build_region, emit
from gradscribe.transpiler.ir.dims import Dim
from gradscribe.transpiler.ir.nodes import Eqn, Operand, Var
from gradscribe.transpiler.ir.types import ArrayType
from gradscribe.transpiler.passes.lower.elements import (
    Stored,
    Subscripts,
    Uniform,
    Value,
    at_positions,
    broadcast_element,
    reading_through,
)
from gradscribe.transpiler.passes.lower.scalars import with_dtype
from gradscribe.transpiler.primitives.regions import index_var, loop
from gradscribe.transpiler.primitives.structure import empty, update, zeros

_HINTS = "ijklmpqr"
Iteration = Callable[[Subscripts, tuple[Operand, ...]], Sequence[Operand]]


def is_nest(eqn: Eqn) -> bool:
    """A loop made by lowering (not one of the user's)."""
    return eqn.operation is loop and bool(eqn.params.get("independent", False))


def hinted(operand: Operand) -> str:
    return operand.hint if isinstance(operand, Var) else ""


def nest(
    extents: Sequence[Dim], carries: Sequence[Operand], iteration: Iteration, depth: int = 0, independent: bool = True
) -> tuple[Operand, ...]:
    """for i < extents[0]: for j < extents[1]: ...: carries = iteration((i, j, ...), carries)."""

    def descend(axis: int, subscripts: Subscripts, carried: tuple[Operand, ...]) -> tuple[Operand, ...]:
        if axis == len(extents):
            return tuple(iteration(subscripts, carried))
        if extents[axis] == 1:
            return descend(axis + 1, (*subscripts, Dim.of(0)), carried)
        params = [index_var(Dim.of(0), extents[axis], _HINTS[min(depth + axis, len(_HINTS) - 1)])]
        params += [Var(_strong(x), hinted(x)) for x in carried]
        region = build_region(params, lambda i, *inner: descend(axis + 1, (*subscripts, Dim.of(i)), inner))
        facts = {"lo": Dim.of(0), "hi": extents[axis], "direction": 1, "exits": False, "independent": independent}
        return emit(
            loop, carried, facts, (region,), types=[p.type for p in params[1:]], hints=[hinted(x) for x in carried]
        )

    return descend(0, (), tuple(carries))


def _strong(x: Operand) -> ArrayType:
    assert isinstance(x.type, ArrayType)
    return x.type.strong()


def fill(shape: tuple[Dim, ...], scalar: Operand, hint: str) -> Var:
    """A fresh array with every element `scalar`."""
    return store(Uniform(ArrayType(scalar.dtype, shape), scalar), hint)


def _is_zero(x: Operand) -> bool:
    value = getattr(x, "value", None)
    return value is not None and not isinstance(value, complex) and value == 0 and str(value)[0] != "-"


def store(value: Value, hint: str) -> Var:
    """Compute every element of `value` into a fresh array."""
    if isinstance(value, Stored):
        return value.var
    facts = {"shape": value.type.shape, "dtype": value.type.dtype}
    if isinstance(value, Uniform) and _is_zero(value.scalar):
        return emit(zeros, (), facts, hint=hint)[0]
    target = emit(empty, (), facts, hint=hint)[0]

    def iteration(subscripts: Subscripts, carried: tuple[Operand, ...]) -> Sequence[Operand]:
        return emit(update, (carried[0], value.element(subscripts)), {"at": at_positions(subscripts)}, hint=hint)

    (out,) = nest(value.type.shape, (target,), iteration)
    assert isinstance(out, Var)
    return out


def write(
    target: Var,
    value: Value,
    extents: Sequence[Dim],
    position: Callable[[Subscripts], Subscripts],
    operation: object = update,
    *,
    through_carry: bool = False,
    ordered: bool = False,
) -> Var:
    """`target` with `value`, broadcast to `extents`, written (or added) at `position(subscripts)`.

    `through_carry`: the value reads `target` only where it is about to be written. `ordered`: positions may repeat."""

    def iteration(subscripts: Subscripts, carried: tuple[Operand, ...]) -> Sequence[Operand]:
        at = at_positions(position(subscripts))
        if through_carry:
            with reading_through(target, carried[0]):
                element = broadcast_element(value, subscripts)
        else:
            element = broadcast_element(value, subscripts)
        return emit(operation, (carried[0], with_dtype(element, target.dtype)), {"at": at}, hint=target.hint)

    (out,) = nest(extents, (target,), iteration, independent=not ordered)
    assert isinstance(out, Var)
    return out
