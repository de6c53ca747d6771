"""What programs print: emitted NumPy source and native code print what plain Python prints, each line once and in
order, under every transformation."""

# ruff: noqa: UP031
from __future__ import annotations

import copy
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

import gradscribe as gs
from language import printing_programs
from language.registry import LANGUAGE

PROGRAMS = [p for p in LANGUAGE.values() if p.function.__module__ == printing_programs.__name__]
BACKENDS = [pytest.param("python", id="source"), pytest.param("native", id="native", marks=pytest.mark.native)]


def arguments(program):
    return program.draw(np.random.default_rng(0), "", float)


def said(capfd, function, *args):
    capfd.readouterr()
    function(*copy.deepcopy(args))
    return tuple(capfd.readouterr())


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.name)
def test_prints_what_python_prints(program, backend, capfd):
    args = arguments(program)
    expected = said(capfd, program.function, *args)
    assert any(expected)
    jitted = gs.jit(program.function, backend=backend)
    assert said(capfd, jitted, *args) == expected
    assert said(capfd, jitted, *args) == expected  # and again, from the versions that are kept


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.name)
def test_derivatives_print_the_primal_once(program, backend, capfd):
    args = arguments(program)
    expected = said(capfd, program.function, *args)
    both = gs.jit(gs.value_and_grad(program.function, argnums=program.argnums), backend=backend)
    assert said(capfd, both, *args) == expected


def simple(x):
    y = np.sum(np.sin(x) * x)
    print(f"y = {y:.6f}")
    return y * y


X = np.array([0.3, -0.7, 1.2])


def vector(x):
    y = np.sin(x) * x
    print("y", y)
    return y


ONCE = {
    "grad": lambda: gs.grad(simple)(X),
    "jvp": lambda: gs.jvp(simple, (X,), (X,)),
    "vjp": lambda: gs.vjp(simple, X)[1](1.0),
    "linearize": lambda: gs.linearize(simple, X)[1](X),
    "grad of grad": lambda: gs.grad(lambda x: np.sum(gs.grad(simple)(x)))(X),
    "hessian": lambda: gs.hessian(simple)(X),
    "native hessian": lambda: gs.jit(gs.hessian(simple))(X),
}


@pytest.mark.parametrize("what", [pytest.param(k, marks=[pytest.mark.native] * ("native" in k)) for k in ONCE])
def test_every_transformation_prints_once(what, capfd):
    expected = said(capfd, simple, X)
    assert said(capfd, ONCE[what]) == expected


@pytest.mark.parametrize("jacobian", [gs.jacfwd, gs.jacrev])
def test_jacobians_print_once(jacobian, capfd):
    assert said(capfd, jacobian(vector), X) == said(capfd, vector, X)


def test_a_pullback_prints_nothing(capfd):
    _, pull = gs.vjp(simple, X)
    assert said(capfd, pull, 1.0) == ("", "")


@pytest.mark.parametrize("backend", BACKENDS)
def test_vmap_prints_lane_after_lane(backend, capfd):
    def two(x, k):
        print("k", k)
        y = np.sum(x) * k
        print(y)
        return y

    rows = np.arange(6.0).reshape(3, 2)
    expected = said(capfd, lambda: [two(row, 2.0) for row in rows])
    assert said(capfd, gs.jit(gs.vmap(two, in_axes=(0, None)), backend=backend), rows, 2.0) == expected


@pytest.mark.parametrize("backend", BACKENDS)
def test_output_comes_before_the_error(backend, capfd):
    def fails(x, k):
        for i in range(4):
            print("i", i)
            x = x + 1 // (2 - k * i)
        return x

    jitted = gs.jit(fails, backend=backend)
    capfd.readouterr()
    with pytest.raises(ZeroDivisionError):
        fails(1.0, 1)
    expected = capfd.readouterr()
    with pytest.raises(ZeroDivisionError):
        jitted(1.0, 1)
    assert capfd.readouterr() == expected


class Slow(RuntimeWarning):
    pass


def warns(x):
    for k in range(len(x)):
        if x[k] < 0:
            warnings.warn(f"{k}: {x[k]:.2f} is negative", Slow, stacklevel=2)
        x[k] = np.sin(x[k])
    if np.sum(x) < 10.0:
        warnings.warn("small", stacklevel=2)
    return np.sum(x)


def warned(function, *args):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        function(*copy.deepcopy(args))
    return [(str(w.message), w.category) for w in caught]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("transform", [lambda f: f, gs.grad, gs.hessian])
def test_warns_as_python_does(transform, backend):
    x = np.array([0.5, -1.5, 2.0])
    expected = warned(warns, x)
    assert expected == [("1: -1.50 is negative", Slow), ("small", UserWarning)]
    jitted = gs.jit(transform(warns), backend=backend)
    assert warned(jitted, x) == expected
    assert warned(jitted, x) == expected  # and again, from the versions that are kept


@pytest.mark.parametrize("backend", BACKENDS)
def test_every_lane_warns(backend):
    rows = np.array([[0.5, -1.5], [-1.0, 9.0]])
    expected = [w for row in rows for w in warned(warns, row)]
    assert warned(gs.jit(gs.vmap(gs.grad(warns)), backend=backend), rows) == expected


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_warning_may_be_an_error(backend):
    jitted = gs.jit(warns, backend=backend)
    with warnings.catch_warnings(), pytest.raises(Slow, match="is negative"):
        warnings.simplefilter("error")
        jitted(np.array([0.5, -1.5, 2.0]))


@pytest.mark.parametrize("backend", BACKENDS)
def test_print_options_of_numpy_hold(backend, capfd):
    def show(x):
        print(x)
        return x

    jitted = gs.jit(show, backend=backend)
    with np.printoptions(precision=2, suppress=True):
        assert said(capfd, jitted, X / 3) == said(capfd, show, X / 3)


@pytest.mark.native
def test_an_error_of_printing_reaches_the_caller(monkeypatch):
    class Closed:
        def write(self, text):
            raise BrokenPipeError("gone")

        def flush(self):
            pass

    jitted = gs.jit(simple)
    jitted(X)
    monkeypatch.setattr(sys, "stdout", Closed())
    with pytest.raises(BrokenPipeError):
        jitted(X)


@pytest.mark.native
def test_native_printing_comes_from_the_disk_cache(tmp_path):
    """A second process finds machine code that calls back into a Python of other addresses."""
    (tmp_path / "model.py").write_text(
        "import numpy as np\ndef f(x):\n    for i in range(2):\n        print('x', i, x)\n    return np.sum(x)\n"
    )
    script = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "import model, numba, numpy as np, gradscribe as gs\n"
        "from gradscribe.transpiler.backends import native_cache\n"
        "found = []\nkept = native_cache.compiled\n"
        "import gradscribe.transpiler.backends.load as load\n"
        "load.compiled = lambda *a: found.append(kept(*a)) or found[-1]\n"
        "gs.jit(model.f)(np.array([1.0, 2.0]))\n"
        "print('hits', sum(found[0].stats.cache_hits.values()))\n"
    )
    out = [
        subprocess.run(
            [sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=True, timeout=120
        ).stdout
        for _ in range(2)
    ]
    assert out[0] == "x 0 [1. 2.]\nx 1 [1. 2.]\nhits 0\n"
    assert out[1] == out[0].replace("hits 0", "hits 1")


def test_emitted_text_reads_like_the_users(golden):
    def training_step(w, x, y, rate):
        error = x @ w - y
        loss = np.mean(error**2)
        print("loss", loss, "rate", rate, sep=": ")
        for k in range(len(w)):
            if abs(w[k]) > 1:
                print(f"w[{k}] = {w[k]:+.3e} is large", file=sys.stderr)
        if not loss < 1e6:
            raise FloatingPointError(f"diverged: loss {loss:.2f} at {w}")
        print("%d weights, %.1f%%" % (len(w), 100 * rate), end="\n\n")
        return loss

    w, x, y = np.ones(3), np.ones((4, 3)), np.ones(4)
    golden.check("emitted/printing.py", gs.source(gs.grad(training_step), w, x, y, 0.1))


def test_emitted_text_prints_when_it_stands_alone(tmp_path, capfd):
    source = gs.source(gs.grad(simple), X)
    expected = said(capfd, simple, X)
    path = Path(tmp_path) / "alone.py"
    path.write_text(f"{source}\nsimple_grad(np.array({X.tolist()}))\n")
    done = subprocess.run([sys.executable, str(path)], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == expected[0]
