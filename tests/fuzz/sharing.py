"""Which names of a program under construction may stand for one array.

In: the assignments of the program, as they are written. Out: for a write, the names that must be copied before it so
that no other name may or may not see it: gradscribe refuses what reads such a name. Random programs copy them most of
the time, and stay programs that alias and then write.

Boxes are numbered; those of `CALLER` are arrays the caller sees, whatever names do. The sets are supersets: a branch
adds to what was there.
"""

from __future__ import annotations

from collections.abc import Iterable

Boxes = frozenset[int]


class Sharing:
    def __init__(self, callers: Iterable[str]) -> None:
        self.boxes: dict[str, Boxes] = {}
        self.visible = {name: self._new() for name in callers}
        self.boxes.update({name: frozenset([box]) for name, box in self.visible.items()})

    def _new(self) -> int:
        self._count = getattr(self, "_count", 0) + 1
        return self._count

    def fresh(self, name: str) -> None:
        """The name gets an array of its own."""
        self.boxes[name] = frozenset([self._new()])

    def bind(self, name: str, *sources: str, fresh: bool = False) -> None:
        """The name gets the array of one of the sources (or a new one)."""
        new = frozenset([self._new()]) if fresh else frozenset()
        self.boxes[name] = new.union(*(self.boxes[s] for s in sources))

    def exchange(self, targets: list[str], sources: list[str]) -> None:
        self.boxes.update(dict(zip(targets, [self.boxes[s] for s in sources], strict=True)))

    def in_the_way(self, name: str) -> list[str]:
        """Names to copy before a write to `name`, `name` itself first if it may stand for several arrays."""
        mine = self.boxes[name]
        others = [y for y, boxes in self.boxes.items() if y != name and boxes & mine]
        seen = any(box in mine for box in self.visible.values())
        if len(mine) > 1:
            return [name] if others or seen else []
        return [y for y in others if len(self.boxes[y]) > 1]

    # ---- regions ----
    def state(self) -> dict[str, Boxes]:
        return dict(self.boxes)

    def restore(self, state: dict[str, Boxes]) -> None:
        self.boxes = dict(state)

    def join(self, *states: dict[str, Boxes]) -> None:
        """After a branch or a loop: what any of the worlds says."""
        self.boxes = {name: frozenset().union(*(s[name] for s in states)) for name in states[0]}
