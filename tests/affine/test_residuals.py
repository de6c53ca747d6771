"""Factorisations have no tape, and gradients with re-reading equal those that save everything."""

import numpy as np
import pytest
from nest_programs import PROGRAMS
from random_nests import RandomNest, arguments

from gradscribe.transpiler.ir.evaluate import evaluate
from gradscribe.transpiler.transforms.vjp import plan_of, vjp


def differentiable(function):
    return [k for k, param in enumerate(function.params) if param.type.is_float]


@pytest.mark.parametrize("name", ["cholesky", "cholesky_right", "lu", "trisolv", "back_substitution"])
def test_factorisations_have_no_tape(name):
    program = PROGRAMS[name]()
    plan = plan_of(program, differentiable(program), range(len(program.results)))
    assert list(plan.tapes) == []
    assert list(plan.rereads) != []


@pytest.mark.parametrize("name", ["cholesky", "cholesky_right", "lu"])
def test_their_derivatives_have_no_tape(name):
    first = vjp(PROGRAMS[name](), [0]).fused
    plan = plan_of(first, differentiable(first), range(len(first.results)))
    assert list(plan.tapes) == []


@pytest.mark.parametrize("seed", range(24))
def test_reread_equals_saved(seed):
    nest = RandomNest(seed)
    wrt = differentiable(nest.function)
    args = arguments(nest, 3, seed)
    rng = np.random.default_rng(seed)
    cotangents = [rng.normal(size=x.shape) for x in args[:3]]
    saved = evaluate(vjp(nest.function, wrt, save_everything=True).fused, *args, *cotangents)
    chosen = evaluate(vjp(nest.function, wrt).fused, *args, *cotangents)
    for a, b in zip(saved, chosen):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)
