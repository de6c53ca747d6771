"""Positions that are the counter of a loop plus a number are tested once, at the ends of the loop: nothing else may be
seen of that than speed."""

import os
import re
import sys

import numpy as np
import pytest

import gradscribe as gs

pytestmark = pytest.mark.native


def rows(d, p):
    total = 0.0
    for i in range(p.shape[0] - 1):
        for k in range(p[i], p[i + 1]):
            total += d[k] * d[k]
    return total


def shifted(d, p):
    total = 0.0
    for i in range(p.shape[0] - 1):
        for k in range(p[i], p[i + 1]):
            total += d[k] * d[k + 2] - d[k - 1]
    return total


def backwards(d, p):
    total = 0.0
    for i in range(p.shape[0] - 1):
        for k in range(p[i + 1], p[i], -1):
            total += d[k] * d[k - 1]
    return total


def written(d, p):
    y = d * 1.0
    for i in range(p.shape[0] - 1):
        for k in range(p[i], p[i + 1]):
            y[k] = y[k] * 3.0 + d[k]
    return np.sum(y)


def deeper(d, p):
    """The position stands in an inner loop and under a condition; the array has another size than the other one."""
    e, total = d[2:], 0.0
    for k in range(p[0], p[1]):
        for j in range(2):
            if k != 4:
                total += d[k] * e[k] * (j + 1.0)
    return total


ENDS = (
    *([0, 3, 9], [0, 20], [1, 18], [2, 19], [4, 5], [5, 2], [19, 20], [20, 20], [30, 25]),  # inside, or empty
    *([0, 21], [-1, 2], [-20, 2], [-21, 2], [25, 30], [25, 3, 1], [3, 2**63 - 1]),
    *([2**63 - 4, 2**63 - 1], [-(2**63) + 3, -(2**63) + 5]),
)


@pytest.mark.parametrize("dtype", [np.int64, np.int32])
@pytest.mark.parametrize("program", [rows, shifted, backwards, written, deeper])
def test_values_gradients_and_errors_are_pythons(program, dtype):
    d = np.linspace(0.5, 1.5, 20)
    value, gradient = gs.jit(program), gs.jit(gs.grad(program))
    for ends in ENDS:
        if max(map(abs, ends)) > np.iinfo(dtype).max:
            continue
        p = np.array(ends, dtype)
        try:
            expected = program(d, p)
        except IndexError as error:
            far = max(map(abs, ends)) > 2**62  # sums and ends may not fit 64 bits
            message = None if far else str(error).replace("axis 0", "axis( 0)?")
            for compiled in (value, gradient):
                with pytest.raises((IndexError, OverflowError) if far else IndexError, match=message):
                    compiled(d, p)
            continue
        np.testing.assert_allclose(value(d, p), expected, rtol=1e-13)
        steps = [program(d + 1e-30j * (np.arange(20) == k), p).imag / 1e-30 for k in range(20)]
        np.testing.assert_allclose(gradient(d, p), steps, rtol=1e-13, atol=1e-15)


def test_the_ends_are_tested_once():
    text = gs.source(shifted, np.ones(20), np.array([1, 18]), level="loops")
    test, loop = re.search(r"inside = (.*)\n +for k in (.*):\n", text).groups()
    assert test == "1 <= t and t2 <= d_size - 2" and loop == "range(t, t2)"
    assert len(re.findall(r"= k( [+-] \d)? if inside else check_index\(", text)) == text.count("check_index(") == 3


@pytest.mark.skipif(sys.platform != "linux" or os.uname().machine != "x86_64", reason="reads x86-64 assembly")
def test_loops_over_rows_are_vectorised():
    """With a test in every iteration, which may leave, they are not."""
    compiled = gs.jit(rows)
    args = np.ones(20), np.array([0, 20])
    compiled(*args)
    dispatcher = compiled.find(args, {})[0].run.compiled
    assert re.search(r"\bv?(fmadd\d+|add)pd\b", dispatcher.inspect_asm(dispatcher.signatures[0]))
