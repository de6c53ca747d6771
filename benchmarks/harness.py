"""Times value-and-gradient of the workloads for every registered contender, and prints a markdown table.

One process, one CPU, one thread each (BLAS and XLA too); with `--threads 2` two of each. Contenders take turns within
every round, in rotating order, so that a change of the machine's speed hits all alike. A sample is process CPU time
(with more threads: wall time) over enough calls to fill a few milliseconds; the table gives medians and quartiles.
Before timing, values and gradients are compared, and a contender that disagrees is reported and not timed.

    python benchmarks/harness.py                               # JAX and autograd
    python benchmarks/harness.py --modules peers,my_contender  # modules that call contenders.register
    python benchmarks/harness.py --only jacobi_2d,softmax --rounds 31 --malloc default
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

POOLS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
PRESCRIBED_BLAS = "OPENBLAS_CORETYPE"
# Fresh memory costs page faults, which otherwise dominate the memory-bound programs: keep freed memory in the process.
TUNED_MALLOC = {
    "MALLOC_MMAP_THRESHOLD_": str(4 << 30),
    "MALLOC_TRIM_THRESHOLD_": str(8 << 30),
    "MALLOC_TOP_PAD_": str(256 << 20),
}


def with_threads(threads: int) -> dict[str, str]:
    """The environment in which everybody has as many threads."""
    eigen = f"--xla_cpu_multi_thread_eigen={'false' if threads == 1 else 'true'}"
    return {"XLA_FLAGS": eigen, "JAX_PLATFORMS": "cpu"} | dict.fromkeys(POOLS, str(threads))


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--modules", default="peers", help="comma-separated modules that register contenders")
    parser.add_argument("--only", default="", help="comma-separated names of workloads")
    parser.add_argument("--contenders", default="", help="names separated by semicolons (all by default)")
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--sample-ms", type=float, default=5.0, help="least CPU time of one sample")
    parser.add_argument("--malloc", choices=("tuned", "default"), default="tuned")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", default="", help="file to write the results to")
    return parser.parse_args()


def settle_process(malloc: str, threads: int = 1) -> None:
    """Go on in a process whose threads, allocator and processors are fixed, and that finds the programs. Threads and
    allocator are read when a process starts: this one is replaced.

    A processor type that the environment prescribes to OpenBLAS is dropped: every contender's BLAS detects its own."""
    wanted = with_threads(threads)
    if malloc == "tuned":
        wanted |= TUNED_MALLOC
    if any(os.environ.get(key) != value for key, value in wanted.items()) or PRESCRIBED_BLAS in os.environ:
        dropped = {*TUNED_MALLOC, PRESCRIBED_BLAS}
        cleared = {key: value for key, value in os.environ.items() if key not in dropped}
        os.execve(sys.executable, [sys.executable, *sys.argv], cleared | wanted)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-threads:])
    here = Path(__file__).resolve().parent
    sys.path[:0] = [str(here), str(here.parent / "tests"), str(here.parent / "src")]


def main() -> int:
    arguments = parse_arguments()
    settle_process(arguments.malloc, arguments.threads)

    import comparison  # NumPy and the contenders must see the environment set above

    return comparison.run(arguments)


if __name__ == "__main__":
    sys.exit(main())
