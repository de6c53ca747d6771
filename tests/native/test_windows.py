"""Convolutions as users write them: which become operations on windows, and that their gradients are right."""

import numpy as np
import pytest

import gradscribe as gs
from gradscribe.transpiler.passes.lower import windows

pytestmark = pytest.mark.native


def channels_last(x, weights):
    rows, columns = x.shape[1] - weights.shape[0] + 1, x.shape[2] - weights.shape[1] + 1
    out = np.zeros((x.shape[0], rows, columns, weights.shape[3]))
    for k in range(weights.shape[0]):
        for l in range(weights.shape[1]):
            out += x[:, k : k + rows, l : l + columns, :] @ weights[k, l]
    return np.sum(np.sin(out))


def channels_first_every_second_row(x, weights):
    rows, columns = (x.shape[2] - weights.shape[2]) // 2 + 1, x.shape[3] - weights.shape[3] + 1
    out = np.zeros((weights.shape[0], x.shape[0], rows, columns))
    for l in range(weights.shape[3]):
        for k in range(weights.shape[2]):
            shifted = x[:, :, k : k + 2 * rows - 1 : 2, l : l + columns]
            out += np.einsum("nchw,mc->mnhw", shifted, weights[:, :, k, l])
    return np.sum(np.sin(out))


def along_the_diagonal(x, weights):
    """Not windows: one counter moves both slices."""
    rows, columns = x.shape[1] - weights.shape[0] + 1, x.shape[2] - weights.shape[0] + 1
    out = np.zeros((x.shape[0], rows, columns, weights.shape[3]))
    for k in range(weights.shape[0]):
        for l in range(weights.shape[0]):
            out += x[:, k : k + rows, k : k + columns, :] @ weights[k, l]
    return np.sum(np.sin(out))


def two_sums(x, weights):
    """Not windows only: something else is carried too."""
    rows, columns = x.shape[1] - weights.shape[0] + 1, x.shape[2] - weights.shape[1] + 1
    out, total = np.zeros((x.shape[0], rows, columns, weights.shape[3])), 0.0
    for k in range(weights.shape[0]):
        for l in range(weights.shape[1]):
            out += x[:, k : k + rows, l : l + columns, :] @ weights[k, l]
            total += weights[k, l, 0, 0] ** 3
    return np.sum(np.sin(out)) + total


LAST, FIRST = ((2, 6, 7, 3), (3, 2, 3, 4)), ((2, 3, 7, 6), (4, 3, 3, 2))
PROGRAMS = [
    (channels_last, LAST, 3),
    (channels_first_every_second_row, FIRST, 3),
    (along_the_diagonal, ((2, 6, 7, 3), (2, 2, 3, 4)), 0),
    (two_sums, LAST, 0),
]


@pytest.mark.parametrize("function, shapes, operations", PROGRAMS)
def test_gradients_in_every_mode(function, shapes, operations, monkeypatch):
    found = []
    plain = windows._emit_sum
    monkeypatch.setattr(windows, "_emit_sum", lambda *args: found.append(args[0]) or plain(*args))
    rng = np.random.default_rng(3)
    x, weights, dx, dw = (rng.standard_normal(shape) for shape in shapes * 2)
    value, gradients = gs.jit(gs.value_and_grad(function, argnums=(0, 1)))(x, weights)
    assert len(found) == operations
    h = 1e-6
    slope = (function(x + h * dx, weights + h * dw) - function(x - h * dx, weights - h * dw)) / (2 * h)
    assert abs(value - function(x, weights)) < 1e-10
    assert abs(np.vdot(gradients[0], dx) + np.vdot(gradients[1], dw) - slope) < 1e-6 * (1 + abs(slope))
    _, tangent = gs.jit(lambda *args: gs.jvp(function, args, (dx, dw)))(x, weights)
    assert abs(tangent - slope) < 1e-6 * (1 + abs(slope))
    lanes = gs.jit(gs.vmap(gs.grad(function, argnums=1), in_axes=(0, None)))(np.stack([x, dx]), weights)
    for lane, image in zip(lanes, (x, dx), strict=True):
        np.testing.assert_allclose(lane, gs.grad(function, argnums=1)(image, weights), rtol=1e-9, atol=1e-9)
