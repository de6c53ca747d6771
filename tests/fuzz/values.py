"""One fuzzed program compared with Python: value, exception, and both of the caller's arrays."""

from __future__ import annotations

import copy
import functools
import warnings
from collections.abc import Callable
from typing import Any
from unittest import mock

import numpy as np

from frontend.running import run_staged, same
from fuzz.programs import load_program, make_arguments, program_text
from gradscribe.transpiler.errors import GradscribeError, InternalError, NoRule
from gradscribe.transpiler.frontend import growing_lists
from gradscribe.transpiler.frontend.stage import stage
from gradscribe.transpiler.ir.evaluate import GuardFailed
from gradscribe.transpiler.ir.staged import Staged

# What these programs may be refused for; any other refusal is a construct that is accepted and was not.
REFUSALS = ("may or may not share memory", "that float32 cannot hold exactly")

LITTLE_ROOM = 1  # items that a list which grows has room for at first: programs this small fill it


def may_be_refused(error: GradscribeError) -> bool:
    """Does a refusal name a place in the text, and a declared gap or one of the reasons above?"""
    if error.span is None or isinstance(error, InternalError):
        return False
    return isinstance(error, NoRule) or any(reason in error.message for reason in REFUSALS)


def python_outcome(function: Callable[..., Any], args: tuple[Any, ...]) -> tuple[Any, str | None]:
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            return function(*args), None
    except Exception as error:
        return None, type(error).__name__


@functools.lru_cache(4)
def staged_at(seed: int, flavour: str, k: int) -> Staged:
    """The program staged for its k-th arguments."""
    return stage(load_program(program_text(seed, flavour)), make_arguments(1000 * seed + k, flavour), {})


def agree(got: Any, want: Any, flavour: str) -> bool:
    """Equal but for rounding. Where dtypes mix, a number may be computed in a wider one than Python chooses."""
    if flavour == "mixed":
        return same(got, want, exact_type=False, rtol=1e-4, atol=1e-5)
    return same(got, want, exact_type=False)


@mock.patch.object(growing_lists, "_SPARE", LITTLE_ROOM)
def compare(seed: int, flavour: str, runs: int = 6) -> tuple[str, str]:
    """("right" | "refused" | "wrong", detail) for one program on several inputs."""
    function = load_program(program_text(seed, flavour))
    staged = None
    for k in range(runs):
        args = make_arguments(1000 * seed + k, flavour)
        theirs, ours = copy.deepcopy(args), copy.deepcopy(args)
        want, raised = python_outcome(function, theirs)
        if staged is None:
            try:
                staged = staged_at(seed, flavour, k)
            except GradscribeError as error:
                if raised is not None and not isinstance(error, InternalError):  # the program itself may raise
                    continue
                verdict = "refused" if may_be_refused(error) else "wrong"
                return verdict, f"{type(error).__name__}: {error.message}"
        try:
            got = run_staged(staged, ours)
        except GuardFailed:
            staged = None  # another trace serves these arguments
            continue
        except Exception as error:
            if raised is None:
                return "wrong", f"raises {type(error).__name__}: {error}"
            continue
        if raised is not None:
            return "wrong", f"Python raises {raised}"
        if not agree(got, want, flavour):
            return "wrong", f"value {got} instead of {want} (input {k})"
        if not agree(ours, theirs, flavour):
            return "wrong", f"caller's {ours} instead of {theirs} (input {k})"
    return "right", ""
