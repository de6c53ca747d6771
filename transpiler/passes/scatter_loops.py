"""Loops that add one value at several shifted places, as statements on slices: lowering makes gathers of those.

In: an array-level `Function`. Out: a clone in which a counted loop with `b[i - 1] += v; b[i] += v; b[i + 1] += v` in it
(the adjoint of a stencil written with scalar loops) is `b[lo - 1 : hi - 1] += v` and so on, innermost loops first. A
loop is rewritten only if its iterations have nothing to do with each other but additions, so that each statement may
run for all of them before the next one does. Sums may be rounded differently.
Source: loop distribution and vectorisation by statement (Allen and Kennedy: "Automatic translation of Fortran programs
to vector form", TOPLAS 1987).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from gradscribe.transpiler.ir.bounds import clamp_to_positive
from gradscribe.transpiler.ir.builder import at_span, emit
from gradscribe.transpiler.ir.dims import Dim
from gradscribe.transpiler.ir.index import At, Index, Slice
from gradscribe.transpiler.ir.nodes import Eqn, Function, Literal, Operand, Var
from gradscribe.transpiler.ir.rebuilding import rebuilt
from gradscribe.transpiler.ir.types import ArrayType
from gradscribe.transpiler.ir.walk import Substitution, eqn_dims, inner_eqns
from gradscribe.transpiler.passes.affine.dependences import Dependence, Dependences
from gradscribe.transpiler.primitives.conversion import convert
from gradscribe.transpiler.primitives.primitive import Elementwise
from gradscribe.transpiler.primitives.regions import body_carries, is_counted, loop, loop_carries
from gradscribe.transpiler.primitives.structure import broadcast_to, index, reshape, update, update_add

_DEPTH = 4  # how many loops of a nest are rewritten at most


def slice_scatter_loops(function: Function) -> Function:
    """The program without such loops; the function itself when there are none."""
    for _ in range(_DEPTH):
        candidates = [e for e in inner_eqns(function.region) if _is_candidate(e)]
        if not candidates:
            break
        dependences = Dependences(function)
        found = {e for e in candidates if _is_free(e, dependences)}
        if not found:
            break
        function = rebuilt(function, found, lambda eqn, env: _Slicing(eqn, env).emit())
    return function


# ---- which loops ----


def _is_candidate(eqn: Eqn) -> bool:
    """A loop of statements that can be sliced, with two additions to one array at places a constant apart."""
    if eqn.operation is not loop or not is_counted(eqn) or eqn.params["exits"]:
        return False
    body = eqn.regions[-1]
    counter = body.params[0]
    own = {r for e in body.eqns for r in e.results} | set(body.params)
    if not all(isinstance(p.type, ArrayType) and p.type.rank > 0 for p in loop_carries(eqn)):
        return False
    if any(_mentions(d, own) for e in body.eqns for r in e.results for d in r.type.dims()):
        return False
    if not all(_can_be_sliced(e, counter, own) for e in body.eqns):
        return False
    arrays = set(loop_carries(eqn)) | {e.result for e in body.eqns if e.operation in (update, update_add)}
    if not all(r in arrays for r in body_carries(eqn)):
        return False
    adds = [e for e in body.eqns if e.operation is update_add]
    return any(_are_shifted(a, b, counter) for k, a in enumerate(adds) for b in adds[:k])


def _mentions(dim: Dim, values: Collection[Var]) -> bool:
    return any(leaf in values for leaf in dim.leaves())


def _can_be_sliced(eqn: Eqn, counter: Var, own: Collection[Var]) -> bool:
    if counter in eqn.operands:  # computed with: on slices that would be an array of another dtype
        return False
    if eqn.operation in (index, update, update_add):
        if any(not isinstance(c, (At, Slice)) for c in eqn.params["at"]):
            return False
        axis = _moving_axis(eqn.params["at"], counter, own)
        # what is written must move with the counter
        return axis is not None and (axis >= 0 or eqn.operation is index)
    if any(_mentions(d, own) for d in eqn_dims(eqn)):
        return False
    return isinstance(eqn.operation, Elementwise) or eqn.operation is convert


def _moving_axis(at: Index, counter: Var, own: Collection[Var]) -> int | None:
    """The one axis along which the counter moves, in front of all slices (-1: none does); None if there is no such
    answer."""
    moving = -1
    for axis, component in enumerate(at):
        if isinstance(component, Slice):
            if any(_mentions(d, own) for d in component.dims()):
                return None
            continue
        assert isinstance(component, At)
        position = component.position
        if not _mentions(position, own):
            continue
        if moving >= 0 or not position.is_affine_in([counter]) or position.coefficient(counter) == 0:
            return None
        if _mentions(position - position.coefficient(counter) * Dim.of(counter), own):
            return None
        if any(isinstance(c, Slice) for c in at[:axis]):
            return None
        moving = axis
    return moving


def _are_shifted(a: Eqn, b: Eqn, counter: Var) -> bool:
    """Additions to one array whose places differ by a constant along the axis of the counter."""
    if _base(a) is not _base(b):
        return False
    shifted = False
    for c, d in zip(a.params["at"], b.params["at"], strict=True):
        if isinstance(c, At) and isinstance(d, At) and _mentions(c.position, (counter,)):
            distance = (c.position - d.position).constant
            shifted |= distance is not None and distance != 0
    return shifted


def _base(eqn: Eqn) -> Operand:
    """The array that a chain of writes starts from."""
    array = eqn.operands[0]
    while (
        isinstance(array, Var) and array.definition is not None and array.definition.operation in (update, update_add)
    ):
        array = array.definition.operands[0]
    return array


def _is_free(eqn: Eqn, dependences: Dependences) -> bool:
    return all(dependences.of_carry(eqn, k) <= Dependence.ACCUMULATION for k in range(len(eqn.operands)))


# ---- rewriting ----


class _Slicing:
    """One loop as statements on slices. A value of the body that differs between iterations has one more axis, in
    front."""

    def __init__(self, eqn: Eqn, env: Substitution) -> None:
        self.eqn, self.env = eqn, env
        self.counter = eqn.regions[-1].params[0]
        self.lo = eqn.params["lo"]
        self.trips = clamp_to_positive(env.dim(eqn.params["hi"] - self.lo))
        self.wide: set[Var] = set()

    def emit(self) -> None:
        eqn, env = self.eqn, self.env
        for param, operand in zip(loop_carries(eqn), eqn.operands, strict=True):
            env[param] = env.operand(operand)
        for inner in eqn.regions[-1].eqns:
            with at_span(inner.span):
                self._statement(inner)
        for result, returned in zip(eqn.results, body_carries(eqn), strict=True):
            env[result] = env.operand(returned)

    def _statement(self, eqn: Eqn) -> None:
        env = self.env
        (old,) = eqn.results
        if eqn.operation in (index, update, update_add):
            at, moves = self._sliced(eqn.params["at"])
            operands = [env.operand(eqn.operands[0])]
            if eqn.operation is not index:
                lengths = tuple(c.length for c in at if isinstance(c, Slice))
                operands.append(self._spread(eqn.operands[1], lengths))
            elif moves:
                self.wide.add(old)
            env[old] = emit(eqn.operation, operands, {"at": at}, hint=old.hint)[0]
            return
        rank = max((x.rank for x in eqn.operands), default=0)
        operands = [self._aligned(x, rank) for x in eqn.operands]
        if any(x in self.wide for x in eqn.operands):
            self.wide.add(old)
        env[old] = emit(eqn.operation, operands, env.params(eqn.params), hint=old.hint)[0]

    def _sliced(self, at: Index) -> tuple[Index, bool]:
        out: list[At | Slice] = []
        moves = False
        for component in at:
            if isinstance(component, At) and _mentions(component.position, (self.counter,)):
                step = component.position.coefficient(self.counter)
                start = component.position + step * (self.lo - Dim.of(self.counter))
                out.append(Slice(self.env.dim(start), self.trips, step))
                moves = True
            else:
                assert isinstance(component, (At, Slice))
                out.append(component.substitute(self.env.atom))
        return tuple(out), moves

    def _aligned(self, x: Operand, rank: int) -> Operand:
        """The operand with its own axes lined up for an operation on values of `rank` axes in the body."""
        new = self.env.operand(x)
        if x in self.wide and x.rank < rank:
            shape = (new.shape[0], *(Dim.of(1),) * (rank - x.rank), *new.shape[1:])
            new = emit(reshape, (new,), {"shape": shape})[0]
        return new

    def _spread(self, x: Operand, lengths: Sequence[Dim]) -> Operand:
        """A value to be written on a slice of this shape."""
        new = self._aligned(x, len(lengths) - 1)
        if not isinstance(new, Literal) and new.shape != tuple(lengths):
            new = emit(broadcast_to, (new,), {"shape": tuple(lengths)})[0]
        return new
