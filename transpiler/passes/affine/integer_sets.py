"""Conjunctions of affine constraints over named integer unknowns, and the one question asked of them: is the set empty?

In: equalities `a == 0` and inequalities `a >= 0` of `Affine` forms. Out: `is_empty`, which answers True only when no
integer point exists; False means "there may be one" (the rational shadow is not empty, or the budget ran out).
Source: W. Pugh, "The Omega test" (1991): equalities are eliminated exactly over the integers by unimodular changes of
unknowns (with the gcd test), inequalities by Fourier-Motzkin elimination with the constants rounded down after
division by the gcd.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

ROW_BUDGET = 600
"""Rows that Fourier-Motzkin may hold before it gives up and answers "may be nonempty"."""


class Affine:
    """sum of coefficient * unknown + constant, with integer coefficients; no zero coefficient is stored."""

    __slots__ = ("constant", "terms")

    def __init__(self, terms: Mapping[str, int] | None = None, constant: int = 0) -> None:
        self.terms: dict[str, int] = {name: c for name, c in (terms or {}).items() if c}
        self.constant = constant

    @staticmethod
    def unknown(name: str) -> Affine:
        return Affine({name: 1})

    @property
    def is_constant(self) -> bool:
        return not self.terms

    def __add__(self, other: Affine | int) -> Affine:
        if isinstance(other, int):
            return Affine(self.terms, self.constant + other)
        terms = dict(self.terms)
        for name, c in other.terms.items():
            terms[name] = terms.get(name, 0) + c
        return Affine(terms, self.constant + other.constant)

    def __neg__(self) -> Affine:
        return self * -1

    def __sub__(self, other: Affine | int) -> Affine:
        return self + (-other)

    def __mul__(self, factor: int) -> Affine:
        return Affine({name: c * factor for name, c in self.terms.items()}, self.constant * factor)

    def substitute(self, name: str, value: Affine) -> Affine:
        """`value` in place of the unknown `name`."""
        c = self.terms.get(name)
        if c is None:
            return self
        rest = Affine({k: v for k, v in self.terms.items() if k != name}, self.constant)
        return rest + value * c

    def __repr__(self) -> str:
        parts = [f"{c:+d}*{name}" for name, c in self.terms.items()]
        return " ".join([*parts, f"{self.constant:+d}"]) if parts else str(self.constant)


@dataclass(frozen=True)
class IntegerSet:
    """All integer points with every equality == 0 and every inequality >= 0."""

    equalities: tuple[Affine, ...] = ()
    inequalities: tuple[Affine, ...] = ()

    def restrict(self, equalities: Iterable[Affine] = (), inequalities: Iterable[Affine] = ()) -> IntegerSet:
        """The intersection with more constraints."""
        return IntegerSet((*self.equalities, *equalities), (*self.inequalities, *inequalities))

    def is_empty(self, budget: int = ROW_BUDGET) -> bool:
        """Proved to have no integer point.

        >>> i, n = Affine.unknown("i"), Affine.unknown("n")
        >>> IntegerSet(inequalities=(i, n - 1 - i, -n)).is_empty()     # 0 <= i <= n - 1, n <= 0
        True
        >>> IntegerSet(equalities=(i * 2 - n * 4 - 1,)).is_empty()     # an odd number equal to an even one
        True
        """
        return _solve(list(self.equalities), list(self.inequalities), budget)


class _Contradiction(Exception):
    """Some constraint cannot hold."""


def _row_key(row: Affine) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(row.terms.items()))


def _solve(equalities: list[Affine], inequalities: list[Affine], budget: int) -> bool:
    try:
        rows = _eliminate_equalities(equalities, inequalities)
        while True:
            table = _tightest(rows)
            implied = _opposite_rows(table)
            if implied:
                rows = _eliminate_equalities(implied, list(table.values()))
                continue
            if not table:
                return False
            rows = _project(list(table.values()))
            if len(rows) > budget:
                return False
    except _Contradiction:
        return True


def _eliminate_equalities(equalities: list[Affine], rows: list[Affine]) -> list[Affine]:
    """Solve the equalities for unknowns and substitute; exact over the integers.

    With the smallest coefficient a at x, `a*x + sum b_i*y_i + c = 0` becomes, for the new unknown z = x + sum
    floor(b_i/a)*y_i,
    `a*z + sum (b_i mod a)*y_i + c = 0`: Euclid's algorithm on the coefficients, until one of them is 1 and can be
    solved for."""
    pending = list(equalities)
    while pending:
        equality = pending.pop()
        if equality.is_constant:
            if equality.constant != 0:
                raise _Contradiction
            continue
        divisor = math.gcd(*equality.terms.values())
        if equality.constant % divisor:
            raise _Contradiction
        if divisor > 1:
            equality = Affine({k: c // divisor for k, c in equality.terms.items()}, equality.constant // divisor)
        name = min(equality.terms, key=_smallest_coefficient(equality))
        a = equality.terms[name]
        if abs(a) == 1:
            value = Affine({k: -a * c for k, c in equality.terms.items() if k != name}, -a * equality.constant)
        else:
            # the new unknown takes the old one's name: x := x - sum floor(b_i/a)*y_i, in this equality too
            value = Affine({k: (1 if k == name else -(c // a)) for k, c in equality.terms.items()})
            pending.append(equality)
        pending = [e.substitute(name, value) for e in pending]
        rows = [r.substitute(name, value) for r in rows]
    return rows


def _smallest_coefficient(form: Affine) -> Callable[[str], tuple[int, str]]:
    return lambda name: (abs(form.terms[name]), name)


def _tightest(rows: Sequence[Affine]) -> dict[tuple[tuple[str, int], ...], Affine]:
    """Rows divided by the gcd of their coefficients with the constant rounded down; of parallel rows only the
    strongest."""
    table: dict[tuple[tuple[str, int], ...], Affine] = {}
    for row in rows:
        if row.is_constant:
            if row.constant < 0:
                raise _Contradiction
            continue
        divisor = math.gcd(*row.terms.values())
        if divisor > 1:
            row = Affine({k: c // divisor for k, c in row.terms.items()}, row.constant // divisor)
        key = _row_key(row)
        known = table.get(key)
        if known is None or row.constant < known.constant:
            table[key] = row
    return table


def _opposite_rows(table: Mapping[tuple[tuple[str, int], ...], Affine]) -> list[Affine]:
    """Equalities implied by `a + c >= 0` and `-a - c >= 0`; raises when two opposite rows leave no room."""
    found: list[Affine] = []
    for key, row in table.items():
        other = table.get(tuple((name, -c) for name, c in key))
        if other is None:
            continue
        room = row.constant + other.constant
        if room < 0:
            raise _Contradiction
        if room == 0 and key[0][1] > 0:
            found.append(row)
    return found


def _project(rows: Sequence[Affine]) -> list[Affine]:
    """One step of Fourier-Motzkin: eliminate the unknown that makes the fewest new rows."""
    lower: dict[str, int] = {}
    upper: dict[str, int] = {}
    for row in rows:
        for name, c in row.terms.items():
            side, other = (lower, upper) if c > 0 else (upper, lower)
            side[name] = side.get(name, 0) + 1
            other.setdefault(name, 0)
    name = min(lower, key=lambda k: (lower[k] * upper[k] - lower[k] - upper[k], k))
    below = [r for r in rows if r.terms.get(name, 0) > 0]
    above = [r for r in rows if r.terms.get(name, 0) < 0]
    kept = [r for r in rows if name not in r.terms]
    kept += [b * -a.terms[name] + a * b.terms[name] for b in below for a in above]
    return kept
