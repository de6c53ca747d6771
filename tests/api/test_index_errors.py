"""An index out of range raises IndexError at the user's line, in emitted text and in native code, in the same words."""

import traceback

import numpy as np
import pytest

import gradscribe as gs

X = np.arange(5.0)


def read(x, i):
    return x[i] * 2.0


def written(x, i):
    y = x * 2.0
    y[i] = 0.0
    return y


def taken(x, i):
    return np.take(x, i)


def put(x, i):
    np.put(x, i, 1.0)
    return x


def added(x, i):
    np.multiply.at(x, i, 2.0)
    return x


LINES = {read: 14, written: 19, taken: 24, put: 28, added: 33}


@pytest.mark.parametrize("backend", ["python", pytest.param("native", marks=pytest.mark.native)])
@pytest.mark.parametrize("function", LINES)
def test_index_out_of_range(function, backend):
    compiled = gs.jit(function, backend=backend)
    for wrong in (np.array([0, 5, 5]), np.array([-6, 1, 1])):
        with pytest.raises(IndexError, match="is out of bounds") as caught:
            compiled(X.copy(), wrong)
        assert f"test_index_errors.py:{LINES[function]}:" in str(caught.value)
    right = np.array([-5, 4, 4])
    np.testing.assert_array_equal(compiled(X.copy(), right), function(X.copy(), right))


A, KEYS = np.arange(12.0).reshape(3, 4), np.array([1, 9, -9])


def column(a, k):
    return a[1, k[1]] * 2.0


def row(a, k):
    return a[k[2]] * 2.0


def elements(a, k):
    return a[:, k[:2]] * 2.0  # of several positions out of range, native code names one


def pair(a, k):
    return a[k[0]][k[1]]


def inner(a, k):
    return a[1:, 1:][k[0], k[2]]


def along(a, k):
    return np.take(a, k[1], axis=1) + np.take(a, k[0], axis=1)


def written_in_a_loop(a, k):
    for i in k:
        a[1, i] += 2.0
    return a


def part_of_a_row(a, k):
    a[k[1], 1:] = 2.0
    return a


def slice_then_element(a, k):
    return a[0][k[0] :][k[1]]


def in_a_branch(a, k):
    if a[0, 0] < 1.0:
        return a[k[1], 0]
    return a[1, 1]


def grown_list(a, k):
    out = []
    for row in a:
        out.append(row[1] * 2.0)
    return out[k[1]]


def grown_list_under_a_condition(a, k):
    out = []
    for v in a[1]:
        if v > 4.5:
            out.append(v * 2.0)
    return out[k[2]]


def popped_from_nothing(a, k):
    out = []
    for v in a[1]:
        if v > 100.0:
            out.append(v * 2.0)
    return out.pop()


def written_list(a, k):
    out = [a[0, 0], a[0, 1], a[0, 2]]
    out[k[1]] = a[1, 1]
    return out[0]


def slice_of_a_list(a, k):
    out = []
    for v in a[1]:
        out.append(v * 2.0)
    return out[1:3][k[1]]


def tuple_of_two(a, k):
    return (a[0, 0], a[1, 1])[k[2]]


SAYS = {
    column: "index 9 is out of bounds for axis 1 with size 4",
    row: "index -9 is out of bounds for axis 0 with size 3",
    elements: "index 9 is out of bounds for axis 1 with size 4",
    pair: "index 9 is out of bounds for axis 1 with size 4",  # one subscript, `a[k[0], k[1]]`, in both
    inner: "index -9 is out of bounds for axis with size 3",
    along: "index 9 is out of bounds for axis with size 4",
    written_in_a_loop: "index 9 is out of bounds for axis 1 with size 4",
    part_of_a_row: "index 9 is out of bounds for axis 0 with size 3",
    slice_then_element: "index 9 is out of bounds for axis with size 3",
    in_a_branch: "index 9 is out of bounds for axis 0 with size 3",
    grown_list: "index 9 is out of bounds for axis 0 with size 3",
    grown_list_under_a_condition: "index -9 is out of bounds for axis with size 3",
    popped_from_nothing: "index -1 is out of bounds for axis with size 0",
    written_list: "index 9 is out of bounds for axis 0 with size 3",
    slice_of_a_list: "index 9 is out of bounds for axis 0 with size 2",
    tuple_of_two: "index -9 is out of bounds for axis with size 2",
}


@pytest.mark.parametrize("backend", ["python", pytest.param("native", marks=pytest.mark.native)])
@pytest.mark.parametrize("function", SAYS)
def test_text_and_native_code_say_the_same(function, backend):
    with pytest.raises(IndexError) as theirs:
        function(A.copy(), KEYS)
    with pytest.raises(type(theirs.value)) as caught:
        gs.jit(function, backend=backend)(A.copy(), KEYS)
    place, _, rest = str(caught.value).partition(": IndexRangeError: ")
    here = [frame.lineno for frame in traceback.extract_tb(theirs.tb) if frame.filename == __file__]
    assert int(place.split(":")[-2]) == here[-1]
    assert rest.splitlines()[0] == SAYS[function]


@pytest.mark.parametrize("backend", ["python", pytest.param("native", marks=pytest.mark.native)])
def test_positions_known_at_the_call(backend):
    @gs.jit(backend=backend)
    def column(a, i):
        return a[1, i] + a[i, 1]

    with pytest.raises(IndexError, match=r"index i \(here 7\) is out of bounds for axis 1 with size 4"):
        column(A, 7)
