"""PyTorch as a contender: eager mode, `torch.func` for the per-example rows, tensors that share NumPy's memory.

Programs of element-by-element writes have no form here: a loop of a thousand small kernels says nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from contenders import Call, register
from torch.nn import functional
from workloads import Workload

from oracles import leaves, rebuild


def _jacobi_2d(steps: int, A: Any, B: Any) -> Any:
    def sweep(source: Any, target: Any) -> Any:
        sides = source[1:-1, :-2] + source[1:-1, 2:] + source[2:, 1:-1] + source[:-2, 1:-1]
        inside = 0.2 * (source[1:-1, 1:-1] + sides)
        middle = torch.cat([target[1:-1, :1], inside, target[1:-1, -1:]], dim=1)
        return torch.cat([target[:1], middle, target[-1:]], dim=0)

    for _ in range(1, steps):
        B = sweep(A, B)
        A = sweep(B, A)
    return A


def _cholesky(matrix: Any) -> Any:
    return torch.linalg.cholesky(torch.tril(matrix) + torch.tril(matrix, -1).T)


def _trisolv(L: Any, b: Any) -> Any:
    return torch.linalg.solve_triangular(L, b[:, None], upper=False)[:, 0]


def _gemver(alpha: Any, beta: Any, A: Any, u1: Any, v1: Any, u2: Any, v2: Any, w: Any, x: Any, y: Any, z: Any) -> Any:
    A = A + torch.outer(u1, v1) + torch.outer(u2, v2)
    x = x + beta * (y @ A) + z
    return A, x, w + alpha * (A @ x)


def _syrk(alpha: Any, beta: Any, C: Any, A: Any) -> Any:
    lower = torch.ones_like(C, dtype=torch.bool).tril()
    return torch.where(lower, beta * C + alpha * (A @ A.T), C)


def _arc_distance(theta_1: Any, phi_1: Any, theta_2: Any, phi_2: Any) -> Any:
    h = torch.sin((theta_2 - theta_1) / 2) ** 2
    h = h + torch.cos(theta_1) * torch.cos(theta_2) * torch.sin((phi_2 - phi_1) / 2) ** 2
    return 2 * torch.arctan2(torch.sqrt(h), torch.sqrt(1 - h))


def _csr_spmv(data: Any, indices: Any, indptr: Any, x: Any) -> Any:
    rows = torch.repeat_interleave(torch.arange(indptr.shape[0] - 1), torch.diff(indptr))
    return torch.zeros(indptr.shape[0] - 1, dtype=data.dtype).index_add(0, rows, data * x[indices])


def _rosenbrock(x: Any) -> Any:
    return torch.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def _mlp_relu(layers: Any, x: Any, targets: Any) -> Any:
    h = x
    for weights, bias in layers[:-1]:
        h = torch.relu(h @ weights + bias)
    weights, bias = layers[-1]
    return -torch.sum(targets * torch.log_softmax(h @ weights + bias, dim=1)) / x.shape[0]


def _network(params: Any, x: Any, label: Any) -> Any:
    w1, b1, w2, b2, w3, b3 = params
    h = torch.tanh(x @ w1 + b1)
    h = torch.tanh(h @ w2 + b2)
    return functional.cross_entropy(h @ w3 + b3, label)


def _convolve(images: Any, weights: Any, bias: Any) -> Any:
    return functional.conv2d(images.permute(0, 3, 1, 2), weights.permute(3, 2, 0, 1), bias)


def _conv2d(images: Any, weights: Any, bias: Any) -> Any:
    return _convolve(images, weights, bias).permute(0, 2, 3, 1)


def _lenet(params: Any, images: Any, labels: Any) -> Any:
    (k1, c1), (k2, c2), *dense = params
    h = functional.max_pool2d(torch.relu(_convolve(images, k1, c1)), 2)
    h = functional.max_pool2d(torch.relu(functional.conv2d(h, k2.permute(3, 2, 0, 1), c2)), 2)
    h = h.permute(0, 2, 3, 1).reshape(images.shape[0], -1)
    return _mlp_relu(dense, h, labels)


def _transformer(blocks: Any, x: Any, target: Any, heads: int) -> Any:
    batch, length, width = x.shape
    for scale_1, shift_1, w_qkv, w_out, scale_2, shift_2, w_up, b_up, w_down, b_down in blocks:
        h = functional.layer_norm(x, (width,), scale_1, shift_1)
        q, k, v = (h @ w_qkv).reshape(batch, length, 3, heads, width // heads).permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(batch, length, width)
        x = x + mixed @ w_out
        h = functional.layer_norm(x, (width,), scale_2, shift_2)
        x = x + functional.gelu(h @ w_up + b_up, approximate="tanh") @ w_down + b_down
    return torch.mean((x - target) ** 2)


FORMS: dict[str, Callable[..., Any]] = {
    "jacobi_2d": _jacobi_2d, "cholesky": _cholesky, "trisolv": _trisolv, "gemver": _gemver, "syrk": _syrk,
    "softmax": lambda x: torch.softmax(x, -1), "arc_distance": _arc_distance, "csr_spmv": _csr_spmv,
    "rosenbrock": _rosenbrock, "mlp_relu": _mlp_relu, "network": _network, "conv2d": _conv2d, "lenet": _lenet,
    "transformer": _transformer,
}  # fmt: skip
AS_WRITTEN = ("three_mm", "gemm", "atax")
"""Programs without NumPy calls and writes: the same text serves."""


@register("torch")
def prepare_torch(workload: Workload, args: tuple[Any, ...], weights: Any) -> Call | None:
    function = workload.function if workload.program in AS_WRITTEN else FORMS.get(workload.program)
    if function is None:
        return None

    def tensor(leaf: Any, wanted: bool) -> Any:
        if not wanted and not isinstance(leaf, np.ndarray):
            return leaf
        # without a dtype a Python float would become float32
        return torch.tensor(leaf, dtype=torch.float64 if isinstance(leaf, float) else None, requires_grad=wanted)

    if workload.lanes is not None:
        each = torch.func.grad_and_value(function, argnums=workload.argnums)
        lanes = torch.func.vmap(each, in_dims=workload.lanes)
        placed = tuple(rebuild(arg, lambda leaf: tensor(leaf, False)) for arg in args)

        def per_example() -> Any:
            gradients, values = lanes(*placed)
            return values, gradients

        return per_example
    placed = tuple(rebuild(arg, lambda leaf, k=k: tensor(leaf, k in workload.argnums)) for k, arg in enumerate(args))
    wrt = leaves([placed[k] for k in workload.argnums])
    scales = [torch.as_tensor(weight) for weight in leaves(weights)]

    def call() -> Any:
        value = sum((scale * out).sum() for scale, out in zip(scales, leaves(function(*placed)), strict=True))
        gradients = torch.autograd.grad(value, wrt)
        return value.detach(), gradients

    return call
