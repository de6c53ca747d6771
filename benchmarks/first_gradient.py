"""Time to the first gradient, each in a fresh process: ours with an empty cache and again from the disk cache, JAX's.

Seconds of wall clock: import, and the first call (transform, compile, run). Arguments are made in between and not
counted. The two processes of a row run one after the other.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent

_OURS = """
import json, sys, time
start = time.perf_counter()
import gradscribe as gs
imported = time.perf_counter() - start
from workloads import WORKLOADS
from gradscribe_contender import gradient
workload = next(w for w in WORKLOADS if w.name == sys.argv[1])
args, weights = workload.make_args(), workload.make_weights()
start = time.perf_counter()
gradient(workload, weights)(*args)
print(json.dumps([imported, time.perf_counter() - start]))
"""

_JAX = """
import json, sys, time
start = time.perf_counter()
import jax
imported = time.perf_counter() - start
from workloads import WORKLOADS
from peers import compiled_and_bound
workload = next(w for w in WORKLOADS if w.name == sys.argv[1])
args, weights = workload.make_args(), workload.make_weights()
workload.jax_form()
start = time.perf_counter()
compiled, bound = compiled_and_bound(workload, args, weights)
jax.block_until_ready(compiled(*bound))
print(json.dumps([imported, time.perf_counter() - start]))
"""


@dataclass(frozen=True)
class FirstGradient:
    """Seconds; ``cached`` is that of the second process, which finds machine code on the disk."""

    workload: str
    label: str
    import_s: float
    cold_s: float
    cached_s: float
    jax_import_s: float
    jax_s: float


def in_fresh_process(code: str, name: str, cache: str = "") -> list[float]:
    """The list that ``code`` prints as its last line."""
    path = os.pathsep.join([str(HERE), str(HERE.parent / "tests"), str(HERE.parent / "src")])
    environment = os.environ | {"PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1", "JAX_PLATFORMS": "cpu"}
    environment |= {"GRADSCRIBE_CACHE_DIR": cache} if cache else {}
    done = subprocess.run([sys.executable, "-c", code, name], env=environment, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{name}: {done.stderr.strip().splitlines()[-1]}")
    found: list[float] = json.loads(done.stdout.splitlines()[-1])
    return found


def measure(name: str, label: str) -> FirstGradient:
    with tempfile.TemporaryDirectory() as cache:
        _, cold = in_fresh_process(_OURS, name, cache)
        imported, cached = in_fresh_process(_OURS, name, cache)
    jax_imported, jax = in_fresh_process(_JAX, name)
    return FirstGradient(name, label, imported, cold, cached, jax_imported, jax)
