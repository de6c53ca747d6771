"""One random NumPy program against every check: values and caller's arrays, derivatives, batches, emitted text.

In: a seed and a flavour of `fuzz.programs`. Out: for each kind of check "right", "refused" or "wrong", with detail. A
program that the frontend refuses has no other checks; neither has one that raises, or is not finite, at every point
tried.
"""

from __future__ import annotations

import copy
import linecache
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Any, Literal
from unittest import mock

import numpy as np

from frontend.running import same
from fuzz.derivatives import (
    PLANS,
    Program,
    Unjudged,
    Wrong,
    all_finite,
    check_jvp,
    check_second_order,
    check_vjp,
    check_vmap,
    close,
    pull,
    push,
    verified,
)
from fuzz.emitted_text import flat_arguments, function_of, without_comments
from fuzz.programs import load_program, make_arguments, program_text
from fuzz.source_derivatives import source_program
from fuzz.values import LITTLE_ROOM, agree, compare, may_be_refused, python_outcome, staged_at
from gradscribe.transpiler.api.gradients import value_and_grad
from gradscribe.transpiler.api.inspection import source, staged_for
from gradscribe.transpiler.api.jitting import jit
from gradscribe.transpiler.backends.execute import execute
from gradscribe.transpiler.backends.numpy_source import numpy_module
from gradscribe.transpiler.errors import GradscribeError, InternalError
from gradscribe.transpiler.frontend import growing_lists
from oracles import norm

STEEP = 1e8  # a relative derivative that no finite step measures


@dataclass(frozen=True)
class Outcome:
    """What one check of one program found."""

    check: str
    verdict: str  # right, refused, wrong, unjudged (no oracle), or (of texts read back) differs
    detail: str = ""
    seconds: float = 0.0


class Differs(AssertionError):
    """A value, an exception or a caller's array is not what Python makes it."""


class AnotherText(AssertionError):
    """Emitted text, read back, computes the same but is spelled otherwise."""


def as_text(function: Any, *args: Any) -> tuple[Any, ...]:
    """An execution: run the emitted text, with its entry checks."""
    module = numpy_module(function, name=function.name)
    return _flat(execute(module.text, module.name)(*args), len(function.results))


def _flat(out: Any, count: int) -> tuple[Any, ...]:
    return (out,) if count == 1 and not isinstance(out, tuple) else tuple(out)


def value_of_text(seed: int, flavour: str, backend: Literal["python", "native"] = "python") -> None:
    """The text that `jit` runs, called as a user calls it, on several inputs: value, exception, caller's arrays."""
    function = load_program(program_text(seed, flavour))
    written = jit(function, backend=backend)
    for k in range(4):
        args = make_arguments(1000 * seed + k, flavour)
        theirs, ours = copy.deepcopy(args), copy.deepcopy(args)
        want, raised = python_outcome(function, theirs)
        try:
            got = written(*ours)
        except InternalError:
            raise
        except Exception as error:
            if raised is None:
                raise
            if type(error).__name__ != raised and not isinstance(error, GradscribeError):
                raise Differs(f"raises {type(error).__name__}, Python raises {raised}") from error
            continue
        if raised is not None:
            raise Differs(f"Python raises {raised}")
        if not agree(got, want, flavour) or not agree(ours, theirs, flavour):
            raise Differs(f"{got} and {ours[:2]} instead of {want} and {theirs[:2]} (input {k})")


def text_is_read_back(seed: int, flavour: str) -> None:
    """The emitted text, staged, is the same text again, and computes the same."""
    function = load_program(program_text(seed, flavour))
    args = make_arguments(1000 * seed, flavour)
    staged, _ = staged_for(function, copy.deepcopy(args), {})
    text = source(function, *copy.deepcopy(args))
    again = function_of(text)
    flat = flat_arguments(staged, args)
    second = source(again, *copy.deepcopy(flat))
    (want, raised), (got, _) = (python_outcome(f, copy.deepcopy(flat)) for f in (again, function_of(second)))
    if raised is None and not agree(got, want, flavour):
        raise Differs(f"read back: {got} instead of {want}")
    if without_comments(text) != without_comments(second):
        raise AnotherText(first_difference(text, second))


def first_difference(text: str, second: str) -> str:
    """The first line that is not the same, of both texts."""
    pairs = zip_longest(without_comments(text).splitlines(), without_comments(second).splitlines())
    return next(f"{a!r} becomes {b!r}" for a, b in pairs if a != b)


def checks(seed: int, flavour: str, texts: bool, thorough: bool) -> Iterator[tuple[str, Callable[[], Any]]]:
    """The checks of one program, cheap ones first; those that find most come with every program."""
    yield "value of the text", lambda: value_of_text(seed, flavour)
    if texts:
        yield "text read back", lambda: text_is_read_back(seed, flavour)
    p = source_program(seed, flavour)
    if p is None or not all_finite(p.run(p.function, *p.args)):
        return
    yield "vjp = jvp, plans", lambda: check_vjp(p, seed)
    if not thorough or not all_finite(gradient_of_value(p)):  # of such a point `check_vjp` says all that is said
        return
    yield "jvp = differences", lambda: forward(p, seed)
    yield "vmap = loop", lambda: check_vmap(p, batch_flags(p, seed), seed, spread=1e-3)
    yield "vjp of the text", lambda: gradient_text(p, seed)
    yield "gradient as users call it", lambda: called_gradient(p, seed, flavour)
    if seed % 8 == 0:
        yield "second order", lambda: check_second_order(p, seed)


def gradient_text(p: Program, seed: int) -> None:
    """The text of value and gradient in one, and as two halves, against the evaluator."""
    parts = pull(p.function, p.wrt, p.results)
    ct = p.cotangents(seed)
    out = p.run(parts.fused, *p.args, *ct)
    close(as_text(parts.fused, *p.args, *ct), out, p.allowed(PLANS), "text of value and gradient")
    saved = as_text(parts.forward, *p.args)
    count = len(p.function.results)
    bars = as_text(parts.backward, *saved[count:], *ct)
    close([*saved[:count], *bars], out, p.allowed(PLANS), "text of the forward and the backward part")


def called_gradient(p: Program, seed: int, flavour: str) -> None:
    """`gs.value_and_grad` on Python's own arguments: its value, its gradient, and that the arguments stay."""
    function = load_program(program_text(seed, flavour))
    for k in range(4):  # the point of `p`
        args = make_arguments(1000 * seed + k, flavour)
        value, raised = python_outcome(function, copy.deepcopy(args))
        if raised is None and np.all(np.isfinite(value)):
            break
    given = copy.deepcopy(args)
    found, gradients = value_and_grad(function, argnums=(0, 1, 2))(*given)
    if not agree(found, value, flavour):
        raise Differs(f"value {found} instead of {value}")
    if not same(given, args):
        raise Differs(f"value_and_grad changes its arguments: {given}")
    close(gradients, gradient_of_value(p)[:3], p.allowed(PLANS), "value_and_grad against vjp")


def gradient_of_value(p: Program) -> list[Any]:
    """Of the first result, which what is written follows; by the program that seeds all results if it can tell."""
    count = len(p.function.results)
    one = p.function.results[0].type.dtype.type(1.0)
    seeds = [one, *(np.multiply(0, ct) for ct in p.cotangents(0)[1:])] if p.results[0] == 0 else [one]
    bars = p.run(pull(p.function, p.wrt, p.results).fused, *p.args, *seeds)[count:]
    if all_finite(bars):
        return bars
    return p.run(pull(p.function, p.wrt, (0,)).fused, *p.args, one)[count:]


def forward(p: Program, seed: int) -> None:
    """jvp against finite differences, where these can be taken: not where the derivative is beyond all steps."""
    try:
        check_jvp(p, seed)
    except Wrong as error:
        out = p.run(push(p.function, p.wrt), *p.args, *p.tangents(seed))
        count = len(p.function.results)
        if norm(out[count:]) > STEEP * (norm(out[:count]) + 1.0):
            raise Unjudged(f"derivative {norm(out[count:]):.0e}") from error
        raise


def batch_flags(p: Program, seed: int) -> list[bool]:
    rng = random.Random(seed)
    flags = [rng.random() < 0.5 for _ in p.args]
    flags[rng.randrange(len(flags))] = True
    return [flag and k in p.wrt for k, flag in enumerate(flags)]


@mock.patch.object(growing_lists, "_SPARE", LITTLE_ROOM)
def check_program(seed: int, flavour: str, texts: bool = False, thorough: bool = True) -> list[Outcome]:
    """Every check of one program, or (`thorough=False`) value, text, and reverse against forward mode. `texts`: also
    that emitted text, read back, is the same text."""
    start = time.perf_counter()
    outcomes = [Outcome("value", *compare(seed, flavour), time.perf_counter() - start)]
    if outcomes[0].verdict == "right":
        outcomes += [outcome_of(name, run) for name, run in checks(seed, flavour, texts, thorough)]
    linecache.clearcache()
    for kept in (staged_at, push, pull, verified):  # a program is garbage when it has been checked
        kept.cache_clear()
    return outcomes


def outcome_of(name: str, run: Callable[[], Any]) -> Outcome:
    """Run one check and take its time."""
    start = time.perf_counter()
    outcome = _outcome_of(name, run)
    return replace(outcome, seconds=time.perf_counter() - start)


def _outcome_of(name: str, run: Callable[[], Any]) -> Outcome:
    """A refusal names a place, and a declared gap or one of the reasons that these programs may be refused for. What
    was staged once is not refused otherwise, least of all by a derivative."""
    try:
        run()
    except Unjudged as error:
        return Outcome(name, "unjudged", str(error))
    except AnotherText as error:
        return Outcome(name, "differs", str(error))
    except GradscribeError as error:
        detail = f"{type(error).__name__}: {error.message}"
        return Outcome(name, "refused" if may_be_refused(error) else "wrong", detail)
    except Exception as error:
        return Outcome(name, "wrong", f"{type(error).__name__}: {str(error)[:300]}")
    return Outcome(name, "right")
