"""Programs of the language under `vmap`: values and gradients of a batch are those of its examples, lane after lane
(`loop`), all lanes at once (`array`), and as `auto` chooses.

By array goes what has one size in all lanes and prints nothing; the rest is refused.
"""

from __future__ import annotations

import copy
import re
from typing import Any

import numpy as np
import pytest

import gradscribe as gs
from cells import AGAINST_NUMPY, Point, point_of
from gradscribe.transpiler.api.inspection import staged_for
from gradscribe.transpiler.ir.nodes import Function
from gradscribe.transpiler.ir.walk import dim_vars
from language.registry import LANGUAGE
from language.test_language import CELLS
from oracles import combine, leaves, relative_error

EXAMPLES = 3
DIFFERENTIABLE = sorted({cell.values[0] for cell in CELLS if LANGUAGE[cell.values[0]].argnums})


def staged_of(point: Point) -> Function:
    return staged_for(gs.jit(point.function), copy.deepcopy(point.args), {})[0].function


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


def lanes_of(batch: tuple[Any, ...], axes: tuple[int | None, ...]) -> list[tuple[Any, ...]]:
    """What a loop over the batch hands to the program: elements of arrays are NumPy's scalars, not Python's."""
    part = lambda arg, k: combine(lambda x: x[k], arg)
    return [
        tuple(part(arg, k) if axis == 0 else copy.deepcopy(arg) for arg, axis in zip(batch, axes, strict=True))
        for k in range(EXAMPLES)
    ]


def batches(often: tuple[str, ...]) -> list[Any]:
    """Every program in every mode; of the modes not named, `make test` runs every fourth program."""
    return [
        pytest.param(name, mode, marks=() if mode in often or k % 4 == 0 else pytest.mark.slow)
        for k, name in enumerate(DIFFERENTIABLE)
        for mode in ("auto", "loop", "array")
    ]


def check(name: str, mode: str, derivative: bool) -> None:
    point = point_of(LANGUAGE[name])
    examples = examples_of(point)
    axes = tuple(0 if k in point.argnums else None for k in range(len(point.args)))
    batch = tuple(
        stacked([example[k] for example in examples]) if axis == 0 else point.args[k] for k, axis in enumerate(axes)
    )

    def pull(*args: Any) -> Any:
        cotangents = gs.vjp(point.function, *args)[1](point.weights)
        return [cotangents[k] for k in point.argnums]

    single, batched = (pull, pull) if derivative else (point.program, point.function)
    transformed = gs.vmap(batched, in_axes=axes, lanes=mode)
    try:
        found = leaves(transformed(*copy.deepcopy(batch)))
    except gs.NoRule as refusal:
        # what has another size in another lane cannot be stacked; the rest is said of arrays only
        allowed = SIZES if mode != "array" else f"{SIZES}|{BY_LANE}"
        assert re.search(allowed, refusal.message), refusal
        assert mode == "array" or not results_stack(staged_of(point)), refusal
        return
    expected = [leaves(single(*lane)) for lane in lanes_of(batch, axes)]
    assert relative_error(found, leaves(stacked(expected))) < AGAINST_NUMPY


SIZES = "differs from lane to lane|cannot be stacked"
BY_LANE = "happens lane by lane"


@pytest.mark.parametrize(("name", "mode"), batches(often=("auto",)))
def test_batch_equals_examples(name, mode):
    check(name, mode, derivative=False)


@pytest.mark.parametrize(("name", "mode"), batches(often=()))
def test_vjp_of_a_batch_equals_examples(name, mode):
    check(name, mode, derivative=True)


@pytest.mark.parametrize(("name", "mode"), batches(often=()))
def test_vjp_through_a_batch(name, mode):
    """The gradient of the batch, of all lanes at once, is that of each lane."""
    point = point_of(LANGUAGE[name])
    if not results_stack(staged_of(point)):
        return
    examples = examples_of(point)
    axes = tuple(0 if k in point.argnums else None for k in range(len(point.args)))
    batch = tuple(
        stacked([example[k] for example in examples]) if axis == 0 else point.args[k] for k, axis in enumerate(axes)
    )
    transformed = gs.vmap(point.function, in_axes=axes, lanes=mode)
    lanes = lanes_of(batch, axes)
    weights = stacked([point.weights] * EXAMPLES)
    try:
        found = gs.vjp(transformed, *copy.deepcopy(batch))[1](weights)
    except gs.NoRule as refusal:
        assert mode == "array" and re.search(f"{SIZES}|{BY_LANE}", refusal.message), refusal
        return
    singles = [gs.vjp(point.function, *copy.deepcopy(lane))[1](point.weights) for lane in lanes]
    for k in point.argnums:
        expected = leaves(stacked([single[k] for single in singles]))
        assert relative_error(leaves(found[k]), expected) < AGAINST_NUMPY
