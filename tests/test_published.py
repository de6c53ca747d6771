"""Published numerical methods, from NumPy source to gradients: against differences of the function's values, compiled,
batched, and written as files that run by themselves."""

import ast
import copy
import importlib.util
import inspect

import numpy as np
import pytest
from tests.oracles import combine, directional_error, is_inexact, leaves, norm, rebuild, relative_error
from tests.programs import published_more
from tests.programs.published import PUBLISHED
from tests.programs.published_more import PUBLISHED_MORE

import gradscribe as gs
from gradscribe.transpiler.cli import main

CASES = {**PUBLISHED, **PUBLISHED_MORE}
# The count of conjugate gradient's steps jumps where the matrix stops being symmetric.
SYMMETRIC = {"conjugate_gradient": {"A": "(A + A.T) / 2"}}
LONG = ("kalman_filter", "burgers_muscl")  # ten seconds of compiling and more
MEASURE = '''

def measure(result):
    """A number in which every element of the results takes part."""
    parts = result if isinstance(result, tuple) else (result,)
    total = 0.0
    for part in parts:
        total += np.sum(np.sin(part))
    return total
'''
HEADER = (
    """\
import numpy as np
from tests.programs.published import PUBLISHED
from tests.programs.published_more import PUBLISHED_MORE
"""
    + MEASURE
)
LOSS = """

def {name}_loss({parameters}):
    return measure({table}["{name}"].function({arguments}))


def {name}_example():
    return {table}["{name}"].arguments
"""


def loss_text(name):
    case = CASES[name]
    parameters = list(inspect.signature(case.function).parameters)[: len(case.arguments)]
    arguments = [SYMMETRIC.get(name, {}).get(p, p) for p in parameters]
    table = "PUBLISHED" if name in PUBLISHED else "PUBLISHED_MORE"
    return LOSS.format(name=name, table=table, parameters=", ".join(parameters), arguments=", ".join(arguments))


def load(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def losses(tmp_path_factory):
    path = tmp_path_factory.mktemp("published") / "published_losses.py"
    path.write_text(HEADER + "".join(map(loss_text, CASES)))
    return load(path)


def arguments(name):
    return copy.deepcopy(CASES[name].arguments)


def differentiated(losses, name):
    loss = getattr(losses, f"{name}_loss")
    return loss, gs.value_and_grad(loss, argnums=CASES[name].argnums)


published = pytest.mark.parametrize("name", CASES)


@published
def test_gradients_agree_with_differences(losses, name):
    loss, transformed = differentiated(losses, name)
    args = arguments(name)
    value, gradient = transformed(*args)
    assert relative_error(value, loss(*arguments(name))) < 1e-13
    assert all(np.array_equal(a, b) for a, b in zip(leaves(list(args)), leaves(list(arguments(name))), strict=True))
    for seed in (0, 2):  # in directions 1 and 3 burgers_muscl has kinks within the oracle's steps
        assert directional_error(loss, arguments(name), CASES[name].argnums, gradient, 1.0, seed) < 1e-8


@pytest.mark.native
@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.slow) if n in LONG else n for n in CASES])
def test_compiled_gradients(losses, name):
    _, transformed = differentiated(losses, name)
    value, gradient = transformed(*arguments(name))
    compiled_value, compiled_gradient = gs.jit(transformed)(*arguments(name))
    assert relative_error(compiled_value, value) < 1e-12
    assert relative_error(list(compiled_gradient), list(gradient)) < 1e-11


def lanes(name):
    """Three neighbours of the arguments; integers are shared."""
    rng = np.random.default_rng(5)

    def moved(leaf):
        return leaf * (1 + 1e-3 * rng.normal(size=np.shape(leaf))) if is_inexact(leaf) else leaf

    return [rebuild(arguments(name), moved) for _ in range(3)]


@published
def test_batched_gradients(losses, name):
    loss = getattr(losses, f"{name}_loss")
    gradient = gs.grad(loss, argnums=CASES[name].argnums)
    axes = tuple(None if isinstance(a, int) else 0 for a in CASES[name].arguments)
    examples = lanes(name)
    stack = lambda *trees: combine(lambda *xs: np.stack(xs), *trees)
    stacked = [x[0] if axis is None else stack(*x) for axis, x in zip(axes, zip(*examples, strict=True), strict=True)]
    expected = stack(*(gradient(*copy.deepcopy(lane)) for lane in examples))
    assert norm(expected) > 0
    assert relative_error(gs.vmap(gradient, in_axes=axes)(*stacked), expected) < 1e-11


def captured(name):
    """A global table, or an element of one, by the name of the parameter that a written function takes it as."""
    if hasattr(published_more, name):
        return getattr(published_more, name)
    table, _, position = name.rpartition("_")
    return captured(table)[int(position)]


@published
def test_written_files(losses, name, tmp_path, monkeypatch):
    """They import NumPy alone; trees are taken leaf by leaf, and captured arrays and numbers as further arguments."""
    monkeypatch.chdir(tmp_path)
    wrt = ",".join(map(str, CASES[name].argnums))
    target = [f"{losses.__file__}:{name}_loss", "--example", f"{losses.__file__}:{name}_example", "--wrt", wrt]
    assert main(["grad", *target, "--check", "-o", "written.py"]) == 0
    nodes = list(ast.walk(ast.parse((tmp_path / "written.py").read_text())))
    assert {a.name for node in nodes if isinstance(node, ast.Import) for a in node.names} <= {"numpy", "math"}
    assert not any(isinstance(node, ast.ImportFrom) for node in nodes)
    function = getattr(load(tmp_path / "written.py"), f"{name}_loss_grad")
    flat = leaves(list(arguments(name)))
    further = list(inspect.signature(function).parameters)[len(flat) :]
    written = function(*flat, *map(captured, further))
    _, transformed = differentiated(losses, name)
    assert relative_error(leaves(written), leaves(transformed(*arguments(name))[1])) < 1e-12
