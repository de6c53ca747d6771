"""`make bench`: every contender on every workload, batches, second derivatives, what a first gradient costs (cold and
cached), and what snapshots save."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def main() -> int:
    here = Path(__file__).resolve().parent
    modules = "peers,gradscribe_contender"
    timing = subprocess.run(
        [sys.executable, str(here / "harness.py"), "--modules", modules, *sys.argv[1:]], check=False
    )
    print()
    batches = subprocess.run([sys.executable, str(here / "batching.py")], check=False)
    print()
    second = subprocess.run([sys.executable, str(here / "second_derivatives.py")], check=False)
    print()
    first = subprocess.run([sys.executable, str(here / "first_gradient.py")], check=False)
    print()
    checkpointing = subprocess.run([sys.executable, str(here / "checkpointing.py")], check=False)
    return max(abs(part.returncode) for part in (timing, batches, second, first, checkpointing))


if __name__ == "__main__":
    sys.exit(main())
