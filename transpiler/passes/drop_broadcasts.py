"""Let NumPy broadcast: an elementwise operation takes the narrow operand of a `broadcast_to` where its other operands
have the full shape.

In and out: a `Function`. `np.broadcast_to(g, (n,)) * w` is `g * w`: the adjoint of a sum needs no array of its own.
"""

from __future__ import annotations

from collections.abc import Sequence

from gradscribe.transpiler.ir.dims import Dim
from gradscribe.transpiler.ir.nodes import Eqn, Function, Operand, Region, Var
from gradscribe.transpiler.ir.types import ArrayType
from gradscribe.transpiler.passes.dead_code import prune_region
from gradscribe.transpiler.primitives.arithmetic import negative
from gradscribe.transpiler.primitives.primitive import Elementwise
from gradscribe.transpiler.primitives.structure import broadcast_to, update, update_add


def drop_broadcasts(function: Function) -> Function:
    """The program with fewer materialised broadcasts."""
    region = prune_region(_rewritten(function.region))
    return Function(function.name, region, function.guards, function.result_hints, function.span)


def _rewritten(region: Region) -> Region:
    eqns = []
    for eqn in region.eqns:
        operands, regions = eqn.operands, eqn.regions
        if eqn.operation is negative and (source := _broadcast(operands[0])) is not None:  # of fewer numbers
            minus = Var(source.type)
            eqns.append(Eqn(negative, (source,), (minus,), {}, (), eqn.span))
            eqn = Eqn(broadcast_to, (minus,), eqn.results, {"shape": eqn.result.shape}, (), eqn.span)
            operands = eqn.operands
        if isinstance(eqn.operation, Elementwise):
            operands = _narrowed(eqn)
        elif eqn.operation in (update, update_add):
            operands = _narrow_value(eqn)
        if regions:
            regions = tuple(_rewritten(r) for r in regions)
        if operands is not eqn.operands or regions is not eqn.regions:
            eqn = Eqn(eqn.operation, operands, eqn.results, eqn.params, regions, eqn.span)
        eqns.append(eqn)
    return Region(region.params, tuple(eqns), region.results)


def _narrowed(eqn: Eqn) -> tuple[Operand, ...]:
    operands = list(eqn.operands)
    for k, x in enumerate(operands):
        source = _broadcast(x)
        if source is None:
            continue
        narrow = [*operands[:k], source, *operands[k + 1 :]]
        (type,) = eqn.operation.infer(tuple(y.type for y in operands), eqn.params, ())
        if not isinstance(type, ArrayType) or _common_shape([y.shape for y in narrow]) != type.shape:
            continue
        (narrower,) = eqn.operation.infer(tuple(y.type for y in narrow), eqn.params, ())
        if narrower == type:
            operands = narrow
    return tuple(operands) if operands != list(eqn.operands) else eqn.operands


def _narrow_value(eqn: Eqn) -> tuple[Operand, ...]:
    """A write broadcasts its value by itself."""
    base, value, *takes = eqn.operands
    source = _broadcast(value)
    return eqn.operands if source is None or source.dtype != base.dtype else (base, source, *takes)


def _broadcast(x: Operand) -> Operand | None:
    """What x is a broadcast of."""
    eqn = x.definition if isinstance(x, Var) else None
    return eqn.operands[0] if eqn is not None and eqn.operation is broadcast_to else None


def _common_shape(shapes: Sequence[tuple[Dim, ...]]) -> tuple[Dim, ...]:
    """The shape that these broadcast to, if their sizes are equal polynomials or 1 (they were checked when they were
    built)."""
    rank = max(map(len, shapes))
    out = []
    for axis in range(rank):
        sizes = [s[axis - rank + len(s)] for s in shapes if axis - rank + len(s) >= 0]
        out.append(next((d for d in sizes if d != 1), Dim.of(1)))
    return tuple(out)
