"""The fence: one table of what the accepted language leaves out, with the reason and the remedy.

In: a function that is about to be interpreted. Out: nothing, or every construct of it that is refused, raised
together. What depends on values (a data-dependent list length, say) is refused by the interpreter where it happens.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gast

from gradscribe.transpiler.errors import GradscribeError, UnsupportedSyntax, raise_all
from gradscribe.transpiler.frontend.liveness import yields_in
from gradscribe.transpiler.frontend.source import SourceFile
from gradscribe.transpiler.frontend.values import Closure

Refusal = tuple[str, str]
_ASYNC: Refusal = ("asynchronous code is not accepted", "call the staged function from asynchronous code instead")

# Constructs that are refused wherever they stand: reason and remedy. Everything else is accepted or decided by values.
REFUSED: dict[type, Refusal] = {
    gast.Global: ("writing globals is not accepted", "return the value, or keep it in an object that is passed in"),
    gast.ClassDef: ("classes are not defined inside a staged function", "define the class outside"),
    gast.Await: _ASYNC,
    gast.AsyncFor: _ASYNC,
    gast.AsyncWith: _ASYNC,
    gast.AsyncFunctionDef: _ASYNC,
}
for _name, _refusal in {
    "TryStar": ("`except*` is not accepted", "write `except`"),
    "TypeAlias": ("type aliases are not accepted inside a staged function", "define them outside"),
}.items():
    if hasattr(gast, _name):
        REFUSED[getattr(gast, _name)] = _refusal


def _with_is_errstate(node: Any) -> bool:
    for item in node.items:
        call = item.context_expr
        name = call.func if isinstance(call, gast.Call) else None
        if not (isinstance(name, gast.Attribute) and name.attr == "errstate") and not (
            isinstance(name, gast.Name) and name.id == "errstate"
        ):
            return False
        if item.optional_vars is not None:
            return False
    return True


# Constructs that are accepted in one form only.
CONDITIONAL: dict[type, tuple[Callable[[Any], bool], Refusal]] = {
    gast.Try: (
        lambda node: not any(map(yields_in, [*node.body, *node.orelse, *node.finalbody, *node.handlers])),
        ("`yield` inside `try` is not accepted", "leave the `try` before the `yield`"),
    ),
    gast.With: (
        _with_is_errstate,
        ("`with` is not accepted, except `with np.errstate(...)`", "open resources outside the staged function"),
    ),
}


def refusals(node: Any, file: SourceFile) -> list[GradscribeError]:
    """Everything in a function that the fence keeps out."""
    found: list[GradscribeError] = []
    for inner in gast.walk(node):
        refusal = REFUSED.get(type(inner))
        if type(inner) in CONDITIONAL and not CONDITIONAL[type(inner)][0](inner):
            refusal = CONDITIONAL[type(inner)][1]
        if refusal is not None:
            found.append(UnsupportedSyntax(_first_line(file, inner), *refusal))
    return found


def _first_line(file: SourceFile, node: Any) -> Any:
    return file.header(node) if hasattr(node, "body") else file.span(node)


_accepted: dict[int, Any] = {}


def check_accepted(closure: Closure) -> None:
    """Raise all refusals of a function, once per function."""
    node = closure.node
    if _accepted.get(id(node)) is not node:
        raise_all(refusals(node, closure.file))
        _accepted[id(node)] = node

