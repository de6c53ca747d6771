"""A function with rules of its own, interpreted apart: over parameters of its own, closed at the end.

In: a signature and what to run. Out: a region, and later a closed `Function`. Establishes: what is interpreted apart
changes nothing around it, and what a rule returns fits what its kind of rule has to return: structure, shapes, dtypes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gradscribe.transpiler import tree
from gradscribe.transpiler.errors import GradscribeError, NoRule
from gradscribe.transpiler.frontend.callees import Callees, Returned, Specialisation, containers_in, is_place
from gradscribe.transpiler.frontend.inner import Settlement
from gradscribe.transpiler.frontend.lifting import Parameter
from gradscribe.transpiler.frontend.signatures import (
    Leaf,
    Number,
    Shaped,
    Signature,
    Static,
    shaped,
)
from gradscribe.transpiler.frontend.trees import is_value
from gradscribe.transpiler.frontend.trying import UserException
from gradscribe.transpiler.frontend.values import Array, Object, describe
from gradscribe.transpiler.ir.builder import current_span, open_block
from gradscribe.transpiler.ir.callees import Callee
from gradscribe.transpiler.ir.dims import Atom, Dim, next_serial
from gradscribe.transpiler.ir.nodes import Function, Operand, Region, Var
from gradscribe.transpiler.ir.staged import ArgumentLeaf, ResultLeaf
from gradscribe.transpiler.ir.types import FLOAT64, ArrayType
from gradscribe.transpiler.ir.verify import verify
from gradscribe.transpiler.ir.walk import clone_region
from gradscribe.transpiler.library.custom_rules import (
    CustomFunction,
    SymbolicZero,
)
from gradscribe.transpiler.passes.closing import closed
from gradscribe.transpiler.primitives.conversion import in_dtype
from gradscribe.transpiler.primitives.primitive import zeros_of

_NUMBERS = (int, float, complex, np.generic)


@dataclass(eq=False)
class Made:
    """A call under way: the function as a callee, its arguments, what was interpreted so far."""

    custom: CustomFunction
    call: Specialisation
    nondiff: tuple[int, ...]
    birth: int
    regions: list[tuple[Region, Signature]]
    wanted: list[Callable[[list[Atom]], None]]  # close a region, once all captures are known

    @property
    def name(self) -> str:
        return self.call.closure.name

    @property
    def returned(self) -> Returned:
        assert self.call.returned is not None
        return self.call.returned

    def leaf_numbers(self) -> list[range]:
        """For each argument, the numbers of its leaves."""
        found, start = [], 0
        for definition in self.call.definition:
            found.append(range(start, start + definition.leaf_count))
            start += definition.leaf_count
        return found

    def moving(self) -> list[int]:
        """The leaves that may carry a derivative."""
        numbers, leaves = self.leaf_numbers(), self.call.signature.leaves
        return [n for k in self.differentiable() for n in numbers[k] if is_float(leaves[n])]

    def differentiable(self) -> list[int]:
        return [k for k in range(len(self.call.definition)) if k not in self.nondiff]


class Apart(Callees):
    """Interpretation apart."""

    def _close_later(
        self,
        made: Made,
        region: Region,
        signature: Signature,
        callee: Callee,
        order: Callable[[Function, int], Function] | None,
        then: Callable[[int], None] | None = None,
    ) -> None:
        """`order` arranges the parameters, given how many are captured at their end; `then` is told that number."""
        region = clone_region(region, Settlement(self.solver))
        made.regions.append((region, signature))
        place = made.call.closure.file.header(made.call.closure.node)

        def close(captures: list[Atom]) -> None:
            function = closed(
                made.call.callee, region, signature.sizes, captures, place, Settlement(self.solver).type
            )
            function = replace(function, name=callee.name)
            callee.function = function if order is None else order(function, len(captures))
            verify(callee.function)
            if then is not None:
                then(len(captures))

        if callee is made.call.callee:  # calls from inside need it complete
            made.wanted.insert(0, close)
        else:
            made.wanted.append(close)

    # ---- interpretation apart ----
    def _fresh_values(self, signature: Signature) -> list[Any]:
        return [
            leaf.value
            if isinstance(leaf, Static)
            else leaf.value()
            if isinstance(leaf, Number)
            else self.views.of_box(leaf.box)
            for leaf in signature.leaves
        ]

    def _as_arguments(self, made: Made, values: Sequence[Any]) -> list[Any]:
        """Values of all leaves as arguments, in fresh containers."""
        left = iter(values)
        return [
            self.contained(tree.unflatten(d, [next(left) for _ in range(d.leaf_count)])) for d in made.call.definition
        ]

    def _apart(
        self,
        made: Made,
        signature: Signature,
        arguments: list[Any],
        body: Callable[[list[Any]], Any],
        finish: Callable[[Any, list[Parameter]], list[Operand]],
    ) -> Region:
        """`body(arguments)` over parameters of its own; `finish` makes the flat results."""
        store, start, birth = self.store, self.store.here(), next_serial()
        local = len(self.solver.local)
        own = [
            Parameter(leaf.var, ArgumentLeaf(leaf.var.hint, k), leaf.box if isinstance(leaf, Shaped) else None, None)
            for k, leaf in enumerate(signature.data)
        ]
        mine = {p.box for p in own} | {c for a in arguments for c in containers_in(a)}
        self.births.append(birth)
        try:
            for parameter in own:
                if parameter.box is not None:
                    parameter.box.serial = next_serial()
            with open_block(nested=False) as block:
                outputs = finish(body(arguments), own)
            for cell, _ in store.changed(start):
                if cell.serial < birth and cell not in mine:
                    self.refuse(
                        f"`{made.name}` has rules of its own and changes the program around it",
                        "pass arrays as arguments, and return what is new",
                    )
            self.settle_capacities(birth)
        finally:
            del self.solver.local[local:]
            self.births.pop()
            store.undo(start)
        return Region(tuple(p.var for p in own), tuple(block.eqns), tuple(outputs))

    # ---- what rules return ----
    def _fitting_outputs(
        self,
        made: Made,
        signature: Signature,
        result: Any,
        what: str,
        batched: Sequence[bool] = (),
        size: Dim | None = None,
    ) -> list[Operand]:
        """What a rule, interpreted for `signature`, returns for the value, in the flat form that the function's own
        results have."""
        returned = made.returned
        pairs = zip(made.call.signature.leaves, signature.leaves, strict=False)
        ints = {a.var: Dim.of(b.var) for a, b in pairs if isinstance(a, Number) and isinstance(b, Number)}
        places, definition = tree.flatten(returned.template, is_place)
        parts = self._parts(definition, result, what)
        flags = iter(batched or [False] * len(returned.outputs))
        found: dict[int, Operand] = {}
        for place, part in zip(places, parts, strict=True):
            if not isinstance(place, ResultLeaf):
                continue
            output, value = returned.outputs[place.position], self._rule_value(part, what)
            lead = [size] if size is not None and next(flags) else []
            if value.dtype != output.type.dtype or value.rank != len(output.shape) + len(lead):
                wanted = replace(output.type, weak=False)
                self.refuse(f"{what} returns {value.type!r} for a value of dtype {wanted.dtype} and rank "
                            f"{len(output.shape) + len(lead)}", "return what the function itself returns")  # fmt: skip
            for dim, own in zip((*lead, *output.shape), value.shape, strict=True):
                if isinstance(dim, Dim):
                    self.require_equal(own, dim.substitute(ints.get), what)  # type: ignore[arg-type]
                else:
                    found[dim] = self.operand(own)
            found[place.position] = value
        return [found[k] for k in range(len(returned.outputs))]

    def _rule_value(self, value: Any, what: str) -> Operand:
        if is_value(value) and not isinstance(value, Array):
            self.refuse(f"{what} returns {describe(value)} for a number or an array")
        if not isinstance(value, (Array, Dim, Operand, *_NUMBERS)):
            self.refuse(f"{what} returns {describe(value)} for a number or an array")
        return self.operand(value)

    def _parts(self, definition: Any, value: Any, what: str) -> list[Any]:
        """The subtrees of a value where a structure has leaves."""
        try:
            found: list[Any] = definition.flatten_up_to(self.plain(value), "result")
        except ValueError as error:
            self.refuse(f"{what} returns another structure than it should: {error}")
        return found

    def _tangent(self, value: Any, type: ArrayType, what: str) -> Operand:
        """A tangent or cotangent of a value of this type."""
        if value is None:
            return zeros_of(type.strong())
        found = self._rule_value(value, what)
        if found.dtype.kind == "c" and type.dtype.kind != "c":
            self.refuse(f"{what} returns a complex number where {type!r} is real", "return its real part")
        if found.rank != type.rank:
            self.refuse(
                f"{what} returns an array of shape {found.shape} for one of shape {type.shape}",
                "a tangent or cotangent has the shape of its primal",
            )
        for own, wanted in zip(found.shape, type.shape, strict=True):
            self.require_equal(own, wanted, what)
        return in_dtype(found, type.dtype)


def is_float(leaf: Leaf) -> bool:
    return not isinstance(leaf, Static) and bool(leaf.var.type.is_float)


def type_of(leaf: Leaf) -> tuple[ArrayType, str]:
    assert not isinstance(leaf, Static) and isinstance(leaf.var.type, ArrayType)
    return leaf.var.type, leaf.var.hint


def leaf_of(type: ArrayType, hint: str) -> Number | Shaped:
    if type.shape:
        return shaped(type.dtype, type.shape, hint)
    return Number(Var(type, hint))


def data_positions(signature: Signature) -> dict[int, int]:
    """Number of a leaf -> number of its operand."""
    data = [n for n, leaf in enumerate(signature.leaves) if not isinstance(leaf, Static)]
    return {n: k for k, n in enumerate(data)}


def no_tangent(interpreter: Any, value: Any) -> Any:
    """The tangent of what has none: zeros for numbers, None for other things."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (*_NUMBERS, Dim, Operand, Array)):
        return None
    if isinstance(value, Array):
        return interpreter.views.fresh(zeros_of(ArrayType(FLOAT64, value.shape)))
    return 0.0


def symbolic_zero(interpreter: Any, value: Any) -> Any:
    """The tangent of a leaf that has none, as rules with symbolic zeros get it."""
    if not isinstance(value, (Array, Operand)):
        return no_tangent(interpreter, value)
    return Object(SymbolicZero, {"shape": value.shape, "dtype": value.dtype})


def as_refusal(error: GradscribeError | UserException) -> GradscribeError:
    """What a rule raises whatever the data is why there is none."""
    if isinstance(error, GradscribeError):
        return error
    return NoRule(error.raised.span or current_span(), f"this rule raises: {error.exception()}")
