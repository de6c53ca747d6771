"""The ways a flat program can be run: the reference evaluator, and every backend. Tests of derivatives run on each of
them."""

from __future__ import annotations

import functools
from typing import Any

import pytest

from fuzz.derivatives import Execute
from gradscribe.transpiler.ir.evaluate import evaluate
from gradscribe.transpiler.ir.nodes import Function


@functools.lru_cache(maxsize=64)
def _compiled(function: Function, backend: str) -> Any:
    executables = pytest.importorskip("gradscribe.transpiler.api.executables")
    return executables.executable(function, backend)


def _backend(name: str) -> Execute:
    return lambda function, *args: tuple(_compiled(function, name)(*args))


EXECUTIONS: dict[str, Execute] = {"evaluator": evaluate, "python": _backend("python"), "native": _backend("native")}

EVERY_EXECUTION = [
    "evaluator",
    pytest.param("python", marks=pytest.mark.slow),
    pytest.param("native", marks=[pytest.mark.native, pytest.mark.slow]),
]
