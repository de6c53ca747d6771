"""`sparsity`, `sparse_jacobian` and `sparse_hessian`: Jacobians with few entries, from few directions.

In: a function of arrays. Out: SciPy sparse arrays. Rows count through the elements of the result (leaf after leaf, each
in C order), columns through those of the chosen argument. Establishes: patterns that were found by analysis have every
entry that can be nonzero; what a pattern leaves out is seen by a product with a random vector.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
import scipy.sparse as sp

from gradscribe.transpiler import tree
from gradscribe.transpiler.api.composing import (
    argument_leaves,
    as_value,
    check_differentiable,
    chosen_arguments,
    compact,
    distinct,
    no_keywords,
    parameters_by_leaf,
    result_leaves,
)
from gradscribe.transpiler.api.executables import BACKENDS, Backend
from gradscribe.transpiler.api.forward import transform_identity
from gradscribe.transpiler.api.gradients import grad
from gradscribe.transpiler.api.inspection import staged_for
from gradscribe.transpiler.api.jitting import jit
from gradscribe.transpiler.api.leaves import flatten, type_of
from gradscribe.transpiler.api.transformed import (
    Kind,
    Stage,
    Transformed,
    define,
    definition_span,
    name_of,
    refuse_static,
    transform,
)
from gradscribe.transpiler.errors import internal_error, reporting
from gradscribe.transpiler.ir.dims import Dim, Symbol
from gradscribe.transpiler.ir.staged import ArgumentLeaf, ResultLeaf, Staged
from gradscribe.transpiler.ir.types import ArrayType
from gradscribe.transpiler.passes.sparsity.colouring import colour_columns, colour_star, count, recovered_from, seeds
from gradscribe.transpiler.passes.sparsity.dependence import dependence
from gradscribe.transpiler.transforms.compressed import pulled, pushed

Mode = Literal["auto", "forward", "reverse"]
Pattern = Any  # a boolean csr_array
REVERSE_COST = 2.0  # a pullback costs about twice a push


# ---- products with a stack of directions ----


def _stage(transformed: Transformed, args: tuple[Any, ...], kwargs: dict[str, Any], stage: Stage) -> Staged:
    no_keywords(kwargs, "sparse_jacobian")
    *given, directions = args
    options = transformed.options
    (chosen,) = chosen_arguments(options["argnums"], len(given), "sparse_jacobian")
    by_argument = argument_leaves(given)
    leaves, numbers, structure = by_argument[chosen]
    span = definition_span(transformed.function)
    for leaf, path in zip(leaves, structure.paths(f"args[{chosen}]"), strict=True):
        check_differentiable(leaf, path, "sparse_jacobian", span, False, allow_int=False)
    inner = as_value(stage(transformed.function, tuple(given), {}))
    inner, outs = distinct(*result_leaves(inner, inner.result)[:2])
    chosen_results = [o.position for o in outs if inner.function.results[o.position].type.is_float]
    parameters = parameters_by_leaf(inner)
    wrt = [parameters[leaf] for leaf in numbers]
    stacks = flatten(directions)[0]
    first = type_of(stacks[0])
    assert first is not None
    (size, *_) = first.shape
    size = size if size.constant is None or size.constant < 2 else Dim.of(Symbol("directions"))
    make = pushed if options["mode"] == "forward" else pulled
    function = make(inner.function, wrt, chosen_results, size)
    start = sum(len(found) for found, _, _ in by_argument)
    extra = tuple(ArgumentLeaf(f"directions[{k}]", start + k) for k in range(len(stacks)))
    products = [ResultLeaf(k) for k in range(len(inner.function.results), len(function.results))]
    return compact(replace(inner, function=function, parameters=(*inner.parameters, *extra), result=products))


PRODUCTS = define(Kind("products with a Jacobian", _stage))


# ---- patterns ----


@dataclass(frozen=True)
class _Found:
    """A pattern, and the values of leaves and captures that it relied upon."""

    pattern: Pattern
    relied: tuple[tuple[Callable[[Sequence[Any]], Any], Any], ...]

    def holds(self, leaves: Sequence[Any]) -> bool:
        return all(np.array_equal(read(leaves), value) for read, value in self.relied)


def _analysed(fun: Callable[..., Any], args: Sequence[Any], argnums: int) -> _Found:
    staged, leaves = staged_for(transform_identity(fun), args, {})
    staged, outs, _ = result_leaves(staged, staged.result)
    (chosen,) = chosen_arguments(argnums, len(args), "sparsity")
    parameters = parameters_by_leaf(staged)
    readers = [_reader(p) for p in staged.parameters]
    values = [read(leaves) for read in readers]
    _, numbers, structure = argument_leaves(args)[chosen]
    for leaf, path in zip(numbers, structure.paths(f"args[{chosen}]"), strict=True):
        check_differentiable(leaves[leaf], path, "sparsity", definition_span(fun), False, allow_int=False)
    wrt = [parameters[leaf] for leaf in numbers]
    with reporting("finding the sparsity", staged.function.span):
        found = dependence(staged.function, values, wrt)
    rows: list[list[int]] = []
    for out in outs:
        type = staged.function.results[out.position].type
        if not isinstance(type, ArrayType) or not type.is_float:
            continue
        sets = found.results[out.position]
        if sets is None:
            size = int(np.prod([d.evaluate(_size_of(staged, values)) for d in type.shape]))
            rows += [[] for _ in range(size)]
        else:
            rows += [list(found.universe.members(element)) for element in sets.reshape(-1).tolist()]
    bounds = np.cumsum([0, *map(len, rows)])
    columns = np.array([c for row in rows for c in row], np.int64)
    shape = (len(rows), found.universe.size)
    pattern = sp.csr_array((np.ones(len(columns), bool), columns, bounds), shape)
    relied = tuple((readers[k], np.array(values[k])) for k in sorted(found.relied))
    return _Found(pattern, relied)


def _reader(parameter: Any) -> Callable[[Sequence[Any]], Any]:
    """How the value of a parameter is had from the leaves of a call."""
    if isinstance(parameter, ArgumentLeaf):
        return lambda leaves: leaves[parameter.leaf]
    return lambda leaves: parameter.read()


def _size_of(staged: Staged, values: Sequence[Any]) -> Callable[[Any], int]:
    sizes = {
        dim.single_atom: size
        for param, value in zip(staged.function.params, values, strict=True)
        for dim, size in zip(param.type.dims(), np.shape(value), strict=True)
        if isinstance(dim.single_atom, Symbol)
    }
    return lambda atom: sizes[atom]


def _probed(fun: Callable[..., Any], args: Sequence[Any], argnums: int, probes: int = 3) -> Pattern:
    """The nonzeros of whole Jacobians at random points around the arguments."""
    (chosen,) = chosen_arguments(argnums, len(args), "sparsity")
    leaves, structure = flatten(args[chosen])
    rng = np.random.default_rng(0)
    products = transform(PRODUCTS, fun, {"argnums": chosen, "mode": "forward"})
    pattern = None
    for _ in range(probes):
        moved = [*args]
        moved[chosen] = tree.unflatten(structure, [_near(x, rng) for x in leaves])
        total = sum(int(np.size(x)) for x in leaves)
        stacks = products(*moved, _split(np.eye(total), leaves))
        dense = _joined(stacks).T != 0
        pattern = dense if pattern is None else pattern | dense
    return sp.csr_array(pattern)


def _near(x: Any, rng: np.random.Generator) -> Any:
    scale, shift = rng.standard_normal((2, *np.shape(x)))
    return np.asarray(x * (1 + 0.1 * scale) + 0.1 * shift, np.asarray(x).dtype)[()]


def sparsity(
    fun: Callable[..., Any], *args: Any, argnums: int = 0, method: Literal["analysis", "probing"] = "analysis"
) -> Pattern:
    """The pattern of the Jacobian of `fun` at arguments like these: a boolean `scipy.sparse.csr_array`.

    Rows count through the floating elements of the result, columns through the elements of argument `argnums`.

    Args:
        method: "analysis" runs the program on sets of positions. The pattern then has every entry that can be nonzero
            for any value of the argument (given the same shapes, and the same values of whatever else decides which
            elements are read); exact where positions are sizes, loop indices or known integers, larger where data
            decide (both branches, all positions). "probing" takes the nonzeros of dense Jacobians at three random
            points near the arguments: it sees no entry that is zero there, so **it can miss entries**.

    Raises UnsupportedSyntax where the sizes of arrays depend on the argument.

    Example: `gs.sparsity(np.diff, np.ones(4)).toarray()` has two entries in each of its three rows.
    """
    refuse_static(fun, "sparsity")
    if method == "analysis":
        return _analysed(fun, args, argnums).pattern
    if method != "probing":
        raise ValueError(f'method is "analysis" or "probing", not {method!r}')
    return _probed(fun, args, argnums)


# ---- evaluation ----


@dataclass(frozen=True)
class SparsePlan:
    """How a sparse Jacobian is evaluated: its `pattern`, the `mode` ("forward", "reverse" or "star"), the colour of
    each column (of each row for "reverse"). `passes` directions are pushed or pulled."""

    pattern: Pattern
    mode: str
    colours: np.ndarray

    @property
    def passes(self) -> int:
        return count(self.colours)


def _planned(pattern: Pattern, mode: str) -> tuple[SparsePlan, Any]:
    """The plan, and for every entry the place in the compressed matrix (direction, position)."""
    if mode == "star":
        plan = SparsePlan(pattern, mode, colour_star(pattern))
        return plan, recovered_from(pattern, plan.colours, symmetric=True)
    plans = []
    if mode in ("auto", "forward"):
        plans.append(SparsePlan(pattern, "forward", colour_columns(pattern)))
    if mode == "reverse" or (mode == "auto" and plans[0].passes > REVERSE_COST):
        plans.append(SparsePlan(pattern, "reverse", colour_columns(_transposed(pattern))))
    plan = min(plans, key=lambda p: p.passes * (REVERSE_COST if p.mode == "reverse" else 1.0))
    if plan.mode == "forward":
        return plan, recovered_from(pattern, plan.colours, symmetric=False)
    turned = _transposed(pattern)
    back = sp.csr_array((np.arange(pattern.nnz) + 1, pattern.indices, pattern.indptr), pattern.shape).T.tocsr()
    back.sort_indices()
    directions, positions = recovered_from(turned, plan.colours, symmetric=False)
    order = np.argsort(back.data)  # entries of the turned pattern in the order of the pattern
    return plan, (directions[order], positions[order])


def _transposed(pattern: Pattern) -> Pattern:
    turned = sp.csr_array(pattern.T.tocsr())
    turned.sort_indices()
    return turned


def _split(stack: np.ndarray, leaves: Sequence[Any]) -> list[np.ndarray]:
    """The columns of a stack of directions as stacks for each leaf."""
    out, start = [], 0
    for leaf in leaves:
        size = int(np.size(leaf))
        part = stack[:, start : start + size].reshape(len(stack), *np.shape(leaf))
        out.append(np.ascontiguousarray(part, np.asarray(leaf).dtype))
        start += size
    return out


def _joined(stacks: Sequence[np.ndarray]) -> np.ndarray:
    return np.concatenate([s.reshape(len(s), -1) for s in stacks], axis=1)


class SparseJacobian:
    """What `sparse_jacobian` and `sparse_hessian` return: called with the function's arguments, it gives a
    `scipy.sparse.csr_array`. `plan(*args)` says how."""

    def __init__(
        self,
        function: Callable[..., Any],
        argnums: int,
        mode: str,
        pattern: Any,
        backend: Backend,
        check: bool | None,
    ) -> None:
        self.function = function
        self.argnums = argnums
        self.mode = mode
        self.backend = backend
        self.check = check
        self._given = None if pattern is None else _as_pattern(pattern)
        self._found: dict[Any, list[tuple[_Found, SparsePlan, Any]]] = {}
        self._checked: set[int] = set()

    def __repr__(self) -> str:
        kind = "hessian" if self.mode == "star" else "jacobian"
        return f"gradscribe.sparse_{kind}({name_of(self.function)})"

    def plan(self, *args: Any) -> SparsePlan:
        """The pattern, the mode and the colours for arguments like these; found once for each combination of shapes and
        of the values that the pattern relies upon."""
        return self._planned(args)[0]

    def _planned(self, args: tuple[Any, ...]) -> tuple[SparsePlan, Any]:
        leaves, structure = flatten((args, {}))
        key = (structure, *((np.shape(x), np.asarray(x).dtype) for x in leaves))
        for found, plan, places in self._found.setdefault(key, []):
            if found.holds(leaves):
                return plan, places
        found = _analysed(self.function, args, self.argnums) if self._given is None else _Found(self._given, ())
        pattern = found.pattern
        if self.mode == "star":
            pattern = _symmetric(pattern)
        plan, places = _planned(pattern, self.mode)
        self._found[key].append((found, plan, places))
        return plan, places

    def __call__(self, *args: Any) -> Any:
        plan, places = self._planned(args)
        (chosen,) = chosen_arguments(self.argnums, len(args), "sparse_jacobian")
        columns = sum(int(np.size(x)) for x in flatten(args[chosen])[0])
        if columns != plan.pattern.shape[1]:
            raise ValueError(f"the pattern has {plan.pattern.shape[1]} columns, the argument {columns} elements")
        check = self.check if self.check is not None else self._given is not None or id(plan) not in self._checked
        if not plan.passes and not check:
            return sp.csr_array(plan.pattern.shape)
        stack = seeds(plan.colours)
        if check:
            stack = np.vstack([stack, np.random.default_rng(7).uniform(0.5, 1.0, stack.shape[1])])
        compressed = self._products(plan, args, chosen, stack)
        data = compressed[places[0], places[1]]
        pattern = plan.pattern
        out = sp.csr_array((data, pattern.indices, pattern.indptr), pattern.shape)
        if check:
            self._compare(plan, out, stack[-1], compressed[-1])
            self._checked.add(id(plan))
        return out

    def _products(self, plan: SparsePlan, args: tuple[Any, ...], chosen: int, stack: np.ndarray) -> np.ndarray:
        mode = "reverse" if plan.mode == "reverse" else "forward"
        products: Any = transform(PRODUCTS, self.function, {"argnums": chosen, "mode": mode})
        if self.backend == "native":
            products = jit(products)
        if mode == "forward":
            like = flatten(args[chosen])[0]
        else:
            like = [x for x in flatten(transform_identity(self.function)(*args))[0] if np.asarray(x).dtype.kind in "fc"]
        if stack.shape[1] != sum(int(np.size(x)) for x in like):
            raise ValueError(f"the pattern has {plan.pattern.shape[0]} rows; the result has another number of elements")
        return _joined(products(*args, _split(stack, like)))

    def _compare(self, plan: SparsePlan, out: Any, direction: np.ndarray, product: np.ndarray) -> None:
        """The product with a random vector that was not used: it sees every entry that the pattern leaves out."""
        matrix = out.T if plan.mode == "reverse" else out
        if matrix.shape[0] != len(product):
            raise ValueError(f"the pattern has shape {plan.pattern.shape}; the result has {len(product)} elements")
        scale = abs(matrix) @ direction + np.abs(product)
        error = np.abs(matrix @ direction - product)
        wrong = np.flatnonzero(error > 1e4 * np.finfo(product.dtype).eps * scale)
        if not len(wrong):
            return
        line = "column" if plan.mode == "reverse" else "row"
        message = f"the pattern misses an entry in {line} {wrong[0]} of the Jacobian of {name_of(self.function)}"
        if self._given is None:
            raise internal_error(definition_span(self.function), "comparing a sparse Jacobian", AssertionError(message))
        raise ValueError(message + ": leave out `sparsity=` to have the pattern found")


def _as_pattern(pattern: Any) -> Pattern:
    found = sp.csr_array(pattern)
    found = sp.csr_array((np.ones(found.nnz, bool), found.indices, found.indptr), found.shape)
    found.sum_duplicates()
    found.sort_indices()
    return found


def _symmetric(pattern: Pattern) -> Pattern:
    if pattern.shape[0] != pattern.shape[1]:
        raise ValueError(f"the pattern of a Hessian is square, got {pattern.shape}")
    return _as_pattern(pattern.astype(np.int8) + pattern.T.astype(np.int8))


def sparse_jacobian(
    fun: Callable[..., Any],
    argnums: int = 0,
    *,
    sparsity: Any = None,
    mode: Mode = "auto",
    backend: Backend = "python",
    check: bool | None = None,
) -> SparseJacobian:
    """The Jacobian of `fun` as a SciPy sparse array, from as many directions as its columns (or rows) need colours.

    Returns a function of the same (positional) arguments; its result is a `csr_array` whose rows count through the
    floating elements of the result and whose columns through those of argument `argnums` (trees: leaf after leaf). Its
    `plan(*args)` has `pattern`, `mode`, `colours` and `passes`.

    Args:
        sparsity: the pattern, if it is known (anything `csr_array` takes; only where entries are matters). Else it is
            found by `gs.sparsity` and kept with its colouring, per combination of shapes.
        mode: "forward" colours columns, "reverse" rows, "auto" takes what costs less.
        backend: "native" compiles the products.
        check: whether a product with one more (random) direction is compared, which shows every entry that the pattern
            misses. By default at every call for a pattern that was given, at the first call for one that was found.

    Raises ValueError if a given pattern does not fit or misses an entry.

    Example: `gs.sparse_jacobian(lambda x: np.diff(x) ** 2)(np.arange(5.0))`
    """
    if mode not in get_args(Mode):
        raise ValueError(f"mode is one of {', '.join(get_args(Mode))}, not {mode!r}")
    _check_backend(backend)
    refuse_static(fun, "sparse_jacobian")
    return SparseJacobian(fun, argnums, mode, sparsity, backend, check)


def sparse_hessian(
    fun: Callable[..., Any],
    argnums: int = 0,
    *,
    sparsity: Any = None,
    backend: Backend = "python",
    check: bool | None = None,
) -> SparseJacobian:
    """The Hessian of a scalar function as a SciPy sparse array, from as many Hessian-vector products as a star
    colouring of its graph has colours: by symmetry each entry may be read on either side. Arguments and results as in
    `sparse_jacobian`.

    Example: `gs.sparse_hessian(lambda x: np.sum(np.diff(x) ** 4))(np.arange(5.0))`
    """
    _check_backend(backend)
    refuse_static(fun, "sparse_hessian")
    return SparseJacobian(grad(fun, argnums), argnums, "star", sparsity, backend, check)


def _check_backend(backend: str) -> None:
    if backend not in BACKENDS:
        raise ValueError(f"backend is one of {', '.join(BACKENDS)}, not {backend!r}")
