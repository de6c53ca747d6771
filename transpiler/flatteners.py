"""Straight-line Python that takes values of one tree structure apart and puts them together.

In: a `TreeDef`. Out: a function from a value of exactly this structure to the tuple of its leaves (raising
`StructureMismatch` for any other value, so that the caller flattens generically), and its inverse. Assumes, with
`tree`, that a value's class decides whether it is a node. Establishes: `flattener(d)(v)` succeeds if and only if
`structure(v) == d`, and then equals `tuple(leaves(v))`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from types import MemberDescriptorType
from typing import Any

from gradscribe.transpiler.tree import (
    KNOWN_LEAF_TYPES,
    NodeKind,
    TreeDef,
    dataclass_fields,
    exactly_equal,
    flatten,
    kind_of,
    unflatten,
)

# Above this many nodes and leaves the generated code takes longer to compile than it can save.
GENERATED_SIZE_LIMIT = 2000


# What the lines of `write_take` and `write_build` refer to.
TAKING: dict[str, Any] = {"exactly_equal": exactly_equal, "only_str": frozenset({str}).issuperset}
BUILDING: dict[str, Any] = {"new": object.__new__, "put": object.__setattr__, "tuple_new": tuple.__new__}


class StructureMismatch(ValueError):
    """The value does not have the structure the flattener was written for: flatten it generically."""


@dataclass(slots=True)
class TreeText:
    """Source lines under construction and the objects they refer to by name. `otherwise` is the statement that leaves
    when a value has another structure; a missing dict key ends in KeyError."""

    lines: list[str] = field(default_factory=list)
    constants: dict[str, Any] = field(default_factory=dict)
    values: int = 0
    plain_dicts: list[str] = field(default_factory=list)
    otherwise: str = "raise StructureMismatch"

    def require(self, condition: str) -> None:
        self.lines += [f"if not ({condition}):", f"    {self.otherwise}"]

    def value(self) -> str:
        self.values += 1
        return f"v{self.values}"

    def constant(self, value: Any) -> str:
        name = f"c{len(self.constants)}"
        self.constants[name] = value
        return name

    def define(self, name: str, namespace: dict[str, Any]) -> Callable[..., Any]:
        environment = {**namespace, **self.constants}
        exec(compile("\n".join(self.lines), f"<gradscribe {name}>", "exec"), environment)
        function: Callable[..., Any] = environment[name]
        return function


@lru_cache(maxsize=4096)
def flattener(definition: TreeDef) -> Callable[[Any], tuple[Any, ...]]:
    """A function from a value of this structure to its leaves; StructureMismatch for a value of another.

    Example: `flattener(structure([1, {"a": 2}]))([3, {"a": 4}])` gives `(3, 4)`.
    """
    if definition.size > GENERATED_SIZE_LIMIT:
        return lambda tree: _flatten_exactly(definition, tree)
    text = TreeText()
    root = text.value()
    found: list[str] = []
    write_take(definition, root, text, found)
    write_key_check(text)
    # A missing dict key ends in KeyError: testing for it first would look every key up twice.
    text.lines = [
        f"def flatten_tree({root}):",
        "    try:",
        *(f"        {line}" for line in text.lines),
        f"        leaves = ({''.join(f'{name}, ' for name in found)})",
        "    except KeyError:",
        "        raise StructureMismatch from None",
        "    if not known_leaf_types.issuperset(map(type, leaves)):",
        "        check_leaves(leaves)",
        "    return leaves",
    ]
    return text.define(
        "flatten_tree",
        {
            "StructureMismatch": StructureMismatch,
            "known_leaf_types": KNOWN_LEAF_TYPES,
            "check_leaves": _check_leaves,
            **TAKING,
        },
    )


@lru_cache(maxsize=4096)
def unflattener(definition: TreeDef) -> Callable[[Sequence[Any]], Any]:
    """A function from the leaves (any sequence of the right length, else ValueError) to the value."""
    if definition.size > GENERATED_SIZE_LIMIT:
        return lambda leaves: unflatten(definition, leaves)
    text = TreeText()
    found: list[str] = []
    root = write_build(definition, text, found)
    text.lines = [
        "def unflatten_tree(leaves):",
        f"    ({''.join(f'{name}, ' for name in found)}) = leaves",
        *(f"    {line}" for line in text.lines),
        f"    return {root}",
    ]
    return text.define("unflatten_tree", BUILDING)


def _flatten_exactly(definition: TreeDef, tree: Any) -> tuple[Any, ...]:
    found, got = flatten(tree)
    if got != definition:
        raise StructureMismatch
    return tuple(found)


def _check_leaves(leaves: tuple[Any, ...]) -> None:
    for leaf in leaves:
        if kind_of(type(leaf)) is not None:
            raise StructureMismatch
        KNOWN_LEAF_TYPES.add(type(leaf))


def _is_plain(kind: NodeKind, definition: TreeDef) -> bool:
    """A dict whose keys are all of type str: lookups replace comparisons, one test covers the types of all keys."""
    keys: Any = definition.static
    return kind.form == "dict" and all(type(key) is str for key in keys)


def write_take(definition: TreeDef, name: str, text: TreeText, found: list[str]) -> None:
    """Lines that check the value called `name` and bind its leaves; their names go to `found`."""
    kind = definition.kind
    if kind is None:
        found.append(name)
        return
    if kind.form == "none":
        text.require(f"{name} is None")
        return
    children = [text.value() for _ in definition.children]
    targets = "".join(f"{child}, " for child in children)
    checks = [f"type({name}) is not {text.constant(kind.cls)}"]
    if kind.form in ("tuple", "list", "namedtuple"):
        checks.append(f"len({name}) != {len(children)}")
        binding = [f"({targets}) = {name}"]
    elif _is_plain(kind, definition):
        keys: Any = definition.static
        checks.append(f"len({name}) != {len(children)}")
        text.plain_dicts.append(name)
        binding = [f"{child} = {name}[{key!r}]" for child, key in zip(children, keys)]
    elif kind.form == "dataclass":
        names, static_names = dataclass_fields(kind.cls)
        values: Any = definition.static
        for static_name, value in zip(static_names, values):
            checks.append(f"not exactly_equal({name}.{static_name}, {text.constant(value)})")
        binding = [f"{child} = {name}.{field_name}" for child, field_name in zip(children, names)]
        if kind.cls.__dictoffset__:  # no slots: attributes beside the fields are for `take` to judge
            count = sum(not _is_slot(kind.cls, known) for known in (*names, *static_names))
            binding.insert(0, f"if len({name}.__dict__) != {count}: {text.constant(kind.take)}({name})")
    else:
        parts, static = text.value(), text.value()
        expected = text.constant(definition.static)
        text.lines += [f"if {checks.pop()}:", f"    {text.otherwise}"]
        text.lines += [f"{parts}, {static} = {text.constant(kind.take)}({name})"]
        checks.append(f"len({parts}) != {len(children)} or not exactly_equal({static}, {expected})")
        binding = [f"({targets}) = {parts}"]
    text.lines += [f"if {' or '.join(checks)}:", f"    {text.otherwise}", *binding]
    for child, child_name in zip(definition.children, children):
        write_take(child, child_name, text, found)


def write_key_check(text: TreeText) -> None:
    """After `write_take`: lines that check the types of the keys of all plain dicts."""
    if text.plain_dicts:  # `Mode.fast == "fast"` for a StrEnum: equal keys may still be of other types
        every_key = ", ".join(f"*{name}" for name in text.plain_dicts)
        text.require(f"only_str(map(type, ({every_key},)))")


def _is_slot(cls: Any, name: str) -> bool:
    return any(isinstance(vars(base).get(name), MemberDescriptorType) for base in cls.__mro__)


def write_build(definition: TreeDef, text: TreeText, found: list[str]) -> str:
    """Lines that build the value; returns its name."""
    kind = definition.kind
    if kind is None:
        found.append(text.value())
        return found[-1]
    if kind.form == "none":
        return "None"
    children = [write_build(child, text, found) for child in definition.children]
    items = "".join(f"{child}, " for child in children)
    result = text.value()
    if kind.form == "tuple":
        text.lines.append(f"{result} = ({items})")
    elif kind.form == "list":
        text.lines.append(f"{result} = [{items}]")
    elif kind.form == "namedtuple":
        text.lines.append(f"{result} = tuple_new({text.constant(kind.cls)}, ({items}))")
    elif _is_plain(kind, definition):
        keys: Any = definition.static
        text.lines.append(f"{result} = {{{', '.join(f'{key!r}: {child}' for key, child in zip(keys, children))}}}")
    elif kind.form == "dataclass":
        names, static_names = dataclass_fields(kind.cls)
        values: Any = definition.static
        text.lines.append(f"{result} = new({text.constant(kind.cls)})")
        text.lines += [f"put({result}, {name!r}, {child})" for name, child in zip(names, children)]
        for name, value in zip(static_names, values):
            text.lines.append(f"put({result}, {name!r}, {text.constant(value)})")
    else:
        build, static = text.constant(kind.build), text.constant(definition.static)
        text.lines.append(f"{result} = {build}({static}, ({items}))")
    return result
