"""Discrete Fourier transforms of rows, for native code; in CPython NumPy does the work.

In: an array (rows, n) of numbers. Out: the transforms, written into a complex array of that shape, computed in double
precision. Powers of two by Cooley and Tukey's algorithm, other lengths as a convolution of such a length.
Sources: J. Cooley, J. Tukey (1965); L. Bluestein, A linear filtering approach to the computation of discrete Fourier
transform (1970).
"""

import math
from typing import Any

import numpy as np
from numba.extending import overload, register_jitable

from gradscribe.kernels.options import OPTIONS

_jitable = register_jitable(**OPTIONS)


def fourier_rows(x: Any, out: Any) -> None:
    """out[i] = np.fft.fft(x[i])."""
    out[...] = np.fft.fft(x)


def inverse_fourier_rows(x: Any, out: Any) -> None:
    """out[i] = np.fft.ifft(x[i])."""
    out[...] = np.fft.ifft(x)


@_jitable
def _roots(count: Any, order: Any, sign: Any) -> Any:
    """exp(sign 2 pi i k / order) for k < count."""
    roots = np.empty(count, np.complex128)
    for k in range(count):
        angle = 2.0 * math.pi * k / order
        roots[k] = complex(math.cos(angle), sign * math.sin(angle))
    return roots


@_jitable
def _power_of_two(row: Any, roots: Any) -> None:
    """The transform in place; `roots` are the first half of the n-th roots of unity."""
    n = row.size
    j = 0
    for k in range(1, n):  # the order of reversed bits
        bit = n >> 1
        while j & bit:
            j ^= bit
            bit >>= 1
        j |= bit
        if k < j:
            row[k], row[j] = row[j], row[k]
    half = 1
    while half < n:
        step = n // (2 * half)
        for start in range(0, n, 2 * half):
            for k in range(half):
                upper, lower = row[start + k], row[start + k + half] * roots[k * step]
                row[start + k] = upper + lower
                row[start + k + half] = upper - lower
        half *= 2


@_jitable
def _convolved(row: Any, chirp: Any, filter: Any, work: Any, roots: Any) -> None:
    """The transform of another length in place: chirp * (chirp * row convolved with the conjugate chirp)."""
    n, m = row.size, work.size
    for k in range(n):
        work[k] = row[k] * chirp[k]
    for k in range(n, m):
        work[k] = 0.0
    _power_of_two(work, roots)
    for k in range(m):
        work[k] = (work[k] * filter[k]).conjugate()  # the inverse transform is the conjugate of that of the conjugate
    _power_of_two(work, roots)
    for k in range(n):
        row[k] = work[k].conjugate() / m * chirp[k]


@_jitable
def _transform(x: Any, out: Any, sign: Any) -> None:
    n = x.shape[1]
    row = np.empty(n, np.complex128)
    scale = 1.0 if sign < 0 else 1.0 / n
    size = 1
    while size < n:
        size *= 2
    simple = size == n
    if not simple:
        size = 1
        while size < 2 * n - 1:
            size *= 2
    roots = _roots(size // 2 + 1, size, -1.0 if not simple else sign)
    chirp, filter, work = np.empty(n, np.complex128), np.empty(size, np.complex128), np.empty(size, np.complex128)
    if not simple:
        table = _roots(2 * n, 2 * n, sign)
        for k in range(n):
            chirp[k] = table[(k * k) % (2 * n)]
        for k in range(size):
            filter[k] = 0.0
        filter[0] = chirp[0].conjugate()
        for k in range(1, n):
            filter[k] = filter[size - k] = chirp[k].conjugate()
        _power_of_two(filter, roots)
    for i in range(x.shape[0]):
        for k in range(n):
            row[k] = x[i, k]
        if simple:
            _power_of_two(row, roots)
        else:
            _convolved(row, chirp, filter, work, roots)
        for k in range(n):
            out[i, k] = row[k] * scale


@overload(fourier_rows, jit_options=OPTIONS)
def _choose_forward(x, out):  # no annotations: Numba wants the parameter list of the implementation
    return lambda x, out: _transform(x, out, -1.0)


@overload(inverse_fourier_rows, jit_options=OPTIONS)
def _choose_inverse(x, out):
    return lambda x, out: _transform(x, out, 1.0)
