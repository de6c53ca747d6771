"""The state of the interpreted program: every cell ever made, changed only through a journal.

In: writes to cells. Out: what changed since a mark, undoing and redoing it. Establishes: a region is entered and left
in time proportional to what it changes, and nothing it changed is missed, whether or not a name still reaches it.
`World` shows the cells as they were (or will be) at another point, without going there.
"""

from __future__ import annotations

from typing import Any

from gradscribe.transpiler.errors import AliasError, Span
from gradscribe.transpiler.frontend.values import MISSING, STALE, Cell, Staleness
from gradscribe.transpiler.ir.builder import current_span

_ORDER = object()  # journal key of a change to the order of slots: the old value is a copy of the whole mapping
Entry = tuple[Cell, dict[Any, Any], Any, Any]


class Store:
    """The journal of writes."""

    def __init__(self) -> None:
        self.journal: list[Entry] = []

    # ---- writing ----
    def set(self, cell: Cell, key: Any, value: Any) -> None:
        """Write a slot (MISSING deletes it) without asking who else may see it."""
        self._write(cell, cell.slots, key, value)

    def mark(self, cell: Cell, key: Any, value: Any) -> None:
        self._write(cell, cell.marks, key, value)

    def _write(self, cell: Cell, mapping: dict[Any, Any], key: Any, value: Any) -> None:
        if value is MISSING:
            if key in mapping:
                self.journal.append((cell, mapping, _ORDER, dict(mapping)))
                self.journal.append((cell, mapping, key, mapping.pop(key)))
            return
        self.journal.append((cell, mapping, key, mapping.get(key, MISSING)))
        mapping[key] = value

    def write(self, cell: Cell, key: Any, value: Any) -> None:
        """Write a slot of a cell that others may share: those become stale."""
        self.check_readable(cell)
        self.set(cell, key, value)
        for other, join in list(cell.marks.items()):
            if isinstance(other, Cell) and STALE not in other.marks:
                self.mark(other, STALE, Staleness(current_span(), join))

    def check_readable(self, cell: Cell) -> None:
        stale = cell.marks.get(STALE)
        if stale is not None:
            raise stale_error(current_span(), stale)

    def may_overlap(self, a: Cell, b: Cell, join: Span | None) -> None:
        """From here on `a` and `b` may be one thing."""
        if a is not b and b not in a.marks:
            self.mark(a, b, join)
            self.mark(b, a, join)

    def may_share(self, new: Cell, base: Cell, join: Span | None) -> None:
        """`new` may be `base`, or anything that `base` may be."""
        for other in [base, *(c for c in base.marks if isinstance(c, Cell))]:
            self.may_overlap(new, other, join)

    # ---- going back and forth ----
    def here(self) -> int:
        return len(self.journal)

    def undo(self, mark: int) -> list[Entry]:
        """Return to the state at `mark`; the answer, given to `redo`, comes back here."""
        forward: list[Entry] = []
        while len(self.journal) > mark:
            cell, mapping, key, old = self.journal.pop()
            if key is _ORDER:
                forward.append((cell, mapping, key, dict(mapping)))
                mapping.clear()
                mapping.update(old)
                continue
            forward.append((cell, mapping, key, mapping.get(key, MISSING)))
            if old is MISSING:
                mapping.pop(key, None)
            else:
                mapping[key] = old
        forward.reverse()
        return forward

    def redo(self, forward: list[Entry]) -> None:
        for cell, mapping, key, value in forward:
            if key is not _ORDER:
                self._write(cell, mapping, key, value)

    def changed(self, mark: int) -> dict[tuple[Cell, Any], Any]:
        """Slots written since `mark` with their values at `mark`, in order of first write."""
        out: dict[tuple[Cell, Any], Any] = {}
        for cell, mapping, key, old in self.journal[mark:]:
            if key is not _ORDER and mapping is cell.slots:
                out.setdefault((cell, key), old)
        return out

    def changed_marks(self, mark: int) -> dict[tuple[Cell, Any], Any]:
        """Marks set since `mark`, with their values now."""
        out: dict[tuple[Cell, Any], Any] = {}
        for cell, mapping, key, _ in self.journal[mark:]:
            if mapping is cell.marks and key is not _ORDER and key in mapping:
                out[cell, key] = mapping[key]
        return out

    def world_since(self, mark: int) -> World:
        """The state now, to be looked at after `undo(mark)`."""
        overrides: dict[int, dict[Any, Any]] = {}
        for _, mapping, key, _ in self.journal[mark:]:
            if key is not _ORDER:
                overrides.setdefault(id(mapping), {})[key] = mapping.get(key, MISSING)
        return World(overrides)

    def world_at(self, mark: int) -> World:
        """The state at `mark`, to be looked at now."""
        overrides: dict[int, dict[Any, Any]] = {}
        for _, mapping, key, old in self.journal[mark:]:
            if key is not _ORDER:
                overrides.setdefault(id(mapping), {}).setdefault(key, old)
        return World(overrides)


class World:
    """Cells as they are at another point of the program."""

    def __init__(self, overrides: dict[int, dict[Any, Any]] | None = None) -> None:
        self.overrides = overrides or {}

    def _mapping(self, mapping: dict[Any, Any]) -> dict[Any, Any]:
        changes = self.overrides.get(id(mapping))
        if not changes:
            return mapping
        return {k: v for k, v in {**mapping, **changes}.items() if v is not MISSING}

    def slots(self, cell: Cell) -> dict[Any, Any]:
        return self._mapping(cell.slots)

    def slot(self, cell: Cell, key: Any) -> Any:
        return self._mapping(cell.slots).get(key, MISSING)

    def stale(self, cell: Cell) -> Staleness | None:
        return self._mapping(cell.marks).get(STALE)

    def related(self, cell: Cell) -> dict[Cell, Any]:
        """The cell and all that it may overlap, with the joins."""
        out: dict[Cell, Any] = {cell: None}
        out.update((k, v) for k, v in self._mapping(cell.marks).items() if isinstance(k, Cell))
        return out


def stale_error(span: Span | None, stale: Staleness, what: str = "this array") -> AliasError:
    return AliasError(
        span,
        f"{what} may or may not share memory with one that was written",
        "write `.copy()` where the two are made one or the other, so that both stay what they are",
        [(stale.write, "the write"), (stale.join, "here it depends on data which array the name means")],
    )
