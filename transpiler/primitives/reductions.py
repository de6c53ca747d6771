"""Reductions along axes. `axes` is a sorted tuple of ints; reduced axes disappear (the frontend writes `keepdims` as a reshape)."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradscribe.transpiler.ir.dims import Dim
from gradscribe.transpiler.ir.nodes import Operand
from gradscribe.transpiler.ir.types import INT64
from gradscribe.transpiler.primitives.primitive import Reduction
from gradscribe.transpiler.primitives.sample import draw, uniform
from gradscribe.transpiler.primitives.structure import broadcast_to, reshape


def axes_text(axes: tuple[int, ...], rank: int) -> str:
    """`axis=` argument of NumPy's reductions; empty for all axes."""
    if len(axes) == rank:
        return ""
    return f", axis={axes[0] if len(axes) == 1 else axes}"


def _source(function: str) -> Any:
    return lambda params, operands, result, write: f"np.{function}(x{axes_text(params['axes'], operands[0].rank)})"


def keep_axes(y: Operand, x: Operand, axes: tuple[int, ...]) -> Operand:
    """`y` (x reduced along axes) with the reduced axes back as 1, so that it broadcasts against x."""
    shape = tuple(Dim.of(1) if k in axes else d for k, d in enumerate(x.shape))
    return y if y.shape == shape or not y.shape else reshape(y, shape=shape)


def _sum_pull(ct: Operand, y: Operand, x: Operand, *, axes: tuple[int, ...]) -> Operand:
    return broadcast_to(keep_axes(ct, x, axes), shape=x.shape)  # adjoint of a sum is a broadcast


_samples = (
    draw(uniform(-1, 1, 2, 3), axes=(0,)),
    draw(uniform(-1, 1, 2, 3), axes=(0, 1)),
    draw(uniform(-1, 1, 2, 3, 2), axes=(1,)),
)


def _sum_dtype(d: np.dtype) -> np.dtype:
    return INT64 if d.kind in "bi" else d


reduce_sum = Reduction(
    name="reduce_sum",
    run=lambda x, *, axes: np.sum(x, axis=axes),
    source=_source("sum"),
    combine="acc + x",
    init="0",
    linear=True,
    pull=_sum_pull,
    result_dtype=_sum_dtype,
    samples=_samples,
)


