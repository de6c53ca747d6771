"""What every room of the frontend shares while one program is staged: store, solver, views, and the way from values
to operands.

Establishes: `operand` and `boxed` are the only crossings between interpreter values and IR.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence as Items
from typing import Any, NoReturn

import numpy as np

from gradscribe.transpiler.errors import GradscribeError, UnsupportedSyntax
from gradscribe.transpiler.frontend.facts import Facts
from gradscribe.transpiler.frontend.python_errors import PythonError
from gradscribe.transpiler.frontend.solver import Solver
from gradscribe.transpiler.frontend.store import Store
from gradscribe.transpiler.frontend.values import (
    Array,
    ArrayMethod,
    BoundMethod,
    Box,
    Cached,
    Cell,
    Choice,
    Closure,
    ContainerMethod,
    External,
    Flat,
    Form,
    List,
    Maybe,
    NeedPeel,
    Order,
    Partial,
    Phantom,
    Poison,
    Room,
    Sequence,
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

_NONE_HERE = "this value is None here"
_PYTHON = {"b": bool, "i": int, "u": int, "f": float, "c": complex}


class Tracing:
    """State of one staging."""

    def __init__(self) -> None:
        self.store = Store()
        self.solver = Solver()
        self.views = Views(self.store, self.solver)
        self.lift_external: Callable[[External], Any] = lambda external: external.value
        self.facts = Facts()
        self.apart = False  # are arrays that the caller sees kept apart from others where they meet?
        self.met_callers = False  # did one meet another array?
        self.unrollable: set[Var] = set()  # positions in loops whose trips are counted beforehand
        self.births: list[int] = []  # of the open data-dependent regions
        self.skip_unknown_loops = False  # take loops that need the unknown result of a recursion not to run
        self.growers: dict[int, bool] = {}  # those that can be entered again with a list in buffers: is it a loop?

    def refuse_poison(self, name: str, poison: Poison) -> NoReturn:
        """A value without a single meaning is read."""
        message = f"{name} {poison.reason}"
        if poison.loop is not None and poison.loop in self.births:
            raise NeedPeel(message, poison.hint, poison.loop, current_span())
        raise UnsupportedSyntax(current_span(), message, poison.hint)

    def as_value(self, value: Any) -> Any:
        raise NotImplementedError

    def is_callers(self, box: Box) -> bool:
        """Does the caller see this buffer?"""
        raise NotImplementedError

    def into_buffers(self, cell: List, form: Form, doubling: bool = False) -> None:
        raise NotImplementedError

    def list_with_room(self, room: Room) -> tuple[Var, List] | None:
        raise NotImplementedError

    def outgrow(self, cell: List, items: Items[Any]) -> None:
        raise NotImplementedError

    def settle_capacities(self, birth: int) -> None:
        raise NotImplementedError

    # ---- values whose kind data decides ----
    def known_case(self, choice: Choice, k: int) -> bool | None:
        """Is the value the option k, as far as is known here?"""
        if len(choice.options) > 2:
            return self.facts.is_at(choice.which, k, len(choice.options))
        known = self.facts.truth(choice.which)
        return None if known is None else known == bool(k)

    def is_case(self, choice: Choice, k: int) -> Any:
        """Is the value the option k? A bool, or a boolean operand."""
        known = self.known_case(choice, k)
        if known is not None:
            return known
        if len(choice.options) == 2:
            return choice.which if k else self.opposite(choice.which)
        test = PRIMITIVES["equal"](choice.which, k)
        if isinstance(choice.which, Var):
            self.facts.positions[test] = (choice.which, k)
        return test

    def opposite(self, boolean: Operand) -> Operand:
        """`not boolean`."""
        known = self.facts.negations.get(boolean) if isinstance(boolean, Var) else None
        if known is not None:
            return known
        made = PRIMITIVES["logical_not"](boolean)
        if isinstance(made, Var):
            self.facts.negations[made] = boolean
        return made

    def possible(self, choice: Choice) -> list[int]:
        """The options that the value may have here."""
        return [k for k in range(len(choice.options)) if self.known_case(choice, k) is not False]

    def present_value(self, value: Any, message: str = _NONE_HERE, error: type[Exception] = TypeError) -> Any:
        """The value where it is not None; where it is, the program raises as Python does."""
        if not isinstance(value, Choice):
            return value
        possible = self.possible(value)
        absent = [k for k in possible if value.options[k] is None]
        if absent == possible:
            raise PythonError(current_span(), f"{error.__name__}: {message}")
        for k in absent:
            there = self.opposite(self.is_case(value, k))
            emit(PRIMITIVES["check"], (there,), {"message": message, "error": error})
            self.facts.learn(there, True)
        rest = [k for k in possible if k not in absent]
        return value.options[rest[0]] if len(rest) == 1 else value

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
        if isinstance(value, Choice):
            known = self.as_value(self.present_value(value))
            if isinstance(known, Choice):
                raise UnsupportedSyntax(current_span(), f"this value {value.reason}", value.hint)
            return self.operand(known)
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
        if isinstance(value, tuple) and (type(value) is tuple or hasattr(value, "_fields")):
            return tuple.__new__(type(value), (self.boxed(v, order) for v in value))
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
        if isinstance(value, Choice):
            return self.visible(value.which, birth) and all(self.visible(v, birth) for v in value.options)
        if isinstance(value, Closure):
            return (value.frame is None or value.frame.serial < birth) and all(
                self.visible(v, birth) for v in value.defaults.values()
            )
        if isinstance(value, BoundMethod):
            return self.visible(value.owner, birth) and self.visible(value.function, birth)
        if isinstance(value, (ArrayMethod, ContainerMethod)):
            return self.visible(value.owner, birth)
        if isinstance(value, Partial):
            return self.visible((value.function, *value.args, *value.kwargs.values()), birth)
        if isinstance(value, Cached):
            return self.visible(value.function, birth)
        if isinstance(value, Sequence):
            return False
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
