"""The return value of an emitted function: flat, or a tree.

In: a template (a pytree of `ResultLeaf`, `ArgumentIdentity` and `StaticLeaf`) or None. Out: a function from the
expressions of the flat results to the expression that is returned."""

from __future__ import annotations

import ast
from typing import Any

from gradscribe.transpiler.backends.dialect import python_constant
from gradscribe.transpiler.backends.writer import ResultWriter, flat_results
from gradscribe.transpiler.ir.nodes import Function
from gradscribe.transpiler.ir.staged import ArgumentIdentity, ResultLeaf, StaticLeaf


def result_writer(template: Any, function: Function) -> ResultWriter:
    """`flat_results` without a template; else the template with its leaves filled in."""
    if template is None:
        return flat_results

    def build(node: Any, values: list[ast.expr]) -> ast.expr:
        if isinstance(node, ResultLeaf):
            return values[node.position]
        if isinstance(node, ArgumentIdentity):
            if node.position is not None:
                return values[node.position]
            raise NotImplementedError("a returned argument needs a flat result that holds its value")
        if isinstance(node, StaticLeaf):
            return _constant(node.value)
        if isinstance(node, dict):
            return ast.Dict(keys=[_constant(k) for k in node], values=[build(v, values) for v in node.values()])
        if isinstance(node, list):
            return ast.List(elts=[build(v, values) for v in node])
        if isinstance(node, tuple):
            return ast.Tuple(elts=[build(v, values) for v in node])
        return _constant(node)

    return lambda values: build(template, values)


def _constant(value: Any) -> ast.expr:
    if value is None or isinstance(value, (str, bool)):
        return ast.Constant(value=value)
    if isinstance(value, (int, float, complex)):
        return python_constant(value)
    raise NotImplementedError(f"no text for a constant {type(value).__name__}")
