"""Colourings of random and regular patterns: every entry is recovered from the compressed matrix, with few colours."""

import numpy as np
import pytest
import scipy.sparse as sp

from gradscribe.transpiler.passes.sparsity.colouring import colour_columns, colour_star, count, recovered_from, seeds


def pattern_of(dense):
    return sp.csr_array(np.asarray(dense) != 0)


def grid(n):
    """The five-point Laplacian on n x n points."""
    line = sp.diags_array([np.ones(n - 1), np.ones(n), np.ones(n - 1)], offsets=[-1, 0, 1])
    return pattern_of((sp.kron(sp.eye_array(n), line) + sp.kron(line, sp.eye_array(n))).toarray())


def banded(n, width):
    return pattern_of(np.abs(np.subtract.outer(np.arange(n), np.arange(n))) <= width)


def arrow(n):
    dense = np.eye(n)
    dense[0] = dense[:, 0] = 1
    return pattern_of(dense)


@pytest.mark.parametrize(
    ("pattern", "columns", "star"),
    [
        (banded(200, 1), 3, 3),
        (banded(60, 3), 7, 7),
        (grid(12), 5, 6),
        (arrow(30), 30, 2),
        (pattern_of(np.kron(np.eye(8), np.ones((4, 4)))), 4, 4),
        (pattern_of(np.eye(9)), 1, 1),
        (pattern_of(np.zeros((3, 3))), 1, 1),
    ],
    ids=["tridiagonal", "banded", "grid", "arrow", "blocks", "diagonal", "empty"],
)
def test_regular_patterns(pattern, columns, star):
    assert count(colour_columns(pattern)) <= columns
    assert count(colour_star(pattern)) <= star


@pytest.mark.parametrize("seed", range(20))
def test_columns_are_recovered(seed):
    rng = np.random.default_rng(seed)
    dense = rng.uniform(1, 2, (17, 13)) * (rng.uniform(size=(17, 13)) < rng.uniform(0.02, 0.5))
    pattern = pattern_of(dense)
    colours = colour_columns(pattern)
    compressed = seeds(colours) @ dense.T
    directions, positions = recovered_from(pattern, colours, symmetric=False)
    np.testing.assert_allclose(compressed[directions, positions], dense[pattern.nonzero()])


@pytest.mark.parametrize("seed", range(20))
def test_symmetric_matrices_are_recovered(seed):
    rng = np.random.default_rng(seed)
    half = rng.uniform(1, 2, (15, 15)) * (rng.uniform(size=(15, 15)) < rng.uniform(0.02, 0.3))
    dense = half + half.T
    pattern = pattern_of(dense)
    colours = colour_star(pattern)
    compressed = seeds(colours) @ dense.T
    directions, positions = recovered_from(pattern, colours, symmetric=True)
    np.testing.assert_allclose(compressed[directions, positions], dense[pattern.nonzero()])


def test_wrong_colourings_are_found():
    pattern = banded(6, 1)
    with pytest.raises(ValueError, match="share a row"):
        recovered_from(pattern, np.array([0, 1, 0, 1, 0, 1]), symmetric=False)
    with pytest.raises(ValueError, match="star"):
        recovered_from(pattern, np.array([0, 1, 0, 1, 0, 1]), symmetric=True)
