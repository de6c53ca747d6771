"""Time to the first gradient of every workload: in a fresh process with an empty cache, then again from the disk cache.

Prints a markdown table in seconds of wall clock: import, cold first call (transform, compile, run), first call of a
second process.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

_CHILD = """
import json, sys, time
start = time.perf_counter()
import gradscribe as gs
imported = time.perf_counter() - start
from workloads import WORKLOADS
from gradscribe_contender import _loss
workload = next(w for w in WORKLOADS if w.name == sys.argv[1])
args, weights = workload.make_args(), workload.make_weights()
loss = _loss(workload, weights)
start = time.perf_counter()
gs.jit(gs.value_and_grad(loss, argnums=workload.argnums))(*args)
print(json.dumps([imported, time.perf_counter() - start]))
"""


def measure(name: str, cache: str) -> tuple[float, float]:
    """(import, first call) seconds of a fresh process that uses `cache`."""
    here = Path(__file__).resolve().parent
    path = os.pathsep.join([str(here), str(here.parent / "tests"), str(here.parent / "src")])
    environment = os.environ | {"PYTHONPATH": path, "GRADSCRIBE_CACHE_DIR": cache, "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, name], env=environment, capture_output=True, text=True, check=True
    )
    imported, first = json.loads(done.stdout.splitlines()[-1])
    return imported, first


def main() -> int:
    here = Path(__file__).resolve().parent
    sys.path[:0] = [str(here), str(here.parent / "tests"), str(here.parent / "src")]
    from workloads import WORKLOADS  # needs the path set above

    print("| program | import s | first gradient, cold s | first gradient, cached s |")
    print("|---|---|---|---|")
    for workload in WORKLOADS:
        with tempfile.TemporaryDirectory() as cache:
            imported, cold = measure(workload.name, cache)
            _, cached = measure(workload.name, cache)
        print(f"| {workload.name} {workload.size} | {imported:.2f} | {cold:.2f} | {cached:.2f} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
