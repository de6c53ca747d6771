"""Where a value can be read again once its function has run, instead of being saved.

In: a `Function` and one of its values, loaded from or stored to an array inside loops. Out: an element or slice of an
array of the root region that equals the value in every execution, or None when that is not proved.
Assumes: arrays of the root region are not changed between the end of the function and the reading (a split forward and
reverse pair copies what the caller could change).
"""

from __future__ import annotations

from dataclasses import dataclass

from gradscribe.transpiler.ir.index import At, Index, Slice, Take, result_shape
from gradscribe.transpiler.ir.nodes import Eqn, Function, Region, Var
from gradscribe.transpiler.ir.types import ArrayType
from gradscribe.transpiler.passes.affine.access import Layout
from gradscribe.transpiler.passes.affine.overwrites import ArrayHistory, base_of
from gradscribe.transpiler.primitives.structure import index, update, update_add


@dataclass(frozen=True)
class Reread:
    """A value is `array[at]`: `array` belongs to the root region (or to the enclosing one that was asked for), `at` is
    written in the program's own loop indices and integer values."""

    array: Var
    at: Index


class RereadOracle:
    """Answers, for values of a function, where they can be read once the function has run.

    >>> oracle = RereadOracle(function)                                       # doctest: +SKIP
    >>> oracle.reread(x)      # x = A[i, j] inside two loops                  # doctest: +SKIP
    Reread(array=%A_17, at=(i, j))
    """

    def __init__(self, function: Function, layout: Layout | None = None) -> None:
        self.history = ArrayHistory(function, layout)
        self.layout = self.history.layout
        self._stores: dict[Var, list[Eqn]] = {}
        for eqn in self.layout.place:
            if eqn.operation in (update, update_add) and isinstance(eqn.operands[1], Var):
                self._stores.setdefault(eqn.operands[1], []).append(eqn)
        self._known: dict[tuple[Var, Region], Reread | None] = {}

    def reread(self, var: Var, within: Region | None = None) -> Reread | None:
        """Where the value that `var` has in an execution of its region is found after the function (or after the
        region
        `within`, an enclosing one, in the same execution of it); None if it may be gone."""
        key = (var, within or self.layout.root)
        if key not in self._known:
            self._known[key] = self._loaded(var, within) or self._stored(var, within)
        return self._known[key]

    def _loaded(self, var: Var, within: Region | None) -> Reread | None:
        """The result of an `index`, of one array or of a slice of a slice."""
        region = self.layout.home[var][0]
        version = var
        at: Index | None = None
        while version.definition is not None and version.definition.operation is index:
            eqn = version.definition
            base = base_of(eqn)
            composed = eqn.params["at"] if at is None else _compose(eqn.params["at"], at)
            if base is None or composed is None or any(isinstance(c, Take) for c in composed):
                return None
            version, at = base, composed
            found = self.history.survives(version, at, region, within)
            if found is not None:
                return Reread(found, at)
        return None

    def _stored(self, var: Var, within: Region | None) -> Reread | None:
        """What an `update` of the same region stored, element for element; or what an `update_add` added to zero, as
        the cotangents of inputs are built (0.0 + x is x, but for the sign of a zero)."""
        if not isinstance(var.type, ArrayType) or var.type.weak:
            return None
        for eqn in self._stores.get(var, ()):
            at: Index = eqn.params["at"]
            region = self.layout.place[eqn][0]
            if region is not self.layout.home[var][0] or any(isinstance(c, Take) for c in at):
                continue
            if eqn.result.type != ArrayType(var.dtype, eqn.result.shape) or result_shape(at) != var.shape:
                continue
            found = self.history.survives(eqn.result, at, region, within)
            if found is not None and (eqn.operation is update or self._adds_to_zero(eqn, region, within)):
                return Reread(found, at)
        return None

    def _adds_to_zero(self, eqn: Eqn, region: Region, within: Region | None) -> bool:
        base = base_of(eqn)
        return base is not None and self.history.is_still_zero(base, eqn.params["at"], region, within)


def _compose(outer: Index, inner: Index) -> Index | None:
    """The subscripts of x[outer][inner] in x; None if an index array is among them."""
    rest = iter(inner)
    out: list[At | Slice] = []
    for component in outer:
        if isinstance(component, At):
            out.append(component)
            continue
        within = next(rest, None)
        if not isinstance(component, Slice) or within is None or isinstance(within, Take):
            return None
        start, step = component.start, component.step
        if isinstance(within, At):
            out.append(At(start + within.position * step))
        else:
            out.append(Slice(start + within.start * step, within.length, within.step * step))
    return tuple(out)
