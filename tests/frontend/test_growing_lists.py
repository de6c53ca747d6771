"""Lists that grow in loops: what becomes of them in the program, what they share, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

import gradscribe as gs
from frontend.running import check_against_python
from gradscribe.transpiler.errors import GradscribeError
from gradscribe.transpiler.frontend.stage import stage
from gradscribe.transpiler.ir.walk import inner_eqns
from programs.published import PUBLISHED

X = np.array([0.3, -0.7, 1.2, 0.05, -1.1])
A = np.arange(12.0).reshape(4, 3) / 7 - 0.5


def count_of(function, *args):
    return sum(1 for _ in inner_eqns(stage(function, args, {}).function.region))


def test_a_filter_that_collects_its_estimates_is_a_loop():
    measurements, *rest = PUBLISHED["kalman_filter"].arguments
    function = PUBLISHED["kalman_filter"].function
    longer = np.concatenate([measurements] * 10)
    assert count_of(function, longer, *rest) == count_of(function, measurements, *rest) < 60
    text = gs.source(gs.jit(function, backend="python"), longer, *rest)
    assert text.count("estimates = np.empty(") == text.count("estimates[k] = x") == 1
    assert "return estimates, log_likelihood" in text


def test_one_version_for_all_lengths():
    @gs.jit(backend="python")
    def running_sums(x):
        sums = [x[0]]
        for v in x[1:]:
            sums.append(sums[-1] + v)
        return np.array(sums)

    for n in (5, 3, 9):
        np.testing.assert_allclose(running_sums(np.arange(1.0, n)), np.cumsum(np.arange(1.0, n)))


def lengths(x):
    kept = []
    for v in x:
        if v > 0:
            kept.append(v)
    return len(kept), bool(kept), len(kept[1:])


def items_outlive_their_place(a):
    rows = []
    for r in a:
        rows.append(r * 2)
    last = rows[-1]
    rows.pop()
    rows.append(a[0])
    first = rows[0]
    rows[0] = a[2]
    return last, first, np.stack(rows)


def an_array_written_after_it_was_appended(a):
    s, seen = np.zeros(3), []
    for r in a:
        seen.append(s)
        s += r
    return np.stack(seen)


def an_item_written(a):
    rows = []
    for r in a:
        rows.append(r.copy())
    rows[1][0] = 7.0
    rows[2] += 1.0
    return np.stack(rows)


def a_row_that_grows_after_it_was_appended(a):
    rows, row = [], [0.0]
    for k in range(a.shape[0]):
        rows.append(row)
        row.append(a[k, 0])
    return len(rows[0]), sum(rows[1])


def one_list_with_two_names(x):
    a = b = []
    for v in x:
        a.append(v)
        b.append(-v)
    return np.array(a), len(b), a is b


def two_numbers_of_different_types(x):
    numbers = [1, 2.5]
    for k in range(len(x)):
        numbers.append(k)
    flags = []
    for v in x:
        flags.append(v > 0)
    return np.array(numbers), np.array(flags), sum(flags)


def strong_and_weak_numbers(x):
    numbers = [1.0]
    for v in x:
        numbers.append(v)
    return np.array(numbers)


def items_of_different_shapes(x):
    tails = []
    for k in range(len(x)):
        tails.append(x[k:])
    return tails[1].sum() * tails[-1].sum()


def until_the_end_of_a_static_loop(x):
    seen = [x[0]]
    for k in range(20):
        seen.append(np.sin(seen[-1]) + k)
    a, *rest = seen
    return a, rest[3], seen


def in_a_function_of_its_own(x):
    def path(start, n):
        out = [start]
        for _ in range(n):
            out.append(out[-1] * 0.5)
        return out

    return np.array(path(x[0], len(x))) * sum(path(x[1], len(x) + 2))


def a_copy_and_its_origin(x):
    a = []
    for v in x:
        a.append(v)
    b = a.copy()
    c = list(a)
    d = a + [x[0]]
    b.append(1.0)
    c.pop()
    return len(a), np.array(b), np.array(c), np.array(d), x[0] in a


@pytest.mark.parametrize(
    "function, arg",
    [
        (lengths, X), (items_outlive_their_place, A), (an_array_written_after_it_was_appended, A),
        (an_item_written, A), (a_row_that_grows_after_it_was_appended, A), (one_list_with_two_names, X),
        (two_numbers_of_different_types, X), (strong_and_weak_numbers, X), (items_of_different_shapes, X),
        (until_the_end_of_a_static_loop, X), (in_a_function_of_its_own, X), (a_copy_and_its_origin, X),
        (strong_and_weak_numbers, X.astype(np.float32)), (strong_and_weak_numbers, np.repeat(X, 4).astype(np.float32)),
        (lengths, np.repeat(X, 10)), (an_array_written_after_it_was_appended, np.repeat(A, 5, axis=0)),
    ],
)  # fmt: skip
def test_equals_python(function, arg):
    check_against_python(function, arg)


def test_a_list_whose_length_is_data_is_no_result():
    def positive(x):
        return [v for v in x if v > 0]

    with pytest.raises(GradscribeError, match=r"list whose length depends on data[\s\S]*np.array"):
        gs.jit(positive, backend="python")(X)


def test_a_list_that_grows_as_far_as_data_decides_is_doubled_when_it_is_full():
    def halvings(x):
        seen = [x]
        while seen[-1] > 1:
            seen.append(seen[-1] / 2)
        return sum(seen)

    for start in (0.5, 100.0, 1e9):
        check_against_python(halvings, start)
    text = gs.source(gs.jit(halvings, backend="python"), 100.0)
    assert text.count("if length == seen_size:") == text.count("np.concatenate(") == 1


def test_a_while_loop_over_the_length_of_a_list_leaves_its_length_static():
    def five(x):
        values = []
        while len(values) < 5:
            values.append(x[len(values)] * 2)
        return values

    assert len(gs.jit(five, backend="python")(X)) == 5


def test_a_key_that_is_there_on_some_paths_is_counted():
    def keys(x):
        d = {"a": x[0]}
        if x[1] < 0:
            d["b"] = x[1]
        return len(d)

    fast = gs.jit(keys, backend="python")
    for second in (1.0, -1.0):
        x = np.array([0.5, second, 2.0])
        assert fast(x) == keys(x)
