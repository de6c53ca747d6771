"""The corpus itself: NumPy programs against their JAX forms by value, and JAX gradients against finite differences.

This establishes that the references with which gradscribe is compared are right; it does not involve gradscribe.
"""

import copy

import numpy as np
import pytest

from oracles import (
    complex_step,
    directional_error,
    finite_difference_jvp,
    is_inexact,
    leaves,
    norm,
    random_like,
    relative_error,
    scalarise,
)
from programs.catalogue import PROGRAMS, program_named

WITH_JAX = [program for program in PROGRAMS if program.has_jax_reference]
IN_FLOAT32 = [program for program in WITH_JAX if program.float32]


def by_name(program):
    return program.name


def jax_value_and_grad(program, args, weights):
    reference = pytest.importorskip("programs.jax_reference", reason="needs JAX", exc_type=ImportError)
    function = program.jax_reference()
    compiled = reference.value_and_grad(function, args, program.argnums, weights, aux=True)
    (total, out), gradients = compiled(*reference.bind(args, program.argnums))
    return float(total), reference.to_numpy(out), reference.to_numpy(gradients)


@pytest.mark.parametrize("program", WITH_JAX, ids=by_name)
def test_value_and_gradient_agree_with_jax_and_finite_differences(program):
    pytest.importorskip("jax")
    args = program.make_inputs(seed=3)
    expected = program(*args)
    weights = random_like(expected, seed=7)
    total, out, gradients = jax_value_and_grad(program, args, weights)
    assert relative_error(leaves(out), leaves(expected)) < 1e-11
    assert abs(total - scalarise(program, weights)(*args)) < 1e-10 * norm(weights) * max(norm(expected), 1.0)
    for seed in (11, 12):
        assert directional_error(program, args, program.argnums, gradients, weights, seed) < 1e-10


@pytest.mark.parametrize("program", IN_FLOAT32, ids=by_name)
def test_float32_stays_float32_and_is_near_float64(program):
    args = program.make_inputs(seed=3, dtype=np.float32)
    out = program(*args)
    assert all(np.asarray(leaf).dtype == np.float32 for leaf in leaves(out))
    reference = program(*program.make_inputs(seed=3))
    assert relative_error(leaves(out), leaves(reference)) < 1e-4


@pytest.mark.parametrize("program", PROGRAMS, ids=by_name)
def test_program_writes_exactly_the_arguments_it_declares(program):
    args = program.make_inputs(seed=5)
    passed = copy.deepcopy(args)
    program.function(*passed)
    written = tuple(i for i, (a, b) in enumerate(zip(args, passed, strict=True)) if relative_error(a, b) != 0.0)
    assert written == program.mutated


@pytest.mark.parametrize("program", PROGRAMS, ids=by_name)
def test_inputs_are_small_and_reproducible(program):
    args, again = program.make_inputs(seed=1), program.make_inputs(seed=1)
    assert relative_error(leaves(list(args)), leaves(list(again))) == 0.0
    assert relative_error(leaves(list(args)), leaves(list(program.make_inputs(seed=2)))) > 0.0
    assert sum(np.size(leaf) for leaf in leaves(list(args))) <= 500
    assert all(is_inexact(leaf) for argnum in program.argnums for leaf in leaves(args[argnum]))


def test_finite_differences_reach_ten_digits_on_a_known_derivative():
    x, v = np.linspace(0.1, 2.0, 7), np.linspace(-1.0, 1.0, 7)
    found = finite_difference_jvp(lambda x, n: np.exp(np.sin(n * x)), (x, 3), (v, None))
    assert relative_error(found, 3 * v * np.cos(3 * x) * np.exp(np.sin(3 * x))) < 1e-10


def test_finite_differences_step_around_a_kink_and_do_not_write_arguments():
    def kinked(x):
        x *= 2.0
        return np.maximum(x, 0.01)

    x = np.array([0.0051, 1.0])
    assert relative_error(finite_difference_jvp(kinked, (x,), (np.array([1.0, 1.0]),)), np.array([2.0, 2.0])) < 1e-9
    assert x.tolist() == [0.0051, 1.0]


def test_complex_step_is_exact_and_refuses_functions_that_lose_the_imaginary_part():
    x, v = np.linspace(0.1, 2.0, 7), np.ones(7)
    assert relative_error(complex_step(np.tanh, (x,), (v,)), 1 - np.tanh(x) ** 2) < 1e-15
    with pytest.raises(TypeError):
        complex_step(np.abs, (x,), (v,))


def test_a_wrong_gradient_is_noticed():
    program = program_named("rosenbrock")
    (x,) = program.make_inputs(seed=3)
    wrong = np.zeros_like(x)
    wrong[0] = 1.0
    assert directional_error(program, (x,), (0,), (wrong,), 1.0) > 1e-3
    assert relative_error(np.array([1.0, np.nan]), np.array([1.0, 2.0])) == float("inf")
