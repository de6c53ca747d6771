"""Gradients written by hand in Numba as a contender: what the transformation is measured against."""

from __future__ import annotations

from typing import Any

import hand_kernels
import hand_stencils
from contenders import Call, register
from workloads import Workload


@register("by hand")
def prepare_by_hand(workload: Workload, args: tuple[Any, ...], weights: Any) -> Call | None:
    function = getattr(hand_kernels, workload.program, None) or getattr(hand_stencils, workload.program, None)
    if function is None:
        return None
    function(*args, weights)
    return lambda: function(*args, weights)
