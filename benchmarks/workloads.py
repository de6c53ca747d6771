"""The programs that are timed: in goes a name, out come arguments at bench size, cotangent weights and argnums.

Sizes are those of the published targets: jacobi_2d 50 steps of 150 x 150, seidel_2d 8 of 50 x 50, cholesky of order
200, 3mm with sizes 400 to 500, Lorenz RK4 of 1000 steps, Rosenbrock in 10 dimensions, softmax of 16 x 16 x 128 x 128 in
float32. Every contender computes the value sum(weights * f(args)) and its gradients by ``argnums``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from oracles import leaves, random_like, rebuild
from programs.catalogue import program_named
from programs.program import Program


@dataclass(frozen=True)
class Workload:
    """One row of the table. ``weights`` has the structure and dtype of the program's result (1.0 for a scalar)."""

    program: Program
    size: str
    dtype: type = np.float64
    seed: int = 2026

    @property
    def name(self) -> str:
        return self.program.name

    @property
    def argnums(self) -> tuple[int, ...]:
        return self.program.argnums

    @property
    def tolerance(self) -> float:
        """How far two contenders' values and gradients may lie apart, relative to their norm."""
        return 1e-8 if self.dtype is np.float64 else 1e-4

    def make_args(self) -> tuple[Any, ...]:
        """Fresh arguments; equal each time."""
        return self.program.make_inputs(self.seed, "bench", self.dtype)

    def make_weights(self) -> Any:
        """Random cotangent weights for array results, 1.0 for a single number."""
        out = self.program(*self.make_args())
        if len(leaves(out)) == 1 and np.ndim(out) == 0:
            return 1.0
        weights = random_like(out, self.seed + 1)
        return rebuild(weights, lambda leaf: np.asarray(leaf, dtype=self.dtype))


WORKLOADS: tuple[Workload, ...] = (
    Workload(program_named("jacobi_2d"), "50 × 150²"),
    Workload(program_named("seidel_2d"), "8 × 50²"),
    Workload(program_named("cholesky"), "200"),
    Workload(program_named("three_mm"), "400–500"),
    Workload(program_named("lorenz"), "1000 steps"),
    Workload(program_named("rosenbrock"), "10"),
    Workload(program_named("softmax"), "16×16×128², float32", dtype=np.float32),
)
