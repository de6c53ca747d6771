"""A few random programs as native code; `python -m fuzz native` runs many."""

from __future__ import annotations

import numpy as np
import pytest

from fuzz.native_batches import check_programs
from fuzz.programs import ALL_FLAVOURS, FLAVOURS

PROGRAMS = [*((9, flavour) for flavour in ALL_FLAVOURS), *((10, flavour) for flavour in FLAVOURS)]


@pytest.mark.native
@pytest.mark.filterwarnings("ignore")
def test_values_and_cotangents_in_native_code(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADSCRIBE_CACHE_DIR", str(tmp_path))
    compared = 0
    with np.errstate(all="ignore"):
        for seed, flavour, outcomes in check_programs(PROGRAMS):
            for outcome in outcomes:
                where = f"program_text({seed}, {flavour!r}) {outcome.check}"
                assert outcome.verdict != "wrong", f"{where}: {outcome.detail}"
                compared += outcome.check == "native vjp"
    assert compared >= 8
