"""`gs.random` against `jax.random` with 64-bit types, and against itself under every transformation.

Words, uniform numbers on [0, 1) and whatever is discrete are equal; normal numbers are within 4 units in the last
place; of the others every one agrees to rounding.
"""

import jax
import numpy as np
import pytest
import scipy.stats

import gradscribe as gs
from programs import jax_reference as jax_reference  # turns 64-bit types on, for the whole process

pytestmark = pytest.mark.filterwarnings("error", "ignore:.*jax:DeprecationWarning")

S = (500,)
KEY = gs.random.key(42)
P = np.array([0.1, 0.2, 0.3, 0.25, 0.15])


def logits(d):
    return np.log(np.arange(1, 21, dtype=d)).reshape(4, 5)


EQUAL = {
    "split": lambda m, k, d: m.split(k),
    "split_shape": lambda m, k, d: m.split(k, (2, 3)),
    "fold_in": lambda m, k, d: m.fold_in(k, 7),
    "bits8": lambda m, k, d: m.bits(k, S, np.uint8),
    "bits16": lambda m, k, d: m.bits(k, (3, 4), np.uint16),
    "bits32": lambda m, k, d: m.bits(k, (), np.uint32),
    "bits64": lambda m, k, d: m.bits(k, S, np.uint64),
    "uniform": lambda m, k, d: m.uniform(k, S, d),
    "uniform_number": lambda m, k, d: m.uniform(k, (), d),
    "randint": lambda m, k, d: m.randint(k, S, -3, 17),
    "randint32": lambda m, k, d: m.randint(k, S, 0, 2**31 - 1, np.int32),
    "randint_all": lambda m, k, d: m.randint(k, S, 0, 2**32, np.uint32),
    "randint_arrays": lambda m, k, d: m.randint(k, (3,), np.array([1, 5, 9]), np.array([4, 5, 100])),
    "randint_number": lambda m, k, d: m.randint(k, (), 0, 100),
    "bernoulli": lambda m, k, d: m.bernoulli(k, d(0.3), S),
    "rademacher": lambda m, k, d: m.rademacher(k, S),
    "geometric": lambda m, k, d: m.geometric(k, np.asarray(0.2, d), S),
    "categorical": lambda m, k, d: m.categorical(k, logits(d)),
    "categorical_many": lambda m, k, d: m.categorical(k, logits(d)[0], shape=(3, 7)),
    "categorical_axis": lambda m, k, d: m.categorical(k, logits(d), axis=0, shape=(3, 5)),
    "permutation": lambda m, k, d: m.permutation(k, 2000),
    "permutation_rows": lambda m, k, d: m.permutation(k, logits(d)),
    "permutation_lines": lambda m, k, d: m.permutation(k, logits(d), axis=1, independent=True),
    "choice": lambda m, k, d: m.choice(k, 10, (5, 6)),
    "choice_number": lambda m, k, d: m.choice(k, 5),
    "choice_without": lambda m, k, d: m.choice(k, np.arange(20, dtype=d), (4,), replace=False),
    "choice_p": lambda m, k, d: m.choice(k, 5, (30,), p=P.astype(d)),
    "choice_p_without": lambda m, k, d: m.choice(k, logits(d), (3,), False, P.astype(d), 1),
    "poisson": lambda m, k, d: m.poisson(k, np.array([0.0, 0.5, 3.5, 30.0, 1000.0])),
}
CLOSE = {
    "uniform_between": lambda m, k, d: m.uniform(k, S, d, minval=-3.0, maxval=2.0),
    "exponential": lambda m, k, d: m.exponential(k, S, d),
    "laplace": lambda m, k, d: m.laplace(k, S, d),
    "gumbel": lambda m, k, d: m.gumbel(k, S, d),
    "logistic": lambda m, k, d: m.logistic(k, S, d),
    "cauchy": lambda m, k, d: m.cauchy(k, S, d),
    "truncated_normal": lambda m, k, d: m.truncated_normal(k, -1.0, 2.0, S, d),
    "gamma": lambda m, k, d: m.gamma(k, 0.7, S, d),
    "gamma_array": lambda m, k, d: m.gamma(k, np.array([0.3, 1.0, 4.0], d), None, d),
    "loggamma": lambda m, k, d: m.loggamma(k, 0.01, S, d),
    "beta": lambda m, k, d: m.beta(k, 0.5, 2.0, S, d),
    "dirichlet": lambda m, k, d: m.dirichlet(k, np.array([1.0, 2.0, 0.5], d), (50,), d),
    "chisquare": lambda m, k, d: m.chisquare(k, 3.0, S, d),
    "t": lambda m, k, d: m.t(k, 3.0, S, d),
    "rayleigh": lambda m, k, d: m.rayleigh(k, np.asarray(2.0, d), S, d),
    "pareto": lambda m, k, d: m.pareto(k, 2.0, S, d),
    "weibull_min": lambda m, k, d: m.weibull_min(k, 2.0, 1.5, S, d),
    "lognormal": lambda m, k, d: m.lognormal(k, 0.5, S, d),
    "f": lambda m, k, d: m.f(k, 3.0, 5.0, S, d),
    "wald": lambda m, k, d: m.wald(k, np.asarray(1.5, d), S, d),
    "triangular": lambda m, k, d: m.triangular(k, 0.0, 1.0, 3.0, S, d),
    "generalized_normal": lambda m, k, d: m.generalized_normal(k, 1.5, S, d),
    "ball": lambda m, k, d: m.ball(k, 3, 2.0, (50,), d),
    "maxwell": lambda m, k, d: m.maxwell(k, S, d),
    "multivariate_normal": lambda m, k, d: m.multivariate_normal(
        k, np.array([1.0, 2.0], d), np.array([[2.0, 0.5], [0.5, 1.0]], d), (50,)
    ),
}
every_dtype = pytest.mark.parametrize("dtype", (np.float64, np.float32), ids=lambda d: d.__name__)


def same_kind(mine, theirs):
    mine, theirs = np.asarray(mine), np.asarray(theirs)
    assert (mine.shape, mine.dtype) == (theirs.shape, theirs.dtype)
    return mine, theirs


@pytest.mark.parametrize("seed", [0, 1, -5, 2**40 + 7])
def test_keys(seed):
    np.testing.assert_array_equal(gs.random.key(seed), np.asarray(jax.random.PRNGKey(seed)))


@every_dtype
@pytest.mark.parametrize("name", EQUAL)
def test_equal_to_jax(name, dtype):
    draw = EQUAL[name]
    np.testing.assert_array_equal(*same_kind(draw(gs.random, KEY, dtype), draw(jax.random, KEY, dtype)))


@every_dtype
def test_normal_within_four_units(dtype):
    for seed in range(3):
        key = gs.random.key(seed)
        mine, theirs = same_kind(gs.random.normal(key, (100000,), dtype), jax.random.normal(key, (100000,), dtype))
        assert np.max(np.abs(mine - theirs) / np.spacing(np.abs(theirs))) <= 4


@every_dtype
@pytest.mark.parametrize("name", CLOSE)
def test_close_to_jax(name, dtype):
    draw = CLOSE[name]
    mine, theirs = same_kind(draw(gs.random, KEY, dtype), draw(jax.random, KEY, dtype))
    np.testing.assert_allclose(mine, theirs, rtol=300 * np.finfo(dtype).eps, atol=4 * np.finfo(dtype).eps)


# ---- inside transformed functions ----


def staged(draw, dtype):
    return lambda key: draw(gs.random, key, dtype)


def _draws():
    yield from (EQUAL | CLOSE).items()
    yield "normal", lambda m, k, d: m.normal(k, S, d)
    yield "normal_number", lambda m, k, d: m.normal(k, (), d)
    yield "normal_complex", lambda m, k, d: m.normal(k, (3,), np.complex64 if d == np.float32 else np.complex128)


@every_dtype
@pytest.mark.parametrize("name", dict(_draws()))
def test_staged_numbers_are_the_same(name, dtype):
    function = staged(dict(_draws())[name], dtype)
    expected, found = function(KEY), gs.jit(function, backend="python")(KEY)
    assert type(found) is type(expected)
    if name == "multivariate_normal":  # a product of matrices, summed in another order
        np.testing.assert_allclose(found, expected, rtol=1e-14 if dtype == np.float64 else 1e-6)
        return
    np.testing.assert_array_equal(*same_kind(found, expected))


NATIVE = ("bits32", "uniform", "randint32", "permutation", "choice_p", "categorical", "gamma", "loggamma", "split")


@pytest.mark.native
@every_dtype
@pytest.mark.parametrize("name", NATIVE)
def test_native_bits_are_the_same(name, dtype):
    function = staged((EQUAL | CLOSE)[name], dtype)
    np.testing.assert_array_equal(*same_kind(gs.jit(function)(KEY), function(KEY)))


@pytest.mark.native
@every_dtype
@pytest.mark.parametrize("name", ["normal", "beta", "truncated_normal", "poisson"])
def test_native_numbers_are_close(name, dtype):
    function = staged(dict(_draws())[name], dtype)
    mine, expected = same_kind(gs.jit(function)(KEY), function(KEY))
    np.testing.assert_allclose(mine, expected, rtol=200 * np.finfo(dtype).eps, atol=4 * np.finfo(dtype).eps)


@pytest.mark.parametrize("backend", ["python", pytest.param("native", marks=pytest.mark.native)])
def test_lanes_draw_what_their_keys_give(backend):
    keys, a = gs.random.split(KEY, 4), np.array([0.5, 1.0, 2.0, 8.0])

    def draw(key, a):
        return gs.random.normal(key, (3,)), gs.random.gamma(key, a, (2,)), gs.random.permutation(key, 5)

    batched = gs.jit(gs.vmap(draw), backend=backend)(keys, a)
    lanes = [draw(k, v) for k, v in zip(keys, a)]
    for k, (found, tolerance) in enumerate(zip(batched, (1e-14, 1e-14, 0))):
        np.testing.assert_allclose(found, np.stack([lane[k] for lane in lanes]), rtol=tolerance)


@pytest.mark.parametrize("backend", ["python", pytest.param("native", marks=pytest.mark.native)])
def test_a_loop_that_carries_its_key(backend):
    def walk(key, n, scale):
        x, bits = 0.0, np.uint64(0)
        for i in range(n):
            key, fresh = gs.random.split(key)
            x += scale * gs.random.normal(gs.random.fold_in(fresh, i))
            bits ^= gs.random.bits(fresh)
        return x, bits

    x, bits = gs.jit(walk, backend=backend)(KEY, 50, 0.5)
    expected, expected_bits = walk(KEY, 50, 0.5)
    assert x == pytest.approx(expected, rel=1e-12) and bits == expected_bits
    slope = gs.grad(lambda key, n, s: walk(key, n, s)[0], argnums=2)(KEY, 50, 0.5)
    assert slope == pytest.approx(expected / 0.5)


def test_shapes_are_symbolic():
    drawn = gs.jit(lambda key, x: gs.random.normal(key, x.shape), backend="python")
    for n in (3, 7):
        np.testing.assert_array_equal(drawn(KEY, np.zeros((n, 2))), gs.random.normal(KEY, (n, 2)))


# ---- derivatives ----

QUANTILES = {
    "gamma": (lambda k, a: gs.random.gamma(k, a, (40,)), lambda p, a: scipy.stats.gamma(a).ppf(p), scipy.stats.gamma),
    "loggamma": (
        lambda k, a: gs.random.loggamma(k, a, (40,)),
        lambda p, a: np.log(scipy.stats.gamma(a).ppf(p)),
        lambda a: type("L", (), {"cdf": staticmethod(lambda y: scipy.stats.gamma(a).cdf(np.exp(y)))}),
    ),
    "chisquare": (
        lambda k, a: gs.random.chisquare(k, a, (40,)),
        lambda p, a: scipy.stats.chi2(a).ppf(p),
        scipy.stats.chi2,
    ),
}


@pytest.mark.parametrize("a", [0.6, 3.0])
@pytest.mark.parametrize("name", QUANTILES)
def test_samples_move_as_quantiles_do(name, a):
    draw, quantile, distribution = QUANTILES[name]
    drawn, slope = gs.jvp(lambda a: draw(KEY, a), (a,), (1.0,))
    p, h = distribution(a).cdf(drawn), 1e-3
    steps = [quantile(p, a + k * h) for k in (-2, -1, 1, 2)]
    expected = (steps[0] - 8 * steps[1] + 8 * steps[2] - steps[3]) / (12 * h)
    np.testing.assert_allclose(slope, expected, rtol=1e-6)
    back = gs.grad(lambda a: np.sum(draw(KEY, a) ** 2))(a)
    assert back == pytest.approx(np.sum(2 * drawn * slope), rel=1e-12)


def test_second_derivative_of_a_gamma_sample():
    def mean(a):
        return np.sum(np.sin(gs.random.gamma(KEY, a, (5,))))

    # along the quantile: the number drawn moves with a, which a difference of draws would not show
    drawn = gs.random.gamma(KEY, 2.0, (5,))
    p, h = scipy.stats.gamma(2.0).cdf(drawn), 1e-3
    value = [np.sum(np.sin(scipy.stats.gamma(2.0 + k * h).ppf(p))) for k in (-1, 0, 1)]
    assert gs.grad(gs.grad(mean))(2.0) == pytest.approx((value[0] - 2 * value[1] + value[2]) / h**2, rel=1e-4)
    with pytest.raises(gs.NoRule, match="gamma_slope_in_a"):
        gs.grad(gs.grad(gs.grad(mean)))(2.0)


def test_gradients_are_those_of_jax():
    alpha = np.array([0.5, 2.0, 3.0])
    weights = np.array([1.0, -2.0, 0.5])
    for mine, theirs, argument in [
        (
            lambda x: np.sum(gs.random.dirichlet(KEY, x) * weights),
            lambda x: (jax.random.dirichlet(KEY, x) * weights).sum(),
            alpha,
        ),
        (lambda x: gs.random.beta(KEY, x, 2.0), lambda x: jax.random.beta(KEY, x, 2.0), 0.7),
        (lambda x: gs.random.t(KEY, x), lambda x: jax.random.t(KEY, x), 3.0),
        (
            lambda x: gs.random.truncated_normal(KEY, x, 2.0),
            lambda x: jax.random.truncated_normal(KEY, x, 2.0),
            -0.5,
        ),
        (
            lambda x: np.sum(gs.random.uniform(KEY, (3,), minval=x, maxval=2.0) ** 2),
            lambda x: (jax.random.uniform(KEY, (3,), minval=x, maxval=2.0) ** 2).sum(),
            0.3,
        ),
    ]:
        np.testing.assert_allclose(gs.grad(mine)(argument), jax.grad(theirs)(argument), rtol=1e-8)


# ---- refusals ----


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda key: gs.random.normal(key[0]), "two uint32 words"),
        (lambda key: gs.random.normal(key, (2,), np.int64), "float32 or float64"),
        (lambda key: gs.random.bits(key, (2,), np.int32), "unsigned"),
        (lambda key: gs.random.randint(key, (2,), 0, 5, np.int8), "int32, int64"),
        (lambda key: gs.random.gamma(key, np.ones(3), (2,)), "broadcast"),
        (lambda key: gs.random.choice(key, 3, (4,), replace=False), "replacement"),
    ],
)
def test_refused(draw, message):
    with pytest.raises((TypeError, ValueError), match=message):
        draw(KEY)
    with pytest.raises((TypeError, ValueError, gs.GradscribeError), match=message):
        gs.jit(draw, backend="python")(KEY)
