"""What random numbers are made of: the words of Threefry, the normal distribution's quantile, gamma samples.

A key is two uint32 words, or one uint64 word made of them. Words have no derivative. A gamma sample moves with its
shape parameter as a quantile does (implicit reparameterisation), not as the steps of the algorithm would. All texts
call `gradscribe.kernels`, whose docstrings name the sources.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

import gradscribe.kernels as kernels
from gradscribe.transpiler.ir.nodes import Operand
from gradscribe.transpiler.primitives.elementary import exp
from gradscribe.transpiler.primitives.primitive import Elementwise
from gradscribe.transpiler.primitives.sample import Maker, draw, uniform
from gradscribe.transpiler.primitives.source_text import numpy_or_python
from gradscribe.transpiler.primitives.special import gamma_slope, log_gamma_slope


def _words(dtype: type, *shape: int) -> Maker:
    """Unsigned integers of all sizes."""
    high = int(np.iinfo(dtype).max)
    return lambda rng, _: rng.integers(0, high, shape, dtype=dtype, endpoint=True)[()]


def _checked_words(k0: Any, k1: Any, count: Any) -> Any:
    for x, wanted in ((k0, "uint32"), (k1, "uint32"), (count, "uint64")):
        if np.result_type(x).name != wanted:
            raise TypeError("a key is two uint32, a counter uint64")
    return kernels.threefry2x32(k0, k1, count)


threefry2x32: Elementwise = Elementwise(
    name="threefry2x32",
    function=_checked_words,
    arity=3,
    source="threefry2x32(x, y, z)",
    scalar="threefry2x32(x, y, z)",
    promotes=False,
    samples=(
        draw(_words(np.uint32), _words(np.uint32), _words(np.uint64)),
        draw(_words(np.uint32), _words(np.uint32), _words(np.uint64, 2, 3)),
        draw(_words(np.uint32, 3), _words(np.uint32, 3), _words(np.uint64, 2, 1)),
    ),
)

normal_quantile: Elementwise = Elementwise(
    name="normal_quantile",
    function=kernels.normal_quantile,
    source=numpy_or_python("normal_quantile(x)"),
    scalar="normal_quantile(x)",
    partials=lambda y, x: [math.sqrt(0.5 * math.pi) * exp(0.5 * (y * y))],
    samples=(draw(uniform(-0.7, 0.7)), draw(uniform(-0.7, 0.7, 2, 3))),
)


def _sampler(name: str, slope: Callable[[Operand, Operand], Operand]) -> Elementwise:
    return Elementwise(
        name=name,
        function=getattr(kernels, name),
        arity=2,
        source=f"{name}(x, y)",
        scalar=f"{name}(x, y)",
        promotes=False,
        partials=lambda y, word, a: [None, slope(a, y)],
    )


standard_gamma: Elementwise = _sampler("standard_gamma", gamma_slope)
standard_log_gamma: Elementwise = _sampler("standard_log_gamma", log_gamma_slope)
