"""Classes of the user: objects made, `super()`, `dataclasses.replace`, and the functions of Python that call a method.

In: a class and arguments, or an object of the program. Out: the object, or what its class, or one behind that, says.
"""

from __future__ import annotations

import dataclasses
import types
from typing import Any

from gradscribe.transpiler.frontend.python_errors import PythonError
from gradscribe.transpiler.frontend.python_functions import PythonFunctions
from gradscribe.transpiler.frontend.values import BoundMethod, Object, is_data


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
    """Objects made, and attributes found behind a class."""

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
            if self.holds(base, name):
                if base is object and name == "__init__":
                    return BoundMethod(nothing, owner.owner)
                return self.from_class(owner.owner, base, name, self.class_attribute(base, name))
        return self.fail(PythonError, f"AttributeError: 'super' object has no attribute '{name}'")

    def construct(self, cls: type, args: list[Any], kwargs: dict[str, Any]) -> Any:
        if issubclass(cls, tuple) and hasattr(cls, "_fields"):
            return self._construct_namedtuple(cls, args, kwargs)
        if issubclass(cls, (BaseException, dict, list, tuple, set, str, int, float)):
            if any(map(is_data, args)) or any(map(is_data, kwargs.values())):
                self.refuse(f"making a {cls.__qualname__} of data is not accepted")
            return self.python(cls, *args, **kwargs)
        made = Object(cls, {})
        init: Any = self.class_attribute(cls, "__init__")
        generated = (
            dataclasses.is_dataclass(cls) and "__init__" in vars(cls) and init.__code__.co_filename == "<string>"
        )
        if generated:
            self._fill_dataclass(made, cls, args, kwargs)
        elif isinstance(init, types.FunctionType):
            self.call(self.lift(init, "__init__", None), [made, *args], kwargs)
        elif args or kwargs:
            self.refuse(f"making a {cls.__qualname__} is not accepted here", "make it outside and pass it in")
        return made

    def _construct_namedtuple(self, cls: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
        defaults = cls._field_defaults
        values = dict(zip(cls._fields, args, strict=False))
        values.update(kwargs)
        for field in cls._fields:
            if field not in values and field in defaults:
                values[field] = defaults[field]
        if set(values) != set(cls._fields) or len(args) > len(cls._fields):
            self.fail(PythonError, f"TypeError: {cls.__name__} takes the fields {', '.join(cls._fields)}")
        return tuple.__new__(cls, [values[f] for f in cls._fields])

    def _fill_dataclass(self, made: Object, cls: Any, args: list[Any], kwargs: dict[str, Any]) -> None:
        fields = [f for f in dataclasses.fields(cls) if f.init]
        given = dict(zip([f.name for f in fields if not f.kw_only], args, strict=False))
        given.update(kwargs)
        unknown = [k for k in given if k not in {f.name for f in fields}]
        if unknown or len(args) > len(fields):
            self.fail(PythonError, f"TypeError: {cls.__name__}() got unexpected arguments")
        for f in dataclasses.fields(cls):
            if f.name in given:
                value = given[f.name]
            elif f.default is not dataclasses.MISSING:
                value = self.lift(f.default, f.name, None)
            elif f.default_factory is not dataclasses.MISSING:
                value = self.call(f.default_factory, [], {})
            elif not f.init:
                continue
            else:
                self.fail(PythonError, f"TypeError: {cls.__name__}() is missing the argument '{f.name}'")
            self.store.set(made, f.name, value)
        post = self.class_attribute(cls, "__post_init__")
        if post is not None:
            self.call(self.lift(post, "__post_init__", None), [made], {})

    def from_class(self, owner: Any, cls: type, name: str, found: Any) -> Any:
        raise NotImplementedError
