"""`gradscribe.tree`: functions on trees of containers, with JAX's names.

What a tree is, and how one comes apart, is said in `tree_nodes`.
"""

import builtins
import functools
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import Any

from gradscribe.transpiler.tree_nodes import (
    KNOWN_LEAF_TYPES,
    LEAF,
    IsLeaf,
    NodeKind,
    TreeDef,
    dataclass_fields,
    described,
    exactly_equal,
    flatten,
    kind_of,
    register_dataclass,
    register_node,
    unflatten,
)

__all__ = [
    "KNOWN_LEAF_TYPES",
    "LEAF",
    "DictKey",
    "FlattenedIndexKey",
    "GetAttrKey",
    "IsLeaf",
    "NodeKind",
    "SequenceKey",
    "TreeDef",
    "all",
    "broadcast",
    "broadcast_prefix",
    "dataclass_fields",
    "exactly_equal",
    "flatten",
    "flatten_with_path",
    "keystr",
    "kind_of",
    "leaves",
    "leaves_with_path",
    "map",
    "map_with_path",
    "paths",
    "reduce",
    "register_dataclass",
    "register_node",
    "structure",
    "transpose",
    "unflatten",
]


def leaves(tree: Any, is_leaf: IsLeaf | None = None) -> list[Any]:
    """The leaves of a tree, in order."""
    return flatten(tree, is_leaf)[0]


def structure(tree: Any, is_leaf: IsLeaf | None = None) -> TreeDef:
    """The structure of a tree."""
    return flatten(tree, is_leaf)[1]


def paths(tree: Any, root: str = "", is_leaf: IsLeaf | None = None) -> list[str]:
    """The Python expression of every leaf. Example: `paths({"w": [1, 2]}, "p")` gives `["p['w'][0]", "p['w'][1]"]`."""
    return structure(tree, is_leaf).paths(root)


def map(function: Callable[..., Any], tree: Any, *rest: Any, is_leaf: IsLeaf | None = None) -> Any:
    """Apply a function to the leaves of `tree` and the subtrees of `rest` that stand in the same places.

    Example: `map(lambda p, g: p - 0.1 * g, params, grads)`. ValueError naming the place where the structures differ.
    """
    first, definition = flatten(tree, is_leaf)
    columns = [definition.flatten_up_to(other) for other in rest]
    return unflatten(definition, [function(*row) for row in zip(first, *columns)])


def all(tree: Any, *, is_leaf: IsLeaf | None = None) -> bool:
    """Whether every leaf is true."""
    return builtins.all(leaves(tree, is_leaf))


def reduce(function: Callable[[Any, Any], Any], tree: Any, *initial: Any, is_leaf: IsLeaf | None = None) -> Any:
    """`functools.reduce` over the leaves. Example: `reduce(operator.add, {"a": 1, "b": [2, 3]})` is 6."""
    if len(initial) > 1:
        raise TypeError(f"reduce takes one initial value, got {len(initial)}")
    return functools.reduce(function, leaves(tree, is_leaf), *initial)


def transpose(outer: TreeDef, inner: TreeDef | None, tree: Any) -> Any:
    """A tree of structure `outer` of trees of structure `inner`, turned inside out; with None, `inner` is found out.

    Example: `transpose(structure([0, 0]), None, [(1, 2), (3, 4)])` is `([1, 3], [2, 4])`.
    """
    rows = outer.flatten_up_to(tree)
    inner = inner if inner is not None else structure(rows[0] if rows else None)
    for row in rows:
        if structure(row) != inner:
            raise ValueError(f"expected {inner} where the outer tree has leaves, got {structure(row)}")
    columns = zip(*[flatten(row)[0] for row in rows]) if rows else [()] * inner.leaf_count
    return unflatten(inner, [unflatten(outer, column) for column in columns])


def broadcast(prefix: Any, tree: Any, is_leaf: IsLeaf | None = None) -> Any:
    """The leaves of a prefix in the structure of the tree: `broadcast((1, 2), ([0, 0], 0))` is `([1, 1], 2)`."""
    definition = structure(tree, is_leaf)
    return unflatten(definition, broadcast_prefix(prefix, definition, is_leaf=is_leaf or (lambda value: False)))


# ---- paths ----


@dataclass(frozen=True)
class SequenceKey:
    """A place in a tuple or list."""

    idx: int

    def __str__(self) -> str:
        return f"[{self.idx!r}]"


@dataclass(frozen=True)
class DictKey:
    """A place in a dict."""

    key: Hashable

    def __str__(self) -> str:
        return f"[{self.key!r}]"


@dataclass(frozen=True)
class GetAttrKey:
    """A field of a namedtuple or dataclass."""

    name: str

    def __str__(self) -> str:
        return f".{self.name}"


@dataclass(frozen=True)
class FlattenedIndexKey:
    """A child of a registered class."""

    key: int

    def __str__(self) -> str:
        return f"[<flat index {self.key}>]"


def keystr(path: Iterable[Any]) -> str:
    """A path as Python writes it: `['w'][0].b`."""
    return "".join([str(key) for key in path])


def _keys(definition: TreeDef) -> list[Any]:
    kind = definition.kind
    static: Any = definition.static
    if kind is None:
        return []
    if kind.cls in (dict, OrderedDict, defaultdict):
        return [DictKey(key) for key in (static[1] if kind.cls is defaultdict else static)]
    entries = enumerate(kind.entries(static, len(definition.children)))
    whole = FlattenedIndexKey if kind.form == "call" else SequenceKey
    return [GetAttrKey(entry[1:]) if entry.startswith(".") else whole(k) for k, entry in entries]


def _key_paths(definition: TreeDef, before: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if definition.kind is None:
        return [before]
    pairs = zip(_keys(definition), definition.children)
    return [path for key, child in pairs for path in _key_paths(child, (*before, key))]


def flatten_with_path(tree: Any, is_leaf: IsLeaf | None = None) -> tuple[list[tuple[tuple[Any, ...], Any]], TreeDef]:
    """(pairs of path and leaf, structure). A path is a tuple of keys, as in JAX."""
    found, definition = flatten(tree, is_leaf)
    return list(zip(_key_paths(definition), found)), definition


def leaves_with_path(tree: Any, is_leaf: IsLeaf | None = None) -> list[tuple[tuple[Any, ...], Any]]:
    """Pairs of path and leaf: `[keystr(path) for path, _ in leaves_with_path({"w": [1]})]` is `["['w'][0]"]`."""
    return flatten_with_path(tree, is_leaf)[0]


def map_with_path(function: Callable[..., Any], tree: Any, *rest: Any, is_leaf: IsLeaf | None = None) -> Any:
    """As `map`; the function gets the path of the leaf first."""
    first, definition = flatten(tree, is_leaf)
    columns = [definition.flatten_up_to(other) for other in rest]
    return unflatten(definition, [function(*row) for row in zip(_key_paths(definition), first, *columns)])


def broadcast_prefix(
    prefix: Any, definition: TreeDef, root: str = "prefix", is_leaf: IsLeaf = lambda value: value is None
) -> list[Any]:
    """Spread a tree that is a prefix of a structure over its leaves, as `in_axes` is spread over arguments.

    None is a leaf of the prefix unless `is_leaf` says otherwise. ValueError naming the place of a mismatch.
    Example: `broadcast_prefix((0, None), structure(([1, 2], 3)))` gives `[0, 0, None]`.
    """
    kind = kind_of(type(prefix))
    if kind is None or is_leaf(prefix):
        return [prefix] * definition.leaf_count
    children, static = kind.take(prefix)
    if kind is not definition.kind or len(children) != len(definition.children):
        raise ValueError(f"{root}: {described(structure(prefix))} is no prefix of {described(definition)}")
    if not exactly_equal(static, definition.static):
        raise ValueError(f"{root}: {static!r} where {definition.static!r} is expected")
    entries = kind.entries(static, len(children))
    return [
        leaf
        for entry, child, below in zip(entries, children, definition.children)
        for leaf in broadcast_prefix(child, below, root + entry, is_leaf)
    ]
