"""Choose what the reverse sweep gets its forward values from: scope, re-reading, recomputation, or a tape.

In: the prepared forward `Function` and its reverse region from `reverse.sweep`. Out: a `ResidualPlan`.
Every forward value that the reverse region reads is *demanded* in the region where it is defined. Values of the root
are in scope.
Values inside loops and branches are re-read from an array that still holds them, recomputed if that is cheap, or
saved; which of them
to save is a minimum vertex cut over the data flow, capacity = bytes x trips.
Values that decide branches or comparisons are recomputed only from loads and exact operations: fused multiply-add may
otherwise send
the reverse sweep down another branch.
Source: min-cut checkpointing as in Enzyme and functorch; adjoint-sensitive re-reading after Naumann, The Art of
Differentiating
Computer Programs, ch. 3.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from gradscribe.transpiler.ir.dims import Dim, Symbol
from gradscribe.transpiler.ir.index import Index, index_dims
from gradscribe.transpiler.ir.nodes import Eqn, Function, Region, Var
from gradscribe.transpiler.ir.types import StackType
from gradscribe.transpiler.ir.walk import dim_vars, eqn_dims, eqn_reads, inner_eqns
from gradscribe.transpiler.passes.affine.rereads import RereadOracle
from gradscribe.transpiler.passes.min_cut import min_vertex_cut
from gradscribe.transpiler.primitives.calls import CALLS
from gradscribe.transpiler.primitives.checks import wrap_index
from gradscribe.transpiler.primitives.masks import count_true, true_positions
from gradscribe.transpiler.primitives.primitive import Elementwise, Reindex
from gradscribe.transpiler.primitives.regions import if_, is_counted, loop
from gradscribe.transpiler.primitives.structure import convert, dim_value
from gradscribe.transpiler.transforms.exit_flags import ExitFlag, exit_flags

# Elementwise operations whose result does not depend on how the compiler contracts or vectorises.
_EXACT = frozenset(
    "negative absolute select maximum minimum sign floor ceil rint less less_equal greater greater_equal equal "
    "not_equal logical_and logical_or logical_not logical_xor isnan isinf isfinite bitwise_and bitwise_or "
    "bitwise_xor bitwise_invert".split()
)
# Elementwise operations cheap enough to repeat; transcendental functions are not among them.
_CHEAP = _EXACT | frozenset(
    "add subtract multiply divide square sqrt reciprocal floor_divide remainder fmod integer_power".split()
)
# Operations of the reverse sweep whose answer jumps when an operand changes in the last bit.
_DECIDING = frozenset(
    "less less_equal greater greater_equal equal not_equal sign floor ceil rint argmax argmin".split()
)
_OF_MASKS = (count_true, true_positions)
_NOMINAL_SIZE = 100


class Homes:
    """Where every forward value is defined, and what encloses each region."""

    def __init__(self, function: Function) -> None:
        self.root = function.region
        self.home: dict[Var, Region] = {}
        self.owner: dict[Region, tuple[Eqn, Region]] = {}
        self.mirrored: dict[Var, None] = {}  # loop indices and trip counters: the reverse loop has them
        self._enter(function.region)

    def _enter(self, region: Region) -> None:
        for param in region.params:
            self.home[param] = region
        for eqn in region.eqns:
            for result in eqn.results:
                self.home[result] = region
            for inner in eqn.regions:
                self.owner[inner] = (eqn, region)
                self._enter(inner)
            if eqn.operation is loop:
                body = eqn.regions[-1]
                self.mirrored[body.params[0] if is_counted(eqn) else body.params[-1]] = None

    def chain(self, region: Region) -> list[tuple[Eqn, Region]]:
        """Region equations from the root down to `region`, each with the region of it that leads there."""
        out: list[tuple[Eqn, Region]] = []
        while region is not self.root:
            eqn, outer = self.owner[region]
            out.append((eqn, region))
            region = outer
        return out[::-1]

    def at_root(self, dim: Dim) -> bool:
        """The polynomial can be computed where no loop is open. What the program does not define is of the program
        around it."""
        return all(self.home.get(v, self.root) is self.root for v in dim_vars(dim))


@dataclass(frozen=True)
class Reread:
    """Read again from a root-level array that still holds the value."""

    array: Var
    at: Index


@dataclass(frozen=True)
class Tape:
    """A saved value. kind: "slot" (through branches only), "array" (every trip count is known beforehand) or
    "stack"."""

    var: Var
    kind: str
    chain: tuple[tuple[Eqn, Region], ...]

    def loops(self) -> Iterator[tuple[Eqn, Var]]:
        for eqn, region in self.chain:
            if eqn.operation is loop:
                yield eqn, region.params[0]


@dataclass
class ResidualPlan:
    homes: Homes
    tapes: dict[Var, Tape] = field(default_factory=dict)
    rereads: dict[Var, Reread] = field(default_factory=dict)
    flags: dict[Var, ExitFlag] = field(default_factory=dict)
    needed: dict[Var, None] = field(default_factory=dict)  # everything the reverse sweep materialises
    reasons: dict[Var, str] = field(default_factory=dict)  # why each tape is one, where plans are recorded

    def sources(self, var: Var) -> Iterator[Var]:
        """Forward values that materialising `var` reads."""
        if var in self.tapes:
            for _, counter in self.tapes[var].loops():
                if self.tapes[var].kind == "array":
                    yield counter
        elif var in self.rereads:
            for dim in index_dims(self.rereads[var].at):
                yield from dim_vars(dim)
        elif var in self.flags:
            yield from self.flags[var].sources()
        elif var.definition is not None and not self.is_given(var):
            yield from eqn_reads(var.definition)
        for dim in var.type.dims():
            yield from dim_vars(dim)

    def is_given(self, var: Var) -> bool:
        return self.homes.home[var] is self.homes.root or var in self.homes.mirrored


_recording: ContextVar[list[ResidualPlan] | None] = ContextVar("recording", default=None)


@contextmanager
def recorded_plans() -> Iterator[list[ResidualPlan]]:
    """Every plan made within the block, in order: one for each reverse transformation, however they nest."""
    plans: list[ResidualPlan] = []
    token = _recording.set(plans)
    try:
        yield plans
    finally:
        _recording.reset(token)


def plan_residuals(forward: Function, reverse: Region, save_everything: bool = False) -> ResidualPlan:
    """Decide for every demanded value; with `save_everything` each one is taped (the tests' oracle)."""
    homes = Homes(forward)
    plan = ResidualPlan(homes)
    demanded: dict[Var, None] = {}
    for var in _reads(reverse):
        if var in homes.home and not plan.is_given(var):
            demanded.setdefault(var)
    exact = _deciding(reverse)
    oracle = None if save_everything else RereadOracle(forward)
    known_flags = {} if save_everything else exit_flags(forward)
    graph = _DataFlow(plan, oracle, exact, known_flags)
    graph.close_exact(list(demanded))
    chosen = list(demanded) if save_everything else graph.cut(list(demanded))
    for var in chosen:
        plan.tapes[var] = _tape(var, homes)
    pending = list(demanded)
    while pending:
        var = pending.pop(0)
        if var in plan.needed or var not in homes.home:
            continue
        plan.needed[var] = None
        if plan.is_given(var):
            continue
        if var not in plan.tapes:
            found = graph.reread(var)
            if found is not None:
                plan.rereads[var] = found
            elif var in known_flags:
                plan.flags[var] = known_flags[var]
        if not any(var in way for way in (plan.tapes, plan.rereads, plan.flags)) and not graph.can_recompute(var):
            plan.tapes[var] = _tape(var, homes)
        pending.extend(plan.sources(var))
    recording = _recording.get()
    if recording is not None:
        plan.reasons = {var: graph.reason(var) for var in plan.tapes}
        recording.append(plan)
    return plan


def _reads(region: Region) -> Iterator[Var]:
    """Every value read anywhere in a region; may repeat."""
    for eqn in region.eqns:
        yield from (x for x in eqn.operands if isinstance(x, Var))
        for dim in eqn_dims(eqn):
            yield from dim_vars(dim)
        for inner in eqn.regions:
            for param in inner.params:
                for dim in param.type.dims():
                    yield from dim_vars(dim)
            yield from _reads(inner)
    yield from (x for x in region.results if isinstance(x, Var))


def _deciding(reverse: Region) -> set[Var]:
    """Values that comparisons and branches of the reverse region are made of, however indirectly."""
    deciding: set[Var] = set()
    eqns = list(inner_eqns(reverse))
    for eqn in reversed(eqns):
        decides = eqn.operation.name in _DECIDING or eqn.operation is if_ or eqn.operation in CALLS
        if decides or (not eqn.regions and any(r in deciding for r in eqn.results)):
            deciding.update(x for x in eqn.operands if isinstance(x, Var))
    return deciding


class _DataFlow:
    """The forward data flow as the cut sees it."""

    def __init__(
        self, plan: ResidualPlan, oracle: RereadOracle | None, exact: set[Var], flags: dict[Var, ExitFlag]
    ) -> None:
        self.plan = plan
        self.homes = plan.homes
        self.oracle = oracle
        self.exact = exact
        self.flags = flags
        self._rereads: dict[Var, Reread | None] = {}

    def reread(self, var: Var) -> Reread | None:
        if var not in self._rereads:
            found = None if self.oracle is None else self.oracle.reread(var)
            self._rereads[var] = None if found is None else Reread(found.array, found.at)
        return self._rereads[var]

    def is_had(self, var: Var) -> bool:
        """The value can be had without saving anything in its own region."""
        return var in self.flags or self.reread(var) is not None

    def can_recompute(self, var: Var) -> bool:
        eqn = var.definition
        if eqn is None or eqn.regions or len(eqn.results) != 1:
            return False
        operation = eqn.operation
        if isinstance(operation, Elementwise):
            if var in self.exact and var.type.is_float and operation.name not in _EXACT:
                return False
            return operation.name in _CHEAP
        return isinstance(operation, Reindex) or operation in (convert, dim_value, wrap_index, *_OF_MASKS)

    def reason(self, var: Var) -> str:
        """Why a saved value is not had otherwise."""
        if var.definition is None:
            return "it changes from trip to trip, and no array still holds it"
        if not self.can_recompute(var):
            operation = var.definition.operation
            if operation.name in _CHEAP:
                return "a decision depends on its last bit, which repeating it might change"
            return f"no array still holds it, and `{operation.name}` is not repeated"
        return "it is smaller than what it is made of"

    def close_exact(self, demanded: list[Var]) -> None:
        """Whatever an exact value (or an integer or a decision) would be recomputed from must be exact too: a load, a
        saved value, or made of such by operations that give the same bits however they are compiled."""
        pending, seen = list(demanded), set[tuple[Var, bool]]()
        while pending:
            var = pending.pop()
            if var not in self.homes.home or self.plan.is_given(var):
                continue
            if not var.type.is_float:
                self.exact.add(var)
            state = (var, var in self.exact)
            if state in seen or self.is_had(var) or not self.can_recompute(var):
                seen.add(state)
                continue
            seen.add(state)
            assert var.definition is not None
            for x in dict.fromkeys(eqn_reads(var.definition)):
                if var in self.exact:
                    self.exact.add(x)
                pending.append(x)

    def cut(self, demanded: list[Var]) -> list[Var]:
        """The values to save so that all demanded ones can be had."""
        capacities: dict[Var, int] = {}
        edges: list[tuple[Var, Var]] = []
        sources: list[Var] = []
        pending = [v for v in demanded if not self.is_had(v)]
        sinks = list(pending)
        while pending:
            var = pending.pop()
            if var in capacities:
                continue
            capacities[var] = self._bytes(var)
            if not self.can_recompute(var):
                sources.append(var)
                continue
            assert var.definition is not None
            for x in dict.fromkeys(eqn_reads(var.definition)):
                if x not in self.homes.home or self.plan.is_given(x) or self.is_had(x):
                    continue
                edges.append((x, var))
                pending.append(x)
        order = {v: k for k, v in enumerate(capacities)}
        chosen = min_vertex_cut(capacities, edges, sources, [s for s in sinks if s in capacities])
        return sorted((v for v in chosen if isinstance(v, Var)), key=lambda v: order[v])

    def _bytes(self, var: Var) -> int:
        """bytes x trips for nominal sizes: a stable estimate, not a measurement."""

        def nominal(dim: Dim) -> int:
            return max(dim.evaluate(lambda a: _NOMINAL_SIZE if isinstance(a, (Symbol, Var)) else 1), 1)

        if isinstance(var.type, StackType):
            return 1 << 50
        total = var.type.dtype.itemsize
        for dim in var.type.shape:
            total *= nominal(dim)
        for eqn, _ in self.homes.chain(self.homes.home[var]):
            if eqn.operation is loop:
                constant = (eqn.params["hi"] - eqn.params["lo"]).constant if is_counted(eqn) else None
                total *= _NOMINAL_SIZE if constant is None else max(constant, 1)
        return min(total, 1 << 50)


def _tape(var: Var, homes: Homes) -> Tape:
    chain = tuple(homes.chain(homes.home[var]))
    loops = [eqn for eqn, _ in chain if eqn.operation is loop]
    fixed_shape = all(homes.at_root(d) for d in var.type.dims())
    if not loops and fixed_shape:
        return Tape(var, "slot", chain)
    rectangular = all(is_counted(e) and homes.at_root(e.params["hi"]) and homes.at_root(e.params["lo"]) for e in loops)
    return Tape(var, "array" if rectangular and fixed_shape else "stack", chain)
