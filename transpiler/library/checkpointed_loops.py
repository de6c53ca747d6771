"""`checkpointed`: the mark of a loop that reverse mode runs back with few of its states."""

from __future__ import annotations

from typing import TypeVar

T = TypeVar("T")


def checkpointed(what: T, snapshots: int) -> T:
    """What a `for` goes over, or the test of a `while`; reverse mode keeps `snapshots` states of such a loop.

    Args:
        what: a range, an array, `zip`, `enumerate`, ...; or a truth value. It comes back as it is.
        snapshots: how many states of the loop may be kept at a time, at least 1.

    Without it, reverse mode keeps what it needs of every iteration. With it, states are computed again from the
    snapshots, in a schedule that evaluates the body least often where the number of iterations is known when the loop
    starts (binomial, Griewank & Walther 2000), and in two levels where it is not (`while`). What the body prints is
    seen once.

    Examples:
        `for t in gs.checkpointed(range(n), snapshots=64): x = step(x, t)`
        `while gs.checkpointed(residual(x) > tol, snapshots=16): x = step(x)`
    """
    if snapshots < 1:
        raise ValueError(f"a loop needs at least one snapshot, not {snapshots}")
    return what
