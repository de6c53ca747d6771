"""Calls that are left to Python: `callback`.

In: a Python function, what its result is like, arguments. Out: a `python_call` equation and its result as fresh values.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gradscribe.transpiler.frontend.converting import Converting
from gradscribe.transpiler.frontend.values import Array, Closure, List, Object, describe, is_number
from gradscribe.transpiler.ir.builder import emit
from gradscribe.transpiler.ir.dims import Dim
from gradscribe.transpiler.ir.types import ArrayType
from gradscribe.transpiler.library.custom_rules import call_python
from gradscribe.transpiler.library.specs import ShapeDtype
from gradscribe.transpiler.primitives.python_calls import python_call


class PythonCalls(Converting):
    """Python as a black box."""

    def own_function(self, function: Any) -> Callable[..., Any] | None:
        if function is call_python:
            return self.call_python_function
        if function is ShapeDtype:
            return lambda *args, **kwargs: self.construct(ShapeDtype, list(args), kwargs)
        return super().own_function(function)

    def call_python_function(self, function: Any, result: Any, *args: Any) -> Any:
        if isinstance(function, Closure):
            function = function.function
        if not callable(function):
            self.refuse("gs.callback takes a function defined outside", "define it at the top of a module")
        if not all(is_number(v) or isinstance(v, Array) for v in args):
            self.refuse("gs.callback passes arrays and numbers only", "pass parts; bind the rest beforehand")
        types: list[ArrayType] = []
        template = self._promised(result, types)
        outs = emit(python_call, [self.operand(v) for v in args], {"function": function, "types": tuple(types)})
        values = iter([self.boxed(out) for out in outs])
        return self._filled(template, values)

    def _promised(self, value: Any, types: list[ArrayType]) -> Any:
        """The structure of the result: tuples and lists, None for a value; its types go to `types`."""
        if isinstance(value, tuple):
            return tuple(self._promised(v, types) for v in value)
        if isinstance(value, List):
            return [self._promised(v, types) for v in self.items(value)]
        if isinstance(value, Array):
            types.append(ArrayType(value.dtype, tuple(self.solver.normalize(d) for d in value.shape)))
        elif (isinstance(value, Object) and value.cls is ShapeDtype) or isinstance(value, ShapeDtype):
            shape, dtype = self.get_attribute(value, "shape"), self.get_attribute(value, "dtype")
            sizes = shape if isinstance(shape, tuple) else tuple(self.items(shape))
            types.append(ArrayType(np.dtype(dtype), tuple(Dim.of(self.as_dim(d)) for d in sizes)))
        elif is_number(value):
            types.append(ArrayType(self.operand(value).dtype, ()))
        else:
            self.refuse(
                f"{describe(value)} does not say what a result is like",
                "pass an array or number like it, gs.ShapeDtype(shape, dtype), or a tuple of these",
            )
        return None

    def _filled(self, template: Any, values: Any) -> Any:
        if isinstance(template, tuple):
            return tuple(self._filled(t, values) for t in template)
        if isinstance(template, list):
            return List.of(self._filled(t, values) for t in template)
        return next(values)
