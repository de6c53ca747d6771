"""Where and when: equations of nested regions as iteration vectors, and their subscripts as affine forms.

In: a `Function`. Out: `Layout` (where every region, equation and value stands) and `AccessSystem`, in which equation
instances, moments in time and subscripts become affine forms over named unknowns.
Assumes: subscripts lie inside their axis (the frontend proved it or wrapped them).
Establishes: every set built here contains the true one. An `if` may run either branch, a `while` has an unbounded
counter, a number that is no affine form of loop counters and invariants is an unknown of its own: its subscript is
"any index".
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from gradscribe.transpiler.ir.bounds import is_nonnegative, lower_bound
from gradscribe.transpiler.ir.dims import Atom, Dim, FloorDiv, Monomial, Positive, Symbol
from gradscribe.transpiler.ir.index import At, Index, Slice
from gradscribe.transpiler.ir.nodes import Eqn, Function, Literal, Operand, Region, Var
from gradscribe.transpiler.passes.affine.integer_sets import Affine, IntegerSet
from gradscribe.transpiler.primitives.checks import wrap_index
from gradscribe.transpiler.primitives.regions import body_carries, if_, is_counted, loop, loop_carries
from gradscribe.transpiler.primitives.structure import dim_value


class Layout:
    """Where every region, equation and value of a function stands."""

    def __init__(self, function: Function) -> None:
        self.function = function
        self.root = function.region
        self.owner: dict[Region, Eqn] = {}
        self.parent: dict[Region, Region] = {}
        self.number: dict[Region, int] = {}
        self.place: dict[Eqn, tuple[Region, int]] = {}
        self.home: dict[Var, tuple[Region, int]] = {}
        self._visit(self.root)
        self._paths: dict[Region, tuple[Region, ...]] = {}

    def _visit(self, region: Region) -> None:
        self.number[region] = len(self.number)
        for param in region.params:
            self.home[param] = (region, -1)
        for position, eqn in enumerate(region.eqns):
            self.place[eqn] = (region, position)
            for result in eqn.results:
                self.home[result] = (region, position)
            for inner in eqn.regions:
                self.owner[inner] = eqn
                self.parent[inner] = region
                self._visit(inner)

    def path(self, region: Region) -> tuple[Region, ...]:
        """Regions from the root's child down to `region` (empty for the root)."""
        known = self._paths.get(region)
        if known is None:
            known = () if region is self.root else (*self.path(self.parent[region]), region)
            self._paths[region] = known
        return known

    def encloses(self, outer: Region, inner: Region) -> bool:
        return outer is self.root or outer in self.path(inner)

    def is_invariant(self, atom: Atom) -> bool:
        """The same number for every instance: a symbol, or a value of the root region."""
        return not isinstance(atom, Var) or atom not in self.home or self.home[atom][0] is self.root


@dataclass(frozen=True)
class Step:
    """Going down into a region: the position of its equation, which of its regions, and the counter of a loop
    (growing
    with time)."""

    position: int
    branch: int
    counter: Affine | None


@dataclass(frozen=True)
class Moment:
    """A point of the program's run: the way down from the root and the position there. An equation at k stands at 2k;
    a
    value defined by it is there from 2k + 1 on, a region parameter from -1 on."""

    steps: tuple[Step, ...]
    position: int


@dataclass(frozen=True)
class Instance:
    """One execution of a region: what its unknowns are called (`tag`), and the way down to it."""

    tag: str
    region: Region
    path: tuple[Region, ...]
    steps: tuple[Step, ...]

    def moment(self, depth: int, position: int) -> Moment:
        """A moment in the region `depth` levels below the root."""
        return Moment(self.steps[:depth], position)


@dataclass(frozen=True)
class Order:
    """One way in which a moment is later than another, as constraints; the first `shared` regions of both paths are
    then
    the same execution."""

    equalities: tuple[Affine, ...]
    inequalities: tuple[Affine, ...]
    shared: int


def later(first: Moment, second: Moment) -> Iterator[Order]:
    """The ways in which `second` is later than `first`: their union is the lexicographic order of the schedule."""
    equal: tuple[Affine, ...] = ()
    for depth in range(max(len(first.steps), len(second.steps)) + 1):
        a = first.steps[depth] if depth < len(first.steps) else None
        b = second.steps[depth] if depth < len(second.steps) else None
        position_a = a.position if a is not None else first.position
        position_b = b.position if b is not None else second.position
        if position_a != position_b or a is None or b is None:
            if position_b > position_a:
                yield Order(equal, (), depth)
            return
        if a.counter is not None and b.counter is not None:
            difference = b.counter - a.counter
            yield Order(equal, (difference - 1,), depth)
            equal = (*equal, difference)
        if a.branch != b.branch:
            # the condition of a `while` runs before its body; two branches of an `if` never both run
            if a.counter is not None and b.branch > a.branch:
                yield Order(equal, (), depth)
            return


class AccessSystem:
    """Names and constraints of one question about some instances of one function."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.equalities: list[Affine] = []
        self.inequalities: list[Affine] = []
        self._names: dict[tuple[str, Atom | Monomial], str] = {}
        self._fresh = 0
        for guard in layout.function.guards:
            if all(layout.is_invariant(leaf) for leaf in guard.dim.leaves()):
                form = self.affine(guard.dim, "")
                (self.equalities if guard.kind == "eq" else self.inequalities).append(form)

    def constraints(self) -> IntegerSet:
        return IntegerSet(tuple(self.equalities), tuple(self.inequalities))

    def fresh(self, tag: str) -> Affine:
        """A new unknown."""
        self._fresh += 1
        return Affine.unknown(f"{tag}#{self._fresh}")

    # ---- instances ----
    def instance(self, tag: str, region: Region) -> Instance:
        """An execution of `region`, constrained to the ranges of the counted loops around it."""
        steps: list[Step] = []
        path = self.layout.path(region)
        for inner in path:
            owner = self.layout.owner[inner]
            _, position = self.layout.place[owner]
            counter = None if owner.operation is if_ else self._enter_loop(tag, owner)
            steps.append(Step(2 * position, owner.regions.index(inner), counter))
        return Instance(tag, region, path, tuple(steps))

    def _enter_loop(self, tag: str, owner: Eqn) -> Affine:
        """The counter of a loop, growing with time; its range becomes constraints. Whatever else owns a region is
        taken to run it any number of times."""
        if owner.operation is not loop or not is_counted(owner):
            counter = self._while_counter(tag, owner)
            self.inequalities.append(counter)
            return counter
        i = self._unknown(tag, owner.regions[-1].params[0])
        lo, hi = owner.params["lo"], owner.params["hi"]
        self.inequalities.append(i - self.affine(lo, tag))
        self.inequalities.append(self.affine(_when_nonempty(lo, hi), tag) - 1 - i)
        return i if owner.params["direction"] > 0 else -i

    def _while_counter(self, tag: str, owner: Eqn) -> Affine:
        return Affine.unknown(f"{tag}.while{self.layout.number[owner.regions[-1]]}")

    def _unknown(self, tag: str, key: Atom | Monomial) -> Affine:
        """The unknown that stands for `key` in instance `tag`."""
        name = self._names.get((tag, key))
        if name is None:
            name = f"{tag}.{len(self._names)}"
            self._names[tag, key] = name
        return Affine.unknown(name)

    def same_values(self, first: Instance, second: Instance, shared: int) -> Iterator[Affine]:
        """Equalities between values defined in regions of which both instances see the same execution."""
        regions = first.path[:shared]
        for (tag, key), name in self._names.items():
            other = self._names.get((second.tag, key)) if tag == first.tag else None
            if other is None:
                continue
            leaves = Dim({(key,) if isinstance(key, Atom) else key: 1}).leaves()
            if all(self.layout.is_invariant(v) or self._is_from(v, regions) for v in leaves):
                yield Affine({name: 1, other: -1})

    def _is_from(self, atom: Atom, regions: Sequence[Region]) -> bool:
        return isinstance(atom, Var) and self.layout.home[atom][0] in regions

    # ---- integers ----
    def affine(self, dim: Dim, tag: str) -> Affine:
        """The value of a polynomial in instance `tag`."""
        total = Affine(constant=0)
        for monomial, c in self._expanded(dim).terms.items():
            if not monomial:
                total = total + c
            elif len(monomial) == 1:
                total = total + self._atom(monomial[0], tag) * c
            else:
                total = total + self._product(monomial, tag) * c
        return total

    def _expanded(self, dim: Dim) -> Dim:
        """Integer values that were computed from polynomials, replaced by those."""

        def inner(atom: Atom) -> Dim | None:
            if isinstance(atom, Var) and atom.definition is not None and atom.definition.operation is dim_value:
                return self._expanded(atom.definition.params["dim"])
            return None

        return dim.substitute(inner)

    def _scope(self, atoms: Sequence[Atom], tag: str) -> str:
        """Invariants are shared by all instances: they have the empty tag."""
        invariant = all(self.layout.is_invariant(leaf) for atom in atoms for leaf in Dim.of(atom).leaves())
        return "" if invariant else tag

    def _product(self, monomial: Monomial, tag: str) -> Affine:
        scope = self._scope(monomial, tag)
        is_new = (scope, monomial) not in self._names
        value = self._unknown(scope, monomial)
        if is_new:
            self._bound_below(value, Dim({monomial: 1}))
        return value

    def _bound_below(self, value: Affine, dim: Dim) -> None:
        bound = lower_bound(dim)
        if bound is not None:
            self.inequalities.append(value - bound)

    def _atom(self, atom: Atom, tag: str) -> Affine:
        scope = self._scope((atom,), tag)
        is_new = (scope, atom) not in self._names
        value = self._unknown(scope, atom)
        if not is_new:
            return value
        if isinstance(atom, Symbol):
            self.inequalities.append(value - atom.lower)
        elif isinstance(atom, FloorDiv):
            dividend = self.affine(atom.dividend, tag)
            rest = dividend - value * atom.divisor
            self.inequalities += [rest, Affine(constant=atom.divisor - 1) - rest]
        elif isinstance(atom, Positive):
            self.inequalities += [value, value - self.affine(atom.inner, tag)]
        elif isinstance(atom, Var):
            if atom.lower is not None:
                self.inequalities.append(value - self.affine(atom.lower, tag))
            if atom.upper is not None:
                self.inequalities.append(self.affine(atom.upper, tag) - value)
            self._count_along(atom, value, tag)
            self._wrap(atom, value, tag)
        return value

    def _wrap(self, atom: Var, value: Affine, tag: str) -> None:
        """A checked position lies inside its axis; it is the number that was checked unless that may be negative."""
        eqn = atom.definition
        if eqn is None or eqn.operation is not wrap_index:
            return
        self.inequalities += [value, self.affine(eqn.params["size"], tag) - 1 - value]
        checked = _as_dim(eqn.operands[0])
        if checked is not None and is_nonnegative(self._expanded(checked)):
            self.equalities.append(value - self.affine(checked, tag))

    def _count_along(self, atom: Var, value: Affine, tag: str) -> None:
        """A carried integer that a loop changes by a constant per iteration is init + constant * iterations so
        far."""
        if atom not in self.layout.home or self.layout.home[atom][1] >= 0:
            return
        region = self.layout.home[atom][0]
        owner = self.layout.owner.get(region)
        if owner is None or owner.operation is not loop or region is not owner.regions[-1]:
            return
        if atom not in loop_carries(owner):
            return
        k = loop_carries(owner).index(atom)
        start, end = _as_dim(owner.operands[k]), _as_dim(body_carries(owner)[k])
        stride = None if end is None else (self._expanded(end) - Dim.of(atom)).constant
        if start is None or stride is None:
            return
        init = self.affine(start, tag)
        if is_counted(owner):
            i, lo = Dim.of(region.params[0]), owner.params["lo"]
            hi = _when_nonempty(lo, owner.params["hi"])
            done = self.affine(i - lo if owner.params["direction"] > 0 else hi - 1 - i, tag)
        else:
            done = self._while_counter(tag, owner)
        self.equalities.append(init + done * stride - value)

    # ---- subscripts ----
    def positions(self, at: Index, tag: str) -> list[Affine | None]:
        """The positions touched on each axis by one element of the access; None where any position is possible."""
        out: list[Affine | None] = []
        for component in at:
            if isinstance(component, At):
                out.append(self.affine(component.position, tag))
            elif isinstance(component, Slice):
                k = self.fresh(tag)
                length = self.affine(_when_nonempty(Dim.of(0), component.length), tag)
                self.inequalities += [k, length - 1 - k]
                out.append(self.affine(component.start, tag) + k * component.step)
            else:
                out.append(None)
        return out


def same_element(first: Sequence[Affine | None], second: Sequence[Affine | None]) -> tuple[Affine, ...]:
    """Equalities that hold when two accesses to one array touch the same element."""
    return tuple(a - b for a, b in zip(first, second, strict=True) if a is not None and b is not None)


def _when_nonempty(lo: Dim, hi: Dim) -> Dim:
    """The upper end of a range that is known to hold a number: max(d, 0) is d when the range starts at 0 or later."""
    atom = hi.single_atom
    start = lower_bound(lo)
    if isinstance(atom, Positive) and start is not None and start >= 0:
        return atom.inner
    return hi


def _as_dim(operand: Operand) -> Dim | None:
    """An integer operand as a polynomial; None for a literal that is no integer."""
    if isinstance(operand, Var):
        return Dim.of(operand)
    value = operand.value if isinstance(operand, Literal) else None
    return Dim.of(int(value)) if isinstance(value, (int, np.integer)) else None
