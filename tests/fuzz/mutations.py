"""Rules of gradscribe broken on purpose, to see that the fuzzer notices.

In: nothing. Out: `MUTATIONS`: for each rule a context in which it does not hold, and `first_caught`, which runs random
programs in it until one is wrong. Programs run in fresh state: nothing a broken rule computed is kept.
"""

from __future__ import annotations

import contextlib
import linecache
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any
from unittest import mock

import numpy as np

from fuzz.native_batches import check_programs, not_compiled
from fuzz.source_campaign import Outcome, check_program
from fuzz.values import compare, staged_at
from gradscribe.transpiler.frontend import liveness
from gradscribe.transpiler.frontend.growing_lists import GrowingLists
from gradscribe.transpiler.frontend.joins import Join, Plan
from gradscribe.transpiler.frontend.liveness import Liveness
from gradscribe.transpiler.frontend.store import Store
from gradscribe.transpiler.frontend.trying import Trying
from gradscribe.transpiler.frontend.values import VALUE, Box
from gradscribe.transpiler.frontend.views import Views
from gradscribe.transpiler.ir.builder import emit
from gradscribe.transpiler.ir.nodes import Literal, Var
from gradscribe.transpiler.ir.walk import dim_vars
from gradscribe.transpiler.passes.affine.dependences import Dependences
from gradscribe.transpiler.passes.affine.overwrites import ArrayHistory
from gradscribe.transpiler.passes.bufferize import _Walk
from gradscribe.transpiler.passes.lower.regions import _Lowering
from gradscribe.transpiler.primitives import elementary, structure
from gradscribe.transpiler.primitives.allocation import empty
from gradscribe.transpiler.primitives.arithmetic import not_equal
from gradscribe.transpiler.primitives.complex_numbers import conjugate
from gradscribe.transpiler.primitives.joining import concatenate
from gradscribe.transpiler.primitives.logic import logical_not
from gradscribe.transpiler.primitives.primitive import RealLinear
from gradscribe.transpiler.transforms import residuals
from gradscribe.transpiler.transforms.exit_flags import ExitFlag, exit_flags
from gradscribe.transpiler.transforms.residuals import ResidualPlan
from gradscribe.transpiler.transforms.reverse import ReverseSweep

Change = Callable[[], AbstractContextManager[Any]]
FLAVOURS = ("language", "sharing", "indexing", "nested", "aliasing", "control", "layout", "growing")


@dataclass(frozen=True)
class Mutation:
    """A rule, in words, and the context in which it is broken; `seen`: where it shows, in values of the evaluator, in
    any check of NumPy text and derivatives, or in loop text (which is machine code when it is compiled)."""

    name: str
    rule: str
    broken: Change
    flavours: Sequence[str] = FLAVOURS
    seen: str = "derivatives"


def attribute(target: Any, name: str, value: Any) -> Change:
    return lambda: mock.patch.object(target, name, value)


@contextlib.contextmanager
def field(operation: Any, name: str, value: Any) -> Iterator[None]:
    """A rule of a primitive (primitives are frozen) replaced."""
    old = getattr(operation, name)
    object.__setattr__(operation, name, value)
    try:
        yield
    finally:
        object.__setattr__(operation, name, old)


# ---- the frontend ----
def _set_only(self: Store, cell: Any, key: Any, value: Any) -> None:
    self.check_readable(cell)
    self.set(cell, key, value)


def _forgetful(changed: Callable[..., Any]) -> Callable[..., Any]:
    def without_the_last_box(self: Store, mark: int) -> Any:
        out = changed(self, mark)
        boxes = [key for key in out if isinstance(key[0], Box) and key[1] is VALUE]
        if len(boxes) > 1:
            del out[boxes[-1]]
        return out

    return without_the_last_box


def _half_paired(plan: Callable[..., Any]) -> Callable[..., Any]:
    """Arrays that are one in the first world are taken for one in all."""

    def by_the_first(self: Join, values: Any, present: Any, path: Any) -> Any:
        for known in self.merged:
            if known.leaf >= 0 and self._same_or_missing(known.handles[0], values[0]):
                known.paths.append(path)
                return Plan("cell", known)
        return plan(self, values, present, path)

    return by_the_first


def _old_cells_only(overlaps: Callable[..., Any]) -> Callable[..., Any]:
    def without_pairs(self: Join) -> Any:
        joined = {m.cell for m in self.merged}
        return [(a, b) for a, b in overlaps(self) if not (a in joined and b in joined)]

    return without_pairs


def _one_pass(self: Liveness, s: Any, out: Any, brk: Any, cont: Any) -> Any:
    """What the body reads before it writes it is not carried around the loop."""
    counted = isinstance(s, liveness.gast.For)
    after = self._block(s.orelse, out, brk, cont) | out
    head = after | (frozenset() if counted else liveness._loads(s.test))
    body = self._block(s.body, head, out, head)
    self.head[id(s)] = head | self.captured
    return head | body | (liveness._loads(s.iter) if counted else frozenset())


@contextlib.contextmanager
def _liveness_without_fixpoint() -> Iterator[None]:
    with mock.patch.object(Liveness, "_loop", _one_pass), mock.patch.object(liveness, "_cache", {}):
        yield


def _emptied(self: GrowingLists, buffer: Any) -> Any:
    """Twice the room, and none of the items."""
    spare = emit(empty, (), {"shape": buffer.shape, "dtype": buffer.dtype})[0]
    return self.views.fresh(emit(concatenate, (spare, buffer.box.value), {"axis": 0}, hint=buffer.box.name)[0])


def _finally_at_the_end(self: Trying, s: Any, frame: Any) -> Any:
    code = self._run_handlers(s, frame)
    if isinstance(code, int) and not code:
        self.run_block(s.finalbody, frame)
    return code


# ---- reverse mode ----
def _first_operand_only(call: Callable[..., Any]) -> Callable[..., Any]:
    def of_one(self: ReverseSweep, eqn: Any, cts: Any) -> None:
        before = dict(cts)
        call(self, eqn, cts)
        reached = [x for x in eqn.operands if isinstance(x, Var) and cts.get(x) is not before.get(x)]
        for x in dict.fromkeys(reached[1:]):
            cts.pop(x)
            if x in before:
                cts[x] = before[x]

    return of_one


def _without_sizes(sources: Callable[..., Any]) -> Callable[..., Any]:
    def of_the_value_alone(self: ResidualPlan, var: Any) -> Any:
        found = list(sources(self, var))
        sizes = sum(len(dim_vars(d)) for d in var.type.dims())
        return iter(found[: len(found) - sizes])

    return of_the_value_alone


def _any_code(function: Any) -> Any:
    return {p: replace(flag, every_code=True) for p, flag in exit_flags(function).items()}


def _every_iteration(self: ExitFlag, env: Any) -> Any:
    """The predicate as the final code alone would have it, in the last iteration or not."""
    left = emit(not_equal, (env.operand(self.loop.results[0]), Literal(0)))[0]
    return emit(logical_not, (left,))[0] if self.negated else left


def _first_version_of_a_fork(leading: Callable[..., Any]) -> Callable[..., Any]:
    """A version is taken for part of any line that begins like its own."""

    def of_any_fork(self: ArrayHistory, version: Any, region: Any) -> Any:
        found = list(leading(self, version, region))
        first = {x.first for x in found if x.first is not None}
        yield from (x for x in self.lineages(region) if x.first in first and x not in found)
        yield from found

    return of_any_fork


def _added_once(x: Any, v: Any, *takes: Any, at: Any) -> Any:
    y = np.array(x)
    y[at] += v
    return y


def _never_read(ct: Any, x: Any, v: Any, *takes: Any, at: Any, once: bool = False) -> Any:
    return ct, structure.sum_to_shape(emit(structure.index, (ct, *takes), {"at": at})[0], v.shape)


def _takes_all(self: _Walk, x: Any, owned: Any, taken: Any, live: Any) -> bool:
    root = self.root(x)
    return root in owned and root not in taken


# ---- native code ----
def _once_is_enough(reads: Callable[..., Any]) -> Callable[..., Any]:
    """The array that a loop hands on twice is not looked at: an element of it stays in a scalar."""

    def without_hand_over(self: Dependences, version: Any, line: Any, result: Any, body: Any) -> Any:
        found = list(reads(self, version, line, result, body))
        return (x for x in found if not (x.at is None and x.kind == "read" and version is result))

    return without_hand_over


MUTATIONS = {
    m.name: m
    for m in (
        Mutation(
            "layout", "reshape of an array that is not contiguous may be a copy",
            attribute(Views, "contiguous", lambda self, x: True), seen="values",
        ),
        Mutation(
            "pairing", "arrays share one joined array only if they are one in every world",
            attribute(Join, "_plan_arrays", _half_paired(Join._plan_arrays)), seen="values",
        ),
        Mutation(
            "overlap of pairs", "two joined arrays may be one in some world",
            attribute(Join, "overlaps", _old_cells_only(Join.overlaps)), seen="values",
        ),
        Mutation(
            "stale arrays", "a write makes what may be the same array stale",
            attribute(Store, "write", _set_only), seen="values",
        ),
        Mutation(
            "journal", "a region hands out every array it wrote",
            attribute(Store, "changed", _forgetful(Store.changed)), seen="values",
        ),
        Mutation(
            "liveness of loops", "what the next trip reads is live at the end of the body", _liveness_without_fixpoint,
            seen="values",
        ),
        Mutation(
            "growing lists", "a list that gets more room keeps its items",
            attribute(GrowingLists, "_doubled", _emptied),
            flavours=("growing",), seen="values",
        ),
        Mutation(
            "finally", "`finally` runs however its `try` is left", attribute(Trying, "run_Try", _finally_at_the_end),
            flavours=("growing",), seen="values",
        ),
        Mutation(
            "last writes", "the last write to a repeated position alone has its cotangent",
            attribute(structure, "_of_last_writes", lambda ct, *args: ct),
        ),
        Mutation(
            "recursion", "every operand of a call has its cotangent",
            attribute(ReverseSweep, "_call", _first_operand_only(ReverseSweep._call)), flavours=("growing",),
        ),
        Mutation(
            "sizes in reverse", "a size that the type of a value mentions is had where the value is",
            attribute(ResidualPlan, "sources", _without_sizes(ResidualPlan.sources)), flavours=("growing",),
        ),
        Mutation(
            "conjugation", "the cotangent of a conjugate is conjugated",
            lambda: field(conjugate, "partials", lambda y, x: [RealLinear(conjugate, lambda ct: ct)]),
            flavours=("language", "indexing", "mixed"),
        ),
        Mutation(
            "scatter", "repeated positions are added to more than once",
            lambda: field(structure.update_add, "run", _added_once),
        ),
        Mutation(
            "partial derivative", "tanh' = 1 - y y",
            lambda: field(elementary.tanh, "partials", lambda y, x: [1.0 - 0.999 * y * y]),
        ),
        Mutation(
            "zeroed cotangent", "a write ends the life of the element it replaces",
            lambda: field(structure.update, "transpose", _never_read),
        ),
        Mutation(
            "re-reading", "an element written later is not re-read",
            attribute(ArrayHistory, "_is_touched", lambda self, *args, **options: False),
        ),
        Mutation(
            "forks", "an old version is not re-read from another fork of it",
            attribute(ArrayHistory, "_leading", _first_version_of_a_fork(ArrayHistory._leading)),
        ),
        Mutation(
            "exit iteration", "an exit is taken in the last iteration only",
            attribute(ExitFlag, "restore", _every_iteration),
        ),
        Mutation(
            "exit code", "the code tells which exit was taken", attribute(residuals, "exit_flags", _any_code)
        ),
        Mutation(
            "copies", "memory that is read later is not taken over", attribute(_Walk, "may_take", _takes_all)
        ),
        Mutation(
            "overlapping writes", "what a write reads of its own target is buffered",
            attribute(_Lowering, "_reads_only_what_it_writes", lambda self, *args: True), seen="loops",
        ),
        Mutation(
            "elements in scalars", "an array that a loop hands on twice is looked at",
            attribute(Dependences, "_reads", _once_is_enough(Dependences._reads)), seen="loops",
        ),
    )
}  # fmt: skip


def outcomes(mutation: Mutation, programs: Sequence[tuple[int, str]]) -> Iterator[tuple[int, str, list[Outcome]]]:
    if mutation.seen == "loops":
        with not_compiled():
            yield from check_programs(programs, 5)
        return
    for seed, flavour in programs:
        if mutation.seen == "values":
            yield seed, flavour, [Outcome("value", *compare(seed, flavour))]
        else:
            yield seed, flavour, check_program(seed, flavour)


def first_caught(mutation: Mutation, seeds: range) -> tuple[int, str] | None:
    """How many programs it takes until one is wrong, and what is wrong with it; None if none is."""
    programs = [(seed, flavour) for seed in seeds for flavour in mutation.flavours]
    staged_at.cache_clear()
    linecache.clearcache()
    with mutation.broken():
        for count, (seed, flavour, found) in enumerate(outcomes(mutation, programs), 1):
            for outcome in found:
                if outcome.verdict == "wrong":
                    return count, f"program_text({seed}, {flavour!r}) {outcome.check}: {outcome.detail}"
    return None
