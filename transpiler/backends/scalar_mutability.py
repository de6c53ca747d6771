"""Which scalar variables may hold an array of rank 0 at run time.

In: a function with its names. Out: a set of names. `s += x` on such an array would write into it, perhaps into the
caller's: those variables are rebound (`s = s + x`) instead. NumPy operations return scalars; arguments, and
operations that only move elements, may hand such arrays on."""

from __future__ import annotations

from gradscribe.transpiler.backends.folding import Folding
from gradscribe.transpiler.backends.liveness import region_moves
from gradscribe.transpiler.backends.names import Names
from gradscribe.transpiler.ir.nodes import Function, Var
from gradscribe.transpiler.ir.walk import inner_eqns
from gradscribe.transpiler.primitives.allocation import dim_value
from gradscribe.transpiler.primitives.arithmetic import select
from gradscribe.transpiler.primitives.conversion import convert
from gradscribe.transpiler.primitives.primitive import Elementwise, Reduction
from gradscribe.transpiler.primitives.structure import index


class MutableScalars:
    """Names of scalars that may be arrays of rank 0."""

    def __init__(self, function: Function, folding: Folding, names: Names) -> None:
        self.names = names
        self.suspects = {names.of(p) for p in function.params if not p.type.dims()}
        moves: list[tuple[str, Var]] = []
        for eqn in inner_eqns(function.region):
            if eqn.regions:
                moves += [(names.of(t), s) for t, s in region_moves(eqn) if isinstance(s, Var) and not t.type.dims()]
                continue
            operation = eqn.operation
            safe = (
                isinstance(operation, (Elementwise, Reduction))
                and operation is not select
                and "where" not in str(operation.source)
            )
            if safe or operation in (convert, dim_value) or (operation is index and eqn.params["at"]):
                continue
            for r in eqn.results:
                if not r.type.dims() and not folding.is_inline(r):
                    self.suspects.add(names.of(r))
        growing = True
        while growing:
            growing = False
            for target, source in moves:
                if target not in self.suspects and self._suspect(source, folding):
                    self.suspects.add(target)
                    growing = True

    def _suspect(self, x: Var, folding: Folding) -> bool:
        if not folding.is_inline(x):
            return self.names.of(x) in self.suspects
        eqn = x.definition
        assert eqn is not None
        if isinstance(eqn.operation, (Elementwise, Reduction)) and eqn.operation is not select:
            return "where" in str(eqn.operation.source)
        return not (eqn.operation in (convert, dim_value) or (eqn.operation is index and bool(eqn.params["at"])))
