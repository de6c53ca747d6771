"""Interleaved timing of contenders on workloads: in come both, out come samples and a markdown table.

Imported by the harness once threads, allocator and CPU are fixed.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from typing import Any

import numpy as np
from contenders import CONTENDERS, Call
from workloads import HEADLINE, WORKLOADS, Workload

from oracles import leaves, relative_error

REFERENCE = "jax"
"""Ratios are this contender's median over the others'."""
VALUE_ALONE = "gradscribe, value alone"
"""This contender computes no gradients: the others' times over its are the price of a gradient."""
NO_FORM = "no form of this program"
SLOW = 5.0


@dataclass(frozen=True)
class Result:
    """CPU milliseconds per value-and-gradient call of one contender on one workload; NaN where it was not timed."""

    workload: str
    label: str
    contender: str
    median_ms: float
    lower_quartile_ms: float
    upper_quartile_ms: float
    calls_per_sample: int
    rounds: int
    disagreement: float
    prepare_s: float
    remark: str = ""


Clock = Callable[[], int]


def seconds(call: Call, calls: int, clock: Clock = time.process_time_ns) -> float:
    """Seconds per call, averaged over ``calls`` calls: by default of CPU, all threads of the process together."""
    start = clock()
    for _ in range(calls):
        call()
    return (clock() - start) * 1e-9 / calls


def calls_for(call: Call, least_seconds: float, clock: Clock = time.process_time_ns) -> int:
    """How many calls fill ``least_seconds``; warms up on the way."""
    calls = 1
    while (once := seconds(call, calls, clock)) * calls < least_seconds / 2:
        calls *= 2
    return max(1, round(least_seconds / once))


def interleave(
    calls: dict[str, Call], rounds: int, least_seconds: float, clock: Clock = time.process_time_ns
) -> tuple[dict[str, list[float]], dict[str, int]]:
    """Samples in seconds per call for each contender; every round times each once, starting with another one. Who has
    taken SLOW seconds is left out after three rounds."""
    counts = {name: calls_for(call, least_seconds, clock) for name, call in calls.items()}
    samples: dict[str, list[float]] = {name: [] for name in calls}
    names = list(calls)
    gc.collect()
    gc.disable()
    try:
        for number in range(rounds):
            turn = number % len(names)
            for name in names[turn:] + names[:turn]:
                if len(samples[name]) < 3 or sum(samples[name]) * counts[name] < SLOW:
                    samples[name].append(seconds(calls[name], counts[name], clock))
    finally:
        gc.enable()
    return samples, counts


def compare(
    workload: Workload,
    chosen: Sequence[str],
    rounds: int,
    least_seconds: float,
    clock: Clock = time.process_time_ns,
) -> list[Result]:
    """Prepare, check against the first contender that can do the workload, and time those that agree."""
    args, weights = workload.make_args(), workload.make_weights()
    untouched = workload.make_args()
    calls: dict[str, Call] = {}
    disagreement: dict[str, float] = {}
    prepare_s: dict[str, float] = {}
    remarks: dict[str, str] = {}
    expected = None
    for name in chosen:
        start = time.perf_counter()
        try:
            call = CONTENDERS[name](workload, args, weights)
            if call is None:
                remarks[name] = NO_FORM
                continue
            value, gradients = call()
        except Exception as error:  # a refusal is a result of the table: its first line stands there
            remarks[name] = f"{type(error).__name__}: {str(error).splitlines()[0][:120]}"
            continue
        prepare_s[name] = time.perf_counter() - start
        answer = [np.array(leaf) for leaf in leaves([value, list(gradients)])]
        if expected is None:
            expected = answer
        compared = expected[:1] if name == VALUE_ALONE else expected
        errors = [relative_error(found, wanted) for found, wanted in zip(answer, compared, strict=True)]
        disagreement[name] = max(errors)
        changed = relative_error(leaves(list(args)), leaves(list(untouched))) != 0.0
        if changed:
            raise RuntimeError(f"{name} changed the arguments of {workload.name}")
        if disagreement[name] > workload.tolerance:
            remarks[name] = "DISAGREES, not timed"
        else:
            calls[name] = call
    samples, counts = interleave(calls, rounds, least_seconds, clock) if calls else ({}, {})
    results = []
    for name in chosen:
        quartiles = np.percentile(samples[name], [25, 50, 75]) * 1e3 if name in samples else [np.nan] * 3
        low, middle, high = (float(q) for q in quartiles)
        results.append(
            Result(
                workload.name, workload.label, name, middle, low, high, counts.get(name, 0), rounds,
                disagreement.get(name, np.nan), prepare_s.get(name, np.nan), remarks.get(name, ""),
            )
        )
    return results


def plain(result: Result) -> dict[str, Any]:
    """A row for JSON, which has no NaN."""
    return {key: None if value != value else value for key, value in asdict(result).items()}


def milliseconds(value: float) -> str:
    """Three significant digits without an exponent."""
    digits = max(0, 2 - int(np.floor(np.log10(value)))) if value > 0 else 3
    return f"{value:.{digits}f}"


def markdown(results: Sequence[Result]) -> str:
    """One row per workload and contender; the ratio is the reference's median over the contender's."""
    reference = {r.workload: r.median_ms for r in results if r.contender == REFERENCE}
    lines = [
        f"| program, size | contender | median ms | quartiles ms | {REFERENCE}/this | disagreement | first call s |",
        "|---|---|---|---|---|---|---|",
    ]
    for r in results:
        label = r.label
        if r.remark:
            lines.append(f"| {label} | {r.contender} | {r.remark} | | | {r.disagreement:.0e} | |")
            continue
        ratio = f"{reference[r.workload] / r.median_ms:.2f}" if r.workload in reference else ""
        spread = f"{milliseconds(r.lower_quartile_ms)}–{milliseconds(r.upper_quartile_ms)}"
        lines.append(
            f"| {label} | {r.contender} | {milliseconds(r.median_ms)} | {spread} | {ratio} "
            f"| {r.disagreement:.0e} | {r.prepare_s:.2f} |"
        )
    return "\n".join(lines)


def environment(malloc: str, threads: int = 1) -> str:
    """One line: processor, load, Python and package versions, allocator, threads."""
    versions = []
    for package in ("numpy", "numba", "llvmlite", "jax", "torch", "autograd"):
        try:
            versions.append(f"{package} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            continue
    measured = "one thread, process CPU time" if threads == 1 else f"{threads} threads, wall time"
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    python = f"Python {platform.python_version()}"
    return f"{processor_name()}{load}; {python}, {', '.join(versions)}; malloc {malloc}; {measured}."


def processor_name() -> str:
    """The processor's name as Linux gives it, else the platform's."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    except OSError:
        names = []
    return names[0] if names else platform.processor() or platform.machine()


def write_json(arguments: argparse.Namespace, results: Sequence[Result]) -> None:
    """All rows so far, to the file that the arguments name, if they do."""
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as out:
            found = {"environment": environment(arguments.malloc, arguments.threads), "rows": [*map(plain, results)]}
            json.dump(found, out, indent=1)


def run(arguments: argparse.Namespace) -> int:
    """Import the contenders, time, print; 1 when a contender disagrees."""
    for module in arguments.modules.split(","):
        importlib.import_module(module)
    chosen = [name.strip() for name in arguments.contenders.split(";") if name.strip()] or list(CONTENDERS)
    names = [name for name in arguments.only.split(",") if name]
    known = {workload.name: workload for workload in WORKLOADS}
    results: list[Result] = []
    clock = time.process_time_ns if arguments.threads == 1 else time.perf_counter_ns
    for workload in [known[name] for name in names] if names else HEADLINE:
        results += compare(workload, chosen, arguments.rounds, arguments.sample_ms * 1e-3, clock)
        print(f"{workload.name} done", file=sys.stderr)
        write_json(arguments, results)  # after every row: a long run that is stopped leaves what it found
    print(environment(arguments.malloc, arguments.threads))
    print()
    print(markdown(results))
    return 1 if any(result.remark.startswith("DISAGREES") for result in results) else 0
