"""The fuzzer notices broken rules; `python -m fuzz mutations` breaks all of them."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from fuzz.mutations import MUTATIONS, first_caught

QUICK = ("layout", "stale arrays")


@pytest.mark.parametrize("name", [n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in MUTATIONS])
def test_a_broken_rule_is_noticed(name, tmp_path, monkeypatch):
    monkeypatch.setenv("GRADSCRIBE_CACHE_DIR", str(tmp_path))
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        assert first_caught(MUTATIONS[name], range(8 if name in QUICK else 60)) is not None
