"""Dispatch: when a call is traced again, what is read at each call, which layouts and containers are accepted."""

import numpy as np
import pytest

import gradscribe as gs


def fresh():
    def f(x, scale=1.0):
        return scale * np.sum(x**2)

    return f


def test_one_version_for_all_sizes_of_at_least_two():
    g = gs.grad(fresh())
    for size in (2, 3, 50):
        np.testing.assert_allclose(g(np.ones(size)), np.full(size, 2.0))
    assert g.trace_count == 1
    g(np.ones(1))
    assert g.trace_count == 2
    np.testing.assert_array_equal(g(np.ones(0)), np.ones(0))


def test_parts_of_ranges_are_no_reason_for_more_versions():
    def back_substitution(u, b):
        x = b.copy()
        for i in range(len(b))[::-1]:
            x[i] = (x[i] - u[i, i + 1 :] @ x[i + 1 :]) / u[i, i]
        return x

    solve = gs.jit(back_substitution, backend="python")
    for size in (2, 3, 7):
        u = np.triu(np.arange(1.0, size * size + 1).reshape(size, size))
        np.testing.assert_allclose(u @ solve(u, np.ones(size)), np.ones(size))
    assert solve.trace_count == 1


def test_dtype_rank_weakness_and_structure_make_new_versions():
    g = gs.grad(fresh())
    calls = [
        (np.ones(3),),
        (np.ones(3, np.float32),),
        (np.ones((3, 3)),),
        (2.0,),
        (np.float64(2.0),),
        (np.ones(3), 2.0),
    ]
    for k, call in enumerate(calls):
        g(*call)
        assert g.trace_count == k + 1
    for call in calls:
        g(*call)
    assert g.trace_count == len(calls)


def test_static_values_make_new_versions():
    def f(x, mode):
        return np.sum(x) if mode == "sum" else np.prod(x)

    g = gs.grad(f)
    np.testing.assert_array_equal(g(np.array([2.0, 3.0]), "sum"), [1.0, 1.0])
    np.testing.assert_array_equal(g(np.array([2.0, 3.0]), "product"), [3.0, 2.0])
    np.testing.assert_array_equal(g(np.array([2.0, 3.0]), "sum"), [1.0, 1.0])
    assert g.trace_count == 2


def test_one_true_and_one_are_not_confused():
    def f(x, flag):
        return np.sum(x) if flag is True else np.sum(x * x)

    g = gs.grad(f)
    x = np.array([2.0, 3.0])
    np.testing.assert_array_equal(g(x, True), [1.0, 1.0])
    np.testing.assert_array_equal(g(x, 1), [4.0, 6.0])


def test_an_integer_that_must_be_static_is_specialised():
    def f(x, axis):
        return np.sum(np.sum(x, axis=axis) ** 2)

    g = gs.grad(f)
    x = np.arange(6.0).reshape(2, 3)
    for axis in (0, 1, 0, 1):
        expected = np.broadcast_to(2 * np.sum(x, axis=axis, keepdims=True), x.shape)
        np.testing.assert_allclose(g(x, axis), expected)
    assert g.trace_count == 2


SCALE, WEIGHTS, MODE = 2.0, np.array([1.0, 2.0, 3.0]), "plain"


def test_captured_arrays_and_floats_are_read_at_each_call(monkeypatch):
    def f(x):
        return SCALE * np.sum(WEIGHTS * x)

    g = gs.grad(f)
    np.testing.assert_array_equal(g(np.ones(3)), 2.0 * WEIGHTS)
    monkeypatch.setitem(globals(), "SCALE", 5.0)
    monkeypatch.setitem(globals(), "WEIGHTS", np.array([4.0, 5.0, 6.0]))
    np.testing.assert_array_equal(g(np.ones(3)), 5.0 * np.array([4.0, 5.0, 6.0]))
    assert g.trace_count == 1
    monkeypatch.setitem(globals(), "WEIGHTS", np.float64(2.0))
    np.testing.assert_array_equal(g(np.ones(3)), np.full(3, 10.0))
    assert g.trace_count == 2


def test_captured_static_values_are_checked_at_each_call(monkeypatch):
    def f(x):
        return np.sum(x) if MODE == "plain" else np.sum(x**2)

    g = gs.grad(f)
    x = np.array([2.0, 3.0])
    np.testing.assert_array_equal(g(x), [1.0, 1.0])
    monkeypatch.setitem(globals(), "MODE", "squared")
    np.testing.assert_array_equal(g(x), 2 * x)


def test_closures_are_checked_at_each_call():
    power = 2

    def f(x):
        return np.sum(x**power)

    g = gs.grad(f)
    np.testing.assert_array_equal(g(np.array([2.0, 3.0])), [4.0, 6.0])
    power = 3
    np.testing.assert_array_equal(g(np.array([2.0, 3.0])), [12.0, 27.0])


def test_a_redefined_function_is_traced_again():
    def helper(x):
        return np.sum(x)

    def other(x):
        return np.sum(x**2)

    def f(x):
        return helper(x)

    g = gs.grad(f)
    x = np.array([2.0, 3.0])
    np.testing.assert_array_equal(g(x), [1.0, 1.0])
    helper.__code__ = other.__code__
    np.testing.assert_array_equal(g(x), 2 * x)


def test_changed_default_values_are_traced_again():
    def f(x, scale=2.0):
        return scale * np.sum(x)

    g = gs.grad(f)
    np.testing.assert_array_equal(g(np.ones(2)), [2.0, 2.0])
    f.__defaults__ = (3.0,)
    np.testing.assert_array_equal(g(np.ones(2)), [3.0, 3.0])


def test_explained_retraces(capsys):
    g = gs.grad(fresh())
    with gs.config(explain_retraces=True):
        g(np.ones(3))
        assert capsys.readouterr().err == ""
        g(np.ones((3, 1)))
        g(np.ones(4), 2.0)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].endswith("is traced again: args[0]: float64[3] became float64[3, 1]")
    assert lines[1].endswith("the arguments have another structure")


def test_versions_are_bounded():
    def f(x, tag):
        return np.sum(x)

    g = gs.grad(f)
    with gs.config(max_specialisations=3):
        for k in range(6):
            g(np.ones(2), f"tag {k}")
        assert g.trace_count == 6
        g(np.ones(2), "tag 5")
        assert g.trace_count == 6
        g(np.ones(2), "tag 0")
        assert g.trace_count == 7


@pytest.mark.parametrize(
    "layout",
    [
        lambda x: x,
        np.asfortranarray,
        lambda x: np.repeat(x, 2, axis=0)[::2],
        lambda x: x[::-1][::-1],
        lambda x: np.array(x, dtype=x.dtype.newbyteorder()),
    ],
)
def test_layouts(layout):
    x = np.arange(12.0).reshape(4, 3)
    given = layout(x)
    given.flags.writeable = False
    np.testing.assert_allclose(gs.grad(fresh())(given), 2 * x)


def test_memory_maps_and_lists(tmp_path):
    x = np.memmap(tmp_path / "x", dtype=np.float64, mode="w+", shape=(3,))
    x[:] = [1.0, 2.0, 3.0]
    np.testing.assert_array_equal(gs.grad(fresh())(x), [2.0, 4.0, 6.0])

    def total(xs):
        return xs[0] ** 2 + xs[1] ** 3

    assert gs.grad(total)([3.0, 2.0]) == [6.0, 12.0]


def test_zero_rank_arrays_are_scalars():
    assert gs.grad(fresh())(np.array(3.0)) == 6.0
