"""Dtypes: complex numbers, float32 among float64, integers of all widths, booleans. (Complex arguments are compared
with JAX in `test_complex.py`; finite differences here see real arguments.)"""

from __future__ import annotations

import numpy as np

from language.registry import program

X = np.array([0.3, -0.7, 1.2, 0.5])
Y = np.array([0.4, 0.9, -0.2, 1.1])


@program(X, Y)
def complex_parts_and_functions(x, y):
    z = x + 1j * y
    w = np.exp(z) * np.conj(z) / (2.0 - 1j) + np.sqrt(z) ** 3 - z.conjugate() ** -2
    return np.sum(w.real * np.abs(z) + w.imag * np.angle(z)), np.log(w), np.sin(z) * np.tanh(w)


@program(X, Y)
def complex_reductions_and_products(x, y):
    z = x * np.exp(1j * y)
    m = np.outer(z, z[::-1]) + np.eye(4) * (3.0 + 1j)
    return np.vdot(z, x) + np.prod(z) + np.mean(m), np.linalg.solve(m, z), np.linalg.norm(m) + np.var(z), np.cumsum(z)


@program(X, Y)
def complex_loop_with_writes(x, y):
    z = np.zeros(4, dtype=np.complex128)
    state = complex(0.5, 0.25)
    for i in range(4):
        state = state * state + x[i] - 1j * y[i]
        if state.real > 0.2:
            z[i] = state
        else:
            z[i] += 2.0 * state
    z[1:] *= z[:-1]
    return np.where(np.abs(z) > 0.5, z, 1j)


@program(X, Y)
def fourier_transforms(x, y):
    z = np.fft.fft(x + 1j * y)
    m = np.fft.fft2(np.outer(x, y), norm="ortho")
    filtered = np.fft.irfft(np.fft.rfft(x[:3]) * np.exp(-np.fft.rfftfreq(3)), n=3)
    return np.sum(np.abs(np.fft.fftshift(z)) ** 2), m.imag, filtered, np.fft.ifft(z * z, axis=0)


@program(X, Y)
def numbers_rounded_to_digits(x, y):
    total = 0.0
    for k in range(4):
        total += x[k] * round(y[k] * x[k], 2) + round(np.float64(2.675), 2) * y[k]
    return total * round(x.sum()), round(len(x), 1)
