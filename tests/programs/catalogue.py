"""The corpus: every program with its inputs, in a fixed order, and look-up by name."""

from __future__ import annotations

from programs.feature_entries import FEATURES
from programs.kernel_entries import KERNELS
from programs.model_entries import MODELS
from programs.program import Program

PROGRAMS: tuple[Program, ...] = KERNELS + MODELS + FEATURES

_BY_NAME: dict[str, Program] = {program.name: program for program in PROGRAMS}
if len(_BY_NAME) != len(PROGRAMS):
    raise ValueError("two programs of the corpus have the same name")


def program_named(name: str) -> Program:
    """The program called ``name``; KeyError when there is none."""
    return _BY_NAME[name]
