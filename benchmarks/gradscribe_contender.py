"""gradscribe as a contender: native code, the generated NumPy source run as it stands by CPython, and native code of
the value alone, for the ratio of gradient to primal time.

All take sum(weights * f(args)) of the program's own NumPy text. Arrays come in and go out as NumPy arrays.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
from contenders import Call, register
from workloads import Workload

import gradscribe as gs
from oracles import leaves


def weighted(workload: Workload, weights: Any) -> Callable[..., Any]:
    """sum(weights * f(args)) as a user would write it."""
    function = workload.function
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


def in_numpy(workload: Workload, weights: Any) -> Callable[..., Any]:
    """The transformed function of the workload's value and gradients, which CPython runs as NumPy source."""
    differentiated = gs.value_and_grad(weighted(workload, weights), argnums=workload.argnums)
    if workload.lanes is not None:
        differentiated = gs.vmap(differentiated, in_axes=workload.lanes)
    return differentiated


def gradient(workload: Workload, weights: Any) -> Callable[..., Any]:
    """The same to be compiled, not yet called."""
    return gs.jit(in_numpy(workload, weights))


@register("gradscribe")
def prepare_native(workload: Workload, args: tuple[Any, ...], weights: Any) -> Call:
    compiled = gradient(workload, weights)
    compiled(*args)
    return lambda: compiled(*args)


@register("gradscribe, NumPy source")
def prepare_source(workload: Workload, args: tuple[Any, ...], weights: Any) -> Call:
    differentiated = in_numpy(workload, weights)
    differentiated(*args)
    return lambda: differentiated(*args)


@register("gradscribe, value alone")
def prepare_value(workload: Workload, args: tuple[Any, ...], weights: Any) -> Call:
    """A program that writes its arguments gets its own copies, the same ones again and again."""
    value = weighted(workload, weights)
    compiled = gs.jit(gs.vmap(value, in_axes=workload.lanes) if workload.lanes is not None else value)
    compiled(*copy.deepcopy(args))
    own = copy.deepcopy(args)
    return lambda: (compiled(*own), ())
