"""Derivatives of random NumPy programs (`fuzz.programs`), staged by the frontend.

In: a seed and a flavour. Out: a flat `Program` at a point where Python does not raise, or None where the frontend
refuses.
"""

from __future__ import annotations

import copy

import numpy as np

from fuzz.derivatives import Execute, Program
from fuzz.programs import load_program, make_arguments, program_text
from fuzz.values import python_outcome, staged_at
from gradscribe.transpiler import tree
from gradscribe.transpiler.errors import GradscribeError
from gradscribe.transpiler.ir.evaluate import evaluate
from gradscribe.transpiler.ir.staged import ArgumentLeaf
from gradscribe.transpiler.ir.types import ArrayType, Type


def source_program(seed: int, flavour: str, execute: Execute = evaluate) -> Program | None:
    function = load_program(program_text(seed, flavour))
    for k in range(4):
        args = make_arguments(1000 * seed + k, flavour)
        value, raised = python_outcome(function, copy.deepcopy(args))
        if raised is None and np.all(np.isfinite(value)):
            break
    else:
        return None
    try:
        staged = staged_at(seed, flavour, k)
    except GradscribeError:
        return None
    leaves, _ = tree.flatten((args, {}))
    flat = tuple(leaves[p.leaf] if isinstance(p, ArgumentLeaf) else p.read() for p in staged.parameters)
    single = flavour == "mixed"
    wrt = tuple(k for k, p in enumerate(staged.function.params) if is_active(p.type, single))
    results = tuple(k for k, r in enumerate(staged.function.results) if is_active(r.type, single))
    return Program(staged.function, flat, wrt, results, execute, single)


def is_active(kind: Type, single: bool) -> bool:
    """Float parameters and results take part; those in float32 (an argument of every program) where dtypes mix."""
    return isinstance(kind, ArrayType) and kind.is_float and (single or kind.dtype == np.float64)
