"""Compiled code equals the evaluator, leaves arguments alone, keeps NaN, raises at the user's line, and never
compiles twice."""

import ast
import os
import re
import subprocess
import sys
import threading
import warnings

import numpy as np
import pytest
from tests.fuzz.ir_programs import random_case
from tests.native.array_programs import random_array_program
from tests.native.kernels_by_hand import at, cholesky, jacobi_adjoint, jacobi_forward, lorenz, python_int, softmax

import gradscribe as gs
from gradscribe.transpiler.backends.load import compile_native
from gradscribe.transpiler.backends.native_cache import cache_directory
from gradscribe.transpiler.errors import DTypeError, IndexRangeError, ShapeError, Span
from gradscribe.transpiler.ir.builder import at_span, build_body, emit
from gradscribe.transpiler.ir.dims import Dim, Symbol
from gradscribe.transpiler.ir.evaluate import evaluate
from gradscribe.transpiler.ir.index import Slice, Take
from gradscribe.transpiler.ir.nodes import Function, Literal, Var
from gradscribe.transpiler.ir.types import FLOAT64, ArrayType, array
from gradscribe.transpiler.primitives.arithmetic import less
from gradscribe.transpiler.primitives.checks import check, wrap_index
from gradscribe.transpiler.primitives.contraction import contract
from gradscribe.transpiler.primitives.elementary import sqrt, tanh
from gradscribe.transpiler.primitives.piecewise import maximum
from gradscribe.transpiler.primitives.reductions import reduce_max, reduce_sum
from gradscribe.transpiler.primitives.regions import for_loop
from gradscribe.transpiler.primitives.stacks import stack_new, stack_pop, stack_push
from gradscribe.transpiler.primitives.structure import index, update, update_add

pytestmark = pytest.mark.native

N, M = Symbol("n"), Symbol("m")
X = Var(array(np.float64, N, M), "x")
V = Var(array(np.float64, N), "v")


def compiled(function, *args, rtol=1e-12, atol=1e-13):
    """The compiled function, after it was found equal to the evaluator on `args`, which it must not write."""
    native = compile_native(function)
    before = [np.copy(a) for a in args]
    got = native(*args)
    for a, b in zip(before, args, strict=True):
        np.testing.assert_array_equal(a, b)
    for expected, value in zip(evaluate(function, *args), got, strict=True):
        np.testing.assert_allclose(value, expected, rtol=rtol, atol=atol)
        assert np.asarray(value).dtype == np.asarray(expected).dtype
        if not np.ndim(expected):
            assert type(value) is type(expected)
    return native


def function(params, body, name="f"):
    return Function(name, build_body(params, body))


def array_expressions(source):
    """Slices and whole-array operators in the text: what Numba must never see."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Slice) or (isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult)):
            found.append(ast.unparse(node))
        if isinstance(node, ast.Attribute) and node.attr in ("sum", "dot", "T", "mean", "max"):
            found.append(ast.unparse(node))
        if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("np."):
            if ast.unparse(node.func) not in (
                "np.empty",
                "np.zeros",
                "np.float32",
                "np.float64",
                "np.uint64",
                "np.int32",
                "np.int64",
            ):
                found.append(ast.unparse(node))
    return found


# ---- values ----


@pytest.mark.parametrize("seed", range(6))
def test_random_array_programs(seed):
    case = random_array_program(seed, 6)
    native = compiled(case.function, *case.args, rtol=1e-9, atol=1e-12)
    assert not array_expressions(native.source)


@pytest.mark.parametrize("seed", range(100, 106))
def test_random_structured_programs(seed):
    case = random_case(seed)
    native = compiled(case.function, *case.args, rtol=1e-9, atol=1e-12)
    assert not array_expressions(native.source)


def test_single_precision_stays_single(rng):
    case = random_array_program(3, 6, np.float32)
    native = compiled(case.function, *case.args, rtol=1e-4, atol=1e-6)
    assert "float64" not in native.source
    native = compiled(softmax(np.float32), rng.random((7, 5)).astype(np.float32), rtol=1e-5)
    assert "float64" not in native.source


def test_programs_by_hand(rng):
    compiled(jacobi_forward(), 3, rng.random((7, 7)), rng.random((7, 7)))
    native = compiled(jacobi_adjoint(), 3, rng.random((7, 7)), rng.random((7, 7)))
    for size in (2, 3, 4, 5):
        args = 2, rng.random((size, size)), rng.random((size, size))
        for expected, got in zip(evaluate(jacobi_adjoint(), *args), native(*args), strict=True):
            np.testing.assert_allclose(got, expected, rtol=1e-12)
    m = rng.random((6, 6))
    compiled(cholesky(), m @ m.T + 6 * np.eye(6))
    compiled(lorenz(), np.float64(10), np.float64(28), np.float64(8 / 3), 20)


def test_products(rng):
    y = Var(array(np.float64, M, N), "y")
    w = Var(array(np.float64, 3, M, N), "w")

    def body(x, y, w, v):
        return (
            contract(x, y, "ij", "jk", "ik"),
            contract(x, x, "ij", "kj", "ik"),
            contract(y, v, "ij", "j", "i"),
            contract(x, v, "ij", "i", "j"),
            contract(w, y, "bij", "kj", "bik"),
            contract(w, w, "bij", "bkj", "bik"),
        )

    args = rng.random((12, 11)), rng.random((11, 12)), rng.random((3, 11, 12)), rng.random(12)
    compiled(function([X, y, w, V], body), *args)


def test_nan_and_infinity_are_kept():
    def body(v):
        return reduce_max(v, axes=(0,)), reduce_sum(v, axes=(0,)), maximum(v, 0.0), sqrt(v), v - v, 1.0 / v

    native = compile_native(function([V], body))
    for values in (
        [np.nan, 1.0, 2.0],
        [1.0, 2.0, np.nan],
        [np.inf, -np.inf, 0.0],
        [np.inf, 1.0, -0.0],
        [-1.0, -2.0, -3.0],
    ):
        v = np.array(values)
        with np.errstate(all="ignore"):
            expected = np.max(v), np.sum(v), np.maximum(v, 0), np.sqrt(v), v - v, 1 / v
        for a, b in zip(native(v), expected, strict=True):
            np.testing.assert_array_equal(a, b)


def test_compensated_arithmetic_is_not_reassociated():
    s, t = Var(array(np.float64), "s"), Var(array(np.float64), "t")

    def two_sum(s, t):
        total = s + t
        part = total - s
        return total, (s - (total - part)) + (t - part)

    total, error = compile_native(function([s, t], two_sum))(1.0, 1e-17)
    assert (total, error) == (1.0, 1e-17)


def test_index_arrays(rng):
    k = Var(array(np.int64, 5), "k")

    def body(x, v, k):
        rows = index(x, k, at=(Take(0), Slice(Dim.of(0), Dim.of(M))))
        scattered = emit(update_add, (v, index(v, k, at=(Take(0),)), k), {"at": (Take(0),)})[0]
        last = emit(update, (v, index(v, k, at=(Take(0),)) * 3.0, k), {"at": (Take(0),)})[0]
        return rows, scattered, last

    native = compiled(function([X, V, k], body), rng.random((4, 3)), rng.random(4), np.array([0, 3, 3, -1, 1]))
    with pytest.raises(IndexRangeError, match="index 4 is out of bounds"):
        native(rng.random((4, 3)), rng.random(4), np.array([0, 3, 4, 1, 1]))


def test_stacks(rng):
    def body(v):
        (tape,) = emit(stack_new, (), {"dtype": FLOAT64, "element_rank": 1})
        (scalars,) = emit(stack_new, (), {"dtype": FLOAT64, "element_rank": 0})

        def push(i, tape, scalars, x):
            (tape,) = emit(stack_push, (tape, x))
            (scalars,) = emit(stack_push, (scalars, index(x, at=at(i))))
            return tape, scalars, tanh(x * 1.5)

        def pop(i, tape, scalars, total):
            tape, x = emit(stack_pop, (tape,), {"shape": (Dim.of(N),)})
            scalars, s = emit(stack_pop, (scalars,), {"shape": ()})
            return tape, scalars, total * 0.5 + x * s

        tape, scalars, x = for_loop(0, N, [tape, scalars, v], push)
        return for_loop(0, N, [tape, scalars, x], pop, direction=-1)[2:]

    compiled(function([V], body), rng.random(40))


# ---- arguments and results ----


def test_any_layout_is_accepted_and_never_written(rng):
    def body(x):
        return (update(x, 2.0, at=at(0, 1)),)

    native = compile_native(function([X], body))
    x = rng.random((6, 8))
    frozen = x.copy()
    frozen.setflags(write=False)
    for view in (x, x.T, x[::2, ::3], x[::-1], np.asfortranarray(x), frozen, x.tolist()):
        before = np.array(view)
        expected = before.copy()
        expected[0, 1] = 2.0
        np.testing.assert_array_equal(native(view)[0], expected)
        np.testing.assert_array_equal(np.array(view), before)


def test_wrong_dtypes_ranks_and_shapes_are_refused(rng):
    w = Var(array(np.float64, N), "w")
    native = compile_native(function([V, w, python_int("k")], lambda v, w, k: (v + w,)))
    v = rng.random(4)
    with pytest.raises(DTypeError):
        native(v.astype(np.float32), v, 1)
    with pytest.raises(DTypeError):
        native(v.reshape(2, 2), v, 1)
    with pytest.raises(DTypeError):
        native(v, v, 1.5)
    with pytest.raises(ShapeError, match="expected size 4, got 3"):
        native(v, v[:3].copy(), 1)


def test_a_returned_parameter_is_the_argument_itself(rng):
    x = rng.random((3, 4))
    native = compile_native(function([X], lambda x: (x, x + 1.0)))
    assert native(x)[0] is x


def test_donated_argument_is_updated_in_place(rng):
    f = function([X], lambda x: (update(x, 2.0, at=at(0, 1)),))
    native = compile_native(f, donated=[0], identities={0: 0})
    assert ".copy()" not in native.source
    x = rng.random((3, 4))
    assert native(x)[0] is x
    assert x[0, 1] == 2.0
    strided = rng.random((6, 4))[::2]
    native(strided)
    assert strided[0, 1] == 2.0


# ---- errors ----


def test_errors_point_at_the_users_line(rng):
    span = Span(file="model.py", line=7, column=5, end_line=7, end_column=9)
    k = python_int("k")

    def body(v, k):
        with at_span(span):
            (place,) = emit(wrap_index, (k,), {"size": Dim.of(N)})
            emit(check, (less(index(v, at=at(place)), 10.0),), {"message": "too large", "error": ArithmeticError})
        return (update(v, 1.0, at=at(place)),)

    native = compiled(function([V, k], body), rng.random(4), -1)
    with pytest.raises(IndexRangeError, match=r"model.py:7:5.*index 4 is out of bounds") as caught:
        native(rng.random(4), 4)
    assert isinstance(caught.value, IndexError)
    with pytest.raises(ArithmeticError, match="too large") as other:
        native(np.full(4, 11.0), 0)
    assert "model.py:7:5" in other.value.__notes__[0]


# ---- compilation ----

_SECOND = """
import time, numpy as np
from tests.native.kernels_by_hand import softmax
import gradscribe as gs
from gradscribe.transpiler.backends.load import compile_native
from numba.core import event
with event.install_recorder("numba:compile") as recorder:
    native = compile_native(softmax())
print(native(np.ones((2, 4)))[0].sum(), sum("softmax" in str(e.data["dispatcher"]) for _, e in recorder.buffer))
"""


def test_second_process_compiles_nothing():
    compiled(softmax(), np.ones((2, 4)))
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(["src", "."])}
    for _ in range(2):
        run = subprocess.run([sys.executable, "-c", _SECOND], env=env, capture_output=True, text=True, check=True)
        assert run.stdout.split() == ["2.0", "0"], run.stdout + run.stderr


def test_equal_programs_share_one_file(tmp_path, monkeypatch):
    # A folder of its own, since other tests write to the run's meanwhile; a program of its own, since what this process
    # has loaded is not written again.
    monkeypatch.setenv("GRADSCRIBE_CACHE_DIR", str(tmp_path))
    made = [compile_native(function([X], lambda x: (x * 0.2718281828,))) for _ in range(2)]
    assert len(list(cache_directory().glob("*.py"))) == 1
    assert made[0](np.ones((2, 3)))[0].tolist() == made[1](np.ones((2, 3)))[0].tolist()


def test_two_threads_may_compile_at_once(rng):
    x, results, errors = rng.random((3, 4)), [], []

    def work(scale):
        try:
            results.append((scale, compile_native(function([X], lambda x: (x * scale,)))(x)[0]))
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(float(k % 2),)) for k in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not errors
    for scale, y in results:
        np.testing.assert_array_equal(y, x * scale)


def assembly(native):
    dispatcher = native.compiled
    return dispatcher.inspect_asm(dispatcher.signatures[0])


@pytest.mark.skipif(sys.platform != "linux" or os.uname().machine != "x86_64", reason="reads x86-64 assembly")
def test_loops_are_vectorised():
    elementwise = compile_native(function([V], lambda v: (v * 2.0 + 1.0 / v,), "elementwise"))
    assert re.search(r"\bv?divpd\b", assembly(elementwise))
    total = compile_native(function([V], lambda v: (reduce_sum(v * v, axes=(0,)),), "total"))
    assert re.search(r"\b(vfmadd\d+pd|v?addpd)\b", assembly(total))
    running = compile_native(function([V], lambda v: for_loop(1, N, [v], running_sum), "running"))
    assert not re.search(r"\b(vfmadd\d+pd|v?addpd)\b", assembly(running))


def running_sum(i, v):
    return (update(v, index(v, at=at(i)) + index(v, at=at(Dim.of(i) - 1)), at=at(i)),)


def test_no_warnings(rng):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        compiled(function([X], lambda x: (contract(x, x, "ij", "ik", "jk"),)), rng.random((12, 9)))


def test_weak_scalars_come_back_as_python_numbers():
    t = Var(ArrayType(FLOAT64, (), True), "t")
    out = compile_native(function([t, python_int("k")], lambda t, k: (t * 2.0, k + 1, Literal(3))))(1.5, 2)
    assert out == (3.0, 3, 3)
    assert [type(x) for x in out] == [float, int, int]


def test_arrays_that_are_returned_are_the_callers_memory(rng):
    """Also where many values share few names, and nothing but its place among the results names one."""

    def loss(a, u1, v1, u2, v2, x, y):
        a += np.outer(u1, v1) + np.outer(u2, v2)
        x += 0.5 * (y @ a)
        return np.sum(np.tanh(x)) + np.sum(a @ x)

    g = gs.jit(gs.value_and_grad(loss, argnums=tuple(range(7))))
    args = [rng.normal(size=size) for size in ((3, 4), 3, 4, 3, 4, 4, 3)]
    _, gradients = g(*args)
    for k, bar in enumerate(gradients):
        for place in np.ndindex(bar.shape):
            moved = [x.astype(complex) for x in args]
            moved[k][place] += 1e-30j
            np.testing.assert_allclose(bar[place], loss(*moved).imag / 1e-30, rtol=1e-12)
    module = g.find(tuple(args), {})[0].run.module
    assert [t.shape for t in module.results] == [()] and len(module.outputs) == 7


def adds_to_two_rows(a, w):
    total = 0.0
    for i in range(a.shape[0]):
        for j in range(i + 1):
            for k in range(a.shape[1]):
                total += w[i, j] * a[i, k] * a[j, k]
    return total


@pytest.mark.skipif(sys.platform != "linux" or os.uname().machine != "x86_64", reason="reads x86-64 assembly")
def test_adjoints_that_add_to_two_rows_of_an_array_are_vectorised(rng):
    """Rows i and j, which are one row where i = j: only the rows at hand say whether they are."""
    a, w = rng.normal(size=(5, 40)), rng.normal(size=(5, 5))
    g = gs.jit(gs.grad(adds_to_two_rows))
    lower = np.tril(w)
    np.testing.assert_allclose(g(a, w), (lower + lower.T) @ a, rtol=1e-12, atol=1e-13)
    native = g.find((a, w), {})[0].run
    assert re.search(r"\bu\(i\), k\] \+=", native.source) and re.search(r"\bu\(j\), k\] \+=", native.source)
    assert re.search(r"\b(vfmadd\d+pd|v?addpd)\b", assembly(native))
