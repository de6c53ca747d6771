"""Collectives: what the lanes of a named axis tell one another (`psum`, `all_gather`, `ppermute`, ...).

A program of one lane mentions the others by the name of their axis: params `axes` (names, for reductions) or `axis`
(one name). `vmap(..., axis_name=)` takes the name away: it calls `over`, with the operand of all lanes stacked, and
what comes out is ordinary array code. All other rules hold for one lane: they are pure, their transposes are
collectives again. Assumes: every lane reaches the equation. Establishes: no collective is left once every axis that is
bound (`bound_axes`) has been batched; nobody prints or runs one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from gradscribe.transpiler.errors import CollectiveError
from gradscribe.transpiler.ir.builder import current_span, emit
from gradscribe.transpiler.ir.callees import reached_callees
from gradscribe.transpiler.ir.dims import Dim
from gradscribe.transpiler.ir.index import Take, whole
from gradscribe.transpiler.ir.nodes import Eqn, Literal, Operand, Region
from gradscribe.transpiler.ir.types import INT64, ArrayType, Type
from gradscribe.transpiler.ir.walk import inner_eqns
from gradscribe.transpiler.primitives.allocation import arange, dim_value
from gradscribe.transpiler.primitives.arithmetic import equal, select
from gradscribe.transpiler.primitives.conversion import in_dtype
from gradscribe.transpiler.primitives.joining import array_of
from gradscribe.transpiler.primitives.primitive import Params, Primitive, Zeroable, zeros_of
from gradscribe.transpiler.primitives.reductions import reduce_max, reduce_min, reduce_sum
from gradscribe.transpiler.primitives.structure import broadcast_to, index, permute, reshape, update

Batched = tuple[Operand, bool]

# ---- axes in scope ----


class _Bound(threading.local):
    def __init__(self) -> None:
        self.sizes: dict[str, Dim] = {}


_bound = _Bound()


def bound_axes() -> Mapping[str, Dim]:
    """The named axes around the program that is being staged, outermost first, with their sizes."""
    return _bound.sizes


@contextmanager
def binding_axis(name: str | None, size: Dim) -> Iterator[None]:
    """What is staged inside may talk over the axis `name`; an axis of the same name outside is hidden."""
    saved = _bound.sizes
    if name is not None:
        _bound.sizes = {**saved, name: size}
    try:
        yield
    finally:
        _bound.sizes = saved


# ---- the kind ----


@dataclass(frozen=True, eq=False, kw_only=True)
class Collective(Primitive):
    """You write `infer_type(*types, **params)`; `over(x, batched, name, size, **params)`, the result for all lanes of
    axis `name` at once and whether it has them in front (`x`: None for an operation without operand); `shifted`: the
    params for operands with one more axis in front; `forward` and `transpose` as for other kinds (`forward` None: the
    operation is linear). `differs`: the results are not the same in all lanes."""

    infer_type: Callable[..., ArrayType]
    over: Callable[..., Batched]
    transpose: Callable[..., Operand] | None = None
    forward: Callable[..., Operand] | None = None
    shifted: Callable[[Params], dict[str, Any]] = dict
    differs: bool = False

    def infer(self, operands: tuple[Type, ...], params: Params, regions: tuple[Region, ...]) -> tuple[Type, ...]:
        return (self.infer_type(*operands, **params),)

    def evaluate(self, operands: tuple[Any, ...], params: Params, regions: tuple[Any, ...]) -> tuple[Any, ...]:
        raise CollectiveError(None, f"`{self.name}` runs inside `vmap` with the axis {axes_of(params)} only")

    def jvp(
        self, operands: Sequence[Operand], results: Sequence[Operand], tangents: Sequence[Zeroable], params: Params
    ) -> tuple[Zeroable, ...]:
        if self.forward is not None:
            return (self.forward(tangents[0], operands[0], results[0], **params),)
        return emit(self, tangents, dict(params))

    def vjp(
        self, operands: Sequence[Operand], results: Sequence[Operand], cotangents: Sequence[Zeroable], params: Params
    ) -> tuple[Zeroable, ...]:
        if self.transpose is None:
            raise self.gap("vjp")
        return (self.transpose(cotangents[0], operands[0], results[0], **params),)

    def batch(
        self, operands: Sequence[Operand], batched: Sequence[bool], size: Dim, params: Params
    ) -> tuple[Sequence[Operand], Sequence[bool]]:
        """Over an axis that the operation is not about."""
        return emit(self, operands, self.shifted(params)), (any(batched),)


def axes_of(params: Params) -> tuple[str, ...]:
    """The names that a collective mentions."""
    return params["axes"] if "axes" in params else (params["axis"],)


def mentions_axis(eqn: Eqn, name: str | None) -> bool:
    """The equation itself is a collective over the axis `name`."""
    return isinstance(eqn.operation, Collective) and name in axes_of(eqn.params)


def communicates(eqn: Eqn, name: str | None) -> bool:
    """The equation, one inside it or one in a function that it calls is a collective over the axis `name`."""
    if name is None:
        return False
    around = Region((), (eqn,), ())
    regions = [around, *(callee.function.region for callee in reached_callees(around))]
    return any(mentions_axis(e, name) for region in regions for e in inner_eqns(region))


# ---- moving axes ----


def _moved(x: Operand, source: int, target: int) -> Operand:
    """As `np.moveaxis`."""
    order = [k for k in range(x.rank) if k != source]
    order.insert(target, source)
    return x if order == list(range(x.rank)) else permute(x, axes=tuple(order))


def _in_all_lanes(x: Operand, batched: bool, size: Dim) -> Operand:
    wide: Operand = x if batched else broadcast_to(x, shape=(size, *x.shape))
    return wide


def _without(shape: tuple[Dim, ...], axis: int) -> tuple[Dim, ...]:
    return (*shape[:axis], *shape[axis + 1 :])


def _with(shape: tuple[Dim, ...], axis: int, size: Dim) -> tuple[Dim, ...]:
    return (*shape[:axis], size, *shape[axis:])


# ---- reductions over lanes ----


def _rest(operation: Collective, y: Operand, name: str, axes: tuple[str, ...]) -> Operand:
    left = tuple(a for a in axes if a != name)
    return emit(operation, (y,), {"axes": left})[0] if left else y


def _summed_type(x: ArrayType, *, axes: tuple[str, ...]) -> ArrayType:
    result_dtype = reduce_sum.result_dtype
    return ArrayType(result_dtype(x.dtype) if result_dtype is not None else x.dtype, x.shape)


def _sum_over(x: Operand, batched: bool, name: str, size: Dim, *, axes: tuple[str, ...]) -> Batched:
    if batched:
        y: Operand = reduce_sum(x, axes=(0,))
    else:
        assert isinstance(x.type, ArrayType)
        wide = in_dtype(x, _summed_type(x.type, axes=axes).dtype)
        y = wide * dim_value(dim=size)
    return _rest(psum, y, name, axes), False


psum: Collective = Collective(
    name="psum",
    infer_type=_summed_type,
    over=_sum_over,
    transpose=lambda ct, x, y, *, axes: emit(psum, (ct,), {"axes": axes})[0],
)


def _attained(x: Operand, y: Operand, axes: tuple[str, ...]) -> tuple[Operand, Operand]:
    """Which elements are the extremum, and in how many lanes: tied ones share, as in reductions along axes."""
    attained = equal(x, y)
    return attained, emit(psum, (in_dtype(attained, x.dtype),), {"axes": axes})[0]


def _extremum_forward(t: Operand, x: Operand, y: Operand, *, axes: tuple[str, ...]) -> Operand:
    attained, count = _attained(x, y, axes)
    mean: Operand = emit(psum, (select(attained, t, 0.0),), {"axes": axes})[0] / count
    return mean


def _extremum_transpose(ct: Operand, x: Operand, y: Operand, *, axes: tuple[str, ...]) -> Operand:
    attained, count = _attained(x, y, axes)
    share: Operand = in_dtype(attained, x.dtype) * (emit(psum, (ct,), {"axes": axes})[0] / count)
    return share


def _extremum(name: str, reduction: Any) -> Collective:
    def over(x: Operand, batched: bool, name: str, size: Dim, *, axes: tuple[str, ...]) -> Batched:
        return _rest(made, reduction(x, axes=(0,)) if batched else x, name, axes), False

    made = Collective(
        name=name,
        infer_type=lambda x, *, axes: ArrayType(x.dtype, x.shape),
        over=over,
        forward=_extremum_forward,
        transpose=_extremum_transpose,
    )
    return made


pmax = _extremum("pmax", reduce_max)
pmin = _extremum("pmin", reduce_min)

# ---- gathering and scattering: `size` is that of the axis, `at` the place of the new axis in the result ----


def _gather_over(x: Operand, batched: bool, name: str, size: Dim, *, axis: str, at: int) -> Batched:
    if batched:
        return _moved(x, 0, at), False
    column = reshape(x, shape=_with(x.shape, at, Dim.of(1)))
    return broadcast_to(column, shape=_with(x.shape, at, size)), False


def _one_further(params: Params) -> dict[str, Any]:
    return {key: value + 1 if isinstance(value, int) else value for key, value in params.items()}


# The operands of all lanes along a new axis.
all_gather: Collective = Collective(
    name="all_gather",
    infer_type=lambda x, *, axis, size, at: ArrayType(x.dtype, _with(x.shape, at, size)),
    over=lambda x, batched, name, n, *, axis, size, at: _gather_over(x, batched, name, n, axis=axis, at=at),
    transpose=lambda ct, x, y, *, axis, size, at: emit(psum_scatter, (ct,), {"axis": axis, "size": size, "at": at})[0],
    shifted=_one_further,
)


def _scatter_over(x: Operand, batched: bool, name: str, size: Dim, *, axis: str, at: int) -> Batched:
    total, _ = _sum_over(x, batched, name, size, axes=(axis,))
    return _moved(total, at, 0), True


# Lane k gets element k along axis `at` of the sum over all lanes.
psum_scatter: Collective = Collective(
    name="psum_scatter",
    infer_type=lambda x, *, axis, size, at: _summed_type(ArrayType(x.dtype, _without(x.shape, at)), axes=(axis,)),
    over=lambda x, batched, name, n, *, axis, size, at: _scatter_over(x, batched, name, n, axis=axis, at=at),
    transpose=lambda ct, x, y, *, axis, size, at: emit(all_gather, (ct,), {"axis": axis, "size": size, "at": at})[0],
    shifted=_one_further,
    differs=True,
)


def _exchange_over(x: Operand, batched: bool, name: str, size: Dim, *, axis: str, split: int, at: int) -> Batched:
    wide = _in_all_lanes(x, batched, size)
    # (from, ..., to, ...): bring `to` to the front; `from` is then the second axis, and goes to its place
    return _moved(_moved(wide, split + 1, 0), 1, at + 1), True


# Lane k gets, along a new axis `at`, element k of every lane's axis `split`, which disappears.
all_to_all: Collective = Collective(
    name="all_to_all",
    infer_type=lambda x, *, axis, size, split, at: ArrayType(x.dtype, _with(_without(x.shape, split), at, size)),
    over=lambda x, batched, name, n, *, axis, size, split, at: _exchange_over(
        x, batched, name, n, axis=axis, split=split, at=at
    ),
    transpose=lambda ct, x, y, *, axis, size, split, at: emit(
        all_to_all, (ct,), {"axis": axis, "size": size, "split": at, "at": split}
    )[0],
    shifted=_one_further,
    differs=True,
)


def _positions(numbers: Sequence[int]) -> Operand:
    literals = [Literal(k) for k in numbers]
    positions: Operand = array_of(*literals, shape=(Dim.of(len(numbers)),), dtype=INT64)
    return positions


def _permute_over(
    x: Operand, batched: bool, name: str, size: Dim, *, axis: str, pairs: tuple[tuple[int, int], ...]
) -> Batched:
    wide = _in_all_lanes(x, batched, size)
    rest = whole(wide.shape[1:])
    by_target = sorted(pairs, key=lambda pair: pair[1])
    if not pairs:
        return zeros_of(wide.type), True
    sources = emit(index, (wide, _positions([s for s, _ in by_target])), {"at": (Take(0), *rest)})[0]
    if size == len(pairs):
        return sources, True
    silent = zeros_of(wide.type)
    targets = _positions([t for _, t in by_target])
    return emit(update, (silent, sources, targets), {"at": (Take(0), *rest)})[0], True


# Lane t gets the operand of lane s for every pair (s, t), lanes that are no target get zeros. `pairs` is static.
ppermute: Collective = Collective(
    name="ppermute",
    infer_type=lambda x, *, axis, pairs: ArrayType(x.dtype, x.shape),
    over=_permute_over,
    transpose=lambda ct, x, y, *, axis, pairs: emit(
        ppermute, (ct,), {"axis": axis, "pairs": tuple((t, s) for s, t in pairs)}
    )[0],
    differs=True,
)

# ---- the lane itself ----

# The number of the lane, as a Python int.
axis_index: Collective = Collective(
    name="axis_index",
    infer_type=lambda *, axis: ArrayType(INT64, (), True),
    over=lambda x, batched, name, size, *, axis: (arange(start=Dim.of(0), length=size, step=1), True),
    differs=True,
)


def over_axis(
    operation: Collective, operands: Sequence[Operand], batched: Sequence[bool], name: str, size: Dim, params: Params
) -> Batched:
    """The result of a collective over the axis `name` for all its lanes, and whether they are in front."""
    x, flag = (operands[0], batched[0]) if operands else (None, False)
    return operation.over(x, flag, name, size, **params)


def required_size(name: Any) -> Dim:
    """The size of a named axis. CollectiveError at the line where none of that name is around."""
    sizes = bound_axes()
    if name not in sizes:
        known = ", ".join(map(repr, sizes))
        raise CollectiveError(
            current_span(),
            f"there is no axis {name!r} here",
            f"The axes around this line: {known}." if known else f"Name one: `gs.vmap(f, axis_name={name!r})`.",
        )
    return sizes[name]
