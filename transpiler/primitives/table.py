"""The whole primitive table: importing this file loads every family.

Establishes: `PRIMITIVES` is complete, and every operator on IR values (`**` too) is in place.
"""

from __future__ import annotations

from gradscribe.transpiler.primitives import (
    allocation,
    arithmetic,
    barriers,
    calls,
    checks,
    collectives,
    complex_numbers,
    contraction,
    conversion,
    custom,
    decompositions,
    effects,
    elementary,
    fourier,
    joining,
    least_squares,
    linear_algebra,
    logic,
    masks,
    piecewise,
    powers,
    python_calls,
    reductions,
    regions,
    sampling,
    scans,
    sorting,
    special,
    stacks,
    structure,
)
from gradscribe.transpiler.primitives.primitive import PRIMITIVES

FAMILIES = (
    arithmetic,
    elementary,
    powers,
    piecewise,
    logic,
    conversion,
    complex_numbers,
    allocation,
    structure,
    joining,
    reductions,
    scans,
    contraction,
    sorting,
    masks,
    least_squares,
    linear_algebra,
    fourier,
    special,
    sampling,
    regions,
    stacks,
    checks,
    effects,
    barriers,
    calls,
    collectives,
    custom,
    decompositions,
    python_calls,
)

__all__ = ["FAMILIES", "PRIMITIVES"]
