"""Times batches against JAX and a Python loop, and prints a markdown table: one process, one CPU, one thread each.

    python benchmarks/batching.py [names of batches]
"""

from __future__ import annotations

import sys

from harness import settle_process


def main() -> int:
    settle_process("tuned")

    import batches  # NumPy and JAX must see the environment set above

    return batches.run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
