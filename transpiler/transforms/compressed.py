"""A Jacobian times a stack of directions, from either side.

In: a `Function`, the parameters to differentiate, the floating results, how many directions. Out: a `Function` of the
parameters and, for each chosen parameter (result), a stack of directions with the stack's axis in front; it returns the
results and, for each chosen result (parameter), the stack of products. Assumes a verified program. Establishes: the
value is computed once, in reverse the forward part too.
"""

from __future__ import annotations

from collections.abc import Sequence

from gradscribe.transpiler.errors import reporting
from gradscribe.transpiler.ir.builder import build_body
from gradscribe.transpiler.ir.dims import Dim
from gradscribe.transpiler.ir.nodes import Function, Guard, Operand, Var
from gradscribe.transpiler.ir.types import ArrayType
from gradscribe.transpiler.ir.walk import Substitution
from gradscribe.transpiler.passes.simplify import simplify
from gradscribe.transpiler.primitives.allocation import zeros
from gradscribe.transpiler.transforms.batch import vmap
from gradscribe.transpiler.transforms.jacobian import inlined, only_tangents
from gradscribe.transpiler.transforms.jvp import jvp
from gradscribe.transpiler.transforms.vjp import vjp


@reporting("writing the products with the Jacobian")
def pushed(function: Function, wrt: Sequence[int], results: Sequence[int], size: Dim) -> Function:
    """(params, directions of the params at `wrt`) -> (results, tangents of the chosen results)."""
    tangent = only_tangents(jvp(function, wrt), function, results)
    return _stacked(function, "forward", None, tangent, len(function.params), [function.params[k] for k in wrt], size)


@reporting("writing the products with the transposed Jacobian")
def pulled(function: Function, wrt: Sequence[int], results: Sequence[int], size: Dim) -> Function:
    """(params, directions of the chosen results) -> (results, cotangents of the params at `wrt`)."""
    parts = vjp(function, wrt, results)
    seeded = [function.results[k] for k in results]
    return _stacked(function, "reverse", parts.forward, parts.backward, parts.saved_count, seeded, size)


def _stacked(
    function: Function,
    way: str,
    forward: Function | None,
    linear: Function,
    fixed: int,
    seeded: Sequence[Operand],
    size: Dim,
) -> Function:
    """`linear` on every direction; its first `fixed` parameters are the parameters, or what `forward` keeps."""
    stacked, depends = vmap(linear, [False] * fixed + [True] * len(seeded), size)
    env = Substitution()
    params = env.fresh_all(function.params)
    seeds = []
    for x in seeded:
        assert isinstance(x.type, ArrayType)
        hint = f"d{x.hint}" if isinstance(x, Var) and x.hint else ""
        seeds.append(Var(ArrayType(x.dtype, (size, *env.type(x.type).shape)), hint))

    def body(*_: Var) -> list[Operand]:
        count = len(function.results)
        if forward is None:
            outs, kept = inlined(function, params), list[Operand](params)
        else:
            found = inlined(forward, params)
            outs, kept = found[:count], found[count:]
        products = inlined(stacked, [*kept, *seeds])
        for k, depend in enumerate(depends):
            if not depend:  # a derivative that is structurally zero
                products[k] = zeros(shape=(size, *products[k].shape), dtype=products[k].dtype)
        return outs + products

    guards = tuple(Guard(g.kind, env.dim(g.dim), g.message, g.requirement, g.span) for g in function.guards)
    region = build_body([*params, *seeds], body)
    return simplify(Function(f"{function.name}_{way}", region, guards, (), function.span))
