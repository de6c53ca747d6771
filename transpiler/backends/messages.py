"""Messages as Python expressions, and the Python objects that emitted text calls by name.

In: templates of equations (`primitives/messages.py`) and an `Expressions`. Out: f-strings and `%` expressions that read
like the user's own. Exceptions of the user's and functions that are called back are objects of the process: text that
runs here gets them in its namespace, text that stands alone imports them, where they can be imported.
"""

from __future__ import annotations

import ast
import builtins
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from gradscribe.transpiler.backends.dialect import call, expression
from gradscribe.transpiler.errors import GradscribeError
from gradscribe.transpiler.ir.nodes import Function, Operand
from gradscribe.transpiler.ir.walk import inner_eqns
from gradscribe.transpiler.primitives.checks import check
from gradscribe.transpiler.primitives.effects import callback, warn
from gradscribe.transpiler.primitives.messages import Field, Message, Template
from gradscribe.transpiler.primitives.python_calls import python_call

Write = Callable[[Operand], ast.expr]
_CODES = {"": -1, "s": 115, "r": 114, "a": 97}


def message(template: Message, operands: Sequence[Operand], write: Write) -> ast.expr:
    """The expression of the text."""
    if isinstance(template, Field):
        return write(operands[template.operand])
    if isinstance(template, str):
        return ast.Constant(value=template)
    groups: list[list[str | Field]] = []
    for part in template:
        kinds = {p.percent for p in groups[-1] if isinstance(p, Field)} if groups else set()
        if not groups or (isinstance(part, Field) and kinds and part.percent not in kinds):
            groups.append([])
        groups[-1].append(part)
    texts = [_group(group, operands, write) for group in groups]
    result = texts[0] if texts else ast.Constant(value="")
    for text in texts[1:]:
        result = ast.BinOp(left=result, op=ast.Add(), right=text)
    return result


def _group(parts: Sequence[str | Field], operands: Sequence[Operand], write: Write) -> ast.expr:
    """A text whose fields are all of one style."""
    if any(isinstance(p, Field) and p.percent for p in parts):
        pattern = "".join(p.replace("%", "%%") if isinstance(p, str) else p.spec for p in parts)
        values = [write(operands[p.operand]) for p in parts if isinstance(p, Field)]
        right = values[0] if len(values) == 1 else ast.Tuple(elts=values)
        return ast.BinOp(left=ast.Constant(value=pattern), op=ast.Mod(), right=right)
    pieces: list[ast.expr] = []
    for p in parts:
        if isinstance(p, str):
            pieces.append(ast.Constant(value=p))
            continue
        spec = ast.JoinedStr(values=[ast.Constant(value=p.spec)]) if p.spec else None
        value, conversion = write(operands[p.operand]), _CODES[p.conversion]
        pieces.append(ast.FormattedValue(value=value, conversion=conversion, format_spec=spec))
    return ast.JoinedStr(values=pieces)


def print_call(params: Any, operands: Sequence[Operand], write: Write) -> ast.expr:
    """`print(...)`; a value that is printed by itself stands there by itself."""
    texts = []
    for template in params["texts"]:
        bare = template[0] if len(template) == 1 and isinstance(template[0], Field) else None
        if bare is not None and not (bare.conversion or bare.spec or bare.percent):
            texts.append(write(operands[bare.operand]))
        else:
            texts.append(_whole(template, operands, write))
    keywords = [
        ast.keyword(arg=name, value=ast.Constant(value=params[name]))
        for name, usual in (("sep", " "), ("end", "\n"))
        if params[name] != usual
    ]
    if params["stream"] == "stderr":
        keywords.append(ast.keyword(arg="file", value=expression("sys.stderr")))
    if params["flush"]:
        keywords.append(ast.keyword(arg="flush", value=ast.Constant(value=True)))
    return ast.Call(func=expression("print"), args=texts, keywords=keywords)


def warn_call(params: Any, operands: Sequence[Operand], write: Write, outside: dict[str, Any]) -> ast.expr:
    """`warnings.warn(...)`."""
    category = params["category"]
    arguments = [_whole(params["text"], operands, write)]
    if category is not UserWarning:
        arguments.append(expression(name_of(category, outside) or category.__name__))
    return call("warnings.warn", *arguments)


def _whole(template: Template, operands: Sequence[Operand], write: Write) -> ast.expr:
    """The text of a template, a plain string where it mentions no value."""
    if all(isinstance(p, str) for p in template):
        return ast.Constant(value="".join(map(str, template)))
    return message(template, operands, write)


# ---- objects of the process ----


def outside_objects(functions: Iterable[Function], taken: Sequence[str] = ()) -> dict[str, Any]:
    """Exceptions and functions of the user's that the text mentions, under the names it gives them."""
    found: dict[str, Any] = {}
    for eqn in (e for function in functions for e in inner_eqns(function.region)):
        if eqn.operation is check and not _is_known(eqn.params["error"]):
            thing = eqn.params["error"]
        elif eqn.operation is warn and not _is_known(eqn.params["category"]):
            thing = eqn.params["category"]
        elif eqn.operation in (callback, python_call):
            thing = eqn.params["function"]
        else:
            continue
        if any(other is thing for other in found.values()):
            continue
        name = getattr(thing, "__name__", "function").replace("<lambda>", "function")
        name = name if name.isidentifier() else "function"
        while name in found or name in taken:
            name += "_"
        found[name] = thing
    return found


def _is_known(error: type[Exception]) -> bool:
    return getattr(builtins, error.__name__, None) is error or error is np.linalg.LinAlgError


def error_call(error: type[Exception], text: ast.expr, outside: dict[str, Any]) -> ast.expr:
    """`ValueError(text)`."""
    if error is np.linalg.LinAlgError:
        return call("np.linalg.LinAlgError", text)
    name = name_of(error, outside) or error.__name__
    if issubclass(error, GradscribeError):  # whoever runs the text knows the place
        return call(name, ast.Constant(value=None), text)
    return call(name, text)


def name_of(thing: Any, outside: dict[str, Any]) -> str:
    return next((name for name, other in outside.items() if other is thing), "")


def import_line(name: str, thing: Any) -> str:
    """The line that imports an object under a name; empty where no module has it."""
    module = getattr(thing, "__module__", None) or ""
    own = getattr(thing, "__qualname__", "")
    if module in ("", "__main__", "builtins") or getattr(sys.modules.get(module), own, None) is not thing:
        return ""
    return f"from {module} import {own}" + ("" if own == name else f" as {name}")


__all__ = ["error_call", "import_line", "message", "name_of", "outside_objects", "print_call", "warn_call"]
