"""The object that programs over the whole language take besides arrays and numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass
class State:
    """Arrays float64[4], float64[3, 4], float32[4], int64[4] (a permutation), and a float."""

    x: Any
    m: Any
    g: Any
    p: Any
    r: float


def random_state(rng: np.random.Generator) -> State:
    return State(
        rng.normal(size=4),
        rng.normal(size=(3, 4)),
        rng.normal(size=4).astype(np.float32),
        rng.permutation(4),
        float(rng.normal()),
    )
