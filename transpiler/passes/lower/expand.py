"""Library operations without a kernel, written out in terms of simpler primitives; products of matrices brought to
BLAS's forms, linear systems left to LAPACK unless they are small.

In and out: a `Function` at array level. Establishes: what is left of library operations has a kernel, or lowers to a
loop by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gradscribe.transpiler.ir.builder import append_eqn, at_span, build_body, build_region, emit, emit_as
from gradscribe.transpiler.ir.nodes import Eqn, Function, Guard, Operand, Region
from gradscribe.transpiler.ir.walk import Substitution, clone_eqn
from gradscribe.transpiler.passes.lower.contractions import matrix_product
from gradscribe.transpiler.primitives.calls import CALLS
from gradscribe.transpiler.primitives.contraction import dot_general
from gradscribe.transpiler.primitives.linear_algebra import cholesky, det, det_sign, inv, log_abs_det, solve
from gradscribe.transpiler.primitives.primitive import Primitive
from gradscribe.transpiler.primitives.regions import if_, loop

_FACTORISATIONS = (solve, inv, det, log_abs_det, det_sign, cholesky)
_SMALL = 8  # up to this size, if it is a constant, loops beat a call of LAPACK


def expand_library(function: Function, depth: int = 8) -> Function:
    """The program in primitives that lowering knows; expansions are expanded in turn."""
    while depth and any(_expansion(e) is not None for e in _all_eqns(function.region)):
        function = _expanded(function)
        depth -= 1
    return function


def _all_eqns(region: Region) -> list[Eqn]:
    return [e for eqn in region.eqns for e in (eqn, *(i for r in eqn.regions for i in _all_eqns(r)))]


def _expansion(eqn: Eqn) -> Any:
    operation: Primitive = eqn.operation
    if operation is dot_general:
        return matrix_product
    if operation in _FACTORISATIONS and not _is_small(eqn) and not _is_complex(eqn):
        return None
    return operation.expand


def _is_complex(eqn: Eqn) -> bool:
    """Whether a matrix is complex: the kernels of LAPACK are those of real matrices."""
    return any(x.dtype.kind == "c" for x in eqn.operands)


def _is_small(eqn: Eqn) -> bool:
    """The sides of the matrices, and the number of right hand sides, are small constants."""
    sizes = [d.constant for x in eqn.operands for d in x.shape[-2:]]
    return all(size is not None and size <= _SMALL for size in sizes)


def _expanded(function: Function) -> Function:
    env = Substitution()
    params = env.fresh_all(function.params)
    region = build_body(params, lambda *_: _region(function.region, env))
    guards = tuple(Guard(g.kind, env.dim(g.dim), g.message, g.requirement, g.span) for g in function.guards)
    return Function(function.name, region, guards, function.result_hints, function.span)


def _region(region: Region, env: Substitution) -> list[Operand]:
    for eqn in region.eqns:
        with at_span(eqn.span):
            _equation(eqn, env)
    return [env.operand(r) for r in region.results]


def _inner(region: Region, env: Substitution) -> Region:
    params = env.fresh_all(region.params)
    return build_region(params, lambda *_: _region(region, env))


def _equation(eqn: Eqn, env: Substitution) -> None:
    if eqn.operation in CALLS:
        append_eqn(clone_eqn(eqn, env))
        return
    operands, params = [env.operand(x) for x in eqn.operands], env.params(eqn.params)
    expansion = _expansion(eqn)
    if expansion is not None:
        out = expansion(*operands, **params)
        results: Sequence[Operand] = out if isinstance(out, (tuple, list)) else (out,)
    elif eqn.operation in (loop, if_):
        regions = tuple(_inner(r, env) for r in eqn.regions)
        emit_as([env.fresh(r) for r in eqn.results], eqn.operation, operands, params, regions)
        return
    else:
        types = [env.type(r.type) for r in eqn.results]
        results = emit(eqn.operation, operands, params, hints=[r.hint for r in eqn.results], types=types)
    for old, new in zip(eqn.results, results, strict=True):
        env[old] = new
