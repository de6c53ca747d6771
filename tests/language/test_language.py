"""Every program of the language x {value, jvp, vjp, hvp} x {emitted NumPy source, native code}, compared with NumPy
and finite differences.

Native jvp and hvp compile the longest programs and say little that vjp and the source cells do not: they are slow
cells.
"""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from cells import BACKENDS, TRANSFORMS, check_cell
from language.registry import LANGUAGE

HERE = Path(__file__).parent
for module in sorted(HERE.glob("*_programs.py")):
    importlib.import_module(f"language.{module.stem}")


def _marks(transform: str, backend: str) -> list[pytest.MarkDecorator]:
    if backend == "python":
        return []
    return [pytest.mark.native, pytest.mark.slow] if transform in ("jvp", "hvp") else [pytest.mark.native]


CELLS = [
    pytest.param(name, transform, backend, id=f"{name}-{transform}-{backend}", marks=_marks(transform, backend))
    for name, program in LANGUAGE.items()
    for backend in BACKENDS
    for transform in (TRANSFORMS if program.argnums else TRANSFORMS[:1])
]


@pytest.mark.parametrize("name, transform, backend", CELLS)
def test_cell(name, transform, backend):
    check_cell(LANGUAGE[name], transform, backend)
