"""Generated entries: the short way into a version gives what the full dispatcher gives, and is really taken."""

import re
import threading

import numpy as np
import pytest

import gradscribe as gs

SCALE, WEIGHTS, MODE = 2.0, np.array([1.0, 2.0, 3.0]), "plain"


def program(x, y, k, s):
    z = s * np.sin(x[k]) * np.sum(x * y)
    return {"value": z, "parts": (x * y, k, x)}


def without_find(transformed, monkeypatch):
    """Make the full dispatcher unavailable."""

    def refuse(*args):
        raise AssertionError("the full dispatcher was asked")

    monkeypatch.setattr(transformed, "find", refuse)


def outcome(function, args):
    try:
        return function(*args)
    except Exception as error:
        return type(error), re.sub(r"%k_\d+", "%k", str(error))  # values are numbered


def assert_same(found, expected):
    found_leaves, found_structure = gs.tree.flatten(found)
    leaves, structure = gs.tree.flatten(expected)
    assert found_structure == structure
    for a, b in zip(found_leaves, leaves, strict=True):
        assert type(a) is type(b)
        np.testing.assert_array_equal(a, b)
        assert getattr(a, "dtype", None) == getattr(b, "dtype", None)


def read_only(x):
    x.flags.writeable = False
    return x


class Subclass(np.ndarray):
    pass


X, Y = np.array([0.5, 1.5, 2.5]), np.array([3.0, 4.0, 5.0])
VARIATIONS = {
    "as before": (X, Y, 1, 2.0),
    "another size": (np.ones(5), np.arange(5.0), 1, 2.0),
    "size 1": (X[:1].copy(), Y[:1].copy(), 0, 2.0),
    "size 1 against 3": (X[:1].copy(), Y, 0, 2.0),
    "size 0": (np.ones(0), np.ones(0), 0, 2.0),
    "sizes differ": (X, np.ones(4), 1, 2.0),
    "float32": (X.astype(np.float32), Y, 1, 2.0),
    "integers": (np.array([1, 2, 3]), Y, 1, 2.0),
    "int64 scalar for float": (X, Y, 1, np.int64(2)),
    "rank 2": (np.ones((3, 3)), Y, 1, 2.0),
    "rank 0": (X, np.array(2.0), 1, 2.0),
    "strides": (np.arange(6.0)[::2], Y, 1, 2.0),
    "backwards": (X[::-1], Y, 1, 2.0),
    "read-only": (read_only(X.copy()), Y, 1, 2.0),
    "other byte order": (X.astype(">f8"), Y, 1, 2.0),
    "dtype of its own": (X.astype(np.dtype(np.float64, metadata={"unit": "m"})), Y, 1, 2.0),
    "subclass": (X.view(Subclass), Y, 1, 2.0),
    "list": ([0.5, 1.5, 2.5], Y, 1, 2.0),
    "the same array twice": (X, X, 1, 2.0),
    "views of one array": (X, X[:], 1, 2.0),
    "a NumPy scalar": (X, Y, 1, np.float64(2.0)),
    "a narrow scalar": (X, Y, 1, np.float32(2.0)),
    "int for float": (X, Y, 1, 2),
    "float for int": (X, Y, 1.0, 2.0),
    "bool for int": (X, Y, True, 2.0),
    "a NumPy integer": (X, Y, np.int64(1), 2.0),
    "another index": (X, Y, 2, 2.0),
    "index from the end": (X, Y, -1, 2.0),
    "index out of range": (X, Y, 3, 2.0),
    "None": (X, Y, 1, None),
    "too few": (X, Y, 1),
    "too many": (X, Y, 1, 2.0, 3.0),
}


@pytest.fixture(scope="module", params=["native", "python"])
def pair(request):
    """The program with its entries, and with the full dispatcher alone."""

    def made():
        def f(x, y, k, s):
            return program(x, y, k, s)

        return gs.jit(f, backend=request.param)

    short, full = made(), made()

    def call_in_full(*args):
        full.dispatcher.entries = ()
        return full(*args)

    return short, call_in_full


@pytest.mark.parametrize("name", VARIATIONS)
def test_entry_and_full_dispatcher_agree(pair, name):
    short, full = pair
    for _ in range(2):
        short(*VARIATIONS["as before"])
    assert short.dispatcher.entries
    args = VARIATIONS[name]
    for _ in range(3):  # the entry of another version; tracing; the entry of this one, if it has one
        short(*VARIATIONS["as before"])
        found, expected = outcome(short, args), outcome(full, args)
        if isinstance(expected, tuple):
            assert found[0] is expected[0]
            assert found[1] == expected[1]
        else:
            assert_same(found, expected)
            assert (found["parts"][2] is args[0]) == (expected["parts"][2] is args[0])


@pytest.mark.parametrize("backend", ["native", "python"])
def test_the_entry_is_taken_at_the_third_call(backend, monkeypatch):
    def f(p, x, mode, *, rate):
        return {"loss": np.sum(np.tanh(x @ p["w"] + p["b"])) * rate, "mode": mode}

    g = gs.jit(f, backend=backend)
    p, x = {"w": np.ones((3, 2)), "b": np.ones(2)}, np.ones((4, 3))
    first = g(p, x, "a", rate=0.5)
    g(p, x, "a", rate=0.5)
    without_find(g, monkeypatch)
    assert_same(g(p, x, "a", rate=0.5), first)
    half = g(p, np.ones((2, 3)), "a", rate=1.0)
    np.testing.assert_allclose(half["loss"], first["loss"])  # half the rows, twice the rate
    for args, kwargs in [
        ((p, x, "b"), {"rate": 0.5}),
        ((p, x), {"mode": "a", "rate": 0.5}),
        ((p, np.ones((4, 2)), "a"), {"rate": 0.5}),
        (({"w": p["w"]}, x, "a"), {"rate": 0.5}),
        (({"w": p["w"], "c": p["b"]}, x, "a"), {"rate": 0.5}),
    ]:
        with pytest.raises(AssertionError, match="full dispatcher"):
            g(*args, **kwargs)


def test_the_gradient_of_a_function_has_an_entry(monkeypatch):
    def f(x):
        return np.sum(x**2)

    g = gs.value_and_grad(f)
    g(X), g(X)
    without_find(g, monkeypatch)
    assert_same(g(Y), (np.float64(50.0), 2 * Y))


def test_results_are_new_arrays():
    def f(x):
        return x * 2.0, np.sum(x)

    g = gs.jit(f)
    results = [g(X)[0] for _ in range(4)]
    results[3][:] = 0.0
    for result in results[:3]:
        np.testing.assert_array_equal(result, 2 * X)


def test_captured_values_are_read_by_the_entry(monkeypatch):
    def f(x):
        return SCALE * np.sum(WEIGHTS * x) if MODE == "plain" else np.sum(x)

    g = gs.jit(f)
    x = np.ones(3)
    assert g(x) == g(x) == g(x) == 12.0
    monkeypatch.setitem(globals(), "WEIGHTS", np.array([4.0, 5.0, 6.0]))
    monkeypatch.setitem(globals(), "SCALE", 1.0)
    with monkeypatch.context() as patch:
        without_find(g, patch)
        assert g(x) == 15.0
    for weights in (np.ones(3, np.float32), np.arange(6.0)[::2], np.ones((2, 3)), 2.0):
        monkeypatch.setitem(globals(), "WEIGHTS", weights)
        assert [g(x) for _ in range(3)] == [f(x)] * 3
    monkeypatch.setitem(globals(), "MODE", "sum")
    assert [g(x) for _ in range(3)] == [3.0] * 3


def test_a_redefined_function_leaves_the_entry():
    def f(x, scale=2.0):
        return scale * np.sum(x)

    def other(x, scale=2.0):
        return -scale * np.sum(x)

    g = gs.jit(f)
    assert [g(X) for _ in range(3)] == [9.0] * 3
    f.__defaults__ = (3.0,)
    assert [g(X) for _ in range(3)] == [13.5] * 3
    f.__code__ = other.__code__
    assert [g(X) for _ in range(3)] == [-13.5] * 3


def test_failures_in_the_entry_are_raised_and_forgotten(monkeypatch):
    def f(x, i):
        return x[i[0]] + x[i[1]]

    g = gs.jit(f)
    good, bad = np.array([0, 1]), np.array([0, 7])
    assert g(X, good) == g(X, good) == 2.0
    without_find(g, monkeypatch)
    for _ in range(3):
        with pytest.raises(IndexError, match="index 7 is out of bounds"):
            g(X, bad)
        assert g(X, good) == 2.0


def test_static_arguments_have_entries(monkeypatch):
    def f(x, power, name):
        return np.sum(x**power) if name == "sum" else np.prod(x**power)

    g = gs.jit(f, static_argnums=1, static_argnames="name")
    assert g(X, 2, name="sum") == g(X, 2, name="sum")
    expected = {args: g(X, args[0], name=args[1]) for args in [(3, "sum"), (2, "prod"), (2, "sum")]}
    for (power, name), value in expected.items():
        assert g(X, power, name=name) == value == pytest.approx(f(X, power, name))
    g(X, 2, name="sum")
    without_find(g, monkeypatch)
    assert g(X, 2, name="sum") == expected[2, "sum"]


def in_place(x, y, s):
    x += s * y
    y[0] = x[1]
    return x, np.sum(x * y), y * 2.0


def views(size, first, second):
    x = np.arange(float(size))
    return x[first], x[second]


WRITING = {
    "as before": lambda: (X.copy(), Y.copy(), 2.0),
    "another size": lambda: (np.ones(5), np.arange(5.0), 2.0),
    "rows of one array": lambda: (*np.arange(6.0).reshape(2, 3), 2.0),
    "the same array twice": lambda: (*2 * (X.copy(),), 2.0),
    "two views of all": lambda: (*views(3, slice(3), slice(3)), 2.0),
    "halves": lambda: (*views(6, slice(3), slice(3, 6)), 2.0),
    "halves that overlap": lambda: (*views(5, slice(3), slice(2, 5)), 2.0),
    "an array and a view of it": lambda: (*views(3, ..., slice(3)), 2.0),
    "interleaved": lambda: (*views(6, slice(0, 6, 2), slice(1, 6, 2)), 2.0),
    "strides": lambda: (np.arange(6.0)[::2], Y.copy(), 2.0),
    "read-only": lambda: (read_only(X.copy()), Y.copy(), 2.0),
    "read-only second": lambda: (X.copy(), read_only(Y.copy()), 2.0),
    "float32": lambda: (X.astype(np.float32), Y.astype(np.float32), 2.0),
    "subclass": lambda: (X.copy().view(Subclass), Y.copy(), 2.0),
    "int for float": lambda: (X.copy(), Y.copy(), 2),
}


@pytest.fixture(scope="module", params=["native", "python", "native gradient", "python gradient"])
def writing_pair(request):
    """A program that writes, or the gradient of one, with its entries and with the full dispatcher alone."""
    backend, _, gradient = request.param.partition(" ")

    def made():
        def f(x, y, s):
            return in_place(x, y, s)

        def loss(x, y, s):
            return in_place(x, y, s)[1]

        function = gs.value_and_grad(loss, argnums=(0, 1, 2)) if gradient else f
        return gs.jit(function, backend=backend)

    short, full = made(), made()

    def call_in_full(*args):
        full.dispatcher.entries = ()
        return full(*args)

    return short, call_in_full, bool(gradient)


@pytest.mark.parametrize("name", WRITING)
def test_entries_of_functions_that_write(writing_pair, name):
    short, full, gradient = writing_pair
    for _ in range(3):
        short(*WRITING["as before"]())
        args, others = WRITING[name](), WRITING[name]()
        found, expected = outcome(short, args), outcome(full, others)
        if isinstance(expected[0], type):
            assert found == expected
        else:
            assert_same(found, expected)
            assert (found[0] is args[0]) == (expected[0] is others[0]) == (not gradient and name != "subclass")
        assert_same(args, others)  # as they are afterwards
        assert not gradient or all(np.array_equal(a, b) for a, b in zip(args, WRITING[name](), strict=True))


@pytest.mark.parametrize("backend", ["native", "python"])
def test_functions_that_write_have_entries(backend, monkeypatch):
    def f(x, y):
        x += y
        return np.sum(x)

    g, dg = gs.jit(f, backend=backend), gs.jit(gs.grad(f), backend=backend)
    x = np.zeros(3)
    assert [g(x, np.ones(3)) for _ in range(2)] == [3.0, 6.0]
    dg(x, X), dg(x, X)
    without_find(g, monkeypatch), without_find(dg, monkeypatch)
    assert g(x, np.ones(3)) == 9.0 and (x == 3.0).all()
    memory = np.zeros(6)
    assert g(memory[:3], memory[3:] + 1.0) == g(memory[3:], np.ones(3)) == 3.0 and (memory == 1.0).all()
    assert (dg(x, X) == 1.0).all() and (x == 3.0).all()
    with pytest.raises(AssertionError, match="full dispatcher"):
        g(x, x[:])
    with pytest.raises(AssertionError, match="full dispatcher"):
        dg(x, x[:])


@pytest.mark.parametrize("backend", ["native", "python"])
def test_a_captured_array_that_is_written_as_an_argument_is_refused(backend, monkeypatch):
    """Also where another array was captured when the version was made."""

    def f(x):
        before = WEIGHTS[0]
        x[0] = 5.0
        return before + WEIGHTS[0]

    g = gs.jit(f, backend=backend)
    assert [g(X.copy()) for _ in range(3)] == [2.0] * 3
    for weights in (np.ones(3), np.ones(4)[1:]):
        monkeypatch.setitem(globals(), "WEIGHTS", weights)
        for x in (weights, weights[:]):
            with pytest.raises(gs.AliasError, match="captured"):
                g(x)
        assert (weights == 1.0).all()
        assert g(X.copy()) == 2.0


def test_a_donated_call_has_an_entry(monkeypatch):
    def step(x, y):
        return x - 0.1 * np.tanh(y)

    g = gs.jit(step, donate_argnums=0)
    x = X.copy()
    assert g(x, Y) is x
    g(x, Y)
    without_find(g, monkeypatch)
    x[:] = X
    assert g(x, Y) is x
    np.testing.assert_allclose(x, step(X, Y), rtol=1e-14)
    with pytest.raises(AssertionError, match="full dispatcher"):
        g(x, x[:])


def test_entries_in_threads():
    def f(x, i):
        return x * 2.0, x[i[0]]

    g = gs.jit(f)
    errors = []

    def work(seed):
        try:
            for k in range(500):
                x = np.full(3 + k % 5, float(seed))
                i = np.array([k % 7, 0])
                if k % 7 < x.size:
                    double, one = g(x, i)
                    assert one == seed and (double == 2 * seed).all()
                else:
                    with pytest.raises(IndexError):
                        g(x, i)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert g.dispatcher.entries
