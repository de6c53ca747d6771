"""Python's numbers and NumPy's in text: which scalars are NumPy scalars when the text runs.

In: a bufferized function. Out: `NumberKinds`, asked for the divisions and powers that NumPy's rules must govern (their
type says so: it is strong) although the text has Python numbers on both sides, for which `/` and `**` would raise.
Derivatives have such divisions: that of `math.sqrt(x)` at 0 is infinite.
"""

from __future__ import annotations

from gradscribe.transpiler.backends.dialect import NumPyDialect
from gradscribe.transpiler.ir.bounds import is_positive
from gradscribe.transpiler.ir.nodes import Eqn, Function, Literal, Operand, Var
from gradscribe.transpiler.ir.types import ArrayType
from gradscribe.transpiler.ir.walk import inner_eqns
from gradscribe.transpiler.primitives.allocation import dim_value
from gradscribe.transpiler.primitives.arithmetic import divide, less_equal, not_equal, select
from gradscribe.transpiler.primitives.calls import CALLS
from gradscribe.transpiler.primitives.checks import check
from gradscribe.transpiler.primitives.elementary import log, log2, log10
from gradscribe.transpiler.primitives.logic import logical_not
from gradscribe.transpiler.primitives.powers import integer_power, power
from gradscribe.transpiler.primitives.primitive import is_literal
from gradscribe.transpiler.primitives.regions import body_carries, if_, loop, loop_carries, result_carries
from gradscribe.transpiler.primitives.structure import index


class NumberKinds:
    """Answers for the scalars of one function."""

    def __init__(self, function: Function, dialect: NumPyDialect, called_by_name: bool) -> None:
        self.dialect = dialect
        # what a call by name hands over is whatever the text of the caller has
        self.params = set() if called_by_name else set(function.params)
        self.merged: dict[Var, list[Operand]] = {}  # loop carries, results of branches: what they may be
        self.nonzero: set[Var] = set()
        self.known: dict[Var, bool] = {}
        for eqn in inner_eqns(function.region):
            self._merge(eqn)
            self._note_nonzero(eqn)

    def _merge(self, eqn: Eqn) -> None:
        if eqn.operation is if_:
            for k, result in enumerate(eqn.results):
                self.merged[result] = [region.results[k] for region in eqn.regions]
        elif eqn.operation is loop:
            carries = zip(loop_carries(eqn), eqn.operands, body_carries(eqn), result_carries(eqn), strict=True)
            for param, start, back, result in carries:
                self.merged[param] = self.merged[result] = [start, back]

    def _note_nonzero(self, eqn: Eqn) -> None:
        """Python has raised already where these are zero."""
        tested: Operand | None = None
        if eqn.operation is check:
            tested = _nonzero_if(eqn.operands[0])
        elif eqn.operation in (log, log2, log10, divide) and eqn.result.type.weak:
            tested = eqn.operands[-1]
        if isinstance(tested, Var):
            self.nonzero.add(tested)

    def is_numpy(self, x: Operand) -> bool:
        """x is certainly an array or a NumPy scalar in the text."""
        if not isinstance(x, Var) or x.type.weak:
            return False
        if x.type.dims() or x in self.params:
            return True
        if x not in self.known:
            self.known[x] = True  # a loop carry is one if its start and what an iteration makes of one are
            self.known[x] = self._from_operands(x)
        return self.known[x]

    def _from_operands(self, x: Var) -> bool:
        if x in self.merged:
            return all(map(self.is_numpy, self.merged[x]))
        eqn = x.definition
        if eqn is None or len(eqn.results) > 1 or eqn.operation in CALLS:
            return False
        if eqn.operation is index:
            return True
        if eqn.operation is select:
            return all(map(self.is_numpy, eqn.operands[1:]))
        return "np." in self.dialect.template(eqn, lambda dim: "1") or any(map(self.is_numpy, eqn.operands))

    def text(self, eqn: Eqn) -> str:
        """NumPy's function for a division or power of what are Python numbers in the text; empty where the operator
        does."""
        if eqn.operation not in (divide, power, integer_power):
            return ""
        type = eqn.result.type
        if not isinstance(type, ArrayType) or type.shape:
            return ""
        if type.weak or type.dtype.name not in ("float64", "complex128") or any(map(self.is_numpy, eqn.operands)):
            return ""
        if eqn.operation is divide:
            return "" if self._is_nonzero(eqn.operands[1]) else "np.divide(x, y)"
        return "np.power(x, y)" if eqn.operation is power else f"np.power(x, {eqn.params['exponent']})"

    def _is_nonzero(self, x: Operand) -> bool:
        if isinstance(x, Literal):
            return bool(x.value != 0)
        assert isinstance(x, Var)
        counts = x.definition is not None and x.definition.operation is dim_value
        return x in self.nonzero or (counts and is_positive(x.definition.params["dim"]))  # type: ignore[union-attr]


def _nonzero_if(condition: Operand) -> Operand | None:
    """The value that is not zero where the condition holds."""
    eqn = condition.definition if isinstance(condition, Var) else None
    if eqn is not None and eqn.operation is logical_not:
        inner = eqn.operands[0].definition if isinstance(eqn.operands[0], Var) else None
        eqn = inner if inner is not None and inner.operation is less_equal else None
    elif eqn is not None and eqn.operation is not not_equal:
        eqn = None
    return eqn.operands[0] if eqn is not None and is_literal(eqn.operands[1], 0) else None
