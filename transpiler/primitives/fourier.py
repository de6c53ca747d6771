"""The discrete Fourier transform along the last axis, and its inverse.

The matrix of either is symmetric, so each is its own transpose (bilinear, without conjugation).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gradscribe.transpiler.ir.types import ArrayType
from gradscribe.transpiler.primitives.primitive import Linear
from gradscribe.transpiler.primitives.sample import complexes, draw, uniform


def _transform(name: str, function: Callable[..., Any]) -> Linear:
    def transformed(x: Any) -> Any:
        return transform(x)

    transform: Linear = Linear(
        name=name,
        allocates=True,
        infer_type=lambda x: ArrayType(np.result_type(x.dtype, np.complex64), x.shape),
        run=function,
        source=f"np.fft.{name}(x)",
        transpose=lambda ct, x: transformed(ct),
        batching=lambda xs, batched, size: transformed(xs[0]),
        samples=(draw(complexes(5)), draw(complexes(2, 4)), draw(uniform(-1, 1, 6))),
    )
    return transform


fft = _transform("fft", np.fft.fft)
ifft = _transform("ifft", np.fft.ifft)
