"""Where a derivative is a convention: ties, zeros and steps. The conventions are JAX's; its values stand here written
out."""

import numpy as np
import pytest

from gradscribe.transpiler.errors import DTypeError, NotDifferentiable, ShapeError
from gradscribe.transpiler.ir.evaluate import evaluate
from gradscribe.transpiler.primitives import (
    allocation,
    arithmetic,
    elementary,
    joining,
    linear_algebra,
    logic,
    piecewise,
    powers,
    reductions,
)
from gradscribe.transpiler.primitives.contraction import contract, contraction_text
from gradscribe.transpiler.primitives.structure import permute
from gradscribe.transpiler.transforms.jvp import jvp
from gradscribe.transpiler.transforms.vjp import value_and_grad
from primitives.table_cases import program


def derivative(body, x, direction=None):
    """The forward derivative of `body` at x."""
    x = np.asarray(x, np.float64)
    function = jvp(program(lambda v: (body(v),), [x]), [0])
    return evaluate(function, x, np.ones_like(x) if direction is None else np.asarray(direction, np.float64))[1]


def gradient(body, x):
    """All partial derivatives of a scalar function, one direction at a time."""
    return [float(derivative(body, x, row)) for row in np.eye(len(x))]


@pytest.mark.parametrize(
    ("body", "x", "expected"),
    [
        (lambda x: piecewise.absolute(x), [-1.0, 0.0, 2.0], [-1, 1, 1]),
        (lambda x: piecewise.maximum(x, 0.0), [-1.0, 0.0, 2.0], [0, 0.5, 1]),
        (lambda x: piecewise.minimum(x, 0.0), [-1.0, 0.0, 2.0], [1, 0.5, 0]),
        (lambda x: piecewise.floor(x), [0.0, 0.5], [0, 0]),
        (lambda x: piecewise.sign(x), [0.0, 0.5], [0, 0]),
        (lambda x: x**0, [0.0, 2.0], [0, 0]),
        (lambda x: x**1, [0.0, 2.0], [1, 1]),
        (lambda x: x**2, [0.0, 3.0], [0, 6]),
        (lambda x: x**2.0, [0.0, -3.0], [0, -6]),
        (lambda x: powers.power(0.0, x), [1.0, 2.0], [0, 0]),
        (lambda x: elementary.sqrt(x), [0.0], [np.inf]),
        (lambda x: arithmetic.select(x > 0.0, elementary.sqrt(arithmetic.select(x > 0.0, x, 1.0)), 0.0), [0.0], [0]),
    ],
)
def test_elementwise(body, x, expected):
    np.testing.assert_array_equal(derivative(body, x), expected)


@pytest.mark.parametrize(
    ("operation", "x", "expected"),
    [
        (reductions.reduce_max, [2.0, 1.0, 2.0, 2.0], [1 / 3, 0, 1 / 3, 1 / 3]),
        (reductions.reduce_min, [2.0, 1.0, 1.0, 2.0], [0, 0.5, 0.5, 0]),
        (reductions.reduce_max, [2.0, np.nan, 1.0], [np.nan, np.nan, np.nan]),
        (reductions.reduce_min, [np.nan, np.nan], [np.nan, np.nan]),
        (reductions.reduce_prod, [2.0, 0.0, 3.0], [0, 6, 0]),
        (reductions.reduce_prod, [2.0, 0.0, 0.0], [0, 0, 0]),
    ],
)
def test_reductions(operation, x, expected):
    np.testing.assert_allclose(gradient(lambda v: operation(v, axes=(0,)), x), expected, rtol=1e-15)


def test_reverse_mode_of_an_extremum_that_is_nan():
    x = np.array([[1.0, 2.0, 2.0], [np.nan, 4.0, 3.0]])
    for operation in (reductions.reduce_max, reductions.reduce_min):
        function = program(lambda v, f=operation: (reductions.reduce_sum(f(v, axes=(1,)), axes=(0,)),), [x])
        with np.errstate(invalid="ignore"):
            gradient = evaluate(value_and_grad(function, [0]), x)[1]
        tied = [0, 0.5, 0.5] if operation is reductions.reduce_max else [1, 0, 0]
        np.testing.assert_array_equal(gradient, [tied, [np.nan] * 3])


def test_a_branch_not_taken_leaks_nothing():
    """log at 0 is -inf and its derivative inf: neither may show through the other branch."""
    value = derivative(lambda x: arithmetic.select(x > 0.0, elementary.log(x), x), [0.0, 2.0])
    np.testing.assert_array_equal(value, [1.0, 0.5])


def test_conventions_are_those_of_jax():
    jax = pytest.importorskip("jax")
    jnp = jax.numpy
    pairs = [
        (piecewise.maximum, jnp.maximum, 0.0),
        (piecewise.minimum, jnp.minimum, 0.0),
        (powers.power, jnp.power, 2.5),
    ]
    for ours, theirs, other in pairs:
        for x in (0.0, 1.5):
            expected = jax.grad(lambda v, f=theirs, c=other: f(v, c))(x)
            assert derivative(lambda v, f=ours, c=other: f(v, c), x) == expected
    for ours, theirs in ((piecewise.absolute, jnp.abs), (elementary.cbrt, jnp.cbrt)):
        assert derivative(ours, 0.0) == jax.grad(theirs)(0.0)


def test_complex_kinks_are_refused():
    x = np.array([1 + 2j])
    with pytest.raises(NotDifferentiable, match="complex"):
        jvp(program(lambda v: (piecewise.sign(v),), [x]), [0])
    for body in (lambda v: piecewise.maximum(v, 0.0), lambda v: v < 1.0, lambda v: reductions.reduce_max(v, axes=(0,))):
        with pytest.raises(DTypeError, match="no order"):
            program(lambda v, f=body: (f(v),), [x])


def test_dtypes_numpy_refuses_are_refused():
    with pytest.raises(DTypeError, match="bitwise_and"):
        program(lambda x: (logic.bitwise_and(x, x),), [np.ones(2)])
    with pytest.raises(DTypeError, match="subtract"):
        program(lambda x: (arithmetic.subtract(x, x),), [np.array([True])])
    with pytest.raises(DTypeError, match="negative integer power"):
        program(lambda x: (x**-1,), [np.array([2])])
    with pytest.raises(ShapeError, match="broadcast"):
        program(lambda x, y: (x + y,), [np.ones(3), np.ones(2)])
    with pytest.raises(ShapeError, match="matrix product"):
        program(lambda x, y: (contract(x, y, "ij", "jk", "ik"),), [np.ones((2, 3)), np.ones((2, 3))])


# ---- what differentiated products look like ----


def test_transposed_operands_are_taken_apart():
    """A product of a transposed matrix is the same equation however it was written."""

    def body(x, y):
        return contract(permute(x, axes=(1, 0)), y, "ab", "bc", "ac"), contract(x, y, "pq", "pr", "qr")

    function = program(body, [np.ones((2, 3)), np.ones((2, 4))])
    first, second = function.results
    assert first is second


@pytest.mark.parametrize(
    ("word", "text"),
    [
        ("ij,jk->ik", "x @ y"),
        ("ij,ik->jk", "x.T @ y"),
        ("ij,kj->ik", "x @ y.T"),
        ("ij,ki->kj", "y @ x"),
        ("ij,i->j", "y @ x"),
        ("i,j->ij", "np.outer(x, y)"),
        ("i,j->ji", "np.outer(y, x)"),
        ("bij,bjk->bik", "x @ y"),
        ("ij,ij->", "np.vdot(x, y)"),
    ],
)
def test_text_of_products(word, text):
    operands, out = word.split("->")
    assert contraction_text(*operands.split(","), out) == text


def test_allocations_are_never_shared():
    """Two arrays of zeros are two arrays: one of them may be written."""

    def body(x):
        return [allocation.zeros(shape=x.shape, dtype=x.dtype), allocation.zeros(shape=x.shape, dtype=x.dtype)]

    first, second = program(body, [np.ones(3)]).results
    assert first is not second


def test_joining_refuses_sizes_that_differ():
    with pytest.raises(ShapeError, match=r"np\.concatenate"):
        program(lambda x, y: (joining.concatenate(x, y, axis=0),), [np.ones((2, 3)), np.ones((2, 4))])


# ---- factorisations as loops ----


@pytest.mark.parametrize(("operation", "count"), [(linear_algebra.solve, 2), (linear_algebra.inv, 1)])
def test_singular_matrices_raise(operation, count):
    operands = [np.array([[1.0, 2.0], [2.0, 4.0]]), np.ones(2)][:count]
    for rule in (operation, operation.expand):
        with pytest.raises(np.linalg.LinAlgError, match="Singular matrix"):
            evaluate(program(lambda *xs, f=rule: (f(*xs),), operands), *operands)


def test_indefinite_matrices_raise():
    a = np.array([[1.0, 2.0], [2.0, 1.0]])
    for rule in (linear_algebra.cholesky, linear_algebra.cholesky.expand):
        with pytest.raises(np.linalg.LinAlgError, match="not positive definite"):
            evaluate(program(lambda x, f=rule: (f(x),), [a]), a)


def test_elimination_exchanges_rows():
    a = np.array([[0.0, 2.0, 1.0], [3.0, 0.0, 1.0], [1.0, 1.0, 0.0]])
    for operation in (linear_algebra.det, linear_algebra.det_sign, linear_algebra.log_abs_det, linear_algebra.inv):
        (expected,) = evaluate(program(lambda x, f=operation: (f(x),), [a]), a)
        (value,) = evaluate(program(lambda x, f=operation.expand: (f(x),), [a]), a)
        np.testing.assert_allclose(value, expected, rtol=1e-14, atol=1e-15)


def test_singular_determinant_is_zero():
    a = np.zeros((3, 3))
    assert evaluate(program(lambda x: (linear_algebra.det.expand(x),), [a]), a) == (0.0,)
