"""Second derivatives of while loops: native code gives what the NumPy source gives, call after call."""

import numpy as np
import pytest

import gradscribe as gs
from programs.model_entries import MODELS

PROGRAMS = {p.name: p for p in MODELS}


@pytest.mark.parametrize("name", ["newton", "while_search", "while_two_arrays"])
def test_hessians_of_while_programs(name):
    program = PROGRAMS[name]

    def squares(*args):
        return np.sum(program.function(*args) ** 2)

    hessian = gs.hessian(squares, argnums=0)
    jitted = gs.jit(hessian)
    for seed in range(50):
        args = program.draw(np.random.default_rng(seed), "small", np.float64)
        wanted = hessian(*args)
        np.testing.assert_allclose(jitted(*args), wanted, rtol=1e-9, atol=1e-9 * np.max(np.abs(wanted)))
