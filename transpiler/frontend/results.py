"""The way out: the returned value as a tree over flat results, and what the caller sees changed.

In: the value a call returned, the boxes and containers of the caller. Out: result leaves, mutations. Raises
`AliasError` where a caller-visible array may or may not have been written.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any

import numpy as np

from gradscribe.transpiler import tree
from gradscribe.transpiler.frontend.joins import same_value
from gradscribe.transpiler.frontend.lifting import Accessor, Lifting, StaticPlace, Visible
from gradscribe.transpiler.frontend.store import stale_error
from gradscribe.transpiler.frontend.values import (
    LENGTH,
    MISSING,
    STALE,
    Array,
    ArrayMethod,
    Box,
    Choice,
    Closure,
    Container,
    ContainerMethod,
    Dict,
    External,
    Flat,
    Generator,
    List,
    Maybe,
    NeedStatic,
    Object,
    Poison,
    Sequence,
    Text,
    describe,
    is_number,
    simplest,
)
from gradscribe.transpiler.ir.builder import current_span
from gradscribe.transpiler.ir.dims import Dim
from gradscribe.transpiler.ir.nodes import Operand
from gradscribe.transpiler.ir.staged import ArgumentIdentity, ContainerMutation, Mutation, ResultLeaf, StaticLeaf


class Results(Lifting):
    """Results and mutations."""

    def __init__(self, static: frozenset[StaticPlace]) -> None:
        super().__init__(static)
        self.outputs: list[Operand] = []
        self.mutations: list[Mutation] = []
        self.container_mutations: list[ContainerMutation] = []
        self.positions: dict[Box, int] = {}

    def _output(self, operand: Operand) -> int:
        self.outputs.append(operand)
        return len(self.outputs) - 1

    def result_tree(self, value: Any, what: str) -> Any:
        """The value with its data replaced by result leaves. Where it is None at run time, the program raises."""
        if isinstance(value, Choice):
            none = f"{what} is None here, and a staged program gives values of one kind: give np.nan, say"
            value = self.as_value(self.present_value(value, none))
        if isinstance(value, Choice) and all(map(_has_no_axes, value.options)):
            value = self.each_present(value, self.number_in)
        if isinstance(value, Choice):
            self.refuse(f"{what} {value.reason}", "give one kind of value on every path")
        if isinstance(value, Array):
            return self._array_result(value)
        if isinstance(value, (Operand, Dim)):
            return ResultLeaf(self._output(self.operand(value)))
        if isinstance(value, External):
            return self.result_tree(self.lift_external(value), what)
        if isinstance(value, tuple):
            parts = [self.result_tree(v, f"{what}[{k}]") for k, v in enumerate(value)]
            return tuple(parts) if type(value) is tuple else tuple.__new__(type(value), parts)
        if isinstance(value, Dict) and value.cls is set:
            return StaticLeaf(frozenset(value.slots))
        if isinstance(value, Container):
            return self._container_result(value, what)
        if isinstance(value, (Sequence, Generator)):
            self.refuse(f"{what} is an iterator or a range", "return a list or a tuple: `list(...)`")
        if isinstance(value, (Maybe, Poison)):
            reason = value.reason if isinstance(value, Poison) else "is set on some paths only"
            self.refuse(f"{what} {reason}", getattr(value, "hint", ""))
        if isinstance(value, Text):
            self.refuse(f"{what} is a string made of data")
        if isinstance(value, Closure):
            self.refuse(
                f"{what} is {describe(value)}", "return data; functions cannot be returned from a staged function"
            )
        if isinstance(value, (ArrayMethod, ContainerMethod, Flat)):
            self.refuse(f"{what} is {describe(value)}", "return data: a call's result, or an array")
        if isinstance(value, np.ndarray):
            return self.result_tree(self.as_array(value), what)
        kind = tree.kind_of(type(value))
        # a pullback is a tree of its residuals
        if kind is not None and hasattr(type(value), "__gradscribe_transformed__"):
            children, static = kind.take(value)
            return kind.build(static, [self.result_tree(child, what) for child in children])
        return None if value is None else StaticLeaf(value)

    def _array_result(self, value: Array) -> Any:
        if not value.chain:
            for k, parameter in enumerate(self.parameters):
                if parameter.box is value.box:
                    return ArgumentIdentity(k, self._position(value.box))
        return ResultLeaf(self._output(self.views.read(value)))

    def _position(self, box: Box) -> int:
        if box not in self.positions:
            self.store.check_readable(box)
            self.positions[box] = self._output(box.value)
        return self.positions[box]

    def _container_result(self, value: Container, what: str) -> Any:
        self.store.check_readable(value)
        if isinstance(value, List):
            self._static_length(value, what)
        parts = {k: self.result_tree(self.slot(value, k), f"{what}[{k!r}]") for k in value.slots}
        if isinstance(value, List):
            return list(parts.values())
        if isinstance(value, Dict):
            return _rebuilt_dict(value, parts)
        assert isinstance(value, Object)
        if tree.kind_of(value.cls) is None:
            self.refuse(
                f"{what} is a {value.cls.__qualname__}, which is no tree",
                "make it a dataclass, or register it with gradscribe.tree.register_node",
            )
        made: Any = object.__new__(value.cls)
        for name, part in parts.items():
            object.__setattr__(made, name, part)
        return made

    def _static_length(self, value: List, what: str) -> None:
        """A result has as many leaves as its structure says."""
        if value.grows:
            length = simplest(self.solver.normalize(Dim.of(value.slots[LENGTH])))
            if isinstance(length, Dim):
                hint = "return np.array(...) of it: a list is a structure, and its length is part of the program"
                why = f"{what} is a list whose length depends on data"
                raise NeedStatic(why, list(length.leaves()), current_span(), hint)
            self.listed(value)

    # ---- what the caller sees ----
    def finish_mutations(self) -> None:
        """Written arrays and rebound entries of the caller's containers."""
        for k, parameter in enumerate(self.parameters):
            box = parameter.box
            if box is None:
                continue
            if STALE in box.marks:
                what = f"`{parameter.leaf.path}`, which the caller sees,"
                raise stale_error(current_span(), box.marks[STALE], what)
            if box.value is not parameter.var:
                self.mutations.append(Mutation(k, self._position(box)))
        for visible in self.visible_containers:  # what a container holds before it: its places are counted at entry
            self._container_changes(visible)

    def _container_changes(self, visible: Visible) -> None:
        cell = visible.cell
        if STALE in cell.marks:
            raise stale_error(current_span(), cell.marks[STALE], f"`{visible.path}`, which the caller sees,")
        if isinstance(cell, List):
            self._static_length(cell, f"`{visible.path}`")
        now, before = cell.slots, visible.before
        changed = [k for k in now if k not in before or not self._unchanged(before[k], now[k])]
        removed = [k for k in before if k not in now]
        if isinstance(cell, List) and len(now) != len(before):
            template = [self.result_tree(self.slot(cell, k), f"{visible.path}[{k}]") for k in now]
            self.container_mutations.append(ContainerMutation(visible.path, _replace_list(visible.access), template))
            return
        for key in changed:
            path = f"{visible.path}.{key}" if isinstance(cell, Object) else f"{visible.path}[{key!r}]"
            template = self.result_tree(self.slot(cell, key), path)
            store = _set_attribute(visible.access, key) if isinstance(cell, Object) else _set_entry(visible.access, key)
            self.container_mutations.append(ContainerMutation(path, store, template))
        for key in removed:
            self.container_mutations.append(
                ContainerMutation(f"{visible.path}[{key!r}]", _remove_entry(visible.access, key), None)
            )

    def _unchanged(self, before: Any, now: Any) -> bool:
        if isinstance(before, External):
            if now is before:
                return True
            known = self.looked_at.get(id(before))
            before = known[1] if known is not None else MISSING
        return same_value(self, before, now)


def _has_no_axes(value: Any) -> bool:
    return not value.rank if isinstance(value, Array) else is_number(value)


Store = Callable[[Any, Any, Any], None]


def _set_entry(access: Accessor, key: Any) -> Store:
    def store(args: Any, kwargs: Any, value: Any) -> None:
        access(args, kwargs)[key] = value

    return store


def _set_attribute(access: Accessor, name: str) -> Store:
    def store(args: Any, kwargs: Any, value: Any) -> None:
        object.__setattr__(access(args, kwargs), name, value)

    return store


def _remove_entry(access: Accessor, key: Any) -> Store:
    def store(args: Any, kwargs: Any, value: Any) -> None:
        del access(args, kwargs)[key]

    return store


def _replace_list(access: Accessor) -> Store:
    def store(args: Any, kwargs: Any, value: Any) -> None:
        access(args, kwargs)[:] = value

    return store


def _rebuilt_dict(value: Dict, parts: dict[Any, Any]) -> Any:
    made = value.cls() if value.cls is not dict else {}
    if isinstance(made, defaultdict) and not isinstance(value.factory, Closure):
        made.default_factory = value.factory
    made.update(parts)
    return made
