"""Integers that differ from lane to lane: positions and starts of slices become index arrays.

In: polynomials over values some of which are batched, and the equations that have such polynomials as params. Out: the
polynomial's value for all lanes, of shape (lanes,); an index whose components are the same in all lanes but for index
arrays. Assumes: lengths are the same in all lanes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gradscribe.transpiler.errors import NoRule
from gradscribe.transpiler.ir.builder import current_span, emit
from gradscribe.transpiler.ir.dims import Atom, Dim, FloorDiv, Positive
from gradscribe.transpiler.ir.index import At, Component, Index, Slice, Take
from gradscribe.transpiler.ir.nodes import Operand, Var
from gradscribe.transpiler.ir.walk import Substitution, dim_vars
from gradscribe.transpiler.primitives.allocation import arange, dim_value
from gradscribe.transpiler.primitives.arithmetic import add, multiply
from gradscribe.transpiler.primitives.piecewise import floor_divide, maximum
from gradscribe.transpiler.primitives.structure import index_layout, reshape


def lane_values(dim: Dim, lanes: set[Var], env: Substitution) -> Operand:
    """The value of a polynomial in every lane, some value in it being batched."""
    same = Dim({m: c for m, c in dim.terms.items() if not any(v in lanes for v in dim_vars(Dim({m: 1})))})
    total: Operand | None = None if same == 0 else dim_value(dim=env.dim(same))
    for monomial, factor in dim.terms.items():
        if monomial in same.terms:
            continue
        term: Operand | None = None if factor == 1 else dim_value(dim=Dim.of(factor))
        for atom in monomial:
            value = _atom_values(atom, lanes, env)
            term = value if term is None else multiply(term, value)
        total = term if total is None else add(total, term)
    assert total is not None
    return total


def _atom_values(atom: Atom, lanes: set[Var], env: Substitution) -> Operand:
    if not any(v in lanes for v in dim_vars(Dim.of(atom))):
        known: Operand = dim_value(dim=env.dim(Dim.of(atom)))
        return known
    if isinstance(atom, FloorDiv):
        value: Operand = floor_divide(lane_values(atom.dividend, lanes, env), atom.divisor)
    elif isinstance(atom, Positive):
        value = maximum(lane_values(atom.inner, lanes, env), 0)
    else:
        assert isinstance(atom, Var)
        value = env.operand(atom)
    return value


@dataclass(frozen=True)
class LaneIndex:
    """An index for all lanes: `takes` are further index operands, one row per lane (the first of them is number
    `first`). `order`: the axes of one lane's result in the order in which the given index has them."""

    at: Index
    takes: tuple[Operand, ...]
    order: tuple[int, ...]


def lane_index(at: Index, given_takes: Sequence[Operand], rank: int, lanes: set[Var], env: Substitution) -> LaneIndex:
    """`at` with index arrays where a position or the start of a slice is batched. `rank`: that of the index arrays it
    has already, in one lane."""

    def differs(dim: Dim) -> bool:
        return any(v in lanes for v in dim_vars(dim))

    if any(isinstance(c, Slice) and differs(c.length) for c in at):
        raise NoRule(current_span(), "the length of this slice differs from lane to lane")
    moving = [k for k, c in enumerate(at) if isinstance(c, Slice) and differs(c.start)]
    if moving and any(isinstance(c, Take) for c in at):
        raise NoRule(current_span(), "the start of a slice beside an index array differs from lane to lane")
    takes: list[Operand] = []
    out: list[Component] = []
    for k, c in enumerate(at):
        if isinstance(c, At) and differs(c.position):
            positions = lane_values(c.position, lanes, env)
        elif k in moving:
            assert isinstance(c, Slice)
            positions = _slice_positions(c, moving.index(k), len(moving), lanes, env)
        else:
            out.append(c.substitute(env.atom))
            continue
        out.append(Take(len(given_takes) + len(takes)))
        takes.append(positions)
    wide = tuple(out)
    if not moving:
        return LaneIndex(wide, tuple(takes), tuple(range(len(index_layout(wide, rank)))))
    natural = index_layout(wide, len(moving))
    wanted: list[Any] = []
    for k, c in enumerate(at):
        if isinstance(c, Slice):
            wanted.append(("take", moving.index(k)) if k in moving else ("axis", k))
    return LaneIndex(wide, tuple(takes), tuple(natural.index(label) for label in wanted))


def _slice_positions(c: Slice, number: int, count: int, lanes: set[Var], env: Substitution) -> Operand:
    """What a slice selects in every lane: (lanes, ..., length, ...), axis `number` of `count`."""
    start = lane_values(c.start, lanes, env)
    length = env.dim(c.length)
    one = Dim.of(1)
    steps = emit(arange, (), {"start": Dim.of(0), "length": length, "step": c.step})[0]
    steps = reshape(steps, shape=(one,) * (number + 1) + (length,) + (one,) * (count - number - 1))
    positions: Operand = add(reshape(start, shape=(*start.shape, *(one,) * count)), steps)
    return positions
