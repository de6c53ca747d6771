"""Complex numbers made of parts: no product with 1j, which turns an infinite part into a NaN beside it."""

from __future__ import annotations

import numpy as np
import pytest

import gradscribe as gs


def parts_assigned(x):
    z = np.zeros(x.shape, dtype=np.complex128)
    z.real = x
    z.imag = np.inf
    return z, complex(x[0], np.inf)


def written_in_the_argument(z, x):
    z.real[:] = x
    z.imag[0] = x[1]
    z.imag -= 2
    return z.real


def imaginary_part_of_real_numbers(x):
    x.imag[0] = 1.0
    return x


@pytest.mark.parametrize("backend", ["python", "native"])
def test_infinite_parts_stay_what_they_are(backend):
    array, number = gs.jit(parts_assigned, backend=backend)(np.array([1.5, -0.5]))
    np.testing.assert_array_equal(array.real, [1.5, -0.5])
    np.testing.assert_array_equal(array.imag, [np.inf, np.inf])
    assert number == complex(1.5, np.inf)


@pytest.mark.parametrize("backend", ["python", "native"])
@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
def test_parts_of_the_callers_array_are_written(backend, dtype):
    given, wanted = np.ones(3, dtype), np.ones(3, dtype)
    x = np.array([0.25, 3.0, -1.0], given.real.dtype)
    result = gs.jit(written_in_the_argument, backend=backend)(given, x)
    np.testing.assert_array_equal(result, written_in_the_argument(wanted, x))
    np.testing.assert_array_equal(given, wanted)
    assert result.dtype == x.dtype


def test_the_imaginary_part_of_real_numbers_is_read_only():
    with pytest.raises(ValueError, match="read-only"):
        imaginary_part_of_real_numbers(np.ones(2))
    with pytest.raises(gs.ReadOnlyError, match=r"test_complex_parts.py:\d+:\d+"):
        gs.jit(imaginary_part_of_real_numbers)(np.ones(2))
