"""Strings that mention data: f-strings, `%`, `.format`, `str` of what is known only when the program runs.

In: strings and values. Out: a Python string where all is static, else a `Text`: strings and the values to be formatted,
as they are at this point of the program. A `Text` is good for printing and for the messages of exceptions and warnings;
every other use is refused. Establishes: a format that Python refuses for values of such a type is refused here.
"""

from __future__ import annotations

import dataclasses
import re
import string
import types
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import gast

from gradscribe.transpiler.frontend.operators import Operators
from gradscribe.transpiler.frontend.python_errors import PythonError
from gradscribe.transpiler.frontend.templates import joined
from gradscribe.transpiler.frontend.values import (
    Array,
    Closure,
    Dict,
    Frame,
    List,
    Object,
    Shown,
    Text,
    describe,
    is_data,
)
from gradscribe.transpiler.ir.dims import Dim
from gradscribe.transpiler.ir.nodes import Literal, Operand
from gradscribe.transpiler.primitives.messages import formatted, sample_value

_PERCENT = re.compile(r"%(?:\((?P<key>[^)]*)\))?[-#0 +]*(?:\*|\d*)(?:\.(?:\*|\d*))?.")
_NAME = re.compile(r"[^.\[]*")
_STEP = re.compile(r"\.(\w+)|\[([^\]]+)\]")
_CODES = {115: "s", 114: "r", 97: "a"}
_REMEDY = "a string made of data is accepted in print, assert, raise and warnings only"


class Texts(Operators):
    """Making texts."""

    def refuse_text(self) -> NoReturn:
        self.refuse(_REMEDY, "print it where it is made, or keep the numbers")

    def evaluate_JoinedStr(self, node: Any, frame: Frame) -> Any:
        parts: list[Any] = []
        for part in node.values:
            if isinstance(part, gast.Constant):
                parts.append(str(part.value))
                continue
            value = self.evaluate(part.value, frame)
            spec = self.evaluate(part.format_spec, frame) if part.format_spec is not None else ""
            parts.append(self.format_value(value, spec, _CODES.get(part.conversion, "")))
        return joined(parts)

    def format_value(self, value: Any, spec: Any = "", conversion: str = "") -> Any:
        """`format(value, spec)`, after `str` or `repr` if there is a conversion."""
        if isinstance(spec, Text) or is_data(spec):
            self.refuse("a format that depends on data is not accepted", "write the width or precision as a constant")
        if isinstance(value, Text):
            if conversion not in ("", "s") or spec:
                self.refuse("a string made of data cannot be padded or quoted", "format the value itself")
            return value
        value = self.looked_through(value)
        if self.is_shown(value):
            return self._shown(value, conversion, spec, percent=False)
        if is_data(value):
            text = self.repr_of(value) if conversion in ("r", "a") else self.text_of(value)
            if not spec:
                return text
            if isinstance(text, Text):
                self.refuse(f"{describe(value)} that holds data cannot be formatted as {spec!r}", "format its parts")
            return self.python(format, text, spec)
        self._refuse_addresses(value)
        return self.python(formatted, value, conversion, spec, False)

    def looked_through(self, value: Any) -> Any:
        """Numbers that are constants after all."""
        value = self.of_one_kind(value, "what is made a string")
        return value.value if isinstance(value, Literal) else value

    def is_shown(self, value: Any) -> bool:
        return isinstance(value, (Operand, Dim, Array))

    def _shown(self, value: Any, conversion: str, spec: str, percent: bool) -> Any:
        operand = self.operand(value)
        if isinstance(operand, Literal):
            return self.python(formatted, operand.value, conversion, spec, percent)
        if isinstance(value, Array) and not value.rank and (conversion in ("r", "a") or spec.endswith(("r", "a"))):
            self.refuse("`repr` of an array without axes is not accepted", "print the number: `x[()]`")
        if conversion == "r" and not spec and operand.type.weak:
            conversion = ""  # Python's numbers: `repr` and `str` are one
        self.python(formatted, sample_value(operand.type), conversion, spec, percent)  # does the format fit?
        return Text((Shown(operand, conversion, spec, percent),))

    def _refuse_addresses(self, value: Any) -> None:
        if isinstance(value, (Closure, types.FunctionType)):
            self.refuse(f"the text of {describe(value)} is not accepted")

    # ---- str and repr ----
    def text_of(self, value: Any) -> Any:
        """`str(value)`."""
        value = self.looked_through(value)
        if isinstance(value, (str, Text)):
            return value
        if self.is_shown(value):
            return self._shown(value, "", "", percent=False)
        if isinstance(value, Object):
            method = getattr(value.cls, "__str__", None)
            if isinstance(method, types.FunctionType):
                return self.call(self.get_attribute(value, "__str__"), [], {})
        if not is_data(value):
            self._refuse_addresses(value)
            return self.python(str, value)
        return self.repr_of(value)

    def repr_of(self, value: Any) -> Any:
        """`repr(value)`; containers are written around their parts."""
        value = self.looked_through(value)
        if isinstance(value, Text):
            self.refuse("a string made of data cannot be quoted", "print it by itself")
        if self.is_shown(value):
            return self._shown(value, "r", "", percent=False)
        if isinstance(value, List):
            return joined(["[", *self._listed(self.items(value)), "]"])
        if isinstance(value, Dict):
            if value.cls is not dict:
                self.refuse(f"the text of a {value.cls.__name__} that holds data is not accepted", "print its parts")
            pairs = [joined([repr(k), ": ", self.repr_of(self.slot(value, k))]) for k in value.slots]
            return joined(["{", *_with_commas(pairs), "}"])
        if isinstance(value, tuple):
            names = getattr(type(value), "_fields", None)
            if names is not None:
                return self._fields_of(type(value).__name__, dict(zip(names, value, strict=True)))
            return joined(["(", *self._listed(list(value)), ",)" if len(value) == 1 else ")"])
        if isinstance(value, Object):
            return self._repr_of_object(value)
        if is_data(value):
            self.refuse(f"the text of {describe(value)} is not accepted", "print its parts")
        self._refuse_addresses(value)
        return self.python(repr, value)

    def _listed(self, values: Sequence[Any]) -> list[Any]:
        return _with_commas([self.repr_of(v) for v in values])

    def _fields_of(self, name: str, parts: dict[str, Any]) -> Any:
        named = [joined([f"{key}=", self.repr_of(part)]) for key, part in parts.items()]
        return joined([f"{name}(", *_with_commas(named), ")"])

    def _repr_of_object(self, value: Object) -> Any:
        method: Any = getattr(value.cls, "__repr__", None)
        if dataclasses.is_dataclass(value.cls) and getattr(method, "__wrapped__", None) is not None:
            shown = [f.name for f in dataclasses.fields(value.cls) if f.repr]
            return self._fields_of(value.cls.__qualname__, {name: self.get_attribute(value, name) for name in shown})
        if isinstance(method, types.FunctionType):
            return self.call(self.get_attribute(value, "__repr__"), [], {})
        return self.refuse(f"the text of {describe(value)} is not accepted", "print its attributes")

    # ---- operators and methods of strings ----
    def text_operator(self, op: str, a: Any, b: Any) -> Any:
        """`+` and `*` of texts, and `string % values`."""
        if op == "Mod" and isinstance(a, str):
            return self._percent(a, b)
        if op == "Add" and isinstance(a, (str, Text)) and isinstance(b, (str, Text)):
            return joined([a, b])
        if op == "Mult" and (isinstance(a, Text) != isinstance(b, Text)):
            text, count = (a, b) if isinstance(a, Text) else (b, a)
            return joined([text] * self.static_int(count, "repeating a string needs a static count"))
        return self.refuse_text()

    def _percent(self, template: str, values: Any) -> Any:
        given = list(values) if isinstance(values, tuple) else [values]
        parts: list[Any] = []
        last = taken = 0
        for match in _PERCENT.finditer(template):
            parts.append(template[last : match.start()])
            last = match.end()
            spec = match[0]
            if spec == "%%":
                parts.append("%")
                continue
            if "*" in spec:
                self.refuse("a width `*` is not accepted where data is formatted", "write it as a constant")
            if match["key"] is not None:
                value = self.get_item(values, match["key"])
                spec = "%" + spec[spec.index(")") + 1 :]
            else:
                if taken >= len(given):
                    self.fail(PythonError, "TypeError: not enough arguments for format string")
                value, taken = given[taken], taken + 1
            parts.append(self._percent_value(self.looked_through(value), spec))
        if taken < len(given) and not isinstance(values, Dict):
            self.fail(PythonError, "TypeError: not all arguments converted during string formatting")
        return joined([*parts, template[last:]])

    def _percent_value(self, value: Any, spec: str) -> Any:
        if self.is_shown(value):
            return self._shown(value, "", spec, percent=True)
        if not (is_data(value) or isinstance(value, Text)):
            return self.python(lambda: spec % (value,))
        if spec not in ("%s", "%r"):
            self.refuse(f"{describe(value)} cannot be formatted as `{spec}`", "format its parts")
        return self.text_of(value) if spec == "%s" else self.repr_of(value)

    def text_method(self, owner: str, name: str, args: list[Any], kwargs: dict[str, Any]) -> Any:
        """`"...".format(values)` and `", ".join(texts)`."""
        if name == "join":
            items = self.items(args[0])
            return joined([piece for k, item in enumerate(items) for piece in ([owner, item] if k else [item])])
        if name != "format":
            self.refuse_text()
        count = iter(range(len(args)))
        return self._format(owner, args, kwargs, count.__next__)

    def _format(self, template: str, args: list[Any], kwargs: dict[str, Any], automatic: Callable[[], int]) -> Any:
        parts: list[Any] = []
        for literal, field, spec, conversion in self.python(lambda: list(string.Formatter().parse(template))):
            parts.append(literal)
            if field is None:
                continue
            start = _NAME.match(field)
            first = start[0] if start is not None else ""
            try:
                value = kwargs[first] if first and not first.isdigit() else args[int(first) if first else automatic()]
            except (IndexError, KeyError, StopIteration):
                self.fail(PythonError, f"IndexError: no argument for the field {field!r} of the format string")
            for attribute, key in _STEP.findall(field[len(first) :]):
                if attribute:
                    value = self.get_attribute(value, attribute)
                else:
                    value = self.get_item(value, int(key) if key.isdigit() else key)
            inner = self._format(spec, args, kwargs, automatic) if spec else ""
            parts.append(self.format_value(value, inner, conversion or ""))
        return joined(parts)


def _with_commas(parts: Sequence[Any]) -> list[Any]:
    return [piece for k, part in enumerate(parts) for piece in ([", ", part] if k else [part])]

