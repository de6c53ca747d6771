"""Items of lists, tuples and dicts at positions that only data decides.

In: a container and a position. Out: the item. A list whose items have one form is put into buffers, so that the item
costs one read; of anything else the item is chosen by a branch for each. Only used where the program cannot be staged
with static positions (`by_position` is set): loops over lists are unrolled first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gradscribe.transpiler.frontend.growing_lists import GrowingLists
from gradscribe.transpiler.frontend.values import Choice, Dict, List, NeedStatic, Outgrown, simplest
from gradscribe.transpiler.ir.builder import emit
from gradscribe.transpiler.ir.dims import Dim
from gradscribe.transpiler.ir.nodes import Operand, Var
from gradscribe.transpiler.primitives.primitive import PRIMITIVES

_MOST = 64  # items among which one is chosen by branches


class ListPositions(GrowingLists):
    """Positions that data decides."""

    def data_position(self, index: Any) -> bool:
        """Is this a position that no unrolling makes static?"""
        index = simplest(self.solver.normalize(index)) if isinstance(index, Dim) else index
        if not isinstance(index, (Dim, Operand)):
            return False
        leaves = Dim.of(index).leaves() if isinstance(index, (Dim, Var)) else ()
        decided = any(
            isinstance(leaf, Var) and leaf not in self.unrollable and not self.is_argument(leaf) for leaf in leaves
        )
        if decided and not self.by_position:
            self.asked_position = True
        return decided and self.by_position

    def in_buffers(self, owner: Any) -> bool:
        """Put a list into buffers, if they can hold its items."""
        if not isinstance(owner, List) or (not owner.grows and not owner.slots):
            return False
        if not owner.grows:
            try:
                self.outgrow(owner, [])
            except Outgrown:
                raise
            except NeedStatic:
                return False
        return True

    def one_of(self, position: Any, keys: list[Any], error: type[Exception]) -> Choice:
        """The key that equals a position; the program raises where there is none."""
        if len(keys) > _MOST:
            self.refuse(f"one of {len(keys)} items of this kind is chosen by data", "use an array")
        operand = self.operand(position)
        tests = [PRIMITIVES["equal"](operand, key) for key in keys]
        found: Any = tests[0]
        for test in tests[1:]:
            found = PRIMITIVES["logical_or"](found, test)
        emit(PRIMITIVES["check"], (found,), {"message": "no item is there", "error": error})
        if len(keys) == 2:
            return Choice(tests[1], tuple(keys))
        which: Any = len(keys) - 1
        for k in range(len(keys) - 2, -1, -1):
            which = PRIMITIVES["select"](tests[k], k, which)
        return Choice(which, tuple(keys))

    def at_each_key(self, owner: Any, index: Any, action: Callable[[Any], Any]) -> Any:
        """The action on the static position or key that this one is at run time."""
        if isinstance(owner, Dict):
            keys = [key for key in self.keys_of(owner) if isinstance(key, int)]
            if not keys or owner.cls is not dict:
                self.need_static(index, "the key of a dict must be static")
            choice = self.one_of(index, keys, KeyError)
        else:
            count = len(owner.slots) if isinstance(owner, List) else len(owner)
            choice = self.one_of(self.position(index, Dim.of(count)), list(range(count)), IndexError)
        return self.each(choice, action) if len(choice.options) > 1 else action(choice.options[0])

    def is_argument(self, value: Var) -> bool:
        raise NotImplementedError

    def keys_of(self, owner: Dict) -> list[Any]:
        raise NotImplementedError


