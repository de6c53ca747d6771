"""Derivatives of random NumPy programs (`fuzz.programs`), staged by the frontend.

In: a seed and a flavour. Out: a flat `Program` at a point where Python does not raise, or None where the frontend
refuses.
"""

from __future__ import annotations

import copy

import numpy as np

from fuzz.derivatives import Execute, Program
from fuzz.programs import load_program, make_arguments, program_text
from fuzz.values import python_outcome
from gradscribe.transpiler import tree
from gradscribe.transpiler.errors import GradscribeError
from gradscribe.transpiler.frontend.stage import stage
from gradscribe.transpiler.ir.evaluate import evaluate
from gradscribe.transpiler.ir.staged import ArgumentLeaf


def source_program(seed: int, flavour: str, execute: Execute = evaluate) -> Program | None:
    function = load_program(program_text(seed, flavour))
    for k in range(4):
        args = make_arguments(1000 * seed + k)
        value, raised = python_outcome(function, copy.deepcopy(args))
        if raised is None and np.all(np.isfinite(value)):
            break
    else:
        return None
    try:
        staged = stage(function, copy.deepcopy(args), {})
    except GradscribeError:
        return None
    leaves, _ = tree.flatten((args, {}))
    flat = tuple(leaves[p.leaf] if isinstance(p, ArgumentLeaf) else p.read() for p in staged.parameters)
    wrt = tuple(k for k, p in enumerate(staged.function.params) if p.type.is_float)
    results = tuple(k for k, r in enumerate(staged.function.results) if r.type.is_float)
    return Program(staged.function, flat, wrt, results, execute)
