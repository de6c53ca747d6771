"""Shapes and dtypes without values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class ShapeDtype:
    """Shape and dtype of a value that was not computed."""

    shape: tuple[int, ...]
    dtype: Any
