"""Dims as Python text at a program's entry, where sizes are read from arguments.

In: the types of the flat parameters, and how text spells the size of an axis and an integer argument. Out: text of
any dim over entry symbols and parameters. Assumes every symbol is a whole axis of some parameter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from gradscribe.transpiler.ir.dims import Atom, Dim, FloorDiv, Positive, Symbol
from gradscribe.transpiler.ir.nodes import Var
from gradscribe.transpiler.ir.types import ArrayType


class EntryDims:
    """`size(k, axis)` spells a size of parameter k; `number(k)` spells integer parameter k; `params` maps parameters
    to their positions. `homes` says which axis a symbol is read from; `numbers` turns True when text reads a number.

    Example: `EntryDims(types, lambda k, axis: f"p[{k}].shape[{axis}]").dim(n + 1)` gives
    `(1) * p[0].shape[0] + (1)`.
    """

    def __init__(
        self,
        types: Sequence[ArrayType],
        size: Callable[[int, int], str],
        number: Callable[[int], str] = "int(p[{}])".format,
        params: Mapping[Var, int] | None = None,
    ) -> None:
        self.homes: dict[Atom, tuple[int, int]] = {}
        for k, type in enumerate(types):
            for axis, dim in enumerate(type.shape):
                atom = dim.single_atom
                if isinstance(atom, Symbol):
                    self.homes.setdefault(atom, (k, axis))
        self.size, self.number, self.params = size, number, params or {}
        self.numbers = False

    def knows(self, dim: Dim) -> bool:
        """Whether the dim is a matter of sizes alone, so that text can be written for it."""
        return all(leaf in self.homes for leaf in dim.leaves())

    def dim(self, dim: Dim) -> str:
        if dim.constant is not None:
            return str(dim.constant)
        if dim.single_atom is not None:
            return self.atom(dim.single_atom)
        terms = []
        for monomial in dim.sorted_monomials():
            factors = [f"({self.atom(a)})" if isinstance(a, FloorDiv) else self.atom(a) for a in monomial]
            terms.append(" * ".join([f"({dim.terms[monomial]})", *factors]))
        return " + ".join(terms)

    def atom(self, atom: Atom) -> str:
        if isinstance(atom, FloorDiv):
            return f"({self.dim(atom.dividend)}) // {atom.divisor}"
        if isinstance(atom, Positive):
            return f"max({self.dim(atom.inner)}, 0)"
        if isinstance(atom, Var):
            self.numbers = True
            return self.number(self.params[atom])
        return self.size(*self.homes[atom])
