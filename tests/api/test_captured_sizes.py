"""Sizes of captured arrays that a program needs as Python numbers: a version for each size, chosen at each call."""

from __future__ import annotations

import numpy as np
import pytest

import gradscribe as gs


class Mesh:
    def __init__(self, edges):
        self.edges = edges


MESH = Mesh(np.zeros((0, 2), int))


def energy(x):
    total = 0.0
    for i, j in MESH.edges:
        total += x[i] * x[j] ** 2
    return total


@pytest.mark.parametrize("backend", ["python", pytest.param("native", marks=pytest.mark.native)])
def test_a_captured_array_of_another_size_is_staged_again(backend):
    x = np.array([0.3, -0.7, 1.2])
    edges = np.array([[0, 1], [1, 2], [2, 0], [0, 0]])
    compiled = gs.jit(gs.grad(energy), backend=backend)
    for count in (4, 3, 1, 0, 2, 4):
        MESH.edges = edges[:count].copy()
        expected = np.zeros(3)
        for i, j in MESH.edges:
            expected[i] += x[j] ** 2
            expected[j] += 2 * x[i] * x[j]
        np.testing.assert_allclose(compiled(x), expected, rtol=1e-14)


def test_python_says_so_where_the_size_does_not_fit():
    MESH.edges = np.zeros((2, 3), int)
    with pytest.raises(gs.GradscribeError, match="too many values to unpack"):
        gs.grad(energy)(np.ones(3))


@pytest.mark.parametrize("backend", ["python", pytest.param("native", marks=pytest.mark.native)])
def test_an_integer_power_that_would_be_a_float_raises(backend):
    power = gs.jit(lambda x, n: x * 2**n, backend=backend)
    assert power(1.5, 5) == 48.0
    with pytest.raises(ValueError, match="where the exponent is negative"):
        power(1.5, -1)
