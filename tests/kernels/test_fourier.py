"""Compiled Fourier transforms of many lengths against NumPy's."""

import numba
import numpy as np
import pytest

from gradscribe.kernels.fourier import fourier_rows, inverse_fourier_rows
from gradscribe.kernels.options import OPTIONS


@numba.njit(**OPTIONS)
def both(x, forward, inverse):
    fourier_rows(x, forward)
    inverse_fourier_rows(x, inverse)


@pytest.mark.native
def test_every_length():
    rng = np.random.default_rng(0)
    for n in (1, 2, 3, 4, 5, 7, 8, 12, 13, 16, 30, 64, 97, 360, 1024, 1031):
        x = rng.standard_normal((2, n)) + 1j * rng.standard_normal((2, n))
        forward, inverse = np.empty_like(x), np.empty_like(x)
        both(x, forward, inverse)
        scale = np.abs(x).sum()
        assert np.abs(forward - np.fft.fft(x)).max() < 1e-15 * scale + 1e-14
        assert np.abs(inverse - np.fft.ifft(x)).max() < 1e-15 * scale / n + 1e-15
