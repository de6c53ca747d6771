"""Integer polynomials: what every shape, subscript, loop bound and Python int in a program is made of.

In: Python ints and atoms (an entry symbol, an integer SSA value, a floor division, ...). Out: `Dim`, a polynomial in
normal form.
Establishes: equal polynomials compare and hash equal, and the order of terms depends only on the order in which atoms
were made.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Union

_serials = itertools.count()


class Atom:
    """An integer unknown. Subclasses: `Symbol`, `Var` (an integer SSA value), `FloorDiv`, `Positive`, `SizeOf`."""

    __slots__ = ()

    def sort_key(self) -> tuple[object, ...]:
        raise NotImplementedError

    def inner_dims(self) -> tuple[Dim, ...]:
        """The polynomials this atom is made of (empty for an unknown)."""
        return ()


class Symbol(Atom):
    """The size of one axis of an argument, known at entry; at least 2 (sizes 0 and 1 are literals)."""

    __slots__ = ("lower", "name", "serial")

    def __init__(self, name: str, lower: int = 2) -> None:
        self.name = name
        self.lower = lower
        self.serial = next(_serials)

    def sort_key(self) -> tuple[object, ...]:
        return (0, self.serial)

    def __repr__(self) -> str:
        return self.name


@dataclass(frozen=True)
class FloorDiv(Atom):
    """floor(dividend / divisor) with a positive constant divisor."""

    dividend: Dim
    divisor: int

    def sort_key(self) -> tuple[object, ...]:
        return (1, self.divisor, self.dividend.sort_key())

    def inner_dims(self) -> tuple[Dim, ...]:
        return (self.dividend,)

    def __repr__(self) -> str:
        return f"({self.dividend} // {self.divisor})"


@dataclass(frozen=True)
class Positive(Atom):
    """max(inner, 0): a trip count or slice length whose sign is not proved."""

    inner: Dim

    def sort_key(self) -> tuple[object, ...]:
        return (2, self.inner.sort_key())

    def inner_dims(self) -> tuple[Dim, ...]:
        return (self.inner,)

    def __repr__(self) -> str:
        return f"max({self.inner}, 0)"


Monomial = tuple[Atom, ...]
DimLike = Union["Dim", Atom, int]


class Dim:
    """A polynomial over atoms with integer coefficients: {sorted atoms: coefficient}, no zero coefficient. Never
    changes, so what is asked of it often (its order, its hash, what it mentions) is found once."""

    __slots__ = ("_atoms", "_hash", "_key", "_leaves", "terms")

    def __init__(self, terms: Mapping[Monomial, int]) -> None:
        self.terms: dict[Monomial, int] = {m: c for m, c in terms.items() if c}
        self._key: tuple[object, ...] | None = None
        self._hash: int | None = None
        self._atoms: tuple[Atom, ...] | None = None
        self._leaves: tuple[Atom, ...] | None = None

    @staticmethod
    def of(value: DimLike) -> Dim:
        if isinstance(value, Dim):
            return value
        if isinstance(value, Atom):
            return Dim({(value,): 1})
        known = _SMALL.get(value) if type(value) is int else None
        return known if known is not None else Dim({(): int(value)})

    # ---- queries ----
    @property
    def constant(self) -> int | None:
        """The value, when it does not depend on any atom."""
        terms = self.terms
        if not terms:
            return 0
        return terms.get(()) if len(terms) == 1 else None

    @property
    def single_atom(self) -> Atom | None:
        """The atom, when the polynomial is exactly one atom."""
        if len(self.terms) == 1:
            ((monomial, coefficient),) = self.terms.items()
            if coefficient == 1 and len(monomial) == 1:
                return monomial[0]
        return None

    @property
    def offset(self) -> int:
        """The constant term."""
        return self.terms.get((), 0)

    def atoms(self) -> tuple[Atom, ...]:
        """Atoms that occur at the top level, in order of first occurrence."""
        if self._atoms is None:
            self._atoms = tuple(dict.fromkeys(atom for monomial in self.sorted_monomials() for atom in monomial))
        return self._atoms

    def leaves(self) -> tuple[Atom, ...]:
        """Unknown atoms at any depth (inside floor divisions too); may repeat."""
        if self._leaves is None:
            self._leaves = tuple(leaf for atom in self.atoms() for leaf in _unknowns(atom))
        return self._leaves

    def is_affine_in(self, atoms: list[Atom]) -> bool:
        """Every given atom occurs at most linearly, outside products with another of them and outside divisions."""
        for monomial in self.terms:
            if sum(a in atoms for a in monomial) > 1:
                return False
            for atom in monomial:
                if any(leaf in atoms for dim in atom.inner_dims() for leaf in dim.leaves()):
                    return False
        return True

    def coefficient(self, atom: Atom) -> int:
        return self.terms.get((atom,), 0)

    def sorted_monomials(self) -> list[Monomial]:
        if len(self.terms) < 2:
            return list(self.terms)
        return sorted(self.terms, key=lambda m: (-len(m), tuple(a.sort_key() for a in m)))

    def sort_key(self) -> tuple[object, ...]:
        if self._key is None:
            self._key = tuple((tuple(a.sort_key() for a in m), self.terms[m]) for m in self.sorted_monomials())
        return self._key

    # ---- arithmetic ----
    def __add__(self, other: DimLike) -> Dim:
        added = Dim.of(other).terms
        if not added:
            return self
        terms = dict(self.terms)
        for monomial, c in added.items():
            terms[monomial] = terms.get(monomial, 0) + c
        return Dim(terms)

    __radd__ = __add__

    def __neg__(self) -> Dim:
        return Dim({m: -c for m, c in self.terms.items()})

    def __sub__(self, other: DimLike) -> Dim:
        return self + (-Dim.of(other))

    def __rsub__(self, other: DimLike) -> Dim:
        return Dim.of(other) - self

    def __mul__(self, other: DimLike) -> Dim:
        terms: dict[Monomial, int] = {}
        factor = Dim.of(other).terms
        for m1, c1 in self.terms.items():
            for m2, c2 in factor.items():
                product = tuple(sorted(m1 + m2, key=_sort_key)) if m1 and m2 else m1 or m2
                terms[product] = terms.get(product, 0) + c1 * c2
        return Dim(terms)

    __rmul__ = __mul__

    def __floordiv__(self, divisor: int) -> Dim:
        """floor(self / divisor), divisor a positive constant; what divides exactly is taken out of the division."""
        if divisor <= 0:
            raise ValueError("divisor of a symbolic dimension must be a positive constant")
        if divisor == 1:
            return self
        exact = Dim({m: c // divisor for m, c in self.terms.items() if c % divisor == 0})
        rest = Dim({m: c for m, c in self.terms.items() if c % divisor})
        if rest.constant is not None:
            return exact + rest.constant // divisor
        constant_part = rest.offset // divisor
        rest = rest - constant_part * divisor
        return exact + constant_part + Dim.of(FloorDiv(rest, divisor))

    def __mod__(self, divisor: int) -> Dim:
        return self - (self // divisor) * divisor

    def __pow__(self, exponent: int) -> Dim:
        return math.prod([self] * exponent, start=Dim.of(1))

    def positive(self) -> Dim:
        """max(self, 0), kept as it stands when it is a constant (proofs live in `bounds`)."""
        if self.constant is not None:
            return Dim.of(max(self.constant, 0))
        return Dim.of(Positive(self))

    # ---- rewriting and running ----
    def substitute(self, mapping: Callable[[Atom], DimLike | None]) -> Dim:
        """Replace atoms; `mapping` returns None for an atom to be kept."""
        if not self.leaves():
            return self
        only = self.single_atom
        if only is not None and not only.inner_dims():
            replacement = mapping(only)
            return self if replacement is None else Dim.of(replacement)
        result = Dim({})
        changed = False
        for monomial, c in self.terms.items():
            term = Dim.of(c)
            for atom in monomial:
                new = mapping(atom)
                if new is None and isinstance(atom, FloorDiv):
                    inner = atom.dividend.substitute(mapping)
                    new = inner // atom.divisor if inner is not atom.dividend else None
                elif new is None and isinstance(atom, Positive):
                    inner = atom.inner.substitute(mapping)
                    new = inner.positive() if inner is not atom.inner else None
                changed = changed or new is not None
                term = term * (atom if new is None else new)
            result = result + term
        return result if changed else self

    def evaluate(self, lookup: Callable[[Atom], int]) -> int:
        """The value, given the values of unknown atoms."""
        constant = self.constant
        if constant is not None:
            return constant

        def value(atom: Atom) -> int:
            if isinstance(atom, FloorDiv):
                return atom.dividend.evaluate(lookup) // atom.divisor
            if isinstance(atom, Positive):
                return max(atom.inner.evaluate(lookup), 0)
            return lookup(atom)

        return sum(c * math.prod(value(a) for a in m) for m, c in self.terms.items())

    # ---- identity ----
    def __eq__(self, other: object) -> bool:
        if isinstance(other, Dim):
            return self.terms == other.terms
        if isinstance(other, int):
            return self.constant == other
        return NotImplemented

    def __hash__(self) -> int:
        if self._hash is None:
            c = self.constant
            self._hash = hash(c) if c is not None else hash(frozenset(self.terms.items()))
        return self._hash

    def positive_part(self) -> Dim:
        """The terms with positive coefficients: `a - b - 1 >= 0` reads `a >= b + 1`."""
        return Dim({m: c for m, c in self.terms.items() if c > 0})

    def negative_part(self) -> Dim:
        """The terms with negative coefficients, as a positive sum."""
        return Dim({m: -c for m, c in self.terms.items() if c < 0})

    def __repr__(self) -> str:
        parts: list[str] = []
        for m in self.sorted_monomials():
            c = self.terms[m]
            body = "*".join(map(repr, m))
            text = str(abs(c)) if not m else body if abs(c) == 1 else f"{abs(c)}*{body}"
            sign = "-" if c < 0 else "+"
            parts.append(f" {sign} {text}" if parts else (f"-{text}" if c < 0 else text))
        return "".join(parts) or "0"


_SMALL = {value: Dim({(): value}) for value in range(-8, 65)}
"""The constants that programs are full of, once each."""


def _sort_key(atom: Atom) -> tuple[object, ...]:
    return atom.sort_key()


def _unknowns(atom: Atom) -> tuple[Atom, ...]:
    """The atom, or what it is made of at any depth."""
    inner = atom.inner_dims()
    return tuple(leaf for dim in inner for leaf in dim.leaves()) if inner else (atom,)


def next_serial() -> int:
    """A number for a new atom or value; increasing, so creation order is a total order."""
    return next(_serials)
