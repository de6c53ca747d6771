"""Stacks: tapes of loops whose trip count is not known beforehand. Push forward, pop in reverse.

`push(s, v) -> s'`, `pop(s) -> (s', v)`; the cotangent of a push is a pop of the cotangent stack and the other way round.
In NumPy text a stack is a Python list; natively a growable array with a position.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gradscribe.transpiler.ir.builder import emit
from gradscribe.transpiler.ir.types import ArrayType, StackType
from gradscribe.transpiler.primitives.primitive import Library, zeros_of

stack_new = Library(
    name="stack_new",
    allocates=True,
    infer_types=lambda *, element: (StackType(element),),
    run=lambda *, element: ([],),
    source="[]",
    jvp_rule=lambda operands, results, tangents, *, element: (None,),
    vjp_rule=lambda operands, results, cotangents, *, element: (),
)


def _push(s: list[Any], v: Any) -> tuple[list[Any]]:
    return ([*s, np.array(v) if isinstance(v, np.ndarray) else v],)


def _push_jvp(operands: Any, results: Any, tangents: Any) -> Any:
    s, v = (zeros_of(x.type) if t is None else t for x, t in zip(operands, tangents, strict=True))
    return emit(stack_push, (s, v))


def _push_vjp(operands: Any, results: Any, cotangents: Any) -> Any:
    (ct,) = cotangents
    return emit(stack_pop, (ct,))


stack_push = Library(
    name="stack_push", infer_types=lambda s, v: (StackType(s.element),), run=_push, jvp_rule=_push_jvp, vjp_rule=_push_vjp
)


def _pop_jvp(operands: Any, results: Any, tangents: Any) -> Any:
    (t,) = tangents
    return (None, None) if t is None else emit(stack_pop, (t,))


def _pop_vjp(operands: Any, results: Any, cotangents: Any) -> Any:
    s_bar, v_bar = (zeros_of(x.type) if ct is None else ct for x, ct in zip(results, cotangents, strict=True))
    return emit(stack_push, (s_bar, v_bar))


def _element(s: Any) -> ArrayType:
    assert isinstance(s, StackType)
    return s.element


stack_pop = Library(
    name="stack_pop",
    infer_types=lambda s: (s, _element(s)),
    run=lambda s: (s[:-1], s[-1]),
    jvp_rule=_pop_jvp,
    vjp_rule=_pop_vjp,
)
