"""New arrays: from shapes, ranges and written elements; dtype conversion; grids."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gradscribe.transpiler.errors import DTypeError, ShapeError, UnsupportedSyntax
from gradscribe.transpiler.ir.bounds import clamp_to_positive, is_nonnegative
from gradscribe.transpiler.ir.builder import current_span, emit
from gradscribe.transpiler.ir.dims import Dim
from gradscribe.transpiler.ir.equalities import equalities
from gradscribe.transpiler.ir.index import At, whole
from gradscribe.transpiler.ir.nodes import Operand, Var
from gradscribe.transpiler.ir.types import FLOAT64, INT64
from gradscribe.transpiler.library.arguments import (
    NeedsStatic,
    array_from,
    as_dim,
    cast,
    data,
    dims_from,
    floating,
    is_data,
    is_scalar,
    python_number,
    refuse_given,
    reshaped,
    shape_of,
    spread,
    static_dtype,
    static_int,
    static_value,
    strong,
)
from gradscribe.transpiler.library.operator_rules import BINARY
from gradscribe.transpiler.library.shape_rules import positions, stack
from gradscribe.transpiler.primitives import allocation
from gradscribe.transpiler.primitives.arithmetic import greater_equal
from gradscribe.transpiler.primitives.checks import check
from gradscribe.transpiler.primitives.conversion import copy as copy_of
from gradscribe.transpiler.primitives.piecewise import ceil
from gradscribe.transpiler.primitives.powers import power
from gradscribe.transpiler.primitives.structure import update

Rule = Callable[..., Any]


def _shape(shape: Any, what: str) -> tuple[Dim, ...]:
    dims = tuple(equalities().normalize(d) for d in dims_from(shape, what))
    for d in dims:
        if not is_nonnegative(d) and any(isinstance(leaf, Var) for leaf in d.leaves()):
            check(data(d) >= 0, message="negative dimensions are not allowed", error=ValueError)
    return dims


def _allocated(name: str) -> Rule:
    operation, fill = getattr(allocation, name), {"zeros": 0, "ones": 1, "empty": 0}[name]

    def rule(shape: Any, dtype: Any = None, order: Any = "C", **options: Any) -> Any:
        refuse_given(f"np.{name}", order=(order, "C"), **{k: (v, None) for k, v in options.items()})
        dims, wanted = _shape(shape, f"np.{name}"), static_dtype(dtype) or FLOAT64
        return operation(shape=dims, dtype=wanted) if dims else data(wanted.type(fill))

    return rule


def full(shape: Any, fill_value: Any, dtype: Any = None, order: Any = "C") -> Any:
    refuse_given("np.full", order=(order, "C"))
    value = data(fill_value)
    wanted = static_dtype(dtype) or value.dtype
    dims = _shape(shape, "np.full")
    if value.rank:
        return spread(cast(value, wanted), dims)
    return allocation.full(value, shape=dims, dtype=wanted) if dims else cast(value, wanted)


def _like(name: str) -> Rule:
    def rule(a: Any, dtype: Any = None, order: Any = "K", subok: Any = True, shape: Any = None) -> Any:
        wanted = static_dtype(dtype) or data(a).dtype
        return CREATION_RULES[getattr(np, name)](shape_of(a) if shape is None else shape, wanted)

    return rule


def full_like(
    a: Any, fill_value: Any, dtype: Any = None, order: Any = "K", subok: Any = True, shape: Any = None
) -> Any:
    return full(shape_of(a) if shape is None else shape, fill_value, static_dtype(dtype) or data(a).dtype)


# ---- ranges ----


def arange(*bounds: Any, dtype: Any = None, **named: Any) -> Any:
    """Integers between dims with a static step; or floats, computed as NumPy does: start + i * step."""
    start, stop, step = _range_bounds(bounds, named)
    wanted = static_dtype(dtype)
    if all(map(_is_whole, (start, stop, step))):
        values = _whole_numbers(*(as_dim(b, "a bound of `np.arange`") for b in (start, stop, step)))
    elif not is_data((start, stop, step)):
        known = len(np.arange(start, stop, step, wanted))  # type: ignore[call-overload]
        values = _spaced(start, (start + step) - start, Dim.of(known))
    elif all(_is_whole(b) or (isinstance(b, float) and b.is_integer()) for b in (start, stop, step)):
        whole_bounds = (Dim.of(int(b)) if isinstance(b, float) else b for b in (start, stop, step))
        values = cast(_whole_numbers(*(as_dim(b, "a bound of `np.arange`") for b in whole_bounds)), FLOAT64)
    else:
        first, last, pace = (data(b) for b in (start, stop, step))
        if any(b.rank or b.dtype.kind not in "if" or b.dtype.itemsize != 8 for b in (first, last, pace)):
            raise DTypeError(current_span(), "`np.arange` takes integers and float64 as bounds", "use `np.linspace`")
        ratio = BINARY["Div"](BINARY["Sub"](last, first), pace)
        length = as_dim(python_number(ceil(floating(data(ratio))), INT64), "the length of `np.arange`")
        from_zero = not is_data(start) and not start
        spacing = step if from_zero else BINARY["Sub"](BINARY["Add"](first, pace), first)
        values = _spaced(start, spacing, clamp_to_positive(equalities().normalize(length)))
    return values if wanted is None else cast(values, wanted)


def _is_whole(bound: Any) -> bool:
    return isinstance(bound, (int, Dim)) or (isinstance(bound, Operand) and bound.dtype.kind == "i")


def _whole_numbers(first: Dim, last: Dim, stride: Dim) -> Any:
    pace = stride.constant
    if pace is None:
        raise NeedsStatic(stride, "the step of `np.arange` has to be static")
    if pace == 0:
        raise ZeroDivisionError("division by zero")
    span = last - first if pace > 0 else first - last
    length = clamp_to_positive(equalities().normalize((span + abs(pace) - 1) // abs(pace)))
    return emit(allocation.arange, (), {"start": first, "length": length, "step": pace})[0]


def _spaced(start: Any, spacing: Any, length: Dim) -> Any:
    """start + i * spacing."""
    scaled: Any = positions(length) * _float(spacing)
    return scaled if not is_data(start) and not start else scaled + _float(start)


def _float(bound: Any) -> Any:
    return floating(data(bound)) if is_data(bound) else float(bound)


def _range_bounds(bounds: tuple[Any, ...], named: dict[str, Any]) -> tuple[Any, Any, Any]:
    start, stop, step = named.pop("start", 0), named.pop("stop", None), named.pop("step", 1)
    if named:
        raise UnsupportedSyntax(current_span(), f"`np.arange` with `{next(iter(named))}` is not supported")
    if len(bounds) == 1:
        start, stop = (0, bounds[0]) if stop is None else (bounds[0], stop)
    elif bounds:
        start, stop = bounds[:2]
        step = bounds[2] if len(bounds) > 2 else step
    return start, stop, step


def linspace(
    start: Any, stop: Any, num: Any = 50, endpoint: Any = True, retstep: Any = False, dtype: Any = None, axis: Any = 0
) -> Any:
    """start + i * step, the last element exactly `stop`."""
    refuse_given("np.linspace", axis=(axis, 0))
    count, closed = as_dim(num, "num"), bool(static_value(endpoint, "endpoint"))
    first, last = floating(strong(data(start))), floating(strong(data(stop)))
    divisions = equalities().normalize(count - 1 if closed else count)
    ramp = positions(count)
    ramp = reshaped(ramp, (count, *(Dim.of(1),) * max(first.rank, last.rank)))
    if divisions == 0:
        step = data(np.float64(np.nan)) if count == 1 else last - first
        values: Any = spread(strong(ramp * 0.0 + first), (count, *_joint(first, last)))
    else:
        step = (last - first) / data(divisions)
        values = ramp * step + first
        if closed:
            values = update(values, last, at=(At(count - 1), *whole(values.shape[1:])))
    if dtype is not None:
        values = cast(values, static_dtype(dtype))
    return (values, step) if static_value(retstep, "retstep") else values


def logspace(
    start: Any, stop: Any, num: Any = 50, endpoint: Any = True, base: Any = 10.0, dtype: Any = None, axis: Any = 0
) -> Any:
    """Powers of one number with evenly spaced exponents."""
    exponents = linspace(start, stop, num, endpoint, axis=axis)
    number = data(base)
    if number.rank:
        raise UnsupportedSyntax(current_span(), "`np.logspace` takes one number as its base")
    values: Operand = power(number, exponents)
    return values if dtype is None else cast(values, static_dtype(dtype))


def _joint(x: Operand, y: Operand) -> tuple[Dim, ...]:
    return (x + y).shape


# ---- matrices ----


def eye(N: Any, M: Any = None, k: Any = 0, dtype: Any = float, order: Any = "C") -> Any:
    refuse_given("np.eye", order=(order, "C"))
    (rows,) = _shape(N, "np.eye")
    (columns,) = (rows,) if M is None else _shape(M, "np.eye")
    return allocation.eye(rows=rows, columns=columns, k=static_int(k, "k"), dtype=static_dtype(dtype) or FLOAT64)


def tri(N: Any, M: Any = None, k: Any = 0, dtype: Any = float) -> Any:
    (rows,) = _shape(N, "np.tri")
    (columns,) = (rows,) if M is None else _shape(M, "np.tri")
    row = reshaped(positions(rows, as_dim(k, "k")), (rows, Dim.of(1)))
    return cast(greater_equal(row, positions(columns)), static_dtype(dtype) or FLOAT64)


def vander(x: Any, N: Any = None, increasing: Any = False) -> Any:
    a = strong(data(x))
    count = static_int(a.shape[0] if N is None else N, "the number of columns")
    powers = [np.float64(1.0), a] + [a] * (count - 2)
    columns: list[Any] = []
    for k in range(count):
        columns.append(allocation.ones(shape=a.shape, dtype=a.dtype) if k == 0 else columns[-1] * powers[k])
    return stack(columns if static_value(increasing, "increasing") else columns[::-1], 1)


# ---- from elements ----


def array(object: Any, dtype: Any = None, **options: Any) -> Any:
    """`np.array` and `np.asarray` as values: a fresh array."""
    refuse_given(
        "np.array", **{k: (v, None) for k, v in options.items() if k not in ("copy", "order", "subok", "ndmin")}
    )
    refuse_given("np.array", ndmin=(options.get("ndmin"), None), order=(options.get("order", "K"), "K"))
    wanted = static_dtype(dtype)
    x = array_from(object, wanted)
    return strong(x)


def copy(a: Any, order: Any = "K", subok: Any = False) -> Any:
    x = strong(data(a))
    return copy_of(x) if x.rank else x


def astype(
    x: Any, dtype: Any, order: Any = "K", casting: Any = "unsafe", subok: Any = True, copy: Any = True, **rest: Any
) -> Any:
    return cast(strong(data(x)), static_dtype(dtype))


def _scalar_type(kind: Any) -> Rule:
    """`np.float32(x)`: a number or an array in that dtype."""
    dtype = np.dtype(kind)

    def rule(x: Any = 0) -> Any:
        if is_scalar(x):
            return kind(x)
        operand = data(x)
        if operand.dtype.kind == "c" and dtype.kind in "fiu" and not operand.rank:
            raise DTypeError(current_span(), "a complex number is no real one", "take `z.real`, or `abs(z)`")
        return cast(operand, dtype)

    return rule


# ---- grids ----


def meshgrid(*xi: Any, copy: Any = True, sparse: Any = False, indexing: Any = "xy") -> Any:
    axes = [strong(data(x)) for x in xi]
    if any(x.rank > 1 for x in axes):
        raise ShapeError(current_span(), "`np.meshgrid` takes vectors")
    swapped = static_value(indexing, "indexing") == "xy" and len(axes) > 1
    order = [1, 0, *range(2, len(axes))] if swapped else list(range(len(axes)))
    shape: list[Any] = [None] * len(axes)
    for k, x in zip(order, axes, strict=True):
        shape[k] = x.shape[0] if x.rank else Dim.of(1)
    grids = []
    for k, x in zip(order, axes, strict=True):
        narrow = reshaped(x, [shape[j] if j == k else Dim.of(1) for j in range(len(axes))])
        grids.append(narrow if static_value(sparse, "sparse") else spread(narrow, tuple(shape)))
    return grids


def triangle_positions(name: str) -> Rule:
    """The index arrays of a triangle: known sizes only, because their number is found by counting."""

    def rule(n: Any, k: Any = 0, m: Any = None) -> Any:
        sizes = [static_int(n, "n"), static_int(k, "k"), None if m is None else static_int(m, "m")]
        return tuple(array_from(a) for a in getattr(np, name)(*sizes))

    return rule


def shape(a: Any) -> Any:
    return tuple(d if d.constant is None else d.constant for d in map(equalities().normalize, shape_of(a)))


def ndim(a: Any) -> int:
    return len(shape_of(a))


def size(a: Any, axis: Any = None) -> Any:
    dims = shape_of(a)
    if axis is not None:
        return shape(a)[static_int(axis, "axis")]
    total = Dim.of(1)
    for d in dims:
        total = total * d
    total = equalities().normalize(total)
    return total if total.constant is None else total.constant


_SCALAR_TYPES = (
    np.complex128, np.complex64, np.float64, np.float32, np.int64, np.int32, np.int16, np.int8, np.uint64, np.uint32,
    np.uint16, np.uint8, np.bool_,
)  # fmt: skip

CREATION_RULES: dict[Any, Rule] = {
    np.zeros: _allocated("zeros"),
    np.ones: _allocated("ones"),
    np.empty: _allocated("empty"),
    np.full: full,
    np.zeros_like: _like("zeros"),
    np.ones_like: _like("ones"),
    np.empty_like: _like("empty"),
    np.full_like: full_like,
    np.arange: arange,
    np.linspace: linspace,
    np.logspace: logspace,
    np.eye: eye,
    np.identity: lambda n, dtype=float: eye(n, dtype=dtype),
    np.tri: tri,
    np.vander: vander,
    np.array: array,
    np.asarray: array,
    np.asanyarray: array,
    np.ascontiguousarray: array,
    np.copy: copy,
    np.astype: astype,
    np.meshgrid: meshgrid,
    np.shape: shape,
    np.ndim: ndim,
    np.size: size,
    **{kind: _scalar_type(kind) for kind in _SCALAR_TYPES},
}
