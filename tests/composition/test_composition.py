"""Every ordered pair of transformations and a sample of triples, against the same composition by hand."""

import random

import numpy as np
import pytest

from composition import duals
from composition.cells import ONE_EACH, TOLERANCE, cell, may_be_refused, sampled_triples
from composition.programs import PROGRAMS, X

TRIPLES = sampled_triples(40)
NATIVE = random.Random(1).sample(ONE_EACH, 10) + random.Random(2).sample(TRIPLES, 4)


def name_of(value):
    return "-".join(value) if isinstance(value, tuple) else value.__name__


def check(word, program, native=False):
    found = cell(word, program, native)
    if found.outcome == "refused":
        assert may_be_refused(word) and "reverse mode only" in found.message, found.message
        return
    assert found.outcome == "equal", found.message


@pytest.mark.parametrize(("word", "program"), ONE_EACH, ids=name_of)
def test_pairs(word, program):
    check(word, program)


@pytest.mark.parametrize(("word", "program"), TRIPLES, ids=name_of)
def test_triples(word, program):
    check(word, program)


@pytest.mark.native
@pytest.mark.parametrize(("word", "program"), NATIVE, ids=name_of)
def test_native(word, program):
    check(word, program, native=True)


@pytest.mark.parametrize("program", PROGRAMS, ids=name_of)
def test_duals_are_derivatives(program):
    """The oracle against differences of plain values."""
    step = 1e-6
    for k, unit in enumerate(np.eye(3)):
        difference = (np.asarray(program(X + step * unit)) - np.asarray(program(X - step * unit))) / (2 * step)
        np.testing.assert_allclose(duals.jacobian(program, X)[..., k], difference, rtol=1e-7, atol=1e-8)
    assert TOLERANCE < 1e-8
