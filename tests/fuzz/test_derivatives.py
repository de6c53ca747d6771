"""Random programs: every derivative against finite differences, its dual, another plan, and itself one order higher."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from fuzz.derivatives import (
    Program,
    check_jvp,
    check_second_order,
    check_vjp,
    check_vmap,
    close,
    gradient_program,
)
from fuzz.ir_programs import Generator, Nests, random_case
from gradscribe.transpiler.errors import NoRule
from gradscribe.transpiler.transforms.batch import vmap
from gradscribe.transpiler.transforms.jacobian import jacfwd, jacrev
from gradscribe.transpiler.transforms.jvp import jvp
from gradscribe.transpiler.transforms.vjp import vjp
from transforms.executions import EXECUTIONS


def seeds(start: int, quick: int, all: int) -> list[Any]:
    """Numbers of programs; beyond `quick` of them only in the slow tests."""
    return [
        *range(start, start + quick),
        *(pytest.param(k, marks=pytest.mark.slow) for k in range(start + quick, start + all)),
    ]


def program(seed: int, size: int = 14, style: type[Generator] = Generator) -> Program:
    case = random_case(seed, size, style)
    return Program(case.function, case.args, case.wrt, case.results)


@pytest.mark.parametrize("seed", seeds(0, 24, 150))
def test_first_order(seed):
    p = program(seed)
    check_jvp(p, seed)
    check_vjp(p, seed)


@pytest.mark.parametrize("seed", seeds(0, 10, 80))
def test_sweeps_in_place(seed):
    p = program(seed, size=10, style=Nests)
    check_jvp(p, seed)
    check_vjp(p, seed)


@pytest.mark.parametrize("seed", seeds(1000, 5, 60))
def test_second_order(seed):
    check_second_order(program(seed, size=9), seed)


def flags_for(p: Program, seed: int) -> list[bool]:
    rng = random.Random(seed)
    flags = [rng.random() < 0.5 for _ in p.args]
    flags[rng.randrange(len(flags))] = True
    return flags


@pytest.mark.parametrize("seed", seeds(2000, 20, 100))
def test_batches(seed):
    p = program(seed)
    for lanes in ("auto", "loop"):
        check_vmap(p, flags_for(p, seed), seed, lanes, size=random.Random(seed).choice([1, 2, 3]))


@pytest.mark.parametrize("seed", seeds(3000, 4, 40))
def test_batches_of_derivatives_and_derivatives_of_batches(seed):
    p = program(seed, size=8)
    flags = flags_for(p, seed)
    fused = vjp(p.function, p.wrt, p.results).fused
    ct = p.cotangents(seed)
    check_vmap(Program(fused, (*p.args, *ct), (), ()), [*flags, *(True for _ in ct)], seed)
    pushed = jvp(p.function, p.wrt)
    dx = p.tangents(seed)
    check_vmap(Program(pushed, (*p.args, *dx), (), ()), [*flags, *(True for _ in dx)], seed)
    batched, _ = vmap(p.function, flags, 2)
    stacked: list[Any] = [np.stack([x, x]) if f else x for x, f in zip(p.args, flags, strict=True)]
    q = Program(batched, tuple(stacked), p.wrt, p.results)
    check_jvp(q, seed)
    check_vjp(q, seed)


@pytest.mark.parametrize("seed", seeds(4000, 4, 40))
def test_forward_and_reverse_jacobians_agree(seed):
    p = program(seed, size=8)
    forward, reverse = (mode(p.function, p.wrt, p.results) for mode in (jacfwd, jacrev))
    close(p.run(forward, *p.args), p.run(reverse, *p.args), 1e-9, "jacfwd against jacrev")


@pytest.mark.parametrize("style", [Generator, Nests])
@pytest.mark.parametrize("seed", seeds(5000, 4, 60))
def test_emitted_numpy_text(seed, style):
    """Derivatives of first and second order as the NumPy text that users read."""
    p = replace(program(seed, size=9, style=style), execute=EXECUTIONS["python"])
    check_vjp(p, seed)
    check_vjp(gradient_program(p, seed), seed)


@pytest.mark.slow
@pytest.mark.native
@pytest.mark.parametrize("seed", range(6000, 6010))
def test_native_code(seed):
    p = replace(program(seed, size=9), execute=EXECUTIONS["native"])
    check_vjp(p, seed)


def test_array_mode_is_the_loop_or_refuses_with_a_reason():
    compared = 0
    for seed in range(2000, 2030):
        p = program(seed)
        try:
            check_vmap(p, [True] * len(p.args), seed, "array")
            compared += 1
        except NoRule as error:
            assert "lane" in error.message or "batch" in error.message
    assert compared > 20
