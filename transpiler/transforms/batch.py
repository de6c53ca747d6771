"""vmap: one program over a stack of examples.

In: a `Function`, a flag per parameter, the size of the batch. Out: a `Function` whose flagged parameters and results
carry the batch axis in front. Assumes a verified program. Establishes: lane b of every flagged result is what the
single-example program gives for lane b of the flagged parameters.

Two ways. By array: each primitive's `batch` rule; loops and branches whose control is the same in all lanes stay as
they are, over batched carries. By lane: a counted loop over the batch runs the single-example equations, so that
every lane takes its own branches and trip counts; it needs no rule. `auto` goes by array and puts a lane loop around
each outermost equation that cannot (control or sizes that depend on the lane, a primitive without a rule); if its
results cannot be stacked (a growable tape), one lane loop takes everything that is batched.

Scalars that become batched are elements of an array: a weak scalar becomes strong, as an element of a NumPy array is.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, Literal

from gradscribe.transpiler.errors import NoRule, reporting
from gradscribe.transpiler.ir.builder import (
    append_eqn,
    at_span,
    build_body,
    build_region,
    current_span,
    emit,
    emit_as,
    open_block,
)
from gradscribe.transpiler.ir.dims import Dim, DimLike
from gradscribe.transpiler.ir.index import At, whole
from gradscribe.transpiler.ir.nodes import Eqn, Function, Guard, Operand, Region, Var
from gradscribe.transpiler.ir.types import ArrayType, StackType, Type
from gradscribe.transpiler.ir.walk import Substitution, clone_eqn, dim_vars, eqn_dims, eqn_reads
from gradscribe.transpiler.passes.dead_code import drop_dead_code, has_io
from gradscribe.transpiler.primitives.arithmetic import equal, greater_equal
from gradscribe.transpiler.primitives.checks import check
from gradscribe.transpiler.primitives.regions import body_carries, for_loop, if_, loop, loop_carries, result_carries
from gradscribe.transpiler.primitives.structure import (
    broadcast_to,
    dim_value,
    empty,
    index,
    python_scalar,
    update,
    update_add,
    zeros,
)
from gradscribe.transpiler.transforms.lane_dependence import (
    any_batched,
    has_batched_control,
    lane_dependent,
    mentions_batched,
)

Lanes = Literal["auto", "loop", "array"]


def vmap(
    function: Function, batched: Sequence[bool], size: DimLike, lanes: Lanes = "auto"
) -> tuple[Function, tuple[bool, ...]]:
    """`function` over a batch of `size` examples; also which results carry the batch axis (those that depend on the
    batch).

    A flagged parameter of shape s becomes one of shape (size, *s). NoRule, with the place in the user's text, for what
    cannot be batched: results whose size differs from lane to lane, and under `lanes="array"` all that would need a
    lane loop.

    Example: for `f(x, w) = sum(x * w)`, `vmap(f, (True, False), n)` is `f_vmap(x: [n, d], w: [d]) -> [n]`.
    """
    if len(batched) != len(function.params):
        raise ValueError(f"{len(function.params)} parameters, {len(batched)} flags")
    if lanes not in ("auto", "loop", "array"):
        raise ValueError(f'lanes is "auto", "loop" or "array", not {lanes!r}')
    size = Dim.of(size)
    function = drop_dead_code(function)
    dependent = lane_dependent(function.region, (p for p, b in zip(function.params, batched, strict=True) if b))
    if lanes == "loop":
        return _build(function, dependent, size, _by_lane)
    try:
        return _build(function, dependent, size, _by_array if lanes == "array" else _by_array_where_possible)
    except NoRule:
        if lanes == "array":
            raise
    return _build(function, dependent, size, _by_lane)


@reporting("batching")
def _build(function: Function, dependent: set[Var], size: Dim, run: Any) -> tuple[Function, tuple[bool, ...]]:
    env = Substitution()
    params = []
    for old in function.params:
        new = env.fresh(old)
        if old in dependent:
            new = Var(_with_batch_axis(new.type, size), old.hint)
            env[old] = new
        params.append(new)
    guards = tuple(
        Guard(g.kind, env.dim(g.dim), g.message, g.requirement, g.span)
        for g in function.guards
        if not mentions_batched((g.dim,), dependent)
    )
    batcher = _Batcher(size, set(dependent))
    region = build_body(params, lambda *_: run(function, env, batcher))
    flags = tuple(isinstance(r, Var) and r in batcher.lanes for r in function.results)
    stacked = Function(f"{function.name}_vmap", region, guards, function.result_hints, function.span)
    return drop_dead_code(stacked), flags


def _by_array(function: Function, env: Substitution, batcher: _Batcher) -> list[Operand]:
    _refuse_batched_io(function, batcher)
    _refuse_batched_guards(function, batcher)
    batcher.region(function.region, env)
    return [env.operand(r) for r in function.results]


def _by_array_where_possible(function: Function, env: Substitution, batcher: _Batcher) -> list[Operand]:
    _refuse_batched_io(function, batcher)
    _refuse_batched_guards(function, batcher)
    for eqn in function.region.eqns:
        try:
            with open_block() as attempt:
                batcher.equation(eqn, env)
        except NoRule:
            batcher.lanes = lane_dependent(
                function.region, {*batcher.lanes, *eqn.results}
            )  # stacked, even if all equal
            _run_lanes([eqn], list(eqn.results), env, batcher)
        else:
            for done in attempt.eqns:
                append_eqn(done)
    return [env.operand(r) for r in function.results]


def _by_lane(function: Function, env: Substitution, batcher: _Batcher) -> list[Operand]:
    """What is the same in all lanes once, then everything else in one loop over the lanes."""
    while True:
        inside = [e for e in function.region.eqns if _touches(e, batcher.lanes) or has_io(e)]
        lanes = lane_dependent(function.region, {*batcher.lanes, *(r for e in inside for r in e.results)})
        if len(lanes) == len(batcher.lanes):
            break
        batcher.lanes = lanes
    moved = set(inside)
    for eqn in function.region.eqns:
        if eqn not in moved:
            batcher.equation(eqn, env)
    guards = [g for g in function.guards if mentions_batched((g.dim,), batcher.lanes)]
    wanted = list(dict.fromkeys(r for r in function.results if isinstance(r, Var) and r in batcher.lanes))
    if inside or guards:
        inner = [r for r in wanted if r not in function.params]
        _run_lanes(inside, inner, env, batcher, guards)
    return [env.operand(r) for r in function.results]


def _touches(eqn: Eqn, lanes: set[Var]) -> bool:
    return any(v in lanes for v in (*eqn_reads(eqn), *eqn.results))


def _refuse_batched_io(function: Function, batcher: _Batcher) -> None:
    """Input and output happen once per lane, lane after lane."""
    for eqn in function.region.eqns:
        if has_io(eqn):
            raise NoRule(eqn.span, "input or output inside a batch happens lane by lane", 'use lanes="loop"')


def _refuse_batched_guards(function: Function, batcher: _Batcher) -> None:
    for guard in function.guards:
        if mentions_batched((guard.dim,), batcher.lanes):
            raise NoRule(guard.span, "a condition at entry differs from lane to lane", 'use lanes="loop"')


# ---- lanes ----


def _run_lanes(
    eqns: Sequence[Eqn], wanted: Sequence[Var], env: Substitution, batcher: _Batcher, guards: Sequence[Guard] = ()
) -> None:
    """A loop over the batch that runs `eqns` for one lane at a time; results `wanted` are stacked and entered into
    `env`."""
    size = batcher.size
    own = {r for e in eqns for r in e.results}
    for result in wanted:
        if isinstance(result.type, StackType):
            raise NoRule(_span_of(result), "a growable tape per lane cannot be stacked into an array")
        atoms = {v for d in result.type.dims() for v in dim_vars(d)}
        if any(v in batcher.lanes or v in own for v in atoms):
            raise NoRule(_span_of(result), "the size of this result differs from lane to lane, so lanes do not stack")
    reads = dict.fromkeys(v for e in eqns for v in eqn_reads(e) if v in batcher.lanes and v not in own)
    reads.update(dict.fromkeys(v for g in guards for v in _vars_of(g) if v in batcher.lanes))
    single = _Batcher(size, set())
    buffers = []
    for result in wanted:
        shape = (size, *(env.dim(d) for d in result.type.dims()))
        buffers.append(emit(empty, (), {"shape": shape, "dtype": result.type.dtype}, hint=result.hint)[0])

    def lane(position: Var, *stacked: Var) -> list[Operand]:
        inner = Substitution(env.values)
        inner.atoms = env.atoms
        for value in reads:
            inner[value] = _element(value, env.operand(value), position, env)
        for guard in guards:
            _check_guard(guard, inner)
        for eqn in eqns:
            single.equation(eqn, inner)
        return [
            _store(buffer, inner.operand(result), position, _span_of(result))
            for buffer, result in zip(stacked, wanted, strict=True)
        ]

    out = for_loop(0, size, buffers, lane, index_hint="lane")
    for result, new in zip(wanted, out, strict=True):
        env[result] = new


def _vars_of(guard: Guard) -> list[Var]:
    return list(dim_vars(guard.dim))


def _span_of(value: Var) -> Any:
    return value.definition.span if value.definition is not None else None


def _element(old: Var, stacked: Operand, position: Var, env: Substitution) -> Operand:
    """Lane `position` of a batched value. What one example computes as a Python scalar is one again, with the bounds
    it had; a parameter is an element of the caller's array, and stays one."""
    at = (At(Dim.of(position)), *whole(stacked.shape[1:]))
    value: Operand = emit(index, (stacked,), {"at": at}, hint=old.hint)[0]
    if not isinstance(old.type, ArrayType) or not old.type.weak or old.definition is None:
        return value
    (scalar,) = emit(python_scalar, (value,), {"dtype": old.dtype}, hint=old.hint)
    if old.lower is not None and old.upper is not None:
        scalar.lower, scalar.upper = env.dim(old.lower), env.dim(old.upper)
    return scalar


def _store(buffer: Var, value: Operand, position: Var, span: Any) -> Operand:
    if value.dtype != buffer.dtype:
        raise NoRule(span, f"batching makes this result {value.dtype} where one example gives {buffer.dtype}")
    at = (At(Dim.of(position)), *whole(buffer.shape[1:]))
    return emit(update, (buffer, value), {"at": at, "once": True}, hint=buffer.hint)[0]


def _check_guard(guard: Guard, env: Substitution) -> None:
    if not guard.requirement:
        raise NoRule(guard.span, "an assumption about a batched integer cannot be made for all lanes at once")
    with at_span(guard.span):
        value = dim_value(dim=env.dim(guard.dim))
        holds = equal(value, 0) if guard.kind == "eq" else greater_equal(value, 0)
        check(holds, message=guard.message, error=ValueError)


# ---- arrays ----


def _with_batch_axis(type: Type, size: Dim) -> ArrayType:
    if not isinstance(type, ArrayType):
        raise NoRule(current_span(), "a growable tape per lane cannot be stacked into an array")
    return ArrayType(type.dtype, (size, *type.shape))


class _Batcher:
    """Emits equations with the values in `lanes` (old values) batched; with no lanes, emits a program as it stands,
    with types inferred anew where an operand's type has changed."""

    def __init__(self, size: Dim, lanes: set[Var]) -> None:
        self.size = size
        self.lanes = lanes

    def region(self, region: Region, env: Substitution) -> list[Operand]:
        """Emit the equations; the results as they come (not all of them batched)."""
        for eqn in region.eqns:
            self.equation(eqn, env)
        return [env.operand(r) for r in region.results]

    def equation(self, eqn: Eqn, env: Substitution) -> None:
        with at_span(eqn.span):
            if eqn.operation is loop:
                self._loop(eqn, env)
            elif eqn.operation is if_:
                self._if(eqn, env)
            elif any(r in self.lanes for r in eqn.results) or any_batched(eqn.operands, self.lanes):
                self._batched(eqn, env)
            else:
                self._unbatched(eqn, env)

    def _unbatched(self, eqn: Eqn, env: Substitution) -> None:
        operands = [env.operand(x) for x in eqn.operands]
        if any(v in eqn.results for d in eqn_dims(eqn) for v in dim_vars(d)):  # sizes that are born here
            append_eqn(clone_eqn(eqn, env))
            return
        same = all(new.type == env.type(old.type) for old, new in zip(eqn.operands, operands, strict=True))
        types = [env.type(r.type) for r in eqn.results] if same else None
        hints = [r.hint for r in eqn.results]
        results = emit(eqn.operation, operands, env.params(eqn.params), hints=hints, types=types)
        for old, new in zip(eqn.results, results, strict=True):
            env[old] = new

    def _batched(self, eqn: Eqn, env: Substitution) -> None:
        if mentions_batched(eqn_dims(eqn), self.lanes):
            raise NoRule(eqn.span, "a size or position in this expression differs from lane to lane")
        operands = [env.operand(x) for x in eqn.operands]
        flags = [any_batched((x,), self.lanes) for x in eqn.operands]
        if any(isinstance(x.type, StackType) for x in (*eqn.operands, *eqn.results)):
            raise NoRule(eqn.span, "a growable tape per lane cannot be stacked into an array")
        if eqn.operation in (update, update_add) and not flags[0]:
            operands[0], flags[0] = self.spread(operands[0]), True
        results, batched = eqn.operation.batch(operands, flags, self.size, env.params(eqn.params))
        for old, new, is_batched in zip(eqn.results, results, batched, strict=True):
            new = new if is_batched else self.spread(new)
            if isinstance(new, Var) and not new.hint:
                new.hint = old.hint
            env[old] = new

    def spread(self, x: Operand) -> Operand:
        """The same value in every lane; fresh zeros are made at full size."""
        definition = x.definition if isinstance(x, Var) else None
        shape = _with_batch_axis(x.type, self.size).shape
        hint = x.hint if isinstance(x, Var) else ""
        if definition is not None and definition.operation in (zeros, empty):
            return emit(definition.operation, (), {"shape": shape, "dtype": x.dtype}, hint=hint)[0]
        return emit(broadcast_to, (x,), {"shape": shape}, hint=hint)[0]

    def _results(self, old: Sequence[Operand], flags: Sequence[bool], env: Substitution) -> list[Operand]:
        """Results of a region, those flagged made batched where they are not."""
        out = []
        for x, flag in zip(old, flags, strict=True):
            new = env.operand(x)
            out.append(self.spread(new) if flag and not any_batched((x,), self.lanes) else new)
        return out

    def _type(self, old: Var, now: Operand, env: Substitution) -> Type:
        """The type of a carry or branch result, given a value that goes into it."""
        type: Type = env.type(old.type)
        if isinstance(type, ArrayType) and isinstance(now.type, ArrayType):
            if type.dtype != now.dtype:
                raise NoRule(
                    current_span(), f"batching makes `{old.hint}` {now.dtype} where one example has {type.dtype}"
                )
            if old in self.lanes:
                return _with_batch_axis(type, self.size)
            return type if now.type.weak else type.strong()
        if old in self.lanes:
            return _with_batch_axis(type, self.size)
        return type

    @staticmethod
    def _stand_in(old: Var, type: Type, env: Substitution) -> Var:
        """The new value of `old`, with its bounds if it is not batched; entered at once, since the types of what comes
        after it may have it as a size."""
        new = env.fresh(old)
        if type != new.type:
            env[old] = new = Var(type, old.hint)
        return new

    def _loop(self, eqn: Eqn, env: Substitution) -> None:
        if has_batched_control(eqn, self.lanes):
            raise NoRule(eqn.span, "the trip count of this loop differs from lane to lane")
        params, results = loop_carries(eqn), result_carries(eqn)
        if mentions_batched((d for p in params for d in p.type.dims()), self.lanes):
            raise NoRule(eqn.span, "the size of an array carried by this loop differs from lane to lane")
        flags = [p in self.lanes for p in params]
        inits = self._results(eqn.operands, flags, env)
        regions = []
        for region in eqn.regions:
            head = region.params[: len(region.params) - len(params)]
            fresh = [env.fresh(p) for p in head]
            fresh += [
                self._stand_in(p, self._type(p, x, env), env)
                for p, x in zip(region.params[len(head) :], inits, strict=True)
            ]
            regions.append(build_region(fresh, partial(self._body, eqn, region, flags, env)))
        code = regions[-1].results[:1] if eqn.params["exits"] else ()
        types = [p.type for p in regions[-1].params[-len(params) :]] if params else []
        for old, returned, type in zip(params, regions[-1].results[len(code) :], types, strict=True):
            if isinstance(type, ArrayType) and isinstance(returned.type, ArrayType) and returned.dtype != type.dtype:
                raise NoRule(
                    eqn.span, f"batching makes `{old.hint}` {returned.dtype} where one example has {type.dtype}"
                )
        out = [self._stand_in(old, r.type, env) for old, r in zip(eqn.results, code, strict=False)]
        out += [self._stand_in(r, self._type(r, x, env), env) for r, x in zip(results, inits, strict=True)]
        emit_as(out, loop, inits, env.params(eqn.params), regions)

    def _body(self, eqn: Eqn, region: Region, flags: Sequence[bool], env: Substitution, *_: Var) -> list[Operand]:
        self.region(region, env)
        if region is not eqn.regions[-1]:
            return [env.operand(r) for r in region.results]
        code = [env.operand(r) for r in region.results[:1]] if eqn.params["exits"] else []
        return [*code, *self._results(body_carries(eqn), flags, env)]

    def _if(self, eqn: Eqn, env: Substitution) -> None:
        if has_batched_control(eqn, self.lanes):
            raise NoRule(eqn.span, "the lanes do not all take the same branch here")
        if mentions_batched((d for r in eqn.results for d in r.type.dims()), self.lanes):
            raise NoRule(eqn.span, "the size of a result of this branch differs from lane to lane")
        flags = [r in self.lanes for r in eqn.results]

        def branch(region: Region) -> list[Operand]:
            self.region(region, env)
            return self._results(region.results, flags, env)

        regions = [build_region((), partial(branch, r)) for r in eqn.regions]
        out = []
        for old, then, otherwise in zip(eqn.results, regions[0].results, regions[1].results, strict=True):
            strongest = otherwise if then.type.weak else then
            self._type(old, then if strongest is otherwise else otherwise, env)
            out.append(self._stand_in(old, self._type(old, strongest, env), env))
        emit_as(out, if_, (env.operand(eqn.operands[0]),), env.params(eqn.params), regions)
