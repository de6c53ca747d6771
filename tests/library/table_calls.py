"""Calls of every function of the NumPy table: (function, arguments, options)."""

import builtins
import math

import numpy as np
import scipy.special

from gradscribe.transpiler.library.derivative_rules import checkpoint_name, stop_gradient
from library.driver import Known, Size

RNG = np.random.default_rng(7)


def floats(*shape, low=-2.0, high=2.0):
    return RNG.uniform(low, high, shape)


def single(*shape, low=-2.0, high=2.0):
    return RNG.uniform(low, high, shape).astype(np.float32)


def ints(*shape, low=-5, high=6):
    return RNG.integers(low, high, shape)


def truths(*shape):
    return RNG.integers(0, 2, shape).astype(bool)


CASES = []


def case(function, *args, **options):
    CASES.append((function, args, options))


# ---- ufuncs: arrays of two precisions, broadcasting, integers, NumPy scalars, Python floats ----

_ANYWHERE = (
    np.exp, np.exp2, np.expm1, np.sin, np.cos, np.tan, np.arctan, np.sinh, np.cosh, np.tanh, np.arcsinh, np.cbrt,
    np.abs, np.sign, np.floor, np.ceil, np.trunc, np.rint, np.isnan, np.isinf, np.isfinite, np.negative, np.square,
    np.fabs, np.sinc, np.deg2rad, np.rad2deg, np.logical_not, np.positive, scipy.special.erf, scipy.special.erfc,
    scipy.special.expit, scipy.special.log_expit,
)  # fmt: skip
for _f in _ANYWHERE:
    case(_f, floats(3, 4))
    case(_f, 0.7)
    case(_f, np.float64(-1.2))
    case(_f, single(5))
for _f in (np.exp, np.sin, np.tanh, np.abs, np.sign, np.negative, np.square, np.floor, np.logical_not, np.isfinite):
    case(_f, ints(4))
for _f in (np.exp, np.sqrt, np.square, np.negative, np.abs):
    case(_f, Size(4))
for _f in (np.log, np.log2, np.log10, np.sqrt, np.reciprocal, np.log1p):
    case(_f, floats(3, low=0.2, high=3))
    case(_f, 1.7)
    case(_f, single(3, low=0.2, high=3))
case(np.sqrt, ints(4, low=0))
for _f in (np.arcsin, np.arccos, np.arctanh, scipy.special.logit):
    case(_f, floats(3, low=0.1, high=0.9))
case(np.arccosh, floats(3, low=1.1, high=4))
_PAIRS = (
    np.add, np.subtract, np.multiply, np.divide, np.floor_divide, np.remainder, np.fmod, np.maximum, np.minimum,
    np.fmax, np.fmin, np.arctan2, np.hypot, np.logaddexp, np.less, np.less_equal, np.greater, np.greater_equal,
    np.equal, np.not_equal, np.heaviside, np.float_power, scipy.special.xlogy,
)  # fmt: skip
for _f in _PAIRS:
    case(_f, floats(3, 4, low=0.1), floats(4, low=0.1))
    case(_f, single(3, low=0.1), 1.5)
    case(_f, 0.5, 1.5)
    case(_f, single(3, low=0.1), floats(3, low=0.1))
for _f in (np.add, np.subtract, np.multiply, np.divide, np.floor_divide, np.remainder, np.maximum, np.less, np.equal):
    case(_f, ints(3, 4), ints(4, low=1))
    case(_f, floats(3), Size(4))
    case(_f, ints(3), 2)
for _f in (np.logical_and, np.logical_or, np.logical_xor):
    case(_f, truths(3, 4), truths(4))
    case(_f, floats(3), ints(3))
for _f in (np.bitwise_and, np.bitwise_or, np.bitwise_xor, np.left_shift, np.right_shift):
    case(_f, ints(4, low=0, high=9), ints(4, low=0, high=5))
case(np.bitwise_and, truths(4), truths(4))
case(np.invert, truths(4))
case(np.invert, ints(4))
case(np.power, floats(3, low=0.1), floats(3))
case(np.power, floats(3), 2)
case(np.power, ints(3), 3)
case(np.power, single(3, low=0.1), 0.5)
case(np.power, 2.0, 3.0)
case(np.divmod, floats(4), 0.7)
case(np.modf, floats(4))
case(np.add, single(3), single(3), dtype=np.float64)
case(np.clip, floats(9), -1.0, 0.5)
case(np.clip, single(9), floats(9), None)
case(np.clip, floats(9), 0.0, np.inf)
case(np.clip, ints(9), -1, 3)
case(np.round, floats(5))
case(np.round, floats(5), 2)
case(np.round, floats(5), decimals=-1)
case(np.nan_to_num, np.array([1.0, np.nan, np.inf, -np.inf]))
case(np.nan_to_num, np.array([1.0, np.nan], np.float32), nan=7.0)
case(np.isclose, np.array([1.0, 2.0, np.nan, np.inf, -np.inf]), np.array([1.0 + 1e-9, 2.1, np.nan, np.inf, np.inf]))
case(np.isclose, np.array([np.nan, 1.0]), np.array([np.nan, 1.1]), rtol=0.2, equal_nan=True)
case(np.fmax, np.array([1.0, np.nan, np.nan]), np.array([np.nan, 2.0, np.nan]))
case(np.maximum, np.array([1.0, np.nan]), np.array([np.nan, 2.0]))
case(scipy.special.expit, np.array([-1000.0, 1000.0]))
case(scipy.special.xlogy, np.array([0.0, 0.0]), np.array([0.0, np.nan]))

WITH_NAN = np.array([[0.5, np.nan, -1.5], [np.nan, 2.5, 0.25]])
for _f in (np.nanmax, np.nanmin, np.nanprod, np.nanvar, np.nanstd, np.nancumsum, np.nancumprod):
    case(_f, WITH_NAN)
    case(_f, WITH_NAN, axis=1)
    case(_f, floats(3, 4), axis=0)
case(np.nanmax, np.array([np.nan, np.nan]))
case(np.nanstd, floats(4), ddof=1, keepdims=True)
case(np.logaddexp2, floats(3, 4), floats(4))
case(np.sum, ints(3).astype(np.int8), dtype=np.int8)
case(np.prod, np.array([100, 100], np.int8), dtype=np.int8)
case(np.cumsum, ints(3).astype(np.int16), dtype=np.int8)
case(np.power, ints(3), ints(3, low=0))

# ---- complex numbers ----


def complexes(*shape):
    return floats(*shape) + 1j * floats(*shape)


for _f in (np.real, np.imag, np.conjugate, np.angle, np.abs, np.iscomplexobj, np.isrealobj):
    case(_f, complexes(3, 4))
    case(_f, complexes(3).astype(np.complex64))
    case(_f, np.complex128(1 - 2j))
    case(_f, floats(3))
    case(_f, 1.5)
    case(_f, 1.5 + 2j)
for _f in (np.exp, np.log, np.sqrt, np.sin, np.arctan, np.square, np.negative, np.reciprocal, np.isnan, np.isinf):
    case(_f, complexes(3, 4))
    case(_f, complexes(3).astype(np.complex64))
for _f in (np.sum, np.prod, np.mean, np.var, np.std, np.cumsum, np.cumprod, np.linalg.norm, np.any):
    case(_f, complexes(3, 4))
    case(_f, complexes(3, 4).astype(np.complex64), axis=0)
for _f in (np.add, np.multiply, np.divide, np.power, np.equal):
    case(_f, complexes(3, 4), complexes(4))
    case(_f, complexes(3).astype(np.complex64), single(3))
    case(_f, complexes(3).astype(np.complex64), floats(3))
    case(_f, single(3), 1.5j)
case(np.angle, complexes(3), deg=True)
case(np.vdot, complexes(3), complexes(3))
case(np.linalg.norm, complexes(4), ord=1)
case(np.linalg.norm, complexes(4), ord=0)
case(builtins.complex, 0.5, 1.5)
case(builtins.complex, np.float32(0.5))

for _f in (np.fft.fft, np.fft.ifft, np.fft.fft2, np.fft.ifft2, np.fft.fftn, np.fft.ifftn):
    case(_f, complexes(3, 4))
    case(_f, floats(3, 4), norm="ortho")
    case(_f, single(3, 5), norm="forward")
case(np.fft.fft, complexes(3, 4), axis=0)
case(np.fft.fft, complexes(5), n=3, known_sizes=True)
case(np.fft.ifft, floats(3, 5), n=8, known_sizes=True)
for _f in (np.fft.rfft, np.fft.irfft):
    case(_f, floats(3, 6))
    case(_f, floats(5, 3), axis=0)
    case(_f, floats(6), n=5, norm="ortho", known_sizes=True)
case(np.fft.irfft, complexes(3, 4), n=7, known_sizes=True)
for _f in (np.fft.fftfreq, np.fft.rfftfreq):
    case(_f, Size(6))
    case(_f, Size(7), 0.25)
for _f in (np.fft.fftshift, np.fft.ifftshift):
    case(_f, floats(5))
    case(_f, floats(3, 4), axes=1)

# ---- reductions ----

for _f in (np.sum, np.prod, np.max, np.min, np.any, np.all, np.mean, np.var, np.std, np.ptp, np.count_nonzero):
    case(_f, floats(3, 4))
    case(_f, floats(3, 4, 5), axis=(0, -1))
    case(_f, single(3, 4), axis=1, keepdims=True)
    case(_f, ints(3, 4), axis=0)
for _f in (np.sum, np.prod, np.mean, np.any, np.max, np.std):
    case(_f, truths(3, 4))
case(np.sum, single(3), dtype=np.float64)
case(np.sum, ints(3).astype(np.int32))
case(np.sum, ints(3).astype(np.uint8))
case(np.sum, 2.5)
case(np.mean, ints(3, 4), dtype=np.float32)
case(np.var, floats(7), ddof=1)
case(np.std, floats(4, 5), 1, ddof=1, keepdims=True)
case(np.average, floats(4, 3), axis=0)
case(np.average, floats(4, 3), 0, floats(4, low=0.1))
case(np.average, floats(4), weights=floats(4, low=0.1))
case(np.nansum, np.array([1.0, np.nan, 2.0]))
case(np.nanmean, np.array([[1.0, np.nan], [2.0, 3.0]]), axis=0)
for _f in (np.argmax, np.argmin):
    case(_f, floats(3, 4))
    case(_f, floats(3, 4), axis=1)
    case(_f, ints(6), axis=0, keepdims=True)
for _f in (np.cumsum, np.cumprod):
    case(_f, floats(3, 4))
    case(_f, single(3, 4), axis=0)
    case(_f, ints(3, 4), axis=-1)
    case(_f, truths(4))
case(np.diff, floats(3, 5))
case(np.diff, floats(5, 3), n=2, axis=0)
case(np.diff, truths(5))
case(np.gradient, floats(6))
case(np.gradient, floats(2, 6), 0.3)
case(np.gradient, floats(6, 3), 0.3, axis=0)
case(np.trapezoid, floats(3, 5))
case(np.trapezoid, floats(3, 5), np.sort(floats(5)))
case(np.trapezoid, floats(5, 3), dx=0.3, axis=0)
for _order in (None, 1, 2, 3, Known(0.5), Known(np.inf), Known(-np.inf), 0):
    case(np.linalg.norm, floats(5), _order)
    case(np.linalg.norm, floats(3, 5), _order, axis=1)
case(np.linalg.norm, floats(3, 4))
case(np.linalg.norm, floats(3, 4), "fro")
case(np.linalg.norm, floats(3, 4, 5), axis=(0, 2), keepdims=True)
case(np.linalg.norm, single(4))
case(np.linalg.norm, ints(4))
case(scipy.special.logsumexp, floats(3, 4))
case(scipy.special.logsumexp, floats(3, 4), axis=1, keepdims=True)
case(scipy.special.logsumexp, np.array([-np.inf, -np.inf]))
case(scipy.special.softmax, floats(3, 4), axis=0)
case(scipy.special.log_softmax, floats(3, 4), axis=-1)

# ---- contractions ----

_SHAPES = [((3,), (3,)), ((4, 3), (3,)), ((4,), (4, 3)), ((4, 3), (3, 5)), ((2, 4, 3), (3, 5)), ((4, 3), (2, 3, 5))]
_SHAPES += [
    ((2, 4, 3), (2, 3, 5)),
    ((2, 1, 4, 3), (6, 3, 5)),
    ((1, 4, 3), (1, 3, 5)),
    ((3,), (2, 3, 5)),
    ((2, 4, 3), (3,)),
]
for _a, _b in _SHAPES:
    case(np.matmul, floats(*_a), floats(*_b))
for _a, _b in [*_SHAPES[:5], ((4, 3), (2, 3, 5)), ((), (3,)), ((2, 3), ())]:
    case(np.dot, floats(*_a), floats(*_b))
case(np.dot, ints(3, 4), ints(4))
case(np.dot, single(3), floats(3))
case(np.inner, floats(2, 3), floats(4, 3))
case(np.outer, floats(2, 3), floats(4))
case(np.linalg.outer, floats(2), floats(4))
case(np.vdot, floats(2, 3), floats(2, 3))
case(np.vecdot, floats(2, 3), floats(2, 3))
case(np.tensordot, floats(2, 3, 4), floats(3, 4, 5))
case(np.tensordot, floats(2, 3, 4), floats(4, 5), 1)
case(np.tensordot, floats(2, 3, 4), floats(5, 4, 2), axes=([0, 2], [2, 1]))
case(np.tensordot, floats(2, 3), floats(4), 0)
case(np.einsum, "ij,jk->ik", floats(2, 3), floats(3, 4))
case(np.einsum, "ij,jk", floats(2, 3), floats(3, 4))
case(np.einsum, "ij->ji", floats(2, 3))
case(np.einsum, "ii", floats(3, 3))
case(np.einsum, "ii->i", floats(3, 3))
case(np.einsum, "ij,ij->", floats(2, 3), floats(2, 3))
case(np.einsum, "i,ij,j", floats(2), floats(2, 3), floats(3))
case(np.einsum, "ijk,j->i", floats(2, 3, 4), floats(3))
case(np.einsum, "...ij,...jk->...ik", floats(5, 2, 3), floats(5, 3, 4))
case(np.einsum, "bij,bjk,bk->bi", floats(5, 2, 3), floats(5, 3, 4), floats(5, 4))
case(np.trace, floats(4, 4))
case(np.trace, floats(3, 5), 1)
case(np.kron, floats(2, 3), floats(4, 2))
case(np.kron, floats(3), floats(4))
case(np.linalg.multi_dot, [floats(2, 3), floats(3, 4), floats(4)])
case(np.linalg.matrix_power, floats(3, 3), 5)

case(np.polyval, [1.0, -2.0, 0.5], floats(4))
case(np.polyval, floats(3), 0.7, known_sizes=True)
case(np.copysign, floats(5), floats(5))
case(np.copysign, 2.0, Known(-0.0))
case(math.copysign, 2.0, -0.5)
case(np.cross, floats(3), floats(3), known_sizes=True)
case(np.cross, floats(4, 3), floats(3), known_sizes=True)
case(np.linalg.solve, floats(4, 4), floats(4))
case(np.linalg.solve, floats(4, 4), floats(4, 2))
case(np.linalg.solve, floats(2, 3, 3), floats(3, 5))
case(np.linalg.inv, floats(4, 4))
case(np.linalg.inv, ints(2, 2) * 7 + 20 * np.eye(2, dtype=int))
case(np.linalg.det, floats(2, 4, 4))
case(np.linalg.det, single(3, 3))
case(np.linalg.slogdet, floats(3, 3))
case(np.linalg.cholesky, np.eye(4) + 0.1)
case(np.linalg.matrix_power, floats(3, 3), -2)
case(np.linalg.matmul, floats(2, 3, 4), floats(4, 2))
case(np.linalg.vecdot, floats(2, 3), floats(2, 3))
case(np.linalg.tensordot, floats(2, 3, 4), floats(4, 3, 5), axes=((1, 2), (1, 0)))
case(np.linalg.eigh, np.diag([1.0, 2.0, 4.0]) + 0.3)
case(np.linalg.eigvalsh, np.diag([1.0, 2.0, 4.0]) + 0.3, "U")
for _a in (floats(4, 4), floats(2, 5, 3), floats(3, 5)):
    case(np.linalg.svd, _a, full_matrices=False, known_sizes=True)
    case(np.linalg.svdvals, _a, known_sizes=True)
    case(np.linalg.qr, _a, known_sizes=True)
    case(np.linalg.pinv, _a, known_sizes=True)
for _order in (1, -1, 2, -2, Known(np.inf), Known(-np.inf), "nuc"):
    case(np.linalg.norm, floats(3, 5), _order, known_sizes=True)
    case(np.linalg.matrix_norm, floats(2, 3, 5), ord=_order, keepdims=True, known_sizes=True)

# ---- shapes ----

case(np.reshape, floats(4, 6), (3, -1), known_sizes=True)
case(np.reshape, floats(4, 6), (2, 2, 6), known_sizes=True)
case(np.reshape, floats(4, 6), -1)
case(np.reshape, floats(4, 6), (Size(6), -1))
case(np.ravel, floats(3, 4))
case(np.transpose, floats(2, 3, 4))
case(np.transpose, floats(2, 3, 4), (1, 0, 2))
case(np.swapaxes, floats(2, 3, 4), 0, -1)
case(np.moveaxis, floats(2, 3, 4), 0, -1)
case(np.moveaxis, floats(2, 3, 4, 5), (0, 2), (-1, 0))
case(np.expand_dims, floats(3), 0)
case(np.expand_dims, floats(3), (0, -1))
case(np.squeeze, floats(1, 3, 1))
case(np.squeeze, floats(1, 3, 1), axis=0)
case(np.broadcast_to, floats(3), (2, Size(3)))
case(np.atleast_1d, floats(), floats(3))
case(np.atleast_2d, floats(3))
case(np.concatenate, [floats(2), floats(3)])
case(np.concatenate, (floats(2, 3), floats(2, 4)), axis=-1)
case(np.concatenate, [floats(2, 3), single(3, 3), ints(1, 3)])
case(np.concatenate, [floats(2, 3), floats(2)], axis=None)
case(np.stack, [floats(3), floats(3), single(3)])
case(np.stack, [floats(3, 2), floats(3, 2)], axis=1)
case(np.stack, [1.5, np.float64(2.0)])
case(np.vstack, [floats(3), floats(2, 3)])
case(np.hstack, [floats(3), floats(2)])
case(np.hstack, [floats(3, 2), floats(3, 1)])
case(np.column_stack, [floats(3), floats(3, 2)])
case(np.append, floats(3), 4.0)
case(np.rollaxis, floats(2, 3, 4), 2)
case(np.rollaxis, floats(2, 3, 4), 0, 3)
case(np.rollaxis, floats(2, 3, 4), 0, -1)
case(np.atleast_3d, floats(3))
case(np.atleast_3d, floats(3, 2), np.float64(1.5), floats(2, 3, 2))
case(np.split, floats(6), 3, known_sizes=True)
case(np.array_split, floats(7, 2), 3, known_sizes=True)
case(np.array_split, floats(7), [2, 5], known_sizes=True)
case(np.vsplit, floats(4, 3), 2, known_sizes=True)
case(np.hsplit, floats(4, 6), [1, 3], known_sizes=True)
case(np.hsplit, floats(6), 2, known_sizes=True)
case(np.dsplit, floats(2, 3, 4), 2, known_sizes=True)
case(np.split, floats(6, 2), [1, 4], known_sizes=True)
case(np.flip, floats(3, 4))
case(np.flip, floats(3, 4), 1)
case(np.flipud, floats(3, 4))
case(np.fliplr, floats(3, 4))
for _k in range(4):
    case(np.rot90, floats(3, 4), _k)
case(np.roll, floats(5), 2)
case(np.roll, floats(5), -1)
case(np.roll, floats(3, 4), (1, -1), axis=(0, 1))
case(np.roll, floats(3, 4), 2)
case(np.roll, floats(3, 4), 0, axis=1)
case(np.pad, floats(3, 4), 1)
case(np.pad, floats(3, 4), ((1, 2), (0, 1)), constant_values=7.0)
case(np.pad, floats(3), (Size(2), 1), "edge")
for _mode in ("edge", "wrap", "reflect", "symmetric"):
    case(np.pad, floats(3, 4), ((1, 1), (0, 1)), _mode)
for _f in (np.tril, np.triu):
    case(_f, floats(4, 4))
    case(_f, floats(3, 4), 1)
    case(_f, single(2, 3, 4), -1)
case(np.diagonal, floats(3, 4))
case(np.diagonal, floats(2, 4, 4), 1, 1, 2)
case(np.diag, floats(4, 4))
case(np.diag, floats(4))
case(np.diag, floats(4), -1)
case(np.diag, floats(4), 2)
case(np.diagflat, floats(2, 2))
case(np.repeat, floats(3, 2), 2)
case(np.repeat, floats(3, 2), Size(4), axis=1)
case(np.tile, floats(3), 2)
case(np.tile, floats(3), (2, 2))
case(np.tile, floats(2, 3), (Size(4), 1))

# ---- creation ----

for _f in (np.zeros, np.ones):
    case(_f, Size(4))
    case(_f, (Size(4), 3))
    case(_f, 3, dtype=np.float32)
    case(_f, (2, 2), int)
    case(_f, ())
case(np.full, (2, Size(3)), 7)
case(np.full, 3, 2.5)
case(np.full, (2, Size(3)), floats(3))
case(np.full, (2,), 1, dtype=float)
case(np.zeros_like, floats(3, 4))
case(np.ones_like, single(3))
case(np.full_like, ints(3), 2.7)
case(np.zeros_like, ints(3), dtype=float)
case(np.arange, Size(5))
case(np.arange, 2, Size(7))
case(np.arange, Size(7), 0, -2)
case(np.arange, 1, Size(8), 3)
case(np.arange, Known(5.0))
case(np.arange, Known(0.5), Known(2.0), Known(0.25))
case(np.arange, Size(5), dtype=float)
case(np.arange, Known(1.0), Size(5))
case(np.arange, Size(5), Known(-1.0), -2)
case(np.linspace, 0.0, 1.0, 7)
case(np.linspace, floats(3), 2.0, Size(5))
case(np.linspace, 0.0, 2.0, 5, endpoint=False)
case(np.linspace, -1, 1, Size(6))
case(np.linspace, 0.0, 1.0, 1)
case(np.eye, Size(3))
case(np.eye, 3, 4, 1)
case(np.eye, 3, dtype=int)
case(np.identity, 3)
case(np.tri, Size(4))
case(np.tri, 3, 4, -1)
case(np.vander, floats(3), known_sizes=True)
case(np.vander, floats(4), 3, increasing=True)
case(np.array, [1.0, 2.0, 3.0])
case(np.array, [[1, 2], [3, 4]])
case(np.array, [[1, 2.5], [np.float32(3), 4]])
case(np.array, [floats(3), floats(3)])
case(np.array, floats(3))
case(np.array, 2.0)
case(np.array, [1, 2], dtype=np.float32)
case(np.array, [True, False])
case(np.asanyarray, [1.0, 2.0])
case(np.asarray, [Size(3), 4])
case(np.broadcast_shapes, (Size(4), 1), (3,), ())
case(np.copy, floats(3))
case(np.astype, floats(3), np.float32)
case(np.astype, floats(3), int)
case(np.meshgrid, floats(3), floats(4))
case(np.meshgrid, floats(3), floats(4), indexing="ij")
case(np.meshgrid, floats(3), floats(4), floats(2), sparse=True)
case(np.tril_indices, 3)
case(np.tril_indices_from, floats(3, 4), -1, known_sizes=True)
case(np.triu_indices_from, floats(3, 4), 1, known_sizes=True)
case(np.diag_indices, 3)
case(np.diag_indices, 4, 3)
case(np.diag_indices_from, floats(3, 3), known_sizes=True)
case(np.ix_, [0, 2], ints(3))
case(np.unravel_index, 7, (3, 4))
case(np.unravel_index, ints(2, 3, low=0, high=24), (2, 3, 4))
case(np.ravel_multi_index, (ints(3, low=0, high=3), ints(3, low=0, high=4)), (3, 4))
case(np.choose, ints(4, low=0, high=3), [floats(4), 2.5, floats(4)])
case(np.choose, ints(4, low=-5, high=9), [floats(4), floats(3, 4)], mode="wrap")
case(np.choose, ints(4, low=-5, high=9), floats(3, 4), mode="clip", known_sizes=True)
case(np.shape, floats(3, 4))
case(np.ndim, floats(3, 4))
case(np.size, floats(3, 4))
case(np.float32, floats(3)[0])
case(np.int64, 2.7)

# ---- selection ----

case(np.where, truths(3, 4), floats(4), 0.0)
case(np.where, truths(3, 4))
case(np.nonzero, truths(3, 4))
case(np.nonzero, ints(5))
case(np.flatnonzero, truths(3, 4))
case(np.argwhere, truths(3, 4))
case(np.compress, truths(3), floats(3, 4), axis=0)
case(np.compress, truths(2), floats(3, 4), axis=1)
case(np.compress, truths(4), floats(3, 4))
case(np.extract, truths(3, 4), floats(3, 4))
case(np.where, floats(3), single(3), 1)
case(np.where, truths(3), ints(3), 0.5)
case(np.select, [truths(4), truths(4)], [floats(4), ints(4)], 9.0)
case(np.take, floats(5), ints(3, low=-5, high=5))
case(np.take, floats(3, 5), ints(2, 2, low=0, high=5), axis=1)
case(np.take, floats(3, 5), 1, axis=0)
case(np.take, floats(3, 5), ints(4, low=-9, high=9), axis=1, mode="wrap")
case(np.take, floats(5), ints(4, low=-9, high=9), mode="clip")
case(np.take_along_axis, floats(3, 5), ints(1, 2, low=0, high=5), axis=1)
case(np.take_along_axis, floats(3, 5), ints(3, 2, low=-5, high=5), axis=1)
case(np.sort, floats(3, 4))
case(np.sort, floats(3, 4), axis=0)
case(np.sort, floats(3, 4), axis=None)
case(np.argsort, floats(3, 4))
case(np.argsort, ints(9), kind="stable")
case(np.searchsorted, np.sort(floats(6)), floats(4))
case(np.searchsorted, np.sort(floats(6)), 0.3, side="right")
case(np.interp, floats(7, low=-3, high=3), np.sort(floats(5)), floats(5))
case(np.interp, 0.3, np.sort(floats(5)), floats(5), left=9.0, right=-9.0)

# ---- statistics, convolutions ----

for _shape in ((5,), (6,)):
    case(np.median, floats(*_shape))
    case(np.median, floats(*_shape), known_sizes=True)
    case(np.median, ints(*_shape))
    case(np.median, single(*_shape))
case(np.median, floats(3, 4), axis=0)
case(np.median, floats(3, 4, 5), axis=(0, 2), keepdims=True)
case(np.median, np.array([[1.0, np.nan, 2.0], [3.0, 1.0, np.inf]]), axis=1)
case(np.median, np.array([1e38, 2e38, 3e38], np.float32))
for _f, _whole in ((np.quantile, 1.0), (np.percentile, 100.0)):
    case(_f, floats(6), 0.3 * _whole)
    case(_f, floats(6), Known(0.5 * _whole))
    case(_f, single(6), 0.72 * _whole)
    # not halfway between two elements: there NumPy's formula changes, and with it the rounding of a float32 difference
    case(_f, single(6), np.float64(0.72 * _whole))
    case(_f, ints(7), 0.25 * _whole)
    case(_f, floats(4, 5), [Known(0.1 * _whole), Known(0.85 * _whole)], axis=0)
    case(_f, floats(4, 5, 3), floats(3, low=0.1, high=0.9) * _whole, axis=(0, 1), keepdims=True)
    case(_f, np.array([1.0, np.nan, 2.0]), 0.5 * _whole)
    case(_f, np.array([[2.0, 1.0, 2.0, np.inf], [0.0, 0.0, -np.inf, 1.0]]), 0.5 * _whole, axis=1)
    case(_f, ints(5), int(_whole))
    case(_f, np.array([1.0, 2.0]), [Known(0.0), Known(_whole)])
case(np.cov, floats(3, 7))
case(np.cov, floats(7))
case(np.cov, floats(7), floats(7))
case(np.cov, floats(7, 3), rowvar=False)
case(np.cov, ints(3, 7), ints(3, 7), bias=True)
case(np.cov, single(3, 7), ddof=0)
case(np.cov, complexes(3, 7))
case(np.cov, floats(7, 3), floats(7, 2), rowvar=False)
case(np.corrcoef, floats(3, 7))
case(np.corrcoef, floats(7), floats(7))
case(np.corrcoef, floats(7))
case(np.corrcoef, floats(7, 3), rowvar=False)
for _f in (np.convolve, np.correlate):
    for _n, _m in ((7, 3), (3, 7), (6, 4), (4, 6), (5, 5), (7, 1)):
        for _mode in ("full", "same", "valid"):
            case(_f, floats(_n), floats(_m), _mode, known_sizes=True)
    case(_f, floats(7), floats(3), mode="full")
    case(_f, ints(7), floats(3), "full")
    case(_f, ints(7), ints(3), "full")
    case(_f, single(7), single(3), "full")
    case(_f, complexes(7), complexes(3), "same", known_sizes=True)
    case(_f, complexes(3), complexes(7), "same", known_sizes=True)

# ---- counting, polynomials ----

case(np.bincount, ints(9, low=0))
case(np.bincount, ints(9, low=0).astype(np.uint8), minlength=12)
case(np.bincount, ints(9, low=0), floats(9))
case(np.bincount, ints(9, low=0), ints(9), 3)
for _right in (False, True):
    case(np.digitize, floats(9), np.sort(floats(5)), right=_right)
    case(np.digitize, np.array([[0, 1, 2], [3, 4, 5]]), np.array([5, 3, 1, 1]), right=_right)
case(np.digitize, 0.3, [0.3])
case(np.digitize, np.array([1.0, np.nan]), np.array([1.0, 1.0]))
case(np.histogram, floats(3, 9), np.sort(floats(5)))
case(np.histogram, np.array([1.0, 2.0, 3.0, 3.0, np.nan, 0.0, 9.0]), [1, 2, 3])
case(np.histogram, floats(30), [Known(-1.0), Known(0.2), Known(1.5)], density=True)
case(np.histogram, floats(9), np.sort(floats(5)), weights=floats(9))
case(np.histogram, ints(9), [-3, 0, 3], weights=ints(9), density=True)
case(np.histogram, floats(9), np.sort(floats(5)), density=True, weights=single(9))
for _f in (np.polyadd, np.polysub):
    case(_f, floats(3), floats(5), known_sizes=True)
    case(_f, floats(5), single(5))
    case(_f, ints(4), ints(2), known_sizes=True)
case(np.polyder, floats(5))
case(np.polyder, single(5), 2)
case(np.polyder, ints(2), m=3, known_sizes=True)
case(np.polyint, floats(5))
case(np.polyint, ints(4), 2)
case(np.logspace, -1.0, 2.0, 7)
case(np.logspace, floats(3), 2.0, Size(5), base=2.0)
case(np.logspace, 0, 3, 4, endpoint=False, dtype=np.float32)

# ---- math and builtins ----

for _f in (math.exp, math.sin, math.cos, math.tan, math.atan, math.sinh, math.cosh, math.tanh, math.asinh, math.fabs):
    case(_f, 0.7)
    case(_f, np.float64(0.7))
    case(_f, np.float32(0.7))
    case(_f, Size(2))
for _f in (
    math.log,
    math.log2,
    math.log10,
    math.sqrt,
    math.cbrt,
    math.exp2,
    math.expm1,
    math.log1p,
    math.erf,
    math.erfc,
):
    case(_f, 0.7)
    case(_f, np.float64(0.7))
for _f in (math.asin, math.acos, math.atanh, math.radians, math.degrees, math.isnan, math.isfinite):
    case(_f, 0.7)
for _f in (math.floor, math.ceil, math.trunc):
    case(_f, -1.5)
    case(_f, np.float64(1.5))
    case(_f, Size(4))
case(math.acosh, 1.7)
case(math.log, 3.0, 2.0)
case(math.pow, 1.5, 2.5)
case(math.pow, Size(3), 2)
case(math.atan2, 0.3, -0.7)
case(math.hypot, 0.3, -0.7)
case(math.fmod, -3.7, 1.2)
case(builtins.abs, -0.5)
case(builtins.abs, Size(4))
case(builtins.abs, floats(3))
case(builtins.max, 0.5, 0.7)
case(builtins.max, [0.5, 0.9, 0.7])
case(builtins.max, Size(4), Size(3))
case(builtins.min, Size(4), 3)
case(builtins.min, np.float64(2.0), np.float64(1.0), np.float64(3.0))
case(builtins.sum, floats(4))
case(builtins.sum, floats(4, 3))
case(builtins.sum, [0.5, 1.5])
case(builtins.round, 2.5)
case(builtins.round, np.float64(-1.6))
case(builtins.pow, 1.5, 3)
case(builtins.divmod, Size(7), 2)
case(builtins.float, Size(3))
case(builtins.float, np.float32(1.5))
case(builtins.int, -2.7)
case(builtins.int, Size(3))
case(builtins.bool, 0.0)
case(stop_gradient, 1.5)
case(stop_gradient, Size(3))
case(stop_gradient, floats(3))
case(stop_gradient, ints(3))
case(checkpoint_name, 1.5, "hidden")
case(checkpoint_name, floats(3), "hidden")


def name(entry):
    function, args, _ = entry
    kinds = ",".join(f"{a.dtype}{list(a.shape)}" if isinstance(a, np.ndarray) else type(a).__name__ for a in args)
    return f"{getattr(function, '__name__', function)}({kinds})"
