"""Which names may still be read, and how statements leave their block: questions about syntax alone.

In: a function's node. Out: `Liveness`, per loop and per `if`, the names live where control flow joins. Assumes
nothing about values: every name that an inner function or comprehension reads counts as live everywhere. Source:
backward data-flow over structured code.
"""

from __future__ import annotations

import ast
import weakref
from typing import Any

import gast

BREAK, CONTINUE, RETURN_CODE = 1, 2, 3
# What a `yield` leaves its generator with: the code of the consumer, shifted so that the generator's loops let it pass.
# `exits` knows all of these as LEFT.
LEFT = 4
_SCOPES = (gast.FunctionDef, gast.Lambda, gast.ListComp, gast.DictComp, gast.SetComp)
Names = frozenset[str]
_NONE: Names = frozenset()


def _named(node: Any, context: type) -> set[str]:
    return {n.id for n in gast.walk(node) if isinstance(n, gast.Name) and isinstance(n.ctx, context)}


def _loads(node: Any) -> Names:
    if node is None:
        return _NONE
    names = _named(node, gast.Load)
    for inner in gast.walk(node):
        if isinstance(inner, gast.AugAssign):
            names |= _named(inner.target, gast.Store)
        elif isinstance(inner, gast.Delete):
            names |= _named(inner, gast.Del)
    return frozenset(names)


def _reads(statements: list[Any]) -> Names:
    return frozenset().union(*map(_loads, statements)) if statements else _NONE


def _bound(target: Any) -> Names:
    """Names that an assignment to `target` surely rebinds."""
    if isinstance(target, gast.Name):
        return frozenset({target.id})
    if isinstance(target, (gast.Tuple, gast.List)):
        return frozenset().union(*map(_bound, target.elts)) if target.elts else _NONE
    if isinstance(target, gast.Starred):
        return _bound(target.value)
    return _NONE


class Liveness:
    """`head[id(loop)]`: live at the loop's head or after it. `after[id(if)]`: live where its branches meet, when the
    rest of the block stays outside; `end[id(if)]`: when the rest of the block has moved into the branches."""

    def __init__(self, function: Any) -> None:
        self.head: dict[int, Names] = {}
        self.after: dict[int, Names] = {}
        self.end: dict[int, Names] = {}
        captured: set[str] = set()
        for inner in gast.walk(function):
            if inner is not function and isinstance(inner, _SCOPES):
                captured |= _loads(inner) | _named(inner, gast.Store)
            if isinstance(inner, gast.Nonlocal):
                captured.update(inner.names)
        self.captured = frozenset(captured)
        self.yields = not isinstance(function, gast.Lambda) and any(map(yields_in, function.body))
        if not isinstance(function, gast.Lambda):
            self._block(function.body, _NONE, _NONE, _NONE)

    def _block(self, statements: list[Any], out: Names, brk: Names, cont: Names) -> Names:
        block_end = out | brk | cont | self.captured
        # A path that leaves the loop still meets, at the join with the code, the path that goes on: what the next
        # iteration reads stands there in both, also where the path that goes on writes it anew before.
        leaving = brk | cont
        if exits(statements):
            out = out | leaving
        for statement in reversed(statements):
            self.end[id(statement)] = block_end
            if exits(statement):
                out = out | leaving
            out = self._statement(statement, out, brk, cont)
        return out

    def _statement(self, s: Any, out: Names, brk: Names, cont: Names) -> Names:
        if isinstance(s, gast.Raise):
            return _loads(s)
        if isinstance(s, gast.Return):
            return _loads(s) | brk | cont
        if isinstance(s, gast.Break):
            return brk | cont
        if isinstance(s, gast.Continue):
            return cont
        if isinstance(s, gast.If):
            self.after[id(s)] = out | self.captured
            return _loads(s.test) | self._block(s.body, out, brk, cont) | self._block(s.orelse, out, brk, cont)
        if isinstance(s, gast.With):
            loads = frozenset().union(*(_loads(item.context_expr) for item in s.items))
            return loads | self._block(s.body, out, brk, cont)
        if isinstance(s, gast.Try):
            return self._try(s, out, brk, cont)
        if isinstance(s, (gast.For, gast.While)):
            return self._loop(s, out, brk, cont)
        if isinstance(s, gast.Assign):
            rebound = frozenset().union(*map(_bound, s.targets))
            return (out - rebound) | _loads(s)
        if isinstance(s, gast.AnnAssign):
            return ((out - _bound(s.target)) if s.value is not None else out) | _loads(s.value) | _loads(s.target)
        return out | _loads(s)

    def _try(self, s: Any, out: Names, brk: Names, cont: Names) -> Names:
        """What handlers, `else` and `finally` read lives everywhere in the body, which may be left at any place."""
        captured = self.captured
        out = self._block(s.finalbody, out, brk, cont)
        self.captured |= _reads(s.finalbody)
        handlers = [self._block(handler.body, out, brk, cont) for handler in s.handlers]
        after = self._block(s.orelse, out, brk, cont)
        self.captured |= frozenset().union(*map(_reads, (h.body for h in s.handlers)), _reads(s.orelse))
        kinds = frozenset().union(*(_loads(h.type) for h in s.handlers))
        live = self._block(s.body, after, brk, cont).union(*handlers) | kinds | (self.captured - captured)
        self.captured = captured
        return live

    def _loop(self, s: Any, out: Names, brk: Names, cont: Names) -> Names:
        after = self._block(s.orelse, out, brk, cont) | out
        counted = isinstance(s, gast.For)
        head = after | (_NONE if counted else _loads(s.test))
        while True:
            body = self._block(s.body, head, out, head)
            if counted:
                body = (body - _bound(s.target)) | _loads(s.target)
            if body <= head:
                break
            head |= body
        self.head[id(s)] = head | self.captured
        return head | (_loads(s.iter) if counted else _NONE)


def exits(node: Any) -> frozenset[int]:
    """Codes with which a statement (or list of them) may leave its block."""
    if isinstance(node, list):
        return frozenset().union(*map(exits, node)) if node else frozenset()
    if isinstance(node, gast.Break):
        return frozenset({BREAK})
    if isinstance(node, gast.Continue):
        return frozenset({CONTINUE})
    if isinstance(node, gast.Return):
        return frozenset({RETURN_CODE})
    if isinstance(node, gast.Expr) and isinstance(node.value, gast.Yield):
        return frozenset({LEFT})
    if isinstance(node, gast.If):
        return exits(node.body) | exits(node.orelse)
    if isinstance(node, gast.With):
        return exits(node.body)
    if isinstance(node, gast.Try):
        return exits([*node.body, *node.orelse, *node.finalbody, *(s for h in node.handlers for s in h.body)])
    if isinstance(node, (gast.For, gast.While)):
        return (exits(node.body) & {RETURN_CODE, LEFT}) | exits(node.orelse)
    return frozenset()


def yields(function: Any) -> bool:
    """Is it a generator function: does its own body yield?"""
    return isinstance(function, gast.FunctionDef) and liveness_of(function).yields


def yields_in(statement: Any) -> bool:
    """Does a statement yield, not counting functions defined in it?"""
    todo = [statement]
    while todo:
        node = todo.pop()
        if isinstance(node, (gast.Yield, gast.YieldFrom)):
            return True
        if not isinstance(node, (gast.FunctionDef, gast.Lambda)):
            todo += ast.iter_child_nodes(node)
    return False


def always_leaves(statements: list[Any]) -> bool:
    """Does control never reach the end of the block?"""
    for s in statements:
        if isinstance(s, (gast.Break, gast.Continue, gast.Return, gast.Raise)):
            return True
        if isinstance(s, gast.If) and always_leaves(s.body) and always_leaves(s.orelse):
            return True
        if isinstance(s, gast.With) and always_leaves(s.body):
            return True
        if isinstance(s, gast.Try):
            handled = all(always_leaves(handler.body) for handler in s.handlers)
            if always_leaves(s.finalbody) or (handled and always_leaves(s.body + s.orelse)):
                return True
    return False


_cache: weakref.WeakKeyDictionary[Any, Liveness] = weakref.WeakKeyDictionary()


def liveness_of(function: Any) -> Liveness:
    """The answers for a function's node, computed once."""
    found = _cache.get(function)
    if found is None:
        found = _cache[function] = Liveness(function)
    return found
