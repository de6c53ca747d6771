"""The IR: typed, functional SSA with structured regions.

A `Region` is a list of equations over `Var`s; regions read values of enclosing regions lexically, and only what
changes per
iteration is carried by a loop. There is no control-flow graph: `loop` and `if` are equations that own regions.
Establishes: nodes are immutable and compared by identity; arithmetic on a `Var` emits equations through `OPERATORS`,
which the
primitives room fills at import.
"""

from __future__ import annotations

import enum
import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import numpy as np

from gradscribe.transpiler.errors import Span
from gradscribe.transpiler.ir.dims import Atom, Dim, next_serial
from gradscribe.transpiler.ir.types import ArrayType, Type, type_of_scalar

Fact = TypeVar("Fact")


def remembered(fact: Callable[[Any], Fact]) -> Callable[[Any], Fact]:
    """A fact about an equation or a region, found once: neither ever changes."""
    name = fact.__qualname__

    @functools.wraps(fact)
    def known(node: Any) -> Fact:
        facts: dict[str, Any] = node.__dict__
        if name not in facts:
            facts[name] = fact(node)
        return facts[name]  # type: ignore[no-any-return]

    return known


class Effect(enum.Enum):
    """What an equation does besides computing: nothing, fail (a check), or be seen outside (io)."""

    PURE = "pure"
    CHECK = "check"
    IO = "io"


OPERATORS: dict[str, Callable[..., Any]] = {}


def _binary(name: str) -> Callable[[Any, Any], Any]:
    return lambda self, other: OPERATORS[name](self, other)


def _reflected(name: str) -> Callable[[Any, Any], Any]:
    return lambda self, other: OPERATORS[name](other, self)


class Operand:
    """What an equation reads: a `Var` or a `Literal`. Arithmetic emits equations into the block under construction."""

    __slots__ = ()
    type: Type

    __add__, __radd__ = _binary("add"), _reflected("add")
    __sub__, __rsub__ = _binary("subtract"), _reflected("subtract")
    __mul__, __rmul__ = _binary("multiply"), _reflected("multiply")
    __truediv__, __rtruediv__ = _binary("divide"), _reflected("divide")
    __pow__, __rpow__ = _binary("power"), _reflected("power")

    def __neg__(self) -> Any:
        return OPERATORS["negative"](self)

    def __lt__(self, other: object) -> Any:
        return OPERATORS["less"](self, other)

    def __le__(self, other: object) -> Any:
        return OPERATORS["less_equal"](self, other)

    def __gt__(self, other: object) -> Any:
        return OPERATORS["greater"](self, other)

    def __ge__(self, other: object) -> Any:
        return OPERATORS["greater_equal"](self, other)

    @property
    def shape(self) -> tuple[Dim, ...]:
        assert isinstance(self.type, ArrayType)
        return self.type.shape

    @property
    def dtype(self) -> np.dtype:
        assert isinstance(self.type, ArrayType)
        return self.type.dtype

    @property
    def rank(self) -> int:
        return len(self.shape)


class Var(Operand, Atom):
    """One SSA value; `definition` is the equation it is a result of (None for region parameters). An integer
    scalar is also an atom of dims. `lower`/`upper` bound it (inclusive) where that is known:
    a loop index lies in [lo, hi - 1]."""

    __slots__ = ("definition", "hint", "lower", "serial", "type", "upper")

    def __init__(self, type: Type, hint: str = "", lower: Dim | None = None, upper: Dim | None = None) -> None:
        self.type = type
        self.hint = hint
        self.lower = lower
        self.upper = upper
        self.serial = next_serial()
        self.definition: Eqn | None = None

    def sort_key(self) -> tuple[object, ...]:
        return (0, self.serial)

    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        return self is other

    def __repr__(self) -> str:
        return f"%{self.hint}_{self.serial}"


class Literal(Operand):
    """A Python or NumPy scalar written in the program."""

    __slots__ = ("type", "value")

    def __init__(self, value: object, type: ArrayType | None = None) -> None:
        self.type = type if type is not None else type_of_scalar(value)
        self.value: Any = _plain_number(value)

    def _key(self) -> tuple[object, ...]:
        return (repr(self.value), self.type)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Literal) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def __repr__(self) -> str:
        return repr(self.value)


def _plain_number(value: object) -> object:
    """A number of a class of its own (a flag, a member of an IntEnum) is written as Python's."""
    if isinstance(value, np.generic):
        return value
    kinds: tuple[Any, ...] = (bool, int, float, complex)
    return next((kind(value) for kind in kinds if isinstance(value, kind)), value)


class Operation(Protocol):
    """What the IR needs to know of a primitive."""

    @property
    def name(self) -> str: ...

    @property
    def effect(self) -> Effect: ...

    def infer(
        self, operands: tuple[Type, ...], params: Mapping[str, Any], regions: tuple[Region, ...]
    ) -> tuple[Type, ...]: ...

    def evaluate(
        self, operands: tuple[Any, ...], params: Mapping[str, Any], regions: tuple[Any, ...]
    ) -> tuple[Any, ...]: ...


@dataclass(frozen=True, eq=False)
class Eqn:
    """`results = operation(operands, **params)`, with regions for `loop` and `if`. Array data are operands, static
    facts
    are params (hashable; dims, indices and ranges among them are rewritten by `walk`)."""

    operation: Any
    operands: tuple[Operand, ...]
    results: tuple[Var, ...]
    params: Mapping[str, Any] = field(default_factory=dict)
    regions: tuple[Region, ...] = ()
    span: Span | None = None

    def __post_init__(self) -> None:
        for result in self.results:
            result.definition = self

    @property
    def result(self) -> Var:
        (out,) = self.results
        return out


@dataclass(frozen=True, eq=False)
class Region:
    """Equations with parameters and results; reads values of enclosing regions lexically."""

    params: tuple[Var, ...]
    eqns: tuple[Eqn, ...]
    results: tuple[Operand, ...]


@dataclass(frozen=True, eq=False)
class Guard:
    """A fact checked at entry: `dim == 0` (kind "eq") or `dim >= 0` (kind "ge").

    A requirement is what Python itself would raise for (shapes that do not fit); an assumption was chosen from the
    example
    and makes the caller retrace."""

    kind: str
    dim: Dim
    message: str
    requirement: bool
    span: Span | None = None


@dataclass(frozen=True, eq=False)
class Function:
    """A whole program: flat parameters and results. Symbols in parameter shapes are bound at entry by the first
    parameter
    axis whose size is exactly that symbol."""

    name: str
    region: Region
    guards: tuple[Guard, ...] = ()
    result_hints: tuple[str, ...] = ()
    span: Span | None = None
    backward_from: int | None = None  # first top-level equation of the reverse sweep, for readers of the emitted text

    @property
    def params(self) -> tuple[Var, ...]:
        return self.region.params

    @property
    def results(self) -> tuple[Operand, ...]:
        return self.region.results


def region_vars(region: Region) -> Iterator[Var]:
    """Every value defined in a region, nested ones included."""
    yield from region.params
    for eqn in region.eqns:
        yield from eqn.results
        for inner in eqn.regions:
            yield from region_vars(inner)
