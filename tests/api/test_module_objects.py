"""Arrays and objects of a module that functions write: as in Python, call after call, in every backend."""

from __future__ import annotations

import numpy as np
import pytest

import gradscribe as gs

BACKENDS = ["python", pytest.param("native", marks=pytest.mark.native)]
X = np.array([0.3, -0.7, 1.2])


class Scales:
    def __init__(self):
        self.weights = np.array([1.0, 2.0, 3.0])
        self.calls = 0
        self.last = 0.0


WORK, LOG, TABLE, SCALES = np.zeros(3), [], {"seen": np.zeros(2)}, Scales()


def array_written(x):
    WORK[1:] = x[:-1]
    WORK[0] += x[2] ** 2
    return np.sum(WORK * x)


def entry_written(x):
    TABLE["seen"][0] += x[0]
    TABLE["seen"][1] *= 2.0
    return np.sum(x**2) * TABLE["seen"][0]


def object_written(x):
    SCALES.weights *= 2.0
    return np.sum(SCALES.weights * x**2)


def attribute_set(x):
    SCALES.calls += 1
    return np.sum(x) * SCALES.calls


def reset():
    WORK[:], TABLE["seen"][:] = 1.0, 1.0
    SCALES.weights[:], SCALES.calls = [1.0, 2.0, 3.0], 0


def state():
    return WORK.copy(), TABLE["seen"].copy(), SCALES.weights.copy(), SCALES.calls


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("function", [array_written, entry_written, object_written, attribute_set])
def test_values(function, backend):
    compiled, found = gs.jit(function, backend=backend), []
    for run in (function, compiled):
        reset()
        found.append(([float(run(X)) for _ in range(3)], state()))
    (expected, theirs), (values, ours) = found
    np.testing.assert_allclose(values, expected, rtol=1e-15)
    for mine, yours in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(mine, yours, rtol=1e-15)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("function", [array_written, entry_written, object_written, attribute_set])
def test_gradients(function, backend):
    def once(x):
        reset()
        return function(x)

    step = 1e-6
    slopes = [(once(X + step * e) - once(X - step * e)) / (2 * step) for e in np.eye(3)]
    compiled = gs.jit(gs.grad(function), backend=backend)
    reset()
    np.testing.assert_allclose(compiled(X), slopes, rtol=1e-8)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("n", [0, 1, 3])
def test_product_of_as_many_elements_as_data_say(n, backend):
    """The product of nothing is one, and its gradient has no elements."""

    def some(x, counts):
        total = 0.0
        for k in counts:
            total = total + np.prod(x[:k]) * x[2]
        return total

    counts = np.array([n, 0])
    step = 1e-6
    slopes = [(some(X + step * e, counts) - some(X - step * e, counts)) / (2 * step) for e in np.eye(3)]
    np.testing.assert_allclose(gs.jit(gs.grad(some), backend=backend)(X, counts), slopes, rtol=1e-8, atol=1e-9)
    gradient = gs.jit(gs.grad(np.prod), backend=backend)(np.zeros(0))
    assert gradient.shape == (0,)
