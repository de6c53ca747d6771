"""One element of an array during a loop: is it inside the array, and does anything else touch it?

In: subscripts that are the same number throughout an execution of a region. Out: proofs (True) or "perhaps not".
Assumes: whatever an equation touches lies inside its array. Subscripts of an equation that may not run are proved here.
"""

from __future__ import annotations

from gradscribe.transpiler.ir.dims import Dim
from gradscribe.transpiler.ir.index import At, Index
from gradscribe.transpiler.ir.nodes import Eqn, Region, Var
from gradscribe.transpiler.passes.affine.access import AccessSystem, Layout, same_element
from gradscribe.transpiler.primitives.checks import wrap_index


class ElementProofs:
    """Questions about single elements, for one function."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout

    def is_invariant(self, at: Index, body: Region) -> bool:
        """The subscripts are positions made of nothing that `body` or a region in it defines."""
        return all(isinstance(c, At) and not any(self.is_inside(v, body) for v in c.position.leaves()) for c in at)

    def is_inside(self, atom: object, body: Region) -> bool:
        """A value of `body` or of a region in it."""
        if not isinstance(atom, Var) or atom not in self.layout.home:
            return False
        return self.layout.encloses(body, self.layout.home[atom][0])

    def is_nonnegative(self, dim: Dim, region: Region) -> bool:
        """In every execution of `region` the polynomial is at least 0."""
        system = AccessSystem(self.layout)
        system.instance("r", region)
        below = -system.affine(dim, "r") - 1
        return system.constraints().restrict((), (below,)).is_empty()

    def is_in_range(self, at: Index, shape: tuple[Dim, ...], region: Region) -> bool:
        """In every execution of `region` the element exists."""
        system = AccessSystem(self.layout)
        system.instance("r", region)
        for component, size in zip(at, shape, strict=True):
            if not isinstance(component, At):
                return False
            if _was_checked(component.position, size):
                continue
            position, extent = system.affine(component.position, "r"), system.affine(size, "r")
            for outside in (-position - 1, position - extent):
                if not system.constraints().restrict((), (outside,)).is_empty():
                    return False
        return True

    def are_apart(self, at: Index, region: Region, other: Eqn) -> bool:
        """`other`, an equation somewhere inside `region`, never touches the element `at` of an execution of `region`
        in the course of that execution."""
        system = AccessSystem(self.layout)
        mine, its = system.instance("r", region), system.instance("w", self.layout.place[other][0])
        same = same_element(system.positions(at, "r"), system.positions(other.params["at"], "w"))
        together = []
        for a, b in zip(mine.steps, its.steps):
            if a.counter is not None and b.counter is not None:
                together.append(a.counter - b.counter)
        values = system.same_values(mine, its, len(mine.path))
        return system.constraints().restrict((*together, *same, *values)).is_empty()


def _was_checked(position: Dim, size: Dim) -> bool:
    """The position is what a check against this size let through."""
    atom = position.single_atom
    eqn = atom.definition if isinstance(atom, Var) else None
    checks = eqn is not None and (eqn.operation is wrap_index or eqn.operation.name in ("checked_index", "wrapped"))
    return checks and eqn is not None and eqn.params["size"] == size
