"""Proving signs of integer polynomials from the bounds of their atoms.

In: a `Dim`. Out: a constant lower bound, or None when nothing is known. Source: bound elimination from the youngest
atom outwards
(a loop index is replaced by the bound of its range, then entry sizes by 2), as interval arithmetic with symbolic ends.
"""

from __future__ import annotations

from gradscribe.transpiler.ir.dims import Atom, Dim, FloorDiv, Positive, Symbol
from gradscribe.transpiler.ir.nodes import Var

_LIMIT = 60
_WORK = 500  # polynomials looked at for one bound: of nested maxima, each with two ends, there are 2^depth
Known = dict[Dim, int | None]


def _ends(atom: Atom, known: Known) -> tuple[Dim | None, Dim | None]:
    if isinstance(atom, Symbol):
        return Dim.of(atom.lower), None
    if isinstance(atom, Var):
        return atom.lower, atom.upper
    if isinstance(atom, FloorDiv):
        # floor(p / k) <= p / k; a lower end that stays an integer polynomial exists only for constants
        low = _lower_bound(atom.dividend, known)
        return (None if low is None else Dim.of(low // atom.divisor)), None
    if isinstance(atom, Positive):
        low = _lower_bound(atom.inner, known)
        return (Dim.of(max(low, 0)) if low is not None else Dim.of(0)), None
    return None, None


def _age(atom: Atom) -> int:
    if isinstance(atom, (Symbol, Var)):
        return atom.serial
    return max((_age(leaf) for dim in atom.inner_dims() for leaf in dim.leaves()), default=0)


def lower_bound(dim: Dim) -> int | None:
    """A constant c with dim >= c for all admissible values, or None."""
    return _lower_bound(dim, {})


def _lower_bound(dim: Dim, known: Known) -> int | None:
    """`known`: what has been found for this question; ends of atoms may change before the next."""
    if dim not in known:
        known[dim] = None  # also where there are too many
        if len(known) <= _WORK:
            known[dim] = _eliminated(dim, known)
    return known[dim]


def _eliminated(dim: Dim, known: Known) -> int | None:
    for _ in range(_LIMIT):
        if dim.constant is not None:
            return dim.constant
        # a composite atom goes before the unknowns inside it: those occur in it with a sign of their own
        atom = max(dim.atoms(), key=lambda a: (_age(a), bool(a.inner_dims())))
        terms = [(m, c) for m, c in dim.terms.items() if atom in m]
        if any(m.count(atom) > 1 for m, _ in terms):
            return None
        if len(terms) == 1 and len(terms[0][0]) == 1:
            rising = terms[0][1] > 0
        elif all(c > 0 for _, c in terms) and all(
            is_nonnegative(Dim.of(b)) for m, _ in terms for b in m if b is not atom
        ):
            rising = True
        else:
            return None
        low, high = _ends(atom, known)
        if isinstance(atom, FloorDiv) and len(terms) == 1 and len(terms[0][0]) == 1:
            # p - k + 1 <= k floor(p/k) <= p: multiply the whole polynomial by k, which keeps its sign
            c, k = terms[0][1], atom.divisor
            nearest = atom.dividend - (k - 1) if rising else atom.dividend
            bound = _lower_bound((dim - Dim.of(atom) * c) * k + nearest * c, known)
            tight = None if bound is None else -((-bound) // k)
            if low is None or not rising:
                return tight
            loose = _lower_bound(dim - (Dim.of(atom) - low) * c, known)
            found = [b for b in (tight, loose) if b is not None]
            return max(found, default=None)
        if isinstance(atom, Positive) and rising and len(terms) == 1 and len(terms[0][0]) == 1:
            # max(p, 0) is at least p, and at least the end found above
            ends = [atom.inner] if low is None else [atom.inner, low]
            bounds = [_lower_bound(dim - (Dim.of(atom) - end) * terms[0][1], known) for end in ends]
            return max((b for b in bounds if b is not None), default=None)
        end = low if rising else high
        if end is None:
            return None
        dim = dim.substitute(lambda a, atom=atom, end=end: end if a == atom else None)  # type: ignore[misc]
    return None


def is_nonnegative(dim: Dim) -> bool:
    """Proved dim >= 0."""
    bound = lower_bound(dim)
    return bound is not None and bound >= 0


def is_positive(dim: Dim) -> bool:
    """Proved dim >= 1."""
    return is_nonnegative(dim - 1)


def clamp_to_positive(dim: Dim) -> Dim:
    """max(dim, 0), without the max when the sign is proved."""
    return dim if is_nonnegative(dim) else dim.positive()
