"""gs.callback: Python functions inside programs, in text and natively, with and without rules."""

import numpy as np
import pytest

import gradscribe as gs

X = np.array([0.5, 1.5, 3.0])


def table(x):
    """Code that is not staged: it asks for a list of objects."""
    return np.array([np.interp(v, [0, 1, 2, 5], [0, 2, 3, 7]) for v in np.ravel(x).tolist()]).reshape(np.shape(x))


def slope(x):
    return np.where(x < 1, 2.0, np.where(x < 2, 1.0, 4 / 3))


def moments(x, k):
    return np.sum(x) * k, x[:1].astype(int), x > 1.0


def too_short(x):
    return x[:2]


def turned(x):
    return x * 1j


def fails(x):
    raise KeyError("no such entry")


def plain(x):
    return np.sum(gs.callback(table, x, x) * x)


def several(x, k):
    total, first, large = gs.callback(moments, (1.0, gs.ShapeDtype((1,), np.int64), x > 0), x, k)
    return total + first[0] + np.sum(np.where(large, x, 0.0))


def with_jvp(x):
    rule = lambda primals, tangents: (gs.callback(table, primals[0], primals[0]), slope(primals[0]) * tangents[0])
    return np.sum(gs.callback(table, x, x, jvp=rule) * x)


def with_vjp(x):
    forward = lambda x: (gs.callback(table, gs.ShapeDtype(x.shape, np.float64), x), x)
    return np.sum(gs.callback(table, x, x, vjp=(forward, lambda x, g: (slope(x) * g,))) * x)


def test_plain_python():
    assert plain(X) == np.sum(table(X) * X)
    assert with_jvp(X) == plain(X)


@pytest.mark.parametrize("backend", ["python", pytest.param("native", marks=pytest.mark.native)])
def test_values(backend):
    assert gs.jit(plain, backend=backend)(X) == plain(X)
    assert gs.jit(several, backend=backend)(X, 2) == several(X, 2)
    np.testing.assert_allclose(gs.jit(gs.grad(with_jvp), backend=backend)(X), table(X) + slope(X) * X, rtol=1e-14)


def test_the_text_calls_the_function():
    text = gs.source(gs.jit(plain, backend="python"), X)
    assert "table(x)" in text and "import table" in text
    namespace = {}
    exec(text, namespace)
    assert namespace["plain"](X) == plain(X)


def test_lanes_are_called_one_after_the_other():
    rows = np.stack([X, X + 1.0])
    np.testing.assert_array_equal(gs.vmap(plain)(rows), [plain(row) for row in rows])


def test_derivatives():
    expected = table(X) + slope(X) * X
    np.testing.assert_allclose(gs.grad(with_jvp)(X), expected, rtol=1e-14)
    np.testing.assert_allclose(gs.grad(with_vjp)(X), expected, rtol=1e-14)
    np.testing.assert_allclose(gs.vmap(gs.grad(with_vjp))(np.stack([X, X])), [expected, expected], rtol=1e-14)
    with pytest.raises(gs.NoRule, match="`table` has no derivative") as raised:
        gs.grad(plain)(X)
    assert raised.value.span.file == __file__
    assert gs.grad(lambda x: np.sum(x) + gs.stop_gradient(plain(gs.stop_gradient(x))))(X).tolist() == [1.0, 1.0, 1.0]


def test_a_rule_for_batches():
    rule = lambda size, batched, x: (gs.callback(table, x, x), True)
    f = lambda x: gs.callback(table, x, x, vmap=rule)
    rows = np.stack([X, X + 1.0])
    np.testing.assert_array_equal(gs.vmap(f)(rows), table(rows))
    assert "for lane" not in gs.source(gs.vmap(f), rows)


@pytest.mark.parametrize("backend", ["python", pytest.param("native", marks=pytest.mark.native)])
def test_a_broken_promise_is_an_error(backend):
    with pytest.raises(ValueError, match="promised"):
        gs.jit(lambda x: np.sum(gs.callback(too_short, x, x)), backend=backend)(X)
    with pytest.raises(TypeError):
        gs.jit(lambda x: np.sum(gs.callback(turned, x, x)), backend=backend)(X)
    with pytest.raises(KeyError, match="no such entry"):
        gs.jit(lambda x: np.sum(gs.callback(fails, x, x)), backend=backend)(X)


@pytest.mark.native
def test_a_result_that_takes_the_name_of_its_operand():
    """The operand is read for the last time by the call: the result's memory must not stand in for it."""

    def f(x):
        y = x - 1.0
        y = gs.callback(table, y, y)
        y = y * 2.0
        y = gs.callback(table, y, y)
        return y * 3.0

    np.testing.assert_allclose(gs.jit(f)(X), 3.0 * table(2.0 * table(X - 1.0)))
