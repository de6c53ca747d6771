"""Rewrites of `simplify`: fewer equations, the same values."""

from __future__ import annotations

import numpy as np

from gradscribe.transpiler.ir.builder import build_body
from gradscribe.transpiler.ir.dims import Dim, Symbol
from gradscribe.transpiler.ir.evaluate import evaluate
from gradscribe.transpiler.ir.nodes import Function, Operand, Var
from gradscribe.transpiler.ir.types import array
from gradscribe.transpiler.passes.simplify import simplify
from gradscribe.transpiler.primitives.structure import reshape


def test_reshapes_in_a_row_are_one_or_none() -> None:
    n = Symbol("n")

    def body(x: Var) -> list[Operand]:
        column = reshape(x, shape=(Dim.of(n), Dim.of(1)))
        return [reshape(column, shape=(Dim.of(n),)), reshape(column, shape=(Dim.of(1), Dim.of(n)))]

    function = Function("f", build_body([Var(array(np.float64, n), "x")], body))
    result = simplify(function)
    assert [e.operation.name for e in result.region.eqns] == ["reshape"]
    x = np.arange(3.0)
    for a, b in zip(evaluate(function, x), evaluate(result, x), strict=True):
        np.testing.assert_array_equal(a, b)
