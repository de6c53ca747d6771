"""An index out of range raises IndexError at the user's line, in emitted text and in native code."""

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


LINES = {read: 12, written: 17, taken: 22, put: 26, added: 31}


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
