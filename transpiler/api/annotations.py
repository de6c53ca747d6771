"""Abstract arguments: dtype and named sizes, as annotations (`F64["n d"]`) and as text (`"f64[n,d], f64[], i64"`).

In: annotations or text. Out: `Spec`s, and from them `ArrayType`s in which equal names are one symbol, or example
arguments. A size named by a word is at least 2 in whatever is made from it; 0 and 1 are written as numbers.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradscribe.transpiler import tree
from gradscribe.transpiler.ir.dims import Dim, Symbol
from gradscribe.transpiler.ir.staged import StaticLeaf
from gradscribe.transpiler.ir.types import ArrayType
from gradscribe.transpiler.library.specs import ShapeDtype

DTYPES = {
    "f64": np.float64, "f32": np.float32, "i64": np.int64, "i32": np.int32, "i16": np.int16, "i8": np.int8,
    "u8": np.uint8, "u16": np.uint16, "u32": np.uint32, "u64": np.uint64, "c128": np.complex128, "c64": np.complex64,
    "bool": np.bool_,
}  # fmt: skip
PYTHON = {"float": np.float64, "int": np.int64, "complex": np.complex128}


@dataclass(frozen=True)
class Spec:
    """An abstract argument: `dims` are names or sizes; `weak` marks a Python number."""

    dtype: np.dtype
    dims: tuple[str | int, ...] = ()
    weak: bool = False

    def __repr__(self) -> str:
        if self.weak:
            return {"f": "float", "i": "int", "c": "complex"}[self.dtype.kind]
        name = next(name for name, dtype in DTYPES.items() if np.dtype(dtype) == self.dtype)
        return f"{name}[{','.join(map(str, self.dims))}]"


class _Annotation:
    """`F64["n d"]`: an array of float64 of shape (n, d); `F64[""]`: a scalar."""

    def __init__(self, dtype: Any) -> None:
        self.dtype = np.dtype(dtype)

    def __getitem__(self, dims: str) -> Spec:
        return Spec(self.dtype, tuple(map(_dim, dims.replace(",", " ").split())))

    def __repr__(self) -> str:
        return f"{self.dtype} annotation"


F64, F32 = _Annotation(np.float64), _Annotation(np.float32)
I64, I32 = _Annotation(np.int64), _Annotation(np.int32)
C128, C64 = _Annotation(np.complex128), _Annotation(np.complex64)
Bool = _Annotation(np.bool_)


def _dim(text: str) -> str | int:
    text = text.strip()
    if re.fullmatch(r"\d+", text):
        return int(text)
    if not text.isidentifier():
        raise ValueError(f"a size is a name or a number, not {text!r}")
    return text


# ---- text ----

_TOKEN = re.compile(r"\s*([A-Za-z_]\w*|-?\d[\w.+-]*|'[^']*'|\"[^\"]*\"|[\[\](){},:]|\S)")


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = [(m[1], m.start(1)) for m in _TOKEN.finditer(text)]
        self.at = 0

    def peek(self) -> str:
        return self.tokens[self.at][0] if self.at < len(self.tokens) else ""

    def take(self, expected: str = "") -> str:
        token = self.peek()
        if (expected and token != expected) or not token:
            where = self.tokens[self.at][1] if token else len(self.text)
            wanted = f"`{expected}`" if expected else "an argument"
            raise ValueError(f"expected {wanted}, got {token or 'the end'}\n  {self.text}\n  {' ' * where}^")
        self.at += 1
        return token

    def many(self, close: str) -> list[Any]:
        items = []
        while self.peek() != close:
            items.append(self.item())
            if self.peek() != close:
                self.take(",")
        return items

    def item(self) -> Any:
        token = self.take()
        if token in "([":
            close = ")" if token == "(" else "]"
            items = self.many(close)
            self.take(close)
            return tuple(items) if token == "(" else items
        if token == "{":
            return self.mapping()
        if token in PYTHON:
            return Spec(np.dtype(PYTHON[token]), (), True)
        if token in DTYPES:
            dims: list[str | int] = []
            if self.peek() == "[":
                self.take("[")
                while self.peek() != "]":
                    dims.append(_dim(self.take()))
                    if self.peek() != "]":
                        self.take(",")
                self.take("]")
            return Spec(np.dtype(DTYPES[token]), tuple(dims))
        try:
            return StaticLeaf(ast.literal_eval(token))
        except (ValueError, SyntaxError):
            known = ", ".join([*DTYPES, *PYTHON])
            raise ValueError(f"unknown argument {token!r}: write a dtype ({known}) or a literal") from None

    def mapping(self) -> dict[str, Any]:
        out = {}
        while self.peek() != "}":
            key = self.take().strip("'\"")
            self.take(":")
            out[key] = self.item()
            if self.peek() != "}":
                self.take(",")
        self.take("}")
        return out


def parse(text: str) -> tuple[Any, ...]:
    """Arguments written as text: arrays `f64[n,d]`, NumPy scalars `f64[]` or `i64`, Python numbers `float`, `int`,
    literals (static), and tuples, lists and dicts of these. ValueError with a caret where the text is wrong.

    Example: `parse("{w: f64[d,k], b: f64[k]}, f64[n,d], 'relu'")`
    """
    parser = _Parser(text)
    items = parser.many("")
    return tuple(items)


# ---- what is made of them ----


def is_spec(value: Any) -> bool:
    return isinstance(value, (Spec, StaticLeaf, ArrayType))


def abstract(arguments: Any) -> Any:
    """A tree of arguments with every `Spec` or `ShapeDtype` as an `ArrayType`; equal names are one symbol."""
    symbols: dict[str, Symbol] = {}

    def dim(size: str | int) -> Dim:
        return Dim.of(size) if isinstance(size, int) else Dim.of(symbols.setdefault(size, Symbol(size)))

    def one(leaf: Any) -> Any:
        if isinstance(leaf, ShapeDtype):
            return ArrayType(np.dtype(leaf.dtype), tuple(map(dim, leaf.shape)))
        return ArrayType(leaf.dtype, tuple(map(dim, leaf.dims)), leaf.weak) if isinstance(leaf, Spec) else leaf

    return tree.map(one, arguments, is_leaf=lambda value: is_spec(value) or isinstance(value, ShapeDtype))


def example(arguments: Any, sizes: Mapping[str, int] | None = None, seed: int = 0) -> Any:
    """A tree of arguments with every `Spec` as random data: floats in [0.5, 1.5), integers in [0, 3). Names without a
    size in `sizes` get different small ones."""
    rng = np.random.default_rng(seed)
    known = dict(sizes or {})

    def size(dim: str | int) -> int:
        return dim if isinstance(dim, int) else known.setdefault(dim, 3 + len(known))

    def one(leaf: Any) -> Any:
        if isinstance(leaf, StaticLeaf):
            return leaf.value
        if not isinstance(leaf, Spec):
            return leaf
        shape = tuple(map(size, leaf.dims))
        if leaf.dtype.kind in "fc":
            value: Any = rng.uniform(0.5, 1.5, shape) + (
                1j * rng.uniform(0.5, 1.5, shape) if leaf.dtype.kind == "c" else 0.0
            )
        else:
            value = rng.integers(0, 2 if leaf.dtype.kind == "b" else 3, shape)
        data = np.asarray(value).astype(leaf.dtype)
        return data.item() if leaf.weak else data if shape else data[()]

    return tree.map(one, arguments, is_leaf=lambda value: is_spec(value) or isinstance(value, ShapeDtype))
