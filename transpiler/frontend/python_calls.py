"""Calls that are left to Python: `callback`.

In: a Python function, what its result is like, arguments. Out: a `python_call` equation and its result as fresh values.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from gradscribe.transpiler.frontend.converting import Converting
from gradscribe.transpiler.frontend.inner import InnerFunction, Settlement
from gradscribe.transpiler.frontend.values import Array, Closure, List, Object, describe, is_data, is_number
from gradscribe.transpiler.ir.builder import current_span, emit
from gradscribe.transpiler.ir.callees import Callee
from gradscribe.transpiler.ir.dims import Dim
from gradscribe.transpiler.ir.nodes import Region
from gradscribe.transpiler.ir.staged import CaptureLeaf, ResultLeaf
from gradscribe.transpiler.ir.types import BOOL, ArrayType
from gradscribe.transpiler.library.custom_rules import call_python
from gradscribe.transpiler.library.solvers import SOLVERS, solver
from gradscribe.transpiler.library.specs import ShapeDtype
from gradscribe.transpiler.passes.closing import captures_of, closed
from gradscribe.transpiler.primitives.python_calls import Solver, python_call


class PythonCalls(Converting):
    """Python as a black box."""

    def own_function(self, function: Any) -> Callable[..., Any] | None:
        if function is call_python:
            return self.call_python_function
        if function is solver:
            return self.call_solver
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

    def call_solver(
        self, name: Any, objective: Any, start: Any, *more: Any, like: Any = None, **options: Any
    ) -> Any:
        """A solver of SciPy's in Python, over the objective as a program of its own."""
        given = {k: self.plain(v) for k, v in options.items()}
        tuned = {k: v for k, v in given.items() if is_number(v) and is_data(v)}
        fixed = {k: v for k, v in given.items() if k not in tuned}
        if is_data(list(fixed.values())):
            self.refuse(f"these options of `{name}` must be static", "write them as constants")
        if not all(is_number(v) or isinstance(v, Array) for v in (start, *more)):
            self.refuse(f"`{name}` takes numbers and arrays here")
        x = self.operand(start)
        staged = self.stage_inner(InnerFunction(self._function(objective), "objective"), (x,), {})
        if not isinstance(staged.result, ResultLeaf) or staged.mutations:
            self.refuse(f"what `{name}` solves must return one array or number, and write nothing")
        chosen = [staged.function.results[staged.result.position]]
        region = Region(staged.function.region.params, staged.function.region.eqns, tuple(chosen))
        captures = captures_of(region, ())
        function = closed(Callee("objective"), region, (), captures, current_span(), Settlement(self.solver).type)
        own = [p.operand for p in staged.parameters if isinstance(p, CaptureLeaf)]
        operands = [x, *map(self.operand, (*more, *tuned.values())), *own, *map(self.captured, captures)]
        result = x if like is None else self.operand(like)
        assert isinstance(result.type, ArrayType)
        types = (result.type.strong(), ArrayType(BOOL, ()))
        made = Solver(name, functools.partial(SOLVERS[name], **fixed), tuple(tuned), function, len(more))
        results = emit(python_call, operands, {"function": made, "types": types})
        return tuple(self.boxed(r) for r in results)

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
