"""Random numbers from explicit keys: in loops, with derivatives through the numbers drawn."""

from __future__ import annotations

import numpy as np
import scipy.special

import gradscribe as gs
from language.registry import program

X = np.array([0.3, -0.7, 1.2, 0.05])
KEY = gs.random.key(7)


@program(KEY, X, np.array([0.5, 1.0, 0.2, 2.0]))
def reparameterised(key, mean, deviation):
    """A carried key, a counted one; words that choose a branch."""
    total = 0.0
    for i in range(3):
        key, fresh = gs.random.split(key)
        drawn = mean + deviation * gs.random.normal(fresh, mean.shape)
        if gs.random.bernoulli(gs.random.fold_in(key, i), 0.5):
            total += np.sum(drawn**2)
        else:
            total -= np.sum(np.sin(drawn))
    low, high = mean[0], mean[2]
    total += gs.random.uniform(key, minval=low, maxval=high) ** 2
    return total + np.sum(gs.random.permutation(key, mean) * mean) + gs.random.exponential(key) * deviation[1]


@program(np.array([0.6, 1.5, 3.0]), np.array([0.4, 1.1, 2.5]))
def special_functions(a, x):
    total = np.sum(scipy.special.gammaln(a) * scipy.special.digamma(x))
    total += np.sum(scipy.special.gammainc(a, x) - scipy.special.gammaincc(x, 1.3))
    total += np.sum(scipy.special.ndtr(x) * scipy.special.log_ndtr(-a) + scipy.special.erfinv(np.tanh(x) / 2.0))
    total += np.sum(scipy.special.ndtri(scipy.special.expit(a)) + scipy.special.i0e(x) * scipy.special.i1(a))
    total += np.sum(scipy.special.rel_entr(a, x) + scipy.special.kl_div(x, a) + scipy.special.entr(x))
    total += np.sum(scipy.special.betaln(a, x) + scipy.special.xlog1py(a, x) + scipy.special.polygamma(1, a))
    return total + np.sum(scipy.special.zeta(3.0, x))
