"""Reading the arguments of a NumPy call: data, symbolic ints and static values told apart and brought into one form.

In: what the interpreter of the user's program holds: IR operands (data), `Dim` (every Python int), static Python
values, and lists or tuples of them. Out: operands, axes, shapes, dtypes. Raises `NeedsStatic` where a value has to be
known while the program is being written; the caller then makes the argument behind it static and starts again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gradscribe.transpiler.errors import DTypeError, GradscribeError, IntegerRangeError, ShapeError, UnsupportedSyntax
from gradscribe.transpiler.ir.builder import current_span, emit
from gradscribe.transpiler.ir.dims import Dim
from gradscribe.transpiler.ir.equalities import equalities
from gradscribe.transpiler.ir.nodes import Literal, Operand, Var
from gradscribe.transpiler.ir.types import BOOL, FLOAT64, INT64, ArrayType
from gradscribe.transpiler.primitives.allocation import dim_value
from gradscribe.transpiler.primitives.arithmetic import not_equal
from gradscribe.transpiler.primitives.conversion import convert, in_dtype, python_scalar
from gradscribe.transpiler.primitives.joining import array_of, stack
from gradscribe.transpiler.primitives.structure import broadcast_to, reshape

DType = np.dtype[Any]
_LARGEST_LITERAL = 4096


class NeedsStatic(GradscribeError):
    """`value` (a `Dim` or an operand) is needed as a static Python value."""

    def __init__(self, value: Any, message: str, hint: str = "") -> None:
        super().__init__(current_span(), message, hint)
        self.value = value


def is_data(x: Any) -> bool:
    """Whether a value, or anything inside a container, is known only when the program runs."""
    if isinstance(x, (list, tuple)):
        return any(map(is_data, x))
    if isinstance(x, dict):
        return any(map(is_data, x.values()))
    return isinstance(x, (Operand, Dim))


def is_scalar(x: Any) -> bool:
    return isinstance(x, (bool, int, float, complex, np.generic))


def array_type(x: Operand) -> ArrayType:
    assert isinstance(x.type, ArrayType)
    return x.type


# ---- operands ----


def data(x: Any, dtype: Any = None) -> Operand:
    """The operand for a value: operands as they are, ints and numbers as scalars, lists as arrays; converted to `dtype`
    if one is given (which makes Python scalars strong)."""
    operand = _operand(x)
    return operand if dtype is None else cast(operand, dtype)


def _operand(x: Any) -> Operand:
    if isinstance(x, Operand):
        return x
    if isinstance(x, Dim):
        return Literal(x.constant) if x.constant is not None else emit(dim_value, (), {"dim": x})[0]
    if is_scalar(x):
        return Literal(x)
    if isinstance(x, np.ndarray) and x.ndim == 0:
        return Literal(x[()])
    if isinstance(x, (list, tuple, np.ndarray, range)):
        return array_from(x)
    raise DTypeError(current_span(), f"expected an array or a number, got {type(x).__name__}")


def cast(x: Operand, dtype: Any) -> Operand:
    """x in `dtype`, strong; no conversion where it is already that. A real dtype takes the real part."""
    dtype = np.dtype(dtype)
    if x.dtype.kind == "c" and dtype.kind == "b":
        x = not_equal(x, 0)
    if x.dtype == dtype and not array_type(x).weak:
        return x
    if isinstance(x, Literal):
        with np.errstate(all="ignore"):
            value = x.value.real if dtype.kind != "c" and x.dtype.kind == "c" else x.value
            try:
                return Literal(dtype.type(value))
            except OverflowError as error:  # a Python int that is too large
                raise IntegerRangeError(current_span(), str(error)) from None
    return convert(x, dtype=dtype) if x.dtype == dtype else in_dtype(x, dtype)


def strong(x: Operand) -> Operand:
    """A Python scalar as the NumPy scalar that `np.asarray` makes of it."""
    return cast(x, x.dtype) if array_type(x).weak else x


def some_strong(*operands: Operand) -> list[Operand]:
    """Operands of a NumPy function: Python scalars alone count as NumPy scalars, beside others they yield to them."""
    first, *others = operands
    return [strong(first), *others] if all(array_type(x).weak for x in operands) else list(operands)


def floating(x: Operand) -> Operand:
    """x as NumPy's functions with real results take it: integers and booleans become float64 (Python ints Python
    floats)."""
    if x.dtype.kind in "fc":
        return x
    return python_number(x, FLOAT64) if array_type(x).weak else cast(x, FLOAT64)


def truth(x: Operand) -> Operand:
    """x != 0, as a boolean."""
    if x.dtype == BOOL:
        return x
    nonzero: Operand = not_equal(x, 0)
    return nonzero


def common(operands: Sequence[Operand]) -> list[Operand]:
    """Operands of one dtype, by NumPy's promotion; Python scalars count as what `np.asarray` makes of them."""
    dtype = np.result_type(*(x.dtype for x in operands))
    return [cast(x, dtype) for x in operands]


def array_from(x: Any, dtype: Any = None) -> Operand:
    """`np.array` of nested sequences of numbers and arrays."""
    if isinstance(x, Operand):
        return data(x, dtype if dtype is not None else x.dtype)
    if not isinstance(x, (list, tuple, np.ndarray, range)):
        return data(x, dtype if dtype is not None else np.asarray(x).dtype if is_scalar(x) else INT64)
    flat, shape = _flatten(x)
    if flat is not None:
        return _scalars(flat, shape, dtype, x)
    parts = common([array_from(item) for item in x])
    if len({p.rank for p in parts}) > 1:
        raise ShapeError(current_span(), "the rows of an array differ in rank", "NumPy refuses ragged arrays too")
    joined: Operand = stack(*parts, axis=0)
    return joined if dtype is None else cast(joined, dtype)


def _flatten(x: Any) -> tuple[list[Any] | None, tuple[int, ...]]:
    """Elements in C order and shape, of nested sequences of scalars; None if some element is an array."""
    if isinstance(x, np.ndarray):
        return list(x.ravel()), x.shape
    if not isinstance(x, (list, tuple, range)):
        return (None, ()) if isinstance(x, Operand) and x.rank else ([x], ())
    parts = [_flatten(item) for item in x]
    if any(flat is None for flat, _ in parts):
        return None, ()
    shapes = {shape for _, shape in parts}
    if len(shapes) > 1:
        raise ShapeError(current_span(), "the rows of an array differ in length", "NumPy refuses ragged arrays too")
    inner = shapes.pop() if shapes else ()
    return [item for flat, _ in parts for item in flat or ()], (len(parts), *inner)


def _scalars(flat: list[Any], shape: tuple[int, ...], dtype: Any, original: Any) -> Operand:
    if len(flat) > _LARGEST_LITERAL:
        raise UnsupportedSyntax(
            current_span(),
            f"an array of {len(flat)} written elements (at most {_LARGEST_LITERAL})",
            "build the array outside the function and capture it, or pass it as an argument",
        )
    operands = [_operand(item) for item in flat]
    if dtype is None:
        dtype = np.result_type(*(x.dtype for x in operands)) if operands else FLOAT64
        if isinstance(original, np.ndarray):
            dtype = original.dtype
    dtype = np.dtype(dtype)
    operands = [x if array_type(x).weak and x.dtype == dtype else cast(x, dtype) for x in operands]
    return emit(array_of, operands, {"shape": tuple(map(Dim.of, shape)), "dtype": dtype})[0]


# ---- Python scalars ----


def python_number(x: Any, dtype: DType) -> Operand:
    """`float(x)`, `int(x)` or `bool(x)` as data."""
    operand = data(x)
    if operand.rank:
        raise DTypeError(current_span(), "only a scalar can become a Python number", "index the array, or reduce it")
    if operand.dtype.kind == "c" and dtype.kind != "c":
        kind = "float" if dtype.kind == "f" else "int"
        raise DTypeError(current_span(), f"a complex number is no {kind}", "take its real part, `z.real`, or `abs(z)`")
    if array_type(operand).weak and operand.dtype == dtype:
        return operand
    if isinstance(operand, Literal):
        return Literal(dtype.type(operand.value).item())
    scalar: Operand = python_scalar(operand, dtype=dtype)
    return scalar


def finish(x: Operand) -> Any:
    """A result as the interpreter holds it: a Python int is a `Dim`."""
    if array_type(x).weak and x.dtype == INT64:
        return x.value if isinstance(x, Literal) else Dim.of(x) if isinstance(x, Var) else x
    return x


# ---- static arguments and dims ----


def as_dim(x: Any, what: str) -> Dim:
    """An integer as a polynomial: Python ints, dims, integer scalars of the program."""
    if isinstance(x, Dim):
        return equalities().normalize(x)
    if isinstance(x, (int, np.integer)) and not isinstance(x, bool):
        return Dim.of(int(x))
    if isinstance(x, Literal) and x.dtype.kind in "iu":
        return Dim.of(int(x.value))
    if isinstance(x, Var) and x.dtype.kind in "iu" and not x.shape:
        return Dim.of(x)
    raise DTypeError(current_span(), f"{what} has to be an integer")


def static_int(x: Any, what: str) -> int:
    """An integer that has to be known while the program is written (an axis, a number of repetitions)."""
    value = as_dim(x, what).constant
    if value is None:
        raise NeedsStatic(x, f"{what} has to be a static integer")
    return value


def static_value(x: Any, what: str) -> Any:
    """A Python value that is not data; constants are taken out of dims and literals."""
    if isinstance(x, Dim) and x.constant is not None:
        return x.constant
    if isinstance(x, Literal):
        return x.value
    if is_data(x):
        raise NeedsStatic(x, f"{what} has to be static")
    return x


def static_dtype(x: Any) -> DType | None:
    """The dtype of a `dtype=` argument."""
    if x is None:
        return None
    try:
        dtype = np.dtype(static_value(x, "dtype"))
    except TypeError as error:
        raise DTypeError(current_span(), str(error)) from None
    if dtype.kind not in "biufc" or dtype.char in "gG":
        raise DTypeError(current_span(), f"dtype {dtype} is not computed with", "use numbers of at most 64 bits")
    return dtype


def one_axis(axis: Any, rank: int, what: str) -> int:
    """A valid nonnegative axis."""
    number = static_int(axis, f"the axis of `{what}`")
    if not -rank <= number < rank:
        raise ShapeError(current_span(), f"axis {number} is out of range for `{what}` of an array of rank {rank}")
    return number % rank


def many_axes(axis: Any, rank: int, what: str) -> tuple[int, ...]:
    """Sorted axes of a reduction; None is all of them."""
    if axis is None:
        return tuple(range(rank))
    axes = [one_axis(a, rank, what) for a in (axis if isinstance(axis, (tuple, list)) else (axis,))]
    if len(set(axes)) != len(axes):
        raise ShapeError(current_span(), f"an axis is named twice in `{what}`")
    return tuple(sorted(axes))


def shape_of(x: Any) -> tuple[Dim, ...]:
    """The shape of a value, without making an operand of a number."""
    if isinstance(x, Operand):
        return x.shape
    return () if isinstance(x, Dim) or is_scalar(x) else data(x).shape


def dims_from(shape: Any, what: str) -> tuple[Dim, ...]:
    """A shape argument: one integer or a sequence of them."""
    items = shape if isinstance(shape, (tuple, list)) else (shape,)
    return tuple(as_dim(d, f"a size in `{what}`") for d in items)


def refuse_given(what: str, **arguments: Any) -> None:
    """Refuse keyword arguments that have no rule; each comes with (value, default)."""
    for name, (value, default) in arguments.items():
        if value is not default and not (is_scalar(value) and value == default):
            raise UnsupportedSyntax(current_span(), f"`{what}` with the argument `{name}` is not supported")


def spread(x: Operand, shape: tuple[Dim, ...]) -> Operand:
    """x broadcast to `shape`; no equation where it has that shape."""
    if x.shape == shape:
        return x
    wide: Operand = broadcast_to(x, shape=shape)
    return wide


def reshaped(x: Operand, shape: Sequence[Dim]) -> Operand:
    """x in another shape of as many elements; no equation where it has that shape."""
    if x.shape == tuple(shape):
        return x
    other: Operand = reshape(x, shape=tuple(shape))
    return other
