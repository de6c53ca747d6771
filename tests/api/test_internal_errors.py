"""Whatever fails inside gradscribe is an `InternalError` that names the user's line, what was being done, and how to
report it."""

from __future__ import annotations

import numpy as np
import pytest

import gradscribe as gs
import gradscribe.transpiler.api.executables as executables
import gradscribe.transpiler.api.specialisation as specialisation
import gradscribe.transpiler.api.transformed as transformed
import gradscribe.transpiler.backends.load as load
import gradscribe.transpiler.backends.numpy_source as numpy_source
import gradscribe.transpiler.passes.simplify as simplify
import gradscribe.transpiler.transforms.batch as batch
import gradscribe.transpiler.transforms.jacobian as jacobian
import gradscribe.transpiler.transforms.jvp as forward
import gradscribe.transpiler.transforms.vjp as reverse
from gradscribe.transpiler.frontend.expressions import Expressions

X = np.array([1.0, 2.0])


def fails(*args, **kwargs):
    raise KeyError("surprise")


def fresh():
    def model(x):
        return np.sum(np.sin(x) * x)

    return model


def vector(x):
    return np.sin(x)


STAGES = {
    "staging": (Expressions, "evaluate_BinOp", lambda f: gs.grad(f)(X), "staging this"),
    "reverse": (reverse, "sweep", lambda f: gs.grad(f)(X), "reverse mode"),
    "reverse planning": (reverse, "plan_residuals", lambda f: gs.vjp(f, X), "reverse mode"),
    "forward": (forward, "_differentiate", lambda f: gs.jvp(f, (X,), (X,)), "forward mode"),
    "batching": (batch, "Batcher", lambda f: gs.vmap(f)(np.ones((2, 2))), "batching"),
    "jacobian": (jacobian, "_identity_seeds", lambda f: gs.jacfwd(lambda x: np.sin(x))(X), "writing the Jacobian"),
    "simplifying": (simplify, "drop_dead_code", lambda f: gs.grad(f)(X), "simplifying"),
    "source": (numpy_source, "write_function", lambda f: gs.grad(f)(X), "writing the NumPy source"),
    "shown source": (numpy_source, "write_function", lambda f: gs.source(f, X), "writing the NumPy source"),
    "loading source": (executables, "execute", lambda f: gs.grad(f)(X), "writing the NumPy source"),
    "lowering": (load, "lower", lambda f: gs.jit(f)(X), "compiling native code"),
    "compiling": (load, "compiled", lambda f: gs.jit(f)(X), "compiling native code"),
    "number checks": (executables, "check_numbers", lambda f: checked(f), "adding checks of numbers"),
    "facts": (specialisation, "facts_of", lambda f: gs.grad(f)(X), "preparing a version"),
    "results": (specialisation, "ResultBuilder", lambda f: gs.grad(f)(X), "preparing a version"),
    "preparing": (transformed, "Specialisation", lambda f: gs.grad(f)(X), "preparing a version"),
}


def checked(function):
    with gs.config(check_nans=True):
        return gs.grad(function)(X)


@pytest.mark.parametrize("stage", STAGES)
def test_a_failure_inside_is_an_internal_error_with_a_place(stage, monkeypatch):
    owner, name, run, doing = STAGES[stage]
    assert hasattr(owner, name)
    monkeypatch.setattr(owner, name, fails)
    with pytest.raises(gs.InternalError) as caught:
        run(fresh())
    text = str(caught.value)
    assert doing in text and "KeyError: 'surprise'" in text and "please report it" in text
    assert f"{__name__.split('.')[-1]}.py:" in text.splitlines()[0]
    assert isinstance(caught.value.__cause__, KeyError)


def test_conditions_that_fail_to_run_are_an_internal_error():
    gradient = gs.grad(fresh())
    gradient(X)
    version = gradient.find((X,), {})[0]
    version.facts = type("Broken", (), {"failing": staticmethod(fails), "facts": (), "by_shape_alone": False})()
    version.by_shape_alone = False
    gradient.dispatcher.forget_short_ways()
    with pytest.raises(gs.InternalError, match="testing the conditions of a version"):
        gradient(X)


def test_a_rule_that_fails_names_the_line_it_was_applied_for(monkeypatch):
    from gradscribe.transpiler.primitives.elementary import sin

    monkeypatch.setattr(type(sin), "vjp", fails)

    def model(x):
        y = x * 2.0
        return np.sin(y)

    with pytest.raises(gs.InternalError, match="reverse mode") as caught:
        gs.grad(model)(1.0)
    assert "np.sin(y)" in str(caught.value)


def test_refusals_and_users_exceptions_pass_through():
    def refused(x):
        return [x][x]

    def raised(x):
        raise LookupError("mine")

    with pytest.raises(gs.UnsupportedSyntax):
        gs.grad(refused)(1.0)
    with pytest.raises(LookupError, match="mine"):
        gs.grad(raised)(1.0)
