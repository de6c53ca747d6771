"""Cells of the matrix program x {value, jvp, vjp, hvp} x {emitted NumPy source, native code}: what a cell says, and
what it is compared with: NumPy's own value and writes, and finite differences of NumPy's values.

(Finite differences of hvp are those of the emitted gradient, itself a cell.) Directions and the weights of the results
are random. References are computed once per program.
"""

from __future__ import annotations

import copy
import functools
from typing import Any

import numpy as np

import gradscribe as gs
from oracles import combine, directional_error, finite_difference_jvp, is_inexact, leaves, random_like, relative_error
from programs.program import Program

TRANSFORMS = ("value", "jvp", "vjp", "hvp")
BACKENDS = ("python", "native")

# Relative to the norm of the reference. JAX and native code sum in other orders; differences lose five digits.
AGAINST_NUMPY, AGAINST_JAX, AGAINST_DIFFERENCES = 1e-12, 1e-10, 1e-8


class Point:
    """A program with arguments, a direction for each differentiable argument, and weights for its result."""

    def __init__(self, program: Program) -> None:
        self.program, self.function, self.argnums = program, program.function, program.argnums
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
def point_of(program: Program) -> Point:
    return Point(program)


def result_of(program: Program, transform: str, backend: str) -> Any:
    """What a cell says: (value, arguments as they were left), the tangent, the gradients, the tangents of these.
    Native code is one compiled program around the transformation."""
    point = point_of(program)
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
def differences_of(program: Program, transform: str) -> Any:
    """Finite differences along the tangents: of NumPy's result, or of the gradient that the emitted source gives."""
    point = point_of(program)
    tangents = [tangent if k in point.argnums else None for k, tangent in enumerate(point.tangents)]
    function = point.floats if transform == "jvp" else lambda *args: pulled(point, args)
    return finite_difference_jvp(function, point.args, tangents)


def pulled(point: Point, args: Any) -> list[Any]:
    """The gradients, uncompiled."""
    cotangents = gs.vjp(point.function, *args)[1](point.weights)
    return [cotangents[k] for k in point.argnums]


def check_cell(program: Program, transform: str, backend: str) -> Any:
    """Compare a cell with NumPy (value, dtypes, writes) or with finite differences; returns what the cell says."""
    point, found = point_of(program), result_of(program, transform, backend)
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
        assert relative_error(leaves(found), leaves(differences_of(program, transform))) < AGAINST_DIFFERENCES
    return found
