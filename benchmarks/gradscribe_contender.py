"""gradscribe as a contender: native code, and the generated NumPy source run as it stands by CPython.

Both differentiate sum(weights * f(args)) for the corpus program's own NumPy text. Arrays come in and go out as NumPy
arrays.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from contenders import Call, register
from workloads import Workload

import gradscribe as gs
from oracles import leaves


def _loss(workload: Workload, weights: Any) -> Callable[..., Any]:
    """sum(weights * f(args)) as a user would write it."""
    function = workload.program.function
    flat = leaves(weights)
    if len(flat) == 1 and np.ndim(flat[0]) == 0:
        return function
    if not isinstance(weights, tuple):
        array = flat[0]
        return lambda *args: np.sum(array * function(*args))

    def loss(*args: Any) -> Any:
        total = 0.0
        for weight, out in zip(weights, function(*args), strict=True):
            total = total + np.sum(weight * out)
        return total

    return loss


def _call(compiled: Callable[..., Any], args: tuple[Any, ...]) -> Call:
    compiled(*args)
    return lambda: compiled(*args)


@register("gradscribe")
def prepare_native(workload: Workload, args: tuple[Any, ...], weights: Any) -> Call:
    return _call(gs.jit(gs.value_and_grad(_loss(workload, weights), argnums=workload.argnums)), args)


@register("gradscribe, NumPy source")
def prepare_source(workload: Workload, args: tuple[Any, ...], weights: Any) -> Call:
    return _call(gs.value_and_grad(_loss(workload, weights), argnums=workload.argnums), args)
