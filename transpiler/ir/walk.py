"""Walking and rewriting IR: what an equation reads, free values of a region, cloning under a substitution.

Assumes: values are defined before they are read and every region sees its enclosing ones. Establishes: a clone
defines fresh
`Var`s only, so a region may be cloned any number of times into one program.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from gradscribe.transpiler.ir.dims import Atom, Dim, DimLike
from gradscribe.transpiler.ir.nodes import Eqn, Function, Guard, Literal, Operand, Region, Var, region_vars, remembered
from gradscribe.transpiler.ir.types import ArrayType, StackType

Mapping_ = Callable[[Atom], DimLike | None]


def dim_vars(dim: Dim) -> list[Var]:
    """SSA values that a polynomial mentions."""
    return [leaf for leaf in dim.leaves() if isinstance(leaf, Var)]


def param_dims(value: Any) -> Iterable[Dim]:
    """Every `Dim` inside an equation parameter (tuples are searched; indices and ranges know their own)."""
    if isinstance(value, Dim):
        return (value,)
    if isinstance(value, tuple):
        return [dim for item in value for dim in param_dims(item)]
    dims: Iterable[Dim] = value.dims() if hasattr(value, "dims") else ()
    return dims


def eqn_dims(eqn: Eqn) -> Iterator[Dim]:
    """Every `Dim` an equation mentions: in params and in the types of its results."""
    for value in eqn.params.values():
        yield from param_dims(value)
    for result in eqn.results:
        yield from result.type.dims()


def eqn_reads(eqn: Eqn, with_types: bool = True) -> tuple[Var, ...]:
    """Values an equation reads, those that its regions capture included; may repeat. With `with_types`, also those that
    only occur in the dims of result types."""
    return _reads_with_types(eqn) if with_types else _reads(eqn)


@remembered
def _reads_with_types(eqn: Eqn) -> tuple[Var, ...]:
    own = set(eqn.results)
    mentioned = (v for d in eqn_dims(eqn) for v in dim_vars(d) if v not in own)
    return (*_operands(eqn), *mentioned, *(v for r in eqn.regions for v in _captures_with_types(r)))


@remembered
def _reads(eqn: Eqn) -> tuple[Var, ...]:
    own = set(eqn.results)
    mentioned = (v for p in eqn.params.values() for d in param_dims(p) for v in dim_vars(d) if v not in own)
    return (*_operands(eqn), *mentioned, *(v for r in eqn.regions for v in _captures(r)))


def _operands(eqn: Eqn) -> Iterator[Var]:
    return (x for x in eqn.operands if isinstance(x, Var))


def free_vars(region: Region, with_types: bool = True) -> tuple[Var, ...]:
    """Captured values: read in the region, defined outside; in order of first use."""
    return _captures_with_types(region) if with_types else _captures(region)


@remembered
def _captures_with_types(region: Region) -> tuple[Var, ...]:
    in_params = (v for p in region.params for d in p.type.dims() for v in dim_vars(d))
    return _captured(region, in_params, _reads_with_types)


@remembered
def _captures(region: Region) -> tuple[Var, ...]:
    return _captured(region, (), _reads)


def _captured(region: Region, in_params: Iterable[Var], reads: Callable[[Eqn], tuple[Var, ...]]) -> tuple[Var, ...]:
    bound: set[Var] = set(region.params)
    free = dict.fromkeys(v for v in in_params if v not in bound)
    for eqn in region.eqns:
        free.update(dict.fromkeys(v for v in reads(eqn) if v not in bound))
        bound.update(eqn.results)
    free.update(dict.fromkeys(v for v in region.results if isinstance(v, Var) and v not in bound))
    return tuple(free)


def substitute_param(value: Any, mapping: Mapping_) -> Any:
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, tuple):
        return tuple(substitute_param(item, mapping) for item in value)
    if hasattr(value, "substitute"):
        return value.substitute(mapping)
    return value


def polynomial_of(var: Var) -> Dim:
    """An integer value as a polynomial: what it was computed from, if it is the value of one."""
    eqn = var.definition
    if eqn is not None and eqn.operation.name == "dim_value":
        dim: Dim = eqn.params["dim"]
        return dim
    return Dim.of(var)


class Substitution:
    """Old value -> new operand, and (for dims) old atom -> new dim. Unmapped values stay as they are."""

    def __init__(self, values: Mapping[Var, Operand] | None = None) -> None:
        self.values: dict[Var, Operand] = dict(values or {})
        self.atoms: dict[Atom, Dim] = {}

    def __setitem__(self, old: Var, new: Operand) -> None:
        self.values[old] = new

    def operand(self, old: Operand) -> Operand:
        return self.values.get(old, old) if isinstance(old, Var) else old

    def atom(self, atom: Atom) -> DimLike | None:
        if atom in self.atoms:
            return self.atoms[atom]
        if isinstance(atom, Var) and atom in self.values:
            new = self.values[atom]
            if isinstance(new, Var):
                return polynomial_of(new)
            if isinstance(new, Literal):
                return int(new.value)
        return None

    def dim(self, dim: Dim) -> Dim:
        return dim.substitute(self.atom)

    def type(self, type: ArrayType | StackType) -> Any:
        return type.substitute(self.atom)

    def params(self, params: Mapping[str, Any]) -> dict[str, Any]:
        return {key: substitute_param(value, self.atom) for key, value in params.items()}

    def fresh_all(self, old: Iterable[Var]) -> list[Var]:
        """New values for the parameters of a function. Shapes may mention numbers that come later among them."""
        params = list(old)
        made = {p: self.fresh(p) for p in sorted(params, key=lambda p: len(p.type.dims()))}
        return [made[p] for p in params]

    def fresh(self, old: Var) -> Var:
        """A new value standing for `old`, with the substituted type and bounds; entered into the substitution."""
        new = Var(
            self.type(old.type),
            old.hint,
            None if old.lower is None else self.dim(old.lower),
            None if old.upper is None else self.dim(old.upper),
        )
        self.values[old] = new
        return new


def clone_eqn(eqn: Eqn, env: Substitution) -> Eqn:
    """A copy that defines fresh values and reads substituted ones; `env` learns the new results."""
    operands = tuple(env.operand(x) for x in eqn.operands)
    params = env.params(eqn.params)
    regions = tuple(clone_region(r, env) for r in eqn.regions)
    results = tuple(env.fresh(r) for r in eqn.results)
    return Eqn(eqn.operation, operands, results, params, regions, eqn.span)


def clone_region(region: Region, env: Substitution) -> Region:
    params = tuple(env.fresh_all(region.params))
    eqns = tuple(clone_eqn(e, env) for e in region.eqns)
    return Region(params, eqns, tuple(env.operand(r) for r in region.results))


def clone_function(function: Function, name: str | None = None) -> Function:
    env = Substitution()
    region = clone_region(function.region, env)
    guards = tuple(Guard(g.kind, env.dim(g.dim), g.message, g.requirement, g.span) for g in function.guards)
    return Function(name or function.name, region, guards, function.result_hints, function.span)


def region_definitions(region: Region) -> set[Var]:
    """Every value defined in a region, nested ones included."""
    return set(region_vars(region))


def inner_eqns(region: Region) -> Iterator[Eqn]:
    """Every equation of a region, nested ones included, outer before inner."""
    for eqn in region.eqns:
        yield eqn
        for inner in eqn.regions:
            yield from inner_eqns(inner)


def count_eqns(region: Region) -> int:
    return sum(1 for _ in inner_eqns(region))


def rewrite_eqns(region: Region, rewritten: Callable[[Eqn], list[Eqn] | None]) -> Region:
    """The region with some equations, at any depth, replaced by others that define the same values; what stands around
    an equation inside is made anew. `rewritten` is asked about outer equations first."""
    eqns: list[Eqn] = []
    changed = False
    for eqn in region.eqns:
        new = rewritten(eqn)
        if new is None and eqn.regions:
            regions = tuple(rewrite_eqns(r, rewritten) for r in eqn.regions)
            if any(a is not b for a, b in zip(regions, eqn.regions, strict=True)):
                new = [Eqn(eqn.operation, eqn.operands, eqn.results, eqn.params, regions, eqn.span)]
        changed = changed or new is not None
        eqns += [eqn] if new is None else new
    return Region(region.params, tuple(eqns), region.results) if changed else region
