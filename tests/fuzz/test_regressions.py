"""What the fuzzer once found wrong stays right: value, text, derivatives, text of derivatives."""

from __future__ import annotations

import copy

import numpy as np
import pytest

import gradscribe as gs
from fuzz.regressions import REGRESSIONS
from oracles import directional_error


@pytest.mark.parametrize("function", REGRESSIONS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("backend", ["python", pytest.param("native", marks=pytest.mark.native)])
def test_value_and_gradient(function, backend):
    args = REGRESSIONS[function]
    expected_args, given = copy.deepcopy(args), copy.deepcopy(args)
    expected = function(*expected_args)
    found = gs.jit(function, backend=backend)(*given)
    assert np.allclose(found, expected, rtol=1e-12)
    for mine, right in zip(given, expected_args, strict=True):
        assert np.array_equal(mine, right)
    wrt = tuple(k for k, x in enumerate(args) if np.asarray(x).dtype.kind == "f")
    gradients = gs.jit(gs.grad(function, wrt), backend=backend)(*copy.deepcopy(args))
    assert directional_error(function, args, wrt, gradients, 1.0) < 1e-7
