"""`gs.random`: random numbers from explicit keys, as in `jax.random`.

A key is an array of two uint32 words. Nothing is remembered between calls: the same key gives the same numbers, and
fresh numbers need a fresh key, from `split` or `fold_in`. So a function that draws numbers is a function of its key,
and every transformation treats it like any other: derivatives are those of the numbers with respect to the parameters
(reparameterisation), `vmap` over keys draws independent numbers in every lane, and a loop carries its key.

Words come from Threefry-2x32 with counters as JAX has them by default (`jax_threefry_partitionable=True`): `bits`,
`split`, `fold_in` and `uniform` on [0, 1) are bit for bit those of `jax.random` with 64-bit types enabled, `normal` is
within 4 units in the last place, and the others follow JAX's algorithms, so that samples agree to rounding. Unlike in
JAX, `dtype` is float64 unless given, as NumPy has it.

The functions are plain NumPy on `gradscribe.kernels.threefry2x32`. Outside transformed functions Python runs them;
inside, the same text is staged like the user's own (`frontend/calls.py`), which is why it keeps to what is accepted
there, and why an array of one number is drawn where a number is wanted: scalars of NumPy warn when they wrap around.
"""

from gradscribe.transpiler.library.random_bits import PRNGKey, bits, fold_in, key, randint, split, uniform
from gradscribe.transpiler.library.random_continuous import (
    ball,
    beta,
    cauchy,
    chisquare,
    dirichlet,
    exponential,
    f,
    gamma,
    generalized_normal,
    gumbel,
    laplace,
    loggamma,
    logistic,
    lognormal,
    maxwell,
    multivariate_normal,
    normal,
    pareto,
    rayleigh,
    t,
    triangular,
    truncated_normal,
    wald,
    weibull_min,
)
from gradscribe.transpiler.library.random_discrete import (
    bernoulli,
    categorical,
    choice,
    geometric,
    permutation,
    poisson,
    rademacher,
)

__all__ = [
    "PRNGKey",
    "ball",
    "bernoulli",
    "beta",
    "bits",
    "categorical",
    "cauchy",
    "chisquare",
    "choice",
    "dirichlet",
    "exponential",
    "f",
    "fold_in",
    "gamma",
    "generalized_normal",
    "geometric",
    "gumbel",
    "key",
    "laplace",
    "loggamma",
    "logistic",
    "lognormal",
    "maxwell",
    "multivariate_normal",
    "normal",
    "pareto",
    "permutation",
    "poisson",
    "rademacher",
    "randint",
    "rayleigh",
    "split",
    "t",
    "triangular",
    "truncated_normal",
    "uniform",
    "wald",
    "weibull_min",
]
