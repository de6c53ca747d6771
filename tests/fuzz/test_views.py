"""Random programs over views: the staged program does what NumPy does, to values and to the caller's arrays, and its
derivatives are those of the values; or it is refused."""

from __future__ import annotations

import collections
import copy
import warnings
from typing import Any

import numpy as np
import pytest

from frontend.running import run_staged
from fuzz.derivatives import Program, check_jvp, check_second_order, check_vjp
from fuzz.programs import load_program
from fuzz.values import python_outcome
from fuzz.view_programs import view_arguments, view_program_text
from gradscribe.transpiler import tree
from gradscribe.transpiler.errors import AliasError, ReadOnlyError
from gradscribe.transpiler.frontend.stage import stage
from gradscribe.transpiler.ir.evaluate import GuardFailed
from gradscribe.transpiler.ir.staged import ArgumentLeaf, Staged

MOST_REFUSED = 0.15  # programs that alias on purpose are refused sometimes


@pytest.fixture(autouse=True)
def quiet():
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield


def outcome(seed: int, runs: int = 4) -> str:
    """"right" or "refused"; anything else is an error of the test. Several inputs take several branches."""
    function = load_program(view_program_text(seed))
    staged: Staged | None = None
    for k in range(runs):
        args = view_arguments(1000 * seed + k)
        theirs, ours = copy.deepcopy(args), copy.deepcopy(args)
        want, raised = python_outcome(function, theirs)
        assert raised is None, f"view_program_text({seed}) raises {raised}"
        while True:
            try:
                staged = staged or stage(function, copy.deepcopy(args), {})
                got = run_staged(staged, ours)
                break
            except (AliasError, ReadOnlyError):
                return "refused"
            except GuardFailed:
                staged = None
        np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-9, err_msg=f"view_program_text({seed}), input {k}")
        for mine, right in zip(ours[:2], theirs[:2], strict=True):
            np.testing.assert_allclose(mine, right, rtol=1e-9, atol=1e-12, err_msg=f"view_program_text({seed})")
    return "right"


def check(seeds: range) -> None:
    outcomes = collections.Counter(map(outcome, seeds))
    assert outcomes["refused"] <= MOST_REFUSED * len(seeds), outcomes


def test_views_do_what_numpy_does():
    check(range(60))


@pytest.mark.slow
def test_many_views_do_what_numpy_does():
    check(range(10_000, 12_000))


def derivative_program(seed: int) -> Program | None:
    """The staged program at a point, if it is accepted and finite."""
    function = load_program(view_program_text(seed))
    args: Any = view_arguments(seed)
    value, _ = python_outcome(function, copy.deepcopy(args))
    try:
        staged = stage(function, copy.deepcopy(args), {})
    except AliasError:
        return None
    leaves, _ = tree.flatten((args, {}))
    flat = tuple(leaves[p.leaf] for p in staged.parameters if isinstance(p, ArgumentLeaf))
    wrt = tuple(k for k, p in enumerate(staged.function.params) if p.type.is_float)
    results = tuple(k for k, r in enumerate(staged.function.results) if r.type.is_float)
    return Program(staged.function, flat, wrt, results) if np.isfinite(value) and abs(value) < 1e6 else None


@pytest.mark.parametrize("seed", [*range(12), *(pytest.param(s, marks=pytest.mark.slow) for s in range(100, 250))])
def test_derivatives_of_views(seed):
    p = derivative_program(seed)
    if p is None:
        pytest.skip("refused, or not finite")
    check_jvp(p, seed)
    check_vjp(p, seed)
    if seed % 4 == 0:
        check_second_order(p, seed)
