"""`vmap`: a function over a stack of examples.

In: a function of single examples, where the batch axis of each argument is, where it should be in each result. Out: a
function of stacked arguments. Establishes: lane b of the result is the function's value on lane b of the arguments.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gradscribe.transpiler import tree
from gradscribe.transpiler.api.composing import as_value, compact, result_leaves
from gradscribe.transpiler.api.leaves import describe, flatten, type_of
from gradscribe.transpiler.api.transformed import Kind, Stage, Transformed, decorate, define
from gradscribe.transpiler.ir.builder import append_eqn, build_body
from gradscribe.transpiler.ir.dims import Dim, Symbol
from gradscribe.transpiler.ir.equalities import equalities
from gradscribe.transpiler.ir.nodes import Function, Guard, Operand, Var
from gradscribe.transpiler.ir.staged import ArgumentLeaf, ResultLeaf, Staged
from gradscribe.transpiler.ir.types import ArrayType
from gradscribe.transpiler.ir.walk import Substitution, clone_eqn
from gradscribe.transpiler.primitives.collectives import binding_axis
from gradscribe.transpiler.primitives.structure import broadcast_to, permute
from gradscribe.transpiler.transforms.batch import Lanes
from gradscribe.transpiler.transforms.batch import vmap as batch


@dataclass(frozen=True)
class _Mapped:
    """A leaf of the call: where its batch axis is (None: the same for all lanes), and the leaf of one lane."""

    axis: int | None
    size: int | Dim | None
    lane: Any


def _is_none(value: Any) -> bool:
    return value is None


def _axes_of(args: tuple[Any, ...], kwargs: Mapping[str, Any], in_axes: Any) -> list[int | None]:
    """The batch axis for every leaf of the call; keyword arguments are mapped along axis 0, as in JAX."""
    if isinstance(in_axes, list):
        in_axes = tuple(in_axes)
    if isinstance(in_axes, tuple) and len(in_axes) != len(args):
        raise ValueError(
            f"vmap: in_axes={in_axes} has {len(in_axes)} entries, the call has {len(args)} positional arguments"
        )
    axes: list[int | None] = []
    for k, arg in enumerate(args):
        prefix = in_axes[k] if isinstance(in_axes, tuple) else in_axes
        axes += tree.broadcast_prefix(prefix, flatten(arg)[1], f"in_axes[{k}]", is_leaf=_is_none)
    return axes + [0] * len(flatten(dict(kwargs))[0])


def _mapped(leaf: Any, axis: int | None, path: str) -> _Mapped:
    if axis is None:
        return _Mapped(None, None, leaf)
    type = type_of(leaf)
    if type is None:
        raise TypeError(
            f"vmap cannot map `{path}` along axis {axis}: it is {describe(leaf)}; say None for it in in_axes"
        )
    if not isinstance(axis, int) or isinstance(axis, bool):
        raise TypeError(f"vmap: in_axes for `{path}` must be an integer or None, got {axis!r}")
    if not -type.rank <= axis < type.rank:
        raise ValueError(f"vmap was asked to map `{path}` along axis {axis}, but it is {describe(leaf)}")
    axis %= type.rank
    if isinstance(leaf, np.ndarray):
        size = leaf.shape[axis]
        if size:
            lane = np.ascontiguousarray(leaf.take(0, axis=axis)) if leaf.ndim > 1 else leaf[0]
        else:
            lane = np.zeros(np.delete(leaf.shape, axis), leaf.dtype)[()]
        return _Mapped(axis, size, lane)
    lane = ArrayType(type.dtype, tuple(d for k, d in enumerate(type.shape) if k != axis))
    # Inside a staged program a leaf is an operand, and only the type of what stands for one lane is looked at.
    hint = leaf.hint if isinstance(leaf, Var) else ""
    return _Mapped(axis, type.shape[axis], Var(lane, hint) if isinstance(leaf, Operand) else lane)


def _batch_size(mapped: Sequence[_Mapped], paths: Sequence[str], axis_name: str | None, axis_size: int | None) -> Dim:
    """The number of lanes: a symbol, so that one version serves all; known where collectives may ask for it."""
    given = [(m.size, path) for m, path in zip(mapped, paths, strict=True) if m.size is not None]
    if axis_size is not None:
        given = [(axis_size, "axis_size"), *given]
    if not given:
        raise ValueError("vmap must map at least one argument, or be told axis_size: in_axes has only None")
    first, where = given[0]
    for size, path in given[1:]:
        if isinstance(size, int) and isinstance(first, int) and size != first:
            raise ValueError(
                f"vmap got inconsistent sizes for the mapped axes: `{where}` has {first}, `{path}` has {size}"
            )
        if not (isinstance(size, int) and isinstance(first, int)):
            equalities().require(Dim.of(size), Dim.of(first), "vmap")
    if isinstance(first, int):
        known = first < 2 or axis_name is not None or axis_size is not None
        return Dim.of(first if known else Symbol("batch"))
    return equalities().normalize(Dim.of(first))


def _stage(transformed: Transformed, args: tuple[Any, ...], kwargs: dict[str, Any], stage: Stage) -> Staged:
    options = transformed.options
    leaves, definition = flatten((args, kwargs))
    axes = _axes_of(args, kwargs, options["in_axes"])
    paths = definition.paths("")
    mapped = [_mapped(leaf, axis, path) for leaf, axis, path in zip(leaves, axes, paths, strict=True)]
    axis_name = options["axis_name"]
    size = _batch_size(mapped, paths, axis_name, options["axis_size"])
    lane_args, lane_kwargs = tree.unflatten(definition, [m.lane for m in mapped])
    with binding_axis(axis_name, size):
        inner = as_value(stage(transformed.function, lane_args, lane_kwargs))
    inner, outs, structure = result_leaves(inner, inner.result)
    of_parameter = [mapped[p.leaf].axis if isinstance(p, ArgumentLeaf) else None for p in inner.parameters]
    mapped_parameters = [axis is not None for axis in of_parameter]
    function, flags = batch(inner.function, mapped_parameters, size, options["lanes"], axis_name)
    out_axes = tree.broadcast_prefix(options["out_axes"], structure, "out_axes", is_leaf=_is_none)
    wanted = [(out.position, axis) for out, axis in zip(outs, out_axes, strict=True)]
    function = _move_axes(function, of_parameter, flags, wanted, size)
    result = tree.unflatten(structure, [ResultLeaf(k) for k in range(len(outs))])
    return compact(replace(inner, function=function, result=result))


def _move_axes(
    function: Function,
    in_axes: Sequence[int | None],
    flags: Sequence[bool],
    wanted: Sequence[tuple[int, Any]],
    size: Dim,
) -> Function:
    """The batched program with batch axes where the caller has them; `wanted`: (flat result, axis) in order."""
    env = Substitution()
    params = env.fresh_all(function.params)
    for k, (old, axis) in enumerate(zip(function.params, in_axes, strict=True)):
        if axis:
            type = params[k].type
            assert isinstance(type, ArrayType)
            shape = list(type.shape)
            shape.insert(axis, shape.pop(0))
            params[k] = Var(ArrayType(type.dtype, tuple(shape)), old.hint)

    def body(*_: Var) -> list[Operand]:
        for old, new, axis in zip(function.params, params, in_axes, strict=True):
            if axis:
                rest = [k for k in range(new.rank) if k != axis]
                env[old] = permute(new, axes=(axis, *rest))
        for eqn in function.region.eqns:
            append_eqn(clone_eqn(eqn, env))
        return [_placed(env.operand(function.results[k]), flags[k], axis, size) for k, axis in wanted]

    region = build_body(params, body)
    guards = tuple(Guard(g.kind, env.dim(g.dim), g.message, g.requirement, g.span) for g in function.guards)
    hints = tuple(function.result_hints[k] for k, _ in wanted) if function.result_hints else ()
    return Function(function.name, region, guards, hints, function.span)


def _placed(result: Operand, batched: bool, axis: Any, size: Dim) -> Operand:
    """A result with its batch axis at `axis` (None: it has none)."""
    if axis is None:
        if batched:
            raise ValueError("vmap: out_axes is None for a result that depends on the mapped arguments")
        return result
    if not isinstance(axis, int) or isinstance(axis, bool):
        raise TypeError(f"vmap: out_axes must be integers or None, got {axis!r}")
    if not batched:
        result = broadcast_to(result, shape=(size, *result.shape))
    if not -result.rank <= axis < result.rank:
        raise ValueError(f"vmap: out_axes={axis} for a result of rank {result.rank}")
    axis %= result.rank
    order = list(range(1, result.rank))
    order.insert(axis, 0)
    return permute(result, axes=tuple(order)) if axis else result


VMAP = define(Kind("vmap", _stage))


def vmap(
    fun: Callable[..., Any] | None = None,
    in_axes: Any = 0,
    out_axes: Any = 0,
    axis_name: str | None = None,
    axis_size: int | None = None,
    *,
    lanes: Lanes = "auto",
) -> Any:
    """The function over a stack of examples.

    Args:
        in_axes: the batch axis of the arguments: an integer for all, or a tuple with one entry per argument; an entry
            is an integer, None (the same for all lanes), or a tree of these that is a prefix of the argument. Negative
            axes count from the end. Keyword arguments are mapped along axis 0.
        out_axes: where the batch axis goes in the results: an integer, None (for what does not depend on the lane),
            or a tree of these that is a prefix of the result.
        axis_name: a name for the batch axis, by which `gs.psum` and the other collectives inside the function mean it.
        axis_size: the number of lanes, needed where no argument is mapped. With a name or a size, each number of lanes
            has a version of its own.
        lanes: "array" batches each operation, "loop" runs lane after lane, "auto" chooses: lanes loop where control
            flow depends on the data, so that each lane takes its own branches and trip counts.

    Raises ValueError where sizes or axes do not fit, CollectiveError for a collective that not all lanes come to.

    Example: `gs.vmap(gs.grad(loss), in_axes=(None, 0, 0))(w, xs, ys)` gives one gradient per example.
    """
    if lanes not in ("auto", "loop", "array"):
        raise ValueError(f'lanes is "auto", "loop" or "array", not {lanes!r}')
    in_axes = tuple(in_axes) if isinstance(in_axes, list) else in_axes
    if axis_size is not None:
        axis_size = operator.index(axis_size)
        if axis_size < 0:
            raise ValueError(f"vmap: axis_size={axis_size} is negative")
    options = {"in_axes": in_axes, "out_axes": out_axes, "axis_name": axis_name, "axis_size": axis_size, "lanes": lanes}
    return decorate(VMAP, fun, options)
