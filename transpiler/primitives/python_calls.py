"""`python_call`: a Python function called for its results, where no rule of ours says what it computes.

Param `function` gets the operands as NumPy has them; `types` are the types that its results are promised to have, which
is checked where it is called. It is taken to be pure: it may be called again, or not at all where nobody reads its
results. It has no derivative of its own (`custom_call` gives it one), and is batched lane by lane.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradscribe.transpiler.errors import NoRule
from gradscribe.transpiler.ir.builder import current_span
from gradscribe.transpiler.ir.evaluate import evaluate
from gradscribe.transpiler.ir.nodes import Function, Operand, Region
from gradscribe.transpiler.ir.types import Type
from gradscribe.transpiler.primitives.primitive import Params, RegionPrimitive, Zeroable


@dataclass(frozen=True, eq=False, kw_only=True)
class PythonCall(RegionPrimitive):
    def infer(self, operands: tuple[Type, ...], params: Params, regions: tuple[Region, ...]) -> tuple[Type, ...]:
        return tuple(params["types"])

    def evaluate(self, operands: tuple[Any, ...], params: Params, regions: tuple[Any, ...]) -> tuple[Any, ...]:
        return called(params["function"], operands, [t.dtype for t in params["types"]])

    def jvp(
        self, operands: Sequence[Operand], results: Sequence[Operand], tangents: Sequence[Zeroable], params: Params
    ) -> tuple[Zeroable, ...]:
        if not any(t.is_float for t in params["types"]):
            return (None,) * len(results)
        raise _no_derivative(params)

    def vjp(
        self, operands: Sequence[Operand], results: Sequence[Operand], cotangents: Sequence[Zeroable], params: Params
    ) -> tuple[Zeroable, ...]:
        raise _no_derivative(params)


def _no_derivative(params: Params) -> NoRule:
    name = getattr(params["function"], "__name__", "a function")
    return NoRule(
        current_span(),
        f"gs.callback of `{name}` has no derivative",
        "give it one (jvp=, vjp=), or stop the derivative (gs.stop_gradient) where it is zero",
    )


def called(function: Callable[..., Any], values: Sequence[Any], dtypes: Sequence[np.dtype]) -> tuple[Any, ...]:
    """The results of a Python function as fresh values of these dtypes. TypeError where their kind is another."""
    found = function(*values)
    results = (found,) if len(dtypes) == 1 else tuple(found)
    if len(results) != len(dtypes):
        raise ValueError(f"{len(dtypes)} results were promised, {len(results)} came")
    return tuple(np.array(r).astype(d, casting="same_kind")[()] for r, d in zip(results, dtypes, strict=True))


def interpreted(function: Function) -> Callable[..., tuple[Any, ...]]:
    """A program as a Python function, the slow way."""
    return lambda *values: evaluate(function, *values)


class Solver:
    """`solve(objective, start, *more)` as a Python function of (start, *more, *options, *captured), where the objective
    is a program of (x, *captured) whose first result it gives, and `make(**options)` is `solve`; options called
    `named` are data. `run` makes programs run; whoever can write source sets it."""

    run: Callable[[Function], Callable[..., tuple[Any, ...]]] = staticmethod(interpreted)

    def __init__(
        self, name: str, make: Callable[..., Callable[..., Any]], named: Sequence[str], function: Function, more: int
    ) -> None:
        self.__name__ = self.__qualname__ = name
        self.make, self.named, self.function, self.more = make, tuple(named), function, more
        self.running: Callable[..., tuple[Any, ...]] | None = None

    def __call__(self, start: Any, *values: Any) -> Any:
        if self.running is None:
            self.running = type(self).run(self.function)
        first = self.more + len(self.named)
        run, captured = self.running, values[first:]
        shape, dtype = np.shape(start), np.asarray(start).dtype

        def objective(x: Any) -> Any:
            return run(np.array(x, dtype).reshape(shape)[()], *captured)[0]

        solve = self.make(**dict(zip(self.named, values[self.more : first], strict=True)))
        return solve(objective, start, *values[: self.more])


python_call = PythonCall(name="python_call", allocates=True)
