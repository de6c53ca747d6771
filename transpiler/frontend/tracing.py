"""What every room of the frontend shares while one program is staged: store, solver, views, and the way from values
to operands.

Establishes: `operand` and `boxed` are the only crossings between interpreter values and IR.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import numpy as np

from gradscribe.transpiler.errors import GradscribeError, UnsupportedSyntax
from gradscribe.transpiler.frontend.solver import Solver
from gradscribe.transpiler.frontend.store import Store
from gradscribe.transpiler.frontend.values import (
    Array,
    BoundMethod,
    Cell,
    Closure,
    External,
    Flat,
    Form,
    List,
    Maybe,
    NeedPeel,
    Order,
    Phantom,
    Poison,
    Room,
    Slice,
    Text,
    describe,
    number_type,
    simplest,
)
from gradscribe.transpiler.frontend.views import Views
from gradscribe.transpiler.ir.builder import at_span, current_span, emit
from gradscribe.transpiler.ir.dims import Dim
from gradscribe.transpiler.ir.nodes import Literal, Operand, Var
from gradscribe.transpiler.ir.types import INT64, ArrayType
from gradscribe.transpiler.ir.walk import polynomial_of
from gradscribe.transpiler.primitives.primitive import PRIMITIVES
from gradscribe.transpiler.primitives.structure import zeros_of

_PYTHON = {"b": bool, "i": int, "u": int, "f": float, "c": complex}


class Tracing:
    """State of one staging."""

    def __init__(self) -> None:
        self.store = Store()
        self.solver = Solver()
        self.views = Views(self.store, self.solver)
        self.lift_external: Callable[[External], Any] = lambda external: external.value
        self.births: list[int] = []  # of the open data-dependent regions
        self.skip_unknown_loops = False  # take loops that need the unknown result of a recursion not to run
        self.growers: list[int] = []  # of those that can be entered again with a list in buffers

    def refuse_poison(self, name: str, poison: Poison) -> NoReturn:
        """A value without a single meaning is read."""
        message = f"{name} {poison.reason}"
        if poison.loop is not None and poison.loop in self.births:
            raise NeedPeel(message, poison.hint, poison.loop, current_span())
        raise UnsupportedSyntax(current_span(), message, poison.hint)

    def into_buffers(self, cell: List, form: Form, doubling: bool = False) -> None:
        raise NotImplementedError

    def list_with_room(self, room: Room) -> List | None:
        raise NotImplementedError

    def outgrow(self, cell: List, items: Sequence[Any]) -> None:
        raise NotImplementedError

    def settle_capacities(self, birth: int) -> None:
        raise NotImplementedError

    # ---- values to operands ----
    def operand(self, value: Any) -> Operand:
        """The value as data: arrays are read, Python ints become data."""
        if isinstance(value, Operand):
            return value
        if isinstance(value, Array):
            return self.views.read(value)
        if isinstance(value, Dim):
            dim = self.solver.normalize(value)
            if dim.constant is not None:
                return Literal(dim.constant)
            atom = dim.single_atom
            if isinstance(atom, Var) and isinstance(atom.type, ArrayType) and atom.type.weak:
                return atom
            with at_span(self.solver.origin(dim, current_span())):
                return emit(PRIMITIVES["dim_value"], (), {"dim": dim})[0]
        if isinstance(value, (bool, int, float, complex, np.generic)):
            return Literal(value)
        if isinstance(value, Poison):
            self.refuse_poison("this value", value)
        raise GradscribeError(current_span(), f"a number or an array is needed here, not {describe(value)}")

    def converted(self, value: Any, type: ArrayType) -> Operand:
        """A number as an operand of exactly this type."""
        given = number_type(value)
        if isinstance(value, Phantom):
            return self.dummy(type, ())
        if isinstance(value, (bool, int, float, complex)) and type.weak:
            return Literal(_PYTHON[type.dtype.kind](value))
        operand = self.operand(value)
        if given.dtype == type.dtype and given.weak == type.weak:
            return operand
        if isinstance(operand, Literal):
            return Literal(_PYTHON[type.dtype.kind](operand.value) if type.weak else type.dtype.type(operand.value))
        return emit(PRIMITIVES["python_scalar" if type.weak else "convert"], (operand,), {"dtype": type.dtype})[0]

    def dummy(self, type: ArrayType, shape: tuple[Dim, ...]) -> Operand:
        """Some value of this type, never looked at."""
        return zeros_of(ArrayType(type.dtype, shape, type.weak and not shape))

    # ---- operands to values ----
    def boxed(self, value: Any, order: Order = ()) -> Any:
        """A result of the IR as a value: arrays get a fresh box, Python ints become dims."""
        if isinstance(value, tuple) and type(value) is tuple:
            return tuple(self.boxed(v, order) for v in value)
        if isinstance(value, Dim):
            return simplest(self.solver.normalize(value))
        if not isinstance(value, Operand):
            return value
        if not isinstance(value.type, ArrayType):  # a tape, which only a pullback reads
            return value
        if value.type.shape:
            return self.views.fresh(value, order)
        if value.type.weak and value.type.dtype == INT64 and isinstance(value, Var):
            return simplest(self.solver.normalize(polynomial_of(value)))
        if isinstance(value, Literal) and value.type.weak:
            return value.value
        return value

    def visible(self, value: Any, birth: int) -> bool:
        """Does the value mean something where nothing younger than `birth` exists?"""
        if isinstance(value, Var):
            return value.serial < birth
        if isinstance(value, Dim):
            return all(getattr(leaf, "serial", 0) < birth for leaf in value.leaves())
        if isinstance(value, Array):
            return (
                value.box.serial < birth
                and all(self.visible(d, birth) for d in value.shape)
                and all(self.visible(d, birth) for step in value.chain for d in _step_dims(step))
            )
        if isinstance(value, Flat):
            return self.visible(value.view, birth)
        if isinstance(value, Cell):
            return value.serial < birth
        if isinstance(value, tuple):
            return all(self.visible(v, birth) for v in value)
        if isinstance(value, Maybe):
            return self.visible(value.value, birth) and self.visible(value.flag, birth)
        if isinstance(value, Closure):
            return (value.frame is None or value.frame.serial < birth) and all(
                self.visible(v, birth) for v in value.defaults.values()
            )
        if isinstance(value, BoundMethod):
            return self.visible(value.owner, birth) and self.visible(value.function, birth)
        if isinstance(value, Slice):
            return all(self.visible(v, birth) for v in (value.start, value.stop, value.step))
        if isinstance(value, Text):
            return all(isinstance(part, str) or self.visible(part.value, birth) for part in value.parts)
        return not isinstance(value, Phantom)


def _step_dims(step: Any) -> list[Dim]:
    out: list[Dim] = []
    for part in vars(step).values():
        for item in part if isinstance(part, tuple) else (part,):
            if isinstance(item, Dim):
                out.append(item)
            elif hasattr(item, "dims"):
                out += item.dims()
    return out
