"""Generators: the body of a generator function is interpreted where it is iterated over, and what is done with an item
is interpreted at each `yield`.

In: a `Generator`, and a consumer of items. Out: a completion code, 0 where the generator came to its end. A consumer
that leaves (`break`, `return`) leaves the generator's body with its own code plus LEFT, which the generator's loops let
pass. So a `for` over a generator becomes the generator's loops, rolled or not, with the body of the `for` inside.
Python's functions on iterables that need no random access are generator functions themselves, in `python_iterators`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gradscribe.transpiler.frontend.liveness import LEFT, RETURN_CODE, exits, liveness_of
from gradscribe.transpiler.frontend.loop_statements import Loops
from gradscribe.transpiler.frontend.python_errors import Raised
from gradscribe.transpiler.frontend.source import BorrowedFile, node_of
from gradscribe.transpiler.frontend.values import (
    Closure,
    Frame,
    Generator,
    List,
    Object,
    Poison,
    Sequence,
)
from gradscribe.transpiler.ir.dims import Dim
from gradscribe.transpiler.primitives.primitive import PRIMITIVES


class Generators(Loops):
    """`yield` and its consumers."""

    def __init__(self) -> None:
        super().__init__()
        self.library_closures: dict[Any, Closure] = {}

    def library(self, function: Any) -> Closure:
        """A function of gradscribe's own that is written in Python and staged as the user's functions are."""
        known = self.library_closures.get(function)
        if known is None:
            node, file = node_of(function)
            defaults = dict(function.__kwdefaults__ or {})
            names = function.__code__.co_varnames[: function.__code__.co_argcount]
            values = function.__defaults__ or ()
            defaults.update(zip(names[len(names) - len(values) :], values, strict=True))
            known = Closure(node, BorrowedFile(file), function.__name__, None, function.__globals__, {}, defaults)
            self.library_closures[function] = known
        return known

    # ---- iterating ----
    def iterable(self, value: Any) -> Sequence | Generator:
        """What a `for` goes over."""
        if isinstance(value, Object):
            value = self.iterated(value)
        return value if isinstance(value, (Generator, Sequence)) else self.sequence(value)

    def consume(self, s: Any, generator: Generator, frame: Frame) -> Any:
        """`for` over a generator, without its `else`."""
        self._kill_dead(s, frame)
        waiting, frame.waiting = frame.waiting, liveness_of(frame.closure.node).head[id(s)]

        def consumer(item: Any) -> Any:
            inner, frame.waiting = frame.waiting, waiting
            self.frames.append(frame)
            try:
                self.assign(s.target, item, frame)
                code = self._loop_body(s, frame)
                self._kill_dead(s, frame)
                return code
            finally:
                self.frames.pop()
                frame.waiting = inner

        try:
            return self.run_generator(generator, consumer)
        finally:
            frame.waiting = waiting

    def collected(self, generator: Generator) -> List:
        """A list of all items."""
        made = List({})
        self.for_each_generated(generator, lambda item: self.append(made, item))
        return made

    def for_each_generated(self, generator: Generator, body: Callable[[Any], None]) -> None:
        """The body where the generator yields: each may see what the other wrote."""
        frame = self.frames[-1]

        def consumer(item: Any) -> int:
            self.frames.append(frame)
            try:
                body(item)
            finally:
                self.frames.pop()
            return 0

        code = self.run_generator(generator, consumer)
        if isinstance(code, Raised):
            self._raise(code)

    def _raise(self, raised: Raised) -> Any:
        raise NotImplementedError

    def run_generator(self, generator: Generator, consumer: Callable[[Any], Any]) -> Any:
        """Run the generator to its end, or until the consumer leaves it."""
        self.store.check_readable(generator)
        state = generator.slots["state"]
        if isinstance(state, Poison):
            self.refuse_poison("the state of this generator", state)
        if state == Generator.DONE:
            return 0
        if state == Generator.LEFT:
            self.refuse(
                "a generator is iterated over again after a loop or `next` left it",
                "make the generator anew, or write the loop without it",
            )
        frame = generator.frame
        self.store.set(generator, "state", Generator.LEFT)
        outer, frame.consumer = frame.consumer, consumer
        self.frames.append(frame)
        try:
            code = self.run_block(frame.closure.node.body, frame)
        finally:
            self.frames.pop()
            frame.consumer = outer
        if isinstance(code, Raised):
            return code
        if isinstance(code, int):
            if code in (0, RETURN_CODE):
                self.store.set(generator, "state", Generator.DONE)
                return 0
            return code - LEFT
        if LEFT not in exits(frame.closure.node.body):
            return 0
        data = self.operand(code)
        back = self.operand(self.binary("Sub", Dim.of(data), LEFT))  # type: ignore[arg-type]
        return Dim.of(PRIMITIVES["select"](PRIMITIVES["greater"](data, LEFT), back, 0))

    # ---- yielding ----
    def hand_over(self, node: Any, frame: Frame) -> Any:
        """`yield` as a statement: the consumer runs here."""
        with self.at(node, frame):
            item = None if node.value is None else self.evaluate(node.value, frame)
            if frame.consumer is None:
                self.refuse("this generator is not iterated over by the program")
            code = frame.consumer(item)
        if isinstance(code, (int, Raised)) or code is None:
            return code + LEFT if isinstance(code, int) and code else code
        data = self.operand(code)
        on = self.operand(self.binary("Add", Dim.of(data), LEFT))  # type: ignore[arg-type]
        return Dim.of(PRIMITIVES["select"](PRIMITIVES["equal"](data, 0), 0, on))

    def evaluate_Yield(self, node: Any, frame: Frame) -> Any:
        """`yield` inside an expression: its value is None, as no one sends values."""
        code = self.hand_over(node, frame)
        if code is None or (isinstance(code, int) and code == 0):
            return None
        return self.refuse(
            "`yield` inside an expression cannot be left by its consumer (`break`, `return`)",
            "write `yield` as a statement of its own",
        )

    def evaluate_YieldFrom(self, node: Any, frame: Frame) -> Any:
        return self.refuse(
            "the value of `yield from` is not accepted", "write `yield from` as a statement, and return data otherwise"
        )
