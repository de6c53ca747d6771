"""What the parts of the interpreter share: frames, places, and the names of the methods they call on each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

from gradscribe.transpiler.errors import GradscribeError, UnsupportedSyntax
from gradscribe.transpiler.frontend.loops import LoopMemory, Unbounded
from gradscribe.transpiler.frontend.source import SourceFile
from gradscribe.transpiler.frontend.tracing import Tracing
from gradscribe.transpiler.frontend.values import (
    MISSING,
    Cell,
    Closure,
    External,
    Flat,
    Frame,
    List,
    NeedStatic,
    Room,
    Sequence,
)
from gradscribe.transpiler.ir.builder import at_span, current_span
from gradscribe.transpiler.ir.dims import Dim
from gradscribe.transpiler.ir.nodes import Operand, Var

TransformCall = Callable[[Any, Callable[..., Any], tuple[Any, ...], dict[str, Any]], Any]


class Core(Tracing):
    """The interpreter's state. Its methods are spread over the files of this room by meaning."""

    def __init__(self) -> None:
        super().__init__()
        self.frames: list[Frame] = []
        self.memories: dict[Any, LoopMemory] = {}
        self.narrowing = True  # may a name that was checked to be assigned forget its flag? Not in a loop's condition
        self.transform_call: TransformCall | None = None
        self.depth_limit = 80
        self.quiet: dict[str, None] = {}  # floating-point warnings turned off somewhere in the program
        self.lists_grow = True  # else loops that change the length of a list are unrolled
        self.by_position = False  # are items of lists at positions that data decides accepted?
        self.asked_position = False  # would that have helped?
        self.grown = False  # was a list put into buffers?
        # of buffers whose size is open, with what they hold at first and whose they are
        self.capacities: list[tuple[Var, Room, Dim, List]] = []

    # ---- places ----
    @property
    def file(self) -> SourceFile:
        return self.frames[-1].closure.file

    @contextmanager
    def at(self, node: Any, frame: Frame) -> Iterator[None]:
        span = frame.closure.file.span(node)
        with at_span(span):
            try:
                yield
            except Exception as error:
                if not hasattr(error, "user_span"):
                    error.user_span = span  # type: ignore[attr-defined]
                raise

    def refuse(self, message: str, hint: str = "") -> NoReturn:
        """The construct at the current place is outside the accepted language."""
        raise UnsupportedSyntax(current_span(), message, hint)

    def fail(self, kind: type[GradscribeError], message: str, hint: str = "") -> NoReturn:
        raise kind(current_span(), message, hint)

    # ---- static values ----
    def need_static(self, value: Any, why: str) -> NoReturn:
        """`value` should have been a Python value: unroll, or make the arguments it comes from static."""
        atoms: list[Any] = []
        if isinstance(value, Dim):
            atoms = list(value.leaves())
        elif isinstance(value, Var):
            atoms = [value]
        raise NeedStatic(why, atoms, current_span())

    def static_int(self, value: Any, why: str) -> int:
        if isinstance(value, Dim):
            value = self.solver.normalize(value)
            constant = value.constant
            if constant is not None:
                return constant
        if isinstance(value, (Dim, Operand)):
            self.need_static(value, why)
        try:
            return int(value.__index__())
        except (AttributeError, TypeError):
            self.refuse(f"{why}: an int is needed")

    def slot(self, cell: Cell, key: Any) -> Any:
        """Read a slot of a container."""
        self.store.check_readable(cell)
        value = cell.slots.get(key, MISSING)
        return self.lift_external(value) if isinstance(value, External) else value

    # ---- implemented by the parts ----
    def outgrow_if_popped(self, cell: List) -> None:
        raise NotImplementedError

    def doubling(self, unbounded: Unbounded) -> None:
        raise NotImplementedError

    def evaluate(self, node: Any, frame: Frame) -> Any:
        raise NotImplementedError

    def run_block(self, statements: list[Any], frame: Frame) -> Any:
        raise NotImplementedError

    def assign(self, target: Any, value: Any, frame: Frame) -> None:
        raise NotImplementedError

    def call(self, function: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
        raise NotImplementedError

    def call_closure(self, closure: Closure, args: list[Any], kwargs: dict[str, Any]) -> Any:
        raise NotImplementedError

    def lift(self, value: Any, path: str, read: Callable[[], Any] | None) -> Any:
        raise NotImplementedError

    def binary(self, op: str, a: Any, b: Any) -> Any:
        raise NotImplementedError

    def text_operator(self, op: str, a: Any, b: Any) -> Any:
        raise NotImplementedError

    def refuse_text(self) -> NoReturn:
        raise NotImplementedError

    def truth(self, value: Any) -> Any:
        raise NotImplementedError

    def get_item(self, owner: Any, index: Any) -> Any:
        raise NotImplementedError

    def set_item(self, owner: Any, index: Any, value: Any) -> None:
        raise NotImplementedError

    def flat_item(self, flat: Flat, index: Any) -> Any:
        raise NotImplementedError

    def set_flat_item(self, flat: Flat, index: Any, value: Any) -> None:
        raise NotImplementedError

    def get_attribute(self, owner: Any, name: str) -> Any:
        raise NotImplementedError

    def sequence(self, value: Any) -> Sequence:
        raise NotImplementedError

    def items(self, value: Any) -> list[Any]:
        raise NotImplementedError

    def apply_rule(
        self, rule: Callable[..., Any], args: list[Any], kwargs: dict[str, Any], order: Any = "operands"
    ) -> Any:
        raise NotImplementedError

    def as_array(self, value: Any) -> Any:
        raise NotImplementedError

    def array_method(self, owner: Any, name: str, args: list[Any], kwargs: dict[str, Any]) -> Any:
        raise NotImplementedError

    def container_method(self, owner: Any, name: str, args: list[Any], kwargs: dict[str, Any]) -> Any:
        raise NotImplementedError

    def number_in(self, value: Any) -> Any:
        raise NotImplementedError

    def range_of(self, args: list[Any]) -> Sequence:
        raise NotImplementedError
