"""JAX and HIPS autograd as contenders.

``jax``: the best idiomatic form of each program (scan, vectorised or library call, from the corpus), one
``jax.jit(jax.value_and_grad(...))`` with float64 on and arguments on the device. ``jax, NumPy in and out``: the same
callable with NumPy arguments in and NumPy gradients out. ``autograd``: NumPy text that autograd accepts, so without
writes in place; element-by-element sweeps (seidel_2d) have no form there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import autograd
import autograd.numpy as anp
import jax
import numpy as np
from contenders import Call, register
from workloads import Workload

from programs import jax_reference


def _compiled(workload: Workload, args: tuple[Any, ...], weights: Any) -> Callable[..., Any]:
    function = workload.program.jax_reference()
    if function is None:
        raise ValueError(f"{workload.name} has no JAX form")
    return jax_reference.value_and_grad(function, args, workload.argnums, weights)


@register("jax")
def prepare_jax(workload: Workload, args: tuple[Any, ...], weights: Any) -> Call:
    compiled = _compiled(workload, args, jax.tree.map(jax.numpy.asarray, weights))
    on_device = jax_reference.bind(args, workload.argnums)
    return lambda: jax.block_until_ready(compiled(*on_device))


@register("jax, NumPy in and out")
def prepare_jax_on_host(workload: Workload, args: tuple[Any, ...], weights: Any) -> Call:
    compiled = _compiled(workload, args, jax.tree.map(jax.numpy.asarray, weights))
    on_host = tuple(jax.tree.map(np.asarray, value) for value in jax_reference.bind(args, workload.argnums))

    def call() -> tuple[Any, tuple[Any, ...]]:
        value, gradients = compiled(*on_host)
        return float(value), tuple(np.asarray(gradient) for gradient in gradients)

    return call


def _jacobi_2d(steps: int, A: Any, B: Any) -> Any:
    def sweep(source: Any, target: Any) -> Any:
        sides = source[1:-1, :-2] + source[1:-1, 2:] + source[2:, 1:-1] + source[:-2, 1:-1]
        inside = 0.2 * (source[1:-1, 1:-1] + sides)
        middle = anp.concatenate([target[1:-1, :1], inside, target[1:-1, -1:]], axis=1)
        return anp.concatenate([target[:1], middle, target[-1:]], axis=0)

    for _ in range(1, steps):
        B = sweep(A, B)
        A = sweep(B, A)
    return A


def _cholesky(matrix: Any) -> Any:
    return anp.linalg.cholesky(anp.tril(matrix) + anp.tril(matrix, -1).T)


def _rosenbrock(x: Any) -> Any:
    return anp.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def _softmax(x: Any) -> Any:
    e = anp.exp(x - anp.max(x, axis=-1, keepdims=True))
    return e / anp.sum(e, axis=-1, keepdims=True)


AUTOGRAD_FORMS: dict[str, Callable[..., Any]] = {
    "jacobi_2d": _jacobi_2d,
    "cholesky": _cholesky,
    "rosenbrock": _rosenbrock,
    "softmax": _softmax,
}
WITHOUT_AUTOGRAD_FORM = ("seidel_2d",)
"""Programs of element-by-element writes; the others not named above are free of NumPy calls and taken as they are."""


@register("autograd")
def prepare_autograd(workload: Workload, args: tuple[Any, ...], weights: Any) -> Call | None:
    if workload.name in WITHOUT_AUTOGRAD_FORM:
        return None
    function = AUTOGRAD_FORMS.get(workload.name, workload.program.function)
    weighted = lambda *values: anp.sum(weights * function(*values))
    differentiate = autograd.value_and_grad(weighted, argnum=workload.argnums)
    return lambda: differentiate(*args)
