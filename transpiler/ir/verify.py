"""The verifier: scopes and types of a program, run between passes under tests.

In: a `Function`. Out: nothing, or `InvalidIR`. Establishes: every value is defined once and before it is read, dims
of types
and params mention only values in scope, region signatures fit their equation, and each equation's types are those its
operation
infers.
"""

from __future__ import annotations

from dataclasses import dataclass

from gradscribe.transpiler.ir.dims import Dim, Symbol
from gradscribe.transpiler.ir.nodes import Eqn, Function, Operand, Region, Var
from gradscribe.transpiler.ir.printer import print_eqn
from gradscribe.transpiler.ir.types import ArrayType, StackType, Type
from gradscribe.transpiler.ir.walk import param_dims


class InvalidIR(AssertionError):
    """The compiler built a program that breaks the IR's rules."""


@dataclass(frozen=True)
class _Place:
    """Where an equation stands, for a message that is seldom needed."""

    around: str
    eqn: Eqn

    def __str__(self) -> str:
        return f"{self.around}: {print_eqn(self.eqn)}"


def same_type(a: Type, b: Type) -> bool:
    """Equal up to weakness of scalars."""
    if isinstance(a, StackType) or isinstance(b, StackType):
        return a == b
    return a.dtype == b.dtype and a.shape == b.shape


def verify(function: Function) -> None:
    """Raise `InvalidIR` if `function` breaks a rule of the IR."""
    scope: set[object] = set()
    for param in function.params:
        for dim in param.type.dims():
            scope.update(leaf for leaf in dim.leaves() if isinstance(leaf, Symbol))
    _verify_region(function.region, scope, set(), function.name)
    for guard in function.guards:
        _check_dim(guard.dim, scope | set(function.params), f"guard of {function.name}")


def _check_dim(dim: Dim, scope: set[object], where: str | _Place) -> None:
    for leaf in dim.leaves():
        if leaf not in scope:
            raise InvalidIR(f"{where}: {leaf!r} in dim {dim} is out of scope")


def _define(var: Var, scope: set[object], defined: set[Var], where: str | _Place) -> None:
    if var in defined:
        raise InvalidIR(f"{where}: {var!r} is defined twice")
    defined.add(var)
    scope.add(var)


def _check_operand(operand: Operand, scope: set[object], where: str | _Place) -> None:
    if isinstance(operand, Var) and operand not in scope:
        raise InvalidIR(f"{where}: {operand!r} is read out of scope")


def _verify_region(region: Region, outer: set[object], defined: set[Var], where: str) -> None:
    scope = set(outer)
    for param in region.params:
        _define(param, scope, defined, where)
    for param in region.params:
        for dim in param.type.dims():
            _check_dim(dim, scope, where)
    for eqn in region.eqns:
        at = _Place(where, eqn)
        for operand in eqn.operands:
            _check_operand(operand, scope, at)
        for value in eqn.params.values():
            for dim in param_dims(value):
                _check_dim(dim, scope, at)
        for inner in eqn.regions:
            _verify_region(inner, scope, defined, f"{where}/{eqn.operation.name}")
        inferred = eqn.operation.infer(tuple(x.type for x in eqn.operands), eqn.params, eqn.regions)
        if len(inferred) != len(eqn.results):
            raise InvalidIR(f"{at}: {len(inferred)} results inferred")
        for var in eqn.results:
            _define(var, scope, defined, at)
        for var, type in zip(eqn.results, inferred, strict=True):
            for dim in var.type.dims():
                _check_dim(dim, scope, at)
            whole = not eqn.regions and "callee" not in eqn.params  # else sizes may be known inside only
            if whole and not same_type(var.type, type):
                raise InvalidIR(f"{at}: result is {var.type}, inferred {type}")
            if not whole and isinstance(var.type, ArrayType) and isinstance(type, ArrayType):
                if var.type.dtype != type.dtype or var.type.rank != type.rank:
                    raise InvalidIR(f"{at}: result is {var.type}, inferred {type}")
    for operand in region.results:
        _check_operand(operand, scope, f"{where}: result")
