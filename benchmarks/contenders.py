"""The registry of contenders: a name and a function that prepares a workload for it.

A contender's module calls :func:`register` when imported; the harness imports the modules it is told to. ``prepare``
takes ``(workload, args, weights)`` and returns a callable without arguments that computes ``(value, gradients)``, the
gradients a tuple in the order of ``workload.argnums``, or None where the contender cannot do the program. Preparing may
transform, compile and move arguments; only the call is timed. The callable must finish its work before it returns and
must leave ``args`` as they were.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from workloads import Workload

Call = Callable[[], tuple[Any, tuple[Any, ...]]]
Prepare = Callable[[Workload, tuple[Any, ...], Any], Call | None]

CONTENDERS: dict[str, Prepare] = {}


def register(name: str) -> Callable[[Prepare], Prepare]:
    """Decorator: enter ``prepare`` under ``name``. ValueError when the name is taken."""

    def enter(prepare: Prepare) -> Prepare:
        if name in CONTENDERS:
            raise ValueError(f"contender {name!r} is registered twice")
        CONTENDERS[name] = prepare
        return prepare

    return enter
