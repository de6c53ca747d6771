"""The matrix of the corpus: every program x {value, jvp, vjp, hvp} x {emitted NumPy source, native code}.

Every cell is compared with numbers that gradscribe did not make: NumPy and finite differences (`cells`), and JAX where
it is installed and the program has a JAX form. The cells of one program stand together and share its references.
"""

from __future__ import annotations

import functools
import importlib.util
from typing import Any

import numpy as np
import pytest

from cells import (
    AGAINST_DIFFERENCES,
    AGAINST_JAX,
    BACKENDS,
    TRANSFORMS,
    check_cell,
    differences_of,
    point_of,
    result_of,
)
from oracles import directional_error, is_inexact, leaves, relative_error
from programs.catalogue import PROGRAMS, program_named

CELLS = [
    pytest.param(
        program.name,
        transform,
        backend,
        id=f"{program.name}-{transform}-{backend}",
        marks=[pytest.mark.native] if backend == "native" else [],
    )
    for program in PROGRAMS
    for backend in BACKENDS
    for transform in TRANSFORMS
]


@functools.cache
def jax_of(name: str) -> dict[str, Any] | None:
    """What JAX says of all four; None where it is not installed or has no form of the program."""
    point = point_of(program_named(name))
    if not point.program.has_jax_reference or importlib.util.find_spec("jax") is None:
        return None
    reference = importlib.import_module("programs.jax_reference")
    function = point.program.jax_reference()
    return reference.first_and_second_order(function, point.args, point.argnums, point.weights, point.directions)


def test_the_matrix_is_complete():
    cells = {tuple(cell.values) for cell in CELLS}
    assert len(cells) == len(CELLS) == len(PROGRAMS) * 8
    assert len(PROGRAMS) >= 46


@pytest.mark.parametrize("name, transform, backend", CELLS)
def test_cell(name, transform, backend):
    found = check_cell(program_named(name), transform, backend)
    expected = jax_of(name)
    if expected is not None:
        floats = [leaf for leaf in leaves(found) if is_inexact(leaf)]
        assert relative_error(floats, leaves(expected[transform])) < AGAINST_JAX


@pytest.mark.parametrize("transform", TRANSFORMS[1:])
def test_a_wrong_cell_is_noticed(transform):
    program = program_named("rosenbrock")
    point, found = point_of(program), leaves(result_of(program, transform, "python"))
    wrong = [np.asarray(leaf) * (1 + 1e-6) for leaf in found]
    if transform == "vjp":
        assert directional_error(point.floats, point.args, point.argnums, wrong, leaves(point.weights), 21) > 1e-8
    else:
        assert relative_error(wrong, leaves(differences_of(program, transform))) > AGAINST_DIFFERENCES
