"""Value ranges of integers: between which two numbers every integer of a program lies.

In: a loop-level `Function`. Out: `Ranges`. Assumes that sizes of axes are at most `LARGEST_SIZE` (native code checks
that at entry) and that a polynomial which leaves int64 is refused, so that every value is an int64. Source: interval
arithmetic with symbolic ends of loop indices; a loop is analysed twice, first for any carried value, then for those
that the first pass found possible; a carried counter grows by at most its step times the trip count.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gradscribe.transpiler.ir.dims import Atom, Dim, FloorDiv, Monomial, Positive, Symbol
from gradscribe.transpiler.ir.nodes import Eqn, Function, Literal, Operand, Region, Var
from gradscribe.transpiler.ir.types import ArrayType
from gradscribe.transpiler.passes.lower.operations import checked_index, wrapped
from gradscribe.transpiler.primitives.allocation import dim_value
from gradscribe.transpiler.primitives.arithmetic import add, multiply, negative, select, subtract
from gradscribe.transpiler.primitives.conversion import convert, python_scalar
from gradscribe.transpiler.primitives.piecewise import maximum, minimum, remainder
from gradscribe.transpiler.primitives.regions import (
    body_carries,
    if_,
    is_counted,
    loop,
    loop_carries,
    result_carries,
)

Interval = tuple[int, int]
LARGEST_SIZE = 2**40
INT64: Interval = (-(2**63), 2**63 - 1)
_MOST_ELIMINATIONS = 12


def is_integer(x: Operand) -> bool:
    """A scalar of an integer or boolean dtype."""
    return isinstance(x.type, ArrayType) and not x.type.shape and x.type.dtype.kind in "biu"


def of_dtype(dtype: np.dtype) -> Interval:
    if dtype.kind == "b":
        return (0, 1)
    limits = np.iinfo(dtype)
    return (int(limits.min), int(limits.max))


def is_within(inner: Interval, outer: Interval) -> bool:
    return outer[0] <= inner[0] and inner[1] <= outer[1]


def polynomial(eqn: Eqn) -> Dim | None:
    """Sums, differences and products of integers as an integer polynomial."""
    if eqn.operation not in (add, subtract, multiply, negative) or not all(map(is_integer, eqn.operands)):
        return None
    dims = [Dim.of(x if isinstance(x, Var) else int(x.value)) for x in eqn.operands if isinstance(x, (Var, Literal))]
    if eqn.operation is negative:
        return -dims[0]
    a, b = dims
    return a + b if eqn.operation is add else a - b if eqn.operation is subtract else a * b


def _union(a: Interval, b: Interval) -> Interval:
    return (min(a[0], b[0]), max(a[1], b[1]))


def _meet(a: Interval, b: Interval) -> Interval:
    """Both hold. (Where they exclude each other the code is never reached: any interval will do.)"""
    low, high = max(a[0], b[0]), min(a[1], b[1])
    return (low, high) if low <= high else a


def _product(a: Interval, b: Interval) -> Interval:
    ends = [x * y for x in a for y in b]
    return (min(ends), max(ends))


class Ranges:
    """`of(x)` is the range of a scalar integer, `dim(d)` that of a polynomial of them, `ends` the first and last value
    of a loop index as polynomials."""

    def __init__(self, function: Function) -> None:
        self.known: dict[Var, Interval] = {}
        self.ends: dict[Var, tuple[Dim, Dim]] = {}
        self._region(function.region)

    # ---- questions ----
    def of(self, x: Operand) -> Interval:
        if isinstance(x, Literal):
            return (int(x.value), int(x.value))
        assert isinstance(x, Var) and isinstance(x.type, ArrayType)
        return self.known.get(x, of_dtype(x.type.dtype) if x.type.dtype.kind in "biu" else INT64)

    def dim(self, dim: Dim) -> Interval:
        """The range of a polynomial; it may go beyond int64."""
        low, high = self._numeric(dim)
        for _, d in zip(range(_MOST_ELIMINATIONS), self._eliminations(dim, lower=True), strict=False):
            low = max(low, self._numeric(d)[0])
        for _, d in zip(range(_MOST_ELIMINATIONS), self._eliminations(dim, lower=False), strict=False):
            high = min(high, self._numeric(d)[1])
        return (low, high)

    # ---- polynomials ----
    def _eliminations(self, dim: Dim, lower: bool) -> Iterator[Dim]:
        """Polynomials below (or above) `dim`: loop indices replaced by the ends of their loops, inner ones first."""
        while True:
            indices = [a for a in dim.atoms() if isinstance(a, Var) and a in self.ends and _is_linear(dim, a)]
            if not indices:
                return
            index = max(indices, key=lambda a: a.serial)
            first, last = self.ends[index]
            end = first if (dim.coefficient(index) > 0) == lower else last
            dim = dim + (end - index) * dim.coefficient(index)
            yield dim

    def _numeric(self, dim: Dim) -> Interval:
        low, high = self._monomials(dim)
        for atom in dim.atoms():
            c = dim.coefficient(atom)
            if isinstance(atom, FloorDiv) and c % atom.divisor == 0 and _is_linear(dim, atom):
                # k floor(p / k) = p - r with 0 <= r < k
                factor = c // atom.divisor
                rest = self._numeric(dim + (atom.dividend * factor - Dim.of(atom) * c))
                removed = _product((-factor, -factor), (0, atom.divisor - 1))
                low, high = max(low, rest[0] + removed[0]), min(high, rest[1] + removed[1])
        return (low, high)

    def _monomials(self, dim: Dim) -> Interval:
        low = high = 0
        for monomial, c in dim.terms.items():
            a, b = _product((c, c), self._monomial(monomial))
            low, high = low + a, high + b
        return (low, high)

    def _monomial(self, monomial: Monomial) -> Interval:
        total: Interval = (1, 1)
        for atom in dict.fromkeys(monomial):
            low, high = self._atom(atom)
            power = monomial.count(atom)
            ends = (low**power, high**power)
            even = power % 2 == 0
            total = _product(total, (0 if even and low < 0 < high else min(ends), max(ends)))
        return total

    def _atom(self, atom: Atom) -> Interval:
        if isinstance(atom, Symbol):
            return (atom.lower, LARGEST_SIZE)
        if isinstance(atom, Var):
            return self.of(atom)
        if isinstance(atom, FloorDiv):
            low, high = _meet(INT64, self.dim(atom.dividend))
            return (low // atom.divisor, high // atom.divisor)
        if isinstance(atom, Positive):
            low, high = _meet(INT64, self.dim(atom.inner))
            return (max(low, 0), max(high, 0))
        return INT64

    # ---- equations ----
    def _region(self, region: Region) -> None:
        for eqn in region.eqns:
            if eqn.operation is loop:
                self._loop(eqn)
            elif eqn.operation is if_:
                for inner in eqn.regions:
                    self._region(inner)
                for result, pair in zip(eqn.results, zip(*(r.results for r in eqn.regions), strict=True), strict=True):
                    self._set(result, _union(self.of(pair[0]), self.of(pair[1])) if is_integer(result) else INT64)
            elif len(eqn.results) == 1 and is_integer(eqn.result):
                found = self._equation(eqn)
                if found is not None:
                    self._set(eqn.result, found)

    def _set(self, x: Var, interval: Interval) -> None:
        if is_integer(x) and isinstance(x.type, ArrayType):
            self.known[x] = _meet(of_dtype(x.type.dtype), interval)

    def _equation(self, eqn: Eqn) -> Interval | None:
        operation = eqn.operation
        if operation is dim_value:
            return self.dim(eqn.params["dim"])
        if operation in (checked_index, wrapped):
            return (0, max(self.dim(eqn.params["size"])[1] - 1, 0))
        if not all(map(is_integer, eqn.operands)):
            return None
        if operation in (convert, python_scalar):
            found = self.of(eqn.operands[0])
            type = eqn.result.type
            return found if isinstance(type, ArrayType) and is_within(found, of_dtype(type.dtype)) else None
        if operation is select:
            return _union(self.of(eqn.operands[1]), self.of(eqn.operands[2]))
        if operation in (maximum, minimum):
            larger = max if operation is maximum else min
            (a, b), (c, d) = self.of(eqn.operands[0]), self.of(eqn.operands[1])
            return (larger(a, c), larger(b, d))
        if operation is remainder:
            low, high = self.of(eqn.operands[1])
            return (min(low + 1, 0), max(high - 1, 0))
        if is_python_integer(eqn.result):
            total = polynomial(eqn)
            return None if total is None else self.dim(total)
        return None

    # ---- loops ----
    def _loop(self, eqn: Eqn) -> None:
        if is_counted(eqn):
            index, lo, hi = eqn.regions[-1].params[0], eqn.params["lo"], eqn.params["hi"]
            self.ends[index] = (lo, hi - 1)
            low, high = self.dim(lo)[0], self.dim(hi)[1] - 1
            self.known[index] = _meet(INT64, (low, max(low, high)))
        carries = [
            (inner, init, back, result)
            for inner, init, back, result in zip(
                loop_carries(eqn), eqn.operands, body_carries(eqn), result_carries(eqn), strict=True
            )
            if is_integer(inner)
        ]
        if carries:
            self._bodies(eqn)
            found = [self._carried(eqn, *carry[:3]) for carry in carries]
            for (inner, *_), interval in zip(carries, found, strict=True):
                self._set(inner, interval)
        self._bodies(eqn)
        for inner, init, back, result in carries:
            self._set(result, _meet(self.of(inner), _union(self.of(init), self.of(back))))
        if eqn.params["exits"] and is_integer(eqn.regions[-1].results[0]):
            self._set(eqn.results[0], _union((0, 0), self.of(eqn.regions[-1].results[0])))

    def _bodies(self, eqn: Eqn) -> None:
        for region in eqn.regions:
            self._region(region)

    def _carried(self, eqn: Eqn, inner: Var, init: Operand, back: Operand) -> Interval:
        """What is carried is the initial value or what the body returns (for any value carried into it)."""
        start = self.of(init)
        found = _union(start, self.of(back))
        step = self._growth(back, inner) if is_counted(eqn) else None
        if step is not None:
            most = self._trips(eqn)
            found = _meet(found, (start[0] + min(step[0] * most, 0), start[1] + max(step[1] * most, 0)))
        return found

    def _trips(self, eqn: Eqn) -> int:
        return max(self.dim(eqn.params["hi"] - eqn.params["lo"])[1], 0)

    def _growth(self, x: Operand, base: Var) -> Interval | None:
        """The range of x - base, where x is base plus terms that do not depend on it, on every path."""
        if x is base:
            return (0, 0)
        eqn = x.definition if isinstance(x, Var) else None
        if eqn is None:
            return None
        if eqn.operation is select:
            return self._either(eqn.operands[1], eqn.operands[2], base)
        if eqn.operation is if_:
            place = eqn.results.index(x)
            return self._either(eqn.regions[0].results[place], eqn.regions[1].results[place], base)
        if eqn.operation is loop and is_counted(eqn) and x in result_carries(eqn):
            place = result_carries(eqn).index(x)
            before = self._growth(eqn.operands[place], base)
            step = self._growth(body_carries(eqn)[place], loop_carries(eqn)[place])
            if before is not None and step is not None:
                most = self._trips(eqn)
                return (before[0] + min(step[0] * most, 0), before[1] + max(step[1] * most, 0))
        if eqn.operation is dim_value:
            return self._growth_of_dim(eqn.params["dim"], base)
        total = polynomial(eqn) if is_python_integer(x) else None
        return None if total is None else self._growth_of_dim(total, base)

    def _growth_of_dim(self, dim: Dim, base: Var) -> Interval | None:
        for atom in dim.atoms():
            if isinstance(atom, Var) and dim.coefficient(atom) == 1 and _is_linear(dim, atom):
                before = self._growth(atom, base)
                if before is not None:
                    rest = self.dim(dim - atom)
                    return (before[0] + rest[0], before[1] + rest[1])
        return None

    def _either(self, a: Operand, b: Operand, base: Var) -> Interval | None:
        first, second = self._growth(a, base), self._growth(b, base)
        return None if first is None or second is None else _union(first, second)


def is_python_integer(x: Operand) -> bool:
    """A scalar that is a Python int."""
    return isinstance(x.type, ArrayType) and x.type.weak and x.type.dtype.kind == "i"


def _is_linear(dim: Dim, atom: Atom) -> bool:
    """`atom` occurs in `dim` with a number before it and nowhere else."""
    if sum(atom in m for m in dim.terms) != 1 or (atom,) not in dim.terms:
        return False
    return not any(leaf == atom for a in dim.atoms() if a != atom for d in a.inner_dims() for leaf in d.leaves())
