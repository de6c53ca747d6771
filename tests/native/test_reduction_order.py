"""Reductions over rows whose elements lie along columns, and the other way round: values, and loops that follow it."""

import itertools

import numpy as np
import pytest

import gradscribe as gs

pytestmark = pytest.mark.native
RNG = np.random.default_rng(5)
A, B = RNG.normal(size=(11, 13)), RNG.normal(size=(4, 11, 13))

REDUCTIONS = [
    lambda a: np.ones(11) @ a,
    lambda a: a.T @ np.arange(11.0),
    lambda a: np.sum(a.T, axis=1),
    lambda a: np.max(a.T * 2.0, axis=1),
    lambda a: np.sum(a.T[:, None, :] * np.arange(11.0), axis=2),
    lambda a: np.sum(a[:, :3].T, axis=1),
    lambda a: np.sum(a.reshape(11, 13, 1), axis=0),
    lambda a: np.prod(np.cos(a.T), axis=-1),
    lambda a: np.min(a[::-1].T, axis=1, keepdims=True),
    lambda a: np.einsum("ij,ij->j", a, a),
]


@pytest.mark.parametrize("number", range(len(REDUCTIONS)))
def test_values_and_gradients(number):
    f = REDUCTIONS[number]
    np.testing.assert_allclose(gs.jit(f)(A), f(A), rtol=1e-13)
    loss = lambda a: np.sum(np.sin(f(a)))
    np.testing.assert_allclose(gs.jit(gs.grad(loss))(A), gs.grad(loss)(A), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("axes", [axes for n in (1, 2) for axes in itertools.combinations(range(3), n)])
@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_every_orientation(axes, order):
    f = lambda b: np.sum(np.transpose(b, order) * 1.5, axis=axes)
    np.testing.assert_allclose(gs.jit(f)(B), f(B), rtol=1e-13)


def test_a_matrix_is_passed_over_once_for_a_product_and_its_transpose():
    text = gs.source(lambda a, x: (a @ x) @ a, A, np.ones(13), level="loops")
    assert text.count("for i in range(a_0):") == 1 and "a[j, i]" not in text
