"""Emitted NumPy text: goldens of named programs, values against the evaluator, copies, checks at entry."""

import ast
import os
import subprocess
import sys
import traceback
from pathlib import Path

import numpy as np
import pytest

from backends.programs import PROGRAMS, at, cut, function, line
from gradscribe.transpiler.backends.execute import execute, user_span
from gradscribe.transpiler.backends.numpy_source import numpy_module, numpy_source
from gradscribe.transpiler.backends.storage_check import StorageConflict
from gradscribe.transpiler.ir.dims import Dim, Symbol
from gradscribe.transpiler.ir.evaluate import evaluate
from gradscribe.transpiler.ir.nodes import Function, Guard, Literal, Var
from gradscribe.transpiler.ir.staged import ResultLeaf, StaticLeaf
from gradscribe.transpiler.ir.types import FLOAT64, array
from gradscribe.transpiler.ir.verify import verify
from gradscribe.transpiler.ir.walk import inner_eqns
from gradscribe.transpiler.passes.bufferize import bufferize
from gradscribe.transpiler.passes.sink_writes import sink_writes
from gradscribe.transpiler.primitives.conversion import copy
from gradscribe.transpiler.primitives.regions import for_loop, loop
from gradscribe.transpiler.primitives.structure import index, update, update_add

ROOT = Path(__file__).resolve().parents[2]


def call(text, name, args):
    given = [np.array(a) if isinstance(a, np.ndarray) else a for a in args]
    with np.errstate(all="ignore"):
        out = execute(text, name)(*given)
    for before, after in zip(args, given, strict=True):
        assert np.array_equal(before, after), "an argument was written"
    return out if isinstance(out, tuple) else (out,)


def copies_in_loops(made: Function) -> int:
    return sum(
        e.operation is copy
        for outer in inner_eqns(made.region)
        if outer.operation is loop
        for r in outer.regions
        for e in inner_eqns(r)
    )


@pytest.mark.parametrize("name", PROGRAMS)
def test_named_programs(name, golden):
    made, args = PROGRAMS[name]()
    verify(made)
    module = numpy_module(made)
    golden.check(f"emitted/{name}.py", module.text)
    expected = evaluate(made, *args)
    found = call(module.text, made.name, args)
    assert len(found) == len(expected)
    for a, b in zip(expected, found, strict=True):
        assert np.shape(a) == np.shape(b) and np.asarray(a).dtype == np.asarray(b).dtype
        assert np.array_equal(a, b)
    assert len(module.spans) == len(module.text.splitlines())


@pytest.mark.parametrize("name", ["cholesky", "jacobi", "first_above", "nested_branches", "newton"])
def test_no_copies_inside_loops(name):
    made, _ = PROGRAMS[name]()
    assert copies_in_loops(bufferize(sink_writes(made)).function) == 0


def test_a_read_before_a_zeroing_write_needs_no_copy():
    """The zeroing is sunk below the last use of the view it would overwrite."""
    n = Symbol("n")

    def body(a_bar, b_bar):
        def step(t, a_bar, b_bar):
            t_bar = index(a_bar, at=cut(1, Dim.of(n) - 2)) * 0.5
            view = index(a_bar, at=cut(0, Dim.of(n) - 2))
            a_bar = update(a_bar, 0.0, at=cut(1, Dim.of(n) - 2))
            b_bar = update_add(b_bar, t_bar + view, at=cut(0, Dim.of(n) - 2))
            return b_bar, a_bar

        return for_loop(0, 3, [a_bar, b_bar], step)

    made = function("f", [Var(array(FLOAT64, n), "a_bar"), Var(array(FLOAT64, n), "b_bar")], body)
    assert copies_in_loops(bufferize(sink_writes(made)).function) == 0
    assert copies_in_loops(bufferize(made).function) == 1


def test_a_zeroing_met_by_an_accumulation_is_one_write():
    n = Symbol("n")
    made = function("f", [Var(array(FLOAT64, n), "x")], lambda x: [update_add(update(x, 0.0, at=at(0)), 3.0, at=at(0))])
    assert "x[0] = 3.0" in numpy_source(made) and "+=" not in numpy_source(made)


def test_donated_parameters_are_written_in_place():
    made, args = PROGRAMS["scaled_in_place"]()
    text = numpy_source(made, donated=list(made.params), identities={0: 0, 1: 1}, checks=False)
    assert "copy" not in text and "np." not in text
    expected = evaluate(made, *args)
    x, y = (a.copy() for a in args)
    out = execute(text, made.name)(x, y)
    assert out[0] is x and out[1] is y
    assert np.array_equal(x, expected[0]) and np.array_equal(y, expected[1])


def test_a_donated_parameter_that_ends_elsewhere_is_written_back():
    n = Symbol("n")
    made = function("swap", [Var(array(FLOAT64, n), "x"), Var(array(FLOAT64, n), "y")], lambda x, y: (y, x))
    text = numpy_source(made, donated=list(made.params), identities={0: 0, 1: 1})
    x, y = np.arange(3.0), np.ones(3)
    execute(text, "swap")(x, y)
    assert np.array_equal(x, np.ones(3)) and np.array_equal(y, np.arange(3.0))


def test_results_share_no_memory():
    n = Symbol("n")
    made = function("f", [Var(array(FLOAT64, n), "x")], lambda x: (x, x, index(x, at=cut(0, Dim.of(n) - 1))))
    x = np.arange(4.0)
    out = call(numpy_source(made), "f", [x])
    assert not any(np.shares_memory(a, b) for k, a in enumerate(out) for b in [x, *out[:k]])
    told = execute(numpy_source(made, identities={0: 0}), "f")(x)
    assert told[0] is x


@pytest.mark.parametrize(
    ("args", "error", "message"),
    [
        ((np.zeros(3), np.zeros(4)), ValueError, "w: expected shape (3,), got (4,)"),
        ((np.zeros((3, 3)), np.zeros(3)), TypeError, "x: expected 1-d float64, got 2-d float64"),
        ((np.zeros(3, np.float32), np.zeros(3)), TypeError, "x: expected 1-d float64, got 1-d float32"),
        ((np.zeros(3), np.zeros(3, int)), TypeError, "w: expected float64, got int64"),
        ((np.zeros(1), np.zeros(1)), ValueError, "x: axis 0 needs at least 2 entries, got 1"),
        ((np.zeros(5), np.zeros(5)), ValueError, "n must be at most 4"),
    ],
)
def test_entry_checks(args, error, message):
    n = Symbol("n")
    made = function(
        "f",
        [Var(array(FLOAT64, n), "x"), Var(array(FLOAT64, n), "w")],
        lambda x, w: for_loop(1, Dim.of(n) - 1, [x], lambda i, y: (update(y, index(w, at=at(i)), at=at(i)),)),
    )
    guarded = Function("f", made.region, (Guard("ge", 4 - Dim.of(n), "n must be at most 4", True),))
    with pytest.raises(error) as caught:
        execute(numpy_source(guarded), "f")(*args)
    assert message in str(caught.value)


def test_nested_results():
    made, args = PROGRAMS["loss_vjp"]()
    template = (ResultLeaf(0), {"x": ResultLeaf(1), "w": [ResultLeaf(2), StaticLeaf(None)]})
    text = numpy_source(made, result_template=template)
    value, bars = execute(text, made.name)(*args)
    expected = evaluate(made, *args)
    assert value == expected[0] and np.array_equal(bars["x"], expected[1])
    assert np.array_equal(bars["w"][0], expected[2]) and bars["w"][1] is None


def test_errors_point_at_the_user():
    made, _ = PROGRAMS["loss_vjp"]()
    module = numpy_module(made, checks=False)
    run = execute(module.text, made.name)
    with pytest.raises(TypeError) as caught:
        run(np.ones(3), "not an array", 1.0)
    assert user_span(caught.value, run, module.spans) == line(11)
    assert "np.sum(s * w)" in "".join(traceback.format_exception(caught.value))


def test_comments_can_be_turned_off():
    made, _ = PROGRAMS["loss_vjp"]()
    assert "#" not in numpy_source(made, comments=False)
    assert numpy_source(made, header=["of model.py:1 `loss`"]).startswith(
        "# of model.py:1 `loss`\nimport numpy as np\n"
    )


@pytest.mark.parametrize("hint", ["lambda", "np", "range", "2x", "x y", "math", "class"])
def test_awkward_names(hint):
    n = Symbol("n")
    made = function(
        "f",
        [Var(array(FLOAT64, n), hint)],
        lambda x: for_loop(0, n, [x], lambda i, y: (update(y, 1.0, at=at(i)),), hints=[hint]),
    )
    assert np.array_equal(call(numpy_source(made), "f", [np.zeros(3)])[0], np.ones(3))


def test_the_check_sees_a_missing_copy(monkeypatch):
    monkeypatch.setattr("gradscribe.transpiler.passes.bufferize._Walk.may_take", lambda *_: True)
    with pytest.raises(StorageConflict):
        numpy_source(PROGRAMS["old_versions_updated_twice"]()[0])


def test_the_check_sees_two_live_values_with_one_name(monkeypatch):
    monkeypatch.setattr("gradscribe.transpiler.backends.liveness.Interference._assign", lambda *_: None)
    with pytest.raises(StorageConflict):
        numpy_source(PROGRAMS["old_versions_updated_twice"]()[0])


def test_scalar_arguments_are_never_written():
    """An argument of rank 0 may be an array: `s += 1` would write into it."""
    made = function(
        "f", [Var(array(FLOAT64), "s")], lambda s: for_loop(0, 3, [s], lambda i, s: (s + 1.0,), hints=["s"])
    )
    s = np.array(1.0)
    assert execute(numpy_source(made), "f")(s) == 4.0 and s == 1.0
    counted = function(
        "f", [], lambda: for_loop(0, 3, [Literal(np.float64(0.0))], lambda i, s: (s + 1.0,), hints=["s"])
    )
    assert "s += 1.0" in numpy_source(counted)


DETERMINISM = """
import hashlib
from backends.programs import PROGRAMS
from fuzz.storage_programs import ir_program
from gradscribe.transpiler.backends.numpy_source import numpy_source
texts = [numpy_source(make()[0]) for make in PROGRAMS.values()]
texts += [numpy_source(ir_program(seed)[0]) for seed in range(30)]
print(hashlib.sha256("".join(texts).encode()).hexdigest())
"""


def test_equal_input_gives_equal_bytes():
    digests = set()
    for seed in "012":
        environment = {
            **os.environ,
            "PYTHONHASHSEED": seed,
            "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT / "tests")]),
        }
        run = subprocess.run(
            [sys.executable, "-c", DETERMINISM], env=environment, capture_output=True, text=True, check=True
        )
        digests.add(run.stdout)
    assert len(digests) == 1


def test_emitted_files_are_clean(tmp_path):
    for name, make in PROGRAMS.items():
        (tmp_path / f"{name}.py").write_text(numpy_source(make()[0]))
    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--select", "E,F,W", "--ignore", "E741"]
    command += ["--line-length", "100", str(tmp_path)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout
    for path in sorted(tmp_path.glob("*.py")):
        imported = {a.name for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Import) for a in n.names}
        assert imported <= {"numpy", "math"}
