"""The programs that are timed: in goes a row of the table, out come arguments, cotangent weights, JAX's form, targets.

Every contender computes the value sum(weights * f(args)) and its gradients by ``argnums``; where ``lanes`` is given,
that of every lane. M is the size of the published targets, S a tenth of its work or less, L several times as much.
``target`` and ``torch_target`` say how many times faster than JAX and torch this row should be, ``hand_target`` how
fast relative to the hand-written adjoint (1 is equal); None where nothing is asked.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import inputs
import networks
import numpy as np
from single_example import network

from oracles import leaves, random_like, rebuild
from programs.arc_distance import arc_distance
from programs.atax import atax
from programs.cholesky import cholesky
from programs.conv2d import conv2d
from programs.csr_spmv import csr_spmv
from programs.gemver import gemver
from programs.jacobi_1d import jacobi_1d
from programs.jacobi_2d import jacobi_2d
from programs.lorenz import lorenz
from programs.mlp_relu import mlp_relu
from programs.rosenbrock import rosenbrock
from programs.seidel_2d import seidel_2d
from programs.softmax import softmax
from programs.syrk import syrk
from programs.three_mm import three_mm
from programs.trisolv import trisolv
from programs.vadv import vadv


@dataclass(frozen=True)
class Workload:
    """One row of the table. ``jax`` names module and form: "library", "scan", "vectorised"."""

    function: Callable[..., Any]
    draw: Callable[..., tuple[Any, ...]]
    argnums: tuple[int, ...]
    shape: tuple[int, ...]
    size: str
    jax: tuple[str, str]
    scale: str = "M"
    dtype: type = np.float64
    target: float | None = None
    hand_target: float | None = None
    torch_target: float | None = None
    lanes: tuple[int | None, ...] | None = None

    @property
    def program(self) -> str:
        return self.function.__name__

    @property
    def name(self) -> str:
        suffix = "" if self.dtype is np.float64 else "_f32"
        return f"{self.program}_{self.scale}{suffix}"

    @property
    def label(self) -> str:
        return f"{self.program}{' f32' if self.dtype is np.float32 else ''}, {self.size}"

    @property
    def tolerance(self) -> float:
        """How far two contenders' values and gradients may lie apart, relative to their norm."""
        return 1e-8 if self.dtype is np.float64 else 2e-4

    def make_args(self) -> tuple[Any, ...]:
        """Fresh arguments; equal each time."""
        return self.draw(np.random.default_rng(2026), self.dtype, *self.shape)

    def make_weights(self) -> Any:
        """Random cotangent weights for array results, 1.0 for a single number."""
        if self.lanes is not None:
            return 1.0
        out = self.function(*self.make_args())
        if len(leaves(out)) == 1 and np.ndim(out) == 0:
            return 1.0
        return rebuild(random_like(out, 2027), lambda leaf: np.asarray(leaf, dtype=self.dtype))

    def jax_form(self) -> Callable[..., Any]:
        """The JAX form: the same arguments as JAX arrays, the same result, nothing mutated. Imports JAX."""
        return getattr(importlib.import_module(self.jax[0]), self.program)


STENCIL = ("programs.jax_stencils", "scan")
LINEAR = ("programs.jax_linear_algebra", "library")
VECTORISED = ("programs.jax_linear_algebra", "vectorised")
MODEL = ("programs.jax_models", "library")
NETWORK = ("networks_in_jax", "library")

HEADLINE: tuple[Workload, ...] = (
    Workload(jacobi_1d, inputs.two_lines, (1, 2), (800, 3200), "800 × 3200", STENCIL, target=3, hand_target=0.9),
    Workload(jacobi_2d, inputs.two_squares, (1, 2), (50, 150), "50 × 150²", STENCIL, target=4.7, hand_target=0.9),
    Workload(vadv, inputs.columns, (0, 1, 2), (60, 60, 40), "60×60×40", STENCIL, target=2.5, hand_target=0.9),
    Workload(seidel_2d, inputs.one_square, (1,), (8, 50), "8 × 50²", STENCIL, target=7, hand_target=0.9),
    Workload(seidel_2d, inputs.one_square, (1,), (15, 100), "15 × 100²", STENCIL, "L", target=7, hand_target=0.9),
    Workload(cholesky, inputs.positive_definite, (0,), (200,), "200", LINEAR, target=2.4, hand_target=0.9),
    Workload(trisolv, inputs.triangular_system, (0, 1), (2000,), "2000", LINEAR, target=2, hand_target=0.9),
    Workload(
        three_mm, inputs.matrix_chain, (0, 1, 2, 3), (400, 425, 450, 475, 500), "400–500", LINEAR, target=1,
        hand_target=0.95,
    ),
    Workload(
        networks.gemm, inputs.product_and_sum, (0, 1, 2, 3, 4), (500, 550, 600), "500–600", NETWORK, target=1,
        hand_target=0.95,
    ),
    Workload(
        atax, inputs.matrix_and_vector, (0, 1), (1500, 2000), "1500×2000", LINEAR, target=1.1, hand_target=0.95
    ),
    Workload(
        gemver, inputs.rank_two_update, tuple(range(11)), (1000,), "1000", LINEAR, target=4.8, hand_target=0.95
    ),
    Workload(syrk, inputs.rank_k_update, (0, 1, 2, 3), (150, 200), "150×200", LINEAR, target=1, hand_target=1),
    Workload(
        softmax, inputs.four_dimensions, (0,), (16, 16, 128, 128), "16×16×128²", MODEL, dtype=np.float32, target=2.2,
        hand_target=0.9,
    ),
    Workload(
        softmax, inputs.four_dimensions, (0,), (16, 16, 128, 128), "16×16×128²", MODEL, target=4, hand_target=0.9
    ),
    Workload(
        arc_distance, inputs.sphere_points, (0, 1, 2, 3), (100_000,), "1e5", VECTORISED, target=4.4, hand_target=0.9
    ),
    Workload(
        csr_spmv, inputs.sparse_matrix, (0, 3), (32_768, 262_144), "32768², 262144", VECTORISED, target=1.3,
        hand_target=0.9,
    ),
    Workload(lorenz, inputs.lorenz_parameters, (0, 1, 2), (1000,), "1000 steps", ("programs.jax_models", "scan"),
             target=60, hand_target=0.9),
    Workload(rosenbrock, inputs.valley_point, (0,), (10,), "10", ("programs.jax_models", "vectorised"), target=10,
             hand_target=0.9),
    Workload(mlp_relu, inputs.perceptron, (0,), (256, 784, 512, 512, 10), "256, 784-512-512-10", MODEL,
             dtype=np.float32, target=1),
    Workload(network, inputs.perceptron_examples, (0,), (64, 784, 512, 512, 10), "per example, 64, 784-512-512-10",
             NETWORK, dtype=np.float32, target=10, torch_target=3, lanes=(None, 0, 0)),
    Workload(conv2d, inputs.images, (0, 1, 2), (8, 3, 16, 5, 32), "8×3→16, 5×5, 32²", MODEL, dtype=np.float32,
             target=1, torch_target=1),
    Workload(networks.lenet, inputs.digits, (0,), (64,), "64×28²", NETWORK, dtype=np.float32, target=1.5,
             torch_target=1),
    Workload(networks.transformer, inputs.sequences, (0,), (8, 128, 128, 4, 2), "8×128×128, 4 heads, 2 blocks",
             NETWORK, dtype=np.float32, target=1.2, torch_target=1),
)  # fmt: skip

_OTHER_SHAPES: dict[str, dict[str, tuple[int, ...]]] = {
    "jacobi_1d": {"S": (40, 400), "L": (400, 32_000)},
    "jacobi_2d": {"S": (10, 30), "L": (80, 350)},
    "vadv": {"S": (8, 8, 20), "L": (128, 128, 80)},
    "seidel_2d": {"S": (4, 20)},
    "cholesky": {"S": (20,), "L": (500,)},
    "trisolv": {"S": (100,), "L": (5000,)},
    "three_mm": {"S": (10, 20, 30, 20, 10), "L": (800, 850, 900, 950, 1000)},
    "gemm": {"S": (20, 30, 20), "L": (1000, 1100, 1200)},
    "atax": {"S": (50, 60), "L": (4000, 5000)},
    "gemver": {"S": (50,), "L": (3000,)},
    "syrk": {"S": (20, 30), "L": (400, 500)},
    "softmax": {"S": (2, 4, 16, 16), "L": (16, 16, 256, 256)},
    "arc_distance": {"S": (1000,), "L": (2_000_000,)},
    "csr_spmv": {"S": (500, 3000), "L": (262_144, 2_097_152)},
    "lorenz": {"S": (50,), "L": (100_000,)},
    "rosenbrock": {"S": (4,), "L": (10_000,)},
    "mlp_relu": {"S": (16, 20, 30, 10), "L": (1024, 784, 1024, 1024, 10)},
    "network": {"S": (8, 20, 30, 20, 10), "L": (256, 784, 512, 512, 10)},
    "conv2d": {"S": (2, 2, 3, 3, 10), "L": (32, 16, 32, 3, 32)},
    "lenet": {"S": (4,), "L": (256,)},
    "transformer": {"S": (2, 8, 16, 2, 1), "L": (8, 256, 256, 8, 4)},
}
"""S and L of every program beside the headline's own."""


NO_TARGETS: dict[str, Any] = {"target": None, "hand_target": None, "torch_target": None}


def _other_scales() -> tuple[Workload, ...]:
    rows = []
    for row in HEADLINE:
        if row.scale == "M":
            for scale, shape in _OTHER_SHAPES[row.program].items():
                size = "×".join(map(str, shape))
                rows.append(replace(row, shape=shape, size=size, scale=scale, **NO_TARGETS))
    return tuple(rows)


def _other_precision() -> tuple[Workload, ...]:
    """The headline's programs of arrays in the other of float32 and float64, where that row is not there."""
    present = {(row.program, row.scale, row.dtype) for row in HEADLINE}
    rows = []
    for row in HEADLINE:
        dtype = np.float32 if row.dtype is np.float64 else np.float64
        if row.program != "lorenz" and (row.program, row.scale, dtype) not in present:
            rows.append(replace(row, dtype=dtype, **NO_TARGETS))
    return tuple(rows)


WORKLOADS: tuple[Workload, ...] = HEADLINE + _other_precision() + _other_scales()
