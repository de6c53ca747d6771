"""Special functions in compiled code: SciPy's values bit for bit; zeta, the normal quantile and the slopes of gamma
quantiles against mpmath."""

import mpmath
import numpy as np
import pytest
import scipy.special
import scipy.stats
from compiled_loops import compiled_call, compiled_loop

from gradscribe import kernels

pytestmark = [pytest.mark.native, pytest.mark.filterwarnings("ignore::RuntimeWarning")]

UNARY = {
    "gammaln": (0.01, 40),
    "digamma": (0.01, 40),
    "erfinv": (-1, 1),
    "erfcinv": (0, 2),
    "ndtr": (-9, 9),
    "ndtri": (0, 1),
    "log_ndtr": (-50, 9),
    "i0e": (-30, 30),
    "i1e": (-30, 30),
}


@pytest.mark.parametrize("name", UNARY)
def test_unary(name):
    low, high = UNARY[name]
    x = np.r_[np.linspace(low, high, 301), np.nan, np.inf, -np.inf, 0.0]
    out = np.empty_like(x)
    loop = compiled_loop(getattr(kernels, name), 1)
    loop(x, out)
    np.testing.assert_array_equal(out, getattr(scipy.special, name)(x))
    narrow, out = x.astype(np.float32), np.empty(x.size, np.float32)
    loop(narrow, out)
    expected = getattr(scipy.special, name)(narrow.astype(np.float64)).astype(np.float32)
    np.testing.assert_array_equal(out, expected)


@pytest.mark.parametrize("name", ["gammainc", "gammaincc"])
def test_incomplete_gamma(name):
    a, x = (v.ravel() for v in np.meshgrid(np.linspace(0.1, 20, 30), np.linspace(0.0, 40, 30)))
    out = np.empty_like(a)
    compiled_loop(getattr(kernels, name), 2)(a, x, out)
    np.testing.assert_array_equal(out, getattr(scipy.special, name)(a, x))


def test_zeta():
    call = compiled_call(kernels.zeta, 2)
    for order in (1.1, 2.0, 3.0, 6.0, 20.0):
        for q in (0.01, 0.3, 1.0, 2.5, 9.0, 40.0, 1e3, 1e9):
            assert call(order, q) == pytest.approx(float(mpmath.zeta(order, q)), rel=1e-14)
    assert call(1.0, 2.0) == np.inf and call(2.0, 0.0) == np.inf and np.isnan(call(0.5, 2.0))
    assert call(2.0, -0.5) == pytest.approx(float(mpmath.zeta(2, mpmath.mpf(-0.5))), rel=1e-13)


@pytest.mark.parametrize(("dtype", "middle", "end"), [(np.float64, 1e-14, 1e-9), (np.float32, 4e-6, 4e-5)])
def test_normal_quantile(dtype, middle, end):
    """Near the ends, the loss that JAX's arithmetic has."""
    call = compiled_call(kernels.normal_quantile, 1)
    for x, bound in [(0.0, middle), (1e-5, middle), (0.4, middle), (-0.6, middle), (0.95, middle), (0.9999, end)]:
        x = dtype(x)
        exact = float(mpmath.sqrt(2) * mpmath.erfinv(mpmath.mpf(float(x))))
        assert float(kernels.normal_quantile(x)) == pytest.approx(exact, rel=bound, abs=0)
        epsilon = float(np.finfo(dtype).eps)
        assert float(call(x)) == pytest.approx(float(kernels.normal_quantile(x)), rel=4 * epsilon, abs=0)
    assert kernels.normal_quantile(dtype(1)) == np.inf and call(dtype(-1)) == -np.inf


def exact_slope(a, x):
    """-F_a / f, by a difference of 60 digits."""
    with mpmath.workdps(60):
        a, x = mpmath.mpf(a), mpmath.mpf(x)
        slope = mpmath.diff(lambda b: mpmath.gammainc(b, 0, x, regularized=True), a)
        return -slope / mpmath.exp((a - 1) * mpmath.log(x) - x - mpmath.loggamma(a))


POINTS = [(0.05, 1e-9), (0.05, 0.3), (0.7, 0.2), (0.7, 3.0), (1.0, 1.5), (3.0, 2.0), (12.0, 20.0), (80.0, 75.0)]


@pytest.mark.parametrize(("a", "x"), POINTS)
def test_slopes_of_gamma_quantiles(a, x):
    with mpmath.workdps(40):
        slope = exact_slope(a, x)
        in_a = mpmath.diff(lambda b: exact_slope(b, x), mpmath.mpf(a), h=mpmath.mpf("1e-12"))
    y = float(np.log(x))
    x_of_y = mpmath.exp(mpmath.mpf(y))
    for name, first, second, expected, tolerance in [
        ("gamma_slope", a, x, slope, 2e-12),
        ("gamma_slope_in_a", a, x, in_a, 2e-10),
        ("log_gamma_slope", a, y, slope / mpmath.mpf(x), 2e-12),
        ("log_gamma_slope_in_a", a, y, in_a / x_of_y, 2e-10),
    ]:
        kernel = getattr(kernels, name)
        assert float(kernel(first, second)) == pytest.approx(float(expected), rel=tolerance), name
        narrow = kernel(np.float32(first), np.float32(second))
        assert narrow.dtype == np.float32
    assert kernels.gamma_slope(a, 0.0) == 0.0 and np.isnan(kernels.gamma_slope(-1.0, 1.0))


@pytest.mark.parametrize("a", [0.2, 1.0, 7.5])
def test_gamma_samples_have_the_distribution(a):
    words = kernels.threefry2x32(np.uint32(5), np.uint32(6), np.arange(20000, dtype=np.uint64))
    drawn = kernels.standard_gamma(words, a)
    assert scipy.stats.kstest(drawn, scipy.stats.gamma(a).cdf).pvalue > 0.01
    np.testing.assert_allclose(np.exp(kernels.standard_log_gamma(words, a)), drawn, rtol=1e-12)
    assert np.isnan(kernels.standard_gamma(words[0], -1.0))
