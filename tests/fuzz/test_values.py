"""Random programs: the staged program does what Python does, to values, to exceptions, and to the caller's arrays; or
it is refused."""

from __future__ import annotations

import collections

import pytest

from fuzz.programs import ALL_FLAVOURS
from fuzz.values import compare

FAST = 25
SLOW = 1000
# Programs that alias on purpose are refused often; this is what may be refused, so that a frontend that refuses all is
# noticed.
MOST_REFUSED = {"plain": 0.4, "aliasing": 0.6, "layout": 0.4, "control": 0.6, "smooth": 0.5}
MOST_REFUSED.update({"language": 0.4, "nested": 0.4, "sharing": 0.4, "indexing": 0.3, "mixed": 0.3, "growing": 0.4})


def check(flavour: str, seeds: range) -> None:
    outcomes: collections.Counter[str] = collections.Counter()
    for seed in seeds:
        outcome, detail = compare(seed, flavour)
        assert outcome != "wrong", f"program_text({seed}, {flavour!r}): {detail}"
        outcomes[outcome] += 1
    assert outcomes["refused"] <= MOST_REFUSED[flavour] * len(seeds), outcomes


@pytest.mark.parametrize("flavour", ALL_FLAVOURS)
def test_programs_do_what_python_does(flavour: str) -> None:
    check(flavour, range(FAST))


@pytest.mark.slow
@pytest.mark.parametrize("flavour", ALL_FLAVOURS)
def test_many_programs_do_what_python_does(flavour: str) -> None:
    check(flavour, range(10_000, 10_000 + SLOW))
