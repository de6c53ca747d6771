"""Containers of the interpreter as plain trees and back; the functions of `gradscribe.tree` and collectives on them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from gradscribe.transpiler import tree
from gradscribe.transpiler.frontend.results import Results
from gradscribe.transpiler.frontend.table import AXIS_QUERIES, COLLECTIVE_RULES
from gradscribe.transpiler.frontend.values import (
    Array,
    ArrayMethod,
    BoundMethod,
    Choice,
    Closure,
    Container,
    ContainerMethod,
    Dict,
    External,
    List,
    Maybe,
    Object,
    Partial,
    Poison,
    Sequence,
    Slice,
    Text,
    is_data,
)

# Dataclasses of the interpreter are leaves, never nodes.
_VALUES = (
    Array,
    ArrayMethod,
    BoundMethod,
    Choice,
    Closure,
    Container,
    ContainerMethod,
    External,
    Maybe,
    Partial,
    Poison,
    Sequence,
    Slice,
    Text,
)

_TREE_FUNCTIONS: dict[Any, str] = {
    tree.map: "tree_map",
    tree.leaves: "tree_leaves",
    tree.flatten: "tree_flatten",
    tree.unflatten: "tree_unflatten",
    tree.structure: "tree_structure",
    tree.all: "tree_all",
    tree.reduce: "tree_reduce",
    tree.transpose: "tree_transpose",
    tree.map_with_path: "tree_map_with_path",
    tree.leaves_with_path: "tree_leaves_with_path",
    tree.flatten_with_path: "tree_flatten_with_path",
}


def is_value(value: Any) -> bool:
    """A leaf, whatever its class says."""
    return isinstance(value, _VALUES)


class Trees(Results):
    """Values as trees."""

    def own_function(self, function: Any) -> Callable[..., Any] | None:
        try:
            name = _TREE_FUNCTIONS.get(function)
            if function in COLLECTIVE_RULES:
                return partial(self.collective, function)
        except TypeError:
            name = None
        return super().own_function(function) if name is None else getattr(self, name)

    def plain(self, value: Any) -> Any:
        """The value with its containers as Python's; leaves stay values of the interpreter."""
        if isinstance(value, External):
            return self.plain(self.lift_external(value))
        if isinstance(value, tuple):
            parts = [self.plain(v) for v in value]
            return tuple(parts) if type(value) is tuple else tuple.__new__(type(value), parts)
        if not isinstance(value, Container):
            return value
        self.store.check_readable(value)
        if isinstance(value, List):
            self.listed(value)
        slots = {k: self.plain(self.slot(value, k)) for k in value.slots}
        if isinstance(value, List):
            return list(slots.values())
        if isinstance(value, Dict):
            made = value.cls() if value.cls is not dict else {}
            made.update(slots)
            return made
        assert isinstance(value, Object)
        if tree.kind_of(value.cls) is None:
            return value
        built: Any = object.__new__(value.cls)
        for name, part in slots.items():
            object.__setattr__(built, name, part)
        return built

    def contained(self, value: Any) -> Any:
        """A plain tree as a value: fresh containers. A pullback is a function, although it is a tree too."""
        is_leaf = is_value(value) or value is None or hasattr(type(value), "__gradscribe_transformed__")
        if is_leaf or tree.kind_of(type(value)) is None:
            return value
        if isinstance(value, tuple):
            parts = [self.contained(v) for v in value]
            return tuple(parts) if type(value) is tuple else tuple.__new__(type(value), parts)
        if isinstance(value, list):
            return List.of(self.contained(v) for v in value)
        if isinstance(value, dict):
            return Dict({k: self.contained(v) for k, v in value.items()}, cls=type(value))
        return Object(type(value), {k: self.contained(v) for k, v in vars(value).items()})

    def collective(self, function: Any, *args: Any, **kwargs: Any) -> Any:
        """A collective on every leaf of its argument; `axis_index` and `axis_size` have none."""
        rule = COLLECTIVE_RULES[function]
        if not args and "x" in kwargs:
            args = (kwargs.pop("x"),)
        if function in AXIS_QUERIES or not args:
            return self.apply_rule(rule, list(args), kwargs)
        on_leaf = lambda leaf: self.apply_rule(rule, [leaf, *args[1:]], kwargs)
        return self.contained(self.python(tree.map, on_leaf, self.plain(args[0]), is_leaf=is_value))

    # ---- gradscribe.tree ----
    def tree_map(self, function: Any, first: Any, *rest: Any, is_leaf: Any = None) -> Any:
        """`tree.map` with a function of the program."""
        return self._mapped(tree.map, function, first, rest, is_leaf)

    def tree_map_with_path(self, function: Any, first: Any, *rest: Any, is_leaf: Any = None) -> Any:
        return self._mapped(tree.map_with_path, function, first, rest, is_leaf)

    def _mapped(self, mapping: Any, function: Any, first: Any, rest: tuple[Any, ...], is_leaf: Any) -> Any:
        if is_leaf is not None:
            self.refuse(f"`tree.{mapping.__name__}` with `is_leaf` is not accepted in a staged function")
        mapped = self.python(
            mapping,
            lambda *leaves: self.call(function, list(leaves), {}),
            self.plain(first),
            *map(self.plain, rest),
            is_leaf=is_value,
        )
        return self.contained(mapped)

    def tree_reduce(self, function: Any, value: Any, *initial: Any) -> Any:
        return self.python(
            tree.reduce, lambda a, b: self.call(function, [a, b], {}), self.plain(value), *initial, is_leaf=is_value
        )

    def tree_all(self, value: Any) -> Any:
        leaves = tree.leaves(self.plain(value), is_value)
        if any(map(is_data, leaves)):
            self.refuse("`tree.all` of data is not accepted in a staged function", "tree.reduce with np.logical_and")
        return all(leaves)

    def tree_transpose(self, outer: Any, inner: Any, value: Any) -> Any:
        rows = self.python(outer.flatten_up_to, self.plain(value))
        inner = inner if inner is not None else tree.structure(rows[0] if rows else None, is_value)
        parts = [self.python(inner.flatten_up_to, row) for row in rows]
        columns = [tree.unflatten(outer, column) for column in zip(*parts, strict=True)]
        return self.contained(self.python(tree.unflatten, inner, columns))

    def tree_leaves_with_path(self, value: Any) -> Any:
        return List.of(tree.leaves_with_path(self.plain(value), is_value))

    def tree_flatten_with_path(self, value: Any) -> Any:
        pairs, definition = tree.flatten_with_path(self.plain(value), is_value)
        return List.of(pairs), definition

    def tree_leaves(self, value: Any) -> Any:
        return List.of(tree.leaves(self.plain(value), is_value))

    def tree_structure(self, value: Any) -> Any:
        return tree.structure(self.plain(value), is_value)

    def tree_flatten(self, value: Any) -> Any:
        leaves, definition = tree.flatten(self.plain(value), is_value)
        return List.of(leaves), definition

    def tree_unflatten(self, definition: Any, leaves: Any) -> Any:
        return self.contained(self.python(tree.unflatten, definition, self.items(leaves)))
