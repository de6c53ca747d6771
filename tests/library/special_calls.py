"""Calls of `scipy.special` and of the kernels that emitted text calls, added to those of `table_calls`."""

import numpy as np
import scipy.special

from gradscribe import kernels
from library.driver import Known
from library.table_calls import case, floats, ints, single


def words(dtype, *shape):
    return np.random.default_rng(3).integers(0, np.iinfo(dtype).max, shape, dtype=dtype)


_RANGES = {
    "gammaln": (0.3, 5), "digamma": (0.5, 5), "erfinv": (-0.7, 0.7), "erfcinv": (0.4, 1.6), "ndtr": (-2, 2),
    "ndtri": (0.2, 0.8), "log_ndtr": (-3, 2), "i0e": (0.3, 4), "i1e": (0.3, 4), "i0": (0.3, 4), "i1": (0.3, 4),
    "entr": (0.2, 3),
}  # fmt: skip
for _name, (_low, _high) in _RANGES.items():
    _f = getattr(scipy.special, _name)
    case(_f, floats(3, 4, low=_low, high=_high))
    case(_f, 0.6)
    if _name not in ("entr", "i0", "i1"):  # in float32 compositions differ from SciPy's in the last bits
        case(_f, single(5, low=_low, high=_high))
case(scipy.special.gammaln, ints(4, low=1))
case(scipy.special.entr, np.array([0.0, -1.0, np.nan, 2.0]))
for _f in (scipy.special.gammainc, scipy.special.gammaincc, scipy.special.betaln):
    case(_f, floats(3, 1, low=0.5, high=3), floats(4, low=0.5, high=4))
    case(_f, single(3, low=0.5, high=3), 1.3)
for _f in (scipy.special.rel_entr, scipy.special.kl_div, scipy.special.xlog1py):
    case(_f, floats(3, 1, low=0.2, high=2), floats(4, low=0.2, high=2))
    case(_f, np.array([0.0, 0.0, 1.0, -1.0, np.nan]), np.array([2.0, 0.0, np.inf, 1.0, 1.0]))
case(scipy.special.zeta, 2, floats(4, low=0.5, high=4))
case(scipy.special.zeta, Known(2.5), floats(4, low=0.5, high=4))
case(scipy.special.polygamma, 0, floats(4, low=0.5, high=4))
case(scipy.special.polygamma, 2, single(3, low=0.5, high=4))
case(scipy.special.polygamma, 3, floats(4, low=0.5, high=4))

case(kernels.threefry2x32, words(np.uint32)[()], words(np.uint32)[()], words(np.uint64, 4))
case(kernels.normal_quantile, floats(4, low=-0.8, high=0.8))
for _f in (kernels.standard_gamma, kernels.standard_log_gamma):
    case(_f, words(np.uint64, 4), floats(4, low=0.5, high=3))
for _f in (
    kernels.gamma_slope, kernels.gamma_slope_in_a, kernels.log_gamma_slope, kernels.log_gamma_slope_in_a
):  # fmt: skip
    case(_f, floats(4, low=0.5, high=3), floats(4, low=0.3, high=2))
