"""Random programs: every derivative against finite differences, its dual, another plan, and itself one order higher."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

from fuzz.derivatives import Program, check_jvp, check_second_order, check_vjp, check_vmap
from fuzz.ir_programs import Generator, Nests, random_case
from gradscribe.transpiler.errors import NoRule
from gradscribe.transpiler.transforms.batch import vmap
from gradscribe.transpiler.transforms.jvp import jvp
from gradscribe.transpiler.transforms.vjp import vjp


def program(seed: int, size: int = 14, style: type[Generator] = Generator) -> Program:
    case = random_case(seed, size, style)
    return Program(case.function, case.args, case.wrt, case.results)


@pytest.mark.parametrize("seed", range(60))
def test_first_order(seed):
    p = program(seed)
    check_jvp(p, seed)
    check_vjp(p, seed)


@pytest.mark.parametrize("seed", range(40))
def test_sweeps_in_place(seed):
    p = program(seed, size=10, style=Nests)
    check_jvp(p, seed)
    check_vjp(p, seed)


@pytest.mark.parametrize("seed", range(1000, 1020))
def test_second_order(seed):
    check_second_order(program(seed, size=9), seed)


def flags_for(p: Program, seed: int) -> list[bool]:
    rng = random.Random(seed)
    flags = [rng.random() < 0.5 for _ in p.args]
    flags[rng.randrange(len(flags))] = True
    return flags


@pytest.mark.parametrize("seed", range(2000, 2040))
def test_batches(seed):
    p = program(seed)
    for lanes in ("auto", "loop"):
        check_vmap(p, flags_for(p, seed), seed, lanes, size=random.Random(seed).choice([1, 2, 3]))


@pytest.mark.parametrize("seed", range(3000, 3015))
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


def test_array_mode_refuses_what_depends_on_the_lane_with_a_reason():
    refused = 0
    for seed in range(2000, 2030):
        p = program(seed)
        try:
            check_vmap(p, [True] * len(p.args), seed, "array")
        except NoRule as error:
            refused += 1
            assert "lane" in error.message or "batch" in error.message
    assert 0 < refused
