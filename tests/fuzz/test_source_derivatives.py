"""Random NumPy programs through the frontend: their derivatives, to second order, and their batches."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from fuzz.derivatives import (
    Program,
    Unjudged,
    all_finite,
    check_jvp,
    check_second_order,
    check_vjp,
    check_vmap,
    meets_a_singularity,
)
from fuzz.language_programs import KINDS
from fuzz.programs import FLAVOURS
from fuzz.source_campaign import check_program
from fuzz.source_derivatives import source_program
from fuzz.test_derivatives import flags_for, seeds
from gradscribe.transpiler.frontend.stage import stage


@pytest.fixture(autouse=True)
def quiet():
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield


def staged(seed: int, flavour: str) -> Program:
    """The program, if the frontend takes it and it has finite values; else nothing to test."""
    p = source_program(seed, flavour)
    if p is None:
        pytest.skip("refused, or raises")
    if not all_finite(p.run(p.function, *p.args)):
        pytest.skip("not finite")
    return p


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize("seed", seeds(0, 4, 40))
def test_first_order(seed, flavour):
    p = staged(seed, flavour)
    check_jvp(p, seed)
    check_vjp(p, seed)


@pytest.mark.parametrize("flavour", KINDS)
@pytest.mark.parametrize("seed", [*range(2), *(pytest.param(k, marks=pytest.mark.slow) for k in range(2, 30))])
def test_the_whole_language(seed, flavour):
    """Every check of the campaign: values, text, derivatives, batches, what users call, arguments left alone."""
    for outcome in check_program(seed, flavour):
        assert outcome.verdict != "wrong", f"program_text({seed}, {flavour!r}) {outcome.check}: {outcome.detail}"


@pytest.mark.slow
@pytest.mark.parametrize("flavour", ["smooth", "control", "aliasing"])
@pytest.mark.parametrize("seed", range(1000, 1020))
def test_second_order(seed, flavour):
    check_second_order(staged(seed, flavour), seed)


@pytest.mark.slow
@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize("seed", range(2000, 2015))
def test_batches(seed, flavour):
    p = staged(seed, flavour)
    flags = [flag and k in p.wrt for k, flag in enumerate(flags_for(p, seed))]
    for lanes in ("auto", "loop"):
        check_vmap(p, flags, seed, lanes, spread=1e-3)


def overflowing(a, n):
    """The first element of `b` is infinite, and nothing reads it; n = 0: none is."""
    b = np.exp(a * 300.0 * n)
    return b[1] + a.sum()


@pytest.mark.parametrize("n, met", [(0, False), (4, True)])
def test_a_point_is_unjudged_where_something_unread_overflows(n, met):
    function = stage(overflowing, (np.array([1.5, -0.5]), n), {}).function
    p = Program(function, (np.array([1.5, -0.5]), n), (0,), (0,))
    assert meets_a_singularity(p, 0) == met
    if met:
        with pytest.raises(Unjudged):
            check_vjp(p)
    else:
        check_vjp(p)


def test_most_programs_are_taken():
    """The tests above do test: the frontend takes most programs."""
    taken = [source_program(seed, flavour) is not None for seed in range(10) for flavour in FLAVOURS]
    assert sum(taken) >= len(taken) // 2
