"""Loops with few snapshots: the reverse sweep computes states again instead of reading them from tapes.

In: a `Function` whose loops may have the param `snapshots` (how many states may be kept). Out: the same function with
those loops keeping snapshots in buffers, and what the reverse sweep needs to run one backwards. The state of a loop is
what its carries hold at the head of an iteration, as far as going on or going back needs it.

The schedule is binomial where the number of iterations is known beforehand (Griewank & Walther, Algorithm 799: Revolve,
2000): no schedule with as many snapshots evaluates the body less often. Elsewhere it has two levels: the forward sweep
keeps half of the snapshots evenly spaced, every other one being dropped and the spacing doubled when they are full; the
reverse sweep uses the other half, and those that become free, to go through each interval binomially.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from gradscribe.transpiler.errors import NoRule
from gradscribe.transpiler.ir.builder import append_eqn, at_span, build_body, build_region, emit, naming
from gradscribe.transpiler.ir.callees import Callee
from gradscribe.transpiler.ir.dims import Dim
from gradscribe.transpiler.ir.index import At, whole
from gradscribe.transpiler.ir.nodes import Eqn, Function, Operand, Region, Var
from gradscribe.transpiler.ir.types import INT64, ArrayType
from gradscribe.transpiler.ir.walk import Substitution, clone_eqn, dim_vars, free_vars
from gradscribe.transpiler.passes.dead_code import prune_region, without_io
from gradscribe.transpiler.primitives.arithmetic import add, equal, less, multiply, select, subtract
from gradscribe.transpiler.primitives.calls import call, call_again
from gradscribe.transpiler.primitives.conversion import python_scalar
from gradscribe.transpiler.primitives.piecewise import floor_divide, remainder
from gradscribe.transpiler.primitives.regions import body_carries, cond, for_loop, is_counted, loop_carries, while_loop
from gradscribe.transpiler.primitives.structure import dim_value, empty, index, update
from gradscribe.transpiler.transforms.activity import useful_in

COUNT = ArrayType(INT64, (), True)
# (body as a function, params to differentiate, results to seed, which of the params continue from a given cotangent)
FusedOnto = Callable[[Function, Sequence[int], list[int], Sequence[int]], Function]


@dataclass(frozen=True, eq=False)
class Stepping:
    """The body of a loop as a program of its own. `captures` are what it reads of the program around it; `advance`:
    (step index, states, captures) -> states; `adjoint`: (step index, states, captures, cotangents of the carries in
    `moving`, cotangents of the captures in `reached`) -> the same cotangents one step before."""

    loop: Eqn
    slots: Dim
    states: tuple[int, ...]
    moving: tuple[int, ...]
    captures: tuple[Var, ...]
    reached: tuple[Var, ...]
    advance: Region
    adjoint: Region
    first: int = 0  # where the snapshots start among the results of the loop that keeps them

    @property
    def step_zero(self) -> tuple[Dim, int]:
        """The index of the first step and the direction; a while loop counts its steps."""
        if not is_counted(self.loop):
            return Dim.of(0), 1
        lo, hi, direction = (self.loop.params[name] for name in ("lo", "hi", "direction"))
        return (lo, 1) if direction > 0 else (hi - 1, -1)

    def index_of(self, step: Dim) -> Dim:
        start, direction = self.step_zero
        return start + step if direction > 0 else start - step

    def step_of(self, index: Dim) -> Dim:
        start, direction = self.step_zero
        return index - start if direction > 0 else start - index


def stepping_of(eqn: Eqn, active: set[Var], fused: FusedOnto) -> Stepping | None:
    """How a loop with snapshots is run back; None if no derivative goes through it."""
    body, carries, returned = eqn.regions[-1], loop_carries(eqn), body_carries(eqn)
    own = carries[: len(carries) - bool(eqn.params.get("counted"))]
    moving = tuple(k for k, p in enumerate(own) if p in active)
    if not moving:
        return None
    for p in own:
        changing = {v for d in p.type.dims() for v in dim_vars(d)} & set(carries)
        if not isinstance(p.type, ArrayType) or changing:
            raise NoRule(
                eqn.span,
                f"a loop with snapshots carries `{p.hint}`, whose size changes",
                "give it a fixed size, or write the loop without `gs.checkpointed`",
            )
    reaching = useful_in(body, [returned[k] for k in moving])
    captures = tuple(free_vars(body))
    reached = tuple(c for c in captures if c in reaching and c in active)
    counters = (*body.params[: is_counted(eqn)], *carries[len(own) :])  # all of them are the step index, or it counted
    env = Substitution()
    position = env.fresh(counters[0]) if is_counted(eqn) else Var(COUNT, "k", Dim.of(0))
    env.values.update(dict.fromkeys(counters, position))  # a counter of trips beside an index is not read
    params = [position, *(env.fresh(c) for c in captures), *(env.fresh(p) for p in own)]

    def run(*_: Var) -> list[Operand]:
        for inner in body.eqns:
            append_eqn(clone_eqn(inner, env))
        return [env.operand(r) for r in returned[: len(own)]]

    step = without_io(Function("step", build_body(params, run), (), (), eqn.span))
    step = Function("step", called_again(step.region), (), (), eqn.span)
    places = {p: k for k, p in enumerate((None, *captures, *own))}
    wrt = [*(places[own[k]] for k in moving), *(places[c] for c in reached)]
    adjoint = fused(step, wrt, list(moving), [places[c] for c in reached]).region
    adjoint = prune_region(Region(adjoint.params, adjoint.eqns, adjoint.results[len(own) :]))
    first = 1 + len(captures)
    states = _needed_states(step.region, adjoint, first, len(own))
    advance = prune_region(step.region, [step.results[k] for k in states])
    return Stepping(eqn, eqn.params["snapshots"], states, moving, captures, reached, advance, adjoint)


def called_again(region: Region) -> Region:
    """The region with its calls as calls that were made before."""
    eqns = []
    for eqn in region.eqns:
        operation = call_again if eqn.operation is call else eqn.operation
        if operation is not eqn.operation or eqn.regions:
            regions = tuple(map(called_again, eqn.regions))
            eqn = Eqn(operation, eqn.operands, eqn.results, eqn.params, regions, eqn.span)
        eqns.append(eqn)
    return Region(region.params, tuple(eqns), region.results)


def _needed_states(step: Region, adjoint: Region, first: int, count: int) -> tuple[int, ...]:
    """The carries that the adjoint of a step reads, and those that such are computed from."""

    def read(region: Region) -> set[int]:
        inside = set(free_vars(Region((), region.eqns, region.results)))
        inside |= {v for p in region.params for d in p.type.dims() for v in dim_vars(d)}
        return {k for k in range(count) if region.params[first + k] in inside}

    needed = read(adjoint)
    while True:
        more = needed | read(prune_region(step, [step.results[k] for k in sorted(needed)]))
        if more == needed:
            return tuple(sorted(needed))
        needed = more


# ---- the forward sweep ----


def keeping_snapshots(stepping: Stepping) -> tuple[Eqn, list[Eqn], Stepping]:
    """The loop with snapshots among its carries, and the equations that make their buffers."""
    eqn = stepping.loop
    body, carries = eqn.regions[-1], loop_carries(eqn)
    counted = bool(eqn.params.get("counted"))
    at = len(carries) - counted  # snapshots stand before the counter of trips
    start = build_region((), lambda: _empty_snapshots(stepping))
    inits = list(start.results)
    hints = [*(f"{carries[k].hint}_kept" if carries[k].hint else "kept" for k in stepping.states), *_HINTS]
    params = [Var(x.type, hint, *_BOUNDS.get(hint, ())) for x, hint in zip(inits, hints, strict=False)]
    results = [Var(x.type, hint, *_BOUNDS.get(hint, ())) for x, hint in zip(inits, hints, strict=False)]
    position = Dim.of(body.params[0] if is_counted(eqn) else carries[-1])

    def head(*_: Var) -> list[Operand]:
        kept = _Snapshots(stepping, params)
        now = [carries[k] for k in stepping.states]
        return kept.after(stepping.step_of(position), now)

    new = build_region((), head)
    code = 1 if eqn.params["exits"] else 0

    def with_new(old: Sequence[Any], fresh: Sequence[Any], before: int) -> tuple[Any, ...]:
        return (*old[: before + at], *fresh, *old[before + at :])

    regions = [
        Region(with_new(r.params, [Var(p.type, p.hint) for p in params], 0), r.eqns, r.results)
        for r in eqn.regions[:-1]
    ]
    regions.append(
        Region(
            with_new(body.params, params, len(body.params) - len(carries)),
            (*new.eqns, *body.eqns),
            with_new(body.results, new.results, code),
        )
    )
    made = Eqn(
        eqn.operation,
        with_new(eqn.operands, inits, 0),
        with_new(eqn.results, results, code),
        {k: v for k, v in eqn.params.items() if k != "snapshots"},
        tuple(regions),
        eqn.span,
    )
    found = Stepping(**{**stepping.__dict__, "first": code + at})
    return made, list(start.eqns), found


_HINTS = ("kept_at", "count", "next_kept", "spacing")
_BOUNDS = {name: (Dim.of(0),) for name in _HINTS[1:]}


def _empty_snapshots(stepping: Stepping) -> list[Operand]:
    """Buffers for the states and their places, how many there are, the step at which the next is kept; and for a loop
    whose trip count is not known beforehand, how far apart they are."""
    size = stepping.slots + 1
    out: list[Operand] = []
    own = loop_carries(stepping.loop)
    for k in stepping.states:
        type = own[k].type
        assert isinstance(type, ArrayType)
        out.append(emit(empty, (), {"shape": (size, *type.shape), "dtype": type.dtype})[0])
    out.append(emit(empty, (), {"shape": (size,), "dtype": INT64})[0])
    zero = dim_value(dim=Dim.of(0))
    return [*out, zero, zero] if is_counted(stepping.loop) else [*out, zero, zero, dim_value(dim=Dim.of(1))]


class _Snapshots:
    """The snapshots at one place of a program under construction."""

    def __init__(self, stepping: Stepping, values: Sequence[Operand]) -> None:
        self.stepping = stepping
        self.values = list(values)
        self.count = len(stepping.states)

    @property
    def places(self) -> Operand:
        return self.values[self.count]

    @property
    def number(self) -> Operand:
        return self.values[self.count + 1]

    def after(self, step: Dim, now: Sequence[Operand]) -> list[Operand]:
        """The snapshots after the head of a step of the forward sweep, where `now` is the state."""
        here = dim_value(dim=step)
        due = equal(here, self.values[self.count + 2])
        counted = is_counted(self.stepping.loop)

        def keep() -> list[Operand]:
            if not counted:
                return self._kept_evenly(step, now)
            total = self.stepping.loop.params["hi"] - self.stepping.loop.params["lo"]
            return self.kept(step, now, total)

        return list(cond(due, keep, lambda: self.values, hints=[_hint_of(v) for v in self.values]))

    def kept(self, step: Dim, now: Sequence[Operand], end: Dim) -> list[Operand]:
        """The snapshots with the state at `step`, and where the next one is kept on the way to step `end` - 1."""
        out = self._stored(step, now)
        return [*out, self.next_after(step, end, out[-1])]

    def next_after(self, step: Dim, end: Dim, number: Operand) -> Operand:
        """Where the next one is kept after one at `step`; the schedule of what lies between it and `end`."""
        free = subtract(dim_value(dim=self.stepping.slots + 1), number)
        (far,) = _call(binomial_advance(), (dim_value(dim=end - step), free))
        next_: Operand = add(dim_value(dim=step), far)
        return next_

    def _stored(self, step: Dim, now: Sequence[Operand]) -> list[Operand]:
        slot = At(Dim.of(self.number))  # type: ignore[arg-type]
        out: list[Operand] = []
        for buffer, x in zip(self.values, now, strict=False):
            at = (slot, *whole(buffer.shape[1:]))
            out.append(emit(update, (buffer, x), {"at": at}, hint=_hint_of(buffer))[0])
        places = emit(update, (self.places, dim_value(dim=step)), {"at": (slot,)}, hint="kept_at")[0]
        return [*out, places, add(self.number, 1)]

    def _kept_evenly(self, step: Dim, now: Sequence[Operand]) -> list[Operand]:
        """As many as the first level has: every other one goes when they are full."""
        *_, number, next_, spacing = self.values
        most = floor_divide(dim_value(dim=self.stepping.slots + 1), 2)

        def thin() -> list[Operand]:
            left = floor_divide(add(number, 1), 2)

            def move(k: Var, *buffers: Var) -> list[Operand]:
                return [
                    emit(
                        update,
                        (b, emit(index, (b,), {"at": (At(2 * Dim.of(k)), *whole(b.shape[1:]))})[0]),
                        {"at": (At(Dim.of(k)), *whole(b.shape[1:]))},
                        hint=b.hint,
                    )[0]
                    for b in buffers
                ]

            buffers = self.values[: self.count + 1]
            moved = for_loop(1, Dim.of(left), buffers, move, index_hint="j")
            return [*moved, left, multiply(spacing, 2)]

        same = [*self.values[: self.count + 1], number, spacing]
        hints = [_hint_of(v) for v in same]
        *thinned, spacing = cond(equal(number, most), thin, lambda: same, hints=hints)
        here = _Snapshots(self.stepping, [*thinned, next_, spacing])
        due = equal(remainder(dim_value(dim=step), spacing), 0)
        kept = cond(due, lambda: here._stored(step, now), lambda: thinned, hints=hints[:-1])
        (last,) = _integer(emit(index, (kept[-2],), {"at": (At(Dim.of(kept[-1]) - 1),)})[0], "last")
        return [*kept, add(last, spacing), spacing]


def _integer(x: Operand, hint: str) -> tuple[Var]:
    """An element of an array of integers as a Python int."""
    (number,) = emit(python_scalar, (x,), {"dtype": INT64}, hint=hint)
    number.lower = Dim.of(0)
    return (number,)


def _hint_of(x: Operand) -> str:
    return x.hint if isinstance(x, Var) else ""


# ---- the schedule ----

_ADVANCE: list[Callee] = []


def binomial_advance() -> Callee:
    """The function (steps, slots) -> how far to go from a snapshot, the first of `slots`, before the next one is kept,
    when `steps` steps are to be reversed. With b(r) = C(slots + r, slots) the number of steps that can be reversed so
    that none is repeated more than r times, and b(r - 1) < steps <= b(r): as far as leaves the second part
    C(slots - 1 + r - 1, slots - 1) steps at least, and b(r - 1) at most."""
    if not _ADVANCE:
        steps, slots = Var(COUNT, "steps", Dim.of(1)), Var(COUNT, "slots", Dim.of(0))
        free: list[Operand] = []  # the last step needs none

        def further(reach: Operand, repeats: Operand) -> Operand:
            out: Operand = floor_divide(multiply(reach, add(free[0], repeats)), repeats)
            return out

        def run(*_: Var) -> list[Operand]:
            free.append(emit(select, (less(slots, 1), 1, slots), hint="free")[0])
            reach, repeats = while_loop(
                [1, 1],
                lambda reach, repeats: less(further(reach, repeats), steps),
                lambda reach, repeats: [further(reach, repeats), add(repeats, 1)],
                hints=("reach", "repeats"),
                types=(COUNT, COUNT),
            )
            behind = floor_divide(multiply(reach, free[0]), subtract(add(free[0], repeats), 1))
            latest = subtract(steps, behind)
            return [select(less(reach, latest), reach, latest)]

        with at_span(None), naming(""):  # it belongs to no program
            function = Function("advance", build_body([steps, slots], run), (), ("distance",))
        _ADVANCE.append(Callee("_binomial_advance", function))
    return _ADVANCE[0]


def _call(callee: Callee, operands: Sequence[Operand]) -> tuple[Var, ...]:
    results = (Var(COUNT, "distance", Dim.of(0)),)
    append_eqn(Eqn(call_again, tuple(operands), results, {"callee": callee}, (), None))
    return results


# ---- the reverse sweep ----


def reversed_steps(
    stepping: Stepping, made: Eqn, range_: tuple[Dim, Dim, int, str], bars: Sequence[Operand]
) -> list[Operand]:
    """Emit the loop over the steps that were run, last first; `bars` are the cotangents after it, of the carries in
    `moving` and the captures in `reached`. Returns those before it."""
    lo, hi, direction, hint = range_
    counted = is_counted(stepping.loop)
    size = len(stepping.states)
    kept: list[Operand] = list(made.results[stepping.first : stepping.first + size + 2])

    def back(position: Var, *values: Var) -> list[Operand]:
        step = stepping.step_of(Dim.of(position)) if counted else Dim.of(position)
        snapshots = _Snapshots(stepping, values[: size + 2])
        top = Dim.of(values[size + 1]) - 1
        (start,) = _integer(emit(index, (snapshots.places,), {"at": (At(top),)})[0], "start")
        state = [
            emit(index, (b,), {"at": (At(top), *whole(b.shape[1:]))}, hint=loop_carries(stepping.loop)[k].hint)[0]
            for b, k in zip(values, stepping.states, strict=False)
        ]
        end = step + 1
        first = snapshots.next_after(Dim.of(start), end, snapshots.number)

        def go(k: Var, *carried: Var) -> list[Operand]:
            now, rest = list(carried[:size]), list(carried[size:])
            here = _Snapshots(stepping, rest)
            due = equal(dim_value(dim=Dim.of(k)), rest[-1])
            keep = cond(due, lambda: here.kept(Dim.of(k), now, end), lambda: rest, hints=[_hint_of(v) for v in rest])
            return [*_inlined(stepping.advance, stepping, Dim.of(k), now), *keep]

        inits = [*state, *values[: size + 2], first]
        hints = [*(_hint_of(s) for s in state), *(_hint_of(v) for v in values[: size + 2]), "next_kept"]
        types = [*(loop_carries(stepping.loop)[k].type for k in stepping.states), *(v.type for v in inits[size:])]
        run = for_loop(Dim.of(start), step, inits, go, index_hint="j", hints=hints, types=types)
        now, rest = run[:size], list(run[size:-1])
        out = _inlined(stepping.adjoint, stepping, step, now, values[size + 2 :])
        rest[-1] = select(equal(dim_value(dim=Dim.of(start)), dim_value(dim=step)), subtract(rest[-1], 1), rest[-1])
        return [*rest, *out]

    names = [loop_carries(stepping.loop)[k].hint for k in stepping.moving] + [c.hint for c in stepping.reached]
    hints = [*(_hint_of(v) for v in kept), *(f"{n}_bar" if n and not n.endswith("_bar") else n for n in names)]
    types = [*(v.type for v in kept), *(_strong(x) for x in bars)]
    out = for_loop(lo, hi, [*kept, *bars], back, direction=direction, index_hint=hint, hints=hints, types=types)
    return list(out[size + 2 :])


def _strong(x: Operand) -> ArrayType:
    assert isinstance(x.type, ArrayType)
    return x.type.strong()


def _inlined(
    region: Region, stepping: Stepping, step: Dim, state: Sequence[Operand], bars: Sequence[Operand] = ()
) -> list[Operand]:
    """The equations of a step or of its adjoint, at a step and a state. Carries that are no state are not read."""
    env = Substitution()
    position, *others = region.params
    number = stepping.index_of(step)
    env.atoms[position] = number
    env[position] = dim_value(dim=number)
    captures, rest = others[: len(stepping.captures)], others[len(stepping.captures) :]
    env.values.update(zip(captures, stepping.captures, strict=True))
    carries = rest[: len(rest) - len(bars)]
    env.values.update({carries[k]: x for k, x in zip(stepping.states, state, strict=True)})
    env.values.update(zip(rest[len(carries) :], bars, strict=True))
    for eqn in region.eqns:
        append_eqn(clone_eqn(eqn, env))
    return [env.operand(r) for r in region.results]
