"""Expressions: one method per node of the syntax tree.

In: a node and the frame it is evaluated in. Out: its value. Python's order of evaluation is kept.
"""

from __future__ import annotations

import builtins
import dataclasses
from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Any

import gast
import numpy as np

from gradscribe.transpiler.frontend.branches import branch
from gradscribe.transpiler.frontend.choices import has_choice
from gradscribe.transpiler.frontend.conditions import Conditions
from gradscribe.transpiler.frontend.python_errors import PythonError
from gradscribe.transpiler.frontend.reading import Reading
from gradscribe.transpiler.frontend.values import (
    MISSING,
    Array,
    Choice,
    Closure,
    Dict,
    Flat,
    Frame,
    List,
    Maybe,
    Object,
    Poison,
    Sequence,
    Slice,
    Text,
    describe,
)
from gradscribe.transpiler.ir.builder import emit
from gradscribe.transpiler.ir.dims import Dim
from gradscribe.transpiler.ir.nodes import Operand
from gradscribe.transpiler.primitives.primitive import PRIMITIVES


class Expressions(Conditions):
    """Evaluation."""

    def evaluate(self, node: Any, frame: Frame) -> Any:
        method = getattr(self, f"evaluate_{type(node).__name__}", None)
        with self.at(node, frame):
            if method is None:
                self.refuse(f"`{type(node).__name__}` expressions are not accepted")
            return method(node, frame)

    def evaluate_Constant(self, node: Any, frame: Frame) -> Any:
        return node.value

    # ---- names ----
    def evaluate_Name(self, node: Any, frame: Frame) -> Any:
        return self.read_name(node.id, frame)

    def read_name(self, name: str, frame: Frame) -> Any:
        scope: Frame | None = frame
        while scope is not None:
            if name in scope.globals:
                return self._global_name(name, scope)
            value = scope.slots.get(name, MISSING)
            if value is not MISSING:
                return self._present(name, value, scope)
            closure = scope.closure
            if scope.parent is None:
                return self._outer_name(name, closure)
            scope = scope.parent
        raise AssertionError("a frame without a closure")

    def _present(self, name: str, value: Any, scope: Frame) -> Any:
        if isinstance(value, Poison):
            self.refuse_poison(f"`{name}`", value)
        if isinstance(value, Maybe):
            message = f"cannot access local variable '{name}' where it is not associated with a value"
            emit(PRIMITIVES["check"], (value.flag,), {"message": message, "error": UnboundLocalError})
            value = value.value
            if isinstance(value, Poison):
                self.refuse_poison(f"`{name}`", value)
            if self.narrowing:
                self.store.set(scope, name, value)
        return self.read_choice(f"`{name}`", value)

    def _global_name(self, name: str, scope: Frame) -> Any:
        while scope.parent is not None:
            scope = scope.parent
        return self._outer_name(name, dataclasses.replace(scope.closure, cells={}))

    def _outer_name(self, name: str, closure: Closure) -> Any:
        if name in closure.cells:
            cell = closure.cells[name]
            try:
                value = cell.cell_contents
            except ValueError:
                self.fail(PythonError, f"NameError: free variable '{name}' is not associated with a value")
            return self.lift(value, name, Reading(cell, "cell"))
        if name in closure.globals:
            scope = closure.globals
            return self.lift(scope[name], name, Reading(scope, "item", name))
        if hasattr(builtins, name):
            return getattr(builtins, name)
        return self.fail(PythonError, f"NameError: name '{name}' is not defined (or not assigned on this path)")

    def evaluate_NamedExpr(self, node: Any, frame: Frame) -> Any:
        """The name belongs to the function around comprehensions and generator expressions."""
        value = self.evaluate(node.value, frame)
        scope = frame
        while scope.closure.name in ("<comprehension>", "<generator>") and scope.parent is not None:
            scope = scope.parent
        self.assign(node.target, value, scope)
        return value

    # ---- containers ----
    def elements(self, nodes: list[Any], frame: Frame) -> list[Any]:
        out: list[Any] = []
        for node in nodes:
            if isinstance(node, gast.Starred):
                out += self.items(self.evaluate(node.value, frame))
            else:
                out.append(self.evaluate(node, frame))
        return out

    def evaluate_Tuple(self, node: Any, frame: Frame) -> Any:
        return tuple(self.elements(node.elts, frame))

    def evaluate_List(self, node: Any, frame: Frame) -> Any:
        return List.of(self.elements(node.elts, frame))

    def evaluate_Set(self, node: Any, frame: Frame) -> Any:
        values = self.elements(node.elts, frame)
        return self.set_of(values)

    def evaluate_Dict(self, node: Any, frame: Frame) -> Any:
        slots: dict[Any, Any] = {}
        for key_node, value_node in zip(node.keys, node.values, strict=True):
            if key_node is None:
                other = self.evaluate(value_node, frame)
                known = isinstance(other, Dict)
                slots.update({k: self.slot(other, k) for k in self.keys_of(other)} if known else other)
                continue
            key = self.static_key(self.evaluate(key_node, frame))
            slots[key] = self.evaluate(value_node, frame)
        return Dict(slots)

    def static_key(self, key: Any) -> Any:
        if isinstance(key, Choice):
            self.refuse(f"the key of a dict {key.reason}", "write a branch for each key")
        if isinstance(key, (Dim, Operand)):
            self.need_static(key, "the key of a dict must be static")
        if isinstance(key, tuple):
            return tuple(self.static_key(k) for k in key)
        if isinstance(key, Text):
            self.refuse_text()
        if isinstance(key, (Array, List, Dict)):
            self.fail(PythonError, f"TypeError: unhashable type: '{self.python_type(key).__name__}'")
        return key

    # ---- comprehensions over static iterables ----
    def _comprehension(self, node: Any, frame: Frame, put: Any) -> None:
        inner = Frame(Closure(node, frame.closure.file, "<comprehension>", frame), {}, None)
        inner.waiting = frozenset()  # each item gives its names values of its own
        self.frames.append(inner)

        def generator(k: int) -> None:
            if k == len(node.generators):
                put(inner)
                return
            g = node.generators[k]

            def one(item: Any) -> None:
                self.assign(g.target, item, inner)
                filtered(g.ifs, lambda: generator(k + 1))

            hint = g.target.id if isinstance(g.target, gast.Name) else "k"
            self.for_each(self.evaluate(g.iter, inner), one, lambda cell, key: cell is not inner, hint)

        def filtered(conditions: list[Any], rest: Callable[[], None]) -> None:
            if not conditions:
                rest()
                return
            truth = self.test(conditions[0], inner)
            others = lambda: filtered(conditions[1:], rest)
            if not isinstance(truth, bool):
                branch(self, truth, others, lambda: None)
            elif truth:
                others()

        try:
            generator(0)
        finally:
            self.frames.pop()

    def evaluate_ListComp(self, node: Any, frame: Frame) -> Any:
        out = List({})
        self._comprehension(node, frame, lambda inner: self.append(out, self.evaluate(node.elt, inner)))
        return out

    def evaluate_Generated(self, node: Any, frame: Frame) -> Any:
        """A generator expression: its first iterable is evaluated now, the rest when it is asked for items."""
        closure = Closure(node.function, frame.closure.file, "<generator>", frame)
        return self.call(closure, [self.evaluate(node.iterable, frame)], {})

    def evaluate_SetComp(self, node: Any, frame: Frame) -> Any:
        made = self.evaluate_ListComp(node, frame)
        return self.set_of(self.items(made))

    def set_of(self, items: Any) -> Dict:
        raise NotImplementedError

    def python_type(self, value: Any) -> type:
        raise NotImplementedError

    def missing_or_there(self, owner: Dict, key: Any) -> Any:
        raise NotImplementedError

    def present(self, owner: Any, key: Any) -> Any:
        raise NotImplementedError

    def keys_of(self, owner: Dict) -> list[Any]:
        raise NotImplementedError

    def evaluate_DictComp(self, node: Any, frame: Frame) -> Any:
        out = Dict({})

        def put(inner: Frame) -> None:
            key = self.static_key(self.evaluate(node.key, inner))
            self.store.set(out, key, self.evaluate(node.value, inner))

        self._comprehension(node, frame, put)
        return out

    # ---- functions ----
    def evaluate_Lambda(self, node: Any, frame: Frame) -> Any:
        return Closure(node, frame.closure.file, "<lambda>", frame, defaults=self.defaults_of(node, frame))

    def defaults_of(self, node: Any, frame: Frame) -> dict[str, Any]:
        a = node.args
        positional = [*a.posonlyargs, *a.args]
        out: dict[str, Any] = {}
        for argument, default in zip(positional[len(positional) - len(a.defaults) :], a.defaults, strict=True):
            out[argument.id] = self.evaluate(default, frame)
        for argument, default in zip(a.kwonlyargs, a.kw_defaults, strict=True):
            if default is not None:
                out[argument.id] = self.evaluate(default, frame)
        return out

    def evaluate_Call(self, node: Any, frame: Frame) -> Any:
        function = self.evaluate(node.func, frame)
        args = self.elements(node.args, frame)
        kwargs: dict[str, Any] = {}
        for keyword in node.keywords:
            value = self.evaluate(keyword.value, frame)
            if keyword.arg is not None:
                kwargs[keyword.arg] = value
            elif isinstance(value, Dict):
                kwargs.update({k: self.slot(value, k) for k in value.slots})
            else:
                kwargs.update(value)
        return self.call(function, args, kwargs)

    # ---- parts ----
    def evaluate_Attribute(self, node: Any, frame: Frame) -> Any:
        return self.get_attribute(self.evaluate(node.value, frame), node.attr)

    def evaluate_Subscript(self, node: Any, frame: Frame) -> Any:
        owner = self.evaluate(node.value, frame)
        return self.get_item(owner, self.evaluate(node.slice, frame))

    def evaluate_Slice(self, node: Any, frame: Frame) -> Any:
        return Slice(
            *(None if part is None else self.evaluate(part, frame) for part in (node.lower, node.upper, node.step))
        )

    def get_item(self, owner: Any, index: Any) -> Any:
        if isinstance(owner, Choice):
            return self.each_present(owner, lambda option: self.get_item(option, index))
        if has_choice(index):
            return self.each_in(index, lambda option: self.get_item(owner, option))
        if isinstance(owner, Array):
            return self.get_array_item(owner, index)
        if isinstance(owner, Dict):
            if self.data_position(index):
                return self.at_each_key(owner, index, lambda k: self.get_item(owner, k))
            key = self.static_key(index)
            if key not in owner.slots:
                if owner.factory is not None:
                    self.store.write(owner, key, self.call(owner.factory, [], {}))
                    return self.slot(owner, key)
                if owner.cls is Counter:
                    return 0
                if hasattr(owner.cls, "__missing__") and owner.cls is not defaultdict:
                    self.refuse(
                        f"reading the missing key {key!r} of a `{owner.cls.__name__}` is not accepted",
                        f"write `d.get({key!r}, ...)`, or give the dict all its keys before",
                    )
                self.fail(PythonError, f"KeyError: {key!r}")
            if isinstance(owner.slots[key], Maybe) and (owner.factory is not None or owner.cls is Counter):
                return self.missing_or_there(owner, key)
            return self._checked(self.slot(owner, key), f"[{key!r}]", owner, key)
        if isinstance(owner, (List, tuple)):
            return self._sequence_item(owner, index)
        if isinstance(owner, Sequence):
            return self.range_item(owner, index)
        if isinstance(owner, Object):
            return self.call(self.get_attribute(owner, "__getitem__"), [index], {})
        if isinstance(owner, Flat):
            return self.flat_item(owner, index)
        if isinstance(owner, Operand):
            if owner.type.weak:
                self.fail(PythonError, f"TypeError: {describe(owner)} is not subscriptable")
            return self.get_array_item(self.views.fresh(owner, ()), index)  # as NumPy's numbers are
        if owner is np.s_ or owner is np.index_exp:
            return index if owner is np.s_ or isinstance(index, tuple) else (index,)
        if isinstance(index, Slice):
            index = self.python_slice(index)
        return self.lift(self.python(lambda: owner[self.static_key(index)]), "item", None)

    def _sequence_item(self, owner: Any, index: Any) -> Any:
        if isinstance(owner, List) and owner.grows:
            return self.item_of(owner, index)
        count = len(owner.slots) if isinstance(owner, List) else len(owner)
        if isinstance(index, Slice):
            picked = range(count)[self.python_slice(index)]
            items = [self.slot(owner, k) if isinstance(owner, List) else owner[k] for k in picked]
            return List.of(items) if isinstance(owner, List) else tuple(items)
        if self.data_position(index) and count:
            if self.in_buffers(owner):
                return self.item_of(owner, index)
            return self.at_each_key(owner, index, lambda k: self.get_item(owner, k))
        k = self.static_int(index, "the position in a Python list or tuple must be static")
        if not -count <= k < count:
            if isinstance(owner, List):
                self.outgrow_if_popped(owner)
            self.fail(PythonError, f"IndexError: position {k} is out of range for {describe(owner)}")
        k %= count
        return (
            self._checked(self.slot(owner, k), f"[{k}]", owner, k) if isinstance(owner, List) else self.whole(owner[k])
        )

    def whole(self, value: Any) -> Any:
        if isinstance(value, Poison):
            self.refuse_poison("this value", value)
        return self.read_choice("this value", value)

    def _checked(self, value: Any, name: str, owner: Any, key: Any) -> Any:
        if isinstance(value, Maybe):
            emit(PRIMITIVES["check"], (value.flag,), {"message": f"{name} is not set on this path", "error": KeyError})
            value = value.value
        if isinstance(value, Poison):
            self.refuse_poison(f"`{name}`", value)
        return self.read_choice(f"`{name}`", value)

    def python_slice(self, s: Slice) -> slice:
        why = "a slice of a Python sequence must be static"
        return slice(*(None if part is None else self.static_int(part, why) for part in (s.start, s.stop, s.step)))

    # ---- operators ----
    def evaluate_BinOp(self, node: Any, frame: Frame) -> Any:
        left = self.evaluate(node.left, frame)
        return self.binary(type(node.op).__name__, left, self.evaluate(node.right, frame))

    def evaluate_UnaryOp(self, node: Any, frame: Frame) -> Any:
        return self.unary(type(node.op).__name__, self.evaluate(node.operand, frame))
