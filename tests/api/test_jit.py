"""jit: what Python does, arguments written included; both backends."""

import numpy as np
import pytest

import gradscribe as gs

BACKENDS = ["python", pytest.param("native", marks=pytest.mark.native)]
pytestmark = pytest.mark.parametrize("backend", BACKENDS)


def scale_in_place(x, factor):
    for i in range(x.shape[0]):
        x[i] *= factor


def test_arguments_are_written(backend):
    f = gs.jit(scale_in_place, backend=backend)
    x = np.arange(1.0, 4.0)
    assert f(x, 2.0) is None
    np.testing.assert_array_equal(x, [2.0, 4.0, 6.0])
    strided = np.arange(8.0)[::2]
    f(strided, 3.0)
    np.testing.assert_array_equal(strided, [0.0, 6.0, 12.0, 18.0])


def test_returned_arguments_are_the_callers_objects(backend):
    def f(x, y):
        y[0] = x[0]
        return x, y, x + y

    x, y = np.arange(3.0), np.ones(3)
    a, b, c = gs.jit(f, backend=backend)(x, y)
    assert a is x and b is y
    np.testing.assert_array_equal(y, [0.0, 1.0, 1.0])
    np.testing.assert_array_equal(c, x + y)


def test_containers_are_written(backend):
    def f(state, x):
        state["sum"] = np.sum(x)
        state["x"][0] = 7.0
        return state["sum"] * 2.0

    state, x = {"sum": 0.0, "x": np.zeros(3)}, np.arange(4.0)
    kept = state["x"]
    assert gs.jit(f, backend=backend)(state, x) == 12.0
    assert state["sum"] == 6.0 and state["x"] is kept and kept[0] == 7.0


def test_same_array_twice_is_one_array(backend):
    def f(a, b):
        a[0] = 5.0
        return b[0] + b[1]

    x = np.ones(3)
    assert gs.jit(f, backend=backend)(x, x) == 6.0
    assert gs.jit(f, backend=backend)(np.ones(3), np.ones(3)) == 2.0


def test_a_container_passed_twice_is_refused_where_one_is_written(backend):
    def f(a, b):
        a[0] = 5.0
        return b[0]

    shared = [1.0, 2.0]
    with pytest.raises(gs.AliasError, match="occurs twice"):
        gs.jit(f, backend=backend)(shared, shared)
    assert gs.jit(f, backend=backend)(shared, [1.0, 2.0]) == 1.0 and shared[0] == 5.0
    assert gs.jit(lambda a, b: a[0] + b[0], backend=backend)(shared, shared) == 10.0


def test_partly_overlapping_written_arguments_are_refused(backend):
    def f(a, b):
        a[0] = 5.0
        return b[0] + b[1]

    x = np.ones(5)
    with pytest.raises(gs.AliasError, match="memory"):
        gs.jit(f, backend=backend)(x[:3], x[1:4])
    assert gs.jit(f, backend=backend)(x[:2], x[3:]) == 2.0


def test_read_only_arguments_are_refused_only_where_written(backend):
    x = np.ones(3)
    x.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        gs.jit(scale_in_place, backend=backend)(x, 2.0)
    assert gs.jit(lambda x: np.sum(x), backend=backend)(x) == 3.0


def test_scalar_kinds_are_numpys(backend):
    def f(x, n):
        return x * 2.0, n + 1, np.float32(x)

    f = gs.jit(f, backend=backend)
    a, b, c = f(1.5, 3)
    assert type(a) is float and type(b) is int and type(c) is np.float32
    a, b, c = f(np.float64(1.5), np.int64(3))
    assert type(a) is np.float64 and type(b) is np.int64


def test_static_arguments(backend):
    def f(x, power, mode="sum"):
        y = x
        for _ in range(power - 1):
            y = y * x
        return np.sum(y) if mode == "sum" else y

    g = gs.jit(f, static_argnums=1, static_argnames="mode", backend=backend)
    x = np.array([1.0, 2.0])
    assert g(x, 2) == 5.0 and g(x, 3) == 9.0
    np.testing.assert_array_equal(g(x, 2, mode="all"), [1.0, 4.0])
    np.testing.assert_array_equal(g(x, power=2, mode="all"), [1.0, 4.0])
    np.testing.assert_array_equal(gs.grad(g)(x, 3), 3 * x**2)
    with pytest.raises(ValueError, match="not hashable"):
        g(x, [2])


def test_jit_of_transformations(backend):
    def loss(w, x):
        return np.mean(np.tanh(x @ w) ** 2)

    rng = np.random.default_rng(0)
    w, x = rng.normal(size=3), rng.normal(size=(5, 3))
    value, gradient = gs.jit(gs.value_and_grad(loss), backend=backend)(w, x)
    expected, reference = gs.value_and_grad(loss)(w, x)
    assert value == pytest.approx(expected, rel=1e-13)
    np.testing.assert_allclose(gradient, reference, rtol=1e-12)
    per_example = gs.jit(gs.vmap(gs.grad(lambda w, x: np.tanh(x @ w) ** 2), in_axes=(None, 0)), backend=backend)
    assert per_example(w, x).shape == (5, 3)


def test_errors_name_the_line(backend):
    def f(x, i):
        return x[i]

    f = gs.jit(f, backend=backend)
    assert f(np.arange(3.0), -1) == 2.0
    with pytest.raises(IndexError):
        f(np.arange(3.0), 3)
    with pytest.raises(ValueError, match="backend"):
        gs.jit(f, backend="fortran")


def test_tapes_of_batched_loops_are_copied(backend):
    """Under vmap the lanes of a `while` end at different iterations, and each keeps its own tape."""

    def root(x):
        y, change = x, 1.0
        while abs(change) > 1e-12:
            change = (y * y - x) / (2.0 * y)
            y = y - change
        return y

    derivative = gs.vmap(gs.grad(root))
    x = np.array([0.5, 2.0, 9.0, 400.0])
    np.testing.assert_allclose(gs.jit(derivative, backend=backend)(x), derivative(x), rtol=1e-14)
    np.testing.assert_allclose(derivative(x), 0.5 / np.sqrt(x), rtol=1e-9)


def factorial(n):
    return 1 if n <= 1 else n * factorial(n - 1)


def test_an_integer_that_ends_a_recursion_is_data(backend):
    f = gs.jit(factorial, backend=backend)
    assert [f(n) for n in (1, 4, 6, 20)] == [1, 24, 720, 2432902008176640000]


@pytest.mark.parametrize("dtype", [np.float16, np.longdouble])
def test_dtypes_without_native_code_are_refused_at_their_line(backend, dtype):
    def double(x):
        return x + x

    def within(x):
        return np.sum(x.astype(np.float16) * 2.0)

    compiled = gs.jit(double, backend=backend)
    if backend == "python" and dtype is np.float16:
        assert compiled(np.ones(2, dtype)).dtype == dtype
        return
    with pytest.raises(gs.DTypeError, match=r"test_jit.py:\d+:.*float(16|128|96)[\s\S]*(float32|float64)"):
        compiled(np.ones(2, dtype))
    if backend == "native":
        with pytest.raises(gs.DTypeError, match=r"float16[\s\S]*astype\(np\.float16\)[\s\S]*backend=\"python\""):
            gs.jit(within)(np.ones(2))


def doubled_and_set(t, x):
    t *= 2.0
    t[()] = t + x[0]
    return t * x


def replaced(t, x):
    before = t.copy()
    t[...] = x[1]
    return t + before


@pytest.mark.parametrize("function", [doubled_and_set, replaced])
def test_an_argument_without_axes_is_written(function, backend):
    x = np.array([0.3, -0.7])
    expected_argument, argument = np.array(1.5), np.array(1.5)
    expected = function(expected_argument, x)
    found = gs.jit(function, backend=backend)(argument, x)
    np.testing.assert_allclose(found, expected, rtol=1e-15)
    np.testing.assert_allclose(argument, expected_argument, rtol=1e-15)
    assert np.shape(found) == np.shape(expected)


def test_another_byte_order_is_read_but_not_written(backend):
    x = np.arange(3.0).astype(np.dtype(float).newbyteorder())
    assert gs.jit(lambda x: np.sum(x * x), backend=backend)(x) == 5.0
    with pytest.raises(gs.ReadOnlyError):
        gs.jit(scale_in_place, backend=backend)(x, 2.0)
    assert x.tolist() == [0.0, 1.0, 2.0]
