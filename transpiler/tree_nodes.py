"""Trees of containers: nested values to a flat list of leaves and a structure, and back.

In: values built from dict, OrderedDict, defaultdict, list, tuple, namedtuple, None (no leaves), dataclasses and
registered classes; everything else is a leaf. Out: leaves in a fixed order (dict keys sorted, as JAX does) and a
`TreeDef`. Assumes that whether a value is a node depends on its class alone. Establishes that two values with equal
structures differ in their leaves only: static data is compared exactly (1, 1.0 and True differ, as do 0.0 and -0.0),
so a program specialised for one structure is never run on another.

The fast path of every call, straight-line Python written for one structure, is in `flatteners`.
"""

import dataclasses
import functools
import math
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

IsLeaf = Callable[[Any], bool]


@dataclass(frozen=True, slots=True, eq=False)
class NodeKind:
    """How values of one class come apart and together again.

    `take(value)` gives (children, static data); `build(static, children)` is its inverse; `entries(static, count)`
    names the children as Python writes them (`[0]`, `['w']`, `.b`). `form` selects the generated code: a container
    that has its own straight-line form, or "call" for `take` and `build` themselves.
    """

    cls: type
    form: str
    take: Callable[[Any], tuple[Sequence[Any], Any]]
    build: Callable[[Any, Sequence[Any]], Any]
    entries: Callable[[Any, int], list[str]]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class TreeDef:
    """The structure of a tree; hashable, comparable, picklable. `kind` is None for a leaf."""

    kind: NodeKind | None
    static: Hashable
    children: tuple["TreeDef", ...]
    leaf_count: int = dataclasses.field(init=False)
    size: int = dataclasses.field(init=False)
    _hash: int = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        cls = None if self.kind is None else self.kind.cls
        try:
            code = hash((cls, self.static, self.children))
        except TypeError as error:
            name = cls.__qualname__ if cls else "a leaf"
            raise TypeError(f"the static data of {name} must be hashable: {self.static!r}") from error
        leaf_count = 1 if cls is None else sum(child.leaf_count for child in self.children)
        object.__setattr__(self, "leaf_count", leaf_count)
        object.__setattr__(self, "size", 1 + sum(child.size for child in self.children))
        object.__setattr__(self, "_hash", code)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, TreeDef):
            return NotImplemented
        return (
            self._hash == other._hash
            and self.kind is other.kind
            and exactly_equal(self.static, other.static)
            and self.children == other.children
        )

    def __reduce__(self) -> tuple[Any, ...]:  # hashes of strings differ between processes: rebuild
        cls = None if self.kind is None else self.kind.cls
        return _rebuild, (cls, self.static, self.children)

    def __repr__(self) -> str:
        return f"TreeDef({_show(self)})"

    def unflatten(self, leaves: Iterable[Any]) -> Any:
        """The tree with this structure and these leaves; ValueError if their number is wrong."""
        return unflatten(self, leaves)

    def flatten_up_to(self, tree: Any, root: str = "tree") -> list[Any]:
        """The subtrees of `tree` that stand where this structure has leaves; ValueError naming the first mismatch."""
        found: list[Any] = []
        _collect_up_to(self, tree, root, found)
        return found

    def paths(self, root: str = "") -> list[str]:
        """The Python expression of every leaf: `params['w'][0].b`, with `root` in front."""
        if self.kind is None:
            return [root]
        entries = self.kind.entries(self.static, len(self.children))
        return [path for entry, child in zip(entries, self.children) for path in child.paths(root + entry)]


LEAF = TreeDef(None, (), ())


def exactly_equal(a: object, b: object) -> bool:
    """Equality of static data that also compares types and signs of zero, inside tuples too; NaN equals NaN."""
    if a is b:
        return True
    if type(a) is not type(b):
        return False
    if isinstance(a, tuple) and isinstance(b, tuple):
        return len(a) == len(b) and all(exactly_equal(x, y) for x, y in zip(a, b))
    if isinstance(a, float) and isinstance(b, float):
        return (a == b and math.copysign(1.0, a) == math.copysign(1.0, b)) or (a != a and b != b)
    if isinstance(a, complex) and isinstance(b, complex):
        return exactly_equal(a.real, b.real) and exactly_equal(a.imag, b.imag)
    return bool(a == b)


# ---- node kinds ----


def _positions(static: Any, count: int) -> list[str]:
    return [f"[{position}]" for position in range(count)]


def _flat_positions(static: Any, count: int) -> list[str]:
    return [f"[<flat index {position}>]" for position in range(count)]


def _sorted_keys(value: dict[Any, Any]) -> tuple[Any, ...]:
    try:
        return tuple(sorted(value))
    except TypeError:
        keys = ", ".join(map(repr, value))
        raise TypeError(f"the keys of a dict must be sortable for it to be flattened; got {keys}") from None


def _take_dict(value: dict[Any, Any]) -> tuple[Sequence[Any], Any]:
    keys = _sorted_keys(value)
    return [value[key] for key in keys], keys


def _take_default(value: defaultdict[Any, Any]) -> tuple[Sequence[Any], Any]:
    keys = _sorted_keys(value)
    return [value[key] for key in keys], (value.default_factory, keys)


def _build_default(static: Any, children: Sequence[Any]) -> Any:
    factory, keys = static
    return defaultdict(factory, zip(keys, children))


def _dict_entries(keys: Any, count: int) -> list[str]:
    return [f"[{key!r}]" for key in keys]


_BUILTIN_KINDS = (
    NodeKind(type(None), "none", lambda v: ((), ()), lambda static, children: None, _positions),
    NodeKind(tuple, "tuple", lambda v: (v, ()), lambda static, children: tuple(children), _positions),
    NodeKind(list, "list", lambda v: (v, ()), lambda static, children: list(children), _positions),
    NodeKind(dict, "dict", _take_dict, lambda keys, children: dict(zip(keys, children)), _dict_entries),
    NodeKind(
        OrderedDict,
        "call",
        lambda v: (list(v.values()), tuple(v)),
        lambda keys, children: OrderedDict(zip(keys, children)),
        _dict_entries,
    ),
    NodeKind(defaultdict, "call", _take_default, _build_default, lambda static, n: _dict_entries(static[1], n)),
)

_KINDS: dict[type, NodeKind | None] = {kind.cls: kind for kind in _BUILTIN_KINDS}
_BY_HAND: set[type] = set(_KINDS)  # membership only
KNOWN_LEAF_TYPES: set[type] = set()  # membership only: classes that generated flatteners have met as leaves


def kind_of(cls: type) -> NodeKind | None:
    """The node kind of a class, None if its values are leaves."""
    try:
        return _KINDS[cls]
    except KeyError:
        return _KINDS.setdefault(cls, _find_kind(cls))


def _find_kind(cls: type) -> NodeKind | None:
    if issubclass(cls, tuple) and isinstance(getattr(cls, "_fields", None), tuple):
        return _namedtuple_kind(cls)
    # A subclass that is not itself a dataclass may hold state its fields do not show: it is a leaf.
    if "__dataclass_fields__" in vars(cls):
        return _dataclass_kind(cls)
    return None


def _namedtuple_kind(cls: Any) -> NodeKind:
    names: tuple[str, ...] = cls._fields

    def build(static: Any, children: Sequence[Any]) -> Any:
        return tuple.__new__(cls, children)  # not cls(...): a user's __new__ may insist on real values

    return NodeKind(cls, "namedtuple", lambda v: (v, ()), build, lambda static, n: [f".{name}" for name in names])


def dataclass_fields(cls: Any) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names of the child fields and of the static fields (`field(metadata={"static": True})`) of a dataclass."""
    fields = dataclasses.fields(cls)
    static = tuple(field.name for field in fields if field.metadata.get("static"))
    return tuple(field.name for field in fields if field.name not in static), static


def _dataclass_kind(cls: Any) -> NodeKind:
    children_names, static_names = dataclass_fields(cls)
    known = {*children_names, *static_names}

    def take(value: Any) -> tuple[Sequence[Any], Any]:
        # Attributes beside the fields would be lost. functools.cached_property values are recomputed: those may go.
        for name in getattr(value, "__dict__", ()):
            if name not in known and not isinstance(getattr(cls, name, None), functools.cached_property):
                raise TypeError(
                    f"{cls.__qualname__}.{name} is set but is not a field of the dataclass, so it cannot travel with "
                    f"it: declare it as a field, or register the class"
                )
        return [getattr(value, name) for name in children_names], tuple(getattr(value, name) for name in static_names)

    def build(static: Any, children: Sequence[Any]) -> Any:
        # Without __init__ and __post_init__, which may insist on real values; works for frozen and slotted classes.
        value = object.__new__(cls)
        for name, child in zip(children_names, children):
            object.__setattr__(value, name, child)
        for name, child in zip(static_names, static):
            object.__setattr__(value, name, child)
        return value

    return NodeKind(cls, "dataclass", take, build, lambda static, count: [f".{name}" for name in children_names])


def register_node(
    cls: type,
    flatten: Callable[[Any], tuple[Sequence[Any], Hashable]],
    unflatten: Callable[[Any, Sequence[Any]], Any],
) -> None:
    """Make values of `cls` nodes; argument order as in `jax.tree_util.register_pytree_node`.

    Args:
        flatten: value -> (children, static data); the static data must be hashable and is compared exactly.
        unflatten: (static data, children) -> value; children may be any objects, so it should not inspect them.

    Raises ValueError if the class is registered already or is a builtin container.

    Example: `register_node(Point, lambda p: ((p.x, p.y), ()), lambda static, children: Point(*children))`
    """
    if cls in _BY_HAND:
        raise ValueError(f"{cls.__qualname__} is a tree node already")

    def take(value: Any) -> tuple[Sequence[Any], Any]:
        children, static = flatten(value)
        return tuple(children), static

    _BY_HAND.add(cls)
    KNOWN_LEAF_TYPES.discard(cls)
    _KINDS[cls] = NodeKind(cls, "call", take, lambda static, children: unflatten(static, children), _flat_positions)


def register_dataclass(cls: type, data_fields: Sequence[str], meta_fields: Sequence[str] = ()) -> type:
    """Make values of a class nodes whose children are the fields `data_fields`; `meta_fields` are static. Dataclasses
    need no registration: their fields are children, unless their metadata say `static`."""
    names, static = tuple(data_fields), tuple(meta_fields)

    def take(value: Any) -> tuple[Sequence[Any], Any]:
        return [getattr(value, name) for name in names], tuple([getattr(value, name) for name in static])

    def build(values: Any, children: Sequence[Any]) -> Any:
        made: Any = object.__new__(cls)
        for name, value in (*zip(names, children), *zip(static, values)):
            object.__setattr__(made, name, value)
        return made

    register_node(cls, take, build)
    _KINDS[cls] = NodeKind(cls, "call", take, build, lambda static, count: [f".{name}" for name in names])
    return cls


# ---- generic operations ----


def flatten(tree: Any, is_leaf: IsLeaf | None = None) -> tuple[list[Any], TreeDef]:
    """Leaves and structure of a tree. `is_leaf(subtree)` true stops the descent there.

    Example: `flatten({"w": [1, 2], "b": None})` gives `([1, 2], TreeDef({'b': None, 'w': [*, *]}))`.
    """
    found: list[Any] = []
    return found, _flatten_into(tree, found, is_leaf)


def _flatten_into(tree: Any, found: list[Any], is_leaf: IsLeaf | None) -> TreeDef:
    kind = kind_of(type(tree))
    if kind is None or (is_leaf is not None and is_leaf(tree)):
        found.append(tree)
        return LEAF
    children, static = kind.take(tree)
    return TreeDef(kind, static, tuple([_flatten_into(child, found, is_leaf) for child in children]))


def unflatten(definition: TreeDef, leaves: Iterable[Any]) -> Any:
    """The tree of this structure with these leaves, of any type; ValueError if their number is wrong."""
    values = list(leaves)
    if len(values) != definition.leaf_count:
        raise ValueError(f"{definition} has {definition.leaf_count} leaves, got {len(values)}")
    return _unflatten_from(definition, iter(values))


def _unflatten_from(definition: TreeDef, leaves: Any) -> Any:
    if definition.kind is None:
        return next(leaves)
    return definition.kind.build(
        definition.static, [_unflatten_from(child, leaves) for child in definition.children]
    )


def _collect_up_to(definition: TreeDef, tree: Any, path: str, found: list[Any]) -> None:
    if definition.kind is None:
        found.append(tree)
        return
    if kind_of(type(tree)) is not definition.kind:
        raise ValueError(f"{path}: expected {described(definition)}, got {type(tree).__qualname__}")
    children, static = definition.kind.take(tree)
    if len(children) != len(definition.children) or not exactly_equal(static, definition.static):
        got = TreeDef(definition.kind, static, (LEAF,) * len(children))
        raise ValueError(f"{path}: expected {described(definition)}, got {described(got)}")
    entries = definition.kind.entries(static, len(children))
    for entry, below, child in zip(entries, definition.children, children):
        _collect_up_to(below, child, path + entry, found)


def described(definition: TreeDef) -> str:
    """One level of a structure, for messages."""
    if definition.kind is None:
        return "a leaf"
    return _show(TreeDef(definition.kind, definition.static, (LEAF,) * len(definition.children)))


def _show(definition: TreeDef) -> str:
    kind = definition.kind
    if kind is None:
        return "*"
    inner = [_show(child) for child in definition.children]
    if kind.form == "none":
        return "None"
    if kind.form == "tuple":
        return f"({', '.join(inner)}{',' if len(inner) == 1 else ''})"
    if kind.form == "list":
        return f"[{', '.join(inner)}]"
    entries = kind.entries(definition.static, len(inner))
    if kind.form == "dict":
        return "{" + ", ".join(f"{entry[1:-1]}: {text}" for entry, text in zip(entries, inner)) + "}"
    if kind.form in ("namedtuple", "dataclass"):
        inner = [f"{entry[1:]}={text}" for entry, text in zip(entries, inner)]
    static = [repr(definition.static)] if definition.static != () else []
    return f"{kind.cls.__qualname__}({', '.join(static + inner)})"


def _rebuild(cls: type | None, static: Hashable, children: tuple[TreeDef, ...]) -> TreeDef:
    if cls is None:
        return LEAF
    kind = kind_of(cls)
    if kind is None:
        raise TypeError(f"{cls.__qualname__} is not registered in this process: call register_node before unpickling")
    return TreeDef(kind, static, children)
