"""Lower bounds of sizes."""

from __future__ import annotations

from gradscribe.transpiler.ir import bounds
from gradscribe.transpiler.ir.dims import Dim, Symbol


def test_work_for_nested_maxima_is_bounded():
    size = Dim.of(Symbol("n"))
    for k in range(12):
        size = (size - Dim.of(Symbol(f"m{k}"))).positive() + (size - 5).positive()
    looked_at = {}
    found = bounds._lower_bound(size, looked_at)
    assert found is None or found <= 0  # all may be empty
    assert sum(value is not None for value in looked_at.values()) <= bounds._WORK
