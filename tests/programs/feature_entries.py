"""Catalogue entries of the small programs that each exercise one feature of the language."""

from __future__ import annotations

from typing import Any

import numpy as np

from programs.augmented_assignments import augmented_assignments
from programs.axis_reductions import axis_reductions
from programs.branch_in_loop import branch_in_loop
from programs.broadcasting import broadcasting
from programs.buffer_swap import buffer_swap
from programs.closure_over_arrays import closure_over_arrays
from programs.dataclass_parameters import Mixture, dataclass_parameters
from programs.mutating_helper import mutating_helper
from programs.namedtuple_parameters import Pendulum, State, namedtuple_parameters
from programs.old_version import old_version
from programs.overlapping_shift import overlapping_shift
from programs.program import Program, Size
from programs.row_views import row_views
from programs.row_writes import row_writes
from programs.skip_with_continue import skip_with_continue
from programs.triangular_loops import triangular_loops
from programs.where_select import where_select
from programs.zero_trip_loops import zero_trip_loops

Rng = np.random.Generator


def _huber(rng: Rng, size: Size, dtype: type) -> tuple[Any, ...]:
    n = {"small": 12, "bench": 50_000}[size]
    return rng.standard_normal(n), rng.standard_normal(n), 0.8


def _no_steps(rng: Rng, size: Size, dtype: type) -> tuple[Any, ...]:
    return rng.uniform(0.5, 1.5, {"small": 4, "bench": 40}[size]), 0


def _cloud(rng: Rng, size: Size, dtype: type) -> tuple[Any, ...]:
    side = {"small": 2, "bench": 6}[size]
    lattice = np.stack(np.meshgrid(*[np.arange(side)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    return 1.2 * lattice + 0.1 * rng.standard_normal(lattice.shape), 0.9, 1.05


def _string(rng: Rng, size: Size, dtype: type) -> tuple[Any, ...]:
    n, steps = {"small": (9, 5), "bench": (2000, 500)}[size]
    return rng.standard_normal(n), 0.1 * rng.standard_normal(n), 0.6, steps


def _delay_line(rng: Rng, size: Size, dtype: type) -> tuple[Any, ...]:
    n, steps = {"small": (6, 9), "bench": (500, 800)}[size]
    return rng.standard_normal(n), rng.standard_normal(steps), 0.9


def _grid(rng: Rng, size: Size, dtype: type) -> tuple[Any, ...]:
    shape = {"small": (4, 6), "bench": (200, 300)}[size]
    return 0.5 * rng.standard_normal(shape), 0.4


def _integrand(rng: Rng, size: Size, dtype: type) -> tuple[Any, ...]:
    return 0.5 * rng.standard_normal(4), -0.7, 0.9


def _bar(rng: Rng, size: Size, dtype: type) -> tuple[Any, ...]:
    n, steps = {"small": (8, 6), "bench": (2000, 400)}[size]
    return rng.standard_normal(n), 0.5, 0.2, steps


def _pendulums(rng: Rng, size: Size, dtype: type) -> tuple[Any, ...]:
    n, steps = {"small": (3, 8), "bench": (1000, 200)}[size]
    return Pendulum(1.3, 0.2, 9.8), State(rng.standard_normal(n), rng.standard_normal(n)), steps


def _mixture(rng: Rng, size: Size, dtype: type) -> tuple[Any, ...]:
    n, k = {"small": (7, 3), "bench": (100_000, 16)}[size]
    mixture = Mixture(rng.standard_normal(k), rng.standard_normal(k), 0.3 * rng.standard_normal(k))
    return mixture, rng.standard_normal(n)


def _positive_vector(rng: Rng, size: Size, dtype: type) -> tuple[Any, ...]:
    return rng.uniform(0.6, 1.4, {"small": 6, "bench": 10_000}[size]), 0.9


def _spread_vector(rng: Rng, size: Size, dtype: type) -> tuple[Any, ...]:
    n = {"small": 14, "bench": 10_000}[size]
    x = rng.uniform(0.6, 1.4, n)
    x[rng.permutation(n)[: n // 3]] -= 0.5
    return x, 0.5


def _dominant_system(rng: Rng, size: Size, dtype: type) -> tuple[Any, ...]:
    n, sweeps = {"small": (5, 3), "bench": (150, 10)}[size]
    matrix = rng.standard_normal((n, n)) / n + 2.0 * np.eye(n)
    return matrix, rng.standard_normal(n), rng.standard_normal(n), sweeps


def _sequences(rng: Rng, size: Size, dtype: type) -> tuple[Any, ...]:
    n, s, d = {"small": (2, 3, 4), "bench": (4, 128, 256)}[size]
    return rng.standard_normal((n, s, d)), rng.uniform(0.5, 1.5, d), 0.3 + 0.01 * rng.standard_normal(d)


def _point_sets(rng: Rng, size: Size, dtype: type) -> tuple[Any, ...]:
    n, m, d = {"small": (4, 3, 2), "bench": (400, 300, 8)}[size]
    return rng.standard_normal((n, d)), rng.standard_normal((m, d)), rng.uniform(0.8, 1.6, d), 1.3


def _signed_table(rng: Rng, size: Size, dtype: type) -> tuple[Any, ...]:
    shape = {"small": (4, 5), "bench": (500, 400)}[size]
    magnitude = rng.uniform(0.1, 0.45, shape) + 0.5 * rng.integers(0, 3, shape)  # away from 0 and -0.5
    return magnitude * rng.choice([-1.0, 1.0], shape), 0.1


FEATURES: tuple[Program, ...] = (
    Program("branch_in_loop", branch_in_loop, _huber, (0, 1, 2), "jax_features", notes="if/elif/else on data"),
    Program("zero_trip_loops", zero_trip_loops, _no_steps, (0,), "jax_features", notes="zero trips, empty triangles"),
    Program("triangular_loops", triangular_loops, _cloud, (0, 1, 2), "jax_features"),
    Program("buffer_swap", buffer_swap, _string, (0, 1, 2), "jax_features", notes="three buffers exchanged by name"),
    Program("overlapping_shift", overlapping_shift, _delay_line, (0, 1, 2), "jax_features"),
    Program("row_writes", row_writes, _grid, (0, 1), "jax_features"),
    Program("row_views", row_views, _grid, (0, 1), "jax_features", notes="writes through a view"),
    Program("closure_over_arrays", closure_over_arrays, _integrand, (0, 1, 2), "jax_features"),
    Program("mutating_helper", mutating_helper, _bar, (0, 1, 2), "jax_features"),
    Program("namedtuple_parameters", namedtuple_parameters, _pendulums, (0, 1), "jax_features"),
    Program("dataclass_parameters", dataclass_parameters, _mixture, (0, 1), "jax_features"),
    Program("augmented_assignments", augmented_assignments, _positive_vector, (0, 1), "jax_features"),
    Program("skip_with_continue", skip_with_continue, _spread_vector, (0,), "jax_features"),
    Program("old_version", old_version, _dominant_system, (0, 1, 2), "jax_features"),
    Program("axis_reductions", axis_reductions, _sequences, (0, 1, 2), "jax_features"),
    Program("broadcasting", broadcasting, _point_sets, (0, 1, 2, 3), "jax_features"),
    Program("where_select", where_select, _signed_table, (0, 1), "jax_features"),
)
