"""Classes of the user: `super()`, `dataclasses.replace`, and the functions of Python that call a method.

In: an object of the program. Out: what its class, or the class behind that one, says.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from gradscribe.transpiler.frontend.python_errors import PythonError
from gradscribe.transpiler.frontend.python_functions import PythonFunctions
from gradscribe.transpiler.frontend.values import BoundMethod, Object


@dataclasses.dataclass(frozen=True, eq=False)
class Super:
    """`super()` of a method: attributes of the classes behind `cls`."""

    cls: type
    owner: Any


def nothing(*args: Any) -> None:
    """`object.__init__`."""


METHODS_OF_FUNCTIONS: dict[Any, str] = {
    abs: "__abs__", round: "__round__", float: "__float__", int: "__int__", divmod: "__divmod__", pow: "__pow__",
}  # fmt: skip


class Superclasses(PythonFunctions):
    """Attributes found behind a class."""

    def call_replace(self, made: Any, /, **changes: Any) -> Any:
        """`dataclasses.replace`."""
        if not isinstance(made, Object) or not dataclasses.is_dataclass(made.cls):
            self.fail(PythonError, "TypeError: replace() should be called on dataclass instances")
        kept = {f.name: self.get_attribute(made, f.name) for f in dataclasses.fields(made.cls) if f.init}
        return self.construct(made.cls, [], {**kept, **changes})

    def super_here(self) -> Super:
        """`super()`."""
        frame = self.frames[-1]
        cell, parameters = frame.closure.cells.get("__class__"), getattr(frame.closure.node, "args", None)
        if cell is None or parameters is None or not parameters.args:
            self.refuse("`super` is accepted in methods, without arguments")
        return Super(cell.cell_contents, self.read_name(parameters.args[0].id, frame))

    def super_attribute(self, owner: Super, name: str) -> Any:
        cls = owner.owner if isinstance(owner.owner, type) else self.python_type(owner.owner)
        for base in cls.__mro__[cls.__mro__.index(owner.cls) + 1 :]:
            if name in vars(base):
                if base is object and name == "__init__":
                    return BoundMethod(nothing, owner.owner)
                return self.from_class(owner.owner, base, name, vars(base)[name])
        return self.fail(PythonError, f"AttributeError: 'super' object has no attribute '{name}'")

    def construct(self, cls: type, args: list[Any], kwargs: dict[str, Any]) -> Any:
        raise NotImplementedError

    def from_class(self, owner: Any, cls: type, name: str, found: Any) -> Any:
        raise NotImplementedError
