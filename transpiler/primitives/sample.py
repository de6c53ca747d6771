"""Where generated tests draw the arguments of a primitive from.

A `Sample` makes concrete operands for a dtype, and the static params to go with them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Maker = Callable[[np.random.Generator, np.dtype], Any]


@dataclass(frozen=True)
class Sample:
    """`operands`: one maker per operand. `params`: static params with plain ints for dims (the test makes them
    `Dim`s)."""

    operands: tuple[Maker, ...]
    params: Mapping[str, Any] = field(default_factory=dict)


def uniform(low: float, high: float, *shape: int) -> Maker:
    """Uniform floats in [low, high) of the given shape (a scalar for no shape)."""
    return lambda rng, dtype: (
        dtype.type(rng.uniform(low, high)) if not shape else rng.uniform(low, high, shape).astype(dtype)
    )


def complexes(*shape: int) -> Maker:
    """Complex numbers with both parts in [0.3, 1.2), in the precision of the dtype."""

    def make(rng: np.random.Generator, dtype: np.dtype) -> Any:
        kind = np.result_type(dtype, np.complex64)
        values = rng.uniform(0.3, 1.2, shape) + 1j * rng.uniform(0.3, 1.2, shape)
        return np.asarray(values).astype(kind)[()]

    return make


def integers(low: int, high: int, *shape: int) -> Maker:
    """int64 values in [low, high)."""
    return lambda rng, dtype: np.int64(rng.integers(low, high)) if not shape else rng.integers(low, high, shape)


def booleans(*shape: int) -> Maker:
    return lambda rng, dtype: np.bool_(rng.integers(0, 2)) if not shape else rng.integers(0, 2, shape).astype(bool)


def draw(*operands: Maker, **params: Any) -> Sample:
    return Sample(operands, params)
