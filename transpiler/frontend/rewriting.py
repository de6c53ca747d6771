"""Constructs that are others in disguise, rewritten in the syntax tree before anything looks at it.

In: the tree of a file. Out: the same tree, in place: `match` is a chain of `if`s over `PatternTest`, `yield from`
as a statement is a `for` that yields, and a generator expression carries the generator function that it is. What the
interpreter and the analyses of syntax then see are statements that they know. Every new node stands where the old one
stood.
"""

from __future__ import annotations

import ast
from typing import Any

import gast


class PatternTest(ast.expr):
    """Does the subject match the pattern? Binds the pattern's names where it does."""

    _fields = ("subject", "pattern", "bound")

    def __init__(self, subject: Any, pattern: Any, bound: list[Any]) -> None:
        super().__init__()
        self.subject = subject
        self.pattern = pattern
        self.bound = bound


class Generated(ast.expr):
    """A generator expression: its first iterable, and the generator function that takes it."""

    _fields = ("iterable", "function")

    def __init__(self, iterable: Any, function: Any) -> None:
        super().__init__()
        self.iterable = iterable
        self.function = function


def _here(node: Any, old: Any) -> Any:
    return ast.fix_missing_locations(ast.copy_location(node, old))


def _name(identifier: str, context: Any, old: Any) -> Any:
    return _here(gast.Name(identifier, context, None, None), old)


def names_of_pattern(pattern: Any) -> list[str]:
    """The names that a pattern binds, in order."""
    found: dict[str, None] = {}
    for node in ast.walk(pattern):
        name = getattr(node, "rest", None) if isinstance(node, gast.MatchMapping) else getattr(node, "name", None)
        if name is not None:
            found.setdefault(name)
    return list(found)


class _Rewriter(ast.NodeTransformer):
    """Bottom up: what a new node holds is already rewritten."""

    def visit_Match(self, node: Any) -> list[Any]:
        self.generic_visit(node)
        subject = f"<subject in line {node.lineno}, column {node.col_offset}>"
        chain: list[Any] = []
        for case in reversed(node.cases):
            bound = [_name(n, gast.Store(), case.pattern) for n in names_of_pattern(case.pattern)]
            test: Any = PatternTest(_name(subject, gast.Load(), node.subject), case.pattern, bound)
            test = _here(test, case.pattern)
            if case.guard is not None:
                test = _here(gast.BoolOp(gast.And(), [test, case.guard]), case.guard)
            chain = [_here(gast.If(test, case.body, chain), case.pattern)]
        kept = _here(gast.Assign([_name(subject, gast.Store(), node.subject)], node.subject, None), node.subject)
        return [kept, *chain]

    def visit_Expr(self, node: Any) -> Any:
        self.generic_visit(node)
        if not isinstance(node.value, gast.YieldFrom):
            return node
        item = f"<item in line {node.lineno}, column {node.col_offset}>"
        yielded = _here(gast.Expr(gast.Yield(_name(item, gast.Load(), node))), node)
        return _here(gast.For(_name(item, gast.Store(), node), node.value.value, [yielded], [], None), node)

    def visit_GeneratorExp(self, node: Any) -> Any:
        self.generic_visit(node)
        body: list[Any] = [_here(gast.Expr(gast.Yield(node.elt)), node.elt)]
        first = "<iterable>"
        for k, g in reversed(list(enumerate(node.generators))):
            if g.is_async:
                return node
            for condition in reversed(g.ifs):
                body = [_here(gast.If(condition, body, []), condition)]
            iterable = _name(first, gast.Load(), g.iter) if k == 0 else g.iter
            body = [_here(gast.For(g.target, iterable, body, [], None), g.target)]
        parameter = _name(first, gast.Param(), node)
        arguments = gast.arguments([parameter], [], None, [], [], None, [])
        function = _here(gast.FunctionDef("<generator>", arguments, body, [], None, None, []), node)
        return _here(Generated(node.generators[0].iter, function), node)


def rewritten(tree: Any) -> Any:
    """The tree with its disguises taken off."""
    return _Rewriter().visit(tree)
