"""`try`: what surely raises while staging is caught as in Python; what data decides is refused.

In: a `try` node and a frame. Out: a completion code. An exception that the program raises whatever the data (a missing
key, a failed import, a `raise` on static facts) reaches the handlers with the state that it leaves behind. Where a
handler would catch what an emitted operation may raise at run time, or what is raised under control flow on data, the
`try` is refused: staged code has no handlers. Establishes: facts about sizes found out inside a `try` are
assumptions, so that other sizes are staged again, and raise where Python does.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradscribe.transpiler.errors import IndexRangeError, ShapeError, Steering
from gradscribe.transpiler.frontend.branches import branch
from gradscribe.transpiler.frontend.generators import Generators
from gradscribe.transpiler.frontend.python_errors import PythonError, Raised, raised_by
from gradscribe.transpiler.frontend.values import MISSING, Frame, Poison
from gradscribe.transpiler.ir.builder import current_block
from gradscribe.transpiler.ir.nodes import Effect, Eqn
from gradscribe.transpiler.ir.types import ArrayType

Kinds = tuple[type[BaseException], ...]
_FACTORISATIONS = frozenset({"cholesky", "solve", "inv", "det", "slogdet", "lu", "eigh", "eig", "svd", "qr", "lstsq"})
# What Python floats do without ever raising (a zero divisor has a check of its own).
_CALM = frozenset({"add", "subtract", "multiply", "divide", "negative", "absolute", "select", "sign", "maximum",
                   "minimum", "python_scalar", "convert", "dim_value", "copysign", "index"})  # fmt: skip
_HINT = "test the condition with `if`"


class UserException(Steering):
    """What the program raises whatever the data, on its way to a handler, or out of staging."""

    def __init__(self, raised: Raised) -> None:
        super().__init__(str(raised.message))
        self.raised = raised

    def exception(self) -> Exception:
        """The exception itself."""
        exception: Exception = self.raised.exception
        if exception is None:
            exception = self.raised.error(str(self.raised.message))
        if self.raised.span is not None:
            exception.add_note(f"raised at {self.raised.span.location}, while gradscribe read the function")
        return exception


@dataclass(frozen=True)
class Handled:
    """What a handler has caught."""

    raised: Raised
    error: Exception | None  # as it came, where staging itself stumbled over it


class Trying(Generators):
    """`try` statements."""

    def __init__(self) -> None:
        super().__init__()
        self.tries: list[int] = []  # how many regions were open where each `try` around this place began
        self.handled: list[Handled] = []

    def run_Try(self, s: Any, frame: Frame) -> Any:
        if not s.finalbody:
            return self._run_handlers(s, frame)
        try:
            code = self._run_handlers(s, frame)
        except (PythonError, IndexRangeError, ShapeError, UserException) as error:
            last = self._final_code(s, frame)
            if last == 0:
                raise error
            return last
        last = self._final_code(s, frame)
        return last if isinstance(last, Raised) or last else code

    def _final_code(self, s: Any, frame: Frame) -> Any:
        code = self.run_block(s.finalbody, frame)
        if not isinstance(code, (int, Raised)):
            self.refuse("`finally` that data leaves is not accepted", _HINT)
        return code

    def _run_handlers(self, s: Any, frame: Frame) -> Any:
        """Body, handlers and `else`."""
        if not s.handlers:
            return self.run_block(s.body + s.orelse, frame)
        block = current_block()
        start = len(block.eqns)
        error: Exception | None = None
        try:
            with self._trying():
                code = self.run_block(s.body, frame)
        except UserException as user:
            error, code = user, user.raised
        except (PythonError, IndexRangeError, ShapeError) as stumbled:
            error, code = stumbled, raised_by(stumbled)
        self._refuse_raising(s, frame, block.eqns[start:])
        if isinstance(code, Raised):
            return self._handle(s, frame, Handled(code, error))
        if not s.orelse or (isinstance(code, int) and code):
            return code
        if isinstance(code, int):
            return self.run_block(s.orelse, frame)
        left = self.operand(self.binary("NotEq", code, 0))
        return self._plain_code(branch(self, left, lambda: code, lambda: self.run_block(s.orelse, frame)))

    @contextmanager
    def _trying(self) -> Iterator[None]:
        self.tries.append(len(self.births))
        requiring, self.solver.requiring = self.solver.requiring, False
        try:
            yield
        finally:
            self.solver.requiring = requiring
            self.tries.pop()

    def _handle(self, s: Any, frame: Frame, caught: Handled) -> Any:
        for handler in s.handlers:
            kinds = self._kinds(handler, frame)
            if not issubclass(caught.raised.error, kinds):
                continue
            with self.at(handler, frame):
                self._refuse_unsure(caught)
            if handler.name is not None:
                name = handler.name.id
                made = caught.raised.exception
                unknown = Poison("is an exception whose message is not known while staging")
                self.store.set(frame, name, unknown if made is None else made)
            self.handled.append(caught)
            try:
                code = self.run_block(handler.body, frame)
            finally:
                self.handled.pop()
            if handler.name is not None:
                self.store.set(frame, handler.name.id, MISSING)
            return code
        if caught.error is not None and not isinstance(caught.error, UserException):
            raise caught.error
        return caught.raised

    def _refuse_unsure(self, caught: Handled) -> None:
        if isinstance(caught.error, ShapeError):
            self.refuse(
                "whether this raises is a question of shapes, which `try` does not answer",
                "compare the shapes with `if`",
            )
        if getattr(caught.error, "under_data", False):
            where = caught.raised.span
            self.refuse(
                f"what raises here depends on data{'' if where is None else f' (at {where.location})'}, "
                "so `try` cannot catch it",
                _HINT,
            )

    def _kinds(self, handler: Any, frame: Frame) -> Kinds:
        if handler.type is None:
            return (BaseException,)
        kinds = self.evaluate(handler.type, frame)
        found = kinds if isinstance(kinds, tuple) else (kinds,)
        if not all(isinstance(k, type) and issubclass(k, BaseException) for k in found):
            self.refuse("`except` needs classes of exceptions")
        return found

    # ---- what operations may raise ----
    def _refuse_raising(self, s: Any, frame: Frame, eqns: list[Eqn]) -> None:
        kinds = tuple(kind for handler in s.handlers for kind in self._kinds(handler, frame))
        for eqn in all_eqns(eqns):
            for one in _may_raise(eqn):
                if any(issubclass(one, kind) or issubclass(kind, one) for kind in kinds):
                    with self.at(s.handlers[0], frame):
                        where = "" if eqn.span is None else f" (at {eqn.span.location})"
                        self.refuse(
                            f"this may raise {one.__name__} depending on data{where}: `try` cannot catch it", _HINT
                        )

    # ---- raising ----
    def raises_now(self) -> bool:
        """Does a call that surely raises reach a handler, or the caller, without data in between?"""
        return not self.births or (bool(self.tries) and self.tries[-1] == len(self.births))


def all_eqns(eqns: list[Eqn]) -> Iterator[Eqn]:
    """Equations, and those of their regions."""
    for eqn in eqns:
        yield eqn
        for region in eqn.regions:
            yield from all_eqns(list(region.eqns))


def _may_raise(eqn: Eqn) -> Kinds:
    name = eqn.operation.name
    if eqn.operation.effect is Effect.CHECK:
        return (eqn.params.get("error", IndexError),)
    if name in _FACTORISATIONS:
        return (np.linalg.LinAlgError,)
    for result in eqn.results:
        t = result.type
        if name == "python_scalar" and isinstance(t, ArrayType) and t.dtype.kind == "i":
            return (ValueError, OverflowError)  # int(...) of a NaN or an infinity
        python_float = isinstance(t, ArrayType) and t.weak and t.dtype.kind in "fc"
        if python_float and not eqn.regions and name not in _CALM:
            return (ArithmeticError, ValueError)
    return ()


