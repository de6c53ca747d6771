"""Growable buffers: identity while there is room, doubled copies after, any rank and dtype."""

import numpy as np
import pytest
from compiled_loops import compiled

from gradscribe import kernels

pytestmark = pytest.mark.native


@pytest.mark.parametrize("run", [compiled, lambda function: function])
@pytest.mark.parametrize(
    ("shape", "dtype"), [((), np.float64), ((3,), np.float32), ((2, 2), np.int64), ((0,), np.bool_)]
)
def test_append(run, shape, dtype):
    def append(tape, count):
        for i in range(count):
            tape = kernels.grow(tape, i + 1)
            tape[i] = i
        return tape

    tape = run(append)(np.empty((1, *shape), dtype), 100)
    assert tape.shape == (128, *shape) and tape.dtype == dtype
    expected = np.broadcast_to(np.arange(100).reshape(-1, *[1] * len(shape)), (100, *shape)).astype(dtype)
    np.testing.assert_array_equal(tape[:100], expected)


@pytest.mark.parametrize("run", [compiled, lambda function: function])
def test_room(run):
    grow = run(lambda buffer, needed: kernels.grow(buffer, needed))
    buffer = np.arange(12.0).reshape(4, 3)
    assert np.shares_memory(grow(buffer, 4), buffer)
    assert grow(buffer, 5).shape == (8, 3)
    assert grow(buffer, 100).shape == (100, 3)
    assert grow(np.empty((0, 3)), 1).shape == (1, 3)
    assert not np.shares_memory(grow(buffer, 5), buffer)
    np.testing.assert_array_equal(grow(buffer, 5)[:4], buffer)
