"""Medians, quantiles, covariances and convolutions as scientific code calls them."""

import numpy as np

from language.registry import program

X = np.array([0.3, -1.2, 2.5, 0.7, 1.1, -0.4])
TABLE = np.array([[0.3, -1.2, 2.5, 0.7], [1.1, -0.4, 0.2, 0.9], [0.5, 1.6, -2.0, 0.1]])


@program(X, TABLE)
def order_statistics(x, table):
    low, high = np.percentile(x, [20.0, 75.0])
    return np.median(x) * np.median(table, axis=1), np.quantile(x, 0.3) * np.quantile(table, 0.6, axis=0), low * high


@program(TABLE)
def covariances(table):
    return np.cov(table), np.corrcoef(table)[0, 1]


@program(X, np.array([0.5, 1.0, -0.25]))
def convolutions(x, kernel):
    smooth = np.convolve(x, kernel, mode="same")
    return smooth * np.correlate(x, kernel, "same"), np.convolve(kernel, x), np.correlate(x, kernel)


@program(X, np.array([0, 2, 1, 2, 5, 0]), argnums=(0,))
def counts_into_bins(x, kinds):
    counts, edges = np.histogram(x, [-1.5, 0.0, 1.0, 2.5])
    sums, _ = np.histogram(x, [-2.0, 0.0, 1.0, 3.0], weights=x * x)
    return (
        (np.bincount(kinds, weights=x, minlength=4) ** 2).sum(),
        counts,
        edges,
        sums,
        np.digitize(x, [0.5, 0.0, -0.5]),
    )


@program(X)
def polynomials(p):
    return np.polyadd(np.polyder(p), np.polyint(p[:4])) * np.logspace(0.0, p[0], 5), np.polysub(p, [1.0, 2.0])
