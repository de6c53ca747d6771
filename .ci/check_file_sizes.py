"""Fail if a Python file of the product is longer than 500 lines: a file has one meaning; split it by meaning."""

import sys
from pathlib import Path

LIMIT = 500
ROOMS = ("transpiler", "runtime", "kernels", "src/gradscribe")


def oversized(root: Path) -> list[str]:
    """`path: lines` of every file over the limit. Links are not followed: each file is counted under its own path."""
    found = []
    for room in ROOMS:
        for path in sorted((root / room).rglob("*.py")):
            relative = path.relative_to(root)
            if any((root / parent).is_symlink() for parent in relative.parents):
                continue
            lines = len(path.read_text(encoding="utf-8").splitlines())
            if lines > LIMIT:
                found.append(f"{relative.as_posix()}: {lines} lines (limit {LIMIT})")
    return found


if __name__ == "__main__":
    problems = oversized(Path(__file__).resolve().parent.parent)
    print("\n".join(problems) or "file sizes: ok")
    sys.exit(bool(problems))
