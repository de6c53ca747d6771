"""Every program of the corpus: its value, its derivatives of first and second order, its batches; on every way to run
it."""

from __future__ import annotations

import copy
import random

import numpy as np
import pytest

from fuzz.derivatives import (
    Program,
    check_jvp,
    check_second_order,
    check_vjp,
    check_vmap,
)
from gradscribe.transpiler.ir.nodes import Operand
from gradscribe.transpiler.ir.types import ArrayType
from gradscribe.transpiler.transforms.vjp import value_and_grad, vjp
from oracles import leaves, random_like, relative_error
from programs.catalogue import PROGRAMS
from transforms.executions import EVERY_EXECUTION, EXECUTIONS
from transforms.staged_corpus import StagedProgram, stage_entry


@pytest.fixture(params=PROGRAMS, ids=lambda entry: entry.name)
def entry(request):
    return request.param


@pytest.fixture(params=EVERY_EXECUTION)
def execution(request):
    return EXECUTIONS[request.param]


@pytest.fixture
def staged(entry, execution) -> StagedProgram:
    return stage_entry(entry, execution)


def test_value_and_writes(staged):
    args = copy.deepcopy(staged.args)
    expected = staged.entry.function(*args)
    out = staged.point.run(staged.point.function, *staged.point.args)
    found = staged.result_tree(out)
    for a, b in zip(leaves(found), leaves(expected), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13)
        assert np.asarray(a).dtype == np.asarray(b).dtype
    written = {m.parameter: m.position for m in staged.staged.mutations}
    after = leaves(list(args))
    for k, parameter in enumerate(staged.staged.parameters):
        if k in written:
            np.testing.assert_allclose(out[written[k]], after[parameter.leaf], rtol=1e-12, atol=1e-13)
    changed = [
        k for k, (a, b) in enumerate(zip(leaves(list(staged.args)), after, strict=True)) if not np.array_equal(a, b)
    ]
    assert changed == sorted(staged.staged.parameters[k].leaf for k in written)


def test_first_order(staged):
    check_jvp(staged.point, seed=1)
    check_vjp(staged.point, seed=1)


@pytest.mark.slow
def test_second_order(staged):
    check_second_order(staged.point, seed=2)


@pytest.mark.parametrize("single", [e for e in PROGRAMS if e.float32], ids=lambda e: e.name)
def test_float32_gradients_stay_float32_and_are_near_float64(single, execution):
    gradients = []
    for dtype in (np.float32, np.float64):
        point = stage_entry(single, execution, dtype=dtype).point
        outs = point.run(point.function, *point.args)
        weights = [np.cos(np.arange(np.size(outs[k]))).reshape(np.shape(outs[k])) for k in point.results]
        cotangents = [outs[k].dtype.type(w) if not np.ndim(w) else w.astype(outs[k].dtype)
                      for k, w in zip(point.results, weights, strict=True)]  # fmt: skip
        fused = vjp(point.function, point.wrt, point.results).fused
        gradient = point.run(fused, *point.args, *cotangents)[len(outs) :]
        for k, bar in zip(point.wrt, gradient, strict=True):
            assert np.asarray(bar).dtype == np.asarray(point.args[k]).dtype
        gradients.append([np.asarray(bar, np.float64) for bar in gradient])
    assert relative_error(*gradients) < 2e-4


def is_scalar(x: Operand) -> bool:
    return isinstance(x.type, ArrayType) and not x.type.shape and x.type.is_float


@pytest.mark.slow
def test_hessian_times_vector(staged):
    """jvp and vjp of the gradient of a scalar result."""
    point = staged.point
    scalars = [k for k in point.results if is_scalar(point.function.results[k])]
    if not scalars:
        pytest.skip("no scalar result")
    gradient = value_and_grad(point.function, point.wrt, scalars[0])
    count = len(point.function.results)
    g = Program(gradient, point.args, point.wrt, tuple(range(count, count + len(point.wrt))), point.execute)
    check_jvp(g, seed=3)
    check_vjp(g, seed=3)


@pytest.mark.slow
def test_gradient_agrees_with_jax(staged):
    if not staged.entry.has_jax_reference:
        pytest.skip("no JAX form")
    reference = pytest.importorskip("programs.jax_reference", reason="needs JAX", exc_type=ImportError)
    point, entry = staged.point, staged.entry
    out = point.run(point.function, *point.args)
    weights = random_like(staged.result_tree(out), seed=7)
    compiled = reference.value_and_grad(entry.jax_reference(), staged.args, entry.argnums, weights, aux=True)
    _, expected = compiled(*reference.bind(staged.args, entry.argnums))
    cotangents = _cotangents_of_leaves(staged, weights, out)
    found = point.run(vjp(point.function, point.wrt, point.results).fused, *point.args, *cotangents)[len(out) :]
    trees = staged.argument_trees(dict(zip(point.wrt, found, strict=True)))
    for argnum, a, b in zip(entry.argnums, trees, reference.to_numpy(expected), strict=True):
        assert relative_error(leaves(a), leaves(b)) < 1e-9, f"argument {argnum}"


def _cotangents_of_leaves(staged: StagedProgram, weights, out):
    """One cotangent per seeded flat result: the sum of the weights of the leaves that show it. A leaf that is an
    argument itself has no flat result, so its program must give it one."""
    positions = leaves(
        staged.result_tree([np.float64(k) for k in range(len(out))], [np.float64(-1)] * len(staged.point.args))
    )
    total = [np.zeros(np.shape(x)) for x in out]
    for position, weight in zip(positions, leaves(weights), strict=True):
        assert position >= 0, "an argument returned as it is"
        total[int(position)] = total[int(position)] + weight
    return [total[k] if np.ndim(out[k]) else np.float64(total[k]) for k in staged.point.results]


@pytest.mark.slow
@pytest.mark.parametrize("lanes", ["auto", "loop"])
def test_batches(staged, lanes):
    """Over all float parameters at once, and over random choices of them."""
    point = staged.point
    rng = random.Random(staged.entry.name)
    for every in (True, False, False):
        flags = [k in point.wrt and (every or rng.random() < 0.5) for k in range(len(point.args))]
        flags[rng.choice(point.wrt)] = True
        check_vmap(point, flags, seed=4, lanes=lanes, size=3, spread=0.01)


@pytest.mark.slow
def test_batch_of_gradients(staged):
    point = staged.point
    cotangents = point.cotangents(5)
    fused = vjp(point.function, point.wrt, point.results).fused
    flags = [k in point.wrt for k in range(len(point.args))] + [True] * len(cotangents)
    check_vmap(Program(fused, (*point.args, *cotangents), (), (), point.execute), flags, seed=5, spread=0.01)
