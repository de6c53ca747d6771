"""What `explain` says of programs whose tapes, loops and arrays are known."""

import numpy as np
import pytest

import gradscribe as gs
from programs.cholesky import cholesky

RNG = np.random.default_rng(0)


def recurrence(w, h, steps):
    for _ in range(steps):
        h = np.tanh(w @ h)
    return np.sum(h)


def root(x):
    y = 1.0
    while abs(y * y - x) > 1e-12:
        y = 0.5 * (y + x / y)
    return y


def softmax(x):
    e = np.exp(x - np.max(x, axis=1, keepdims=True))
    return e / np.sum(e, axis=1, keepdims=True)


def test_tapes_with_their_bytes(capsys):
    found = gs.explain(gs.grad(recurrence), np.eye(3), np.ones(3), 5)
    assert capsys.readouterr().out == str(found) + "\n"
    assert [(s.name, s.tape, s.bytes) for s in found.saved] == [("h", "array", 5 * 3 * 8)] * 2
    assert found.saved[0].why.startswith("it changes from trip to trip")
    assert "`tanh` is not repeated" in found.saved[1].why
    made = {a.name for a in found.loops.allocations}
    assert "h_saved" in made


def test_single_precision_is_saved_in_single_precision(capsys):
    narrow = gs.explain(gs.grad(recurrence), np.eye(3, dtype=np.float32), np.ones(3, np.float32), 5)
    assert [s.bytes for s in narrow.saved] == [5 * 3 * 4] * 2


def test_what_is_read_again_needs_no_tape(capsys):
    found = gs.explain(gs.grad(lambda A: np.sum(cholesky(A))), np.eye(4))
    assert found.saved == () and found.reread
    assert "saved for reverse mode:\n  nothing\n" in capsys.readouterr().out


def test_a_tape_of_unknown_length(capsys):
    found = gs.explain(gs.grad(root), 2.0)
    assert [(s.name, s.tape, s.bytes) for s in found.saved] == [("y", "stack", None)]
    assert "since the number of trips is data" in capsys.readouterr().out


def test_loops_and_arrays_of_a_fused_program(capsys):
    x = RNG.normal(size=(6, 5))
    found = gs.explain(softmax, x)
    (nest,) = found.loops.nests
    assert nest.independent and nest.depth == 2 and len(nest.lines) == 2
    assert found.array_operations > 3 and found.loops.calls == []
    assert found.result_bytes == x.nbytes  # the one array that is returned
    assert found.temporary_bytes <= 2 * x.nbytes


@pytest.mark.parametrize("transform", [lambda f: f, gs.jit])
def test_kernels_are_named(transform, capsys):
    found = gs.explain(transform(lambda a, b: np.tanh(a @ b) @ b), np.ones((4, 4)), np.ones((4, 4)))
    assert [c.operation for c in found.loops.calls] == ["matmul", "matmul"]
    assert "matmul, line" in str(found)


def test_nested_transformations_explain_each_reverse_sweep(capsys):
    twice = gs.explain(gs.grad(lambda w: np.sum(gs.grad(recurrence)(w, np.ones(3), 5) ** 2)), np.eye(3))
    assert {s.name for s in twice.saved} >= {"h", "h_bar"}


def test_loops_whose_trips_are_data(capsys):
    def halved(x):
        while np.max(np.abs(x)) > 1.0:
            x = 0.5 * x
        return x

    found = gs.explain(halved, RNG.normal(size=(3, 4)))
    assert all(nest.depth == 2 for nest in found.loops.nests) and len(found.loops.nests) >= 2
    (nest,) = gs.explain(root, 2.0).loops.nests or [None]
    assert nest is None or nest.trips == ()


def test_abstract_arguments_leave_sizes_open(capsys):
    found = gs.explain(gs.grad(recurrence), gs.F64["n n"], gs.F64["n"], 5)
    assert [s.bytes for s in found.saved] == [None, None]
    assert "f64[5, n]" in str(found) or "f64[steps, n]" in str(found)
