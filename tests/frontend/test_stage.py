"""What `stage` reports besides equations: parameters, captures, guards, identities; and where functions come from."""

from __future__ import annotations

import functools
import linecache

import numpy as np
import pytest

from frontend.running import check_against_python, run_staged
from gradscribe.transpiler.frontend.stage import stage
from gradscribe.transpiler.ir.dims import Symbol
from gradscribe.transpiler.ir.evaluate import GuardFailed
from gradscribe.transpiler.ir.printer import print_function
from gradscribe.transpiler.ir.staged import ArgumentIdentity, CaptureLeaf
from gradscribe.transpiler.ir.types import array

X = np.array([0.3, -0.7, 1.2])
RATE = 0.1
OTHER_RATE = RATE
POWER = 2


def test_captured_arrays_and_floats_are_parameters_and_ints_are_checked():
    weights = X * 2

    def f(x):
        return x * weights * RATE + OTHER_RATE**POWER

    staged = stage(f, (X,), {})
    captures = [p.path for p in staged.parameters if isinstance(p, CaptureLeaf)]
    assert captures == ["weights", "RATE", "OTHER_RATE"]  # equal numbers, two places
    weights[0] = 10.0
    assert np.allclose(run_staged(staged, (X,)), f(X))
    assert all(check() for check in staged.static_checks)
    globals()["POWER"] = 3
    assert not all(check() for check in staged.static_checks)
    globals()["POWER"] = 2


def scale(x):
    return x * 2


SHAPES = [1.0, 2.0]
PAIR = (1.0, 2.0)


@pytest.mark.parametrize(
    "name, other",
    [("scale", lambda x: x * 3), ("SHAPES", [1.0, 2.0, 3.0]), ("PAIR", (1.0, 2.0, 3.0)), ("POWER", 5), ("POWER", 2.0)],
)
def test_captures_that_are_static_are_checked_at_each_call(name, other):
    def f(x):
        return scale(x) * len(SHAPES) + sum(PAIR) + x**POWER

    staged = stage(f, (X,), {})
    assert all(check() for check in staged.static_checks)
    before = globals()[name]
    try:
        globals()[name] = other
        assert not all(check() for check in staged.static_checks)
    finally:
        globals()[name] = before


def test_a_captured_list_that_grows_is_noticed():
    def f(x):
        return x * sum(SHAPES)

    staged = stage(f, (X,), {})
    SHAPES.append(1.0)
    try:
        assert not all(check() for check in staged.static_checks)
    finally:
        SHAPES.pop()


def test_a_whole_argument_returned_keeps_its_identity():
    def f(x, y):
        x[0] = 1.0
        return x, y[:2]

    staged = stage(f, (X.copy(), X.copy()), {})
    assert isinstance(staged.result[0], ArgumentIdentity) and not isinstance(staged.result[1], ArgumentIdentity)
    x = X.copy()
    assert run_staged(staged, (x, X.copy()))[0] is x


def test_two_lambdas_on_one_line():
    f, g = lambda x: x * 2, lambda x: x * 3
    check_against_python(f, X)
    check_against_python(g, X)


def test_bound_methods_partials_and_callable_objects():
    class Model:
        def __init__(self):
            self.w = X * 2

        def predict(self, x, scale):
            return x * self.w * scale

        def __call__(self, x):
            return self.predict(x, 0.5)

    model = Model()
    check_against_python(model.predict, X, 2.0)
    check_against_python(functools.partial(model.predict, scale=3.0), X)
    check_against_python(model, X)


def test_functions_of_a_notebook_cell():
    text = "def cell(x):\n    y = x * 2\n    return y.sum()\n"
    linecache.cache["<ipython-input-1>"] = (len(text), None, text.splitlines(True), "<ipython-input-1>")
    scope: dict[str, object] = {}
    exec(compile(text, "<ipython-input-1>", "exec"), scope)
    check_against_python(scope["cell"], X)


def test_a_signature_without_values():
    n, d = Symbol("n"), Symbol("d")

    def f(x, w):
        return np.tanh(x @ w).sum(axis=0)

    staged = stage(f, (array(np.float64, n, d), array(np.float64, d)), {})
    x, w = np.ones((4, 3)), np.ones(3)
    assert np.allclose(run_staged(staged, (x, w)), f(x, w))


def test_an_int_that_must_be_static_is_guarded():
    def f(x, k):
        return [x, x * 2, x * 3][k]

    staged = stage(f, (X, 1), {})
    assert np.allclose(run_staged(staged, (X, 1)), X * 2)
    with pytest.raises(GuardFailed):
        run_staged(staged, (X, 2))


def test_staging_twice_gives_one_text():
    def f(x, n):
        s = 0.0
        for i in range(n):
            if x[i] > 0:
                s += x[i]
        return s

    texts = {print_function(stage(f, (X, 2), {}).function) for _ in range(3)}
    assert len(texts) == 1
