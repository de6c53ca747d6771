"""What is refused, and the whole message: place, line, caret, hint. One file of bad programs, one golden each."""

import importlib.util
import linecache

import numpy as np
import pytest

import gradscribe as gs

PROGRAMS = """\
import numpy as np


def vector_valued(x):
    return x * 2.0


def pair(x):
    return np.sum(x), x


def counts(x):
    return 3


def total(x):
    return np.sum(x)


def adds(x, w):
    y = x + 1.0
    return np.sum(y * w)


def unknown_function(x):
    return np.sum(np.sinn(x))


def unsupported(x):
    async def later():
        return x
    return later()


def generator(x):
    yield x


def writes(x, y):
    x[0] = y[0]
    return np.sum(x)


def indexes(x, i):
    return x[i] * 2.0


def ordered(x):
    return np.max(x)
"""


@pytest.fixture
def programs(tmp_path, monkeypatch):
    path = tmp_path / "programs_refused.py"
    path.write_text(PROGRAMS)
    monkeypatch.chdir(tmp_path)
    linecache.checkcache()
    spec = importlib.util.spec_from_file_location("programs_refused", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def read_only(x):
    x.flags.writeable = False
    return x


X = np.arange(1.0, 4.0)
OVERLAPPING = np.ones(5)
CASES = {
    "not_scalar": (gs.NotDifferentiable, lambda p: gs.grad(p.vector_valued)(X)),
    "pair": (gs.NotDifferentiable, lambda p: gs.grad(p.pair)(X)),
    "integer_result": (gs.DTypeError, lambda p: gs.grad(p.counts)(X)),
    "integer_argument": (gs.DTypeError, lambda p: gs.grad(p.total)(np.arange(3))),
    "boolean_argument": (gs.DTypeError, lambda p: gs.grad(p.total)(True)),
    "complex_argument": (gs.DTypeError, lambda p: gs.jacfwd(p.total)(X + 1j)),
    "complex_result": (gs.DTypeError, lambda p: gs.grad(p.total)(X * 1j)),
    "real_argument_holomorphic": (gs.DTypeError, lambda p: gs.grad(p.total, holomorphic=True)(X)),
    "complex_order": (gs.DTypeError, lambda p: gs.jacrev(p.ordered)(X + 1j)),
    "shapes": (gs.ShapeError, lambda p: gs.grad(p.adds)(X, np.ones(4))),
    "unknown_function": (gs.GradscribeError, lambda p: gs.grad(p.unknown_function)(X)),
    "unsupported": (gs.UnsupportedSyntax, lambda p: gs.grad(p.unsupported)(X)),
    "generator": (gs.UnsupportedSyntax, lambda p: gs.grad(p.generator)(X)),
    "masked": (gs.DTypeError, lambda p: gs.grad(p.total)(np.ma.array(X))),
    "objects": (gs.DTypeError, lambda p: gs.grad(p.total)(np.array([1, None]))),
    "overlap": (gs.AliasError, lambda p: gs.jit(p.writes, backend="python")(OVERLAPPING[:3], OVERLAPPING[1:4])),
    "read_only": (ValueError, lambda p: gs.jit(p.writes, backend="python")(read_only(np.ones(3)), X)),
    "index": (IndexError, lambda p: gs.grad(p.indexes)(X, np.int64(7))),
}


@pytest.mark.parametrize("name", CASES)
def test_message(name, programs, golden):
    kind, call = CASES[name]
    with pytest.raises(kind) as caught:
        call(programs)
    assert isinstance(caught.value, gs.GradscribeError)
    golden.check(f"refused_{name}.txt", f"{caught.value}\n")


def test_shapes_that_stop_fitting_in_a_later_call_are_refused_too(programs, golden):
    f = gs.grad(programs.adds)
    f(X, X)
    with pytest.raises(gs.ShapeError) as caught:
        f(X, np.ones(4))
    golden.check("refused_shapes_later.txt", f"{caught.value}\n")


def test_a_file_edited_after_its_import_is_refused(programs, tmp_path, golden):
    np.testing.assert_array_equal(gs.grad(programs.total)(X), np.ones(3))
    path = tmp_path / "programs_refused.py"
    path.write_text(PROGRAMS.replace("return np.sum(x)\n", "return np.sum(x * x)\n", 1))
    linecache.checkcache()
    with pytest.raises(gs.GradscribeError) as caught:
        gs.grad(programs.total, argnums=(0,))(X)
    golden.check("refused_edited.txt", f"{caught.value}\n")


def test_python_catches_them_as_its_own(programs):
    with pytest.raises(TypeError):
        gs.grad(programs.total)(np.arange(3))
    with pytest.raises(ValueError):
        gs.grad(programs.adds)(X, np.ones(4))


def test_functions_without_text_are_refused():
    namespace = {"np": np}
    exec("def f(x):\n    return np.sum(x)", namespace)
    with pytest.raises(gs.GradscribeError) as caught:
        gs.grad(namespace["f"])(X)
    assert "source" in str(caught.value) or "text" in str(caught.value)


def test_written_arguments_that_overlap_are_refused_by_value_transformations_too(programs):
    x = np.ones(3)
    with pytest.raises(gs.AliasError):
        gs.grad(programs.writes)(x, x)
    with pytest.raises(gs.AliasError):
        gs.grad(programs.writes)(OVERLAPPING[:3], OVERLAPPING[1:4])
