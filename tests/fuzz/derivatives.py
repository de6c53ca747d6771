"""What every program's derivatives must satisfy, checked on one program and one set of arguments.

In: a flat `Function` with arguments, and an execution (how a `Function` is run: the reference evaluator unless said
otherwise). Each check raises `Wrong` with the measured error. Tolerances: 1e-6 against finite differences, 1e-9 for
dualities (scaled by norms), 1e-12 between two plans of the same derivative.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

import numpy as np

from gradscribe.transpiler.ir.dims import Symbol
from gradscribe.transpiler.ir.evaluate import evaluate
from gradscribe.transpiler.ir.nodes import Function
from gradscribe.transpiler.ir.types import ArrayType
from gradscribe.transpiler.ir.verify import verify
from gradscribe.transpiler.transforms.batch import vmap
from gradscribe.transpiler.transforms.jvp import jvp
from gradscribe.transpiler.transforms.vjp import vjp
from oracles import converging_differences, duality_error, norm, relative_error

Execute = Callable[..., tuple[Any, ...]]  # (function, *args) -> flat results

FINITE_DIFFERENCES, DUALITY, PLANS, LANES = 1e-6, 1e-9, 1e-12, 1e-12


# Functions are compared by identity: several checks of one program ask for the same derivative.
push = functools.lru_cache(64)(jvp)
pull = functools.lru_cache(64)(vjp)
verified = functools.lru_cache(256)(verify)


class Wrong(AssertionError):
    """A derivative that is not what it must be."""


class Unjudged(AssertionError):
    """There is no oracle here."""


@dataclass(frozen=True)
class Program:
    """A flat program at a point: which parameters are differentiated and which results are seeded."""

    function: Function
    args: tuple[Any, ...]
    wrt: tuple[int, ...]
    results: tuple[int, ...]
    execute: Execute = field(default=evaluate)
    single: bool = False  # some of it is computed in float32

    def allowed(self, tolerance: float) -> float:
        """The tolerance for what this program computes; all of its roundings may be those of float32."""
        return tolerance * 2.0**29 * 0.2 if self.single else tolerance

    def run(self, function: Function, *args: Any) -> list[Any]:
        """The verified program's results."""
        verified(function)
        return list(self.execute(function, *args))

    def tangents(self, seed: int) -> list[Any]:
        rng = np.random.default_rng(seed)
        return [_normal(rng, self.args[k]) for k in self.wrt]

    def cotangents(self, seed: int) -> list[Any]:
        rng = np.random.default_rng(seed + 1)
        outs = self.run(self.function, *self.args)
        return [_normal(rng, outs[k]) for k in self.results]


def _normal(rng: np.random.Generator, like: Any) -> Any:
    """Standard normal data of the shape and dtype of `like`; scalars are NumPy scalars."""
    dtype = np.asarray(like).dtype
    return rng.standard_normal(np.shape(like)).astype(dtype) if np.ndim(like) else dtype.type(rng.standard_normal())


def close(found: Any, expected: Any, tolerance: float, what: str) -> None:
    """Norm-wise relative agreement of two lists of arrays (absolute below norm 1e-3: cancelled derivatives are
    noise)."""
    if any(np.shape(x) != np.shape(y) for x, y in zip(found, expected, strict=True)):
        raise Wrong(f"{what}: shapes {[np.shape(x) for x in found]}, expected {[np.shape(y) for y in expected]}")
    error = relative_error(found, expected)
    difference = norm([np.subtract(x, y, dtype=np.float64) for x, y in zip(found, expected, strict=True)])
    if not (error < tolerance or difference < 1e-3 * tolerance):
        raise Wrong(f"{what}: relative error {error:.2e}")


def check_jvp(p: Program, seed: int = 0) -> None:
    """jvp against finite differences (of programs in float64); the value it returns is the value."""
    pushed = push(p.function, p.wrt)
    expected = p.run(p.function, *p.args)
    dx = p.tangents(seed)
    out = p.run(pushed, *p.args, *dx)
    close(out[: len(expected)], expected, p.allowed(PLANS), "value under jvp")
    floating = [k for k, r in enumerate(p.function.results) if r.type.is_float]
    if p.single:
        return
    directions: list[Any] = [None] * len(p.args)
    for k, d in zip(p.wrt, dx, strict=True):
        directions[k] = d

    def floats(*args: Any) -> list[Any]:
        results = p.execute(p.function, *_as_typed(p.function, args))
        return [results[k] for k in floating]

    differences, moved = converging_differences(floats, p.args, directions)
    try:
        close(out[len(expected) :], differences, FINITE_DIFFERENCES, "jvp against finite differences")
    except Wrong as error:
        if not moved < FINITE_DIFFERENCES:
            raise Unjudged(f"differences move by {moved:.0e} from step to step") from error
        raise


def _as_typed(function: Function, args: Sequence[Any]) -> list[Any]:
    """Scalars of the kind the parameter's type says (displacing a Python float makes it a NumPy scalar)."""
    out = []
    for param, value in zip(function.params, args, strict=True):
        scalar = isinstance(param.type, ArrayType) and not param.type.shape and param.type.is_float
        out.append((float(value) if param.type.weak else param.type.dtype.type(value)) if scalar else value)
    return out


def meets_a_singularity(p: Program, seed: int) -> bool:
    """Is a value or a tangent on the way not finite, at this point?

    An element that overflows and is read no more has the cotangent 0, and 0 times its infinite derivative is no number:
    so it is in every reverse mode, while forward mode forgets the element.
    """
    met: list[str] = []

    def look(value: Any, type: Any, env: Any, where: Callable[[], str]) -> None:
        if np.asarray(value).dtype.kind in "fc" and not np.all(np.isfinite(value)):
            met.append(where())

    with mock.patch.object(importlib.import_module(evaluate.__module__), "check_type", look):
        evaluate(push(p.function, p.wrt), *p.args, *p.tangents(seed))
    return bool(met)


def all_finite(values: Sequence[Any]) -> bool:
    return all(np.all(np.isfinite(x)) for x in values)


def check_vjp(p: Program, seed: int = 0) -> None:
    """vjp against jvp by duality, against the plan that saves everything, and split against fused, called twice.

    Unjudged where the cotangents are not finite and a value or a tangent on the way is not either.
    """
    parts = pull(p.function, p.wrt, p.results)
    expected = p.run(p.function, *p.args)
    ct, dx = p.cotangents(seed), p.tangents(seed)
    out = p.run(parts.fused, *p.args, *ct)
    count = len(expected)
    close(out[:count], expected, p.allowed(PLANS), "value under vjp")
    bars = out[count:]
    for k, bar in zip(p.wrt, bars, strict=True):
        if np.shape(bar) != np.shape(p.args[k]) or np.asarray(bar).dtype != np.asarray(p.args[k]).dtype:
            raise Wrong(f"cotangent of parameter {k}: {np.asarray(bar).dtype}{np.shape(bar)}")
    if not all_finite(bars):
        if meets_a_singularity(p, seed):
            raise Unjudged("a value or a tangent on the way is not finite")
        raise Wrong("a cotangent is not finite, and every value and tangent is")
    everything = pull(p.function, p.wrt, p.results, save_everything=True)
    close(p.run(everything.fused, *p.args, *ct), out, p.allowed(PLANS), "chosen plan against the plan that saves all")
    pushed = p.run(push(p.function, p.wrt), *p.args, *dx)[count:]
    floating = [k for k, r in enumerate(p.function.results) if r.type.is_float]
    moved = [pushed[floating.index(k)] for k in p.results]
    error = duality_error(dx, moved, ct, bars)
    if error > p.allowed(DUALITY) and norm(moved) + norm(bars) > 1e-9:
        raise Wrong(f"duality of jvp and vjp: {error:.2e}")
    saved = p.run(parts.forward, *p.args)
    close(saved[:count], expected, p.allowed(PLANS), "value of the forward part")
    for call in ("first", "second"):
        close(p.run(parts.backward, *saved[count:], *ct), bars, p.allowed(PLANS), f"{call} call of the backward part")


def gradient_program(p: Program, seed: int = 0) -> Program:
    """(params, cotangents) -> (results, cotangents of params) as a program of its own, to be differentiated again."""
    fused = pull(p.function, p.wrt, p.results).fused
    ct = p.cotangents(seed)
    count = len(p.function.params)
    results = tuple(range(len(p.function.results), len(fused.results)))
    return Program(fused, (*p.args, *ct), (*p.wrt, *range(count, count + len(ct))), results, p.execute, p.single)


def check_second_order(p: Program, seed: int = 0) -> None:
    """The reverse program differentiated again, forward (against finite differences) and in reverse (by duality)."""
    g = gradient_program(p, seed)
    check_vjp(g, seed + 20)
    check_jvp(g, seed + 10)


def check_vmap(
    p: Program, flags: Sequence[bool], seed: int = 0, lanes: str = "auto", size: int = 3, spread: float = 0.3
) -> None:
    """vmap against a stack of single evaluations; batch of `size` perturbed copies of the flagged arguments."""
    rng = np.random.default_rng(seed + 2)
    stacked = []
    for arg, flag in zip(p.args, flags, strict=True):
        if not flag:
            stacked.append(arg)
        elif np.asarray(arg).dtype.kind == "f":
            stacked.append(np.stack([np.asarray(arg) + spread * _normal(rng, arg) for _ in range(size)]))
        else:
            stacked.append(np.stack([np.roll(arg, r) for r in range(size)]))
    dim: Any = Symbol("lanes") if size > 1 else size
    new, batched = vmap(p.function, flags, dim, lanes)  # type: ignore[arg-type]
    out = p.run(new, *stacked)
    singles = []
    for r in range(size):
        lane = [x[r] if flag else x for x, flag in zip(stacked, flags, strict=True)]
        singles.append(p.execute(p.function, *_as_typed(p.function, lane)))
    for k, is_batched in enumerate(batched):
        expected = np.stack([s[k] for s in singles]) if is_batched else singles[0][k]
        close([out[k]], [expected], p.allowed(LANES), f"result {k} of vmap by {lanes}")
        if not is_batched:
            close([singles[-1][k]], [expected], p.allowed(LANES), f"result {k} said not to depend on the batch")
