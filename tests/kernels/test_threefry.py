"""Threefry: the known answers of its authors, compiled and not; silence where scalars wrap around."""

import numpy as np
import pytest
from compiled_loops import compiled

from gradscribe.kernels import threefry2x32

# Random123 1.14, tests/kat_vectors, threefry2x32 with 20 rounds: key, counter, answer
ANSWERS = [
    ((0x00000000, 0x00000000), (0x00000000, 0x00000000), (0x6B200159, 0x99BA4EFE)),
    ((0xFFFFFFFF, 0xFFFFFFFF), (0xFFFFFFFF, 0xFFFFFFFF), (0x1CB996FC, 0xBB002BE7)),
    ((0x13198A2E, 0x03707344), (0x243F6A88, 0x85A308D3), (0xC4923A9C, 0x483DF7A0)),
]


def word(pair):
    return np.uint64(pair[0] << 32 | pair[1])


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("key", "counter", "answer"), ANSWERS)
def test_known_answers(key, counter, answer):
    k0, k1 = map(np.uint32, key)
    value = threefry2x32(k0, k1, word(counter))
    assert isinstance(value, np.uint64) and value == word(answer)
    np.testing.assert_array_equal(threefry2x32(k0, k1, np.full((2, 3), word(counter))), np.full((2, 3), word(answer)))


@pytest.mark.native
def test_compiled_words_are_the_same():
    def fill(k0, k1, out):
        for i in range(out.size):
            out[i] = threefry2x32(k0, k1, np.uint64(i))

    out = np.empty(1000, np.uint64)
    k0, k1 = np.uint32(0xDEADBEEF), np.uint32(7)
    compiled(fill)(k0, k1, out)
    np.testing.assert_array_equal(out, threefry2x32(k0, k1, np.arange(1000, dtype=np.uint64)))
