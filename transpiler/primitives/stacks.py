"""Stacks: tapes of loops whose trip count is not known beforehand. Push forward, pop in reverse.

`stack_push(s, v) -> s'`, `stack_pop(s, shape=) -> (s', v)`; the cotangent of a push is a pop of the cotangent stack and
the other way round. In NumPy text a stack is a Python list; natively a growable array with a position. Assumes: every
element pushed is popped exactly once, which is what reverse mode does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gradscribe.transpiler.ir.builder import emit
from gradscribe.transpiler.ir.dims import Dim
from gradscribe.transpiler.ir.nodes import Operand
from gradscribe.transpiler.ir.types import ArrayType, StackType, Type
from gradscribe.transpiler.primitives.primitive import Library, Zeroable, zeros_of
from gradscribe.transpiler.primitives.structure import broadcast_to

stack_new: Library = Library(
    name="stack_new",
    allocates=True,
    infer_types=lambda *, dtype, element_rank: (StackType(dtype, element_rank),),
    run=lambda *, dtype, element_rank: ([],),
    source="[]",
    jvp_rule=lambda operands, results, tangents, *, dtype, element_rank: emit(
        stack_new, (), {"dtype": dtype, "element_rank": element_rank}
    ),
    vjp_rule=lambda operands, results, cotangents, *, dtype, element_rank: (),
    batch_rule=lambda operands, batched, size, *, dtype, element_rank: (
        emit(stack_new, (), {"dtype": dtype, "element_rank": element_rank + 1}),
        (True,),
    ),
)


def _push(s: list[Any], v: Any) -> tuple[list[Any]]:
    return ([*s, np.array(v) if isinstance(v, np.ndarray) else v],)


def _push_jvp(operands: Sequence[Operand], results: Sequence[Operand], tangents: Sequence[Zeroable]) -> Any:
    s, v = (zeros_of(x.type) if t is None else t for x, t in zip(operands, tangents, strict=True))
    return emit(stack_push, (s, v))


def _push_batch(
    operands: Sequence[Operand], batched: Sequence[bool], size: Dim
) -> tuple[Sequence[Operand], Sequence[bool]]:
    """All lanes push together, onto a stack whose elements have one axis more."""
    s, v = operands
    wide = v if batched[1] else broadcast_to(v, shape=(size, *v.shape))
    return emit(stack_push, (s, wide)), (True,)


def _push_vjp(operands: Sequence[Operand], results: Sequence[Operand], cotangents: Sequence[Zeroable]) -> Any:
    v = operands[1]
    return emit(stack_pop, (cotangents[0],), {"shape": v.shape})


stack_push: Library = Library(
    name="stack_push",
    syntax="x.append(y)",
    infer_types=lambda s, v: (s,),
    run=_push,
    jvp_rule=_push_jvp,
    vjp_rule=_push_vjp,
    batch_rule=_push_batch,
)


def _popped(s: Type, *, shape: tuple[Dim, ...]) -> tuple[Type, Type]:
    assert isinstance(s, StackType)
    return s, ArrayType(s.dtype, shape)


def _pop_jvp(
    operands: Sequence[Operand], results: Sequence[Operand], tangents: Sequence[Zeroable], *, shape: tuple[Dim, ...]
) -> Any:
    return (None, None) if tangents[0] is None else emit(stack_pop, (tangents[0],), {"shape": shape})


def _pop_vjp(
    operands: Sequence[Operand], results: Sequence[Operand], cotangents: Sequence[Zeroable], *, shape: tuple[Dim, ...]
) -> Any:
    s_bar, v_bar = (zeros_of(x.type) if ct is None else ct for x, ct in zip(results, cotangents, strict=True))
    return emit(stack_push, (s_bar, v_bar))


stack_pop: Library = Library(
    name="stack_pop",
    syntax="x.pop()",
    infer_types=_popped,
    run=lambda s, *, shape: (s[:-1], s[-1]),
    jvp_rule=_pop_jvp,
    vjp_rule=_pop_vjp,
    batch_rule=lambda operands, batched, size, *, shape: (
        emit(stack_pop, operands, {"shape": (size, *shape)}),
        (True, True),
    ),
)
