"""Forward, reverse and second derivatives of IR programs with loops, exits, branches, writes, by value."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gradscribe.transpiler.ir.evaluate import evaluate
from gradscribe.transpiler.ir.nodes import Function
from gradscribe.transpiler.ir.verify import verify
from gradscribe.transpiler.transforms.jvp import jvp
from gradscribe.transpiler.transforms.vjp import plan_of, vjp
from transforms.region_programs import REGION_PROGRAMS

Values = list[Any]


def normal(rng: np.random.Generator, like: Any) -> Any:
    return np.asarray(rng.normal(size=np.shape(like)))[()]


def inner(a: Values, b: Values) -> float:
    return float(sum(np.sum(x * y) for x, y in zip(a, b, strict=True)))


def moved(args: Values, direction: Values, step: float) -> Values:
    return [a + step * d for a, d in zip(args, direction, strict=True)]


def central_difference(function: Function, args: Values, direction: Values, extra: Values, skip: int) -> Values:
    """5-point derivative along `direction` of the results after the first `skip`."""
    h = 1e-4
    runs = [evaluate(function, *moved(args, direction, k * h), *extra)[skip:] for k in (1, -1, 2, -2)]
    return [(8 * (a - b) - (c - d)) / (12 * h) for a, b, c, d in zip(*runs, strict=True)]


def close(a: float, b: float, tolerance: float) -> bool:
    return abs(a - b) <= tolerance * max(1.0, abs(a), abs(b))


@pytest.fixture(params=list(REGION_PROGRAMS))
def case(request: pytest.FixtureRequest) -> tuple[Function, Values, Values, Values]:
    function, args = REGION_PROGRAMS[request.param]
    rng = np.random.default_rng(7)
    direction = [normal(rng, a) for a in args]
    weights = [normal(rng, out) for out in evaluate(function, *args)]
    return function, list(args), direction, weights


def test_jvp_is_the_derivative(case: Any) -> None:
    function, args, direction, weights = case
    forward = jvp(function, range(len(args)))
    verify(forward)
    tangents = evaluate(forward, *args, *direction)[len(weights) :]
    expected = central_difference(function, args, direction, [], 0)
    for t, e in zip(tangents, expected, strict=True):
        np.testing.assert_allclose(t, e, rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("save_everything", [True, False])
def test_vjp_is_the_transpose_of_jvp(case: Any, save_everything: bool) -> None:
    function, args, direction, weights = case
    count = len(weights)
    tangents = evaluate(jvp(function, range(len(args))), *args, *direction)[count:]
    parts = vjp(function, range(len(args)), save_everything=save_everything)
    verify(parts.fused)
    outs = evaluate(parts.fused, *args, *weights)
    assert close(inner(weights, list(tangents)), inner(list(outs[count:]), direction), 1e-12)


def test_both_plans_agree(case: Any) -> None:
    function, args, _, weights = case
    runs = [evaluate(vjp(function, range(len(args)), save_everything=s).fused, *args, *weights) for s in (True, False)]
    for a, b in zip(*runs, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13)


def test_pullback_twice_gives_equal_results(case: Any) -> None:
    function, args, _, weights = case
    parts = vjp(function, range(len(args)))
    forward, backward = parts.split
    verify(forward)
    verify(backward)
    outs = evaluate(forward, *args)
    saved = outs[len(weights) :]
    assert len(saved) == parts.saved_count
    first, second = evaluate(backward, *saved, *weights), evaluate(backward, *saved, *weights)
    fused = evaluate(parts.fused, *args, *weights)[len(weights) :]
    for a, b, c in zip(first, second, fused, strict=True):
        np.testing.assert_array_equal(a, b)
        np.testing.assert_allclose(a, c, rtol=1e-13, atol=1e-14)


def test_second_order_in_every_combination(case: Any) -> None:
    function, args, direction, weights = case
    count, wrt = len(weights), range(len(args))
    rng = np.random.default_rng(3)
    probe = [normal(rng, a) for a in args]
    reverse = vjp(function, wrt).fused
    expected = inner(probe, central_difference(reverse, args, direction, weights, count))
    # reverse over reverse
    twice = vjp(reverse, wrt, range(count, count + len(args)))
    verify(twice.fused)
    grads = evaluate(twice.fused, *args, *weights, *probe)[-len(args) :]
    assert close(inner(list(grads), direction), expected, 1e-6)
    # forward over reverse
    over = jvp(reverse, wrt)
    verify(over)
    assert close(inner(list(evaluate(over, *args, *weights, *direction)[-len(args) :]), probe), expected, 1e-6)
    # reverse over forward
    forward = jvp(function, wrt)
    mixed = vjp(forward, wrt, range(count, 2 * count))
    verify(mixed.fused)
    value = inner(weights, central_difference(forward, args, probe, direction, count))
    grads = evaluate(mixed.fused, *args, *direction, *weights)[-len(args) :]
    assert close(inner(list(grads), probe), value, 1e-6)


def test_newton_saves_one_value_per_trip() -> None:
    function, _ = REGION_PROGRAMS["newton"]
    tapes = list(plan_of(function, [0, 1], [0]).tapes.values())
    assert [(t.var.hint, t.kind) for t in tapes] == [("x", "stack")]


def test_exits_save_the_code_and_no_flag_per_iteration() -> None:
    function, _ = REGION_PROGRAMS["exit_in_loop"]
    plan = plan_of(function, [0], [0, 1])
    assert len(plan.flags) == 1
    assert [t.var.hint for t in plan.tapes.values() if not t.var.type.is_float] == ["trips", "code"]
