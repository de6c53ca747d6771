"""Arrays that Python computes out of static values while a program is staged are new at every evaluation, as in Python:
what the program writes into them is gone at the next iteration and at the next call."""

import numpy as np
import pytest

import gradscribe as gs

Y = np.array([1.0, 2.0])


def from_a_rule(y):
    a = np.zeros(2)
    a += y
    return a


def from_python(y):
    a = np.hanning(4)  # not in the table of NumPy functions
    a[1] += y[0]
    return a


def in_a_list(y):
    rows = np.split(np.arange(4), 2)
    rows[0] = rows[0] + y
    return rows[0] + rows[1]


def in_a_loop(y):
    total = 0.0
    for k in range(3):
        a, b = np.zeros(2), np.hanning(5)
        a += y
        b[k] -= y[0]
        total += np.sum(a**2) + np.sum(b**2)
    return total


def under_an_unrolled_loop(y, weights=((), (0.5,), (0.25, 0.125))):
    for _ in range(5):
        increment = np.zeros(2)
        for row in weights:
            for w in row:
                increment += w * y
        y = y + increment
    return y


@pytest.mark.parametrize("function", [from_a_rule, from_python, in_a_list, in_a_loop, under_an_unrolled_loop])
def test_new_at_every_evaluation(function):
    staged = gs.jit(function, backend="python")
    for _ in range(2):
        np.testing.assert_allclose(staged(Y), function(Y), rtol=1e-15)
    value, gradient = gs.value_and_grad(lambda y: np.sum(function(y) ** 2))(Y)
    np.testing.assert_allclose(value, np.sum(function(Y) ** 2), rtol=1e-15)
    step = 1e-6 * np.eye(2)
    expected = [np.sum(function(Y + h) ** 2) - np.sum(function(Y - h) ** 2) for h in step]
    np.testing.assert_allclose(gradient, np.array(expected) / 2e-6, rtol=1e-7)
