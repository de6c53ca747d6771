"""Python's own functions on values of the interpreter: range, len, zip, isinstance, and the methods of lists, dicts
and tuples."""

from __future__ import annotations

import copy
import dataclasses
import functools
import sys
import types
import warnings
from collections import defaultdict, deque, namedtuple
from collections.abc import Callable
from typing import Any

import gast
import numpy as np

from gradscribe.transpiler.frontend import python_iterators
from gradscribe.transpiler.frontend.branches import branch
from gradscribe.transpiler.frontend.fence import REFUSED
from gradscribe.transpiler.frontend.higher_order import HIGHER_ORDER
from gradscribe.transpiler.frontend.iterator_functions import ITERATOR_FUNCTIONS
from gradscribe.transpiler.frontend.lookups import Lookups
from gradscribe.transpiler.frontend.python_errors import PythonError
from gradscribe.transpiler.frontend.python_queues import Deque
from gradscribe.transpiler.frontend.table import BUILTINS
from gradscribe.transpiler.frontend.templates import template_of
from gradscribe.transpiler.frontend.values import (
    LENGTH,
    Array,
    ArrayMethod,
    BoundMethod,
    Cached,
    Closure,
    Container,
    ContainerMethod,
    Dict,
    Flat,
    Generator,
    List,
    Object,
    Partial,
    Sequence,
    Slice,
    Text,
    describe,
    is_data,
    is_integer,
    is_number,
    number_type,
    simplest,
)
from gradscribe.transpiler.ir.builder import current_span, emit
from gradscribe.transpiler.ir.dims import Dim
from gradscribe.transpiler.ir.nodes import Operand
from gradscribe.transpiler.ir.types import ArrayType
from gradscribe.transpiler.library import debug
from gradscribe.transpiler.library.checkpointed_loops import checkpointed
from gradscribe.transpiler.primitives.primitive import PRIMITIVES

_NONE = object()


class PythonFunctions(Lookups):
    """Builtins and container methods."""

    def own_function(self, function: Any) -> Callable[..., Any] | None:
        """The interpreter's version of a Python builtin."""
        name = (
            _OWN.get(function) if isinstance(function, type) or (callable(function) and hashable(function)) else None
        )
        if name is None and getattr(function, "__module__", None) in ("_operator", "operator"):
            return self.operator_function(function)
        return None if name is None else getattr(self, name)

    def construct(self, cls: type, args: list[Any], kwargs: dict[str, Any]) -> Any:
        raise NotImplementedError

    def _apply(self, function: Any, rule: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
        raise NotImplementedError

    def call_range(self, *args: Any) -> Any:
        return self.range_of(list(args))

    def call_len(self, value: Any) -> Any:
        if isinstance(value, (Array, Flat)):
            array = value.view if isinstance(value, Flat) else value
            return simplest(self.solver.normalize(array.shape[0]))
        if isinstance(value, (List, Dict)):
            self.store.check_readable(value)
            if isinstance(value, Dict):
                return self.count_of_keys(value)
            return value.slots[LENGTH] if value.grows else len(value.slots)
        if isinstance(value, Sequence):
            return value.length
        if isinstance(value, Object):
            return self.call(self.get_attribute(value, "__len__"), [], {})
        if isinstance(value, (Operand, Dim)):
            self.fail(PythonError, f"TypeError: {describe(value)} has no len()")
        return self.python(len, value)

    def call_bool(self, value: Any = False) -> Any:
        if isinstance(value, (Container, tuple, Sequence)):
            truth = self.truth(value)
            return truth if isinstance(truth, bool) else self.apply_rule(BUILTINS[bool], [truth], {})
        return self._apply(bool, BUILTINS[bool], [value], {}) if is_data(value) else self.python(bool, value)

    def call_reversed(self, value: Any) -> Any:
        return self.backwards(value)

    def call_list(self, value: Any = ()) -> Any:
        value = self.unfolded(value)
        if isinstance(value, Generator):
            return self.collected(value)
        if isinstance(value, List) and value.grows:
            return self.item_of(value, Slice(None, None, None))
        if isinstance(value, Array) and value.rank == 1 and self.solver.normalize(value.shape[0]).constant is None:
            length = self.solver.normalize(value.shape[0])
            return self.list_of(ArrayType(value.dtype), [self.views.fresh(self.views.read(value))], length)
        return List.of(self.items(value))

    def call_tuple(self, value: Any = ()) -> Any:
        return tuple(self.items(value))

    def call_dict(self, *args: Any, **kwargs: Any) -> Any:
        made = Dict({})
        if args:
            self._update(made, args[0])
        self._update(made, kwargs)
        return made

    def call_sorted(self, value: Any, **options: Any) -> Any:
        key, reverse = options.pop("key", None), options.pop("reverse", False)
        value = self.unfolded(value)
        if isinstance(value, Generator):
            value = self.collected(value)
        numbers = isinstance(value, Array) or (isinstance(value, List) and value.grows)
        ints = isinstance(value, Sequence) and value.range is not None and isinstance(simplest(value.length), Dim)
        if key is not None and (numbers or ints):
            return self.sorted_by(value, None, key, self.truth(reverse) is True)
        items = [] if numbers else self.items(value)
        if key is None and (numbers or (is_data(items) and all(map(is_number, items)))):
            return self.sorted_numbers(value if numbers else List.of(items), self.truth(reverse) is True)
        keys = [item if key is None else self.call(key, [item], {}) for item in items]
        if numbers or (is_data(keys) and not all(map(is_number, keys))):
            self.refuse("sorting by data is accepted by keys that are numbers", "use np.argsort or np.lexsort")
        if is_data(keys):
            return self.sorted_by(List.of(items), keys, key, self.truth(reverse) is True)
        order = self.python(sorted, range(len(items)), key=lambda k: keys[k], reverse=reverse)
        return List.of(items[k] for k in order)

    def call_defaultdict(self, factory: Any = None, *args: Any, **kwargs: Any) -> Any:
        made = self.call_dict(*args, **kwargs)
        return Dict(dict(made.slots), cls=defaultdict, factory=factory)

    def call_deque(self, iterable: Any = (), maxlen: Any = None) -> Any:
        return self.construct(Deque, [iterable, maxlen], {})

    def call_lexsort(self, keys: Any, axis: Any = -1) -> Any:
        if axis != -1:
            self.refuse("`np.lexsort` along an axis is not accepted", "sort rows one by one")
        return self.generated(python_iterators.lexsort, keys)

    def call_namedtuple(self, *args: Any, **kwargs: Any) -> Any:
        return self.python(namedtuple, *args, **{"module": "<staged>", **kwargs})

    def call_set(self, value: Any = ()) -> Any:
        return self.set_of(self.items(value))

    def call_isinstance(self, value: Any, classes: Any) -> Any:
        return self.python(issubclass, self.python_type(value), classes)

    def call_type(self, *args: Any, **options: Any) -> Any:
        if len(args) != 1 or options:
            self.refuse(*REFUSED[gast.ClassDef])
        return self.python_type(args[0])

    def python_type(self, value: Any) -> type:
        """The class that the value has in Python."""
        value = self.of_one_kind(value, "this value")
        if isinstance(value, Array):
            return np.ndarray
        if isinstance(value, Object):
            return value.cls
        if isinstance(value, List):
            return list
        if isinstance(value, Dict):
            return value.cls
        if is_integer(value):
            return int
        if isinstance(value, Operand):
            t = number_type(value)
            return {"b": bool, "i": int, "u": int, "f": float, "c": complex}[t.dtype.kind] if t.weak else t.dtype.type
        for kinds, cls in _CLASSES.items():
            if isinstance(value, kinds):
                return cls
        if isinstance(value, Sequence):
            if value.range is None:
                self.refuse("the type of this iterator is not known")
            return range
        return type(value)

    def call_hasattr(self, owner: Any, name: str) -> Any:
        if isinstance(owner, Object):
            self.class_attribute(owner, name)
            there = self.inherits(owner.cls, name) or self.boxed(self.present(owner, name))
            if there is False and self.inherits(owner.cls, "__getattr__"):
                self.refuse(f"`hasattr` of a {owner.cls.__qualname__}, which has `__getattr__`, is not accepted")
            return there
        interpreted = is_data(owner) or isinstance(owner, (*_CLASSES, Sequence))
        return hasattr(self.python_type(owner) if interpreted else owner, name)

    def call_getattr(self, owner: Any, name: str, default: Any = _NONE) -> Any:
        if default is not _NONE:
            there = self.truth(self.call_hasattr(owner, name))
            if not isinstance(there, bool):
                return branch(self, there, lambda: owner.slots[name].value, lambda: default)
            if not there:
                return default
        return self.get_attribute(owner, name)

    def call_setattr(self, owner: Any, name: str, value: Any) -> None:
        self.set_attribute(owner, name, value)

    def call_callable(self, value: Any) -> Any:
        called = isinstance(value, (Cached, ArrayMethod, ContainerMethod, *_CLASSES)) and not isinstance(value, _DATA)
        return called or (self.inherits(value.cls, "__call__") if isinstance(value, Object) else callable(value))

    # ---- text ----
    def call_print(self, *args: Any, **options: Any) -> None:
        unknown = options.keys() - {"sep", "end", "file", "flush"}
        if unknown:
            self.fail(PythonError, f"TypeError: print() got an unexpected keyword argument '{min(unknown)}'")
        marks = [options.get(name) for name in ("sep", "end")]
        if not all(mark is None or isinstance(mark, str) for mark in marks):
            self.refuse("`sep` and `end` of print must be static strings")
        self.emit_print([self.text_of(value) for value in args], **options)

    def emit_print(
        self, texts: list[Any], sep: Any = None, end: Any = None, file: Any = None, flush: Any = False, **_: Any
    ) -> None:
        """Print these texts when the program runs."""
        if file is not None and file not in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
            self.refuse("print to a file is not accepted in a staged function", "use sys.stdout or sys.stderr")
        values: list[Operand] = []
        templates = tuple(t if isinstance(t, tuple) else (t,) for t in (template_of(x, values) for x in texts))
        emit(
            PRIMITIVES["print"],
            values,
            {
                "texts": templates,
                "sep": " " if sep is None else sep,
                "end": "\n" if end is None else end,
                "stream": "stderr" if file is not None and file in (sys.stderr, sys.__stderr__) else "stdout",
                "flush": bool(flush),
            },
        )

    def call_warn(
        self, message: Any, category: Any = None, stacklevel: Any = 1, source: Any = None, **options: Any
    ) -> None:
        """`warnings.warn` when the program gets there. It names this line, whatever the stack level: the frames above
        are not the user's."""
        if source is not None or options:
            self.refuse("`warnings.warn` takes a text, a category and a stack level here")
        if isinstance(message, Warning):
            message, category = str(message), type(message)
        category = UserWarning if category is None else category
        if not (isinstance(category, type) and issubclass(category, Warning)):
            self.fail(PythonError, "TypeError: category must be a Warning subclass")
        if not isinstance(message, (str, Text)):
            self.refuse("`warnings.warn` takes a text here", "write an f-string")
        values: list[Operand] = []
        text = template_of(message, values)
        text = text if isinstance(text, tuple) else (text,)
        span = current_span()
        place = {"file": span.file, "line": span.line} if span is not None else {"file": "", "line": 1}
        emit(PRIMITIVES["warn"], values, {"text": text, "category": category, **place})

    def call_debug_print(self, template: Any, *args: Any, ordered: Any = True, **kwargs: Any) -> None:
        if not isinstance(template, str):
            self.refuse("gs.debug.print takes a format string first", 'gs.debug.print("x = {}", x)')
        self.emit_print([self.text_method(template, "format", list(args), kwargs)])

    def call_debug_callback(self, function: Any, *args: Any, **kwargs: Any) -> None:
        if isinstance(function, Closure):
            function = function.function
        if not callable(function):
            self.refuse("gs.debug.callback takes a function defined outside", "define it at the top of a module")
        values = [*args, *kwargs.values()]
        if not all(is_number(v) or isinstance(v, Array) for v in values):
            self.refuse("gs.debug.callback passes arrays and numbers only", "pass parts; bind the rest beforehand")
        emit(PRIMITIVES["callback"], [self.operand(v) for v in values], {"function": function, "names": tuple(kwargs)})

    def call_breakpoint(self, *args: Any, **kwargs: Any) -> None:
        if args or kwargs:
            self.refuse("`breakpoint` with arguments is not accepted")
        emit(PRIMITIVES["breakpoint"], ())

    def call_seterr(self, *args: Any, **kwargs: Any) -> None:
        self.refuse(
            "the floating-point state of NumPy is not changed in a staged function",
            "call np.seterr outside; gs.config(check_nans=True) raises where an operation makes a NaN",
        )

    def call_slice(self, *ends: Any) -> Slice:
        return Slice(None, *ends, None) if len(ends) == 1 else Slice(*ends, *[None] * (3 - len(ends)))

    def call_str(self, value: Any = "", *rest: Any) -> Any:
        return self.python(str, value, *rest) if rest else self.text_of(value)

    def call_repr(self, value: Any) -> Any:
        return self.repr_of(value)

    def call_format(self, value: Any, spec: Any = "") -> Any:
        return self.format_value(value, spec)

    def call_copy(self, value: Any) -> Any:
        """`copy.copy`."""
        if isinstance(value, Array):
            return self.views.fresh(self.operand(value))
        if isinstance(value, List):
            return self.call(list, [value], {})
        if isinstance(value, Object):
            self._refuse_own_copy(value.cls, "__copy__")
            return Object(value.cls, dict(value.slots))
        return Dict(dict(value.slots), cls=value.cls, factory=value.factory) if isinstance(value, Dict) else value

    def call_deepcopy(self, value: Any, memo: Any = None) -> Any:
        return self._deepcopy(value, {})

    def _deepcopy(self, value: Any, made: dict[int, Any]) -> Any:
        """What stood in two places is one copy in two places."""
        if isinstance(value, tuple):
            parts = [self._deepcopy(v, made) for v in value]
            return tuple(parts) if type(value) is tuple else tuple.__new__(type(value), parts)
        if not isinstance(value, (Array, Container)):
            return value
        if id(value) in made:
            return made[id(value)]
        if isinstance(value, Array):
            copied: Any = self.views.fresh(self.operand(value))
        elif isinstance(value, List) and value.grows:
            copied = self.call(list, [value], {})
        else:
            copied = List({}) if isinstance(value, List) else Dict({})
            if isinstance(value, Dict):
                copied = Dict({}, cls=value.cls, factory=value.factory)
            if isinstance(value, Object):
                self._refuse_own_copy(value.cls, "__deepcopy__")
                copied = Object(value.cls, {})
            made[id(value)] = copied
            for key in value.slots:
                self.store.set(copied, key, self._deepcopy(self.slot(value, key), made))
        made[id(value)] = copied
        return copied

    def _refuse_own_copy(self, cls: type, name: str) -> None:
        if hasattr(cls, name) or cls.__reduce_ex__ is not object.__reduce_ex__:
            self.refuse(f"copying a {cls.__qualname__}, which says how it is copied, is not accepted")


def hashable(value: Any) -> bool:
    try:
        hash(value)
    except TypeError:
        return False
    return True


# The classes of Python whose values are classes of the interpreter.
_CLASSES: dict[Any, type] = {
    Closure: types.FunctionType, BoundMethod: types.MethodType, Partial: functools.partial, Text: str, Slice: slice,
    Generator: types.GeneratorType,
}  # fmt: skip
_DATA = (Text, Slice, Generator)

# Functions that take strings made of data.
TEXT_FUNCTIONS = frozenset(
    (
        print, warnings.warn, str, repr, format, debug.print, isinstance, type, hasattr, callable, list, tuple, zip,
        enumerate, reversed,
    )
)  # fmt: skip

_OWN: dict[Any, str] = {
    **ITERATOR_FUNCTIONS, **HIGHER_ORDER,
    set: "call_set", dataclasses.replace: "call_replace", bool: "call_bool",
    range: "call_range", len: "call_len", reversed: "call_reversed", list: "call_list",
    tuple: "call_tuple",
    dict: "call_dict", dict.fromkeys: "call_fromkeys", sorted: "call_sorted", isinstance: "call_isinstance",
    type: "call_type",
    hasattr: "call_hasattr", getattr: "call_getattr", setattr: "call_setattr", callable: "call_callable",
    print: "call_print", warnings.warn: "call_warn",
    copy.copy: "call_copy", copy.deepcopy: "call_deepcopy", str: "call_str", repr: "call_repr", format: "call_format",
    defaultdict: "call_defaultdict", deque: "call_deque", namedtuple: "call_namedtuple", np.lexsort: "call_lexsort",
    slice: "call_slice",
    breakpoint: "call_breakpoint", debug.print: "call_debug_print", debug.callback: "call_debug_callback",
    checkpointed: "call_checkpointed",
    np.seterr: "call_seterr", np.seterrcall: "call_seterr",
}  # fmt: skip
