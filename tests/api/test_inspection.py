"""source, ir, eval_shape, check_grads: what is shown is what runs, and runs alone."""

import subprocess
import sys

import numpy as np
import pytest

import gradscribe as gs
from api import functions

X = np.arange(1.0, 4.0)


def test_source_is_a_standalone_module(tmp_path):
    text = gs.source(gs.grad(functions.cube), X)
    assert "gradscribe" not in "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    path = tmp_path / "cube_grad.py"
    path.write_text(text + "\nprint(cube_grad(np.array([1.0, 2.0])).tolist())\n")
    result = subprocess.run([sys.executable, "-I", str(path)], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[3.0, 12.0]"


def test_source_from_abstract_arguments_equals_source_from_examples():
    abstract = gs.source(gs.grad(functions.cube), gs.F64["n"])
    namespace = {}
    exec(abstract, namespace)
    np.testing.assert_array_equal(namespace["cube_grad"](X), 3 * X**2)
    assert "x: f64[n]" in abstract


def test_source_returns_trees():
    params = {"w": np.ones((3, 2)), "b": np.ones(2)}
    x, y = np.ones((4, 3)), np.zeros((4, 2))
    text = gs.source(gs.value_and_grad(functions.affine_loss), params, x, y)
    namespace = {}
    exec(text, namespace)
    value, gradient = namespace["affine_loss_grad"](params["b"], params["w"], x, y)
    expected_value, expected = gs.value_and_grad(functions.affine_loss)(params, x, y)
    assert value == expected_value and sorted(gradient) == ["b", "w"]
    np.testing.assert_array_equal(gradient["w"], expected["w"])


def test_source_is_the_same_every_time():
    assert gs.source(gs.grad(functions.cube), X) == gs.source(gs.grad(functions.cube), X)


def test_levels():
    ir = gs.ir(gs.grad(functions.cube), X)
    assert ir.startswith("cube_grad(") and "f64[" in ir
    assert "njit" in gs.source(gs.grad(functions.cube), X, level="loops")
    with pytest.raises(ValueError, match="level is one of"):
        gs.source(functions.cube, X, level="asm")


def test_source_of_a_plain_function_is_the_function():
    namespace = {}
    exec(gs.source(functions.smooth, X), namespace)
    np.testing.assert_array_equal(namespace["smooth"](X), functions.smooth(X))


def test_eval_shape():
    found = gs.eval_shape(lambda a, b: {"outer": a[:, None] * b, "sum": np.sum(a)}, X, np.ones(4, np.float32))
    assert found["outer"].shape == (3, 4) and found["outer"].dtype == np.float64
    assert found["sum"].shape == ()
    assert gs.eval_shape(gs.hessian(functions.cube), X).shape == (3, 3)


def test_check_grads_passes_what_is_right():
    gs.check_grads(functions.smooth, (X,), order=2)
    gs.check_grads(functions.affine_loss, ({"w": np.ones((3, 2)), "b": np.ones(2)}, np.ones((4, 3)), np.zeros((4, 2))))
    gs.check_grads(functions.power_by_loop, (1.5, 4), order=2)


def test_check_grads_sees_a_kink():
    with pytest.raises(AssertionError, match=r"fwd of .*kinked differs"):

        def kinked(x):
            return np.sum(np.where(x > 0, x, -3.0 * x))

        gs.check_grads(kinked, (np.zeros(1),), order=1)
    with pytest.raises(ValueError, match="modes"):
        gs.check_grads(functions.cube, (X,), modes=("forward",))


def activation(x, kind, scale, *, shifted=False):
    y = np.maximum(x, 0.0) if kind == "relu" else np.tanh(x)
    return (y + 1.0 if shifted else y) * scale


def test_the_header_lists_the_static_values_the_text_was_written_for():
    text = gs.source(gs.jit(activation, static_argnums=(2,)), X, "relu", 3, shifted=True)
    head = text[: text.index("import")]
    assert "# Written for:\n#   kind = 'relu'\n#   scale = 3\n#   shifted = True\n" in head
    assert "Written for" not in gs.source(gs.grad(functions.cube), X)


def test_captured_strings_are_listed_too():
    mode = "tanh"
    assert "#   mode = 'tanh'\n" in gs.source(lambda x: activation(x, mode, 1.0), X)
