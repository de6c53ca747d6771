"""One equation for all lanes at once: the primitives' batch rules, and loops and branches around them.

In: an equation of the single-example program, the values that are batched, what stands for old values. Out: the
equation over batched values, in the open block. Assumes: the set of batched values is closed (`lane_dependence`).
Establishes: a batched value carries the batch axis in front. NoRule where an equation has no form over all lanes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial

from gradscribe.transpiler.errors import CollectiveError, NoRule
from gradscribe.transpiler.ir.builder import (
    append_eqn,
    at_span,
    build_region,
    current_span,
    emit,
    emit_as,
    open_block,
)
from gradscribe.transpiler.ir.callees import Callee
from gradscribe.transpiler.ir.dims import Dim
from gradscribe.transpiler.ir.nodes import Eqn, Guard, Operand, Region, Var
from gradscribe.transpiler.ir.types import ArrayType, StackType, Type
from gradscribe.transpiler.ir.walk import Substitution, clone_eqn, dim_vars, eqn_dims
from gradscribe.transpiler.primitives.calls import CALLS, call_results, known_function
from gradscribe.transpiler.primitives.collectives import communicates, mentions_axis, over_axis
from gradscribe.transpiler.primitives.custom import call_with, custom_call, inline
from gradscribe.transpiler.primitives.primitive import align_batch, zeros_of
from gradscribe.transpiler.primitives.regions import body_carries, if_, loop, loop_carries, result_carries
from gradscribe.transpiler.primitives.stacks import stack_new, stack_push
from gradscribe.transpiler.primitives.structure import (
    broadcast_to,
    dim_value,
    empty,
    index,
    permute,
    update,
    update_add,
    zeros,
)
from gradscribe.transpiler.transforms.custom_rules import batched_call, covering
from gradscribe.transpiler.transforms.lane_dependence import (
    any_batched,
    has_batched_control,
    lane_dependent,
    mentions_batched,
)
from gradscribe.transpiler.transforms.lane_loops import run_lanes
from gradscribe.transpiler.transforms.lane_positions import lane_index, lane_values
from gradscribe.transpiler.transforms.masks import masked_if, masked_loop


def with_batch_axis(type: Type, size: Dim) -> Type:
    """The type of a value that every lane has one of. A tape of arrays is one tape, of arrays with one axis more."""
    if isinstance(type, StackType):
        return StackType(type.dtype, type.element_rank + 1)
    return ArrayType(type.dtype, (size, *type.shape))


# The callee over a batch, for flags of its operands and the name of the axis; and flags of its results.
CalleeOver = Callable[[Callee, tuple[bool, ...], str | None], tuple[Callee, tuple[bool, ...]]]


class Batcher:
    """Emits equations with the values in `lanes` (old values) batched; with no lanes, emits a program as it stands,
    with types inferred anew where an operand's type has changed."""

    def __init__(
        self, size: Dim, lanes: set[Var], axis_name: str | None, callee_over: CalleeOver, masking: bool = False
    ) -> None:
        self.size = size
        self.callee_over = callee_over
        self.lanes = lanes
        self.axis_name = axis_name
        self.masking = masking  # control that differs from lane to lane is masked
        self.splitting = False  # inside a region where lanes meet: what has no rule goes by lane on its own

    def region(self, region: Region, env: Substitution) -> list[Operand]:
        """Emit the equations; the results as they come (not all of them batched)."""
        for eqn in region.eqns:
            if not self.splitting or self.communicates(eqn):
                self.equation(eqn, env)
            elif not self.attempted(eqn, env):
                if any(r not in self.lanes for r in eqn.results):
                    raise NoRule(eqn.span, "some results of this are equal in all lanes, others are not")
                self.by_lane([eqn], list(eqn.results), env)
        return [env.operand(r) for r in region.results]

    def attempted(self, eqn: Eqn, env: Substitution) -> bool:
        """Emit the equation by array if that is possible."""
        splitting, self.splitting = self.splitting, False
        try:
            with open_block() as attempt:
                self.equation(eqn, env)
        except NoRule:
            return False
        finally:
            self.splitting = splitting
        for done in attempt.eqns:
            append_eqn(done)
        return True

    def by_lane(
        self, eqns: Sequence[Eqn], wanted: Sequence[Var], env: Substitution, guards: Sequence[Guard] = ()
    ) -> None:
        """Emit a loop over the lanes for these equations."""
        for eqn in eqns:
            self.require_silence(eqn)
        single = Batcher(self.size, set(), None, self.callee_over)
        run_lanes(eqns, wanted, env, self.lanes, self.size, single.equation, guards)

    def stack(self, region: Region, values: Iterable[Var]) -> None:
        """These values are stacked from now on, even if they are equal in all lanes."""
        self.lanes = lane_dependent(region, {*self.lanes, *values}, self.axis_name)

    def communicates(self, eqn: Eqn) -> bool:
        return communicates(eqn, self.axis_name)

    def around_collectives(self, eqn: Eqn, env: Substitution) -> None:
        """Emit an equation in which lanes meet."""
        self.splitting = True
        self.equation(eqn, env)
        self.splitting = False

    def require_silence(self, eqn: Eqn) -> None:
        """CollectiveError if lanes would wait for one another in what each of them runs alone."""
        if self.communicates(eqn):
            raise CollectiveError(
                eqn.span,
                f"a collective over the axis {self.axis_name!r} is inside this, but not all lanes run it alike",
                "Call the collective outside, where every lane comes to it.",
            )

    def _collective(self, eqn: Eqn, env: Substitution) -> None:
        assert self.axis_name is not None
        operands = [env.operand(x) for x in eqn.operands]
        flags = [any_batched((x,), self.lanes) for x in eqn.operands]
        new, batched = over_axis(eqn.operation, operands, flags, self.axis_name, self.size, env.params(eqn.params))
        env[eqn.result] = self.spread(new) if eqn.result in self.lanes and not batched else new

    def equation(self, eqn: Eqn, env: Substitution) -> None:
        with at_span(eqn.span):
            if eqn.operation is loop:
                self._loop(eqn, env)
            elif eqn.operation is if_:
                self._if(eqn, env)
            elif mentions_axis(eqn, self.axis_name):
                self._collective(eqn, env)
            elif eqn.operation is custom_call:
                self._custom_call(eqn, env)
            elif any(r in self.lanes for r in eqn.results) or any_batched(eqn.operands, self.lanes):
                self._batched(eqn, env)
            else:
                self._unbatched(eqn, env)

    def _unbatched(self, eqn: Eqn, env: Substitution) -> None:
        if eqn.operation in CALLS:
            self.require_silence(eqn)
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
        if eqn.operation in CALLS and eqn.params["callee"].recursive:
            self.require_silence(eqn)
        if mentions_batched((d for r in eqn.results for d in r.type.dims()), self.lanes):
            raise NoRule(eqn.span, "the size of this differs from lane to lane")
        operands = [env.operand(x) for x in eqn.operands]
        flags = [any_batched((x,), self.lanes) for x in eqn.operands]
        if mentions_batched(eqn_dims(eqn), self.lanes):
            env[eqn.result] = self._placed_by_lane(eqn, operands, flags, env)
            return
        if eqn.operation in (update, update_add, stack_push) and not flags[0]:
            operands[0], flags[0] = self.spread(operands[0]), True
        if eqn.operation in CALLS:
            results, batched = self._call(eqn, operands, flags, env)
        else:
            results, batched = eqn.operation.batch(operands, flags, self.size, env.params(eqn.params))
        for old, new, is_batched in zip(eqn.results, results, batched, strict=True):
            new = new if is_batched else self.spread(new)
            if isinstance(new, Var) and not new.hint:
                new.hint = old.hint
            env[old] = new

    def _call(
        self, eqn: Eqn, operands: Sequence[Operand], flags: Sequence[bool], env: Substitution
    ) -> tuple[Sequence[Operand], Sequence[bool]]:
        """A call of the function over the batch. One that calls itself goes lane by lane, how often being the lane's;
        with masks, until no lane is in it."""
        callee: Callee = eqn.params["callee"]
        if callee.recursive and not self.masking:
            raise eqn.operation.gap("batch")
        if not any(flags):  # its size comes from an operand
            raise NoRule(eqn.span, "this call differs from lane to lane by what is inside it alone")
        made, batched = self.callee_over(known_function(eqn), tuple(flags), self.axis_name)
        results: Sequence[Var]
        if callee.recursive:
            results = [Var(with_batch_axis(env.type(r.type), self.size), r.hint) for r in eqn.results]
        else:
            results = call_results(made, operands)
        append_eqn(Eqn(eqn.operation, tuple(operands), tuple(results), {"callee": made}, (), current_span()))
        return results, batched

    def _custom_call(self, eqn: Eqn, env: Substitution) -> None:
        """By the user's rule for batches, or a call with every rule batched."""
        callee, rules, results = eqn.params["callee"], eqn.params["rules"], eqn.results
        operands = [env.operand(x) for x in eqn.operands]
        flags = tuple(any_batched((x,), self.lanes) for x in eqn.operands)
        made: Sequence[Operand]
        if not any(flags):
            self.require_silence(eqn)
            made, batched = call_with(callee, rules, operands), [False] * len(results)
        elif (found := covering(rules, flags)) is not None:
            pattern, rule = found
            pairs = zip(operands, flags, pattern, strict=True)
            spread = [self.spread(x) if wanted and not flag else x for x, flag, wanted in pairs]
            made, batched = inline(rule.callee.function, spread), list(rule.batched)
        else:
            if any(v in results for r in results for d in r.type.dims() for v in dim_vars(d)):
                raise NoRule(eqn.span, "the size of a result of this call differs from lane to lane")
            callee, rules = batched_call(callee, rules, flags, self.axis_name, self.callee_over)
            made, batched = call_with(callee, rules, operands), [True] * len(results)
        for old, new, is_batched in zip(results, made, batched, strict=True):
            env[old] = new if is_batched or old not in self.lanes else self.spread(new)
            if isinstance(new, Var):
                new.hint = old.hint or new.hint

    def _placed_by_lane(self, eqn: Eqn, operands: list[Operand], flags: list[bool], env: Substitution) -> Operand:
        """An equation with integers among its params that differ from lane to lane."""
        if eqn.operation is dim_value:
            return lane_values(eqn.params["dim"], self.lanes, env)
        if eqn.operation not in (index, update, update_add):
            raise NoRule(eqn.span, "a number that this depends on differs from lane to lane")
        first = 1 if eqn.operation is index else 2
        takes, params = operands[first:], dict(eqn.params)
        at = params.pop("at")
        rank = max((x.rank for x in eqn.operands[first:]), default=0)
        found = lane_index(at, takes, rank, self.lanes, env)
        axes = (0, *(k + 1 for k in found.order))
        if first == 2:
            operands[:2] = [x if f else self.spread(x) for x, f in zip(operands[:2], flags, strict=False)]
            operands[1] = align_batch(operands[1], len(axes) - 1)
            if axes != tuple(sorted(axes)):
                operands[1] = permute(operands[1], axes=tuple(axes.index(k) for k in range(len(axes))))
            flags[:2] = [True, True]
        operands += found.takes
        flags += [True] * len(found.takes)
        out: Operand
        (out,), _ = eqn.operation.batch(operands, flags, self.size, {"at": found.at, **env.params(params)})
        if first == 1 and axes != tuple(sorted(axes)):
            out = permute(out, axes=axes)
        return out

    def _nobody(self, eqn: Eqn, env: Substitution) -> None:
        """The results of no lanes."""
        for result in eqn.results:
            env[result] = zeros_of(with_batch_axis(env.type(result.type), self.size))

    def spread(self, x: Operand) -> Operand:
        """The same value in every lane; fresh zeros are made at full size."""
        definition = x.definition if isinstance(x, Var) else None
        if isinstance(x.type, StackType):
            if definition is None or definition.operation is not stack_new:
                raise NoRule(current_span(), "a tape that all lanes share becomes one of each lane")
            return stack_new(dtype=x.type.dtype, element_rank=x.type.element_rank + 1)  # type: ignore[no-any-return]
        shape = (self.size, *x.shape)
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
                return with_batch_axis(type, self.size)
            return type if now.type.weak else type.strong()
        if old in self.lanes:
            return with_batch_axis(type, self.size)
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
            self.require_silence(eqn)
            if self.masking:
                masked_loop(self, eqn, env) if self.size != 0 else self._nobody(eqn, env)
                return
            raise NoRule(eqn.span, "the trip count of this loop differs from lane to lane")
        params, results = loop_carries(eqn), result_carries(eqn)
        if mentions_batched((d for p in params for d in p.type.dims()), self.lanes):
            raise NoRule(eqn.span, "the size of an array carried by this loop differs from lane to lane")
        flags = [p in self.lanes for p in params]
        inits = self._results(eqn.operands, flags, env)
        regions = []
        for region in eqn.regions:
            head = region.params[: len(region.params) - len(params)]
            fresh = env.fresh_all(head)
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
            self.require_silence(eqn)
            if self.masking:
                masked_if(self, eqn, env) if self.size != 0 else self._nobody(eqn, env)
                return
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
