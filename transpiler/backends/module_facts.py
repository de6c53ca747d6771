"""What the functions of one emitted module have to agree on.

In: a function and those that it calls by name. Out: `ModuleFacts`: a name for each of them, whether scalars must say
whether they are Python's or NumPy's, and what the text mentions of this process.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from gradscribe.transpiler.backends.dialect import has_default_dtype
from gradscribe.transpiler.backends.messages import outside_objects
from gradscribe.transpiler.ir.callees import Callee, reached_callees
from gradscribe.transpiler.ir.nodes import Function, region_vars
from gradscribe.transpiler.ir.types import ArrayType
from gradscribe.transpiler.ir.walk import inner_eqns
from gradscribe.transpiler.primitives.checks import check
from gradscribe.transpiler.primitives.effects import callback, print_, warn
from gradscribe.transpiler.primitives.messages import shows_kind


@dataclass(frozen=True)
class ModuleFacts:
    """`names` of the callees, in the order in which they are written; `narrow`: with other dtypes about than those of
    Python numbers, or where a message shows it, it matters whether a scalar is Python's or NumPy's; `outside`:
    exceptions and functions of the user's, by the names that the text has for them."""

    names: Mapping[Callee, str] = field(default_factory=dict)
    narrow: bool = False
    outside: dict[str, Any] = field(default_factory=dict)


def module_facts(function: Function, name: str, taken: Collection[str] = ()) -> ModuleFacts:
    """The facts of the module whose function is called `name`; `taken` are names that mean something else."""
    names: dict[Callee, str] = {}
    callees = reached_callees(function.region)
    for callee in callees:
        text, k = callee.name, 2
        while text in names.values() or text == name:
            text, k = f"{callee.name}{k}", k + 1
        names[callee] = text
    functions = (function, *(callee.function for callee in callees))
    types = [v.type for f in functions for v in region_vars(f.region)]
    narrow = any(not has_default_dtype(t) for t in types if isinstance(t, ArrayType))
    outside = outside_objects(functions, (*taken, name, *names.values()))
    return ModuleFacts(names, narrow or any(map(_shows_kinds, functions)), outside)


def _shows_kinds(function: Function) -> bool:
    """Some message tells a Python number from a NumPy one."""
    texts = [
        text
        for eqn in inner_eqns(function.region)
        for text in (*eqn.params.get("texts", ()), eqn.params.get("text", ""), eqn.params.get("message", ""))
        if eqn.operation in (print_, warn, check)
    ]
    called = any(eqn.operation is callback for eqn in inner_eqns(function.region))
    return called or any(map(shows_kind, texts))
