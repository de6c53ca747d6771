"""Times batches against JAX and a Python loop, and prints a markdown table: one process, one CPU, one thread each.

    python benchmarks/batching.py [names of batches]
"""

from __future__ import annotations

import os
import sys
from pathlib import Path


def main() -> int:
    here = Path(__file__).resolve().parent
    sys.path[:0] = [str(here), str(here.parent / "tests"), str(here.parent / "src")]

    from harness import restart_with_environment

    restart_with_environment("tuned")
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})

    import batches  # NumPy and JAX must see the environment set above

    return batches.run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
