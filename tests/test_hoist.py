"""Invariant work leaves its loop; what changes, may fail or allocates stays."""

from __future__ import annotations

import numpy as np

from gradscribe.transpiler.ir.builder import build_body
from gradscribe.transpiler.ir.dims import Symbol
from gradscribe.transpiler.ir.evaluate import evaluate
from gradscribe.transpiler.ir.nodes import Function, Operand, Var
from gradscribe.transpiler.ir.types import array
from gradscribe.transpiler.ir.verify import verify
from gradscribe.transpiler.passes.hoist import hoist_invariants
from gradscribe.transpiler.primitives.elementary import exp
from gradscribe.transpiler.primitives.reductions import reduce_sum
from gradscribe.transpiler.primitives.regions import for_loop, loop


def _program(trips: int) -> Function:
    n = Symbol("n")

    def body(x: Var, s: Var) -> list[Operand]:
        def step(i: Var, s: Var) -> tuple[Operand]:
            fixed = exp(x) * x  # invariant
            return (s + reduce_sum(fixed, axes=(0,)) + s * s,)

        return list(for_loop(0, trips, [s], step))

    return Function("f", build_body([Var(array(np.float64, n), "x"), Var(array(np.float64), "s")], body))


def test_invariant_array_work_is_done_once() -> None:
    function = _program(3)
    hoisted = hoist_invariants(function)
    verify(hoisted)
    (inner,) = [e for e in hoisted.region.eqns if e.operation is loop]
    names = [e.operation.name for e in inner.regions[-1].eqns]
    assert names == ["add", "multiply", "add"], names
    x = np.array([0.1, 0.7])
    np.testing.assert_array_equal(evaluate(function, x, np.float64(0.1)), evaluate(hoisted, x, np.float64(0.1)))


def test_a_loop_that_never_runs_keeps_its_result() -> None:
    x = np.array([0.1, 800.0])
    assert evaluate(hoist_invariants(_program(0)), x, np.float64(0.25)) == (0.25,)
