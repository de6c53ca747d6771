"""Random programs: the staged program does what Python does, to values, to exceptions, and to the caller's arrays; or
it is refused."""

from __future__ import annotations

import collections

import pytest

from fuzz.programs import ALL_FLAVOURS
from fuzz.source_campaign import outcome_of
from fuzz.values import compare
from gradscribe.transpiler.errors import AliasError, InternalError, NoRule, Span, UnsupportedSyntax

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


def test_what_a_check_may_be_refused_for():
    place = Span(file="program.py", line=3, column=5, end_line=3, end_column=9)

    def verdict(error):
        def check():
            raise error

        return outcome_of("a check", check).verdict

    assert verdict(NoRule(place, "the size of this differs from lane to lane")) == "refused"
    assert verdict(NoRule(None, "the size of this differs from lane to lane")) == "wrong"
    assert verdict(AliasError(place, "this array may or may not share memory with one that was written")) == "refused"
    assert verdict(UnsupportedSyntax(place, "`c` is not kept past this point")) == "wrong"
    assert verdict(InternalError(place, "this array may or may not share memory")) == "wrong"
