"""Whole Jacobians: every basis direction of one side through jvp, or of the other side through the pullback.

In: a `Function`, the parameters to differentiate, the floating results to differentiate. Out: a `Function` that returns
all results, then for each chosen result r and each chosen parameter w the block of shape (*r.shape, *w.shape). Assumes
a verified program. Establishes: the value is computed once; in reverse, the forward part too.

Straight-line programs take all directions at once, as a batch seeded with an identity. Programs whose control depends
on data (or whose primitives have no batching rule) take one direction after the other, each a one-hot array, in loops
over the axes of w (or r). Source: Griewank & Walther, Evaluating Derivatives, ch. 3 (seeding with the identity).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gradscribe.transpiler.errors import NoRule, NotDifferentiable, reporting
from gradscribe.transpiler.ir.builder import append_eqn, build_body, emit
from gradscribe.transpiler.ir.dims import Dim, Symbol
from gradscribe.transpiler.ir.index import At, Slice, whole
from gradscribe.transpiler.ir.nodes import Function, Guard, Literal, Operand, Var
from gradscribe.transpiler.ir.types import ArrayType
from gradscribe.transpiler.ir.walk import Substitution, clone_eqn
from gradscribe.transpiler.passes.dead_code import without_io
from gradscribe.transpiler.passes.simplify import simplify
from gradscribe.transpiler.primitives.allocation import empty, eye, zeros
from gradscribe.transpiler.primitives.regions import for_loop
from gradscribe.transpiler.primitives.structure import index, permute, reshape, update
from gradscribe.transpiler.transforms.batch import vmap
from gradscribe.transpiler.transforms.jvp import jvp
from gradscribe.transpiler.transforms.vjp import vjp

Blocks = list[list[Operand]]  # [result][parameter]
LinearMap = Callable[[Sequence[Operand]], list[Operand]]


@reporting("writing the Jacobian")
def jacfwd(function: Function, wrt: Sequence[int], results: Sequence[int]) -> Function:
    """The program params -> (results, blocks by forward mode): one direction per element of the chosen parameters.

    Raises NotDifferentiable for a parameter or result that is not floating.
    Example: for `f(x) = sin(x)` with x of shape (n,), the block has shape (n, n) and holds cos(x) on its diagonal.
    """
    _refuse_integers(function, wrt, results)
    tangent = only_tangents(jvp(function, wrt), function, results)
    batched = _batched(tangent, len(function.params), [function.params[k] for k in wrt])

    def body(*params: Var) -> list[Operand]:
        outs = inlined(function, params)
        targets = [outs[k] for k in results]
        sources = [params[k] for k in wrt]
        if batched is not None:
            columns = inlined(batched, [*params, *_identity_seeds(sources)])
            blocks = _cut_columns(columns, targets, sources)
        else:
            blocks = _by_direction(
                lambda seeds: inlined(tangent, [*params, *seeds]), sources, targets, transposed=False
            )
        return outs + [block for row in blocks for block in row]

    return _finish(function, f"{function.name}_jacfwd", body)


@reporting("writing the Jacobian")
def jacrev(function: Function, wrt: Sequence[int], results: Sequence[int]) -> Function:
    """The program params -> (results, blocks by reverse mode): one pullback per element of the chosen results, of one
    forward pass.

    Raises NotDifferentiable for a parameter or result that is not floating.
    """
    _refuse_integers(function, wrt, results)
    parts = vjp(function, wrt, results)
    forward, backward = parts.forward, parts.backward
    count = len(function.results)
    batched = _batched(backward, parts.saved_count, [function.results[k] for k in results])

    def body(*params: Var) -> list[Operand]:
        kept = inlined(forward, params)
        outs, saved = kept[:count], kept[count:]
        targets = [outs[k] for k in results]
        sources = [params[k] for k in wrt]
        if batched is not None:
            rows = inlined(batched, [*saved, *_identity_seeds(targets)])
            blocks = _cut_rows(rows, targets, sources)
        else:
            columns = _by_direction(
                lambda seeds: inlined(backward, [*saved, *seeds]), targets, sources, transposed=True
            )
            blocks = [[column[k] for column in columns] for k in range(len(targets))]
        return outs + [block for row in blocks for block in row]

    return _finish(function, f"{function.name}_jacrev", body)


def _refuse_integers(function: Function, wrt: Sequence[int], results: Sequence[int]) -> None:
    for kind, k, x in [("parameter", k, function.params[k]) for k in wrt] + [
        ("result", k, function.results[k]) for k in results
    ]:
        if not isinstance(x.type, ArrayType) or not x.type.is_float:
            raise NotDifferentiable(
                function.span, f"{kind} number {k} of `{function.name}` is not floating data: {x.type}"
            )


def _finish(function: Function, name: str, body: Callable[..., Sequence[Operand]]) -> Function:
    env = Substitution()
    params = env.fresh_all(function.params)
    guards = tuple(Guard(g.kind, env.dim(g.dim), g.message, g.requirement, g.span) for g in function.guards)
    return simplify(Function(name, build_body(params, body), guards, (), function.span))


def inlined(function: Function, operands: Sequence[Operand]) -> list[Operand]:
    """The results of `function` on these operands, its equations put here."""
    env = Substitution(dict(zip(function.params, operands, strict=True)))
    for param, operand in zip(function.params, operands, strict=True):
        for wanted, found in zip(param.type.dims(), operand.type.dims(), strict=True):
            if isinstance(wanted.single_atom, Symbol):  # the size of a cotangent, where data decide it
                env.atoms.setdefault(wanted.single_atom, found)
    for eqn in function.region.eqns:
        append_eqn(clone_eqn(eqn, env))
    return [env.operand(r) for r in function.results]


def only_tangents(pushed: Function, function: Function, results: Sequence[int]) -> Function:
    """Of (results, tangents of floating results), the tangents of the chosen ones; what the function prints it prints
    where its value is computed."""
    pushed = without_io(pushed)
    floating = [k for k, r in enumerate(function.results) if r.type.is_float]
    tangents = pushed.results[len(function.results) :]
    region = build_body(
        pushed.params, lambda *_: _clone_results(pushed, [tangents[floating.index(k)] for k in results])
    )
    return simplify(Function(pushed.name, region, pushed.guards, (), pushed.span))


def _clone_results(function: Function, results: Sequence[Operand]) -> list[Operand]:
    for eqn in function.region.eqns:
        append_eqn(eqn)
    return list(results)


def _batched(function: Function, fixed: int, seeded: Sequence[Operand]) -> Function | None:
    """The linear map `function` over all directions at once, if that needs no loop over them; its first `fixed`
    parameters are the same for all directions. Every result carries the batch axis."""
    size = _total([x.shape for x in seeded])
    if any(isinstance(leaf, Var) for leaf in size.leaves()):  # how many directions there are is found out on the way
        return None
    flags = [False] * fixed + [True] * len(seeded)
    try:
        new, depends = vmap(function, flags, size, lanes="array")
    except NoRule:
        return None
    if all(depends):
        return new
    zero_rows = [k for k, d in enumerate(depends) if not d]

    def widened(*_: Var) -> list[Operand]:
        outs = _clone_results(new, new.results)
        for k in zero_rows:  # a derivative that is structurally zero
            outs[k] = zeros(shape=(size, *outs[k].shape), dtype=outs[k].dtype)
        return outs

    return Function(new.name, build_body(new.params, widened), new.guards, (), new.span)


def _total(shapes: Sequence[tuple[Dim, ...]]) -> Dim:
    return sum((_count(s) for s in shapes), start=Dim.of(0))


def _count(shape: tuple[Dim, ...]) -> Dim:
    total = Dim.of(1)
    for d in shape:
        total = total * d
    return total


def _offsets(values: Sequence[Operand]) -> list[tuple[Dim, Dim]]:
    """Where the directions of each value start among all of them, and how many it has."""
    out, start = [], Dim.of(0)
    for x in values:
        count = _count(x.shape)
        out.append((start, count))
        start = start + count
    return out


def _identity_seeds(values: Sequence[Operand]) -> list[Operand]:
    """For each value its columns of the identity over all directions, in the shape (directions, *value.shape)."""
    total = _total([x.shape for x in values])
    seeds = []
    for x, (start, count) in zip(values, _offsets(values), strict=True):
        columns = emit(eye, (), {"rows": total, "columns": total, "k": 0, "dtype": x.dtype})[0]
        if len(values) > 1:
            columns = emit(index, (columns,), {"at": (Slice(Dim.of(0), total), Slice(start, count))})[0]
        seeds.append(_shaped(columns, (total, *x.shape)))
    return seeds


def _shaped(x: Operand, shape: tuple[Dim, ...]) -> Operand:
    return x if x.shape == shape else emit(reshape, (x,), {"shape": shape})[0]


def _part(x: Operand, start: Dim, count: Dim) -> Operand:
    if start == 0 and x.shape[0] == count:
        return x
    return emit(index, (x,), {"at": (Slice(start, count), *whole(x.shape[1:]))})[0]


def _cut_columns(columns: Sequence[Operand], targets: Sequence[Operand], sources: Sequence[Operand]) -> Blocks:
    """Tangents of shape (directions, *r.shape), cut by parameter, directions moved behind: (*r.shape, *w.shape)."""
    blocks: Blocks = []
    for column, target in zip(columns, targets, strict=True):
        row = []
        for source, (start, count) in zip(sources, _offsets(sources), strict=True):
            block = _part(column, start, count)
            if block.rank > 1:
                block = emit(permute, (block,), {"axes": (*range(1, block.rank), 0)})[0]
            row.append(_shaped(block, (*target.shape, *source.shape)))
        blocks.append(row)
    return blocks


def _cut_rows(rows: Sequence[Operand], targets: Sequence[Operand], sources: Sequence[Operand]) -> Blocks:
    """Cotangents of shape (directions, *w.shape), cut by result: (*r.shape, *w.shape)."""
    return [
        [
            _shaped(_part(row, start, count), (*target.shape, *source.shape))
            for row, source in zip(rows, sources, strict=True)
        ]
        for target, (start, count) in zip(targets, _offsets(targets), strict=True)
    ]


def _by_direction(
    apply: LinearMap, seeded: Sequence[Operand], images: Sequence[Operand], *, transposed: bool
) -> Blocks:
    """One direction after the other. `apply(seeds)` gives one image per value of `images`; block [image][seeded] has
    shape (*image, *seed), or (*seed, *image) if `transposed`."""
    blocks: Blocks = [[] for _ in images]
    for k, x in enumerate(seeded):

        def direction(position: Sequence[Var], k: int = k, x: Operand = x) -> list[Operand]:
            one = Literal(x.dtype.type(1.0))
            at = tuple(At(Dim.of(p)) for p in position)
            hot = emit(update, (_zero(x), one), {"at": at})[0] if at else one
            return apply([hot if j == k else _zero(other) for j, other in enumerate(seeded)])

        for row, block in zip(blocks, _over_axes(direction, x, images, transposed), strict=True):
            row.append(block)
    return blocks


def _zero(x: Operand) -> Operand:
    if not x.shape:
        return Literal(x.dtype.type(0.0))
    return emit(zeros, (), {"shape": x.shape, "dtype": x.dtype})[0]


def _over_axes(
    direction: Callable[[Sequence[Var]], list[Operand]], x: Operand, images: Sequence[Operand], transposed: bool
) -> list[Operand]:
    """Blocks filled by loops over the axes of x, outermost first."""
    if not x.shape:
        return direction(())
    shapes = [(*x.shape, *y.shape) if transposed else (*y.shape, *x.shape) for y in images]
    buffers = [emit(empty, (), {"shape": s, "dtype": y.dtype})[0] for s, y in zip(shapes, images, strict=True)]

    def fill(position: tuple[Var, ...], blocks: Sequence[Operand]) -> Sequence[Operand]:
        if len(position) < x.rank:
            size = x.shape[len(position)]
            return for_loop(0, size, blocks, lambda p, *inner: fill((*position, p), inner))
        at = tuple(At(Dim.of(p)) for p in position)
        out = []
        for block, y, value in zip(blocks, images, direction(position), strict=True):
            where = (*at, *whole(y.shape)) if transposed else (*whole(y.shape), *at)
            out.append(emit(update, (block, value), {"at": where, "once": True})[0])
        return out

    return list(fill((), buffers))
