"""np.linalg in compiled programs: values, derivatives, stacks, failures at the user's line, memory that is reused."""

import numpy as np
import pytest

import gradscribe as gs

pytestmark = pytest.mark.native


def regular(*shape):
    return np.random.default_rng(1).normal(size=shape) + 2 * shape[-1] * np.eye(shape[-1])


def definite(*shape):
    root = np.random.default_rng(2).normal(size=shape)
    return root @ np.swapaxes(root, -1, -2) + np.eye(shape[-1])


def right(*shape):
    return np.random.default_rng(3).normal(size=shape)


def slogdet(a):
    sign, log = np.linalg.slogdet(a)
    return sign * log


def everything(a, b):
    """Operands that are expressions, results that are used twice, factors of one another."""
    x = np.linalg.solve(a + a.T, b)
    factor = np.linalg.cholesky(a @ a.T + np.eye(a.shape[0], dtype=a.dtype))
    return np.linalg.inv(factor) @ x + np.linalg.det(factor / 9) * x + np.linalg.slogdet(a * 2)[1]


CASES = {
    "solve_vector": (np.linalg.solve, regular(4, 4), right(4)),
    "solve_columns": (np.linalg.solve, regular(4, 4), right(4, 3)),
    "solve_stack": (np.linalg.solve, regular(2, 4, 4), right(2, 4, 3)),
    "solve_broadcast": (np.linalg.solve, regular(4, 4), right(2, 4, 3)),
    "inv": (np.linalg.inv, regular(10, 10)),
    "inv_stack": (np.linalg.inv, regular(2, 3, 4, 4)),
    "det": (np.linalg.det, regular(4, 4)),
    "det_stack": (np.linalg.det, regular(3, 4, 4)),
    "slogdet": (slogdet, -regular(5, 5)),
    "slogdet_stack": (slogdet, -regular(2, 3, 5, 5)),
    "cholesky": (np.linalg.cholesky, definite(4, 4)),
    "cholesky_stack": (np.linalg.cholesky, definite(3, 4, 4)),
    "everything": (everything, regular(4, 4), right(4)),
}


SINGLE = ("solve_vector", "det_stack", "everything")


@pytest.mark.parametrize(
    ("name", "dtype"), [*((name, np.float64) for name in CASES), *((name, np.float32) for name in SINGLE)]
)
def test_values_and_derivatives(name, dtype):
    operation, *arguments = CASES[name]
    arguments = [x.astype(dtype) for x in arguments]

    def f(*args):
        return np.sum(np.sin(operation(*args)) ** 2)

    tolerance = {"rtol": 1e-11, "atol": 1e-12} if dtype is np.float64 else {"rtol": 2e-3, "atol": 1e-4}
    before = [x.copy() for x in arguments]
    value = gs.jit(operation)(*arguments)
    np.testing.assert_allclose(value, operation(*arguments), **tolerance)
    assert np.asarray(value).dtype == dtype
    gradient = gs.grad(f, argnums=tuple(range(len(arguments))))
    for got, expected in zip(gs.jit(gradient)(*arguments), gradient(*arguments), strict=True):
        np.testing.assert_allclose(got, expected, **tolerance)
        assert got.dtype == dtype
    for x, kept in zip(arguments, before, strict=True):
        np.testing.assert_array_equal(x, kept)


@pytest.mark.parametrize("size", [0, 1])
def test_small_sizes(size):
    a, b = 3 * np.eye(size), np.ones(size)
    np.testing.assert_array_equal(gs.jit(np.linalg.solve)(a, b), np.linalg.solve(a, b))
    np.testing.assert_array_equal(gs.jit(np.linalg.inv)(a), np.linalg.inv(a))
    np.testing.assert_array_equal(gs.jit(np.linalg.cholesky)(a), np.linalg.cholesky(a))
    np.testing.assert_allclose(gs.jit(np.linalg.det)(a), np.linalg.det(a), rtol=1e-15)
    assert gs.jit(np.linalg.inv)(np.zeros((0, 3, 3))).shape == (0, 3, 3)


def refined(a, b):
    """The matrix changes between the solves, in place."""
    a = a.copy()
    total = 0.0
    for i in range(a.shape[0]):
        d = np.linalg.det(a)
        a[i, i] += 1.0
        b = np.linalg.solve(a, b)
        a[i] *= 2.0
        total += d * b[i] + np.linalg.inv(a)[i, i]
    return total


def test_matrices_that_are_overwritten():
    a, b = regular(4, 4) / 8, right(4)
    gradient = gs.value_and_grad(refined, argnums=(0, 1))
    (value, got), (expected_value, expected) = gs.jit(gradient)(a, b), gradient(a, b)
    np.testing.assert_allclose(value, refined(a, b), rtol=1e-12)
    np.testing.assert_allclose(value, expected_value, rtol=1e-12)
    for x, y in zip(got, expected, strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-11)


def solved(a, b):
    c = b + 1.0
    return np.linalg.solve(a, c)  # fails here


def inverted(a):
    return np.linalg.inv(a)  # fails here


def factored(a):
    return np.linalg.cholesky(a)  # fails here


FIXED = np.zeros((3, 3))


def inverted_small(a):
    return np.linalg.inv(a[0] * FIXED)  # fails here


SINGULAR = np.array([[1.0, 2.0], [2.0, 4.0]])


@pytest.mark.parametrize(
    ("f", "arguments"),
    [
        (solved, (SINGULAR, np.ones(2))),
        (solved, (np.stack([np.eye(2), SINGULAR]), np.ones((2, 2, 1)))),
        (inverted, (SINGULAR,)),
        (factored, (-SINGULAR,)),
        (inverted_small, (np.ones(3),)),
    ],
)
def test_failures_at_the_users_line(f, arguments):
    with pytest.raises(np.linalg.LinAlgError) as expected:
        f(*arguments)
    with pytest.raises(np.linalg.LinAlgError) as raised:
        gs.jit(f)(*arguments)
    assert str(raised.value) == str(expected.value)
    assert "test_linear_algebra.py" in raised.value.__notes__[0] and "# fails here" in raised.value.__notes__[0]


def test_singular_determinants_are_zero():
    assert gs.jit(np.linalg.det)(SINGULAR) == 0.0
    assert gs.jit(lambda a: np.linalg.slogdet(a))(SINGULAR) == (0.0, -np.inf)


def test_batched():
    a, b = regular(5, 3, 3), right(5, 3)
    gradient = gs.grad(lambda a, b: np.sum(everything(a, b) ** 2), argnums=(0, 1))
    expected = [np.stack(x) for x in zip(*(gradient(*pair) for pair in zip(a, b, strict=True)), strict=True)]
    for transformed in (gs.vmap(gradient), gs.jit(gs.vmap(gradient))):
        for x, y in zip(transformed(a, b), expected, strict=True):
            np.testing.assert_allclose(x, y, rtol=1e-9, atol=1e-9)
