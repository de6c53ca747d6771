"""A callee's body becomes a function of its own parameters.

In: the body as it was interpreted, reading values and sizes of the program around it. Out: what it captures, and a
closed `Function` with parameters for that. Establishes: its sizes are its own: those of its arrays are symbols bound by
them, other sizes and ints of the program around it are integer parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gradscribe.transpiler.errors import Span
from gradscribe.transpiler.ir.builder import append_eqn, at_span, build_body, emit
from gradscribe.transpiler.ir.callees import Callee
from gradscribe.transpiler.ir.dims import Atom, Dim, Symbol
from gradscribe.transpiler.ir.nodes import Eqn, Function, Operand, Region, Var
from gradscribe.transpiler.ir.types import INT64, ArrayType
from gradscribe.transpiler.ir.walk import Substitution, clone_eqn, dim_vars, eqn_dims, free_vars, inner_eqns
from gradscribe.transpiler.primitives.primitive import PRIMITIVES


def captures_of(region: Region, sizes: Sequence[Var]) -> list[Atom]:
    """Values, and sizes that no array brings along, that the body reads of the program around it."""
    own = {*region.params, *sizes}
    captures = [atom for atom in _captured_atoms(region) if atom not in own]
    arrays = [*region.params, *(c for c in captures if isinstance(c, Var))]
    brought = {a for p in arrays for a in _exact_sizes(p)}
    return [atom for atom in captures if isinstance(atom, Var) or atom not in brought]


def _exact_sizes(var: Var) -> list[Atom]:
    return [d.single_atom for d in var.type.dims() if d.single_atom is not None]


def _captured_atoms(region: Region) -> list[Atom]:
    """Values and sizes of the program around a region that it mentions."""
    found: dict[Atom, None] = dict.fromkeys(free_vars(region))
    types = [p.type for p in region.params] + [r.type for r in region.results]
    for var in list(found):
        types.append(var.type)  # type: ignore[attr-defined]
    dims = [d for t in types for d in t.dims()] + [d for e in inner_eqns(region) for d in eqn_dims(e)]
    dims += [d for e in inner_eqns(region) for r in e.regions for p in r.params for d in p.type.dims()]
    for dim in dims:
        for leaf in dim.leaves():
            if isinstance(leaf, Symbol):
                found.setdefault(leaf)
    for var in [v for v in found if isinstance(v, Var)]:
        for dim in var.type.dims():
            found.update(dict.fromkeys(dim_vars(dim)))
    return list(found)


def closed(
    callee: Callee,
    region: Region,
    sizes: Sequence[Var],
    captures: list[Atom],
    place: Span | None,
    settled: Callable[[ArrayType], ArrayType] = lambda type: type,
) -> Function:
    """The function: the body over its own parameters and sizes, its recursive calls handing the captures on. `settled`:
    a type with everything that the body found out about the sizes of what it captures."""
    env = Substitution()
    arrays = [*region.params, *(c for c in captures if isinstance(c, Var))]
    types = {p: settled(p.type) if isinstance(p.type, ArrayType) else p.type for p in arrays}
    symbols: dict[Atom, Symbol] = {}
    for atom in (d.single_atom for p in arrays for d in types[p].dims() if d.single_atom is not None):
        if atom in symbols or not (isinstance(atom, Symbol) or atom in sizes):
            continue
        name, lower = (atom.name, atom.lower) if isinstance(atom, Symbol) else (atom.hint, 0)  # type: ignore[attr-defined]
        symbols[atom] = Symbol(name, lower)
        env.atoms[atom] = Dim.of(symbols[atom])
    extra: dict[Atom, Var] = {}
    for atom in captures:
        if isinstance(atom, Symbol):
            extra[atom] = Var(ArrayType(INT64, (), True), atom.name, Dim.of(atom.lower))
            env.atoms[atom] = Dim.of(extra[atom])
    scalars_first = sorted(arrays, key=lambda v: len(v.type.dims()))
    for var in scalars_first:
        extra[var] = env.fresh(var)
        if types[var] != var.type:
            env[var] = extra[var] = Var(env.type(types[var]), var.hint)
    order: list[Atom] = [*region.params, *captures]
    handed = [extra[c] for c in captures]

    def body(*_: Var) -> list[Operand]:
        for size in sizes:
            if size in symbols:
                (value,) = emit(PRIMITIVES["dim_value"], (), {"dim": Dim.of(symbols[size])}, hint=size.hint)
                env[size] = value
        for eqn in region.eqns:
            with at_span(eqn.span):
                append_eqn(_handing_on(clone_eqn(eqn, env), callee, handed))
        return [env.operand(r) for r in region.results]

    closed = build_body([extra[a] for a in order], body)
    hints = tuple(r.hint if isinstance(r, Var) else "" for r in closed.results)
    return Function(callee.name, closed, (), hints, place)


def _handing_on(eqn: Eqn, callee: Callee, captures: list[Var]) -> Eqn:
    """Recursive calls, in regions too, with the captures as their last operands."""
    if eqn.params.get("callee") is callee:
        return Eqn(eqn.operation, (*eqn.operands, *captures), eqn.results, eqn.params, (), eqn.span)
    if not eqn.regions:
        return eqn
    regions = tuple(
        Region(r.params, tuple(_handing_on(e, callee, captures) for e in r.eqns), r.results) for r in eqn.regions
    )
    return Eqn(eqn.operation, eqn.operands, eqn.results, eqn.params, regions, eqn.span)
