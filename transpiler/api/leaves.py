"""Leaves of a call's arguments: which are data, which are static, which are refused; what a specialisation depends on.

In: any Python value that stands as a leaf of the arguments. Out: its class (data or static), its token (the part of
the dispatch key it contributes), its abstract type. Establishes: two leaves with equal coarse tokens may run one
specialisation, up to its guards.
"""

from __future__ import annotations

import types
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

from gradscribe.transpiler import tree
from gradscribe.transpiler.errors import DTypeError
from gradscribe.transpiler.ir.staged import ArgumentIdentity, ResultLeaf, StaticLeaf
from gradscribe.transpiler.ir.types import ArrayType, has_own_operations, type_of_scalar

PYTHON_NUMBERS = (int, float, complex)
DATA_KINDS = "biufc"
PYTHON_KINDS = {"b": bool, "i": int, "u": int, "f": float, "c": complex}
MARKERS = (ArrayType, StaticLeaf, ResultLeaf, ArgumentIdentity)
_BY_VALUE = (bool, int, str, bytes, type(None), type(Ellipsis), np.dtype, slice)
_IMMUTABLE = (types.FunctionType, types.BuiltinFunctionType, types.ModuleType, type)


def is_marker(value: Any) -> bool:
    """An abstract argument or a placeholder of a result: a leaf, although its class is a dataclass."""
    return isinstance(value, MARKERS)


def flatten(value: Any) -> tuple[list[Any], tree.TreeDef]:
    """`tree.flatten` that stops at abstract arguments and placeholders."""
    return tree.flatten(value, is_leaf=is_marker)


def is_data(leaf: Any) -> bool:
    """Whether a leaf is a number or an array that the program computes with (a Python bool is static)."""
    if isinstance(leaf, (bool, StaticLeaf)):
        return False
    return isinstance(leaf, (np.ndarray, np.generic, ArrayType, *PYTHON_NUMBERS)) or _operand_type(leaf) is not None


def _operand_type(leaf: Any) -> ArrayType | None:
    found = getattr(leaf, "type", None)
    return found if isinstance(found, ArrayType) else None


def admit(leaf: Any, path: str) -> Any:
    """The leaf as the program sees it: subclasses of ndarray and array-likes as ndarray, in native byte order.

    Raises DTypeError for masked arrays and dtypes that are no numbers; `path` names the argument in messages."""
    if isinstance(leaf, np.ma.MaskedArray):
        raise DTypeError(
            None, f"argument `{path}` is a masked array", "Pass `x.filled(value)` or the data and the mask."
        )
    if isinstance(leaf, np.ndarray) and has_own_operations(type(leaf)):
        what = "np.matrix" if isinstance(leaf, np.matrix) else type(leaf).__name__
        raise DTypeError(
            None, f"argument `{path}` is a {what}, whose operations are not those of arrays", "Pass np.asarray(x)."
        )
    if not isinstance(leaf, (np.ndarray, np.generic)):
        if not hasattr(type(leaf), "__array__") or is_marker(leaf):
            return leaf
        leaf = np.asarray(leaf)
    if leaf.dtype.kind not in DATA_KINDS or leaf.dtype.itemsize > 16 or leaf.dtype.char in "gG":
        raise DTypeError(
            None, f"argument `{path}` has dtype {leaf.dtype}, which is not computed with", _dtype_hint(leaf)
        )
    if isinstance(leaf, np.ndarray) and not leaf.dtype.isnative:
        leaf = leaf.astype(leaf.dtype.newbyteorder("="))
        leaf.flags.writeable = False  # what is written to the copy, the caller would not see
    if isinstance(leaf, np.ndarray) and type(leaf) is not np.ndarray:
        return leaf.view(np.ndarray)
    return leaf


def _dtype_hint(leaf: Any) -> str:
    if leaf.dtype.kind == "O":
        return "Convert with `x.astype(float)`, or pass a list: its items are arguments of their own."
    if leaf.dtype.kind in "fc":
        return "Extended precision is not supported: convert to float64."
    return "Booleans, integers, floats and complex numbers are."


def static_token(value: Any) -> Hashable:
    """Equal tokens mean: interchangeable as static values. Types and signs of zero count; other objects count by
    identity."""
    if isinstance(value, tuple):
        return (type(value), *map(static_token, value))
    if isinstance(value, (float, complex)):
        return type(value), repr(value)
    if isinstance(value, frozenset):
        return type(value), frozenset(map(static_token, value))
    if isinstance(value, slice):
        return slice, static_token(value.start), static_token(value.stop), static_token(value.step)
    if type(value) in _BY_VALUE or isinstance(value, np.dtype):
        return type(value), value
    if isinstance(value, types.MethodType):  # bound anew at every access: the function and its object are what stays
        return types.MethodType, ById(value.__func__), ById(value.__self__)
    return ById(value)


class ById:
    """A key that is equal to itself alone and keeps its object alive (so that the id is not used again)."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __hash__(self) -> int:
        return id(self.value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ById) and other.value is self.value

    def __repr__(self) -> str:
        return repr(self.value)


def exact_token(leaf: Any) -> Any:
    """What the call depends on, sizes included: the key of the fast path. Python numbers count by type."""
    if isinstance(leaf, np.ndarray):
        return leaf.dtype, leaf.shape, leaf.flags.c_contiguous
    if type(leaf) in PYTHON_NUMBERS or isinstance(leaf, np.generic):
        return type(leaf)
    return static_token(leaf)


def coarse_token(leaf: Any) -> Any:
    """What a specialisation depends on: as `exact_token`, but sizes of at least 2 are one."""
    if isinstance(leaf, np.ndarray):
        return leaf.dtype, tuple(min(size, 2) for size in leaf.shape), leaf.flags.c_contiguous
    return exact_token(leaf)


def describe(leaf: Any) -> str:
    """A leaf in messages: `float64[3, 4]`, `int`, `'relu'`."""
    if isinstance(leaf, np.ndarray):
        layout = "" if leaf.flags.c_contiguous else " (not contiguous)"
        return f"{leaf.dtype}[{', '.join(map(str, leaf.shape))}]{layout}"
    if isinstance(leaf, np.generic):
        return f"{leaf.dtype} scalar"
    if type(leaf) in PYTHON_NUMBERS:
        return f"a Python {type(leaf).__name__}"
    if isinstance(leaf, ArrayType):
        if leaf.shape:
            return f"{leaf.dtype}[{', '.join(map(repr, leaf.shape))}]"
        return f"a Python {PYTHON_KINDS[leaf.dtype.kind].__name__}" if leaf.weak else f"{leaf.dtype} scalar"
    return repr(leaf)


def type_of(leaf: Any) -> ArrayType | None:
    """dtype, weakness and shape of a leaf (concrete sizes as constants); None for static leaves."""
    if isinstance(leaf, ArrayType):
        return leaf
    if not is_data(leaf):
        return None
    if isinstance(leaf, np.ndarray):
        return ArrayType(leaf.dtype).with_shape(leaf.shape)
    if isinstance(leaf, (np.generic, *PYTHON_NUMBERS)):
        return type_of_scalar(leaf)
    return _operand_type(leaf)


def ranges(trees: Sequence[Any]) -> list[range]:
    """For each of several trees flattened one after the other: the numbers of its leaves."""
    found, start = [], 0
    for value in trees:
        count = len(flatten(value)[0])
        found.append(range(start, start + count))
        start += count
    return found


def is_complex(leaf: Any) -> bool:
    """Whether a leaf is complex data."""
    type = type_of(leaf)
    return type is not None and type.dtype.kind == "c"
