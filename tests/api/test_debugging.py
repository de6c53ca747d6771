"""What helps to find a mistake: NaN checks, the debugger, error places, `gs.debug`, internal errors."""

from __future__ import annotations

import subprocess
import sys
import warnings

import numpy as np
import pytest

import gradscribe as gs

BACKENDS = [pytest.param("python", id="source"), pytest.param("native", id="native", marks=pytest.mark.native)]
X = np.array([0.5, -1.5, 2.0])


# ---- NaN checks ----


def logs(x):
    y = x * 2.0
    z = np.log(y)
    return np.sum(z * z)


def roots(x):
    total = 0.0
    for i in range(len(x)):
        total = total + np.sqrt(x[i]) * x[i]
    return total


def overflows(x):
    big = np.exp(x * 1000.0)
    return np.sum(big)


def line_of(function, text):
    first = function.__code__.co_firstlineno
    lines = open(function.__code__.co_filename).read().splitlines()
    return next(k for k in range(first, len(lines) + 1) if text in lines[k - 1])


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_first_nan_is_named_with_its_line(backend):
    value, both = gs.jit(logs, backend=backend), gs.jit(gs.value_and_grad(logs), backend=backend)
    with np.errstate(all="ignore"):
        assert np.isnan(value(X)) and np.isnan(both(X)[0])  # without the setting nobody complains
        with gs.config(check_nans=True):
            for function in (value, both):
                for _ in range(2):
                    with pytest.raises(gs.NotFiniteError, match="NaN in `z`") as caught:
                        function(X)
                    assert caught.value.span.line == line_of(logs, "np.log(y)")
                    assert isinstance(caught.value, FloatingPointError) and "derivative" not in str(caught.value)
                assert function(np.abs(X)) is not None
        assert np.isnan(value(X))


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_nan_of_the_derivative_says_so(backend):
    gradient = gs.jit(gs.grad(lambda x: np.sum(np.sqrt(x) * x)), backend=backend)
    looped = gs.jit(gs.grad(roots), backend=backend)
    zero = np.array([1.0, 0.0])
    with np.errstate(all="ignore"), gs.config(check_nans=True):
        for function in (gradient, looped):
            with pytest.raises(gs.NotFiniteError, match=r"NaN.*in the derivative of line \d+") as caught:
                function(zero)
            assert "np.sqrt" in str(caught.value)
        assert gs.jit(roots, backend=backend)(zero) == 1.0


@pytest.mark.parametrize("backend", BACKENDS)
def test_infinities_are_a_setting_of_their_own(backend):
    function = gs.jit(overflows, backend=backend)
    with np.errstate(all="ignore"):
        with gs.config(check_nans=True):
            assert function(X) == np.inf
        with gs.config(check_infs=True), pytest.raises(gs.NotFiniteError, match="infinity in `big`"):
            function(X)


def test_nans_that_come_in_are_not_complained_about():
    def passes(x):
        return np.sum(np.where(np.isnan(x), 0.0, x * 2.0))

    with gs.config(check_nans=True):
        assert gs.jit(passes, backend="python")(np.array([1.0, np.nan])) == 2.0
        assert np.array_equal(gs.grad(passes)(np.array([1.0, np.nan])), [2.0, 0.0])


def test_pullbacks_and_forward_mode_are_checked():
    with np.errstate(all="ignore"), gs.config(check_nans=True):
        _, pull = gs.vjp(lambda x: np.sqrt(x) * x, np.array([0.0, 1.0]))
        with pytest.raises(gs.NotFiniteError, match="in the derivative of line"):
            pull(np.zeros(2) * 0.0 + np.array([1.0, 0.0]))
        with pytest.raises(gs.NotFiniteError, match="in the derivative of line"):
            gs.jvp(lambda x: np.sqrt(x) * x, (np.array([0.0, 1.0]),), (np.zeros(2),))


def descends(x, n):
    if x < 0.5:
        return np.log(x - n)
    return descends(x * 0.5, n) + x


@pytest.mark.parametrize("backend", BACKENDS)
def test_functions_that_call_themselves_are_checked(backend):
    function = gs.jit(gs.value_and_grad(descends), backend=backend)
    with np.errstate(all="ignore"), gs.config(check_nans=True):
        assert function(4.0, 0.0)[1] > 0
        with pytest.raises(gs.NotFiniteError, match="NaN"):
            function(4.0, 3.0)


# ---- the debugger ----

MODEL = """\
import numpy as np
import gradscribe as gs


def loss(w, x):
    error = x * w - 1.0
    {stop}
    return np.sum(error ** 2)
"""


def session(tmp_path, stop, script, commands):
    (tmp_path / "model.py").write_text(MODEL.format(stop=stop))
    return subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n{script}"],
        input=commands,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_breakpoint_stops_in_generated_source(tmp_path):
    script = "import numpy as np, gradscribe as gs, model\nprint(gs.grad(model.loss)(2.0, np.array([1.0, 3.0])))\n"
    done = session(tmp_path, "breakpoint()", script, "p error\nw\nl\nn\nc\n")
    assert "array([1., 5.])" in done.stdout  # p error
    assert "<gradscribe loss_grad #" in done.stdout
    assert "error = x * w - 1.0" in done.stdout and "breakpoint()" in done.stdout  # l
    assert done.stdout.rstrip().endswith("32.0") or "32.0" in done.stdout


def test_pdb_steps_into_generated_source(tmp_path):
    script = (
        "import numpy as np, gradscribe as gs, model, pdb\n"
        "f = gs.jit(model.loss, backend='python')\nx = np.array([1.0, 3.0])\nf(2.0, x)\n"
        "version = f.find((2.0, x), {})[0]\npdb.runcall(version.run, 2.0, x)\n"
    )
    done = session(tmp_path, "pass", script, "s\ns\nn\nn\np error\nl\nc\n")
    assert "<gradscribe loss #" in done.stdout and "array([1., 5.])" in done.stdout


@pytest.mark.native
def test_breakpoint_in_native_code_is_refused_with_the_remedy():
    def stops(x):
        breakpoint()
        return x

    with pytest.raises(gs.UnsupportedSyntax, match=r'backend="python"') as caught:
        gs.jit(stops)(1.0)
    assert "breakpoint()" in str(caught.value)


def test_tracebacks_show_generated_text_and_the_users_line():
    def divides(n, k):
        scaled = n * 2
        return scaled // k

    with pytest.raises(ZeroDivisionError) as caught:
        gs.jit(divides, backend="python")(3, 0)
    assert f"test_debugging.py:{line_of(divides, 'scaled // k')}:" in "".join(caught.value.__notes__)
    assert any("<gradscribe divides" in str(entry.path) for entry in caught.traceback)


# ---- gs.debug ----


@pytest.mark.parametrize("backend", BACKENDS)
def test_callback_gets_numpy_values_in_order(backend):
    seen = []

    def note(*values, **named):
        seen.append((*values, *named.items()))

    def iterates(x, n):
        for k in range(3):
            x = np.sin(x)
            gs.debug.callback(note, k, x, total=np.sum(x), n=n)
        return np.sum(x)

    def run(function):
        seen.clear()
        function(X.copy(), 2)
        return list(seen)

    expected = run(iterates)
    for function in (gs.jit(iterates, backend=backend), gs.jit(gs.grad(iterates), backend=backend)):
        found = run(function)
        assert len(found) == len(expected) == 3
        for mine, theirs in zip(found, expected, strict=True):
            np.testing.assert_allclose(mine[1], theirs[1], rtol=1e-14)
            assert type(mine[0]) is int and mine[0] == theirs[0] and mine[3] == theirs[3] == ("n", 2)
            assert mine[2][0] == "total" and type(mine[2][1]) is np.float64


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_a_callback_raises_reaches_the_caller(backend):
    def stop(value):
        if value > 2:
            raise KeyboardInterrupt("enough")

    def iterates(x):
        for k in range(5):
            gs.debug.callback(stop, k)
            x = x * 2
        return x

    with pytest.raises(KeyboardInterrupt, match="enough"):
        gs.jit(iterates, backend=backend)(1.0)


def test_debug_functions_work_in_plain_python(capsys):
    gs.debug.print("x = {}, {y:.1f}", 3, y=2.0)
    assert capsys.readouterr().out == "x = 3, 2.0\n"
    assert gs.debug.callback(print, "called") is None


# ---- np.errstate ----


@pytest.mark.parametrize("backend", BACKENDS)
def test_errstate_around_a_block(backend):
    def quiet(x):
        with np.errstate(divide="ignore", invalid="ignore"):
            y = 1.0 / x
        return np.sum(np.where(x == 0, 0.0, y))

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert gs.jit(quiet, backend=backend)(np.array([0.0, 2.0])) == 0.5
        assert gs.jit(gs.grad(quiet), backend=backend)(np.array([4.0, 2.0]))[1] == -0.25


def raises_errstate(x):
    with np.errstate(divide="raise"):
        return 1.0 / x


def calls_errstate(x):
    with np.errstate(all="call", call=print):
        return 1.0 / x


def sets_errors(x):
    np.seterr(all="raise")
    return 1.0 / x


@pytest.mark.parametrize("function", [raises_errstate, calls_errstate, sets_errors], ids=lambda f: f.__name__)
def test_other_ways_to_treat_floating_point_errors_are_refused(function):
    with pytest.raises(gs.UnsupportedSyntax, match=r"test_debugging.py:\d+:\d+") as caught:
        gs.jit(function, backend="python")(X)
    assert "check_nans" in str(caught.value)
