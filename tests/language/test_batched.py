"""Straight-line programs of the language under `vmap`: values and gradients of a batch are those of its examples.

Programs with control flow on data are batched by the transformation of loops and branches, which has its own tests.
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

import gradscribe as gs
from cells import AGAINST_NUMPY, Point, point_of
from gradscribe.transpiler.api.inspection import staged_for
from gradscribe.transpiler.ir.nodes import Function
from gradscribe.transpiler.ir.walk import dim_vars, inner_eqns
from language.registry import LANGUAGE
from language.test_language import CELLS
from oracles import combine, leaves, relative_error

EXAMPLES = 3
DIFFERENTIABLE = sorted({cell.values[0] for cell in CELLS if LANGUAGE[cell.values[0]].argnums})


def staged_of(point: Point) -> Function:
    return staged_for(gs.jit(point.function), copy.deepcopy(point.args), {})[0].function


def is_straight_line(function: Function) -> bool:
    return not any(eqn.regions for eqn in inner_eqns(function.region))


def results_stack(function: Function) -> bool:
    """No result has a size that data decide, which differs from example to example."""
    return not any(v not in function.params for r in function.results for d in r.type.dims() for v in dim_vars(d))


def examples_of(point: Point) -> list[tuple[Any, ...]]:
    """Arguments that differ from example to example where they are differentiable."""

    def moved(k: int, arg: Any) -> Any:
        if k not in point.argnums:
            return lambda step: copy.deepcopy(arg)
        direction = point.directions[point.argnums.index(k)]
        return lambda step: combine(lambda x, d: x + 0.01 * step * d, arg, direction)

    return [tuple(moved(k, arg)(step) for k, arg in enumerate(point.args)) for step in range(EXAMPLES)]


def stacked(trees: list[Any]) -> Any:
    return combine(lambda *xs: np.stack([np.asarray(x) for x in xs]), *trees)


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_batch_equals_examples(name):
    point = point_of(LANGUAGE[name])
    function = staged_of(point)
    if not is_straight_line(function):
        return
    examples = examples_of(point)
    axes = tuple(0 if k in point.argnums else None for k in range(len(point.args)))
    batch = tuple(
        stacked([example[k] for example in examples]) if axis == 0 else point.args[k] for k, axis in enumerate(axes)
    )

    if not results_stack(function):
        with pytest.raises(gs.NoRule, match="differs from lane to lane"):
            gs.vmap(point.function, in_axes=axes)(*copy.deepcopy(batch))
        return

    def pull(*args: Any) -> Any:
        cotangents = gs.vjp(point.function, *args)[1](point.weights)
        return [cotangents[k] for k in point.argnums]

    for single, batched in ((point.program, point.function), (pull, pull)):
        expected = [leaves(single(*example)) for example in examples]
        found = leaves(gs.vmap(batched, in_axes=axes)(*copy.deepcopy(batch)))
        assert relative_error(found, leaves(stacked(expected))) < AGAINST_NUMPY
