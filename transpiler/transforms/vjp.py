"""Reverse mode: a forward program that also keeps what the reverse needs, and the reverse program.

In: a `Function`, the parameters to differentiate, the results to seed. Out: `VjpParts`, fused (for `grad`) and split
(for a pullback
that may be called again). Assumes a verified program; the output is ordinary IR and may be differentiated again.
Steps: simplify -> count trips -> activity -> reverse sweep with everything in scope -> plan residuals -> emit forward
with tapes ->
emit reverse with restored values -> simplify.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from gradscribe.transpiler.errors import reporting
from gradscribe.transpiler.ir.builder import append_eqn, build_body
from gradscribe.transpiler.ir.callees import Callee
from gradscribe.transpiler.ir.dims import Atom, Dim, Symbol
from gradscribe.transpiler.ir.nodes import Eqn, Function, Guard, Literal, Operand, Region, Var
from gradscribe.transpiler.ir.types import ArrayType, Type
from gradscribe.transpiler.ir.walk import (
    Substitution,
    clone_eqn,
    eqn_dims,
    eqn_reads,
    free_vars,
    inner_eqns,
    rewrite_eqns,
)
from gradscribe.transpiler.passes.affine.forwarding import forward_loads
from gradscribe.transpiler.passes.dead_code import drop_dead_code, has_effect, has_io, prune_region, without_io
from gradscribe.transpiler.passes.hoist import hoist_invariants
from gradscribe.transpiler.passes.simplify import simplify
from gradscribe.transpiler.primitives.calls import call
from gradscribe.transpiler.primitives.structure import dim_value
from gradscribe.transpiler.transforms.activity import active
from gradscribe.transpiler.transforms.checkpoint import saving_call, with_sizes
from gradscribe.transpiler.transforms.custom_rules import has_custom_calls, with_pullbacks, without_pullbacks
from gradscribe.transpiler.transforms.residuals import ResidualPlan, plan_residuals
from gradscribe.transpiler.transforms.restoration import Restoration
from gradscribe.transpiler.transforms.reverse import Checkpoint, cotangent_name, strong, sweep
from gradscribe.transpiler.transforms.snapshots import called_again, keeping_snapshots, stepping_of
from gradscribe.transpiler.transforms.tapes import TapedForward
from gradscribe.transpiler.transforms.trips import count_trips


@dataclass(frozen=True, eq=False)
class VjpParts:
    """`fused`: (params, cotangents of the seeded results) -> (results, cotangents of the chosen params)."""

    fused: Function
    wrt_count: int
    result_count: int
    param_count: int

    @cached_property
    def split(self) -> tuple[Function, Function]:
        """(forward, backward): forward returns the results, then the saved values; backward takes the saved values,
        then the
        cotangents. Calling backward twice gives equal results: it borrows what is saved."""
        return _split(self)

    @property
    def forward(self) -> Function:
        return self.split[0]

    @property
    def backward(self) -> Function:
        return self.split[1]

    @property
    def saved_count(self) -> int:
        return len(self.forward.results) - self.result_count


@reporting("writing the derivative (reverse mode)")
def vjp(
    function: Function, wrt: Sequence[int], results: Sequence[int] | None = None, *, save_everything: bool = False
) -> VjpParts:
    """Reverse mode of `function` for the parameters at `wrt`, seeded at `results` (default: every floating result)."""
    if results is None:
        results = [k for k, r in enumerate(function.results) if r.type.is_float and isinstance(r.type, ArrayType)]
    return _reverse(function, wrt, list(results), None, save_everything)


@reporting("writing the derivative (reverse mode)")
def value_and_grad(function: Function, wrt: Sequence[int], result: int = 0) -> Function:
    """The program params -> (results, gradients of scalar result number `result`)."""
    return _reverse(function, wrt, [result], 1.0, False).fused


def plan_of(function: Function, wrt: Sequence[int], results: Sequence[int]) -> ResidualPlan:
    """What reverse mode would save, re-read and recompute (for explanations and tests)."""
    function = _ready(function, wrt, results)
    seeds: dict[int, Operand] = {k: Var(strong(function.results[k].type)) for k in results}
    function, checkpoints = _with_checkpoints(function, wrt, seeds)
    return plan_residuals(function, _sweep(function, wrt, seeds, checkpoints))


def _ready(function: Function, wrt: Sequence[int], results: Sequence[int]) -> Function:
    """The program as the reverse sweep takes it."""
    if has_custom_calls(function.region):
        function = with_pullbacks(simplify(function), wrt, results, vjp)
    return count_trips(_prepared(function))


def _prepared(function: Function) -> Function:
    """What is differentiated is the simplified program: nothing is saved that need not be computed again. A value that
    is stored and loaded again is one value (in adjoints it would be saved twice)."""
    return simplify(forward_loads(hoist_invariants(simplify(function))))


def _with_checkpoints(
    function: Function, wrt: Sequence[int], seeds: Mapping[int, Operand]
) -> tuple[Function, dict[Eqn, Checkpoint]]:
    """The program whose checkpoints also give what their adjoints take, and those adjoints."""
    eqns = list(inner_eqns(function.region))
    if not any("snapshots" in e.params or (e.operation is call and e.params["callee"].saves) for e in eqns):
        return function, {}
    moving = active(function, wrt, list(seeds))
    found: dict[Eqn, Checkpoint] = {}

    def rewritten(eqn: Eqn) -> list[Eqn] | None:
        if eqn.operation is call and eqn.params["callee"].saves is not None:
            saving = saving_call(eqn, moving, lambda *f: vjp(*f).fused)
            if saving is not None:
                found[saving[0]] = saving[1]
                return [saving[0]]
        if "snapshots" in eqn.params:
            stepping = stepping_of(eqn, moving, lambda f, wrt, of, onto: _reverse(f, wrt, of, None, False, onto).fused)
            if stepping is not None:
                keeping, buffers, stepping = keeping_snapshots(stepping)
                found[keeping] = stepping
                return [*buffers, keeping]
        return None

    return replace(function, region=rewrite_eqns(function.region, rewritten)), found


def _sweep(
    function: Function,
    wrt: Sequence[int],
    seeds: Mapping[int, Operand],
    checkpoints: Mapping[Eqn, Checkpoint],
    onto: Mapping[Var, Operand] | None = None,
) -> Region:
    moving = active(function, wrt, list(seeds))
    by_result = [seeds.get(k) for k in range(len(function.results))]
    chosen = [function.params[k] for k in wrt]
    return prune_region(sweep(function.region, moving, by_result, chosen, adjoint_of, checkpoints, onto or {}))


def adjoint_of(callee: Callee, wrt: tuple[int, ...], seeded: tuple[int, ...]) -> Callee:
    """The callee (params, cotangents of the results at `seeded`) -> cotangents of the params at `wrt`. It runs the
    forward part again, for operands that the callee was called with before: nothing in it fails."""
    key = ("vjp", wrt, seeded)
    if key not in callee.derived:
        made = callee.derived[key] = Callee(f"{callee.name}_vjp", saves=callee.saves)
        function = without_io(callee.function)
        again = replace(function, region=called_again(function.region))
        parts = vjp(again, wrt, seeded)
        fused = parts.fused
        results = fused.results[parts.result_count :]
        hints = fused.result_hints[parts.result_count :]
        region = Region(fused.region.params, fused.region.eqns, results)
        made.function = drop_dead_code(replace(fused, region=region, result_hints=hints), has_io)
    known: Callee = callee.derived[key]
    return known


def _reverse(
    function: Function,
    wrt: Sequence[int],
    seeded: list[int],
    seed: float | None,
    save_everything: bool,
    onto: Sequence[int] = (),
) -> VjpParts:
    """`onto`: parameters whose cotangents continue from given ones, which come after the cotangents of results."""
    name = f"{function.name}_vjp" if seed is None else f"{function.name}_grad"
    function = _ready(function, wrt, seeded)
    bars = [Var(_entry_type(function, k), _bar_name(function, k)) for k in seeded] if seed is None else []
    given: list[Operand] = list(bars)
    if seed is not None:
        given = [Literal(function.results[k].dtype.type(seed)) for k in seeded]
    seeds = dict(zip(seeded, given, strict=True))
    function, checkpoints = _with_checkpoints(function, wrt, seeds)
    continued = [Var(strong(function.params[k].type), cotangent_name(function.params[k].hint)) for k in onto]
    begun = {function.params[k]: bar for k, bar in zip(onto, continued, strict=True)}
    reverse = _sweep(function, wrt, seeds, checkpoints, begun)
    bars += continued
    plan = plan_residuals(function, reverse, save_everything)
    env = Substitution()
    params = env.fresh_all(function.params)
    fresh_bars = [env.fresh(b) for b in bars]

    def body(*_: Var) -> list[Operand]:
        taped = TapedForward(function, plan, env)
        outs = [env.operand(r) for r in function.results]
        rooted = Substitution({v: env.values[v] for v in plan.homes.home if plan.homes.home[v] is plan.homes.root})
        rooted.values.update({b: env.values[b] for b in bars})
        grads = Restoration(plan, taped.current, rooted).region(reverse, function.region)
        return outs + grads

    region = build_body([*params, *fresh_bars], body)
    guards = tuple(Guard(g.kind, env.dim(g.dim), g.message, g.requirement, g.span) for g in function.guards)
    hints = tuple(_result_name(function, k) for k in range(len(function.results)))
    hints += tuple(cotangent_name(function.params[k].hint) for k in wrt)
    fused = simplify(without_pullbacks(Function(name, region, guards, hints, function.span)))
    fused = replace(fused, backward_from=_backward_start(fused, len(function.results), len(params)))
    return VjpParts(fused, len(wrt), len(function.results), len(function.params))


def _entry_type(function: Function, k: int) -> Type:
    """The type of the cotangent of result k where nothing has been computed yet: a size that data decide is a symbol
    of its own, which the reverse sweep compares with it."""
    type = function.results[k].type
    assert isinstance(type, ArrayType)

    def known(dim: Dim) -> bool:
        return all(isinstance(v, Symbol) or v in function.params for v in dim.leaves())

    name = f"{_bar_name(function, k)}_size"
    return type.strong().with_shape(d if known(d) else Symbol(name, 0) for d in type.shape)


def _result_name(function: Function, k: int) -> str:
    if function.result_hints:
        return function.result_hints[k]
    result = function.results[k]
    return result.hint if isinstance(result, Var) else ""


def _bar_name(function: Function, k: int) -> str:
    return cotangent_name(_result_name(function, k) or "out")


def _backward_start(fused: Function, result_count: int, param_count: int) -> int:
    """Index of the first top-level equation that the results do not need: where the backward part begins. What is
    printed belongs to the forward part, and so do checks that do not wait for a cotangent; those that the reverse sweep
    repeats do not."""
    needed = {r for r in fused.results[:result_count] if isinstance(r, Var)}
    last = -1
    entry_bars = fused.params[param_count:]
    for k, eqn in reversed(list(enumerate(fused.region.eqns))):
        if has_io(eqn) and not entry_bars:  # with cotangents, what waits for one may print too (a rule of the user's)
            last = max(last, k)
        if any(r in needed for r in eqn.results):
            last = max(last, k)
            needed.update(eqn_reads(eqn))
    entry = {leaf for p in fused.params[:param_count] for d in p.type.dims() for leaf in d.leaves()}
    waiting: set[Atom] = set(entry_bars)
    waiting |= {leaf for p in entry_bars for d in p.type.dims() for leaf in d.leaves()} - entry
    for k, eqn in enumerate(fused.region.eqns if waiting else ()):
        sizes = (leaf for d in eqn_dims(eqn) for leaf in d.leaves())
        if any(v in waiting for v in (*eqn_reads(eqn), *sizes)):
            break
        if has_effect(eqn):
            last = max(last, k)
    return last + 1


def _split(parts: VjpParts) -> tuple[Function, Function]:
    fused = parts.fused
    primal_params = fused.params[: parts.param_count]
    bars = fused.params[parts.param_count :]
    eqns = fused.region.eqns
    head, tail = eqns[: fused.backward_from], eqns[fused.backward_from :]
    backward = Region(bars, tail, fused.results[parts.result_count :])
    saved = with_sizes(free_vars(backward), set(bars))
    name = fused.name.removesuffix("_vjp")
    # sizes that no saved array or cotangent carries are saved as integers
    bound = {d.single_atom for v in (*saved, *bars) for d in v.type.dims()}
    mentioned: dict[Symbol, None] = {}
    for dims in [*(eqn_dims(e) for e in inner_eqns(backward)), *(v.type.dims() for v in (*saved, *bars))]:
        for leaf in (leaf for d in dims for leaf in d.leaves()):
            if isinstance(leaf, Symbol) and leaf not in bound:
                mentioned.setdefault(leaf)
    env = Substitution()
    params = env.fresh_all(primal_params)

    def forward_body(*_: Var) -> list[Operand]:
        for eqn in head:
            append_eqn(clone_eqn(eqn, env))
        sizes = [dim_value(dim=Dim.of(s)) for s in mentioned]
        return [env.operand(r) for r in fused.results[: parts.result_count]] + sizes + [env.operand(v) for v in saved]

    guards = tuple(Guard(g.kind, env.dim(g.dim), g.message, g.requirement, g.span) for g in fused.guards)
    forward = Function(f"{name}_vjp_fwd", build_body(params, forward_body), guards, (), fused.span)
    env = Substitution()
    size_params = [Var(dim_value.infer((), {"dim": Dim.of(s)}, ())[0], s.name) for s in mentioned]
    env.atoms.update({s: Dim.of(v) for s, v in zip(mentioned, size_params, strict=True)})
    saved_params = [env.fresh(v) for v in saved]
    bar_params = [env.fresh(b) for b in bars]

    def backward_body(*_: Var) -> list[Operand]:
        for eqn in tail:
            append_eqn(clone_eqn(eqn, env))
        return [env.operand(r) for r in backward.results]

    region = build_body([*size_params, *saved_params, *bar_params], backward_body)  # sizes before what has them
    return forward, Function(f"{name}_vjp_bwd", region, (), (), fused.span)
