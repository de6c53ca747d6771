"""Python ints in 64 bits: checks in front of what may leave int64.

In: a loop-level `Function` whose integer polynomials are exact. Out: an equal one in which every polynomial that is
used as a number (as data, as the end of a loop, as a size) is proved to fit int64 or checked before, and Python's int
operations that fail (shifts, powers, `int(x)`) are the checked ones. Sums and products modulo 2**64 are exact where
their total fits, so partial results of a polynomial need no proof of their own; positions inside arrays are in range
already. A check that runs in every iteration of a counted loop moves in front of the loop, to the loop's ends where it
grows or falls with the index, so that loops keep vectorising.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from gradscribe.transpiler.errors import Span
from gradscribe.transpiler.ir.dims import Dim, FloorDiv, Positive, Symbol
from gradscribe.transpiler.ir.nodes import Eqn, Function, Literal, Region, Var
from gradscribe.transpiler.ir.types import INT64, ArrayType
from gradscribe.transpiler.ir.walk import dim_vars, param_dims, region_definitions
from gradscribe.transpiler.passes.dead_code import has_io
from gradscribe.transpiler.passes.lower.operations import check_fits, checked_operation
from gradscribe.transpiler.passes.lower.ranges import Ranges, is_python_integer, is_within, of_dtype, polynomial
from gradscribe.transpiler.primitives.arithmetic import add, multiply, negative, subtract
from gradscribe.transpiler.primitives.conversion import convert, python_scalar
from gradscribe.transpiler.primitives.logic import left_shift, right_shift
from gradscribe.transpiler.primitives.piecewise import absolute, floor_divide
from gradscribe.transpiler.primitives.powers import integer_power, power
from gradscribe.transpiler.primitives.regions import is_counted, loop

_CHECKED = {
    absolute: "checked_absolute",
    floor_divide: "checked_floor_divide",
    left_shift: "checked_left_shift",
    right_shift: "checked_right_shift",
    power: "checked_power",
    integer_power: "checked_power",
}


def check_overflow(function: Function) -> Function:
    """The function with its checks. Raises nothing."""
    return _Checker(function).function()


@dataclass(frozen=True)
class _Fact:
    """`dim` is a number of `dtype`; it need only be where all of `given` are positive."""

    dim: Dim
    dtype: np.dtype = INT64
    given: tuple[Dim, ...] = ()


@dataclass
class _Scope:
    """A region under way. `loop` is the counted loop whose body it is, if every iteration runs to its end."""

    parent: _Scope | None = None
    loop: Eqn | None = None
    inside: set[Var] = field(default_factory=set)
    eqns: list[Eqn] = field(default_factory=list)
    checked: set[_Fact] = field(default_factory=set)
    before: list[tuple[_Fact, Span | None]] = field(default_factory=list)


class _Checker:
    def __init__(self, function: Function) -> None:
        self.source = function
        self.ranges = Ranges(function)
        self.at_entry: dict[_Fact, Span | None] = {}

    def function(self) -> Function:
        region = self.region(self.source.region, _Scope())
        entry = [_check(fact, span) for fact, span in self.at_entry.items()]
        return replace(self.source, region=Region(region.params, (*entry, *region.eqns), region.results))

    def region(self, region: Region, scope: _Scope) -> Region:
        for eqn in region.eqns:
            self.equation(eqn, scope)
        return Region(region.params, tuple(scope.eqns), region.results)

    def equation(self, eqn: Eqn, scope: _Scope) -> None:
        for dim in _numbers(eqn):
            self.require(_Fact(dim), eqn.span, scope)
        operation = eqn.operation
        if operation is convert and is_python_integer(eqn.operands[0]) and eqn.params["dtype"].kind in "iu":
            x = eqn.operands[0]  # NumPy refuses a Python int that an array's dtype does not hold
            assert isinstance(x, (Var, Literal))
            self.require(_Fact(Dim.of(x if isinstance(x, Var) else x.value), eqn.params["dtype"]), eqn.span, scope)
        if eqn.results and is_python_integer(eqn.results[0]):
            eqn = self.arithmetic(eqn, scope)
        if eqn.regions:
            regions = []
            for region in eqn.regions:
                # what a loop prints, it prints before it fails: its checks stay inside
                runs_whole = eqn.operation is loop and is_counted(eqn) and not (eqn.params["exits"] or has_io(eqn))
                inner = _Scope(scope, eqn if runs_whole else None, region_definitions(region) if runs_whole else set())
                regions.append(self.region(region, inner))
                for fact, span in inner.before:
                    self.require(fact, span, scope)
            eqn = Eqn(eqn.operation, eqn.operands, eqn.results, eqn.params, tuple(regions), eqn.span)
        scope.eqns.append(eqn)

    def arithmetic(self, eqn: Eqn, scope: _Scope) -> Eqn:
        """A Python int made of other numbers."""
        kernel = _CHECKED.get(eqn.operation)
        if eqn.operation in (add, subtract, multiply, negative):
            total = polynomial(eqn)
            if total is not None:
                self.require(_Fact(total), eqn.span, scope)
            return eqn
        operands = eqn.operands
        if eqn.operation is python_scalar:
            type = operands[0].type
            if not isinstance(type, ArrayType) or (type.dtype.kind != "f" and type.dtype != np.uint64):
                return eqn
            kernel = "checked_integer"
        if kernel is None:
            return eqn
        params = {"kernel": kernel, "exponent": eqn.params.get("exponent")}
        return Eqn(checked_operation, operands, eqn.results, params, (), eqn.span)

    # ---- facts ----
    def require(self, fact: _Fact, span: Span | None, scope: _Scope) -> None:
        """Prove a fact, or check it as early as it is certain to be needed."""
        for inner in _insides(fact.dim):
            self.require(replace(fact, dim=inner, dtype=INT64), span, scope)
        if is_within(self.ranges.dim(fact.dim), of_dtype(fact.dtype)):
            return
        leaves = list(fact.dim.leaves())
        if leaves and all(isinstance(leaf, Symbol) for leaf in leaves):
            self.at_entry.setdefault(replace(fact, given=()), span)  # sizes that no memory holds
            return
        above: _Scope | None = scope
        while above is not None:
            if fact in above.checked:
                return
            above = above.parent
        scope.checked.add(fact)
        moved = self.before_loop(fact, scope)
        if moved is None:
            scope.eqns.append(_check(fact, span))
        else:
            scope.before.extend((f, span) for f in moved)

    def before_loop(self, fact: _Fact, scope: _Scope) -> list[_Fact] | None:
        """The facts in front of the scope's loop that make `fact` hold in every iteration (and hold, if no partial sum
        of the polynomial leaves the dtype in any iteration)."""
        if scope.loop is None:
            return None
        index, lo, hi = scope.loop.regions[-1].params[0], scope.loop.params["lo"], scope.loop.params["hi"]
        mentioned = {v for v in dim_vars(fact.dim) if v in scope.inside}
        if mentioned - {index} or any(v in scope.inside for d in fact.given for v in dim_vars(d)):
            return None
        given = fact.given if self.ranges.dim(hi - lo)[0] > 0 else (*fact.given, hi - lo)
        if not mentioned:
            return [replace(fact, given=given)]
        if not self.is_monotone(fact.dim, index):
            parts = [
                Dim({m: abs(c) for m, c in fact.dim.terms.items() if (c > 0) == rising}) for rising in (True, False)
            ]
            if not all(self.ranges.dim(part)[0] >= 0 and self.is_monotone(part, index) for part in parts):
                return None
            # the difference of two sums of natural numbers fits if both do
            last = [part.substitute(lambda a: hi - 1 if a == index else None) for part in parts]
            return [replace(fact, dim=end, given=given) for end in last]
        ends = [fact.dim.substitute(lambda a, end=end: end if a == index else None) for end in (lo, hi - 1)]  # type: ignore[misc]
        return [replace(fact, dim=end, given=given) for end in ends]

    def is_monotone(self, dim: Dim, index: Var) -> bool:
        """Proved that `dim` only grows, or only falls, with a loop index."""
        if any(index in d.leaves() for a in dim.atoms() for d in a.inner_dims()):
            return False
        terms = [(m, c) for m, c in dim.terms.items() if index in m]
        if all(m.count(index) == 1 for m, _ in terms):
            return True
        factors = [Dim.of(a) for m, _ in terms for a in m]
        return len({c > 0 for _, c in terms}) == 1 and all(self.ranges.dim(f)[0] >= 0 for f in factors)


def _check(fact: _Fact, span: Span | None) -> Eqn:
    return Eqn(check_fits, (), (), {"dim": fact.dim, "dtype": fact.dtype, "given": fact.given}, (), span)


def _numbers(eqn: Eqn) -> Iterator[Dim]:
    """Polynomials whose value the equation uses; of positions inside arrays only what is divided or cut off at 0."""
    for key, value in eqn.params.items():
        for dim in param_dims(value):
            if key == "at":
                yield from _insides(dim)
            else:
                yield dim
                if key == "lo" and eqn.params["direction"] < 0:
                    yield dim - 1  # where counting down stops


def _insides(dim: Dim) -> Iterator[Dim]:
    for atom in dim.atoms():
        if isinstance(atom, FloorDiv):
            yield atom.dividend
        elif isinstance(atom, Positive):
            yield atom.inner
