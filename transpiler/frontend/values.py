"""What the interpreter computes with.

A value is a static Python object, a `Dim` (a Python int that is not constant), an `Operand` of rank 0 (a data
scalar), an `Array` (a box and a view of it), a container (`List`, `Dict`, `Object`), a `Maybe` (assigned on some
paths) or a `Poison` (refused when read). Tuples are Python tuples of values. Establishes: everything that can change
is a `Cell`, and changes go through `Store`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import gast
import numpy as np

from gradscribe.transpiler.errors import Span, Steering
from gradscribe.transpiler.frontend.source import SourceFile
from gradscribe.transpiler.frontend.steps import Step
from gradscribe.transpiler.ir.dims import Atom, Dim, next_serial
from gradscribe.transpiler.ir.nodes import Operand
from gradscribe.transpiler.ir.types import INT64, ArrayType, type_of_scalar


class _Missing:
    """The value of a name or slot that is not assigned."""

    def __repr__(self) -> str:
        return "unassigned"


MISSING = _Missing()


class NeedStatic(Steering):
    """A Python value is needed where the program has data; `atoms` are the unknowns it is made of."""

    def __init__(self, why: str, atoms: Iterable[Atom] = (), span: Span | None = None, hint: str = "") -> None:
        super().__init__(why)
        self.why = why
        self.hint = hint or "it depends on data here, or on a size that only data decides"
        self.atoms = tuple(atoms)
        self.span = span


class NeedPeel(NeedStatic):
    """A value that the loop `loop` joins from two kinds: its first iteration must stand before the loop."""

    def __init__(self, why: str, hint: str, loop: int, span: Span | None) -> None:
        super().__init__(why, (), span, hint or "give it one kind and type before and in the loop")
        self.loop = loop


class Outgrown(Steering):
    """A list changes its length in a region that data decides about: before the outermost such region, which was born
    at `birth`, it is put into buffers that hold items of this form, and the region is interpreted again. `doubling`:
    nothing bounds how far it grows."""

    def __init__(self, cell: List, form: Form, birth: int, doubling: bool = False) -> None:
        super().__init__("a list grows")
        self.cell, self.form, self.birth, self.doubling = cell, form, birth, doubling


# ---- cells: what has identity ----


class Cell:
    """A thing with identity and slots. `marks` holds cells that may be the same thing after a join (with the join), and
    under STALE the write that made this one unreadable. Written only by `Store`."""

    __slots__ = ("marks", "serial", "slots")

    def __init__(self, slots: dict[Any, Any]) -> None:
        self.slots = slots
        self.marks: dict[Any, Any] = {}
        self.serial = next_serial()


STALE = "stale"
VALUE = "value"
RETURN = "<return>"


@dataclass(frozen=True)
class Staleness:
    """Why a cell may not be read: it may share memory with one written at `write` since the join at `join`."""

    write: Span | None
    join: Span | None


Order = tuple[int, ...] | None  # () stands for C order


class Box(Cell):
    """One buffer; slot VALUE holds its current SSA value, always of type `type`. `order` lists its axes from the
    outermost in memory to the innermost, where it is known to lie without gaps; None where the layout is not
    known. `name` is the first name that the user gave it: what its versions are called in emitted text."""

    __slots__ = ("name", "order", "type", "writable")

    def __init__(
        self, value: Operand | None, type: ArrayType, order: Order = (), writable: bool = True, name: str = ""
    ) -> None:
        super().__init__({} if value is None else {VALUE: value})
        self.type = type
        self.order = tuple(range(type.rank)) if order == () else order
        self.writable = writable
        self.name = name

    @property
    def value(self) -> Operand:
        found: Operand = self.slots[VALUE]
        return found


class Container(Cell):
    """A mutable Python container or object."""

    __slots__ = ("origin",)

    def __init__(self, slots: dict[Any, Any], origin: Any = None) -> None:
        super().__init__(slots)
        self.origin = origin


@dataclass(frozen=True)
class Rows:
    """The form of items that are lists: how many items each has, and their form."""

    length: Dim
    form: Form


# What the items of a list in buffers are made of: a number (rank 0) or array, a tuple (its class, the forms of its
# parts), a list.
Form = ArrayType | Rows | tuple[Any, ...]
FORM, ITEMS, LENGTH, ROOM = "form", "items", "length", "room"


class List(Container):
    """A Python list: slots 0 .. n-1; or, where its length differs between worlds that meet, its items in buffers: the
    slots FORM, ITEMS (a tuple of arrays, one row per item), LENGTH (int or `Dim`) and ROOM (a `Room`, or None: when
    the buffers are full they are doubled)."""

    __slots__ = ()

    @property
    def grows(self) -> bool:
        return ITEMS in self.slots

    @staticmethod
    def of(items: Iterable[Any]) -> List:
        return List(dict(enumerate(items)))


class Room(Cell):
    """How many items the buffers of a list must hold: slot ROOM, a bound of all its lengths."""

    __slots__ = ()


class Dict(Container):
    """A Python dict with static keys. `factory` makes what a `defaultdict` holds at a key that is missing."""

    __slots__ = ("cls", "factory")

    def __init__(self, slots: dict[Any, Any], origin: Any = None, cls: type = dict, factory: Any = None) -> None:
        super().__init__(slots, origin)
        self.cls = cls
        self.factory = factory


class Object(Container):
    """An instance of a user's class: its attributes."""

    __slots__ = ("cls",)

    def __init__(self, cls: type, slots: dict[Any, Any], origin: Any = None) -> None:
        super().__init__(slots, origin)
        self.cls = cls


class Frame(Cell):
    """The variables of one call. `parent` is the lexically enclosing frame."""

    __slots__ = ("call_span", "closure", "consumer", "globals", "nonlocals", "parent", "waiting")

    def __init__(self, closure: Closure, slots: dict[str, Any], call_span: Span | None) -> None:
        super().__init__(slots)
        self.closure = closure
        self.parent = closure.frame
        self.call_span = call_span
        self.nonlocals: dict[str, None] = {}
        self.globals: dict[str, None] = {}
        self.consumer: Callable[[Any], Any] | None = None  # of a generator: what is done with a value that it yields
        self.waiting: frozenset[str] | None = None  # live while the frame waits for a generator to go on; None: all

    def lives(self, name: Any) -> bool:
        """May the name still be read, seen from the loop of a generator that the frame iterates over?"""
        return self.waiting is None or name in self.waiting


class Generator(Cell):
    """A call of a generator function. Slot "state": NEW, DONE (nothing left), or LEFT (a consumer went away)."""

    __slots__ = ("frame",)
    NEW, DONE, LEFT = "new", "done", "left"

    def __init__(self, frame: Frame) -> None:
        super().__init__({"state": self.NEW})
        self.frame = frame


# ---- views ----


@dataclass(frozen=True, eq=False)
class Array:
    """A handle: the elements of `box` seen through `chain`."""

    box: Box
    chain: tuple[Step, ...]
    type: ArrayType

    @property
    def shape(self) -> tuple[Dim, ...]:
        return self.type.shape

    @property
    def dtype(self) -> np.dtype:
        return self.type.dtype

    @property
    def rank(self) -> int:
        return len(self.type.shape)


@dataclass(frozen=True, eq=False)
class Flat:
    """`x.flat`: the elements of x in C order. `view` is x as a vector; reading several of its elements copies."""

    view: Array


# ---- values that may not be there ----


@dataclass(frozen=True, eq=False)
class Maybe:
    """Assigned on some paths only; `flag` says at run time whether it is."""

    value: Any
    flag: Operand


@dataclass(frozen=True, eq=False)
class Choice:
    """One of several values of different kinds. `which` says at run time which one: a bool for two options, else the
    position among them. `loop` is the birth of the loop at whose head it arose, as long as that may be avoided."""

    which: Operand
    options: tuple[Any, ...]
    loop: int | None = None

    @property
    def reason(self) -> str:
        return f"is {describe(self)} depending on data"

    @property
    def hint(self) -> str:
        absent = any(option is None for option in self.options)
        return "give it a value of its later type instead of None before" if absent else ""


@dataclass(frozen=True, eq=False)
class Poison:
    """A value that has no single meaning; refused when read. `loop` is the birth of the loop at whose head it arose."""

    reason: str
    hint: str = ""
    loop: int | None = None


@dataclass(frozen=True, eq=False)
class Phantom:
    """A number of which only the type is known: what a loop carried when it was traced before."""

    type: ArrayType


@dataclass(frozen=True, eq=False)
class External:
    """A captured Python value that has not been looked at yet."""

    value: Any
    path: str
    read: Callable[[], Any]


# ---- functions ----


@dataclass(frozen=True, eq=False)
class Closure:
    """A Python function whose text is known: a node, the frame it was defined in (or globals and cells), its
    defaults."""

    node: Any
    file: SourceFile
    name: str
    frame: Frame | None = None
    globals: dict[str, Any] = field(default_factory=dict)
    cells: dict[str, Any] = field(default_factory=dict)
    defaults: dict[str, Any] = field(default_factory=dict)
    function: Any = None

    @property
    def is_lambda(self) -> bool:
        return isinstance(self.node, gast.Lambda)


@dataclass(frozen=True, eq=False)
class BoundMethod:
    """A function with its first argument."""

    function: Any
    owner: Any


@dataclass(frozen=True, eq=False)
class Partial:
    """`functools.partial` made inside the program."""

    function: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


@dataclass(frozen=True, eq=False)
class Cached:
    """A function under `functools.cache`, with its results for static arguments."""

    function: Any
    results: dict[Any, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class ArrayMethod:
    """`x.name` of an array or data scalar, to be called."""

    owner: Any
    name: str


@dataclass(frozen=True, eq=False)
class ContainerMethod:
    """`items.append` and the like."""

    owner: Any
    name: str


@dataclass(frozen=True, eq=False)
class Slice:
    """A Python slice object whose ends may be data."""

    start: Any
    stop: Any
    step: Any


@dataclass(frozen=True, eq=False)
class Sequence:
    """An iterable with random access: `length` (int or Dim) items, `item(k)`. `static`: positions must be static.
    `range` is (lo, hi, step) of a range whose index is the item itself. `check_length` refuses a list that has not
    the length any more that it had."""

    length: Any
    item: Callable[[Any], Any]
    static: bool
    range: tuple[Dim, Dim, int] | None = None
    check_length: Callable[[], None] = lambda: None
    snapshots: Dim | None = None  # a loop over it is run back with so many of its states


@dataclass(frozen=True, eq=False)
class Shown:
    """A value in a text: `format` with a conversion and a spec, or `spec % value`."""

    value: Operand
    conversion: str = ""
    spec: str = ""
    percent: bool = False


@dataclass(frozen=True, eq=False)
class Text:
    """A string that mentions data (an f-string): good for printing and for messages only."""

    parts: tuple[str | Shown, ...]

    def __str__(self) -> str:
        """For messages of staging itself, which does not know the values."""
        shown = (p if isinstance(p, str) else f"{{{getattr(p.value, 'hint', '') or '...'}}}" for p in self.parts)
        return "".join(shown)


class Items(tuple[Any, ...]):
    """`d.keys()`, `d.values()`, `d.items()`: what they were when they were asked for. `live`: what a loop over them
    finds, which may write the dict."""

    live: Sequence | None = None


# ---- questions about values ----


def is_number(value: Any) -> bool:
    return isinstance(value, (int, float, complex, np.generic, Dim, Operand, Phantom))


def is_integer(value: Any) -> bool:
    """A Python int (static or symbolic), not a bool."""
    return isinstance(value, (int, Dim)) and not isinstance(value, bool)


def number_type(value: Any) -> ArrayType:
    """Type of a scalar value."""
    if isinstance(value, (Operand, Phantom)):
        assert isinstance(value.type, ArrayType)
        return value.type
    if isinstance(value, Dim):
        return ArrayType(INT64, (), True)
    return type_of_scalar(value)


def is_data(value: Any) -> bool:
    """Does the value, or anything in it, depend on data or sizes?"""
    if isinstance(value, (Operand, Dim, Array, Flat, Container, Phantom, Generator, Text, Choice)):
        return True
    if isinstance(value, (tuple, list)):
        return any(map(is_data, value))
    return isinstance(value, Slice) and any(map(is_data, (value.start, value.stop, value.step)))


def simplest(value: Any) -> Any:
    """A constant polynomial is a Python int."""
    if isinstance(value, Dim):
        constant = value.constant
        return value if constant is None else constant
    return value


def describe(value: Any) -> str:
    """What a value is, for messages."""
    if isinstance(value, Array):
        return f"an array {value.type}"
    if isinstance(value, Choice):
        return " or ".join(dict.fromkeys(map(describe, value.options)))
    if isinstance(value, (ArrayMethod, ContainerMethod)):
        return f"the method {value.name}"
    if isinstance(value, Flat):
        return "the flat view of an array"
    if isinstance(value, bool):
        return str(value)
    if is_number(value):
        return f"a number {number_type(value)}"
    if value is MISSING:
        return "unassigned"
    if isinstance(value, List):
        return f"a list of {value.slots[LENGTH] if value.grows else len(value.slots)}"
    if isinstance(value, Dict):
        return "a set" if value.cls is set else "a dict"
    if isinstance(value, Object):
        return f"a {value.cls.__qualname__}"
    if isinstance(value, Closure):
        return f"the function {value.name}"
    if isinstance(value, Text):
        return "a string made of data"
    if isinstance(value, Generator):
        return f"the generator {value.frame.closure.name}"
    if isinstance(value, tuple):
        return f"a tuple of {len(value)}"
    if isinstance(value, (str, type(None))):
        return repr(value)
    return f"a {type(value).__name__}"
