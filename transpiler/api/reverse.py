"""`vjp`: the value of a function and its pullback.

In: a function and its arguments. Out: the result and a `Pullback`, a tree of residuals with the backward program.
Establishes: the pullback borrows its residuals, so that calling it twice gives equal results; residuals share no
memory with what the caller holds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from gradscribe.transpiler import tree
from gradscribe.transpiler.api.composing import (
    argument_leaves,
    as_value,
    compact,
    counted_leaves,
    distinct,
    hints_of,
    no_keywords,
    parameters_by_leaf,
    result_leaves,
    split_aux,
    tangent_leaves,
)
from gradscribe.transpiler.api.executables import Backend, Executable, NumberChecks, executable, number_checks
from gradscribe.transpiler.api.leaves import flatten, is_data, type_of
from gradscribe.transpiler.api.results import finishers, own, scalar_kind
from gradscribe.transpiler.api.transformed import Kind, Stage, Transformed, define, refuse_static, transform
from gradscribe.transpiler.errors import DTypeError, UnsupportedSyntax
from gradscribe.transpiler.ir.builder import append_eqn, build_body, current_span
from gradscribe.transpiler.ir.dims import Dim, Symbol
from gradscribe.transpiler.ir.equalities import equalities
from gradscribe.transpiler.ir.nodes import Function, Operand, Var
from gradscribe.transpiler.ir.staged import ArgumentLeaf, CaptureLeaf, ResultLeaf, Staged
from gradscribe.transpiler.ir.types import ArrayType, StackType
from gradscribe.transpiler.ir.walk import Substitution
from gradscribe.transpiler.primitives.structure import dim_value
from gradscribe.transpiler.transforms.vjp import vjp as differentiate


@dataclass(frozen=True, eq=False)
class Backward:
    """The backward program of one staged call and the trees around it. `result` is the structure of the result,
    `active` says which of its leaves take a cotangent; `gradients` is the tree of gradients (ResultLeaf, or None)."""

    function: Function
    name: str
    result: tree.TreeDef
    active: tuple[bool, ...]
    gradients: Any

    def runner(self, residuals: Sequence[Any]) -> Executable:
        """What runs it: native code where the residuals hold a stack of native code, which is a flat array there."""
        pairs = zip(residuals, self.function.params)
        native = any(isinstance(p.type, StackType) and isinstance(value, np.ndarray) for value, p in pairs)
        backend: Backend = "native" if native else "python"
        key = backend, number_checks()
        if key not in self._runs:
            self._runs[key] = executable(self.function, backend, numbers=key[1])
        return self._runs[key]

    @cached_property
    def _runs(self) -> dict[tuple[Backend, NumberChecks], Executable]:
        return {}


class Pullback:
    """cotangent of the result -> cotangents of the arguments, a tuple with one entry per argument.

    A tree node: its children are the residuals, then the sizes of the floating results; its static data is the backward
    program. It only reads the residuals: every call gives the same answer for the same cotangent."""

    __gradscribe_transformed__ = True

    def __init__(self, backward: Backward, residuals: Sequence[Any], sizes: Sequence[Any]) -> None:
        self.backward = backward
        self.residuals = tuple(residuals)
        self.sizes = tuple(sizes)

    def __call__(self, cotangent: Any) -> Any:
        backward, function = self.backward, self.backward.function
        given = self._cotangents(cotangent)
        inputs = [_conformed(v, p.type) for v, p in zip((*self.residuals, *given), function.params, strict=True)]
        results = backward.runner(self.residuals)(*inputs)
        finish = finishers(function)
        places, definition = flatten(backward.gradients)
        shared, leaves = list(inputs), []
        for place in places:
            value = results[place.position]
            finisher = finish[place.position]
            if finisher is not None:
                value = finisher(value)
            elif isinstance(value, np.ndarray):
                value = own(value, shared)
                shared.append(value)
            leaves.append(value)
        return tree.unflatten(definition, leaves)

    @property
    def cotangent_params(self) -> tuple[Var, ...]:
        return self.backward.function.params[len(self.residuals) :]

    def shapes(self) -> list[tuple[Any, ...]]:
        """The shapes of the floating results."""
        sizes = iter(self.sizes)
        return [tuple(next(sizes) for _ in p.type.dims()) for p in self.cotangent_params]

    def _cotangents(self, cotangent: Any) -> list[Any]:
        parts = self.backward.result.flatten_up_to(cotangent, "cotangent")
        paths = self.backward.result.paths("cotangent")
        want = iter(zip(self.cotangent_params, self.shapes(), strict=True))
        found = []
        for part, path, active in zip(parts, paths, self.backward.active, strict=True):
            if active:
                param, shape = next(want)
                assert isinstance(param.type, ArrayType)
                found.append(_checked(part, param.type, shape, path))
            elif part is not None:
                raise DTypeError(None, f"`{path}` belongs to a result that has no cotangent (an integer): pass None")
        return found

    def staged(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Staged:
        """The call inside a staged program, where residuals and sizes are values of that program."""
        no_keywords(kwargs, "a pullback")
        (cotangent,) = args
        known = [size for shape in self.shapes() for size in shape]
        dims = [dim for p in self.cotangent_params for dim in p.type.dims()]
        outside = any(isinstance(value, (np.ndarray, np.generic)) for value in self.residuals)
        if outside or any(
            isinstance(size, int) and dim.constant is None for size, dim in zip(known, dims, strict=True)
        ):
            raise UnsupportedSyntax(
                current_span(),
                "a pullback made outside cannot be called in a staged function",
                "Call gs.vjp inside, or the pullback outside.",
            )
        sizes_known = Substitution()
        for param, value in zip(self.backward.function.params, self.residuals, strict=False):
            if isinstance(value, Var):
                sizes_known[param] = value
            elif isinstance(value, Dim):
                sizes_known.atoms[param] = value
        types = iter([sizes_known.type(p.type) for p in self.cotangent_params])
        wanted = [next(types) if active else None for active in self.backward.active]
        given = tangent_leaves(wanted, self.backward.result, cotangent, "cotangent")
        paths = self.backward.result.paths("cotangent")
        missing = [p for p, t, g in zip(paths, wanted, given, strict=True) if (t is None) != (g is None)]
        if missing:
            what = "a cotangent is needed for every floating result, and no other"
            raise DTypeError(current_span(), f"`{missing[0]}`: {what}")
        shapes = iter(self.shapes())
        for type, value, path in zip(wanted, given, paths, strict=True):
            if value is not None and type is not None:
                _require_shape(value, type, next(shapes), path)
        numbers, _ = counted_leaves(given, 0)
        places = [CaptureLeaf(f"residual {k}", None, value) for k, value in enumerate(self.residuals)]
        leaves = [ArgumentLeaf(path, n) for path, n in zip(paths, numbers, strict=True) if n is not None]
        return Staged(self.backward.function, (*places, *leaves), self.backward.gradients)

    def __repr__(self) -> str:
        return f"<pullback of {self.backward.name}, {len(self.residuals)} residuals>"


def _checked(value: Any, type: ArrayType, shape: tuple[int, ...], path: str) -> Any:
    found = type_of(value) if is_data(value) else None
    if found is None:
        raise DTypeError(None, f"`{path}` must be {type}, got {value!r}")
    if found.dtype != type.dtype and not (found.weak and found.dtype.kind in "if" and type.dtype.kind in "fc"):
        raise DTypeError(None, f"`{path}` must have dtype {type.dtype}, got {found.dtype}")
    if np.shape(value) != shape:
        raise ValueError(f"`{path}` must have shape {shape}, got {np.shape(value)}")
    return value


def _conformed(value: Any, type: Any) -> Any:
    """A scalar in the class of its type, an array in C order."""
    if isinstance(type, ArrayType) and not type.shape:
        cls = scalar_kind(type)
        return value if value.__class__ is cls else cls(value)
    return np.ascontiguousarray(value) if isinstance(value, np.ndarray) else value


tree.register_node(
    Pullback,
    lambda pullback: ((*pullback.residuals, *pullback.sizes), (pullback.backward, len(pullback.residuals))),
    lambda static, children: Pullback(static[0], children[: static[1]], children[static[1] :]),
)


def _wrt(leaves: Sequence[Any]) -> list[bool]:
    types = [type_of(leaf) for leaf in leaves]
    return [t is not None and t.is_float for t in types]


def _gradients(by_argument: Sequence[Any], first: int) -> tuple[Any, ...]:
    """One tree per argument: a result place for every floating leaf."""
    position, out = first, []
    for leaves, _, definition in by_argument:
        places: list[ResultLeaf | None] = []
        for active in _wrt(leaves):
            places.append(ResultLeaf(position) if active else None)
            position += active
        out.append(tree.unflatten(definition, places))
    return tuple(out)


def _active_parameters(inner: Staged, by_argument: Sequence[Any]) -> list[int]:
    """The flat parameters of all floating leaves."""
    parameters = parameters_by_leaf(inner)
    return [
        parameters[k]
        for leaves, numbers, _ in by_argument
        for k, active in zip(numbers, _wrt(leaves), strict=True)
        if active
    ]


def _with_sizes(forward: Function, seeded: Sequence[int]) -> Function:
    """The forward program that also returns the sizes of the seeded results, axis by axis."""

    def body(*_: Var) -> list[Operand]:
        for eqn in forward.region.eqns:
            append_eqn(eqn)
        return [*forward.results, *(dim_value(dim=d) for k in seeded for d in forward.results[k].shape)]

    hints = hints_of(forward)
    region = build_body(forward.params, body)
    extra = len(region.results) - len(hints)
    return Function(forward.name, region, forward.guards, (*hints, *[""] * extra), forward.span)


def _require_shape(value: Any, type: Any, shape: tuple[Any, ...], path: str) -> None:
    """Inside a staged program, where the sizes in `shape` are its ints and polynomials. Sizes that data decide are
    compared by the backward program."""
    found = type_of(value)
    assert found is not None
    for a, b, size in zip(found.shape, type.shape, shape, strict=True):
        if not any(isinstance(leaf, Symbol) and leaf.lower < 2 for leaf in b.leaves()):
            equalities().require(a, Dim.of(size), f"the shape of {path}")


def _stage(transformed: Transformed, args: tuple[Any, ...], kwargs: dict[str, Any], stage: Stage) -> Staged:
    no_keywords(kwargs, "vjp")
    by_argument = argument_leaves(args)
    inner = as_value(stage(transformed.function, args, {}))
    value, aux = split_aux(inner, "vjp", transformed.options["has_aux"])
    inner, outs, definition = result_leaves(inner, value)
    wrt = _active_parameters(inner, by_argument)
    active = tuple(inner.function.results[o.position].type.is_float for o in outs)
    inner, outs = distinct(inner, outs)
    seeded = [o.position for o, flag in zip(outs, active, strict=True) if flag]
    parts = differentiate(inner.function, wrt, seeded)
    residuals = [ResultLeaf(parts.result_count + k) for k in range(parts.saved_count)]
    forward = _with_sizes(parts.forward, seeded)
    sizes = [ResultLeaf(k) for k in range(len(parts.forward.results), len(forward.results))]
    backward = Backward(parts.backward, inner.function.name, definition, active, _gradients(by_argument, 0))
    pullback = Pullback(backward, residuals, sizes)
    out = tree.unflatten(definition, outs)
    result = (out, pullback, aux) if transformed.options["has_aux"] else (out, pullback)
    return compact(replace(inner, function=forward, result=result))


VJP = define(Kind("vjp", _stage))


def vjp(fun: Callable[..., Any], *primals: Any, has_aux: bool = False) -> Any:
    """(fun(*primals), pullback), or (value, pullback, auxiliary) with `has_aux`.

    The pullback takes a cotangent in the structure, shapes and dtypes of the result (None for integer leaves) and
    returns a tuple with one entry per argument, in the structure of the argument (None for leaves that are not
    floating). It may be called any number of times. Raises ValueError or DTypeError for a cotangent that does not
    fit.

    Example: `y, pull = gs.vjp(f, x); (x_bar,) = pull(np.ones_like(y))`
    """
    derivative, args, _ = _apply_vjp(fun, *primals, has_aux=has_aux)
    return derivative(*args)


def _apply_vjp(fun: Any, *primals: Any, has_aux: bool = False) -> tuple[Transformed, tuple[Any, ...], Any]:
    return transform(VJP, fun, {"has_aux": bool(has_aux)}), primals, {}


vjp.__gradscribe_apply__ = _apply_vjp  # type: ignore[attr-defined]


# ---- the fused form: (arguments, cotangent) -> gradients, itself a function to be transformed ----


def _stage_fused(transformed: Transformed, args: tuple[Any, ...], kwargs: dict[str, Any], stage: Stage) -> Staged:
    no_keywords(kwargs, "pullback")
    primals, cotangent = args
    by_argument = argument_leaves(primals)
    inner = as_value(stage(transformed.function, tuple(primals), {}))
    inner, outs, definition = result_leaves(inner, inner.result)
    inner, outs = distinct(inner, outs)
    given = tangent_leaves([inner.function.results[o.position].type for o in outs], definition, cotangent, "cotangent")
    numbers, _ = counted_leaves(given, sum(len(leaves) for leaves, _, _ in by_argument))
    seeded = [(o.position, n) for o, n in zip(outs, numbers, strict=True) if n is not None]
    chosen = transformed.options["argnums"]
    wanted = by_argument if chosen is None else [by_argument[k] for k in chosen]
    parts = differentiate(inner.function, _active_parameters(inner, wanted), [position for position, _ in seeded])
    extra = tuple(ArgumentLeaf(f"cotangent of result {position}", n) for position, n in seeded)
    result: Any = _gradients(wanted, parts.result_count)
    if transformed.options["value"]:
        result = (tree.unflatten(definition, outs), result)
    return compact(replace(inner, function=parts.fused, parameters=(*inner.parameters, *extra), result=result))


PULL = define(Kind("pullback", _stage_fused))


def pulled(fun: Callable[..., Any], argnums: tuple[int, ...] | None = None, value: bool = False) -> Transformed:
    """The function (arguments, cotangent) -> cotangents of the arguments at `argnums` (None: all), a tuple; with
    `value`, (result, cotangents)."""
    refuse_static(fun, "vjp")
    return transform(PULL, fun, {"argnums": argnums, "value": value})
