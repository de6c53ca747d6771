"""How operations spread dependence, where that is less than everything to everything.

In: the sets of the operands, the params with plain ints for dims. Out: the sets of the result. What only moves elements
is the operation itself, run on arrays of sets.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gradscribe.transpiler.ir.builder import open_block
from gradscribe.transpiler.ir.nodes import Eqn
from gradscribe.transpiler.passes.sparsity.index_sets import Sets, Universe, as_sets
from gradscribe.transpiler.primitives.primitive import PRIMITIVES


def everything(universe: Universe, sets: Sequence[Sets], shape: tuple[int, ...]) -> Sets:
    """An array of the union of all elements of all operands."""
    union = universe.nothing
    for x in sets:
        union = union | universe.total(x)
    out = np.empty(shape, object)
    out[...] = union
    return out


def partial_flags(eqn: Eqn) -> tuple[bool, ...]:
    """For each operand of an elementwise equation, whether it has a derivative at all."""
    operation = eqn.operation
    if operation.partials is None:
        return (False,) * len(eqn.operands)
    params = {key: value for key, value in eqn.params.items() if key != "weak"}
    with open_block(nested=False):
        partials = operation.partials(eqn.result, *eqn.operands, **params)
    return tuple(p is not None for p in partials)


def _moved(name: str) -> Callable[..., Any]:
    """An operation that moves elements, run on sets."""

    def rule(universe: Universe, *operands: Sets, **params: Any) -> Any:
        (out,) = PRIMITIVES[name].evaluate(operands, params, ())
        return out

    return rule


def _filled(universe: Universe, value: Sets, *, shape: tuple[int, ...], dtype: Any) -> Sets:
    return np.broadcast_to(value, shape)


def _listed(universe: Universe, *elements: Sets, shape: tuple[int, ...], dtype: Any) -> Sets:
    out = np.empty(len(elements), object)
    for k, element in enumerate(elements):
        out[k] = element[()]
    return out.reshape(shape)


def _along_axis(universe: Universe, x: Sets, *, axis: int, **params: Any) -> Sets:
    """Each element depends on all along the axis (sorting)."""
    return np.broadcast_to(np.expand_dims(universe.along(x, axis), axis), x.shape)


def _running(universe: Universe, x: Sets, *, axis: int) -> Sets:
    return as_sets(np.bitwise_or.accumulate(x, axis=axis))


def _contracted(universe: Universe, x: Sets, y: Sets, *, a: str, b: str, out: str) -> Sets:
    """out[..] depends on the rows of x and y that meet in it."""
    union: Any = None
    for sets, letters in ((x, a), (y, b)):
        sets = universe.over(sets, tuple(k for k, letter in enumerate(letters) if letter not in out))
        kept = [letter for letter in letters if letter in out]
        order = sorted(range(len(kept)), key=lambda k: out.index(kept[k]))
        shape = [1] * len(out)
        for k in order:
            shape[out.index(kept[k])] = sets.shape[k]
        wide = sets.transpose(order).reshape(shape)
        union = wide if union is None else union | wide
    return as_sets(union)


SPREADING: dict[str, Callable[..., Any]] = {
    **{name: _moved(name) for name in ("broadcast_to", "reshape", "permute", "concatenate", "stack")},
    **{name: lambda universe, x, **params: x for name in ("convert", "python_scalar", "copy")},
    **{
        name: lambda universe, x, *, axes: universe.over(x, axes)
        for name in ("reduce_sum", "reduce_max", "reduce_min", "reduce_prod")
    },
    "array_of": _listed,
    "full": _filled,
    "cumsum": _running,
    "cumprod": _running,
    "sort": _along_axis,
    "dot_general": _contracted,
}
