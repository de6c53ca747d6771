"""Control flow that differs from lane to lane, for all lanes at once: masks.

In: an `if` or a `loop` whose predicate, bounds or exit code is batched. Out: array code. Both branches of an `if` run,
each if some lane takes it, and every lane selects its own; a loop runs until no lane is in it, lanes that have left it
keep what they had. Establishes: a lane that is not in a region has no influence on values or derivatives, and cannot
make it raise. For in the region it stands for the first lane that is: what the region reads is read from that lane's
row, as a constant, so its numbers, positions and trip counts are those of a lane that is there. What all lanes share
is spread before, so that the cotangents of lanes that are not there are dropped before they are summed.

Tapes are not selected: all lanes push and pop together. A reverse loop runs the same iterations as its forward loop,
with the same lanes in them, because a counted loop counts one index for all lanes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from gradscribe.transpiler.errors import NoRule
from gradscribe.transpiler.ir.builder import build_region, emit
from gradscribe.transpiler.ir.dims import Dim
from gradscribe.transpiler.ir.index import At, whole
from gradscribe.transpiler.ir.nodes import Eqn, Literal, Operand, Region, Var, region_vars
from gradscribe.transpiler.ir.types import BOOL, INT64, StackType
from gradscribe.transpiler.ir.walk import Substitution, free_vars, inner_eqns
from gradscribe.transpiler.primitives.allocation import arange, dim_value, full
from gradscribe.transpiler.primitives.arithmetic import equal, greater_equal, less, select
from gradscribe.transpiler.primitives.barriers import stop_gradient
from gradscribe.transpiler.primitives.logic import logical_and, logical_not
from gradscribe.transpiler.primitives.primitive import align_batch, zeros_of
from gradscribe.transpiler.primitives.reductions import reduce_max, reduce_min, reduce_or
from gradscribe.transpiler.primitives.regions import (
    body_carries,
    cond,
    for_loop,
    if_,
    is_counted,
    loop_carries,
    result_carries,
    while_loop,
)
from gradscribe.transpiler.primitives.stacks import stack_pop
from gradscribe.transpiler.primitives.structure import index
from gradscribe.transpiler.transforms.lane_dependence import lane_dependent, mentions_batched
from gradscribe.transpiler.transforms.lane_positions import lane_values
from gradscribe.transpiler.transforms.tape_flow import tape_before


class Batcher(Protocol):
    """What batches the equations of a region."""

    size: Dim
    lanes: set[Var]
    axis_name: str | None

    def region(self, region: Region, env: Substitution) -> list[Operand]: ...

    def spread(self, x: Operand) -> Operand: ...


# ---- lanes that are in a region ----


def any_lane(mask: Operand) -> Operand:
    some: Operand = reduce_or(mask, axes=(0,))
    return some


def _chosen(mask: Operand, there: Operand, otherwise: Operand) -> Operand:
    """`there` in the lanes of the mask."""
    if there is otherwise or isinstance(there.type, StackType):
        return there
    wide: Operand = select(align_batch(mask, there.rank - 1), there, otherwise)
    return wide


def _first_lane(mask: Operand) -> Dim:
    """The first lane of the mask, in which there is one."""
    (size,) = mask.shape
    lanes = arange(start=Dim.of(0), length=size, step=1)
    first: Var = reduce_min(select(mask, lanes, dim_value(dim=size)), axes=(0,))
    first.hint = "first"
    return Dim.of(first)


def _standing_in(x: Operand, mask: Operand, first: Dim) -> Operand:
    """`x` with the row of lane `first` in lanes outside the mask, where it is a constant."""
    at = (At(first), *whole(x.shape[1:]))
    row = emit(index, (x,), {"at": at})[0]
    return _chosen(mask, x, stop_gradient(row) if x.type.is_float else row)


def _inside(
    batcher: Batcher, region: Region, mask: Operand, env: Substitution, given: Mapping[Var, Operand]
) -> Substitution:
    """What the region reads, for lanes in the mask; `given`: its parameters. The batcher takes what is spread for
    batched from now on."""
    inner = Substitution({**env.values, **given})
    inner.atoms = env.atoms
    reads = [v for v in dict.fromkeys([*given, *free_vars(region)]) if not isinstance(v.type, StackType)]
    shared = {v for v in reads if v not in batcher.lanes and v.type.is_float}
    first = _first_lane(mask)
    for value in reads:
        if value in shared:
            wide = batcher.spread(inner.operand(value))
            inner[value] = _chosen(mask, wide, stop_gradient(wide))
        elif value in batcher.lanes:
            inner[value] = _standing_in(inner.operand(value), mask, first)
    batcher.lanes = lane_dependent(region, batcher.lanes | shared, batcher.axis_name)
    return inner


def _in_all(batcher: Batcher, x: Operand, env: Substitution) -> Operand:
    """The new value of `x`, batched."""
    new = env.operand(x)
    return new if isinstance(x, Var) and x in batcher.lanes else batcher.spread(new)


# ---- branches ----


def masked_if(batcher: Batcher, eqn: Eqn, env: Substitution) -> None:
    """Enter into `env` what every lane has of its own branch."""
    predicate = env.operand(eqn.operands[0])
    if mentions_batched((d for r in eqn.results for d in r.type.dims()), batcher.lanes):
        raise NoRule(eqn.span, "the size of a result of this branch differs from lane to lane")
    order = [0, 1]
    if any(e.operation is stack_pop for r in eqn.regions for e in inner_eqns(r)):
        order.reverse()  # what the first branch pushed last comes first
    masks = (predicate, emit(logical_not, (predicate,), hint="others")[0])
    tapes: dict[Var, Operand] = {}
    outs: dict[int, list[Operand]] = {}
    for k in order:
        outs[k] = _branch(batcher, eqn, k, masks[k], env, tapes)
    for k, result in enumerate(eqn.results):
        if isinstance(result.type, StackType):
            env[result] = outs[order[-1]][k]
        else:
            env[result] = _named(_chosen(predicate, outs[0][k], outs[1][k]), result)


def _named(new: Operand, old: Var) -> Operand:
    if isinstance(new, Var) and not new.hint:
        new.hint = old.hint
    return new


def _tape_outside(tape: Operand, region: Region) -> Var:
    """The tape outside the region that a tape in it came from."""
    while isinstance(tape, Var) and tape.definition in region.eqns:
        tape = tape_before(tape)
    assert isinstance(tape, Var)
    return tape


def _branch(
    batcher: Batcher, eqn: Eqn, number: int, mask: Operand, env: Substitution, tapes: dict[Var, Operand]
) -> list[Operand]:
    """The results of one branch for the lanes that take it. `tapes`: where the other branch has left them."""
    region = eqn.regions[number]
    stacks = [k for k, r in enumerate(eqn.results) if isinstance(r.type, StackType)]
    before = {k: _tape_outside(region.results[k], region) for k in stacks}
    outer = Substitution(env.values)
    outer.atoms = env.atoms
    for old, new in tapes.items():
        outer[old] = new
    saved = batcher.lanes
    batcher.lanes = saved | set(tapes)
    try:
        if not region.eqns:
            outs = [_in_all(batcher, x, outer) for x in region.results]
        else:
            outs = _taken_by_some(batcher, eqn, region, mask, outer, before)
    finally:
        batcher.lanes = saved
    for k in stacks:
        tapes[before[k]] = outs[k]
    return outs


def _taken_by_some(
    batcher: Batcher, eqn: Eqn, region: Region, mask: Operand, env: Substitution, tapes: Mapping[int, Var]
) -> list[Operand]:
    """The region's results, zeros if no lane is in the mask. `tapes`: results that then stay the tape they were."""
    outside = batcher.lanes

    def run() -> list[Operand]:
        inner = _inside(batcher, region, mask, env, {})
        batcher.region(region, inner)
        return [_in_all(batcher, x, inner) for x in region.results]

    taken = build_region((), run)
    batcher.lanes = outside

    def skip() -> list[Operand]:
        results = enumerate(taken.results)
        return [_in_all(batcher, tapes[k], env) if k in tapes else zeros_of(x.type) for k, x in results]

    regions = (taken, build_region((), skip))
    types, hints = [x.type for x in taken.results], [r.hint for r in eqn.results]
    return list(emit(if_, (any_lane(mask),), {}, regions, types=types, hints=hints))


# ---- loops ----


def masked_loop(batcher: Batcher, eqn: Eqn, env: Substitution) -> None:
    """Enter into `env` what every lane has when it leaves the loop."""
    params = loop_carries(eqn)
    saved = batcher.lanes
    outside = set(saved)
    own = {v for r in eqn.regions for v in region_vars(r)}
    carried = {p for r in eqn.regions for p in r.params[-len(params) :]} if params else set()
    if mentions_batched((d for p in params for d in p.type.dims()), saved):
        raise NoRule(eqn.span, "the size of an array carried by this loop differs from lane to lane")
    inits = [_in_all(batcher, x, env) for x in eqn.operands]
    lanes = (saved - own) | carried  # the index is the same for all lanes
    try:
        for region in eqn.regions:
            lanes = lane_dependent(region, lanes, batcher.axis_name)
        batcher.lanes = lanes
        code, *outs = (_counted if is_counted(eqn) else _while)(batcher, eqn, inits, env)
    finally:
        batcher.lanes = outside
    if eqn.params["exits"]:
        env[eqn.results[0]] = code
    for old, new in zip(result_carries(eqn), outs, strict=True):
        env[old] = _named(new, old)


def _everywhere(batcher: Batcher, value: object, dtype: object) -> Operand:
    filled: Operand = full(Literal(value), shape=(batcher.size,), dtype=dtype)
    return filled


def _step(
    batcher: Batcher, eqn: Eqn, mask: Operand, code: Operand, carries: Sequence[Operand], env: Substitution
) -> list[Operand]:
    """One iteration for the lanes in the mask: (exit code, carries)."""
    body, params = eqn.regions[-1], loop_carries(eqn)
    saved = batcher.lanes
    try:
        inner = _inside(batcher, body, mask, env, dict(zip(params, carries, strict=True)))
        batcher.region(body, inner)
        outs = [_in_all(batcher, x, inner) for x in body_carries(eqn)]
        left = _in_all(batcher, body.results[0], inner) if eqn.params["exits"] else code
    finally:
        batcher.lanes = saved
    for param, new, old in zip(params, outs, carries, strict=True):
        if new.type != old.type and not isinstance(new.type, StackType) and new.dtype != old.dtype:
            raise NoRule(eqn.span, f"batching makes `{param.hint}` {new.dtype} where one example has {old.dtype}")
    new_code = _chosen(mask, left, code) if eqn.params["exits"] else code
    return [new_code, *(_chosen(mask, new, old) for new, old in zip(outs, carries, strict=True))]


def _while(batcher: Batcher, eqn: Eqn, inits: Sequence[Operand], env: Substitution) -> list[Operand]:
    exits = eqn.params["exits"]
    test = eqn.regions[0]

    def active(carries: Sequence[Operand], candidates: Operand | None) -> Operand:
        """Which lanes go on; asked of candidates only, where others may have left in the middle of an iteration."""
        saved = batcher.lanes
        try:
            given = dict(zip(test.params, carries, strict=True))
            if candidates is None:
                inner = Substitution({**env.values, **given})
                inner.atoms = env.atoms
            else:
                inner = _inside(batcher, test, candidates, env, given)
            batcher.region(test, inner)
            goes_on = _in_all(batcher, test.results[0], inner)
        finally:
            batcher.lanes = saved
        if candidates is not None:
            goes_on = logical_and(candidates, goes_on)
        return goes_on

    start = active(inits, None)
    code = [_everywhere(batcher, INT64.type(0), INT64)] if exits else []

    def body(going: Var, *rest: Var) -> list[Operand]:
        given, carries = (rest[0], rest[1:]) if exits else (going, rest)
        left, *new = _step(batcher, eqn, going, given, carries, env)
        if not exits:
            return [logical_and(going, active(new, None)), *new]
        staying = logical_and(going, equal(left, 0))
        (after,) = cond(any_lane(staying), lambda: (active(new, staying),), lambda: (staying,))
        return [after, left, *new]

    names = ["active", *(["code"] if exits else []), *(p.hint for p in loop_carries(eqn))]
    outs = while_loop([start, *code, *inits], lambda going, *_: any_lane(going), body, hints=names)
    return list(outs[1:]) if exits else [outs[0], *outs[1:]]


def _counted(batcher: Batcher, eqn: Eqn, inits: Sequence[Operand], env: Substitution) -> list[Operand]:
    exits, lo, hi = eqn.params["exits"], eqn.params["lo"], eqn.params["hi"]
    starts, stops = (_bounds(batcher, d, env) for d in (lo, hi))
    differ = starts is not None or stops is not None
    gaps = differ and (exits or (starts is not None and stops is not None))
    first, last = _range(starts, stops, env.dim(lo), env.dim(hi))
    counter = eqn.regions[-1].params[0]
    head: list[Operand] = []
    if exits:
        head = [_everywhere(batcher, True, BOOL), _everywhere(batcher, INT64.type(0), INT64)]

    def iteration(position: Var, *rest: Operand) -> list[Operand]:
        running, code, carries = (rest[0], rest[1], rest[2:]) if exits else (None, None, rest)
        inner = Substitution(env.values)
        inner.atoms = env.atoms
        inner[counter] = position
        mask = running
        if differ:
            if starts is not None:
                mask = _both(mask, greater_equal(position, starts))
            if stops is not None:
                mask = _both(mask, less(position, stops))
        assert mask is not None
        given = mask if code is None else code

        def run() -> list[Operand]:
            return _step(batcher, eqn, mask, given, carries, inner)

        if gaps:  # no lane may be at this index
            taken = build_region((), run)
            skipped = build_region((), lambda: [given, *carries])
            types = [x.type for x in skipped.results]
            outs: list[Operand] = list(emit(if_, (any_lane(mask),), {}, (taken, skipped), types=types))
        else:
            outs = run()
        if not exits:
            return outs[1:]
        left, *new = outs
        assert running is not None
        staying = logical_and(running, equal(left, 0))
        stop = select(any_lane(staying), Literal(INT64.type(0)), Literal(INT64.type(1)))
        return [stop, staying, left, *new]

    names = ["running", "code"] if exits else []
    names += [p.hint for p in loop_carries(eqn)]
    left = for_loop(
        first,
        last,
        [*head, *inits],
        iteration,
        direction=eqn.params["direction"],
        exits=exits,
        index_hint=counter.hint,
        hints=names,
    )
    return list(left[2:]) if exits else [Literal(0), *left]


def _both(mask: Operand | None, other: Operand) -> Operand:
    both: Operand = other if mask is None else logical_and(mask, other)
    return both


def _bounds(batcher: Batcher, bound: Dim, env: Substitution) -> Operand | None:
    """A bound in every lane, if it differs."""
    return lane_values(bound, batcher.lanes, env) if mentions_batched((bound,), batcher.lanes) else None


def _range(starts: Operand | None, stops: Operand | None, lo: Dim, hi: Dim) -> tuple[Dim, Dim]:
    """From the first index that some lane needs to the last; lanes that need none do not count."""
    given = starts if starts is not None else stops
    if given is None:
        return lo, hi
    if given.shape == (Dim.of(0),):
        return Dim.of(0), Dim.of(0)
    if starts is None:
        return lo, Dim.of(reduce_max(stops, axes=(0,)))
    if stops is None:
        return Dim.of(reduce_min(starts, axes=(0,))), hi
    some = less(starts, stops)
    any_at_all = any_lane(some)
    lowest = reduce_min(select(some, starts, INT64.type(2**62)), axes=(0,))
    highest = reduce_max(select(some, stops, INT64.type(-(2**62))), axes=(0,))
    zero = INT64.type(0)
    return Dim.of(select(any_at_all, lowest, zero)), Dim.of(select(any_at_all, highest, zero))
