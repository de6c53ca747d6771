"""Where a mask is true: how many elements, and their positions, from which everything about masks is made.

`count_true(m)` is an integer, so it can be a size; `true_positions(m, axis=, length=)` are the positions along one axis
in C order, `length` of them. Assumes: `length` is the value of `count_true` of the same mask. Establishes: positions
are inside the axis, and no two elements name the same place (all axes of one mask together).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gradscribe.transpiler.ir.builder import emit
from gradscribe.transpiler.ir.dims import Dim
from gradscribe.transpiler.ir.nodes import Operand, Var
from gradscribe.transpiler.ir.types import INT64, ArrayType, Type
from gradscribe.transpiler.primitives.primitive import PRIMITIVES, Library
from gradscribe.transpiler.primitives.sample import draw


def _three_true(*shape: int) -> Any:
    def make(rng: np.random.Generator, dtype: Any) -> Any:
        mask = np.zeros(shape, np.bool_)
        mask.flat[rng.permutation(mask.size)[:3]] = True
        return mask

    return make


# How many elements of a boolean array are true: a Python int.
count_true: Library = Library(
    name="count_true",
    infer_types=lambda m: (ArrayType(INT64, (), True),),
    run=lambda m: (int(np.count_nonzero(m)),),
    source="np.count_nonzero(x)",
    scalar="np.count_nonzero(x)",
    jvp_rule=lambda operands, results, tangents: (None,),
    vjp_rule=lambda operands, results, cotangents: (None,),
    batch_rule=lambda operands, batched, size: (
        (PRIMITIVES["reduce_sum"](operands[0], axes=tuple(range(1, operands[0].rank))),),
        (True,),
    ),
    samples=(draw(_three_true(5)), draw(_three_true(3, 4))),
)


def _positions_text(params: Any, operands: Sequence[Type], result: Type, write: Any) -> str:
    (m,) = operands
    assert isinstance(m, ArrayType)
    return "np.flatnonzero(x)" if m.rank == 1 else f"np.nonzero(x)[{params['axis']}]"


def _positions_batch(
    operands: Sequence[Operand], batched: Sequence[bool], size: Dim, *, axis: int, length: Dim
) -> tuple[Sequence[Operand], Sequence[bool]]:
    """In C order the positions of one example follow those of the one before, as many in each (else there is no
    common size, and the examples are taken one by one)."""
    (found,) = emit(true_positions, operands, {"axis": axis + 1, "length": size * length})
    return (PRIMITIVES["reshape"](found, shape=(size, length)),), (True,)


# The positions of true elements along one axis of the mask.
true_positions: Library = Library(
    name="true_positions",
    infer_types=lambda m, *, axis, length: (ArrayType(INT64, (Dim.of(length),)),),
    run=lambda m, *, axis, length: (np.nonzero(m)[axis].astype(np.int64),),
    source=_positions_text,
    jvp_rule=lambda operands, results, tangents, **params: (None,),
    vjp_rule=lambda operands, results, cotangents, **params: (None,),
    batch_rule=_positions_batch,
    samples=(draw(_three_true(5), axis=0, length=3), draw(_three_true(3, 4), axis=1, length=3)),
)


def positions_of(mask: Operand) -> tuple[Operand, ...]:
    """What indexes the true elements of a boolean array, one index array per axis. Equal masks give equal sizes."""
    (count,) = emit(count_true, (mask,))
    total = Dim.of(1)
    for d in mask.shape:
        total = total * d
    count.lower, count.upper = Dim.of(0), total
    length = Dim.of(count)
    return tuple(emit(true_positions, (mask,), {"axis": k, "length": length})[0] for k in range(mask.rank))


def mask_of(positions: Operand) -> Operand | None:
    """The mask that an index array comes from."""
    eqn = positions.definition if isinstance(positions, Var) else None
    return eqn.operands[0] if eqn is not None and eqn.operation is true_positions else None
