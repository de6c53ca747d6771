"""Checks and calls into Python as lines of loop text.

In: check and io equations of a lowered function. Out: lines that record a failure in `status` and leave, or that hand
values to Python (`kernels.tell`); `Failure`s and `Site`s, by which the loader knows what the numbers in them mean.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gradscribe.kernels.status import RAISED, USER
from gradscribe.transpiler.backends.loop_text import Expressions, dtype_name
from gradscribe.transpiler.backends.names import Names
from gradscribe.transpiler.errors import NoRule, Span, UnsupportedSyntax
from gradscribe.transpiler.ir.bounds import is_positive
from gradscribe.transpiler.ir.dims import Dim, Symbol
from gradscribe.transpiler.ir.nodes import Eqn, Literal, Var
from gradscribe.transpiler.ir.types import INT64, ArrayType
from gradscribe.transpiler.ir.walk import inner_eqns
from gradscribe.transpiler.passes.lower.operations import check_fits, check_indices, checked_index, checked_operation
from gradscribe.transpiler.passes.lower.ranges import LARGEST_SIZE, polynomial
from gradscribe.transpiler.primitives.allocation import dim_value
from gradscribe.transpiler.primitives.checks import check
from gradscribe.transpiler.primitives.effects import breakpoint_
from gradscribe.transpiler.primitives.primitive import Primitive


@dataclass(frozen=True)
class Failure:
    """What a status record with this number means: the error class and message of a `check`, or the kernel's own
    message (`message` empty) at this place of the user's program. `axis`: that of a position out of range, if known."""

    span: Span | None
    message: str = ""
    error: type[Exception] | None = None
    axis: int | None = None


@dataclass(frozen=True)
class Site:
    """A place that calls back into Python: its operation, the operation's parameters, the types of the values. The last
    `outputs` of these are arrays that Python fills with the results."""

    operation: Primitive
    params: Mapping[str, Any]
    types: tuple[ArrayType, ...]
    outputs: int = 0


@dataclass
class Lines:
    lines: list[str] = field(default_factory=list)
    depth: int = 1

    def add(self, text: str) -> None:
        self.lines.append("    " * self.depth + text)


def _shift(eqn: Eqn, counter: Var) -> int | None:
    """What the position that `eqn` checks, along an axis of known size, is more than the counter of a loop."""
    if eqn.operation is not checked_index or not all(isinstance(leaf, Symbol) for leaf in eqn.params["size"].leaves()):
        return None
    position = eqn.operands[0]
    if not isinstance(position, Var):
        return None
    sum_ = position.definition
    if sum_ is not None and sum_.operation is dim_value:
        dim = sum_.params["dim"]
    else:
        dim = (polynomial(sum_) if sum_ is not None else None) or Dim.of(position)
    shift = (dim - counter).constant
    return shift if shift is not None and abs(shift) <= LARGEST_SIZE else None


class LoopChecks:
    """Writes checks; shared state of the writer of loop text."""

    text: Expressions
    names: Names
    out: Lines
    failures: list[Failure]
    sites: list[Site]
    fails: bool
    failed: str  # the function that gives the values of a call that failed
    taken: set[str]
    inside: dict[Var, str]  # counters of the loops around, and what says that all positions they give are inside

    def words(self, *words: str) -> None:
        for word in words:
            self.text.words.setdefault(word)

    def _failure(self, failure: Failure) -> int:
        self.failures.append(failure)
        return len(self.failures) - 1

    def _leave(self) -> None:
        self.fails = True
        self.out.add(f"return {self.failed}()")
        self.out.depth -= 1

    def line(self, text: str) -> None:
        self.out.add(text)

    def fail_if(self, test: str, code: int, eqn: Eqn) -> None:
        """Leave with a status record if `test` holds."""
        self.out.add(f"if {test}:")
        self.out.depth += 1
        self.out.add(f"record(status, {code}, {self._failure(Failure(eqn.span))}, 0, 0)")
        self._leave()

    # ---- checks ----
    def check(self, eqn: Eqn) -> None:
        if eqn.operation is checked_index:
            number = self._failure(Failure(eqn.span, axis=eqn.params["axis"]))
            place, size = self.text.operand(eqn.operands[0]), self.text.dim(eqn.params["size"])
            inside = next((name for counter, name in self.inside.items() if _shift(eqn, counter) is not None), "")
            known = f"{place} if {inside} else " if inside else ""
            self.out.add(f"{self.names.of(eqn.results[0])} = {known}check_index({place}, {size}, status, {number})")
            self.out.add("if status[0] != 0:")
        elif eqn.operation is check_indices:
            number = self._failure(Failure(eqn.span, axis=eqn.params["axis"]))
            self._check_indices(eqn, number)
            self.out.add("if status[0] != 0:")
        elif eqn.operation is checked_operation:
            number = self._failure(Failure(eqn.span))
            operands = [self.text.operand(x) for x in eqn.operands]
            exponent = eqn.params["exponent"]
            arguments = ", ".join([*operands, *([] if exponent is None else [str(exponent)]), "status", str(number)])
            self.out.add(f"{self.names.of(eqn.results[0])} = {eqn.params['kernel']}({arguments})")
            self.out.add("if status[0] != 0:")
        elif eqn.operation is check_fits:
            self._check_fits(eqn)
            return
        elif eqn.operation is check:
            self._check_condition(eqn)
            return
        else:
            raise NoRule(eqn.span, f"`{eqn.operation.name}` has no native form")
        self.out.depth += 1
        self._leave()

    def test_ends(self, eqn: Eqn) -> None:
        """Before a counted loop: a line that tests the first and last value of positions which are its counter plus a
        number. Where these are inside, so are all, and the loop need not leave: it may be vectorised."""
        counter, lowest = eqn.regions[-1].params[0], 0
        furthest: dict[Dim, int] = {}
        for e in inner_eqns(eqn.regions[-1]):
            shift = _shift(e, counter)
            if shift is not None:
                size = e.params["size"]
                furthest[size], lowest = max(shift, furthest.get(size, shift)), min(shift, lowest)
        if furthest:  # (numbers are added to sizes: an end may be any int64)
            lo, hi = self.text.dim(eqn.params["lo"]), self.text.dim(eqn.params["hi"])
            tests = [f"{-lowest} <= {lo}", *(f"{hi} <= {self.text.dim(size - k)}" for size, k in furthest.items())]
            self.inside[counter] = self.fresh("inside")
            self.out.add(f"{self.inside[counter]} = {' and '.join(tests)}")

    def _check_condition(self, eqn: Eqn) -> None:
        message = eqn.params["message"]
        self.out.add(f"if not ({self.text.operand(eqn.operands[0])}):")
        self.out.depth += 1
        self.words("record")
        if isinstance(message, str):
            number = self._failure(Failure(eqn.span, message, eqn.params["error"]))
            self.out.add(f"record(status, {USER}, {number}, 0, 0)")
        else:  # Python makes the message and raises
            self.out.add(self._tell(eqn))
            self.out.add(f"record(status, {RAISED}, {self._failure(Failure(eqn.span))}, 0, 0)")
        self._leave()

    # ---- calls into Python ----
    def io(self, eqn: Eqn) -> None:
        if eqn.operation is breakpoint_:
            raise UnsupportedSyntax(
                eqn.span,
                "native code does not stop in a debugger",
                'use `gs.jit(..., backend="python")`: the debugger shows the generated source',
            )
        self.fail_if(f"{self._tell(eqn)} != 0", RAISED, eqn)

    def _tell(self, eqn: Eqn, outputs: Sequence[str] = ()) -> str:
        """The call that hands the values of an equation to Python, and arrays of these names for the results."""
        types = tuple(x.type for x in (*eqn.operands, *eqn.results[: len(outputs)]) if isinstance(x.type, ArrayType))
        self.sites.append(Site(eqn.operation, eqn.params, types, len(outputs)))
        values = []
        for x in eqn.operands:
            text = self.text.operand(x)
            plain = bool(x.type.dims()) or isinstance(x, Literal)
            values.append(text if plain else f"{dtype_name(x.dtype)}({text})")
        return self.text.kernel_call("tell", str(len(self.sites) - 1), *values, *outputs)

    def python_call(self, eqn: Eqn) -> None:
        """A Python function fills arrays made for its results; a number comes in an array of one element. A result may
        have the name of an operand that is read for the last time: it gets it after the call."""
        read = set(re.findall(r"\w+", " ".join(self.text.operand(x) for x in eqn.operands)))
        outputs = []
        for result in eqn.results:
            assert isinstance(result.type, ArrayType)
            sizes = [self.text.dim(d) for d in result.type.shape] or ["1"]
            name = self.names.of(result) if result.type.shape else self.fresh("number")
            name = self.fresh("out") if name in read else name
            shape = f"({', '.join(sizes)}{',' if len(sizes) == 1 else ''})"
            self.out.add(f"{name} = np.empty({shape}, {dtype_name(result.dtype)})")
            outputs.append(name)
        self.fail_if(f"{self._tell(eqn, outputs)} != 0", RAISED, eqn)
        for result, name in zip(eqn.results, outputs, strict=True):
            own = self.names.of(result)
            if own != name:
                self.out.add(f"{own} = {name if result.type.dims() else f'{name}[0]'}")

    def _check_fits(self, eqn: Eqn) -> None:
        dim, dtype = eqn.params["dim"], eqn.params["dtype"]
        message = "a Python int does not fit the 64 bits that native code has for it"
        if dtype == INT64:
            tests = self.text.overflow_tests(dim)
        else:
            limits = np.iinfo(dtype)
            highest = min(int(limits.max), 2**63 - 1)
            tests = [f"not {limits.min} <= {self.text.dim(dim)} <= {highest}"]
            message = f"Python integer out of bounds for {dtype}"
        given = [f"{self.text.dim(d)} > 0" for d in eqn.params["given"]]
        test = " or ".join(tests)
        if given:
            test = " and ".join([*given, f"({test})" if len(tests) > 1 else test])
        number = self._failure(Failure(eqn.span, message, OverflowError))
        self.out.add(f"if {test}:")
        self.out.depth += 1
        self.out.add(f"record(status, 9, {number}, 0, 0)")
        self._leave()

    def _check_indices(self, eqn: Eqn, number: int) -> None:
        x, size = eqn.operands[0], self.text.dim(eqn.params["size"])
        if not x.type.dims():
            self.out.add(f"check_index({self.text.operand(x)}, {size}, status, {number})")
            return
        worst, k, flat = self.fresh("worst"), self.fresh("k"), self.fresh("flat")
        self.out.add(f"{flat} = {self.text.operand(x)}.reshape(-1)")
        self.out.add(f"{worst} = NO_INDEX")
        self.out.add(f"for {k} in range({flat}.size):")
        self.out.add(f"    {worst} = worst_index({worst}, {flat}[{k}], {size})")
        if is_positive(eqn.params["size"]):
            self.out.add(f"check_worst_index({worst}, {size}, status, {number})")
        else:  # of no index nothing is wrong, not even along an axis without elements
            self.out.add(f"if {flat}.size > 0:")
            self.out.add(f"    check_worst_index({worst}, {size}, status, {number})")

    def fresh(self, hint: str) -> str:
        """A name that nothing else has."""
        name, k = hint, 2
        while name in self.taken:
            name, k = f"{hint}{k}", k + 1
        self.taken.add(name)
        return name
