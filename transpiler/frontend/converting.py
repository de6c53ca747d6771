"""Functions with what they capture made arguments, and functions of gradscribe's own that are Python text.

In: a function of the interpreted program and example arguments (`closure_convert`). Out: a `Converted` function and the
floating values that the function reads of the program around it; called with others in their place, it is interpreted
anew, in line, over these. Implicit differentiation is written with it (`api/implicit.py`): the derivative with respect
to what an equation captures. Functions marked `__gradscribe_text__` are staged as if they were the user's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from gradscribe.transpiler.frontend.custom_calls import CustomCalls
from gradscribe.transpiler.frontend.inner import InnerFunction
from gradscribe.transpiler.frontend.values import Closure, List
from gradscribe.transpiler.ir.nodes import Operand, Var
from gradscribe.transpiler.ir.staged import ArgumentLeaf, CaptureLeaf, Staged
from gradscribe.transpiler.library.custom_rules import closure_convert


@dataclass(frozen=True, eq=False)
class Converted:
    """A function of `count` arguments, then of values that stand for `captured`."""

    function: InnerFunction
    count: int
    captured: tuple[Operand, ...]


# Functions of other libraries, by name, and what stands for them: functions of ours that are Python text.
TEXTS: dict[str, Callable[..., Any]] = {}


def _text_for(function: Any) -> Any:
    """Our text for a function of SciPy's: `scipy.optimize._root.root` is known as scipy.optimize.root."""
    module = getattr(function, "__module__", None) or ""
    if not module.startswith("scipy."):
        return None
    parts = [p for p in module.split(".") if not p.startswith("_")]
    while parts:
        found = TEXTS.get(".".join([*parts, getattr(function, "__name__", "")]))
        if found is not None:
            return found
        parts.pop()
    return None


class Converting(CustomCalls):
    """Closure conversion."""

    def own_function(self, function: Any) -> Callable[..., Any] | None:
        return self.call_closure_convert if function is closure_convert else super().own_function(function)

    def call(self, function: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
        if isinstance(function, Converted):
            return self._call_converted(function, args)
        function = _text_for(function) or function
        if isinstance(function, type) and getattr(function, "__gradscribe_text__", False):
            return self.construct(function, args, kwargs)
        if getattr(function, "__gradscribe_text__", False) and not isinstance(function, InnerFunction):
            return super().call(self._text(function), args, kwargs)
        return super().call(function, args, kwargs)

    def _text(self, function: Any) -> Closure:
        """A function written in Python, with the cells that it was made with."""
        closure = self.library(function)
        cells = dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=True))
        return replace(closure, cells=cells) if cells else closure

    def call_closure_convert(self, function: Any, *examples: Any) -> Any:
        inner = InnerFunction(self._function(function), "function")
        captured: dict[Operand, None] = {}

        def look(staged: Staged) -> Staged:
            for place in staged.parameters:
                x = place.operand if isinstance(place, CaptureLeaf) else None
                if isinstance(x, Var) and x.type.is_float:
                    captured.setdefault(x)
            return staged

        self.call_staged(lambda *given: look(self.stage_inner(inner, *given)), list(examples), {})
        return Converted(inner, len(examples), tuple(captured)), List.of(self.boxed(x) for x in captured)

    def _call_converted(self, converted: Converted, args: list[Any]) -> Any:
        own, values = args[: converted.count], args[converted.count :]
        stand_ins = dict(zip(converted.captured, map(self.operand, values), strict=True))

        def stage(*given: Any) -> Staged:
            staged = self.stage_inner(converted.function, *given)
            return replace(staged, parameters=tuple(map(place, staged.parameters)))

        def place(parameter: ArgumentLeaf | CaptureLeaf) -> ArgumentLeaf | CaptureLeaf:
            if isinstance(parameter, ArgumentLeaf) or parameter.operand is None:
                return parameter
            return replace(parameter, operand=stand_ins.get(parameter.operand, parameter.operand))

        return self.call_staged(stage, own, {})
