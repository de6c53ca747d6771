"""The reverse of a loop of 100,000 steps with 64 snapshots, against keeping everything: time and memory.

The loop is the Lorenz 96 model with 40 variables, stepped by Euler's rule, natively. Each row is measured in a process
of its own, after a first call with few steps has compiled it. Memory is how much the peak grows during one call.
Prints a markdown table.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

STEPS, SNAPSHOTS = 100_000, 64

_CHILD = """
import json, resource, sys, time
import numpy as np
import gradscribe as gs
sys.path.insert(0, sys.argv[1])
import checkpointing as case

peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
function = gs.jit(getattr(case, sys.argv[2]))
if sys.argv[3] == "gradient":
    function = gs.jit(gs.grad(getattr(case, sys.argv[2])))
x = 8.0 + np.sin(np.arange(40.0))
steps = int(sys.argv[4])
function(x, 10)
before = peak()
start = time.perf_counter()
out = function(x, steps)
print(json.dumps([time.perf_counter() - start, peak() - before, float(np.sum(out))]))
"""


def _step(x):  # type: ignore[no-untyped-def]
    import numpy as np

    return x + 1e-4 * ((np.roll(x, -1) - np.roll(x, 2)) * np.roll(x, 1) - x + 8.0)


def keeping_everything(x, steps):  # type: ignore[no-untyped-def]
    for _ in range(steps):
        x = _step(x)
    return (x * x).sum()


def with_snapshots(x, steps):  # type: ignore[no-untyped-def]
    import gradscribe as gs

    for _ in gs.checkpointed(range(steps), snapshots=SNAPSHOTS):
        x = _step(x)
    return (x * x).sum()


def while_with_snapshots(x, steps):  # type: ignore[no-untyped-def]
    import gradscribe as gs

    t = 0
    while gs.checkpointed(t < steps, snapshots=SNAPSHOTS):
        x = _step(x)
        t += 1
    return (x * x).sum()


def measure(name: str, what: str, steps: int = STEPS) -> tuple[float, float, float]:
    """(seconds, MiB, checksum) of one call in a fresh process."""
    here = Path(__file__).resolve().parent
    environment = os.environ | {"PYTHONPATH": str(here.parent / "src"), "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-c", _CHILD, str(here), name, what, str(steps)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    seconds, memory, checksum = json.loads(done.stdout.splitlines()[-1])
    return seconds, memory, checksum


def main() -> int:
    print(f"| {STEPS:,} steps of Lorenz 96, 40 variables | seconds | peak MiB |")
    print("|---|---|---|")
    found = []
    for label, name, what in (
        ("value", "keeping_everything", "value"),
        ("gradient, keeping everything", "keeping_everything", "gradient"),
        (f"gradient, {SNAPSHOTS} snapshots", "with_snapshots", "gradient"),
        (f"gradient, {SNAPSHOTS} snapshots, `while`", "while_with_snapshots", "gradient"),
    ):
        seconds, memory, checksum = measure(name, what)
        print(f"| {label} | {seconds:.3f} | {memory:.1f} |", flush=True)
        found += [checksum] if what == "gradient" else []
    agree = max(abs(x - found[0]) for x in found) <= 1e-6 * abs(found[0])
    print("gradients agree" if agree else f"GRADIENTS DIFFER: {found}")
    return 0 if agree else 1


if __name__ == "__main__":
    sys.exit(main())
