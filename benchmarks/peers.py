"""JAX and HIPS autograd as contenders.

``jax``: the best idiomatic form of each program (scan, vectorised or library call, as its row says), one
``jax.jit(jax.value_and_grad(...))`` with float64 on and arguments on the device. ``jax, NumPy in and out``: the same
callable with NumPy arguments in and NumPy gradients out. ``autograd``: NumPy text that autograd accepts, so without
writes in place; programs of element-by-element writes have no form there.
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


def compiled_and_bound(workload: Workload, args: tuple[Any, ...], weights: Any) -> tuple[Any, tuple[Any, ...]]:
    """JAX's jitted function of a workload's value and gradients, and its arguments on the device."""
    function = workload.jax_form()
    if workload.lanes is not None:
        one = jax.value_and_grad(function, argnums=workload.argnums)
        return jax.jit(jax.vmap(one, in_axes=workload.lanes)), tuple(jax.device_put(arg) for arg in args)
    placed = jax.tree.map(jax.numpy.asarray, weights)
    compiled = jax_reference.value_and_grad(function, args, workload.argnums, placed)
    return compiled, jax_reference.bind(args, workload.argnums)


@register("jax")
def prepare_jax(workload: Workload, args: tuple[Any, ...], weights: Any) -> Call:
    compiled, on_device = compiled_and_bound(workload, args, weights)
    return lambda: jax.block_until_ready(compiled(*on_device))


@register("jax, NumPy in and out")
def prepare_jax_on_host(workload: Workload, args: tuple[Any, ...], weights: Any) -> Call:
    compiled, on_device = compiled_and_bound(workload, args, weights)
    on_host = jax.tree.map(np.asarray, on_device)
    return lambda: jax.tree.map(np.asarray, compiled(*on_host))


def temporary_and_output_bytes(workload: Workload, args: tuple[Any, ...], weights: Any) -> int:
    """What XLA plans for one call beside its arguments."""
    compiled, on_device = compiled_and_bound(workload, args, weights)
    plan = compiled.lower(*on_device).compile().memory_analysis()
    return int(plan.temp_size_in_bytes + plan.output_size_in_bytes)


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


def _arc_distance(theta_1: Any, phi_1: Any, theta_2: Any, phi_2: Any) -> Any:
    h = anp.sin((theta_2 - theta_1) / 2) ** 2
    h = h + anp.cos(theta_1) * anp.cos(theta_2) * anp.sin((phi_2 - phi_1) / 2) ** 2
    return 2 * anp.arctan2(anp.sqrt(h), anp.sqrt(1 - h))


AUTOGRAD_FORMS: dict[str, Callable[..., Any]] = {
    "jacobi_2d": _jacobi_2d,
    "cholesky": _cholesky,
    "rosenbrock": _rosenbrock,
    "softmax": _softmax,
    "arc_distance": _arc_distance,
}
WITHOUT_WRITES = ("three_mm", "gemm", "atax", "lorenz")
"""Programs free of NumPy calls and of writes, which autograd takes as they are."""


@register("autograd")
def prepare_autograd(workload: Workload, args: tuple[Any, ...], weights: Any) -> Call | None:
    function = AUTOGRAD_FORMS.get(workload.program)
    if function is None and workload.program in WITHOUT_WRITES:
        function = workload.function
    if function is None:
        return None
    weighted = lambda *values: anp.sum(weights * function(*values))
    differentiate = autograd.value_and_grad(weighted, argnum=workload.argnums)
    return lambda: differentiate(*args)
