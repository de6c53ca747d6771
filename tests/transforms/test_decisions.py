"""Values that decide something in reverse are saved or read again, never recomputed inexactly."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradscribe.transpiler.frontend.stage import stage
from gradscribe.transpiler.transforms.vjp import plan_of


def largest_change(u: Any, steps: int) -> Any:
    total = 0.0
    for _ in range(steps):
        moved = 0.5 * u * u
        total = total + np.max(np.abs(moved - u))  # which element is largest decides
        u = moved
    return total


def kinked(x: Any, steps: int) -> Any:
    for _ in range(steps):
        y = x * x - 0.3  # feeds the comparison: must come back with the same bits
        x = np.where(y > 0.1, y * x, y)
    return np.sum(x)


def _operations(function: Any, *args: Any) -> list[str]:
    plan = plan_of(stage(function, args, {}).function, [0], [0])
    return [t.var.definition.operation.name if t.var.definition else "carry" for t in plan.tapes.values()]


def test_what_the_maximum_compares_is_saved_once_below_exact_operations() -> None:
    assert sorted(_operations(largest_change, np.ones(4), 3)) == ["carry", "reduce_max", "subtract"]


def test_a_predicate_is_not_recomputed_through_arithmetic() -> None:
    saved = _operations(kinked, np.ones(4), 3)
    assert "greater" in saved or "subtract" in saved
