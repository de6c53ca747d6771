"""Status records: what is recorded, in compiled code and in Python, that the first failure stays, and what it says."""

import numpy as np
import pytest
from compiled_loops import compiled, vector_instructions

from gradscribe import kernels
from gradscribe.kernels import status as status_codes

pytestmark = pytest.mark.native


def gather_with_stores(x, where, status):
    total = 0.0
    for k in range(where.size):
        total = kernels.radd(total, x[kernels.check_index(where[k], x.size, status, 5)])
    return total


def gather_with_maximum(x, where, status):
    total, worst = 0.0, kernels.NO_INDEX
    for k in range(where.size):
        worst = kernels.worst_index(worst, where[k], x.size)
        total = kernels.radd(total, x[kernels.safe_index(where[k], x.size)])
    kernels.check_worst_index(worst, x.size, status, 5)
    return total


@pytest.mark.parametrize("source", [gather_with_stores, gather_with_maximum])
def test_gather(source):
    loop = compiled(source)
    x = np.random.default_rng(0).normal(size=50)
    where = np.random.default_rng(1).integers(-50, 50, 203)
    for function in (loop, source):
        status = kernels.new_status()
        assert function(x, where, status) == pytest.approx(x[where].sum())
        assert not status.any() and kernels.failure(status) is None
        for bad in (50, -51, 10**12, -(10**12), 2**63 - 1, -(2**63)):
            beyond, status = where.copy(), kernels.new_status()
            beyond[100] = bad
            with np.errstate(over="ignore"):
                function(x, beyond, status)
            assert status.tolist() == [status_codes.INDEX, 5, bad, 50]


def test_only_the_maximum_form_vectorises():
    loop = compiled(gather_with_maximum)
    loop(np.ones(5), np.zeros(5, np.int64), kernels.new_status())
    assert vector_instructions(loop, r"v\w*(?:cmp|max)"), "the loop is scalar"
    loop = compiled(gather_with_stores)
    loop(np.ones(5), np.zeros(5, np.int64), kernels.new_status())
    assert not vector_instructions(loop, r"v\w*(?:cmp|max)"), "check_index has become as good: drop the maximum form"


def test_message():
    status = np.array([status_codes.INDEX, 5, -51, 50])
    assert kernels.failure(status) == (IndexError, "index -51 is out of bounds for axis with size 50")


@pytest.mark.parametrize("run", [compiled, lambda function: function])
def test_the_first_failure_stays(run):
    def twice(status):
        kernels.check_divisor(0, status, 1)
        kernels.check_index(9, 3, status, 2)

    status = kernels.new_status()
    run(twice)(status)
    assert status.tolist() == [status_codes.ZERO_DIVISION, 1, 0, 0]


@pytest.mark.parametrize("run", [compiled, lambda function: function])
def test_other_checks(run):
    def checks(status, which):
        if which == 0:
            return kernels.check_divisor(0, status, 3)
        if which == 1:
            return kernels.check_exponent(2, -1, status, 3)
        if which == 2:
            kernels.check_size(4, 5, status, 3)
        if which == 3:
            kernels.check_condition(False, 6, status, 3, 7, 8)
        if which == 4:
            kernels.check_size(4, 4, status, 3)
            kernels.check_condition(True, 6, status, 3, 7, 8)
            return kernels.check_divisor(-2, status, 3) + kernels.check_exponent(2, 3, status, 3)
        return 0

    function, results = run(checks), []
    for which in range(5):
        status = kernels.new_status()
        results.append((function(status, which), *status.tolist()))
    assert results == [(1, 2, 3, 0, 0), (0, 4, 3, 2, -1), (0, 5, 3, 4, 5), (0, 6, 3, 7, 8), (1, 0, 0, 0, 0)]


@pytest.mark.parametrize("run", [compiled, lambda function: function])
def test_index_helpers(run):
    def all_of(i, n):
        return kernels.wrap_index(i, n), kernels.index_in_range(i, n), kernels.safe_index(i, n)

    function = run(all_of)
    assert function(-1, 4) == (3, True, 3)
    assert function(3, 4) == (3, True, 3)
    assert function(4, 4) == (4, False, 0)
    assert function(-5, 4) == (-1, False, 0)
    assert function(0, 0) == (0, False, 0)
    assert function(np.int32(-2), 4) == (2, True, 2)
