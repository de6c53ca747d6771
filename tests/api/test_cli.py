"""The command line: what it writes, how it is told about arguments, exit codes and messages."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from gradscribe.transpiler.cli import main

SOURCE = Path(__file__).resolve().parent.parent.parent / "src"
MODEL = """\
import numpy as np

from gradscribe.typing import F64


def loss(w: F64["d"], b: F64[""], x: F64["n d"], y: F64["n"]):
    p = np.tanh(x @ w + b)
    return np.mean((p - y) ** 2)


def plain(w, x):
    return np.sum(np.sin(w * x))


def arguments():
    return np.ones(3), np.arange(3.0)


def refused(x):
    return np.sinn(x)


def steps(x):
    return np.floor(1e6 * x)


def vector(x: F64["n"]):
    return x * x
"""


@pytest.fixture
def model(tmp_path, monkeypatch):
    path = tmp_path / "model.py"
    path.write_text(MODEL)
    monkeypatch.chdir(tmp_path)
    yield "model.py"
    sys.modules.pop("model", None)


def load(path, name):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module, name)


def test_gradient_into_a_file(model, tmp_path, capsys):
    assert main(["grad", f"{model}:loss", "--wrt", "w,b", "-o", "out.py", "--check"]) == 0
    captured = capsys.readouterr()
    assert captured.out == "" and "agrees with finite differences" in captured.err
    gradient = load(tmp_path / "out.py", "loss_grad")
    by_w, by_b = gradient(np.zeros(2), 0.0, np.ones((3, 2)), np.ones(3))
    np.testing.assert_allclose(by_w, [-2.0, -2.0])
    assert by_b == pytest.approx(-2.0)


@pytest.mark.parametrize(
    "options",
    [
        ["grad", "--args", "f64[n], f64[n]", "--value"],
        ["grad", "--example", "arguments", "--wrt", "x"],
        ["jvp", "--args", "f64[n], f64[n]", "--wrt", "0,1"],
        ["vjp", "--args", "f64[n], f64[n]", "--wrt", "x"],
        ["vmap", "--args", "f64[n], f64[k,n]", "--in-axes", "(None, 0)"],
        ["hessian", "--args", "f64[n], f64[n]", "--wrt", "w,x"],
        ["show", "--args", "f64[n], f64[n]"],
    ],
)
def test_every_command_passes_its_own_check(model, options, capsys):
    assert main([options[0], f"{model}:plain", *options[1:], "--check"]) == 0
    captured = capsys.readouterr()
    assert "agrees with" in captured.err
    compile(captured.out, "emitted", "exec")


def test_levels(model, capsys):
    assert main(["grad", f"{model}:plain", "--args", "f64[n], f64[n]", "--level", "ir"]) == 0
    assert capsys.readouterr().out.startswith("plain_grad(")
    assert main(["grad", f"{model}:plain", "--args", "f64[n], f64[n]", "--level", "loops"]) == 0
    assert "njit" in capsys.readouterr().out


def test_refusals_show_the_line_and_end_with_1(model, capsys, golden):
    assert main(["grad", f"{model}:refused", "--args", "f64[n]"]) == 1
    golden.check("cli_refused.txt", capsys.readouterr().err)
    assert main(["grad", f"{model}:vector"]) == 1
    golden.check("cli_not_scalar.txt", capsys.readouterr().err)


def test_failed_checks_end_with_3(model, capsys):
    # The derivative of a staircase is zero; a difference across many steps is not.
    assert main(["grad", f"{model}:steps", "--args", "float", "--check"]) == 3
    assert "check failed: steps_grad differs from finite differences" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["grad", "model.py"], "file.py:function"),
        (["grad", "missing.py:f"], "no file"),
        (["grad", "model.py:missing"], "has no missing"),
        (["grad", "model.py:plain"], "what is argument w"),
        (["grad", "model.py:plain", "--args", "f64[n"], "expected `,`"),
        (["grad", "model.py:plain", "--args", "f64[n], f64[n]", "--wrt", "q"], "the arguments are w, x"),
        (["vmap", "model.py:plain", "--args", "f64[n], f64[n]", "--in-axes", "zero"], "--in-axes"),
    ],
)
def test_wrong_usage_ends_with_2(model, arguments, message, capsys):
    assert main(arguments) == 2
    assert message in capsys.readouterr().err


def test_unknown_command_ends_with_2(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["integrate", "model.py:f"])
    assert ended.value.code == 2


def test_doctor(capsys):
    assert main(["doctor"]) == 0
    assert "numpy" in capsys.readouterr().out


def test_as_a_process(model):
    command = [sys.executable, "-m", "gradscribe", "grad", f"{model}:plain", "--args", "f64[n], f64[n]"]
    environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
    result = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert result.returncode == 0, result.stderr
    assert "def plain_grad" in result.stdout
    command = [*command[:4], f"{model}:refused", "--args", "f64[n]"]
    result = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert result.returncode == 1 and "model.py:20:" in result.stderr and "^" in result.stderr


def test_a_function_that_raises_on_random_arguments(tmp_path, monkeypatch, capsys):
    (tmp_path / "picky.py").write_text("def picky(x):\n    assert x > 1e9, f'{x:.0f} is small'\n    return x * x\n")
    monkeypatch.chdir(tmp_path)
    assert main(["grad", "picky.py:picky", "--args", "float", "--check"]) == 3
    shown = capsys.readouterr()
    assert "check failed: on random arguments the function raises\nAssertionError: " in shown.err
    assert "picky.py:2:5" in shown.err and not shown.out
    sys.modules.pop("picky", None)
