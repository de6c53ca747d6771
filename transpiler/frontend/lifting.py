"""Values from outside: the arguments of the call, and what functions capture.

In: Python values. Out: values of the interpreter, and the parameters they stand for. Establishes: an array is one box
however it is reached; captured arrays and floats are hidden parameters; other captures are static, with a check that
they still are what they were; what is lifted counts as old as the arguments, whichever region is open.
"""

from __future__ import annotations

import dataclasses
import enum
import functools
import os
import re
import reprlib
import types
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import numpy as np

from gradscribe.transpiler import tree
from gradscribe.transpiler.errors import DTypeError, IntegerRangeError, UnsupportedSyntax
from gradscribe.transpiler.frontend.arrays import Arrays
from gradscribe.transpiler.frontend.calls import library_function
from gradscribe.transpiler.frontend.fence import ENVIRONMENT
from gradscribe.transpiler.frontend.reading import Reading
from gradscribe.transpiler.frontend.source import node_of
from gradscribe.transpiler.frontend.values import (
    Array,
    BoundMethod,
    Box,
    Closure,
    Container,
    Dict,
    External,
    List,
    Object,
)
from gradscribe.transpiler.ir.builder import current_span
from gradscribe.transpiler.ir.dims import Dim, Symbol, next_serial
from gradscribe.transpiler.ir.nodes import Var
from gradscribe.transpiler.ir.staged import ArgumentLeaf, CaptureLeaf, StaticLeaf
from gradscribe.transpiler.ir.types import ArrayType, has_own_operations, type_of_scalar

_RESERVED = 4096
_STATIC_CLASSES = (
    str,
    bytes,
    type(None),
    bool,
    int,
    range,
    slice,
    type,
    types.ModuleType,
    np.dtype,
    np.ufunc,
    type(Ellipsis),
    enum.Enum,
)
StaticPlace = tuple[int | Reading, int | None]  # argument leaf or captured array, axis (None: its value)
Accessor = Callable[[Any, Any], Any]


@dataclasses.dataclass(frozen=True)
class Parameter:
    """A flat parameter and the box that holds it (None for scalars)."""

    var: Var
    leaf: ArgumentLeaf | CaptureLeaf
    box: Box | None
    example: Any


@dataclasses.dataclass(frozen=True)
class Visible:
    """A container of the caller: how to reach it from the arguments, and what it held at entry."""

    cell: Container
    access: Accessor
    path: str
    before: dict[Any, Any]


class Lifting(Arrays):
    """Arguments and captures."""

    def __init__(self, static: frozenset[StaticPlace]) -> None:
        super().__init__()
        self.static_places = static
        self.parameters: list[Parameter] = []
        self.argument_boxes: set[Box] = set()  # of arguments of functions that are transformed inside
        self.visible_containers: list[Visible] = []
        self.statics: dict[str, str] = {}  # path -> value, of what is baked into the program
        self.sources: dict[Any, None] = {}
        self.places: dict[Any, StaticPlace] = {}  # entry atoms of arguments, and sizes of captured arrays
        self.lifted: dict[int, tuple[Any, Any]] = {}  # id -> (the object, kept alive; its value)
        self.arrays: dict[int, tuple[Any, Array]] = {}
        self.array_readings: dict[int, Callable[[], Any] | None] = {}
        self.captured_scalars: dict[Callable[[], Any], Var] = {}
        self.looked_at: dict[int, tuple[External, Any]] = {}
        self.serials = [next_serial() for _ in range(_RESERVED)]
        self.lift_external = self._look_at

    def _old(self, thing: Any) -> Any:
        """As old as the arguments."""
        if not self.serials:
            self.refuse("this function captures too many values", "put them into an array")
        thing.serial = self.serials.pop(0)
        return thing

    # ---- arguments ----
    def is_callers(self, box: Box) -> bool:
        """Does the caller see this buffer?"""
        return box in self.argument_boxes or any(parameter.box is box for parameter in self.parameters)

    def is_argument(self, value: Var) -> bool:
        """Is the value what a parameter brings?"""
        return any(parameter.var is value for parameter in self.parameters)

    def inject(self, value: Any, path: str, leaf: list[int], access: Accessor) -> Any:
        """An argument: leaves become parameters, numbered as `tree.flatten` does."""
        kind = None if isinstance(value, (ArrayType, StaticLeaf)) else tree.kind_of(type(value))
        if kind is None:
            number = leaf[0]
            leaf[0] += 1
            return self._leaf(value, path, number)
        children, static = kind.take(value)
        entries = kind.entries(static, len(children))
        parts = []
        for k, (entry, child) in enumerate(zip(entries, children, strict=True)):
            parts.append(self.inject(child, path + entry, leaf, _child_access(access, kind, k)))
        if isinstance(value, tuple):
            return kind.build(static, parts)
        if value is None:
            return None
        if isinstance(value, list):
            return self._visible(List.of(parts), access, path)
        if isinstance(value, dict):
            by_key = dict(zip(_keys(value, static), parts, strict=True))
            return self._visible(_dict_like(value, {k: by_key[k] for k in value}), access, path)
        built = kind.build(static, parts)
        return self._visible(Object(type(value), _attributes(built)), access, path)

    def _visible(self, cell: Container, access: Accessor, path: str) -> Container:
        cell.origin = access
        self.visible_containers.append(Visible(cell, access, path, dict(cell.slots)))
        return cell

    def _leaf(self, value: Any, path: str, number: int) -> Any:
        if isinstance(value, StaticLeaf):
            self._note_static(path, value.value)
            return self.lift(value.value, path, None)
        leaf = ArgumentLeaf(path, number)
        if isinstance(value, ArrayType):
            return self._abstract_leaf(value, leaf)
        if isinstance(value, np.ndarray):
            return self._array_leaf(value, leaf, number)
        if isinstance(value, (bool, str, bytes, type(None))):
            self._note_static(path, value)
            return value
        if isinstance(value, (int, float, complex, np.generic)):
            return self._scalar_leaf(value, leaf, number)
        return self.lift(value, path, None)

    def _scalar_leaf(self, value: Any, leaf: ArgumentLeaf, number: int) -> Any:
        if isinstance(value, np.generic) and value.dtype.kind not in "biufc":
            raise DTypeError(current_span(), f"{leaf.path}: numbers of dtype {value.dtype} are not accepted")
        if isinstance(value, int) and not -(2**63) <= value < 2**63:
            message = f"{leaf.path}: {value} does not fit the 64 bits of a Python int here"
            raise IntegerRangeError(current_span(), message)
        var = Var(type_of_scalar(value), leaf.path)
        self.parameters.append(Parameter(var, leaf, None, value))
        if not isinstance(value, int):
            return var
        self.solver.example[var] = value
        self.solver.names[var] = leaf.path
        self.places[var] = (number, None)
        if (number, None) in self.static_places:
            message = f"staged for {leaf.path} == {value}"
            self.solver.assume_zero(Dim.of(var) - value, message, requirement=False)
            return value
        return Dim.of(var)

    def _array_leaf(self, value: np.ndarray, leaf: ArgumentLeaf | CaptureLeaf, number: int | None) -> Array:
        known = self.arrays.get(id(value))
        if known is not None:
            return known[1]
        if has_own_operations(value.__class__):
            cls = value.__class__.__name__
            raise DTypeError(current_span(), f"{leaf.path}: a {cls} is not accepted", "make it plain: np.asarray")
        if value.dtype.kind not in "biufc" or value.dtype.char in "gG":
            message = f"{leaf.path}: arrays of dtype {value.dtype} are not accepted"
            raise DTypeError(current_span(), message, "pass plain arrays of numbers")
        dims = []
        for axis, size in enumerate(value.shape):
            if size < 2:
                dims.append(Dim.of(size))
                continue
            symbol = self._old(Symbol(_size_name(leaf.path, axis, value.ndim)))
            self.solver.example[symbol] = size
            self.solver.names[symbol] = f"axis {axis} of {leaf.path}"
            self.solver.default_names[symbol] = None
            self.places[symbol] = (Reading(value, "itself") if number is None else number, axis)
            if self.places[symbol] in self.static_places:
                self.solver.substitution[symbol] = Dim.of(size)
            dims.append(Dim.of(symbol))
        type = ArrayType(value.dtype, tuple(dims))
        var = self._old(Var(type, leaf.path))
        box = self._old(Box(var, type, () if value.flags.c_contiguous else None, bool(value.flags.writeable), var.hint))
        handle = Array(box, (), type)
        self.parameters.append(Parameter(var, leaf, box, value))
        self.arrays[id(value)] = (value, handle)
        return handle

    def _abstract_leaf(self, type: ArrayType, leaf: ArgumentLeaf) -> Any:
        """An argument of which only the type is known; its symbols get made-up sizes."""
        for dim in type.shape:
            for atom in dim.leaves():
                if atom not in self.solver.example:
                    self.solver.example[atom] = 7 + 2 * len(self.solver.example)
                    self.solver.names[atom] = leaf.path
                    self.solver.invented[atom] = None
        var = Var(type, leaf.path)
        if type.shape:
            box = Box(var, type, name=var.hint)
            self.parameters.append(Parameter(var, leaf, box, None))
            return Array(box, (), type)
        self.parameters.append(Parameter(var, leaf, None, None))
        if type.weak and type.dtype.kind == "i":
            self.solver.example[var] = 5
            self.solver.invented[var] = None
            return Dim.of(var)
        return var

    # ---- captures ----
    def lift(self, value: Any, path: str, read: Callable[[], Any] | None) -> Any:
        """A Python value met while interpreting. `read` fetches it again at each call; without it the value is
        static."""
        if isinstance(value, np.ndarray):
            return self._captured_array(value, CaptureLeaf(path, read or Reading(value, "itself")))
        if isinstance(value, (float, complex, np.floating, np.complexfloating)):
            return value if read is None else self._captured_scalar(value, path, read)
        if value is os.environ:
            self.refuse(*ENVIRONMENT)
        changes_in_place = isinstance(value, (list, dict, set)) and read is None
        self.check_static(value, Reading(value, "itself") if changes_in_place else read)
        if read is not None:
            self._note_static(path, value)
        if isinstance(value, (*_STATIC_CLASSES, np.generic)):
            return value
        if isinstance(value, tuple):
            reads = [None if read is None else Reading(read, "part", k) for k in range(len(value))]
            parts = [self.lift(v, f"{path}[{k}]", reads[k]) for k, v in enumerate(value)]
            return tuple(parts) if type(value) is tuple else tuple.__new__(type(value), parts)
        if hasattr(value, "__gradscribe_transformed__") or isinstance(value, functools.partial):
            return value
        known = self.lifted.get(id(value))
        if known is None:
            known = self.lifted[id(value)] = (value, self._lift_object(value, path))
        return known[1]

    def _captured_array(self, value: np.ndarray, leaf: CaptureLeaf) -> Array:
        """One box for an array however it is reached; that the places still hold one array is checked at each call."""
        first = self.array_readings.setdefault(id(value), leaf.read)
        if id(value) in self.arrays and first is not None and leaf.read is not None and first != leaf.read:
            again = leaf.read
            self.static_checks.append(lambda: again() is first())
        return self._array_leaf(value, leaf, None)

    def _note_static(self, path: str, value: Any) -> None:
        """For readers of the text: what is written into it as if it were a constant."""
        if isinstance(value, (str, bytes, bool, int, float, complex)):
            self.statics.setdefault(path, reprlib.repr(value))

    def _captured_scalar(self, value: Any, path: str, read: Callable[[], Any]) -> Var:
        """One parameter for each place that a number is captured from: equal numbers may change apart."""
        known = self.captured_scalars.get(read)
        if known is None:
            known = self._old(Var(type_of_scalar(value), path))
            self.captured_scalars[read] = known
            self.parameters.append(Parameter(known, CaptureLeaf(path, read), None, value))
        return known

    def _lift_object(self, value: Any, path: str) -> Any:
        if isinstance(value, types.MethodType) and not library_function(value.__func__):
            owner = self.lift(value.__self__, f"{path}.__self__", None)
            return BoundMethod(self.lift(value.__func__, path, None), owner)
        if type(value).__module__.startswith("numba") and hasattr(value, "py_func"):
            value = value.py_func
        if isinstance(value, types.FunctionType):
            single = hasattr(value, "registry") and hasattr(value, "dispatch")
            return value if library_function(value) or single else self._closure(value)
        access: Accessor = lambda args, kwargs: value
        if isinstance(value, list):
            slots = {k: External(v, f"{path}[{k}]", Reading(value, "item", k)) for k, v in enumerate(value)}
            return self._captured_container(List(slots), access, path)
        if isinstance(value, dict):
            slots = {k: External(v, f"{path}[{k!r}]", Reading(value, "item", k)) for k, v in value.items()}
            return self._captured_container(_dict_like(value, slots), access, path)
        if _is_plain_object(value):
            fields = {
                name: External(v, f"{path}.{name}", Reading(value, "attribute", name))
                for name, v in _attributes(value).items()
            }
            self.check_static(type(value), Reading(value, "attribute", "__class__"))
            cell = Object(type(value), fields)
            self.instances[id(cell)] = value
            return self._captured_container(cell, access, path)
        return value

    def _captured_container(self, cell: Container, access: Accessor, path: str) -> Container:
        self._old(cell)
        return self._visible(cell, access, path)

    def _look_at(self, external: External) -> Any:
        known = self.looked_at.get(id(external))
        if known is None:
            value = self.lift(external.value, external.path, external.read)
            known = self.looked_at[id(external)] = (external, value)
        return known[1]

    def _closure(self, function: types.FunctionType) -> Closure:
        try:
            node, file = node_of(function)
        except UnsupportedSyntax as error:
            raise UnsupportedSyntax(error.span or current_span(), error.message, error.hint) from None
        self.sources[function] = None
        code = function.__code__
        cells = dict(zip(code.co_freevars, function.__closure__ or (), strict=True))
        names = code.co_varnames[: code.co_argcount]
        values = function.__defaults__ or ()
        defaults = dict(zip(names[len(names) - len(values) :], values, strict=True))
        for name, value in (function.__kwdefaults__ or {}).items():
            self.check_static(value, Reading(function.__kwdefaults__, "item", name))
            defaults[name] = value
        lifted = {k: External(v, k, None) if _mutable(v) else v for k, v in defaults.items()}  # type: ignore[arg-type]
        return Closure(node, file, function.__name__, None, function.__globals__, cells, lifted, function)


def _mutable(value: Any) -> bool:
    return not isinstance(value, (bool, int, float, complex, str, bytes, type(None), type, np.generic))


def _size_name(path: str, axis: int, rank: int) -> str:
    base = re.sub(r"\W+", "_", path).strip("_") or "x"
    return f"{base}_size" if rank == 1 else f"{base}_{axis}"


def _keys(value: Any, static: Any) -> Any:
    """The keys of a dict in the order of its children, out of the static data of its node kind."""
    return static[1] if isinstance(value, defaultdict) else static


def _dict_like(value: dict[Any, Any], slots: dict[Any, Any]) -> Dict:
    return Dict(slots, cls=type(value), factory=getattr(value, "default_factory", None))


def _attributes(value: Any) -> dict[str, Any]:
    out = dict(getattr(value, "__dict__", {}))
    for cls in type(value).__mro__:
        names = vars(cls).get("__slots__", ())
        for name in (names,) if isinstance(names, str) else names:
            if name not in ("__dict__", "__weakref__") and hasattr(value, name):
                out.setdefault(name, getattr(value, name))
    return out


def _is_plain_object(value: Any) -> bool:
    """An instance of a user's class whose state is its attributes."""
    cls = type(value)
    module = cls.__module__.split(".")[0]
    if module in ("builtins", "numpy", "functools", "types", "_functools", "itertools", "operator", "scipy"):
        return False
    return not callable(getattr(cls, "__array__", None)) and not isinstance(
        value, (types.FunctionType, type, BaseException)
    )


def _child_access(access: Accessor, kind: Any, k: int) -> Accessor:
    return lambda args, kwargs: kind.take(access(args, kwargs))[0][k]
