"""Transformed functions as Python objects: decorators, names, pickling, methods, settings."""

import functools
import inspect
import pickle
import threading

import numpy as np
import pytest

import gradscribe as gs
from api import functions


def test_decorators_with_and_without_arguments():
    assert functions.slope(2.0) == 12.0
    assert functions.slopes(3.0, 2.0) == (4.0, 12.0)
    np.testing.assert_array_equal(functions.doubled(np.ones(3)), np.full(3, 2.0))

    @gs.vmap(in_axes=(0, None))
    def scaled(x, a):
        return x * a

    np.testing.assert_array_equal(scaled(np.arange(3.0), 2.0), [0.0, 2.0, 4.0])


def test_name_docstring_signature_are_kept():
    assert functions.slope.__name__ == "slope" and functions.slope.__doc__ == "The derivative of x ** 3."
    assert list(inspect.signature(functions.slope).parameters) == ["x"]
    assert repr(gs.vmap(functions.slope)) == "gradscribe.vmap(grad(slope))"


@pytest.mark.parametrize(
    "make",
    [
        lambda: functions.slope,
        lambda: gs.grad(functions.cube),
        lambda: gs.vmap(gs.grad(functions.quintic), in_axes=0),
        lambda: gs.jit(gs.value_and_grad(functions.cube), backend="python"),
    ],
)
def test_pickling(make):
    f = make()
    again = pickle.loads(pickle.dumps(f))
    x = np.arange(1.0, 4.0)
    if f is functions.slope:
        assert again is f
    else:
        for a, b in zip(gs.tree.leaves(f(x)), gs.tree.leaves(again(x)), strict=True):
            np.testing.assert_array_equal(a, b)


def test_methods_and_partials():
    model = functions.Model(3.0)
    np.testing.assert_allclose(gs.grad(model.loss)(np.ones(3)), np.full(3, 6.0))
    np.testing.assert_allclose(gs.grad(functools.partial(functions.power_by_loop, n=3))(2.0), 12.0)


def test_the_same_transformation_is_made_once():
    assert gs.grad(functions.cube) is gs.grad(functions.cube)
    assert gs.grad(functions.cube) is not gs.grad(functions.cube, argnums=(0,))

    @functools.wraps(functions.cube)
    def wrapped(x):
        return 2.0 * functions.cube(x)

    assert gs.grad(wrapped) is not gs.grad(functions.cube)
    np.testing.assert_allclose(gs.grad(wrapped)(np.ones(2)), [6.0, 6.0])


def test_what_is_not_callable_is_refused():
    with pytest.raises(TypeError, match="takes a function"):
        gs.grad(3.0)


def test_config_checks_names_and_values_and_restores():
    with pytest.raises(TypeError, match="no option"):
        gs.config(explain=True)
    with pytest.raises(TypeError, match="of type bool"):
        gs.config(explain_retraces=1)

    def f(x):
        return np.sum(x)

    g = gs.grad(f)
    g(np.ones(3))
    with gs.config(max_specialisations=2):
        for dtype in (np.float32, np.float64, np.float32):
            g(np.ones((2, 2), dtype))
    assert g.trace_count >= 3


def test_first_calls_from_several_threads():
    def f(x):
        return np.sum(np.sin(x) ** 2)

    g, found = gs.grad(f), []

    def work():
        found.append(g(np.ones(3)))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4 and g.trace_count == 1
    assert all(np.array_equal(found[0], other) for other in found)
