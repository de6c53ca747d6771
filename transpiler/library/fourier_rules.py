"""`np.fft`: transforms along one axis or several, of real signals too, frequencies and shifts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gradscribe.transpiler.errors import DTypeError, ShapeError, UnsupportedSyntax
from gradscribe.transpiler.ir.bounds import is_nonnegative
from gradscribe.transpiler.ir.builder import current_span, emit
from gradscribe.transpiler.ir.dims import Dim
from gradscribe.transpiler.ir.equalities import equalities
from gradscribe.transpiler.ir.nodes import Operand
from gradscribe.transpiler.library.arguments import as_dim, data, floating, one_axis, refuse_given, static_value, strong
from gradscribe.transpiler.library.complex_rules import real
from gradscribe.transpiler.library.shape_rules import SHAPE_RULES, join, moveaxis, pad
from gradscribe.transpiler.primitives import fourier
from gradscribe.transpiler.primitives.allocation import arange
from gradscribe.transpiler.primitives.arithmetic import less, select
from gradscribe.transpiler.primitives.complex_numbers import conjugated
from gradscribe.transpiler.primitives.elementary import sqrt
from gradscribe.transpiler.primitives.primitive import Linear
from gradscribe.transpiler.primitives.scans import flip, slice_axis

Rule = Callable[..., Any]


def _signal(a: Any, axis: Any, what: str) -> Operand:
    """The operand, floating, with the axis last."""
    x = floating(strong(data(a)))
    axis = one_axis(axis, x.rank, what)
    moved: Operand = x if axis == x.rank - 1 else moveaxis(x, axis, -1)
    return moved


def _back(y: Operand, axis: Any) -> Operand:
    axis = one_axis(axis, y.rank, "np.fft")
    moved: Operand = y if axis == y.rank - 1 else moveaxis(y, -1, axis)
    return moved


def _resized(x: Operand, n: Any, what: str) -> Operand:
    """The last axis cut to n, or filled up with zeros."""
    if n is None:
        return x
    length, wanted = x.shape[-1], as_dim(n, f"`n` of `{what}`")
    if equalities().normalize(length - wanted) == 0:
        return x
    if is_nonnegative(length - wanted):
        return slice_axis(x, x.rank - 1, 0, wanted)
    if not is_nonnegative(wanted - length):
        raise UnsupportedSyntax(current_span(), f"`{what}` with an `n` that may be smaller or larger than the axis")
    widths = [(0, 0)] * (x.rank - 1) + [(0, equalities().normalize(wanted - length))]
    padded: Operand = pad(x, widths)
    return padded


def _scaled(y: Operand, norm: Any, inverse: bool, n: Dim) -> Operand:
    """The transform, unscaled forwards and divided by n backwards, in another normalisation."""
    norm = static_value(norm, "norm")
    if norm not in (None, "backward", "ortho", "forward"):
        raise ValueError(f'Invalid norm value {norm}; should be "backward", "ortho" or "forward".')
    if norm in (None, "backward"):
        return y
    factor = floating(data(n)) if norm == "forward" else sqrt(floating(data(n)))
    scaled: Operand = y * factor if inverse else y / factor
    return scaled


def _transformed(operation: Linear, x: Operand, norm: Any) -> Operand:
    if equalities().normalize(x.shape[-1]) == 0:
        raise ShapeError(current_span(), "a Fourier transform of no data points")
    return _scaled(operation(x), norm, operation is fourier.ifft, x.shape[-1])


def _along_one_axis(operation: Linear) -> Rule:
    what = f"np.fft.{operation.name}"

    def rule(a: Any, n: Any = None, axis: Any = -1, norm: Any = None, out: Any = None) -> Any:
        refuse_given(what, out=(out, None))
        return _back(_transformed(operation, _resized(_signal(a, axis, what), n, what), norm), axis)

    return rule


def _along_axes(operation: Linear, name: str, default: tuple[int, ...] | None) -> Rule:
    def rule(a: Any, s: Any = None, axes: Any = default, norm: Any = None, out: Any = None) -> Any:
        refuse_given(f"np.fft.{name}", s=(s, None), out=(out, None))
        y = floating(strong(data(a)))
        for axis in range(y.rank) if axes is None else static_value(axes, "axes"):
            y = _back(_transformed(operation, _signal(y, axis, f"np.fft.{name}"), norm), axis)
        return y

    return rule


def rfft(a: Any, n: Any = None, axis: Any = -1, norm: Any = None, out: Any = None) -> Any:
    """The first half of the transform of a real signal; the other half is its conjugate."""
    refuse_given("np.fft.rfft", out=(out, None))
    x = _resized(_signal(a, axis, "np.fft.rfft"), n, "np.fft.rfft")
    if x.dtype.kind == "c":
        raise DTypeError(current_span(), "`np.fft.rfft` takes real signals", "use `np.fft.fft`")
    y = _transformed(fourier.fft, x, norm)
    return _back(slice_axis(y, y.rank - 1, 0, x.shape[-1] // 2 + 1), axis)


def irfft(a: Any, n: Any = None, axis: Any = -1, norm: Any = None, out: Any = None) -> Any:
    """The real signal of length n (2 (m - 1) for m coefficients) with this half of a transform."""
    refuse_given("np.fft.irfft", out=(out, None))
    x = _signal(a, axis, "np.fft.irfft")
    length = equalities().normalize(2 * (x.shape[-1] - 1) if n is None else as_dim(n, "`n` of `np.fft.irfft`"))
    half = _resized(x, length // 2 + 1, "np.fft.irfft")
    last = half.rank - 1
    rest = length - (length // 2 + 1)
    mirrored = flip(conjugated(slice_axis(half, last, 1, rest)), last)
    return _back(real(_transformed(fourier.ifft, join([half, mirrored], last), norm)), axis)


def fftfreq(n: Any, d: Any = 1.0, device: Any = None) -> Any:
    count = as_dim(n, "`n` of `np.fft.fftfreq`")
    places = emit(arange, (), {"start": Dim.of(0), "length": count, "step": 1})[0]
    signed = select(less(places, data((count + 1) // 2)), places, places - data(count))
    return signed * (1.0 / (data(count) * data(d)))


def rfftfreq(n: Any, d: Any = 1.0, device: Any = None) -> Any:
    count = as_dim(n, "`n` of `np.fft.rfftfreq`")
    places = emit(arange, (), {"start": Dim.of(0), "length": count // 2 + 1, "step": 1})[0]
    return places * (1.0 / (data(count) * data(d)))


def _shift(forwards: bool) -> Rule:
    def rule(x: Any, axes: Any = None) -> Any:
        y = strong(data(x))
        named = range(y.rank) if axes is None else axes if isinstance(axes, (tuple, list)) else (axes,)
        for k in named:
            length = y.shape[one_axis(k, y.rank, "np.fft.fftshift")]
            y = SHAPE_RULES[np.roll](y, length // 2 if forwards else -(length // 2), k)
        return y

    return rule


FOURIER_RULES: dict[Any, Rule] = {
    np.fft.fft: _along_one_axis(fourier.fft),
    np.fft.ifft: _along_one_axis(fourier.ifft),
    np.fft.fft2: _along_axes(fourier.fft, "fft2", (-2, -1)),
    np.fft.ifft2: _along_axes(fourier.ifft, "ifft2", (-2, -1)),
    np.fft.fftn: _along_axes(fourier.fft, "fftn", None),
    np.fft.ifftn: _along_axes(fourier.ifft, "ifftn", None),
    np.fft.rfft: rfft,
    np.fft.irfft: irfft,
    np.fft.fftfreq: fftfreq,
    np.fft.rfftfreq: rfftfreq,
    np.fft.fftshift: _shift(True),
    np.fft.ifftshift: _shift(False),
}
