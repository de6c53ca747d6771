"""Emitting equations into the block under construction.

In: an operation, operands, static params. Out: result values. Ambient per thread: the stack of open blocks, the span
that new
equations carry, and a name hint. Establishes: every emitted equation has types inferred by its operation; within one
open block
and those around it, two equal pure equations are one (unless the operation allocates).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from gradscribe.transpiler.errors import Span
from gradscribe.transpiler.ir.dims import Dim
from gradscribe.transpiler.ir.nodes import Effect, Eqn, Literal, Operand, Region, Var
from gradscribe.transpiler.ir.types import Type


class _Key:
    """What equal equations have in common, with its hash found once: every block around is asked for it."""

    __slots__ = ("_hash", "parts")

    def __init__(self, *parts: Any) -> None:
        self.parts = parts
        self._hash = hash(parts)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Key) and self.parts == other.parts


class Block:
    """An equation list under construction, with the equations seen so far for sharing."""

    def __init__(self, parent: Block | None = None) -> None:
        self.parent = parent
        self.eqns: list[Eqn] = []
        self.known: dict[Any, tuple[Var, ...]] = {}

    def find(self, key: Any) -> tuple[Var, ...] | None:
        block: Block | None = self
        while block is not None:
            found = block.known.get(key)
            if found is not None:
                return found
            block = block.parent
        return None

    def take(self, other: Block) -> None:
        """The equations of a block opened inside, as if they had been emitted here."""
        self.eqns += other.eqns
        self.known.update(other.known)


class _Ambient(threading.local):
    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self.span: Span | None = None
        self.hint: str = ""


_ambient = _Ambient()


def current_block() -> Block:
    if not _ambient.blocks:
        raise RuntimeError("no block under construction: equations are emitted inside `open_block`")
    return _ambient.blocks[-1]


@contextmanager
def open_block(nested: bool = True) -> Iterator[Block]:
    """Open a block; equations emitted inside go to it. A nested block shares equations with those around it."""
    block = Block(_ambient.blocks[-1] if nested and _ambient.blocks else None)
    _ambient.blocks.append(block)
    try:
        yield block
    finally:
        _ambient.blocks.remove(block)


@contextmanager
def resume_block(block: Block) -> Iterator[Block]:
    """Emit into a block opened earlier."""
    _ambient.blocks.append(block)
    try:
        yield block
    finally:
        _ambient.blocks.pop()


@contextmanager
def at_span(span: Span | None) -> Iterator[None]:
    """Equations emitted inside carry this span, and so does an exception."""
    saved = _ambient.span
    _ambient.span = span
    try:
        yield
    except Exception as error:
        if span is not None and not hasattr(error, "user_span"):
            error.user_span = span  # type: ignore[attr-defined]
        raise
    finally:
        _ambient.span = saved


def current_span() -> Span | None:
    return _ambient.span


@contextmanager
def naming(hint: str) -> Iterator[None]:
    """Results emitted inside are called `hint` unless they say otherwise."""
    saved = _ambient.hint
    _ambient.hint = hint
    try:
        yield
    finally:
        _ambient.hint = saved


def as_operand(value: Any) -> Operand:
    """A Python or NumPy scalar becomes a literal; a `Var` stays."""
    return value if isinstance(value, Operand) else Literal(value)


def emit(
    operation: Any,
    operands: Sequence[Any],
    params: dict[str, Any] | None = None,
    regions: Sequence[Region] = (),
    *,
    hint: str = "",
    hints: Sequence[str] = (),
    types: Sequence[Type] | None = None,
) -> tuple[Var, ...]:
    """Emit one equation into the open block and return its results; `types` overrides inference."""
    ops = tuple(as_operand(x) for x in operands)
    params = params or {}
    block = current_block()
    shareable = operation.effect is Effect.PURE and not regions and not getattr(operation, "allocates", False)
    key = None
    if shareable:
        key = _Key(operation, ops, tuple(sorted(params.items())))
        found = block.find(key)
        if found is not None:
            return found
    if types is None:
        types = operation.infer(tuple(x.type for x in ops), params, tuple(regions))
    names = list(hints) or [hint or _ambient.hint] * len(types)
    results = tuple(Var(t, n) for t, n in zip(types, names, strict=True))
    eqn = Eqn(operation, ops, results, params, tuple(regions), _ambient.span)
    block.eqns.append(eqn)
    if shareable:
        block.known[key] = results
    return results


def emit_as(
    results: Sequence[Var],
    operation: Any,
    operands: Sequence[Any],
    params: dict[str, Any],
    regions: Sequence[Region] = (),
) -> None:
    """Emit one equation that defines the given values: those whose types mention each other (a size and the array that
    has it)."""
    ops = tuple(as_operand(x) for x in operands)
    current_block().eqns.append(Eqn(operation, ops, tuple(results), params, tuple(regions), _ambient.span))


def append_eqn(eqn: Eqn) -> None:
    """Put a ready equation into the open block (for passes that clone)."""
    current_block().eqns.append(eqn)


def build_region(params: Sequence[Var], body: Callable[..., Sequence[Any]]) -> Region:
    """Run `body(*params)` in a nested block; what it returns are the region's results."""
    with open_block() as block:
        results = tuple(as_operand(x) for x in body(*params))
    return Region(tuple(params), tuple(block.eqns), results)


def build_body(params: Sequence[Var], body: Callable[..., Sequence[Any]]) -> Region:
    """As `build_region`, for a function body: nothing around it is visible."""
    with open_block(nested=False) as block:
        results = tuple(as_operand(x) for x in body(*params))
    return Region(tuple(params), tuple(block.eqns), results)


def dims(*values: Any) -> tuple[Dim, ...]:
    return tuple(Dim.of(v) for v in values)
