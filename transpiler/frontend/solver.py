"""Equalities and signs of dims, as the program being staged needs them.

In: dims that must be equal, or whose sign decides. Out: substitutions of entry symbols, guards checked at entry,
run-time checks. Assumes an example: a concrete value for every entry symbol and integer argument. Establishes:
`normalize` maps equal dims to one polynomial; what was settled from the example is a guard. Equalities between sizes
of arguments are solved by substitution, so they show in the parameters' types; the rest become guards. A size that
depends on data raises `DataEquality`, for the interpreter to check at run time and to retry.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from gradscribe.transpiler.errors import ShapeError, Span, Steering, in_users_names
from gradscribe.transpiler.frontend.values import NeedStatic
from gradscribe.transpiler.ir.bounds import is_nonnegative
from gradscribe.transpiler.ir.builder import current_span
from gradscribe.transpiler.ir.dims import Atom, Dim, DimLike, FloorDiv, Positive, Symbol
from gradscribe.transpiler.ir.equalities import Equalities
from gradscribe.transpiler.ir.nodes import Guard, Var


class DataEquality(Steering):
    """Two dims that involve data must be equal: to be checked where the program runs."""

    def __init__(self, a: Dim, b: Dim, what: str) -> None:
        super().__init__(what)
        self.a, self.b, self.what = a, b, what


class Solver(Equalities):
    """Knows the entry atoms, their example values, and what has been found equal."""

    def __init__(self) -> None:
        self.requiring = True  # do sizes that do not fit raise? Inside `try` they are staged again
        self.example: dict[Atom, int] = {}
        self.names: dict[Atom, str] = {}
        self.substitution: dict[Atom, Dim] = {}
        self.local: list[tuple[Atom, Dim]] = []  # equalities of data sizes, checked at run time in the open regions
        self.guards: dict[tuple[str, Dim], Guard] = {}
        self.bounded: list[Var] = []
        self.made: dict[Dim, Span | None] = {}  # where the user last computed a polynomial
        self.default_names: dict[Atom, None] = {}
        self.invented: dict[Atom, None] = {}  # symbols of a signature given as text: their example is made up

    # ---- polynomials ----
    def made_at(self, value: Any, span: Span | None) -> Any:
        """Remember the place of a polynomial: what becomes of it as data may fail there."""
        if isinstance(value, Dim):
            self.made[value] = span
        return value

    def origin(self, dim: Dim, otherwise: Span | None) -> Span | None:
        return self.made.get(dim, otherwise)

    # ---- atoms ----
    def bound(self, var: Var) -> Var:
        """Keep the bounds of an integer value up to date with later substitutions."""
        self.bounded.append(var)
        self._refresh(var)
        return var

    def _refresh(self, var: Var) -> None:
        var.lower = None if var.lower is None else self.normalize(var.lower)
        var.upper = None if var.upper is None else self.normalize(var.upper)

    def known_at_entry(self, dim: Dim) -> bool:
        return all(leaf in self.example for leaf in dim.leaves())

    def value(self, dim: Dim) -> int:
        """The example's value of a dim that is known at entry."""
        return dim.evaluate(lambda atom: self.example[atom])

    # ---- equality ----
    def normalize(self, dim: Dim) -> Dim:
        if not self.substitution and not self.local:
            return dim
        local = dict(self.local)
        for _ in range(100):
            new = dim.substitute(lambda a: self.substitution.get(a, local.get(a)))
            if new == dim:
                return new
            dim = new
        raise AssertionError("equalities of dims go round in circles")

    def equal(self, a: DimLike, b: DimLike) -> bool:
        """Known to be equal."""
        return self.normalize(Dim.of(a) - Dim.of(b)) == 0

    def require(self, a: Dim, b: Dim, what: str) -> None:
        difference = self.normalize(a - b)
        if difference == 0:
            return
        if difference.constant is not None or self._never_zero(difference):
            raise ShapeError(current_span(), f"sizes {a} and {b} differ in `{what}`")
        if not self.known_at_entry(difference):
            raise DataEquality(self.normalize(a), self.normalize(b), what)
        invented = any(leaf in self.invented for leaf in difference.leaves())
        if not invented and self.value(difference) != 0:
            here = f"here {self.value(self.normalize(a))} and {self.value(self.normalize(b))}"
            raise ShapeError(current_span(), f"sizes {a} and {b} differ in `{what}` ({here})")
        message = f"sizes {self.named(a)} and {self.named(b)} must be equal (`{what}`)"
        self.assume_zero(difference, message, requirement=self.requiring)

    def learn_zero(self, difference: Dim) -> bool:
        """A run-time check has found that this is zero: from here on one of its unknowns is written as the rest (a
        value before a maximum or a division, the younger before the older)."""
        atoms = sorted(difference.atoms(), key=lambda a: (isinstance(a, Var), a.sort_key()), reverse=True)
        for atom in atoms:
            solution = Dim.of(atom) - difference * difference.coefficient(atom)
            if abs(difference.coefficient(atom)) == 1 and not _mentions(solution, atom):
                self.local.append((atom, solution))
                return True
        return False

    @contextmanager
    def region(self) -> Iterator[None]:
        """What is learnt inside holds inside: the check may not run on another way through the program."""
        known = len(self.local)
        try:
            yield
        finally:
            del self.local[known:]

    def _never_zero(self, difference: Dim) -> bool:
        return is_nonnegative(difference - 1) or is_nonnegative(-difference - 1)

    def assume_zero(self, difference: Dim, message: str, requirement: bool) -> None:
        """Make a dim known at entry zero: solve for a symbol or argument that occurs linearly; else make all of it
        static."""
        atoms = [a for a in difference.atoms() if isinstance(a, Symbol)]
        for atom in sorted(atoms, key=lambda a: a.sort_key(), reverse=True):
            if self._solve(difference, atom):
                return
        integers = [a for a in difference.atoms() if isinstance(a, Var)]
        for integer in sorted(integers, key=lambda a: a.sort_key(), reverse=True):
            if self._solve(difference, integer):
                self.guards[("eq", difference)] = Guard("eq", difference, message, requirement, current_span())
                return
        if any(leaf in self.invented for leaf in difference.leaves()):
            raise ShapeError(current_span(), message, "write the sizes in the signature so that they are equal")
        raise NeedStatic(message, list(difference.leaves()), current_span())

    def _solve(self, difference: Dim, atom: Atom) -> bool:
        coefficient = difference.coefficient(atom)
        elsewhere = any(atom in monomial for monomial in difference.terms if monomial != (atom,))
        deeper = any(leaf == atom for a in difference.atoms() for inner in a.inner_dims() for leaf in inner.leaves())
        if abs(coefficient) != 1 or elsewhere or deeper:
            return False
        solution = Dim.of(atom) - difference * coefficient
        if isinstance(atom, Symbol) and solution.constant is None and not is_nonnegative(solution - atom.lower):
            # sizes stay >= 2 under the substitution: what was proved with that bound must stay true
            self.guard_nonnegative(solution - atom.lower, f"size {self.named(Dim.of(atom))} is at least {atom.lower}")
        self.define(atom, solution)
        return True

    def define(self, atom: Atom, value: Dim) -> None:
        """From here on the atom is that polynomial."""
        self.substitution[atom] = value
        for var in self.bounded:
            self._refresh(var)

    def call_symbol(self, atom: Atom | None, name: str) -> None:
        """The user's name for a size: `n = x.shape[0]`."""
        if isinstance(atom, Symbol) and atom in self.default_names:
            del self.default_names[atom]
            atom.name = name

    def named(self, dim: Dim) -> str:
        """A dim with the arguments its atoms come from."""
        atoms = [(in_users_names(repr(a)), str(self.names[a])) for a in dim.leaves() if a in self.names]
        places = [f"{name} is {place}" for name, place in atoms if name != place]
        return in_users_names(f"{dim}") + (f" ({', '.join(dict.fromkeys(places))})" if places else "")

    def assume_equal(self, a: Dim, b: Dim) -> bool:
        """Two sizes that the example has equal are taken to be equal, and a guard remembers it."""
        difference = self.normalize(a - b)
        if difference == 0:
            return True
        if difference.constant is not None or not self.known_at_entry(difference) or self.value(difference) != 0:
            return False
        if any(leaf in self.invented for leaf in difference.leaves()):
            return False
        message = f"staged for {self.named(self.normalize(a))} == {self.named(self.normalize(b))}"
        self.assume_zero(difference, message, requirement=False)
        return True

    # ---- sign ----
    def proved(self, dim: DimLike) -> bool:
        """dim >= 0 for all admissible values."""
        return is_nonnegative(self.normalize(Dim.of(dim)))

    def guard_nonnegative(self, dim: Dim, message: str) -> None:
        self.guards.setdefault(("ge", dim), Guard("ge", dim, message, False, current_span()))

    def nonnegative(self, dim: DimLike) -> bool | None:
        """Is dim >= 0? Proved, or decided by the example and guarded at entry; None if it depends on data."""
        dim = self.normalize(Dim.of(dim))
        if is_nonnegative(dim):
            return True
        if is_nonnegative(-dim - 1):
            return False
        if not self.known_at_entry(dim):
            least = self._least_at_entry(dim)
            if least is None or self.value(least) < 0:
                return None
            self._guard_sign(least)
            return True
        yes = self.value(dim) >= 0
        self._guard_sign(dim if yes else -dim - 1)
        return yes

    def _guard_sign(self, fact: Dim) -> None:
        if ("ge", fact) not in self.guards:
            more, less = self.named(fact.positive_part()), self.named(fact.negative_part())
            self.guard_nonnegative(fact, f"staged for {more} >= {less}")

    def _least_at_entry(self, dim: Dim) -> Dim | None:
        """A lower bound of dim in terms of sizes and arguments: loop indices replaced by the ends of their ranges."""
        for _ in range(40):
            inner = [a for a in dim.atoms() if not all(leaf in self.example for leaf in Dim.of(a).leaves())]
            if not inner:
                return dim
            if any(a.inner_dims() for a in inner):
                return None
            atom = max(inner, key=lambda a: getattr(a, "serial", -1))
            terms = [(m, c) for m, c in dim.terms.items() if atom in m]
            if not isinstance(atom, Var) or len(terms) != 1 or len(terms[0][0]) != 1:
                return None
            end = atom.lower if terms[0][1] > 0 else atom.upper
            if end is None:
                return None
            dim = self.normalize(dim - (Dim.of(atom) - end) * terms[0][1])
        return None

    def clamped(self, dim: Dim) -> Dim:
        """max(dim, 0)."""
        sign = self.nonnegative(dim)
        if sign is None:
            return self.normalize(dim).positive()
        return self.normalize(dim) if sign else Dim.of(0)

    def origins(self, atoms: list[Atom]) -> list[Atom]:
        """Entry atoms that the given ones are made of: through bounds of loop indices, divisions and substitutions."""
        found: dict[Atom, None] = {}
        seen: dict[Atom, None] = {}
        todo = list(atoms)
        while todo:
            atom = todo.pop(0)
            if atom in seen:
                continue
            seen[atom] = None
            if atom in self.example:
                found[atom] = None
            if atom in self.substitution:
                todo += list(self.substitution[atom].leaves())
            if isinstance(atom, (FloorDiv, Positive)):
                todo += [leaf for inner in atom.inner_dims() for leaf in inner.leaves()]
            elif isinstance(atom, Var):
                todo += [leaf for end in (atom.lower, atom.upper) if end is not None for leaf in end.leaves()]
        return list(found)


def _mentions(dim: Dim, atom: Atom) -> bool:
    """The atom occurs in the polynomial, at any depth."""
    return any(a == atom or any(_mentions(inner, atom) for inner in a.inner_dims()) for a in dim.atoms())
