"""The fuzzer notices broken rules; `python -m fuzz mutations` breaks all of them, for as long as it takes."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from fuzz.mutations import MUTATIONS, first_caught

# Seeds of every flavour within which a broken rule is noticed.
QUICK = {"layout": 4, "stale arrays": 4, "overlapping writes": 2}
SLOW = {
    "pairing": 8, "overlap of pairs": 97, "journal": 4, "liveness of loops": 4, "scatter": 6, "partial derivative": 6,
    "zeroed cotangent": 4, "re-reading": 6, "exit iteration": 15, "exit code": 20, "forks": 6,
    "copies": 4, "finally": 17, "growing lists": 17, "recursion": 15, "sizes in reverse": 6, "conjugation": 12,
    "last writes": 8, "elements in scalars": 60,
}  # fmt: skip


@pytest.mark.parametrize(
    "name, seeds", [*QUICK.items(), *(pytest.param(*item, marks=pytest.mark.slow) for item in SLOW.items())]
)
def test_a_broken_rule_is_noticed(name, seeds):
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        assert first_caught(MUTATIONS[name], range(seeds)) is not None
