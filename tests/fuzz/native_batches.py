"""Random NumPy programs as native code: values, caller's arrays and cotangents against the reference evaluator.

In: seeds and flavours of `fuzz.programs`, taken in batches. Out: for each program whether its two kernels (the
function itself, with the arguments it writes donated; value and cotangents in one) agree with the evaluator on several
inputs. Disagreement is measured against the conditioning at the point: how far results move when the arguments move by
rounding errors.

A batch is lowered first and then compiled in one go, one kernel after another in one process, where the runtime
kernels are compiled once. (Tried and slower: all kernels of a batch behind one entry function, 25 s against 17 s for 22
kernels, since LLVM optimises every one of them twice.)
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from typing import Any
from unittest import mock

import numpy as np

from fuzz.derivatives import Unjudged, Wrong, _normal
from fuzz.programs import load_program, make_arguments, program_text
from fuzz.source_campaign import Outcome, outcome_of, value_of_text
from fuzz.source_derivatives import is_active
from fuzz.values import LITTLE_ROOM, python_outcome
from gradscribe.transpiler import tree
from gradscribe.transpiler.backends import load
from gradscribe.transpiler.backends.load import NativeFunction, compile_native
from gradscribe.transpiler.backends.loop_source import LoopModule
from gradscribe.transpiler.frontend import growing_lists
from gradscribe.transpiler.frontend.stage import stage
from gradscribe.transpiler.ir.evaluate import GuardFailed, evaluate
from gradscribe.transpiler.ir.nodes import Function
from gradscribe.transpiler.ir.staged import ArgumentLeaf, Staged
from gradscribe.transpiler.transforms.vjp import vjp
from oracles import norm

ROUNDINGS = 512  # allowed error, in roundings of the results and of the arguments seen through the program
EPS = 2.0**-52
FLAT = 4  # roundings of a unit, or of the norm of all results, that are always allowed
STEP = 2.0**-30  # relative step that measures conditioning
INPUTS = 4


@dataclass(frozen=True)
class Subject:
    """A staged program with flat points, its reverse program, and which results are whose final value."""

    staged: Staged
    points: tuple[tuple[Any, ...], ...]
    fused: Function
    results: tuple[int, ...]
    identities: dict[int, int]
    single: bool = False  # some of it is computed in float32


@mock.patch.object(growing_lists, "_SPARE", LITTLE_ROOM)
def subject(seed: int, flavour: str) -> Subject | None:
    """The program staged at the first input where Python does not raise; None where there is none."""
    function = load_program(program_text(seed, flavour))
    staged, points = None, []
    for k in range(INPUTS):
        args = make_arguments(1000 * seed + k, flavour)
        value, raised = python_outcome(function, copy.deepcopy(args))
        if raised is not None or not np.all(np.isfinite(value)):
            continue
        staged = staged or stage(function, copy.deepcopy(args), {})
        leaves, _ = tree.flatten((args, {}))
        points.append(tuple(leaves[p.leaf] if isinstance(p, ArgumentLeaf) else p.read() for p in staged.parameters))
    if staged is None:
        return None
    f = staged.function
    wrt = tuple(k for k, p in enumerate(f.params) if is_active(p.type, flavour == "mixed"))
    results = tuple(k for k, r in enumerate(f.results) if is_active(r.type, flavour == "mixed"))
    identities = {m.position: m.parameter for m in staged.mutations}
    return Subject(staged, tuple(points), vjp(f, wrt, results).fused, results, identities, flavour == "mixed")


def agree(
    function: Function, native: NativeFunction, point: Sequence[Any], seed: int, single: bool = False
) -> list[Any]:
    """Run both on copies of one point and compare; the results of the evaluator."""
    eps, step = (2.0**-23, 2.0**-12) if single else (EPS, STEP)
    expected = evaluate(function, *point)
    given = copy.deepcopy(list(point))
    found = native(*given)
    rng = np.random.default_rng(seed)
    moved = [_stirred(x, rng, step) for x in point]
    beyond = evaluate(function, *moved)
    # Where a function is flat, as tanh far out, 1 - y * y has the absolute error of y.
    floats = [x for x in expected if np.asarray(x).dtype.kind == "f"]
    floor = FLAT * eps * max(1.0, norm([np.asarray(x)[np.isfinite(x)] for x in floats]))
    if not any(np.any(np.isfinite(x)) for x in floats):
        raise Unjudged("no result is finite")
    for k, (mine, right, other) in enumerate(zip(found, expected, beyond, strict=True)):
        if np.shape(mine) != np.shape(right) or np.asarray(mine).dtype != np.asarray(right).dtype:
            raise Wrong(f"result {k}: {np.asarray(mine).dtype}{np.shape(mine)}")
        if np.asarray(right).dtype.kind != "f":
            if not np.array_equal(mine, right):
                raise Wrong(f"result {k}: {mine} instead of {right}")
            continue
        finite = np.isfinite(right) & np.isfinite(other)  # what else comes of inf - inf, no other order need make
        mine, right, other = (np.asarray(x)[finite] for x in (mine, right, other))
        allowed = floor + ROUNDINGS * eps * (norm([right]) + norm([np.subtract(other, right)]) / step)
        error = norm([np.subtract(mine, right)])
        if not error <= allowed:
            raise Wrong(f"result {k}: off by {error:.2e} where {allowed:.2e} is allowed: {mine} instead of {right}")
    for k, (x, y) in enumerate(zip(given, point, strict=True)):
        if k not in native.module.donated and not np.array_equal(x, y):
            raise Wrong(f"argument {k} was written")
    return list(expected)


def _stirred(x: Any, rng: np.random.Generator, step: float) -> Any:
    if np.asarray(x).dtype.kind != "f":
        return x
    moved = np.multiply(x, 1.0 + step * rng.uniform(-1, 1, np.shape(x)))
    return moved.astype(x.dtype) if np.ndim(x) else type(x)(moved)


def check_native(s: Subject, seed: int) -> Iterator[Outcome]:
    """Compile both kernels and compare them at every point that fits what they were staged for."""
    donated = sorted(set(s.identities.values()))
    f = s.staged.function

    def value() -> None:
        native = compile_native(f, donated=donated, identities=s.identities)
        for k, point in enumerate(s.points):
            try:
                agree(f, native, point, seed + k, s.single)
            except GuardFailed:
                continue

    def cotangents() -> None:
        native = compile_native(s.fused)
        rng = np.random.default_rng(seed)
        for k, point in enumerate(s.points):
            try:
                outs = evaluate(f, *point)
                agree(s.fused, native, [*point, *(_normal(rng, outs[r]) for r in s.results)], seed + k, s.single)
            except GuardFailed:
                continue

    yield outcome_of("native value", value)
    yield outcome_of("native vjp", cotangents)


def _as_python(module: LoopModule) -> NativeFunction:
    """The text that would be compiled, as it is: Python runs it too, slowly, and at once."""
    namespace: dict[str, Any] = {}
    exec(compile(module.text, f"<loops of {module.name}>", "exec"), namespace)
    return NativeFunction(module, namespace[module.name])


def not_compiled() -> AbstractContextManager[Any]:
    """Inside, loop text is run by Python: what lowering does is seen without the time that machine code takes."""
    return mock.patch.object(load, "load_native", _as_python)


def check_programs(
    programs: Sequence[tuple[int, str]], size: int = 20, called: bool = False
) -> Iterator[tuple[int, str, list[Outcome]]]:
    """All programs, `size` of them staged before any of them is compiled; `called`: also as users call them, through
    `jit`, against Python (which compiles them once more)."""
    for start in range(0, len(programs), size):
        ready: list[tuple[int, str, Subject | None, list[Outcome]]] = []
        for seed, flavour in programs[start : start + size]:
            made: list[Subject | None] = []
            stated = outcome_of("staged", lambda: made.append(subject(seed, flavour)))  # noqa: B023
            ready.append((seed, flavour, made[0] if made else None, [stated]))
        for seed, flavour, s, outcomes in ready:
            if s is not None:
                outcomes += check_native(s, seed)
                if called:
                    as_called = partial(value_of_text, seed, flavour, "native")
                    outcomes.append(outcome_of("native as users call it", as_called))
            yield seed, flavour, outcomes
