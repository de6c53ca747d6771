"""The matrix of the corpus: every program x {value, jvp, vjp, hvp} x {emitted NumPy source, native code}.

Every cell is compared with numbers that gradscribe did not make: NumPy's own value and writes, finite differences of
NumPy's values, and JAX where it is installed and the program has a JAX form. (Finite differences of hvp are those of
the emitted gradient, itself a cell.) Directions and the weights of the results are random. The cells of one program
stand together and share its references.
"""

from __future__ import annotations

import copy
import functools
import importlib.util
from typing import Any

import numpy as np
import pytest

import gradscribe as gs
from oracles import (
    combine,
    directional_error,
    finite_difference_jvp,
    is_inexact,
    leaves,
    random_like,
    relative_error,
)
from programs.catalogue import PROGRAMS, program_named

TRANSFORMS = ("value", "jvp", "vjp", "hvp")
BACKENDS = ("python", "native")

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

# Relative to the norm of the reference. JAX and native code sum in other orders; differences lose five digits.
AGAINST_NUMPY, AGAINST_JAX, AGAINST_DIFFERENCES = 1e-12, 1e-10, 1e-8


class Point:
    """A program with arguments, a direction for each differentiable argument, and weights for its result."""

    def __init__(self, name: str) -> None:
        self.program = program_named(name)
        self.function, self.argnums = self.program.function, self.program.argnums
        self.args = self.program.make_inputs(seed=3)
        self.directions = [random_like(self.args[k], seed=11 + k) for k in self.argnums]
        by_argument = dict(zip(self.argnums, self.directions, strict=True))
        self.tangents = tuple(by_argument.get(k, nothing(arg)) for k, arg in enumerate(self.args))
        self.written = copy.deepcopy(self.args)
        self.value = copy.deepcopy(self.function(*self.written))
        self.weights = combine(lambda x, w: w if is_inexact(x) else None, self.value, random_like(self.value, seed=7))

    def floats(self, *args: Any) -> list[Any]:
        """The floating leaves of the result."""
        return [leaf for leaf in leaves(self.program(*args)) if is_inexact(leaf)]


def nothing(tree: Any) -> Any:
    """None in place of every leaf."""
    return gs.tree.map(lambda _: None, tree)


@functools.cache
def point_of(name: str) -> Point:
    return Point(name)


def result_of(name: str, transform: str, backend: str) -> Any:
    """What a cell says: (value, arguments as they were left), the tangent, the gradients, the tangents of these.
    Native code is one compiled program around the transformation."""
    point = point_of(name)
    function, argnums = point.function, point.argnums

    def push(args: Any, tangents: Any) -> Any:
        return gs.jvp(function, args, tangents)[1]

    def pull(args: Any, weights: Any) -> Any:
        cotangents = gs.vjp(function, *args)[1](weights)
        return [cotangents[k] for k in argnums]

    no_weights = nothing(point.weights)

    def product(args: Any, weights: Any, tangents: Any) -> Any:
        return gs.jvp(pull, (args, weights), (tangents, no_weights))[1]

    compiled = (lambda f: gs.jit(f)) if backend == "native" else (lambda f: f)
    if transform == "value":
        args = copy.deepcopy(point.args)
        return gs.jit(function, backend=backend)(*args), args
    if transform == "jvp":
        return compiled(push)(point.args, point.tangents)
    if transform == "vjp":
        return compiled(pull)(point.args, point.weights)
    return compiled(product)(point.args, point.weights, point.tangents)


@functools.cache
def differences_of(name: str, transform: str) -> Any:
    """Finite differences along the tangents: of NumPy's result, or of the gradient that the emitted source gives."""
    point = point_of(name)
    tangents = [tangent if k in point.argnums else None for k, tangent in enumerate(point.tangents)]
    function = point.floats if transform == "jvp" else lambda *args: pulled(point, args)
    return finite_difference_jvp(function, point.args, tangents)


def pulled(point: Point, args: Any) -> list[Any]:
    """The gradients, uncompiled."""
    cotangents = gs.vjp(point.function, *args)[1](point.weights)
    return [cotangents[k] for k in point.argnums]


@functools.cache
def jax_of(name: str) -> dict[str, Any] | None:
    """What JAX says of all four; None where it is not installed or has no form of the program."""
    point = point_of(name)
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
    point, found = point_of(name), result_of(name, transform, backend)
    if transform == "value":
        found, args = found
        assert [np.asarray(x).dtype for x in leaves(found)] == [np.asarray(x).dtype for x in leaves(point.value)]
        assert relative_error(found, point.value) < AGAINST_NUMPY
        assert relative_error(list(args), list(point.written)) < AGAINST_NUMPY
    elif transform == "vjp":
        weights = leaves(point.weights)
        for seed in (21, 22):
            error = directional_error(point.floats, point.args, point.argnums, found, weights, seed)
            assert error < AGAINST_DIFFERENCES
    else:
        assert relative_error(leaves(found), leaves(differences_of(name, transform))) < AGAINST_DIFFERENCES
    expected = jax_of(name)
    if expected is not None:
        floats = [leaf for leaf in leaves(found) if is_inexact(leaf)]
        assert relative_error(floats, leaves(expected[transform])) < AGAINST_JAX


@pytest.mark.parametrize("transform", TRANSFORMS[1:])
def test_a_wrong_cell_is_noticed(transform):
    point, found = point_of("rosenbrock"), leaves(result_of("rosenbrock", transform, "python"))
    wrong = [np.asarray(leaf) * (1 + 1e-6) for leaf in found]
    if transform == "vjp":
        assert directional_error(point.floats, point.args, point.argnums, wrong, leaves(point.weights), 21) > 1e-8
    else:
        assert relative_error(wrong, leaves(differences_of("rosenbrock", transform))) > AGAINST_DIFFERENCES
