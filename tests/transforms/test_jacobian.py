"""Jacobians against finite differences and against each other, and what they cost."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from gradscribe.transpiler.errors import NotDifferentiable
from gradscribe.transpiler.ir.evaluate import evaluate
from gradscribe.transpiler.ir.verify import verify
from gradscribe.transpiler.ir.walk import inner_eqns
from gradscribe.transpiler.primitives.regions import loop
from gradscribe.transpiler.transforms.jacobian import jacfwd, jacrev
from gradscribe.transpiler.transforms.vjp import value_and_grad
from oracles import finite_difference_jvp, relative_error
from transforms.small_programs import (
    CONTROL,
    LOOPS,
    STRAIGHT,
    arguments,
    early_exit,
    elementwise,
    newton,
    positions,
    sweep,
)

PROGRAMS = {**STRAIGHT, **LOOPS, **CONTROL}


def floating(values):
    return [k for k, x in enumerate(values) if x.type.dtype.kind == "f"]


def numeric_block(function, args, r, w):
    """Block (r, w) column by column."""
    shape, target = np.shape(args[w]), np.shape(evaluate(function, *args)[r])
    block = np.empty((*target, *shape))
    for position in itertools.product(*map(range, shape)):
        direction = np.zeros(shape)
        direction[position] = 1.0
        tangents = [None] * len(args)
        tangents[w] = direction if shape else 1.0
        block[(..., *position)] = finite_difference_jvp(lambda *a: evaluate(function, *a)[r], args, tangents)
    return block


@pytest.mark.parametrize("mode", [jacfwd, jacrev])
@pytest.mark.parametrize("name", PROGRAMS)
def test_blocks_against_finite_differences(name, mode):
    function = PROGRAMS[name]()
    args = arguments(function, seed=1)
    wrt, results = floating(function.params), floating(function.results)
    new = mode(function, wrt, results)
    verify(new)
    out = evaluate(new, *args)
    expected = evaluate(function, *args)
    for found, value in zip(out[: len(expected)], expected, strict=True):
        np.testing.assert_allclose(found, value, rtol=1e-14)
    blocks = iter(out[len(expected) :])
    for r in results:
        for w in wrt:
            block, reference = next(blocks), numeric_block(function, args, r, w)
            assert block.shape == reference.shape
            assert relative_error(block, reference) < 1e-8, (r, w)


@pytest.mark.parametrize("name", PROGRAMS)
def test_forward_and_reverse_agree_on_subsets(name):
    function = PROGRAMS[name]()
    args = arguments(function, seed=2)
    count = len(function.results)
    for w in floating(function.params):
        for r in floating(function.results):
            (a,) = evaluate(jacfwd(function, [w], [r]), *args)[count:]
            (b,) = evaluate(jacrev(function, [w], [r]), *args)[count:]
            np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-14)


def test_straight_code_has_no_loops_over_directions():
    for mode in (jacfwd, jacrev):
        assert not any(e.operation is loop for e in inner_eqns(mode(elementwise(), [0, 1], [0, 1]).region))


@pytest.mark.parametrize("make", [newton, early_exit, positions])
def test_the_forward_part_runs_once_in_reverse(make):
    """Loops of the program itself stand outside the loops over directions."""
    function = make()
    new = jacrev(function, floating(function.params), floating(function.results))
    own = sum(e.operation is loop for e in inner_eqns(function.region))
    assert sum(e.operation is loop for e in new.region.eqns) >= own


def test_hessian_is_the_forward_jacobian_of_the_gradient():
    function = newton()
    args = arguments(function, seed=3)
    gradient = value_and_grad(function, [0], 0)
    hessian = jacfwd(gradient, [0], [len(function.results)])
    verify(hessian)
    found = evaluate(hessian, *args)[-1]
    np.testing.assert_allclose(found, -0.25 * args[0] ** -1.5, rtol=1e-9)  # of sqrt(a)


def test_second_derivatives_are_symmetric():
    function = sweep()
    x, w = arguments(function, seed=4, n=3, m=2)
    rev = jacrev(function, [0], [0])
    second = jacfwd(rev, [0], [len(function.results)])
    verify(second)
    found = evaluate(second, x, w)[-1]
    np.testing.assert_allclose(found, np.swapaxes(found, 1, 2), atol=1e-12)
    assert np.abs(found).max() > 1e-3


def test_integers_are_refused():
    function = positions()
    with pytest.raises(NotDifferentiable, match="parameter number 1"):
        jacfwd(function, [1], [0])
    with pytest.raises(NotDifferentiable, match="result number 1"):
        jacrev(early_exit(), [0], [1])
