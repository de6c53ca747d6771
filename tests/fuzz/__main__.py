"""Long runs of the fuzzer, from the tests folder: `python -m fuzz source|loops|native [--seeds 0:400] …`.

Prints every wrong outcome at once, with the call that gives the program's text, and a table at the end. Ends with 1
if anything was wrong. `reduce --seeds 7:8 --flavours nested --check "value"` makes a wrong program small;
`mutations` breaks rules of gradscribe one by one and says how many programs it takes to notice.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import gc
import signal
import sys
import time
import warnings
from collections.abc import Iterable, Iterator

import numpy as np

from fuzz.mutations import MUTATIONS, first_caught
from fuzz.native_batches import check_programs, not_compiled
from fuzz.programs import ALL_FLAVOURS
from fuzz.reduction import reduce_program
from fuzz.source_campaign import Outcome, check_program

VERDICTS = ("right", "refused", "differs", "unjudged", "wrong")
PROGRESS = 200  # programs between two lines that say how far a run is


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="fuzz", description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("campaign", choices=["source", "loops", "native", "mutations", "reduce"])
    parser.add_argument("--seeds", default="0:400", help="first:last, of every flavour")
    parser.add_argument("--flavours", default=",".join(ALL_FLAVOURS))
    parser.add_argument("--seconds", type=float, default=480.0, help="start no program after this time")
    parser.add_argument("--thorough", type=int, default=1, help="all checks on every k-th seed, the cheap ones on all")
    parser.add_argument("--texts", action="store_true", help="emitted text, read back, must be the same text")
    parser.add_argument("--batch", type=int, default=20, help="native programs staged together")
    parser.add_argument("--check", default="value", help="the check that `reduce` keeps wrong")
    parser.add_argument("--mutations", default=",".join(MUTATIONS), help="rules to break, of fuzz.mutations")
    options = parser.parse_args(arguments)
    # A program is garbage when it has been checked, all at once: looking for some in between costs a third of the time.
    gc.freeze()
    gc.set_threshold(200_000, 20, 20)
    first, last = (int(x) for x in options.seeds.split(":"))
    flavours = options.flavours.split(",")
    programs = [(seed, flavour) for seed in range(first, last) for flavour in flavours]
    deadline = time.monotonic() + options.seconds
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        if options.campaign == "mutations":
            return break_rules(options.mutations.split(","), range(first, last))
        if options.campaign == "reduce":
            print(reduce_program(first, flavours[0], options.check))
            return 0
        if options.campaign == "source":
            found: Iterable[tuple[int, str, list[Outcome]]] = (
                (seed, flavour, check_program(seed, flavour, options.texts, seed % options.thorough == 0))
                for seed, flavour in programs
            )
        else:
            found = check_programs(programs, options.batch, called=options.campaign == "loops")
        with not_compiled() if options.campaign == "loops" else contextlib.nullcontext():
            return report(found, deadline)


def break_rules(names: list[str], seeds: range) -> int:
    """Break one rule after another, and count the programs until one is wrong; 1 if one goes unnoticed."""
    unnoticed = 0
    for name in names:
        start = time.monotonic()
        caught = first_caught(MUTATIONS[name], seeds)
        unnoticed += caught is None
        count, detail = caught or ("none", "")
        print(f"{name:22} {count:>6} programs {time.monotonic() - start:5.0f} s  {detail[:160]}", flush=True)
    return int(unnoticed > 0)


def report(found: Iterable[tuple[int, str, list[Outcome]]], deadline: float) -> int:
    """Print wrong outcomes as they come and the table at the end; 1 if anything was wrong."""
    start = time.monotonic()
    counts: collections.Counter[tuple[str, str]] = collections.Counter()
    reasons: collections.Counter[tuple[str, str]] = collections.Counter()
    seconds: collections.Counter[str] = collections.Counter()
    programs = 0
    for seed, flavour, outcomes in until(found, deadline):
        programs += 1
        if programs % PROGRESS == 0:
            print(f"{programs} programs in {time.monotonic() - start:.0f} s, at seed {seed}", flush=True)
        for outcome in outcomes:
            counts[outcome.check, outcome.verdict] += 1
            seconds[outcome.check] += outcome.seconds  # type: ignore[assignment]
            if outcome.verdict == "refused":
                reasons[outcome.check, outcome.detail.split("\n")[0][:100]] += 1
            if outcome.verdict == "wrong":
                print(f"program_text({seed}, {flavour!r}) {outcome.check}: {outcome.detail}", flush=True)
    print(f"\n{programs} programs in {time.monotonic() - start:.0f} s")
    print(f"{'check':24}" + "".join(f"{verdict:>9}" for verdict in VERDICTS) + "  seconds")
    for check in dict.fromkeys(check for check, _ in counts):
        print(f"{check:24}" + "".join(f"{counts[check, verdict]:9}" for verdict in VERDICTS) + f"{seconds[check]:9.0f}")
    for (check, reason), count in reasons.most_common(12):
        print(f"  refused {count:4}  {check}: {reason}")
    return int(any(verdict == "wrong" for _, verdict in counts.elements()))


def until(found: Iterable[tuple[int, str, list[Outcome]]], deadline: float) -> Iterator[tuple[int, str, list[Outcome]]]:
    """Those until the deadline, or until the run is interrupted: it says what it found then."""
    interrupted: list[int] = []
    signal.signal(signal.SIGINT, lambda number, _: interrupted.append(number))
    for item in found:
        yield item
        if interrupted or time.monotonic() > deadline:
            return


if __name__ == "__main__":
    sys.exit(main())
