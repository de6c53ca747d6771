"""The fence: one table of what the accepted language leaves out, with the reason and the remedy.

In: a function that is about to be interpreted. Out: nothing, or every construct of it that is refused, raised
together. What depends on values (a data-dependent list length, say) is refused by the interpreter where it happens.
"""

from __future__ import annotations

import functools
import itertools
import math
import weakref
from collections.abc import Callable
from typing import Any

import gast
import numpy as np

from gradscribe.transpiler.errors import GradscribeError, UnsupportedSyntax, raise_all
from gradscribe.transpiler.frontend.liveness import yields_in
from gradscribe.transpiler.frontend.source import SourceFile
from gradscribe.transpiler.frontend.values import Closure

Refusal = tuple[str, str]
_ASYNC: Refusal = ("asynchronous code is not accepted", "call the staged function from asynchronous code instead")

# Constructs that are refused wherever they stand: reason and remedy. Everything else is accepted or decided by values.
REFUSED: dict[type, Refusal] = {
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


WRITTEN_GLOBAL: Refusal = (
    "writing globals is not accepted", "return the value, or keep it in an object that is passed in"
)  # fmt: skip


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


_NAMESPACE = "names and values of staged code are not Python objects that it can ask for"
_BOUND = "write the names themselves"
_LAZY = "it hands out iterators that advance each other"

# Calls that are refused whatever the arguments: what Python would compute is about Python, not about the program.
REFUSED_CALLS: dict[Any, Refusal] = {
    locals: (f"`locals` is not accepted: {_NAMESPACE}", _BOUND),
    globals: (f"`globals` is not accepted: {_NAMESPACE}", _BOUND),
    vars: (f"`vars` is not accepted: {_NAMESPACE}", "name the attributes"),
    dir: (f"`dir` is not accepted: {_NAMESPACE}", "name the attributes"),
    eval: ("`eval` is not accepted: text made by a program has no place in a file", "write the expression"),
    exec: ("`exec` is not accepted: text made by a program has no place in a file", "write the statements"),
    compile: ("`compile` is not accepted: text made by a program has no place in a file", "write the code"),
    id: ("`id` is not accepted: values of staged code have no addresses", "compare with `is`"),
    input: ("`input` is not accepted in a staged function", "read outside, and pass the value in"),
    open: ("`open` is not accepted in a staged function", "read and write files outside"),
    itertools.groupby: (f"`itertools.groupby` is not accepted: {_LAZY}", "write the loop"),
    itertools.tee: (f"`itertools.tee` is not accepted: {_LAZY}", "make a list of the items"),
    np.apply_along_axis: (
        "`np.apply_along_axis` is not accepted: what its first call returns decides the type of all",
        "write a comprehension: np.array([function(row) for row in x])",
    ),
    np.frompyfunc: (
        "`np.frompyfunc` is not accepted: its results are arrays of Python objects",
        "write a comprehension: np.array([function(v) for v in x])",
    ),
    np.vectorize: (
        "`np.vectorize` is not accepted: what its first call returns decides the type of all",
        "write a comprehension: np.array([function(v) for v in x])",
    ),
    functools.singledispatch: ("`functools.singledispatch` inside a staged function is not accepted", "use it outside"),
    **dict.fromkeys(
        (
            np.load, np.loadtxt, np.genfromtxt, np.fromfile, np.fromregex, np.memmap, np.lib.format.open_memmap,
            np.save, np.savetxt, np.savez, np.savez_compressed,
        ),
        ("files are not read or written in a staged function", "read and write them outside, and pass the arrays in"),
    ),
}  # fmt: skip
# Calls that Python answers where all arguments are static.
REFUSED_OF_DATA: dict[Any, Refusal] = {
    math.fsum: ("`math.fsum` of data is not accepted: it rounds once, as no other sum does", "use sum, or np.sum"),
    math.frexp: ("`math.frexp` of data is not accepted", "use np.log2 and np.floor"),
}
# Modules whose functions ask or change what is outside the program: what they said while staging would stay so.
OUTSIDE = frozenset(
    "time os posix nt logging subprocess socket threading _thread multiprocessing secrets uuid shutil tempfile pathlib "
    "io _io pickle _pickle signal warnings _warnings glob".split()
)
OF_OUTSIDE: Refusal = (
    "is not accepted: it has to do with the world outside the program",
    "call it outside and pass the value in; to report something, use print, warnings.warn or gs.debug.callback",
)
ENVIRONMENT: Refusal = ("`os.environ` is not accepted in a staged function", "read it outside and pass the value in")
_NOW = frozenset(("now", "utcnow", "today"))
VECTORIZED: Refusal = (
    "functions made by `np.vectorize` are not accepted", "call gs.vmap(function), or write the loop"
)  # fmt: skip


def refused_call(function: Any, static: bool) -> Refusal | None:
    """Why a function is not called, and the remedy."""
    if isinstance(function, np.vectorize):
        return VECTORIZED
    if (getattr(function, "__module__", None) or "").split(".")[0] == "numba":
        return "Numba's decorators are not accepted inside a staged function", "decorate outside, or leave it to gs.jit"
    try:
        known = REFUSED_CALLS.get(function) or (None if static else REFUSED_OF_DATA.get(function))
    except TypeError:  # not hashable
        known = None
    return known or _outside(function)


def _outside(function: Any) -> Refusal | None:
    """Why a function that asks or changes the world outside is not called."""
    owner, name = getattr(function, "__self__", None), getattr(function, "__name__", "")
    module = (getattr(function, "__module__", None) or getattr(type(owner), "__module__", None) or "").split(".")[0]
    if getattr(owner, "__module__", "") == "datetime" and name in _NOW:
        module = "datetime"
    elif module not in OUTSIDE:
        return None
    return f"`{module.lstrip('_')}.{name}` {OF_OUTSIDE[0]}", OF_OUTSIDE[1]


def refusals(node: Any, file: SourceFile) -> list[GradscribeError]:
    """Everything in a function that the fence keeps out."""
    found: list[GradscribeError] = []
    written = _written_names(node)
    for inner in gast.walk(node):
        if isinstance(inner, gast.Global) and not written.isdisjoint(inner.names):
            found.append(UnsupportedSyntax(file.span(inner), *WRITTEN_GLOBAL))
        refusal = REFUSED.get(type(inner))
        if type(inner) in CONDITIONAL and not CONDITIONAL[type(inner)][0](inner):
            refusal = CONDITIONAL[type(inner)][1]
        if refusal is not None:
            found.append(UnsupportedSyntax(_first_line(file, inner), *refusal))
    return found


def _written_names(function: Any) -> set[str]:
    """Names that a function, or one inside it, binds or deletes."""
    found: set[str] = set()
    for inner in gast.walk(function):
        if isinstance(inner, gast.Name) and not isinstance(inner.ctx, gast.Load):
            found.add(inner.id)
        elif isinstance(inner, gast.FunctionDef):
            found.add(inner.name)
        elif isinstance(inner, (gast.Import, gast.ImportFrom)):
            found.update(alias.asname or alias.name.split(".")[0] for alias in inner.names)
    return found


def _first_line(file: SourceFile, node: Any) -> Any:
    return file.header(node) if hasattr(node, "body") else file.span(node)


_accepted: weakref.WeakSet[Any] = weakref.WeakSet()


def check_accepted(closure: Closure) -> None:
    """Raise all refusals of a function, once per function."""
    node = closure.node
    if node not in _accepted:
        raise_all(refusals(node, closure.file))
        _accepted.add(node)
