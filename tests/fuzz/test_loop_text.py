"""Random programs through lowering: Python runs the loop text that would be compiled, kernels and calls of `jit`."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from fuzz.native_batches import check_programs, not_compiled
from fuzz.programs import ALL_FLAVOURS
from fuzz.test_derivatives import seeds


@pytest.mark.parametrize("flavour", ALL_FLAVOURS)
@pytest.mark.parametrize("seed", seeds(0, 2, 30))
def test_loop_text_does_what_python_does(seed, flavour):
    with warnings.catch_warnings(), np.errstate(all="ignore"), not_compiled():
        warnings.simplefilter("ignore")
        for _, _, outcomes in check_programs([(seed, flavour)], called=True):
            for outcome in outcomes:
                assert outcome.verdict != "wrong", f"{outcome.check}: {outcome.detail}"
