"""vmap against a stack of single evaluations, over every choice of batched parameters, by array and by lane."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from fuzz.derivatives import Program, _as_typed, check_vmap
from gradscribe.transpiler.errors import NoRule
from gradscribe.transpiler.ir.builder import build_body
from gradscribe.transpiler.ir.dims import Dim
from gradscribe.transpiler.ir.evaluate import GuardFailed, evaluate
from gradscribe.transpiler.ir.nodes import Function, Var
from gradscribe.transpiler.ir.types import ArrayType, array
from gradscribe.transpiler.ir.verify import verify
from gradscribe.transpiler.ir.walk import inner_eqns
from gradscribe.transpiler.primitives.regions import loop
from gradscribe.transpiler.transforms.batch import vmap
from transforms.small_programs import CONTROL, LOOPS, STRAIGHT, arguments, guarded, newton, ragged, sweep

EVERY = {**STRAIGHT, **LOOPS, **CONTROL}


def subsets(count: int) -> list[tuple[bool, ...]]:
    return [flags for flags in itertools.product((False, True), repeat=count) if any(flags)]


def stacked(args: tuple[Any, ...], flags: tuple[bool, ...], size: int) -> list[Any]:
    """Perturbed copies of floats; integers as they are, but for scalars, which count down."""
    rng = np.random.default_rng(5)
    out: list[Any] = []
    for arg, flag in zip(args, flags, strict=True):
        if not flag:
            out.append(arg)
        elif np.asarray(arg).dtype.kind == "f":
            out.append(np.stack([np.asarray(arg) + rng.uniform(-0.3, 0.3, np.shape(arg)) for _ in range(size)]))
        elif np.ndim(arg):
            out.append(np.stack([rng.permutation(arg) for _ in range(size)]))
        else:
            out.append(np.arange(size, 0, -1))
    return out


def compare(function: Function, lanes: str, flags: tuple[bool, ...], size: int, dim: Any) -> tuple[bool, ...]:
    """Results of the batched program are the stacked results of single calls; returns which are batched."""
    args = stacked(arguments(function), flags, size)
    new, batched = vmap(function, flags, dim, lanes)
    verify(new)
    out = evaluate(new, *args)
    for k, is_batched in enumerate(batched):
        singles = []
        for lane in range(size):
            single = [x[lane] if flag else x for x, flag in zip(args, flags, strict=True)]
            singles.append(evaluate(function, *_as_typed(function, single))[k])
        if is_batched:
            np.testing.assert_allclose(out[k], np.stack(singles), rtol=1e-13, strict=True)
        else:
            for single in singles:
                np.testing.assert_allclose(out[k], single, rtol=1e-13)
    return batched


@pytest.mark.parametrize("lanes", ["auto", "loop"])
@pytest.mark.parametrize("name", EVERY)
def test_every_choice_of_batched_parameters(name, lanes):
    function = EVERY[name]()
    for flags in subsets(len(function.params)):
        compare(function, lanes, flags, 3, Dim.of(3))


@pytest.mark.parametrize("name", {**STRAIGHT, **LOOPS})
def test_array_code_gets_no_loop_over_lanes(name):
    function = EVERY[name]()
    loops = sum(e.operation is loop for e in inner_eqns(function.region))
    for flags in subsets(len(function.params)):
        compare(function, "array", flags, 3, Dim.of(3))
        new, _ = vmap(function, flags, 3, "auto")
        assert sum(e.operation is loop for e in inner_eqns(new.region)) == loops


@pytest.mark.parametrize("lanes", ["auto", "loop"])
@pytest.mark.parametrize("size", [1, 2])
def test_batches_of_one_and_two(size, lanes):
    for make in EVERY.values():
        function = make()
        compare(function, lanes, (True,) * len(function.params), size, Dim.of(size))


def test_results_that_do_not_depend_on_the_batch_are_not_batched():
    assert compare(newton(), "auto", (True, False), 3, Dim.of(3)) == (True, True, False)
    assert compare(newton(), "loop", (True, False), 3, Dim.of(3)) == (True, True, False)


def test_only_the_while_loop_and_the_branch_become_loops_over_lanes():
    new, _ = vmap(newton(), (True, False), 3)
    outermost = [e.operation.name for e in new.region.eqns]
    assert outermost.count("loop") == 2
    assert "multiply" in outermost  # w * root stays array code


def test_array_mode_masks_lanes_that_part_ways():
    assert compare(newton(), "array", (True, False), 3, Dim.of(3)) == (True, True, False)
    new, _ = vmap(newton(), (True, False), 3, "array")
    assert [e.operation.name for e in new.region.eqns].count("loop") == 1  # of the trips; none over lanes


def test_a_result_whose_size_depends_on_the_lane_is_refused():
    for lanes in ("auto", "loop", "array"):
        with pytest.raises(NoRule, match="lane"):
            vmap(ragged(), (False, True), 3, lanes)
    compare(ragged(), "array", (True, False), 3, Dim.of(3))


def test_conditions_at_entry_are_checked_in_every_lane():
    new, _ = vmap(guarded(), (False, True), 3)
    x = np.ones(4)
    with pytest.raises(ValueError, match="steps must be positive"):
        evaluate(new, x, np.array([2, 1, 0]))
    kept, _ = vmap(guarded(), (True, False), 3)
    with pytest.raises(GuardFailed):
        evaluate(kept, np.ones((3, 4)), 0)


def test_vmap_of_vmap():
    function = sweep()
    once, batched = vmap(function, (True, False), 2)
    assert batched == (True, True)
    twice, _ = vmap(once, (False, True), 3)
    verify(twice)
    x, w = arguments(function)
    xs, ws = np.stack([x, x + 0.1]), np.stack([w, w - 0.1, w + 0.2])
    a, b = evaluate(twice, xs, ws)
    for i in range(3):
        for j in range(2):
            for found, expected in zip((a, b), evaluate(function, xs[j], ws[i]), strict=True):
                np.testing.assert_allclose(found[i, j], expected, rtol=1e-13)


def test_a_python_scalar_that_becomes_batched_promotes_as_an_array_element():
    params = [Var(array(np.float32, 3), "x"), Var(ArrayType(np.dtype(np.float64), (), True), "t")]
    function = Function("scaled", build_body(params, lambda x, t: (x * t,)))
    x = np.ones(3, np.float32)
    assert evaluate(function, x, 2.0)[0].dtype == np.float32
    for lanes in ("array",):
        new, _ = vmap(function, (False, True), 2, lanes)
        verify(new)
        assert evaluate(new, x, np.array([1.0, 2.0]))[0].dtype == np.float64


def test_wrong_calls():
    with pytest.raises(ValueError, match="2 parameters, 1 flags"):
        vmap(sweep(), (True,), 3)
    with pytest.raises(ValueError, match="lanes is"):
        vmap(sweep(), (True, False), 3, "fast")  # type: ignore[arg-type]


def test_symbolic_size_serves_all_sizes():
    function = sweep()
    args = arguments(function)
    for size in (2, 5):
        check_vmap(Program(function, args, (), ()), (True, True), size=size)
