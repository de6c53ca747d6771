"""Types of IR values: dtype and symbolic shape of an array, or a stack (a tape that grows).

Establishes: a shape is a tuple of `Dim`; a scalar is an array of rank 0; `weak` marks a Python scalar (NumPy 2
promotion).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np

from gradscribe.transpiler.ir.dims import Atom, Dim, DimLike

BOOL = np.dtype(np.bool_)
INT64 = np.dtype(np.int64)
FLOAT32 = np.dtype(np.float32)
FLOAT64 = np.dtype(np.float64)
# What a class of arrays may define without changing what arrays compute.
_ABOUT_THE_CLASS = {
    "__new__", "__init__", "__doc__", "__module__", "__array_finalize__", "__array_priority__", "__repr__", "__str__",
    "__reduce__", "__setstate__", "__getattribute__", "__class_getitem__", "__slots__",
}  # fmt: skip


@dataclass(frozen=True)
class ArrayType:
    """An array (or, with shape (), a scalar) of `dtype`; `weak` if it is a Python scalar whose dtype yields to its
    partner."""

    dtype: np.dtype
    shape: tuple[Dim, ...] = ()
    weak: bool = False

    @property
    def rank(self) -> int:
        return len(self.shape)

    @property
    def is_float(self) -> bool:
        return self.dtype.kind in "fc"

    def size(self) -> Dim:
        total = Dim.of(1)
        for dim in self.shape:
            total = total * dim
        return total

    def with_shape(self, shape: Iterable[DimLike]) -> ArrayType:
        dims = tuple(Dim.of(d) for d in shape)
        return ArrayType(self.dtype, dims, self.weak and not dims)

    def with_dtype(self, dtype: np.dtype) -> ArrayType:
        return ArrayType(dtype, self.shape)

    def strong(self) -> ArrayType:
        return ArrayType(self.dtype, self.shape)

    def substitute(self, mapping: Callable[[Atom], DimLike | None]) -> ArrayType:
        if self.fixed_shape is not None:
            return self
        return ArrayType(self.dtype, tuple(d.substitute(mapping) for d in self.shape), self.weak)

    @functools.cached_property
    def fixed_shape(self) -> tuple[int, ...] | None:
        """The shape, where no size is symbolic."""
        sizes = [dim.constant for dim in self.shape]
        return None if None in sizes else tuple(sizes)  # type: ignore[arg-type]

    def dims(self) -> tuple[Dim, ...]:
        return self.shape

    def __repr__(self) -> str:
        name = f"{self.dtype.kind}{self.dtype.itemsize * 8}" if self.dtype.kind != "b" else "bool"
        shape = f"[{', '.join(map(repr, self.shape))}]" if self.shape else ""
        return f"{'~' if self.weak else ''}{name}{shape}"


@dataclass(frozen=True)
class StackType:
    """A last-in first-out store of arrays of one dtype and rank (their shapes may differ): the tape of a loop whose
    trip
    count is not known beforehand."""

    dtype: np.dtype
    element_rank: int = 0
    weak: bool = field(default=False, init=False)

    @property
    def is_float(self) -> bool:
        return self.dtype.kind in "fc"

    def substitute(self, mapping: Callable[[Atom], DimLike | None]) -> StackType:
        return self

    def dims(self) -> tuple[Dim, ...]:
        return ()

    def __repr__(self) -> str:
        return f"stack<{self.dtype.kind}{self.dtype.itemsize * 8}, rank {self.element_rank}>"


Type = ArrayType | StackType


def array(dtype: object, *shape: DimLike) -> ArrayType:
    """Shorthand: `array(np.float64, n, 3)`."""
    return ArrayType(np.dtype(dtype), tuple(Dim.of(d) for d in shape))  # type: ignore[call-overload]


def type_of_scalar(value: object) -> ArrayType:
    """Type of a Python scalar (weak) or NumPy scalar (strong)."""
    if isinstance(value, np.generic):
        return ArrayType(value.dtype)
    if isinstance(value, bool):
        return ArrayType(BOOL, (), True)
    if isinstance(value, int):
        return ArrayType(INT64, (), True)
    if isinstance(value, float):
        return ArrayType(FLOAT64, (), True)
    if isinstance(value, complex):
        return ArrayType(np.dtype(np.complex128), (), True)
    raise TypeError(f"not a scalar: {value!r}")


def has_own_operations(cls: type) -> bool:
    """Does a class of arrays (np.matrix, say) decide itself what an operation or a method does?"""
    if cls in (np.ndarray, np.memmap):
        return False
    own = {name for base in cls.__mro__[: cls.__mro__.index(np.ndarray)] for name in vars(base)}
    return "__array_function__" in own or not own.isdisjoint(vars(np.ndarray).keys() - _ABOUT_THE_CLASS)
